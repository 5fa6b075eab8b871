"""`tavusctl verify`: check that what applications use exists and is ready."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

import click
from msgspec.structs import replace

from tavusctl.cli.completing import address as known_address
from tavusctl.cli.keyring import keys
from tavusctl.cli.progress import reading
from tavusctl.cli.session import Session, options
from tavusctl.custody import opened
from tavusctl.engine import move
from tavusctl.engine.unknown import HINT, Unknown, of_account
from tavusctl.engine.verify import Check, Target, converse, run
from tavusctl.errors import RefusedError, UsageError
from tavusctl.kinds import KINDS
from tavusctl.model import Address, Binding, Manifest
from tavusctl.ports import Reader, State
from tavusctl.reports.json import FORMAT_VERSION
from tavusctl.unseen import visible
from tavusctl.wording import suggestion

UNUSABLE = 5
# With whom a conversation can be, and where a conversation says so.
PARTNERS = {"persona": "persona_id", "replica": "replica_id"}


def _partner(_: click.Context, __: click.Parameter, value: str | None) -> Address | None:
    if value is None:
        return None
    try:
        address = Address.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if address.kind not in PARTNERS:
        message = f"a conversation is with a {' or a '.join(PARTNERS)}, not with {address}"
        raise click.BadParameter(message)
    return address


@click.command("verify")
@click.option(
    "--conversation",
    "partner",
    callback=_partner,
    shell_complete=known_address,
    metavar="ADDR",
    help="Also try a conversation, for free.",
)
@click.option("-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@options
def command(session: Session, *, partner: Address | None, format_: str) -> int:
    """Check that what the manifests describe exists and is ready: ids, replicas, documents, references of personas.

    With --conversation, a conversation in test mode is begun with a persona or a replica, looked at, ended and deleted;
    it costs nothing.  Exits 5 when something cannot be used.

    \b
    tavusctl verify
    tavusctl verify --conversation persona/sales-coach
    """  # noqa: D301
    targets = _targets(session)
    if partner and partner not in targets:
        message = f"the project has no {partner}"
        raise UsageError(message, suggestion(str(partner), map(str, targets)))
    with session.client() as api:
        with reading(session, api):
            unknown = _unknown(session, api)
            checks = [_told(one, unknown) for one in run(api, KINDS, list(targets.values()))]
        if partner:
            name = f"tavusctl verify {secrets.token_hex(6)}"
            checks.append(converse(api, targets[partner], PARTNERS[partner.kind], name))
    click.echo(_document(checks) if format_ == "json" else _text(checks), nl=False)
    if unknown.there:
        return RefusedError.exit_code
    return 0 if all(check.usable for check in checks) else UNUSABLE


def _unknown(session: Session, api: Reader) -> Unknown:
    """What the state does not know, and the account has by name."""
    manifests, _ = session.load()
    bindings, _ = move.follow(manifests, _state(session).bindings)
    bound = {address: one.remote_id for address, one in bindings.items()}
    free = any(not one.external_id and one.address not in bound for one in manifests)
    return of_account(manifests, KINDS, api, bound, session.others().owners) if free else Unknown()


def _state(session: Session) -> State:
    return opened(session.store(), keys(session.environment)).replay.state


def _told(check: Check, unknown: Unknown) -> Check:
    """A check that says why it knows no id, where the account may have the object."""
    ids = unknown.there.get(check.address)
    if check.remote_id or not ids:
        return check
    return replace(check, reason=f"the state does not know it, and the account has its name: {', '.join(ids)}; {HINT}")


def _targets(session: Session) -> dict[Address, Target]:
    manifests, _ = session.load()
    bindings, _ = move.follow(manifests, _state(session).bindings)
    return {one.address: _target(one, bindings.get(one.address)) for one in manifests}


def _target(manifest: Manifest, binding: Binding | None) -> Target:
    if manifest.external_id or binding is None:
        return Target(manifest.address, manifest.external_id)
    crawl = KINDS[manifest.address.kind].crawl
    told = {one: value for one, value in binding.answered.items() if not (crawl and one.startswith(f"/{crawl}/"))}
    return Target(manifest.address, binding.remote_id, told)


def _text(checks: Sequence[Check]) -> str:
    failing = sum(1 for check in checks if not check.usable)
    lines = []
    for check in checks:
        word = click.style("ok      " if check.usable else "unusable", fg="green" if check.usable else "red")
        what = "" if check.what == "object" else f" {check.what}"
        remote_id = f" ({check.remote_id})" if check.remote_id else ""
        lines.append(f"{word} {check.address}{what}{remote_id}: {visible(check.reason)}")
    summary = f"{len(checks) - failing} ok" + (f", {failing} unusable" if failing else "")
    return "\n".join([*lines, click.style(f"Verify: {summary}", bold=True)]) + "\n"


def _document(checks: Sequence[Check]) -> str:
    document = {"format_version": FORMAT_VERSION, "checks": [_check(check) for check in checks]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _check(check: Check) -> dict[str, Any]:
    return {
        "address": str(check.address),
        "id": check.remote_id or None,
        "check": check.what,
        "usable": check.usable,
        "reason": check.reason,
    }
