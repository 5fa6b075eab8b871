"""`tavusctl adopt`: write what was changed in the account back into the files."""

from __future__ import annotations

from collections.abc import Collection

import click

from tavusctl.cli.adopting import Adoption, Sources, Verdict, adoptable, changes
from tavusctl.cli.completing import address as known_address
from tavusctl.cli.local import say
from tavusctl.cli.rewritten import difference, written
from tavusctl.cli.session import Session, options
from tavusctl.client import ReadClient
from tavusctl.engine.reconcile import Prepared
from tavusctl.engine.unknown import HINT, Unknown, of_plan
from tavusctl.errors import ConfigError, InternalError, RefusedError, StateError, UsageError
from tavusctl.model import Address, Cause, Severity
from tavusctl.unseen import flat
from tavusctl.wording import suggestion


@click.command("adopt")
@click.argument("addresses", nargs=-1, metavar="[ADDR]...", shell_complete=known_address)
@click.option("--all", "everything", is_flag=True, help="Adopt every live edit there is.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@options
def command(session: Session, *, addresses: tuple[str, ...], everything: bool, dry_run: bool) -> int:
    """Write live edits back into manifests and prompt files.  Comments and layout stay; the account is not changed.

    \b
    tavusctl adopt persona/sales-coach
    tavusctl adopt --all --dry-run
    """  # noqa: D301
    if everything == bool(addresses):
        message = "adopt takes addresses, or --all"
        raise UsageError(message, "tavusctl adopt persona/sales-coach")
    with session.reader() as api:
        prepared = session.plan(api)
        chosen = _chosen(prepared, addresses)
        adoption = _adoption(session, prepared, chosen)
        _refuse_unknown(adoption, prepared, chosen)
        if dry_run:
            click.echo(difference(adoption.sources.before, adoption.sources.changed), nl=False)
        else:
            _write(session, api, adoption)
    _tell(session, adoption.verdicts, dry_run=dry_run)
    return RefusedError.exit_code if any(one.reason for one in adoption.verdicts) else 0


def _chosen(prepared: Prepared, addresses: Collection[str]) -> frozenset[Address]:
    """The addresses that were named, or all."""
    known = {one.address for one in prepared.desired} | prepared.state.bindings.keys()
    try:
        named = frozenset(map(Address.parse, addresses))
    except ValueError as error:
        raise UsageError(str(error)) from None
    for address in sorted(named - known):
        message = f"there is no {address}, neither in the manifests nor in the state"
        raise UsageError(message, suggestion(str(address), map(str, known)))
    return named or frozenset(known)


def _adoption(session: Session, prepared: Prepared, chosen: frozenset[Address]) -> Adoption:
    adoption = Adoption(prepared, Sources(session.project))
    for drift in prepared.plan.drift:
        if drift.cause is Cause.MISSING and drift.address in chosen:
            reason = "it was deleted in the account; remove its manifest, or create it again with apply"
            adoption.verdicts.append(Verdict(drift.address, "", reason=reason))
    for change in sorted(changes(prepared), key=lambda change: change.address):
        if change.address in chosen and change.desired is not None:
            adoption.take(change)
    return adoption


def _refuse_unknown(adoption: Adoption, prepared: Prepared, chosen: frozenset[Address]) -> None:
    """Say of what the state does not know that it cannot be adopted; StateError where there is nothing else."""
    unknown = of_plan(prepared.plan, prepared.state.bindings)
    there = {address: ids for address, ids in unknown.there.items() if address in chosen}
    if there and not adoption.sources.changed:
        raise StateError(Unknown(there).told, HINT, id="E916")
    for address, ids in sorted(there.items()):
        reason = f"the state does not know it, and the account has its name: {', '.join(ids)}"
        adoption.verdicts.append(Verdict(address, "", reason=reason))


def _write(session: Session, api: ReadClient, adoption: Adoption) -> None:
    """Write the files, and see that the next plan finds nothing left; what does not make valid manifests is undone."""
    changed = adoption.sources.changed
    try:
        with written(session.root, adoption.sources.before, changed):
            if changed:
                _check(adoption, session.plan(api))
    except ConfigError as error:
        found = next(one for one in error.complaints if one.severity is Severity.ERROR)
        message = f"the live values make no valid manifest; nothing was written: {found.message} ({found.source})"
        raise RefusedError(message, found.hint, id="E432") from None


def _check(adoption: Adoption, after: Prepared) -> None:
    """See that what was adopted is settled."""
    done = {(one.address, one.pointer) for one in adoption.verdicts if not one.reason}
    for change in changes(after):
        left = [one.path for one in adoptable(change, after) if (change.address, one.path) in done]
        if left:
            message = f"{change.address} would still differ at {', '.join(left)}; nothing was written"
            raise InternalError(message, "this is a defect of tavusctl; edit the file by hand")


def _tell(session: Session, verdicts: Collection[Verdict], *, dry_run: bool) -> None:
    if not verdicts:
        say(session, "nothing to adopt: no live edit of what is managed")
    verb = "would adopt" if dry_run else "adopted"
    for one in verdicts:
        place = f"{one.address} {flat(one.pointer)}".rstrip()
        if one.reason:
            click.echo(f"refused {place}: {flat(one.reason)}", err=dry_run)
        elif not session.quiet:
            click.echo(f"{verb} {place} in {flat(one.path)}", err=dry_run)
