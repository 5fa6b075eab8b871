"""`tavusctl validate`: check manifests offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from tavusctl.app.session import unchanged
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.opening import report_skipped
from tavusctl.cli.completion_values import check as known_check
from tavusctl.cli.offline_context import cache_option, file_options
from tavusctl.cli.report_options import Reports, emit, format_option, report_option
from tavusctl.cli.wrapped_output import show_table
from tavusctl.core.diagnostic_ids import CHECKS, IDS_BY_SLUG
from tavusctl.core.diagnostics import Diagnostic, errors_in
from tavusctl.core.errors import UsageError
from tavusctl.reports.json import result_text

INVALID = 10


def _ids(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Prefixes of ids, from ids, prefixes of ids and slugs such as `TV203,TV21,invalid-url` (click callback)."""
    names = [name.strip() for value in values for name in value.split(",") if name.strip()]
    for name in names:
        if name not in IDS_BY_SLUG and not any(id_.startswith(name) for id_ in CHECKS):
            message = f"no check has the slug `{name}` or an id that starts with `{name}`; --rules lists all checks"
            raise click.BadParameter(message)
    return tuple(IDS_BY_SLUG.get(name, name) for name in names)


@click.command("validate")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@format_option
@report_option
@click.option(
    "--select",
    multiple=True,
    callback=_ids,
    shell_complete=known_check,
    metavar="CHECK[,CHECK]",
    help="Report only these checks: ids, slugs, or prefixes of ids such as TV21.",
)
@click.option(
    "--ignore",
    multiple=True,
    callback=_ids,
    shell_complete=known_check,
    metavar="CHECK[,CHECK]",
    help="Do not report these checks; see --select.",
)
@click.option("--fix", "fixes", is_flag=True, help="Apply safe fixes to the files, then report what remains.")
@click.option("--rules", "list_rules", is_flag=True, help="List all checks, as text or JSON, and exit.")
@file_options
@cache_option
def command(
    sessions: list[LocalSession],
    *,
    paths: tuple[Path, ...],
    format_: str,
    reports: Reports,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fixes: bool,
    list_rules: bool,
) -> int:
    """Check manifests offline: YAML, fields, values, references, secrets and lint rules, all in one run.

    Without --env, the manifests of every environment are checked.

    A comment `# tavusctl: ignore=duplicate-block` (or `ignore=TV203`) suppresses a diagnostic on its own line, or on
    the next line if it stands alone.

    \b
    tavusctl validate
    tavusctl validate manifests/personas --ignore duplicate-block --format github
    tavusctl validate --fix
    """
    if list_rules:
        return _list_rules(format_, reports)
    report_skipped(sessions[0], paths)
    unchecked = [session for session in sessions if paths or not unchanged.is_validated(session)]
    diagnostics: Sequence[Diagnostic] = ()
    if unchecked:
        from tavusctl.app import validate as app  # not needed if all sessions passed before, and nothing has changed
        from tavusctl.cli.error_report import with_excerpts

        diagnostics = with_excerpts(app.validate(unchecked, paths, select, ignore, count=len(sessions), fix=fixes))
    report_code = emit(lambda report: report.diagnostics(diagnostics), format_, reports)
    return report_code or (INVALID if errors_in(diagnostics) else 0)


def _list_rules(format_: str, reports: Reports) -> int:
    if reports or format_ not in ("text", "json"):
        message = f"`--rules` lists checks and makes no report: {'`--report`' if reports else f'`--format {format_}`'}"
        raise UsageError(message, "remove this option, or use `--format json`")
    if format_ == "json":
        click.echo(_list_document(), nl=False)
    else:
        show_table("".join(_list_lines()))
    return 0


def _list_document() -> str:
    rules = [
        {"id": id_, "slug": check.slug, "severity": check.severity.value, "title": check.title}
        for id_, check in CHECKS.items()
    ]
    return result_text(rules=rules)


def _list_lines() -> Iterator[str]:
    width = max(len(check.slug) for check in CHECKS.values())
    for id_, check in CHECKS.items():
        yield f"{id_}  {check.slug:<{width}}  {check.severity.value:<7}  {check.title}\n"
