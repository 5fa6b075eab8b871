"""What a shell offers for a word that is an address, a field or a run: read from files, whatever state they are in."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem


def address(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The addresses of the project's manifests; none where there is no project that can be read."""
    from tavusctl.cli.local import known_project
    from tavusctl.engine import load
    from tavusctl.errors import TavusctlError
    from tavusctl.kinds import KINDS

    chosen = ctx.params.get("environment")
    try:
        project = known_project(_folder(ctx))[0]
        # Names stand in every environment alike: any will do where none is chosen.
        environments = project.environments
        found = load.read(project, environments.get(chosen or "") or next(iter(environments.values())), KINDS)
    except (TavusctlError, OSError):
        return []
    shown = [str(one) for one in sorted(found.declared)]
    return [CompletionItem(one) for one in shown if one.startswith(incomplete)]


def field(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Kinds, and the fields of what was typed so far, each with its meaning."""
    from tavusctl.kinds import KINDS
    from tavusctl.kinds.meaning import UnknownFieldError, meaning

    kind, *keys = incomplete.split(".")
    if not keys:
        return [CompletionItem(name, help=one.summary) for name, one in KINDS.items() if name.startswith(kind)]
    try:
        members = meaning(KINDS[kind], KINDS, keys[:-1]).members
    except (KeyError, UnknownFieldError):
        return []
    return [CompletionItem(one.path, help=one.text) for one in members if one.path.startswith(incomplete)]


def _folder(ctx: click.Context) -> Path | None:
    """Where the command would work; options of the whole program are not carried out while it completes."""
    named = [each.params.get("chdir") for each in (ctx.find_root(), ctx)]
    folders = [name for name in named if name]
    return Path(*folders) if folders else None
