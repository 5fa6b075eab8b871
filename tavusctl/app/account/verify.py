"""Check that all managed objects exist and are ready."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.session import named_addresses
from tavusctl.app.session.manifests import load
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import RefusedError
from tavusctl.core.json_tree import leaves, map_leaves
from tavusctl.core.model import Manifest
from tavusctl.engine.account.verify import Check, Target, converse, run
from tavusctl.engine.compare.not_live import sent_values
from tavusctl.engine.compare.three_way import server_chooses
from tavusctl.engine.import_.missing_state import UnboundManifests, of_account, unknown_reason
from tavusctl.engine.renames import Bindings
from tavusctl.engine.safety import account_guard
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.reports.json import result_text
from tavusctl.reports.terminal.styling import style
from tavusctl.secrets.escape import escape_invisible
from tavusctl.secrets.values import REDACTED, SecretText

UNUSABLE: Final = 5
_COLOURS: Final = {"ok": "green", "pending": "yellow", "unusable": "red"}
# The kinds that a conversation can be with, each with the member of the request that has its id.
PARTNERS: Final = {name: kind.partner_key for name, kind in KINDS.items() if kind.partner_key}


class VerifyResult(Struct, frozen=True):
    """The checks of all objects, and the manifests that the state does not know."""

    checks: Sequence[Check]
    unknown: UnboundManifests

    def exit_code(self, *, strict: bool) -> int:
        """4 if the account has objects by name that are not in the state, 5 if an object is unusable, else 0.

        A pending object counts as usable, unless `strict`.
        """
        if self.unknown.matching_ids:
            return RefusedError.exit_code
        return 0 if all(check.usable or (check.pending and not strict) for check in self.checks) else UNUSABLE


def verify(session: Session, partner: Address | None) -> VerifyResult:
    """Check every object that the manifests describe; with a partner, also try a conversation with it."""
    manifests, _ = load(session)
    state = session.current_state(manifests, writing=partner is not None)
    bindings = state.bindings
    known_targets = _targets(manifests, bindings)
    if partner and partner not in known_targets:
        raise named_addresses.undeclared(partner, known_targets)
    with session.client() as api:
        with reading(session.progress, api):
            unknown = of_account(manifests, api, bindings, session.others)
            checks = [_explained(check, unknown) for check in run(api, list(known_targets.values()))]
        missing = sum(check.missing and check.address in bindings for check in checks)
        account_guard.check_key(state, session.environment, session.api_key, bound=len(bindings), missing=missing)
        if partner:
            name = f"tavusctl verify {secrets.token_hex(6)}"
            checks.append(converse(api, known_targets[partner], PARTNERS[partner.kind], name))
    return VerifyResult(checks, unknown)


def _explained(check: Check, unknown: UnboundManifests) -> Check:
    """The check with the reason that the object is not in the state, if the account has objects of its name."""
    ids = unknown.matching_ids.get(check.address)
    return check if check.remote_id or not ids else replace(check, reason=unknown_reason(ids))


def targets(session: Session) -> dict[Address, Target]:
    """The objects that the manifests describe, by address, with their ids; an id is empty before the first apply.

    They are for a conversation, so StateError unless the state is trusted.
    """
    manifests, _ = load(session)
    return _targets(manifests, session.current_state(manifests, writing=True).bindings)


def _targets(manifests: Sequence[Manifest], bindings: Bindings) -> dict[Address, Target]:
    ids = {one.address: one.remote_id for one in bindings.values()}
    ids |= {one.address: one.external_id for one in manifests if one.external_id}
    return {one.address: _target(one, bindings.get(one.address), ids) for one in manifests}


def _target(manifest: Manifest, binding: Binding | None, ids: Mapping[Address, str]) -> Target:
    if manifest.external_id or binding is None:
        refers_to = tuple(leaf for _, leaf in leaves(manifest.spec) if isinstance(leaf, Address))
        return Target(manifest.address, manifest.external_id, refers_to=refers_to)
    crawl = KINDS[manifest.address.kind].crawl_key
    answered = {pointer: value for pointer, value in binding.answered.items() if not server_chooses(binding, pointer)}
    outside_crawl = {
        pointer: value for pointer, value in answered.items() if not (crawl and pointer.startswith(f"/{crawl}/"))
    }
    comparable = partial(_comparable, ids=ids)
    not_live = map_leaves(dict(binding.not_live), comparable)
    desired = map_leaves(sent_values(manifest.spec, binding.not_live), comparable)
    created_at = binding.created_at
    return Target(manifest.address, binding.remote_id, outside_crawl, not_live, desired, created_at=created_at)


def _comparable(leaf: Json, ids: Mapping[Address, str]) -> Json:
    """A leaf as a read returns it: the id for an address, and `REDACTED` for a secret, which no read returns."""
    if isinstance(leaf, SecretText):
        return REDACTED
    return ids.get(leaf, leaf) if isinstance(leaf, Address) else leaf


def text(checks: Sequence[Check]) -> str:
    """A line for each check, and a summary."""
    counts = Counter(_word(check) for check in checks)
    lines = []
    for check in checks:
        word = style(f"{_word(check):<8}", fg=_COLOURS[_word(check)])
        check_name = "" if check.what == "object" else f" {check.what}"
        remote_id = f" ({check.remote_id})" if check.remote_id else ""
        lines.append(f"{word} {check.address}{check_name}{remote_id}: {escape_invisible(check.reason)}")
    summary = ", ".join(f"{counts[word]} {word}" for word in _COLOURS if counts[word] or word == "ok")
    return "\n".join([*lines, style(f"Verify: {summary}", bold=True)]) + "\n"


def _word(check: Check) -> str:
    """The result of a check in one word: `ok`, `pending` or `unusable`."""
    return "ok" if check.usable else "pending" if check.pending else "unusable"


def document(checks: Sequence[Check]) -> str:
    """The checks as JSON."""
    return result_text(checks=[_check(check) for check in checks])


def _check(check: Check) -> JsonObject:
    return {
        "address": str(check.address),
        "id": check.remote_id or None,
        "check": check.what,
        "usable": check.usable,
        "pending": check.pending,
        "reason": check.reason,
    }
