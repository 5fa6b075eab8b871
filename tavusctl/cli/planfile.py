"""Plan files: a plan, and everything it depends on.  They can stop an apply, and never steer it."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tavusctl import __version__, sources
from tavusctl.cli import output, writing
from tavusctl.cli.git import head
from tavusctl.cli.planoptions import PlanOptions
from tavusctl.client.strictjson import strict_json
from tavusctl.custody import Trust
from tavusctl.document import canonical, digest, plain
from tavusctl.engine.reconcile import Prepared
from tavusctl.errors import ConflictError, StateError
from tavusctl.model import Action, Desired
from tavusctl.reports.json import plan_document
from tavusctl.secret import Secret
from tavusctl.wrapping import derived

LIMIT = 16 * 1024 * 1024
LIFE = timedelta(hours=24)
_HINT = "make and review a new plan"
# Who refers to an object is a reason to look again where the object itself goes; elsewhere it is for reading.
_GOES = frozenset({Action.REPLACE, Action.DELETE})
# What a plan is bound to, in the order in which a difference explains most, with the words for it.
_BOUND = {
    "tavusctl_version": "it was made by another version of tavusctl",
    "environment": "it is for another environment",
    "lineage": "it belongs to another state",
    "account": "it is for another account",
    "serial": "the state has changed since it was made: another apply has run",
    "commit": "the repository is at another commit",
    "settings": "crawl_limit in tavusctl.yaml has changed since it was made",
    "configuration": "the manifests have changed since it was made",
    "secrets": "a secret has changed since it was made",
    "watched": "the source of a watched document has changed since it was made",
}
# Where these differ the seal is made otherwise, too, and nothing is to be learnt from it.
_BEFORE_THE_SEAL = ("tavusctl_version", "environment", "lineage", "account")
_EXPIRING = "E407"  # the refusal of a link that is about to end: time has brought it, and no change


def write(path: Path, prepared: Prepared, now: datetime, options: PlanOptions) -> None:
    """Write a plan to a file, for `apply PLANFILE`, which plans with the same options."""
    document = {
        **plan_document(prepared.plan),
        "options": options.document(),
        "bound": {**_bound(prepared), "created": now.isoformat(), "expires": (now + LIFE).isoformat()},
    }
    document["bound"]["seal"] = _seal(document, prepared)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    output.write(path, writing.record(text, f"the plan file {path}"), "plan-file")


def read(path: Path) -> Mapping[str, Any]:
    """A plan from a file; StateError when it is not one."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
        document = strict_json(content) if len(content) <= LIMIT else None
    except OSError as error:
        message = f"cannot read the plan file {path}: {error.strerror}"
        raise StateError(message, "make a new one with plan --out", id="E920") from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("bound"), dict):
        message = f"{path} is not a plan that tavusctl wrote with --out"
        raise StateError(message, "make a new one with plan --out", id="E920")
    return document


def check(approved: Mapping[str, Any], prepared: Prepared, now: datetime) -> None:
    """Compare an approved plan with the one made just now; ConflictError says how they differ."""
    prepared.custody.check_trusted()
    bound, current = approved["bound"], _bound(prepared)
    _compare(bound, current, _BEFORE_THE_SEAL)
    if bound.get("seal") != _seal(approved, prepared):
        _refuse("it was edited")
    _compare(bound, current, _BOUND)
    if datetime.fromisoformat(bound["expires"]) < now:
        _refuse("it has expired: a plan is good for 24 hours")
    fresh = json.loads(json.dumps(plan_document(prepared.plan)))
    expired = [one["address"] for one in _late(approved, fresh)]
    if expired:
        _refuse(f"a link has come to its end since it was made: {', '.join(expired)}")
    if approved.get("limits") != fresh.get("limits"):
        _refuse("the limits of safety in tavusctl.yaml have changed since it was made")
    for part in ("changes", "refused", "fingerprint", "moved"):
        before, after = _binding(approved.get(part)), _binding(fresh.get(part))
        if before != after:
            _refuse(f"the account has changed since it was made{_where(before, after)}")


def _compare(bound: Mapping[str, Any], current: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in names:
        before, after = bound.get(name), current[name]
        if name == "secrets" and isinstance(before, dict):
            # A secret without a value counts as unchanged: the changes of the plan tell whether it is.
            before, after = ({one: known[one] for one in before if one in after} for known in (before, after))
        if before != after:
            _refuse(_BOUND[name] + _which(before, after))


def _which(before: object, after: object) -> str:
    """The names of what differs, where a plan is bound to several of a sort."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    return f": {', '.join(sorted(one for one in {*before, *after} if before.get(one) != after.get(one)))}"


def _late(approved: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Refusals that only the time has brought."""
    known = [one.get("address") for one in approved["refused"] if one.get("code") == _EXPIRING]
    return [one for one in fresh["refused"] if one["code"] == _EXPIRING and one["address"] not in known]


def _binding(part: object) -> object:
    """A part of a plan less what it says of others: one more user of a shared object changes nothing that is done."""
    if not isinstance(part, list):
        return part
    return [
        {name: value for name, value in entry.items() if name != "affects" or entry.get("action") in _GOES}
        if isinstance(entry, dict)
        else entry
        for entry in part
    ]


def _seal(document: Mapping[str, Any], prepared: Prepared) -> str:
    """A keyed digest of a plan file: without a key, not a byte of it can be changed, its end least of all."""
    bound = {name: value for name, value in document["bound"].items() if name != "seal"}
    text = canonical({**document, "bound": bound})
    return hmac.digest(_key(prepared), text.encode(), "sha256").hex()


def _key(prepared: Prepared) -> bytes:
    """What seals a plan file: the key of the lineage, so that every API key of the state can apply it.

    A state that was never written has no such key yet, and neither has a state whose seal cannot be checked.
    """
    custody = prepared.custody
    known = custody.key if custody.trust is Trust.SEALED else prepared.request.keys.api_key.encode()
    return derived(known, "tavusctl plan file")


def _bound(prepared: Prepared) -> dict[str, Any]:
    state, request = prepared.state, prepared.request
    # A state that was never written gets its lineage with the first apply.
    lineage = state.lineage if state.serial else ""
    key = _key(prepared)
    account = [request.environment.account, lineage or Secret("", key).fingerprint.digest]
    manifests = {
        str(one.address): digest([plain(sources.sent(one.spec)), repr(one.lifecycle), one.external_id, _upload(one)])
        for one in prepared.desired
    }
    return {
        "tavusctl_version": __version__,
        "environment": request.environment.name,
        "account": digest(account),
        "lineage": lineage,
        "serial": state.serial,
        "commit": head(Path.cwd()) or os.environ.get("GITHUB_SHA", ""),
        "settings": request.environment.crawl_limit,
        "configuration": manifests,
        "secrets": {name: Secret(value, key).fingerprint.digest for name, value in request.secrets.items() if value},
        "watched": {
            str(one.address): digest(one.spec[sources.KEY]) for one in prepared.desired if sources.KEY in one.spec
        },
    }


def _upload(one: Desired) -> str:
    return one.file.upload if one.file else ""


def _where(approved: object, fresh: object) -> str:
    if not isinstance(approved, list) or not isinstance(fresh, list):
        return ""
    before, after = _by_address(approved), _by_address(fresh)
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return f": {', '.join(names)}" if names else ""


def _by_address(entries: list[Any]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for entry in entries:
        grouped.setdefault(str(entry.get("address")) if isinstance(entry, dict) else "", []).append(entry)
    return grouped


def _refuse(why: str) -> None:
    message = f"the plan file is stale: {why}"
    raise ConflictError(message, _HINT, id="E302")
