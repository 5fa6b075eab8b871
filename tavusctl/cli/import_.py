"""`tavusctl import`: bind existing objects to addresses."""

from __future__ import annotations

import click
from msgspec.structs import replace

from tavusctl.cli.completing import address as known_address
from tavusctl.cli.local import say
from tavusctl.cli.locking import lock_timeout
from tavusctl.cli.progress import reading
from tavusctl.cli.runs import Archive
from tavusctl.cli.session import Session, options
from tavusctl.engine.bind import bind, bind_by_name
from tavusctl.engine.plan import Consent
from tavusctl.engine.reconcile import Request
from tavusctl.errors import Gone, RefusedError, StateError, UsageError
from tavusctl.kinds import KINDS
from tavusctl.model import Address
from tavusctl.wording import suggestion


@click.command("import")
@click.argument("address", required=False, shell_complete=known_address)
@click.argument("remote_id", metavar="ID", required=False)
@click.option("--match-names", is_flag=True, help="Bind every manifest that exactly one object is, by name or content.")
@click.option("--dry-run", is_flag=True, help="With --match-names: show what would be bound.")
@lock_timeout
@options
def command(
    session: Session,
    *,
    address: str | None,
    remote_id: str | None,
    match_names: bool,
    dry_run: bool,
    lock_timeout: float,
) -> int:
    """Bind objects of the account to addresses.  The account is not changed; `plan` shows what apply would.

    \b
    tavusctl import persona/sales-coach p7e13c73f41f
    tavusctl import --match-names --dry-run
    """  # noqa: D301
    if match_names != (address is None and remote_id is None) or (dry_run and not match_names):
        message = "import takes an address and an id, or --match-names"
        raise UsageError(message, "tavusctl import persona/sales-coach p7e13c73f41f")
    if match_names:
        return _match(session, lock_timeout, dry_run=dry_run)
    if address is None or remote_id is None:
        message = "import needs the id of the object, too"
        raise UsageError(message, f"tavusctl import {address} ID")
    return _bind(session, address, remote_id, lock_timeout)


def _bind(session: Session, address: str, remote_id: str, patience: float) -> int:
    try:
        target = Address.parse(address)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if target.kind not in KINDS:
        message = f"there is no kind {target.kind!r}"
        raise UsageError(message, suggestion(target.kind, KINDS))
    store = session.store()
    archive = Archive(store.shelf)
    with store.lock(patience, "import"), session.reader() as api:
        try:
            bind(target, remote_id, KINDS, api, store, _request(session), archive=archive.keep)
        except Gone as error:
            message = f"the account has no {target.kind} {remote_id}: {error.text}"
            raise StateError(message, "check the id, and that the key is of the right account", id="E906") from None
    say(session, f"{target} is bound to {remote_id}; run tavusctl plan to see what apply would change")
    return 0


def _match(session: Session, patience: float, *, dry_run: bool) -> int:
    """Bind by name what can be told; say what cannot (exit 4)."""
    manifests, _ = session.load()
    store = session.store()
    archive = Archive(store.shelf)
    with store.lock(patience, "import"), session.reader() as api, reading(session, api):
        request = _request(session)
        found = bind_by_name(manifests, KINDS, api, store, request, record=not dry_run, archive=archive.keep)
    verb = "would bind" if dry_run else "bound"
    for one, remote_id in sorted(found.bound.items()):
        click.echo(f"{verb} {one} {remote_id}")
    for one, ids in sorted(found.ambiguous.items()):
        click.echo(f"ambiguous {one} {' '.join(ids)}")
    for one in sorted(found.unmatched):
        click.echo(f"unmatched {one}")
    for one, whose in sorted(found.elsewhere.items()):
        click.echo(f"refused {one} {whose}")
    if found.elsewhere:
        say(session, "what another environment has bound stays its own; give the object another name here: ${var:...}")
    if found.ambiguous:
        say(session, "where several have a name, bind the right one: tavusctl import ADDR ID")
    if found.unmatched:
        say(session, "what is unmatched has no object of its name; apply would create it")
    return RefusedError.exit_code if found.ambiguous or found.elsewhere else 0


def _request(session: Session) -> Request:
    """What binding needs to know; a state of another environment that cannot be read is said to be unknown."""
    known = session.others()
    for name, why in known.unread:
        say(session, f"warning: what the environment {name} has bound is not known, its state cannot be read: {why}")
    return replace(session.request(Consent()), others=lambda: known)
