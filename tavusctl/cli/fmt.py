"""`tavusctl fmt`: tidy manifests, and change nothing they say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click
from msgspec import Struct, field

from tavusctl import yaml12
from tavusctl.cli.local import LocalSession, local_options, say, tell_passed_over
from tavusctl.cli.rewritten import difference, written
from tavusctl.engine.load import files, folders
from tavusctl.engine.load.budget import Budget, OverError
from tavusctl.errors import ConfigError
from tavusctl.model import Complaint, Severity, Source
from tavusctl.unseen import flat
from tavusctl.writeback.tidying import tidied
from tavusctl.yaml12 import Parsed

WOULD_CHANGE = 2


class Tidying(Struct):
    """The files of a run as they are and as they are to be, and those that cannot be read."""

    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)

    def take(self, path: Path, root: Path) -> None:
        """Tidy one file."""
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        try:
            content = files.read_bytes(path, root, yaml12.MAX_BYTES)
        except files.RefusedError as error:
            self.complaints.append(Complaint("TV110", f"the file {error}", Source(name, 1, 1)))
            return
        self.budget.opened(len(content), Source(name, 1, 1))
        parsed = yaml12.read(content, name)
        self.budget.parsed(parsed.values, Source(name, 1, 1))
        wrong = [one for one in parsed.complaints if one.severity is Severity.ERROR]
        self.complaints += wrong
        new = content if wrong else tidied(content, name, _schema(parsed, path, root))
        if new != content:
            self.before[name], self.after[name] = content, new


@click.command("fmt")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit 2 when a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@local_options
def command(session: LocalSession, *, paths: tuple[Path, ...], check: bool, diff: bool) -> int:
    """Tidy manifests, and change nothing they say: comments, quotes and order stay.  Other files are passed over.

    Texts of several lines become | blocks, spaces at the ends of lines and tabs go, one line end ends the file, and
    the comment that names the schema for editors is right.

    \b
    tavusctl fmt
    tavusctl fmt --check --diff
    """  # noqa: D301
    found = Tidying()
    tell_passed_over(session, paths)
    try:
        for path in folders.find(session.project, paths, found.complaints, found.budget):
            found.take(path, session.root)
    except OverError as over:
        found.complaints.append(over.complaint)
    if any(one.severity is Severity.ERROR for one in found.complaints):
        raise ConfigError(found.complaints)
    if diff:
        click.echo(difference(found.before, found.after), nl=False)
    elif not check:
        with written(session.root, found.before, found.after):
            pass
    _tell(session, found.after, is_listing=not diff)
    return WOULD_CHANGE if check and found.after else 0


def _tell(session: LocalSession, changed: Mapping[str, bytes], *, is_listing: bool) -> None:
    """The names of the files on stdout, for scripts."""
    for name in changed if is_listing else ():
        click.echo(flat(name))
    if not changed:
        say(session, "all tidy")


def _schema(parsed: Parsed, path: Path, root: Path) -> str:
    """Where the schema of a file is, seen from it; empty when the project has none, or the file several kinds."""
    kinds = {str(one.value.get("kind")) for one in parsed.documents if isinstance(one.value, dict)}
    schemas = [root / "schemas" / f"{kind}.schema.json" for kind in kinds]
    is_known = len(schemas) == 1 and schemas[0].is_file()
    return Path(os.path.relpath(schemas[0], path.parent)).as_posix() if is_known else ""
