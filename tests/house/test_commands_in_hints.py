"""Commands in messages and hints: whoever types one as it stands gets no usage error."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import click

from tavusctl.cli import cli
from tests.house.tree import files

COMMAND = re.compile(r"`tavusctl ([a-z][^`]*)`")
# Arguments that click takes for optional, because another option or argument may stand in their place.
NEEDS = {"import": ("address", "match_names"), "adopt": ("addresses", "everything"), "talk": ("address", "end")}


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the program that is no docstring, with its place; what an f-string inserts is a word."""
    for path in files("tavusctl", suffix=".py"):
        tree = ast.parse(path.read_text())
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "INSERTED" for part in node.values)
                yield f"{path}:{node.lineno}", "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inner:
                yield f"{path}:{node.lineno}", node.value


def wrong(line: str) -> str:
    """Why a command line cannot be typed; empty if it can."""
    args = shlex.split(line.replace("INSERTED", "persona/x"))
    command: click.Command = cli
    # With the settings of the program: each command keeps the help option that its first parser has.
    context = click.Context(command, **command.context_settings)
    try:
        while isinstance(command, click.Group) and args:
            _, found, args = command.resolve_command(context, args)
            assert found
            command = found
        values, _, _ = command.make_parser(context).parse_args(args)
    except click.ClickException as error:
        return error.format_message()
    given = {key for key, value in values.items() if isinstance(value, str | bool | tuple) and value}
    missing = [one.name for one in command.params if one.required and one.name not in given]
    alternatives = NEEDS.get(command.name or "", ())
    lacks = bool(alternatives) and not given.intersection(alternatives)
    return f"{command.name} needs {missing or alternatives}" if missing or lacks else ""


def test_a_command_in_a_text_can_be_typed() -> None:
    commands = [(place, line) for place, text in texts() for line in COMMAND.findall(text)]
    found = [f"{place}: `tavusctl {line}`: {reason}" for place, line in commands if (reason := wrong(line))]

    assert len(commands) > 50
    assert found == []
