"""Values for shell completion, from files that may be invalid, and without network access."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from tavusctl.secrets.escape import flat

if TYPE_CHECKING:
    from tavusctl.core.project_settings import Project


def address(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The addresses of the project's manifests; none if no project can be read."""
    from tavusctl.config import loading
    from tavusctl.core.errors import TavusctlError
    from tavusctl.kinds import KINDS

    chosen, project = str(ctx.params.get("environment") or ""), _project(ctx)
    if project is None:
        return []
    try:
        # Without --env, addresses that only one environment has are offered, too.
        environments = project.environments
        by_overlay = {one.overlay: one for one in environments.values()}
        selected = [environments[chosen]] if chosen in environments else list(by_overlay.values())
        addresses = {address for one in selected for address in loading.read(project, one, KINDS).declared}
    except (TavusctlError, OSError):
        return []
    texts = [str(address) for address in sorted(addresses)]
    return [CompletionItem(text) for text in texts if text.startswith(incomplete)]


def environment(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The environments of the project, each with the name of its account.

    That is any text, and a line break in it would begin another value.
    """
    project = _project(ctx)
    environments = project.environments if project else {}
    accounts = {name: flat(env.account) for name, env in environments.items() if name.startswith(incomplete)}
    return [CompletionItem(name, help=account) for name, account in accounts.items()]


def output(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names in `outputs:` of the project."""
    project = _project(ctx)
    return [CompletionItem(name) for name in (project.outputs if project else ()) if name.startswith(incomplete)]


def run(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The runs that can be undone, newest first; none if the state is not a local file."""
    from tavusctl.config.project_file.state_scheme import is_file
    from tavusctl.core.errors import TavusctlError
    from tavusctl.state.artifacts import RUNS, runs_of
    from tavusctl.state.stores import open_store

    project = _project(ctx)
    environments = list(project.environments.values()) if project else []
    chosen = next((env for env in environments if ctx.params.get("environment") in (None, env.name)), None)
    if project is None or chosen is None or not is_file(chosen.state):
        return []
    try:
        store = open_store(chosen.state, Path(project.root), chosen.name)
        runs = runs_of(store.read().lineage, store.artifacts.names(RUNS))
    except (TavusctlError, OSError):
        return []
    return [CompletionItem(run_id) for run_id in runs if run_id.startswith(incomplete)]


def check(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids and slugs of checks with their titles, for the last of several values that are separated by commas."""
    from tavusctl.core.diagnostic_ids import CHECKS

    before, comma, last = incomplete.rpartition(",")
    titles = {name: check.title for id_, check in CHECKS.items() for name in (id_, check.slug)}
    return [
        CompletionItem(f"{before}{comma}{name}", help=title) for name, title in titles.items() if name.startswith(last)
    ]


def report(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Formats of reports, as `FORMAT=`: the name of a file follows."""
    from tavusctl.reports.formats import REPORTS

    return [CompletionItem(f"{name}=") for name in sorted(REPORTS) if f"{name}=".startswith(incomplete)]


def field(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Kinds, and the fields below what has been typed so far, each with its meaning; addresses after a slash."""
    from tavusctl.app.explain import UnknownFieldError, describe
    from tavusctl.kinds import KINDS

    if "/" in incomplete:
        return address(ctx, param, incomplete)
    kind, *keys = incomplete.split(".")
    if not keys:
        return [CompletionItem(name, help=known.summary) for name, known in KINDS.items() if name.startswith(kind)]
    try:
        members = describe(KINDS[kind], keys[:-1]).members
    except (KeyError, UnknownFieldError):
        return []
    return [CompletionItem(member.path, help=member.text) for member in members if member.path.startswith(incomplete)]


def _project(ctx: click.Context) -> Project | None:
    from tavusctl.app.session.opening import load_project
    from tavusctl.core.errors import TavusctlError

    try:
        return load_project(_folder(ctx))[0]
    except (TavusctlError, OSError):
        return None


def _folder(ctx: click.Context) -> Path | None:
    """The folder of the command, from `--chdir`: during completion, options of the program are not carried out."""
    values = [context.params.get("chdir") for context in (ctx.find_root(), ctx)]
    folders = [value for value in values if value]
    return Path(*folders) if folders else None
