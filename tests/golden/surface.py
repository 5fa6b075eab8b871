"""Everything that users see, as golden files: help, output, files on disk, and diagnostics for wrong manifests.

`python -m tests.golden.surface` writes the files again, and so does `make golden`; read the difference before you
commit it.
"""

from __future__ import annotations

import difflib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import click

from tavusctl.cli import cli
from tavusctl.emulator import running
from tests.golden.played import played
from tests.golden.scene import BARE
from tests.golden.wrong import NOWHERE, messages
from tests.scenarios.project import Project

FOLDER = Path(__file__).parent
PARTS = ("help", "said", "disk", "wrong/messages.txt")
SHOWN = 300  # the most lines of a difference that are shown


def commands() -> dict[str, click.Command]:
    """Every command and subcommand, by name; the name of the program itself is empty."""
    return dict(_commands(cli, ""))


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            subcommand = command.get_command(context, inner)
            assert subcommand is not None, inner
            yield from _commands(subcommand, f"{name} {inner}".strip())


def told_in_json() -> list[str]:
    """The commands that have `--format json`."""
    return [
        name
        for name, command in commands().items()
        for option in command.params
        if "--format" in option.opts and isinstance(option.type, click.Choice) and "json" in option.type.choices
    ]


def helps() -> dict[str, str]:
    """The help of every command, by file."""
    texts = {}
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), NOWHERE)
        for name in commands():
            result = project.run(*name.split(), "--help", **BARE)
            texts[f"help/{name.replace(' ', '-') or 'tavusctl'}.txt"] = result.out
    return texts


def scene() -> dict[str, str]:
    """The golden files of the scenario: output of commands and files on disk, by file."""
    files: dict[str, str] = {}
    with running() as server, tempfile.TemporaryDirectory() as folder:
        try:
            for so_far in played(server.url, Path(folder).resolve()):
                files = so_far
        except Exception as error:
            before = kept("said", "disk")
            changed = (line for name in files for line in _difference(name, before, files))
            message = "the scene could not go on; what had changed by then:\n" + "\n".join(islice(changed, SHOWN))
            raise AssertionError(message) from error
    return files


def of_wrong_manifests() -> dict[str, str]:
    """The golden file of the diagnostics for wrong manifests, by file."""
    return {"wrong/messages.txt": messages()}


def kept(*parts: str) -> dict[str, str]:
    """The golden files of some parts as they are on disk, by file."""
    paths = [path for part in parts for path in ((FOLDER / part).rglob("*") if "." not in part else [FOLDER / part])]
    return {path.relative_to(FOLDER).as_posix(): path.read_text("utf-8") for path in paths if path.is_file()}


def difference(found: Mapping[str, str], *parts: str) -> str:
    """The difference between the golden files on disk and new ones, as text; empty if there is none."""
    before = kept(*parts)
    lines = (line for name in sorted({*before, *found}) for line in _difference(name, before, found))
    return "\n".join(islice(lines, SHOWN))


def _difference(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    old, new = (texts.get(name, "").splitlines() for texts in (before, after))
    if name in before and name in after:
        yield from difflib.unified_diff(old, new, f"{name} as it was", f"{name} now", lineterm="")
    else:
        yield f"{name}: {'not there any more' if name in before else 'new; `make golden` writes it'}"


def main() -> int:
    """Write all golden files, and delete those that are no longer generated."""
    files = {**helps(), **scene(), **of_wrong_manifests()}
    for name in kept(*PARTS).keys() - files.keys():
        (FOLDER / name).unlink()
    for name, text in files.items():
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
