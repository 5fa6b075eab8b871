"""Plan files: a plan, and everything it depends on.  They can stop an apply, and never steer it."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

from tavusctl import __version__
from tavusctl.app.files import file_writer, output_files
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.core.errors import ConflictError, StateError
from tavusctl.core.json_tree import canonical, digest, plain
from tavusctl.core.model import Action, Desired
from tavusctl.crawl import source_fingerprint
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.integrations.git.process import head
from tavusctl.lib.json_types import Json, JsonObject, as_list, as_object, as_text
from tavusctl.lib.strict_json import strict_json
from tavusctl.reports.json import plan_document
from tavusctl.secrets.key_wrapping import derived
from tavusctl.secrets.values import Secret, Unread
from tavusctl.state.seals import Trust

LIMIT = 16 * 1024 * 1024
LIFE = timedelta(hours=24)
_HINT = "make and review a new plan"
# Who refers to an object is a reason to look again where the object itself goes; elsewhere it is for reading.
_GOES = frozenset({Action.REPLACE, Action.DELETE})
# What a plan is bound to, in the order in which a difference explains most, with the words for it.
_BOUND = {
    "tavusctl_version": "another version of tavusctl made it",
    "environment": "it is for another environment",
    "lineage": "it belongs to another state",
    "account": "it is for another account",
    "serial": "the state has changed since it was made: another apply has run",
    "commit": "the repository is at another commit",
    "settings": "`crawl_limit` in tavusctl.yaml has changed since it was made",
    "configuration": "the manifests have changed since it was made",
    "secrets": "a secret has changed since it was made",
    "watched": "the source of a watched document has changed since it was made",
}
# Where these differ the seal is made otherwise, too, and nothing is to be learnt from it.
_BEFORE_THE_SEAL = ("tavusctl_version", "environment", "lineage", "account")
_EXPIRING = "E407"  # the refusal of a link that is about to end: time has brought it, and no change


def write(path: Path, prepared: PreparedPlan, now: datetime, options: PlanOptions) -> None:
    """Write a plan to a file, for `apply PLANFILE`, which plans with the same options."""
    key, *_ = _keys(prepared)
    bound = {**_bound(prepared, key), "created": now.isoformat(), "expires": (now + LIFE).isoformat()}
    document = {**plan_document(prepared.plan), "options": options.document(), "bound": bound}
    bound["seal"] = _seal(document, key)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    output_files.write(path, file_writer.record(text, f"the plan file {path}"), "plan-file")


def read(path: Path) -> Mapping[str, Json]:
    """A plan from a file; StateError when it is not one."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
        document = strict_json(content) if len(content) <= LIMIT else None
    except OSError as error:
        message = f"cannot read the plan file `{path}`: {error.strerror}"
        raise StateError(message, "make a new plan file with `tavusctl plan --out`", id="E920") from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("bound"), dict):
        message = f"`{path}` is not a plan file of `tavusctl plan --out`"
        raise StateError(message, "make a new plan file with `tavusctl plan --out`", id="E920")
    return document


def check(approved: Mapping[str, Json], prepared: PreparedPlan, now: datetime) -> None:
    """Compare an approved plan with the one made just now; ConflictError says how they differ."""
    prepared.custody.check_trusted()
    bound, keys = as_object(approved["bound"]), _keys(prepared)
    key = next((one for one in keys if _name(one) == bound.get("key")), keys[0])
    current = _bound(prepared, key)
    _compare(bound, current, _BEFORE_THE_SEAL)
    if bound.get("key") != current["key"]:
        _refuse_key(prepared)
    if bound.get("seal") != _seal(approved, key):
        _refuse("it was edited")
    _compare(bound, current, _BOUND)
    if datetime.fromisoformat(as_text(bound["expires"])) < now:
        _refuse("it has expired: a plan file is valid for 24 hours")
    fresh = as_object(json.loads(json.dumps(plan_document(prepared.plan))))
    expired = [as_text(one["address"]) for one in _late(approved, fresh)]
    if expired:
        _refuse(f"a signed URL has expired since it was made: {', '.join(expired)}")
    if approved.get("limits") != fresh.get("limits"):
        _refuse("the limits of `safety:` in tavusctl.yaml have changed since it was made")
    for part in ("changes", "refused", "fingerprint", "moved"):
        before, after = _binding(approved.get(part)), _binding(fresh.get(part))
        if before != after:
            _refuse(f"the account has changed since it was made{_where(before, after)}")


def _compare(bound: Mapping[str, Json], current: Mapping[str, Json], names: Iterable[str]) -> None:
    for name in names:
        before, after = bound.get(name), current[name]
        if name == "secrets" and isinstance(before, dict) and isinstance(after, dict):
            # A secret without a value counts as unchanged: the changes of the plan tell whether it is.
            both = before.keys() & after.keys()
            before, after = ({one: known[one] for one in both} for known in (before, after))
        if before != after:
            _refuse(_BOUND[name] + _which(before, after))


def _which(before: object, after: object) -> str:
    """The names of what differs, where a plan is bound to several of a sort."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    return f": {', '.join(sorted(one for one in {*before, *after} if before.get(one) != after.get(one)))}"


def _late(approved: Mapping[str, Json], fresh: Mapping[str, Json]) -> list[JsonObject]:
    """Refusals that only the time has brought."""
    known = [one.get("address") for one in _refused(approved) if one.get("code") == _EXPIRING]
    return [one for one in _refused(fresh) if one["code"] == _EXPIRING and one["address"] not in known]


def _refused(document: Mapping[str, Json]) -> Iterator[JsonObject]:
    return map(as_object, as_list(document["refused"]))


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


def _seal(document: Mapping[str, Json], key: bytes) -> str:
    """A keyed digest of a plan file: without a key, not a byte of it can be changed, its end least of all."""
    bound = {name: value for name, value in as_object(document["bound"]).items() if name != "seal"}
    text = canonical({**document, "bound": bound})
    return hmac.digest(key, text.encode(), "sha256").hex()


def _keys(prepared: PreparedPlan) -> Sequence[bytes]:
    """What may have sealed a plan file; the first of them seals a new one.

    That is the key of the lineage, so that every API key of the state can apply it, one that came later, too.  A state
    that was never written has no such key yet, and neither has a state whose seal cannot be checked: the keys at hand
    stand in for it, the former API key among them.
    """
    custody, keys = prepared.custody, prepared.request.keys
    known = (
        [custody.key] if custody.trust is Trust.SEALED else [one.encode() for one in (keys.shared, *keys.all) if one]
    )
    return [derived(one, "tavusctl plan file") for one in known]


def _name(key: bytes) -> str:
    """Tells which key has sealed a plan file, and nothing else of it."""
    return derived(key, "tavusctl plan file, name of the key").hex()[:16]


def _bound(prepared: PreparedPlan, key: bytes) -> JsonObject:
    state, request = prepared.state, prepared.request
    # A state that was never written gets its lineage with the first apply.
    lineage = state.lineage if state.serial else ""
    manifests = {
        str(one.address): digest(
            [plain(source_fingerprint.sent(one.spec)), repr(one.lifecycle), one.external_id, _upload(one)]
        )
        for one in prepared.desired
    }
    return {
        "tavusctl_version": __version__,
        "environment": request.environment.name,
        "account": digest([request.environment.account, lineage]),
        "lineage": lineage,
        "key": _name(key),
        "serial": state.serial,
        "commit": head(Path.cwd()) or os.environ.get("GITHUB_SHA", ""),
        "settings": request.environment.crawl_limit,
        "configuration": manifests,
        "secrets": {name: _print(value, key) for name, value in request.secrets.items() if value},
        "watched": {
            str(one.address): digest(one.spec[source_fingerprint.KEY])
            for one in prepared.desired
            if source_fingerprint.KEY in one.spec
        },
    }


def _print(value: str | Unread, key: bytes) -> str:
    return (value if isinstance(value, Unread) else Secret(value, key, known=True)).fingerprint.digest


def _upload(one: Desired) -> str:
    return one.file.upload if one.file else ""


def _where(approved: object, fresh: object) -> str:
    if not isinstance(approved, list) or not isinstance(fresh, list):
        return ""
    before, after = _by_address(approved), _by_address(fresh)
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return f": {', '.join(names)}" if names else ""


def _by_address(entries: list[Json]) -> dict[str, list[Json]]:
    grouped: dict[str, list[Json]] = {}
    for entry in entries:
        grouped.setdefault(str(entry.get("address")) if isinstance(entry, dict) else "", []).append(entry)
    return grouped


def _refuse_key(prepared: PreparedPlan) -> NoReturn:
    """Say of which key a plan is not, with what helps: none of those at hand has sealed it."""
    if prepared.custody.trust is Trust.SEALED:
        _refuse("the state has another key than the one that sealed it; `state rekey` makes a new key")
    former = prepared.request.keys.former_name
    why = "it was made before the first apply, with another API key than the current ones"
    _refuse(why, f"set {former} to the API key that made it, or {_HINT}")


def _refuse(why: str, hint: str = _HINT) -> NoReturn:
    message = f"the plan file is stale: {why}"
    raise ConflictError(message, hint, id="E302")
