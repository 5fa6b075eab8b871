"""The reference page of all commands: the `--help` text and every option of each."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from tavusctl.cli import COMMANDS, cli
from tests.pages.markdown import cell, table

TITLES = {
    "Write": "Commands that write",
    "Inspect": "Commands that inspect",
    "Operate": "Commands for daily work",
}
EVERYWHERE = """\
`-h` shows the help of a command, `-C FOLDER` runs it in another folder. `--format json` prints one JSON document on
standard output, errors included; everything that is not the result goes to standard error. `--report FORMAT=FILE`
writes another format besides, as often as you like. `NO_COLOR` turns colours off. How a command ends is listed under
[exit codes](exit-codes.md).
"""


def page() -> str:
    """The Markdown text of the page."""
    lines = ["# Commands", "", EVERYWHERE]
    for group, commands in COMMANDS.items():
        lines += [f"## {TITLES[group]}", ""]
        lines += [
            *table(("Command", "What it does"), [(_link(name), cell(text)) for name, text in commands.items()]),
            "",
        ]
    for name, command in _subcommands(cli, ""):
        lines += _section(name, command)
    return "\n".join(lines)


def _link(name: str) -> str:
    return f"[`{name}`](#tavusctl-{name})"


def _subcommands(group: click.Group, parent_name: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for inner in sorted(group.list_commands(context)):
        command = group.get_command(context, inner)
        assert command is not None, inner
        name = f"{parent_name} {inner}".strip()
        yield name, command
        if isinstance(command, click.Group):
            yield from _subcommands(command, name)


def _section(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, cli.make_context("tavusctl", [], resilient_parsing=True), name)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"### `tavusctl {name}`"
    yield ""
    yield "```text"
    yield f"tavusctl {name} {usage}".rstrip()
    yield "```"
    yield ""
    yield from _prose(inspect.cleandoc(command.help or ""))
    rows = [_option(param, context) for param in command.params if isinstance(param, click.Option) and not param.hidden]
    if rows:
        yield from table(("Option", "Meaning"), rows)
        yield ""


def _prose(text: str) -> Iterator[str]:
    """The help text of a command as Markdown; paragraphs marked with `\\b` (not to be wrapped) become code blocks."""
    for paragraph in text.replace("\f", "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield from ("```text", paragraph[2:], "```", "")
        elif paragraph.strip():
            yield from (paragraph.replace("<", "&lt;"), "")


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    help_record = option.get_help_record(context)
    assert help_record is not None, option.name
    declared, meaning = help_record
    return f"`{declared}`".replace("|", "\\|"), cell(meaning)
