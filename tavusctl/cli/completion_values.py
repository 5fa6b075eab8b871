"""Shell completion, from files that may be invalid; nothing is asked of the network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from tavusctl.core.project_settings import Project


def address(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The addresses of the project's manifests; none where there is no project that can be read."""
    from tavusctl.config import loading
    from tavusctl.core.errors import TavusctlError
    from tavusctl.kinds import KINDS

    chosen, project = str(ctx.params.get("environment") or ""), _project(ctx)
    if project is None:
        return []
    try:
        # What stands in one environment only is offered where none is chosen, too.
        every = project.environments
        asked = [every[chosen]] if chosen in every else list({one.overlay: one for one in every.values()}.values())
        found = {one for each in asked for one in loading.read(project, each, KINDS).declared}
    except (TavusctlError, OSError):
        return []
    shown = [str(one) for one in sorted(found)]
    return [CompletionItem(one) for one in shown if one.startswith(incomplete)]


def environment(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The environments of the project, each with its account."""
    found = _project(ctx)
    known = found.environments if found else {}
    return [CompletionItem(name, help=one.account) for name, one in known.items() if name.startswith(incomplete)]


def output(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of `outputs:` of the project."""
    found = _project(ctx)
    return [CompletionItem(name) for name in (found.outputs if found else ()) if name.startswith(incomplete)]


def run(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The runs that can be undone, newest first, where the state is a file of this machine."""
    from tavusctl.core.errors import TavusctlError
    from tavusctl.state.artifacts import RUNS, runs_of
    from tavusctl.state.stores import open_store

    found = _project(ctx)
    known = list(found.environments.values()) if found else []
    chosen = next((one for one in known if ctx.params.get("environment") in (None, one.name)), None)
    if found is None or chosen is None or not re.match(r"(file:|(?!git\b)[^:]*$)", chosen.state):
        return []
    try:
        store = open_store(chosen.state, Path(found.root), chosen.name)
        runs = runs_of(store.read().lineage, store.shelf.names(RUNS))
    except (TavusctlError, OSError):
        return []
    return [CompletionItem(one) for one in runs if one.startswith(incomplete)]


def check(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids and slugs of checks, each with its meaning; several are written with commas between them."""
    from tavusctl.core.diagnostic_ids import CHECKS

    before, comma, last = incomplete.rpartition(",")
    words = {word: one.title for id_, one in CHECKS.items() for word in (id_, one.slug)}
    return [
        CompletionItem(f"{before}{comma}{word}", help=title) for word, title in words.items() if word.startswith(last)
    ]


def report(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Formats of reports, as `--report` takes them, before the name of a file."""
    from tavusctl.reports.formats import REPORTS

    return [CompletionItem(f"{name}=") for name in sorted(REPORTS) if f"{name}=".startswith(incomplete)]


def field(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Kinds, and the fields of what was typed so far, each with its meaning; addresses behind a slash."""
    from tavusctl.app.explain import UnknownFieldError, meaning
    from tavusctl.kinds import KINDS

    if "/" in incomplete:
        return address(ctx, param, incomplete)
    kind, *keys = incomplete.split(".")
    if not keys:
        return [CompletionItem(name, help=one.summary) for name, one in KINDS.items() if name.startswith(kind)]
    try:
        members = meaning(KINDS[kind], KINDS, keys[:-1]).members
    except (KeyError, UnknownFieldError):
        return []
    return [CompletionItem(one.path, help=one.text) for one in members if one.path.startswith(incomplete)]


def _project(ctx: click.Context) -> Project | None:
    from tavusctl.app.session.opening import known_project
    from tavusctl.core.errors import TavusctlError

    try:
        return known_project(_folder(ctx))[0]
    except (TavusctlError, OSError):
        return None


def _folder(ctx: click.Context) -> Path | None:
    """Where the command would work; options of the whole program are not carried out while it completes."""
    named = [each.params.get("chdir") for each in (ctx.find_root(), ctx)]
    folders = [name for name in named if name]
    return Path(*folders) if folders else None
