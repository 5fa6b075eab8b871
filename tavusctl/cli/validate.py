"""`tavusctl validate`: check manifests without the network."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from tavusctl import rules
from tavusctl.checks import CHECKS
from tavusctl.cli.failure import with_excerpts
from tavusctl.cli.local import LocalSession, local_options, tell_passed_over
from tavusctl.cli.output import Reports, emit, format_option, report_option
from tavusctl.errors import TavusctlError
from tavusctl.model import Address, Complaint, Document, Manifest, Severity

INVALID = 10


def _ids(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Ids and beginnings of ids, `TV203,TV21` (click callback)."""
    given = [one.strip() for value in values for one in value.split(",") if one.strip()]
    for one in given:
        if not any(known.startswith(one) for known in CHECKS):
            message = f"no check has an id that begins with {one}; --rules lists them"
            raise click.BadParameter(message)
    return tuple(given)


@click.command("validate")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@format_option
@report_option
@click.option(
    "--select", multiple=True, callback=_ids, metavar="ID[,ID]", help="Only these remarks; TV21 is all that begin so."
)
@click.option("--ignore", multiple=True, callback=_ids, metavar="ID[,ID]", help="Not these remarks.")
@click.option("--fix", "fixes", is_flag=True, help="Put right what can be, in the files, and tell what is left.")
@click.option("--rules", "list_rules", is_flag=True, help="List all that is checked, and end.")
@functools.partial(local_options, judges=True)
def command(
    session: LocalSession,
    *,
    paths: tuple[Path, ...],
    format_: str,
    reports: Reports,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fixes: bool,
    list_rules: bool,
) -> int:
    """Check manifests: YAML, fields, values, references, secrets; and what is unwise.  All complaints come at once.

    What is unwise may be so on purpose: `# tavusctl: ignore=TV203` at its line, or alone on the line before, says so.

    \b
    tavusctl validate
    tavusctl validate manifests/personas --ignore TV203 --format github
    tavusctl validate --fix
    """  # noqa: D301
    if list_rules:
        click.echo("".join(_listed()), nl=False)
        return 0
    tell_passed_over(session, paths)
    manifests, found = session.check(paths, _applied(session))
    complaints = [one for one in found if _wanted(one, select, ignore)]
    if fixes and _fixed(session, manifests, complaints):
        _, found = session.check(paths, _applied(session))
        complaints = [one for one in found if _wanted(one, select, ignore)]
    emit(lambda report: report.complaints(with_excerpts(complaints)), format_, reports)
    return INVALID if any(one.severity is Severity.ERROR for one in complaints) else 0


def _fixed(session: LocalSession, manifests: Sequence[Manifest], complaints: Sequence[Complaint]) -> bool:
    from tavusctl.cli import fixing

    return fixing.fix(session, manifests, complaints)


def _wanted(complaint: Complaint, select: Sequence[str], ignore: Sequence[str]) -> bool:
    """Whether a complaint is shown; what makes a manifest unreadable always is."""
    if complaint.id not in rules.IDS and complaint.severity is Severity.ERROR:
        return True
    chosen = not select or complaint.id.startswith(tuple(select))
    return chosen and not (ignore and complaint.id.startswith(tuple(ignore)))


def _applied(session: LocalSession) -> Mapping[Address, Document]:
    """What was applied last, where that is known without the network."""
    url = session.environment.state
    if re.match(r"(?!file:)[a-z0-9]+:", url) or not (url or (session.root / ".tavusctl").is_dir()):
        return {}
    from tavusctl.stores import open_store

    try:
        bindings = open_store(url, session.root, session.environment.name).read().bindings
    except TavusctlError:
        return {}  # a damaged state is for plan to complain about
    return {address: binding.applied for address, binding in bindings.items()}


def _listed() -> Iterator[str]:
    for id_, check in CHECKS.items():
        yield f"{id_}  {check.severity.value:<7}  {check.title}\n"
