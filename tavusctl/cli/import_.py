"""`tavusctl import`: bind an existing object to an address."""

from __future__ import annotations

import click

from tavusctl.cli.local import say
from tavusctl.cli.session import Session, options
from tavusctl.engine.plan import Consent
from tavusctl.engine.reconcile import bind
from tavusctl.errors import Gone, StateError, UsageError
from tavusctl.kinds import KINDS
from tavusctl.model import Address
from tavusctl.wording import suggestion


@click.command("import")
@click.argument("address")
@click.argument("remote_id", metavar="ID")
@options
def command(session: Session, *, address: str, remote_id: str) -> int:
    """Bind an object of the account to an address.  The account is not changed; `plan` shows what apply would.

    \b
    tavusctl import persona/sales-coach p7e13c73f41f
    """  # noqa: D301
    try:
        target = Address.parse(address)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if target.kind not in KINDS:
        message = f"there is no kind {target.kind!r}"
        raise UsageError(message, suggestion(target.kind, KINDS))
    store = session.store()
    with store.lock(), session.reader() as api:
        try:
            bind(target, remote_id, KINDS, api, store, session.request(Consent()))
        except Gone as error:
            message = f"the account has no {target.kind} {remote_id}: {error.text}"
            raise StateError(message, "check the id, and that the key is of the right account", id="E906") from None
    say(session, f"{target} is bound to {remote_id}; run tavusctl plan to see what apply would change")
    return 0
