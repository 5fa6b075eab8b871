"""Plan files: a plan, and digests of everything it depends on.  They can stop an apply, but never steer it."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

from tavusctl import __version__
from tavusctl.app.files import file_writer
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.core.errors import ConflictError, StateError
from tavusctl.core.json_tree import canonical, digest, manifest_notation
from tavusctl.core.model import Action
from tavusctl.crawl import source_fingerprint
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.integrations.git.process import head
from tavusctl.kinds import KINDS, name_of
from tavusctl.lib.json_types import Json, JsonObject, as_list, as_object, as_text
from tavusctl.lib.strict_json import strict_json
from tavusctl.reports.json import plan_document
from tavusctl.secrets.key_wrapping import derive_key
from tavusctl.secrets.values import Secret, UnreadSecret
from tavusctl.state.seals import Trust

LIMIT = 16 * 1024 * 1024
LIFE = timedelta(hours=24)
_HINT = "make and review a new plan"
# `affects` (who refers to an object) matters only if the object itself goes; for other actions it is information.
_GOES = frozenset({Action.REPLACE, Action.DELETE})
# What a plan is bound to, with the reason for a refusal; what explains most other differences comes first.
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
# If one of these differs, the seal differs as well and proves nothing, so they are compared before it.
_BEFORE_THE_SEAL = ("tavusctl_version", "environment", "lineage", "account")
_EXPIRING = "E407"  # the refusal of a signed URL that is about to expire: caused by time, not by a change

_written: ContextVar[list[Path] | None] = ContextVar("written", default=None)


def write(path: Path, prepared: PreparedPlan, now: datetime, options: PlanOptions) -> None:
    """Write a plan to a file, for `apply PLANFILE`, which plans with the same options."""
    key, *_ = _keys(prepared)
    bound = {**_bound(prepared, key), "created": now.isoformat(), "expires": (now + LIFE).isoformat()}
    document = {**plan_document(prepared.plan), "options": options.document(), "bound": bound}
    bound["seal"] = _seal(document, key)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    file_writer.write(path, file_writer.record(text, f"the plan file {path}"))
    if (collected := _written.get()) is not None:
        collected.append(path.absolute())


def are_collected() -> bool:
    """Whether a caller of the command takes the plan files that it writes."""
    return _written.get() is not None


@contextlib.contextmanager
def collect_plan_files() -> Iterator[Sequence[Path]]:
    """A context that collects the absolute paths of the plan files written in it."""
    collected: list[Path] = []
    token = _written.set(collected)
    try:
        yield collected
    finally:
        _written.reset(token)


def read(path: Path) -> Mapping[str, Json]:
    """The document of a plan file; StateError if the file is not a plan file."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
        document = strict_json(content) if len(content) <= LIMIT else None
    except OSError as error:
        message = f"cannot read the plan file `{path}`: {error.strerror}"
        hint = "make a new plan file with `tavusctl plan --out FILE`"
        if name_of(str(path.parent)) in KINDS:
            hint = f"to apply one object and what it refers to, run `tavusctl apply --target {path}`"
        raise StateError(message, hint, id="E920") from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("bound"), dict):
        message = f"`{path}` is not a plan file of `tavusctl plan --out FILE`"
        raise StateError(message, "make a new plan file with `tavusctl plan --out FILE`", id="E920")
    return document


def check(approved: Mapping[str, Json], prepared: PreparedPlan, now: datetime) -> None:
    """Compare an approved plan with the fresh one; ConflictError says how they differ."""
    prepared.seals.check_trusted()
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
    addresses = [as_text(one["address"]) for one in _expired_urls(approved, fresh)]
    if addresses:
        _refuse(f"a signed URL has expired since it was made: {', '.join(addresses)}")
    if approved.get("limits") != fresh.get("limits"):
        _refuse("the limits of `safety:` in tavusctl.yaml have changed since it was made")
    for part in ("changes", "refused", "fingerprint", "moved"):
        before, after = _comparable(approved.get(part)), _comparable(fresh.get(part))
        if before != after:
            names = _changed_names(_by_address(before), _by_address(after))
            _refuse(f"the account has changed since it was made{names}")


def _compare(bound: Mapping[str, Json], current: Mapping[str, Json], names: Iterable[str]) -> None:
    for name in names:
        before, after = bound.get(name), current[name]
        if name == "secrets" and isinstance(before, dict) and isinstance(after, dict):
            # A secret without a value in one of the runs counts as unchanged; the changes of the plan show if it is.
            both = before.keys() & after.keys()
            before, after = ({secret: digests[secret] for secret in both} for digests in (before, after))
        if before != after:
            # A plan without a state was made before the first apply, which writes one.
            reason = _BOUND["serial" if name == "lineage" and before == "" else name]
            _refuse(reason + _changed_names(before, after))


def _changed_names(before: object, after: object) -> str:
    """The names of the entries that differ, as the end of a message; empty if the values are not mappings."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return f": {', '.join(names)}" if names else ""


def _expired_urls(approved: Mapping[str, Json], fresh: Mapping[str, Json]) -> list[JsonObject]:
    """The refusals of expiring signed URLs that the approved plan does not have: only time has caused them."""
    approved_addresses = [one.get("address") for one in _refused(approved) if one.get("code") == _EXPIRING]
    return [one for one in _refused(fresh) if one["code"] == _EXPIRING and one["address"] not in approved_addresses]


def _refused(document: Mapping[str, Json]) -> Iterator[JsonObject]:
    return map(as_object, as_list(document["refused"]))


def _comparable(part: object) -> object:
    """A part of a plan without `affects`, because one more user of a shared object does not change the plan."""
    if not isinstance(part, list):
        return part
    return [
        {name: value for name, value in entry.items() if name != "affects" or entry.get("action") in _GOES}
        if isinstance(entry, dict)
        else entry
        for entry in part
    ]


def _seal(document: Mapping[str, Json], key: bytes) -> str:
    """A keyed digest of a plan file (HMAC-SHA-256), its expiry included: no part can be changed without the key."""
    bound = {name: value for name, value in as_object(document["bound"]).items() if name != "seal"}
    text = canonical({**document, "bound": bound})
    return hmac.digest(key, text.encode(), "sha256").hex()


def _keys(prepared: PreparedPlan) -> Sequence[bytes]:
    """The keys that may have sealed a plan file; the first one seals a new file.

    That is the key of the lineage, so that every API key of the state can apply the file, also one that was added
    later.  A state that was never written, or whose seal cannot be checked, has no such key: then it is the available
    keys instead, the former API key among them.
    """
    seals, keys = prepared.seals, prepared.inputs.keys
    candidates = (
        [seals.key] if seals.trust is Trust.SEALED else [one.encode() for one in (keys.shared, *keys.all) if one]
    )
    return [derive_key(one, "tavusctl plan file") for one in candidates]


def _name(key: bytes) -> str:
    """A public id of the key that sealed a plan file; it reveals nothing else about the key."""
    return derive_key(key, "tavusctl plan file, name of the key").hex()[:16]


def _bound(prepared: PreparedPlan, key: bytes) -> JsonObject:
    state, inputs = prepared.state, prepared.inputs
    # A state that was never written gets its lineage with the first apply.
    lineage = state.lineage if state.serial else ""
    manifests = {
        str(one.address): digest(
            [
                manifest_notation(source_fingerprint.without_fingerprint(one.spec)),
                repr(one.lifecycle),
                one.external_id,
                one.file.upload if one.file else "",
            ]
        )
        for one in prepared.desired
    }
    return {
        "tavusctl_version": __version__,
        "environment": inputs.environment.name,
        "account": digest([inputs.environment.account, lineage]),
        "lineage": lineage,
        "key": _name(key),
        "serial": state.serial,
        "commit": head(Path.cwd()) or os.environ.get("GITHUB_SHA", ""),
        "settings": inputs.environment.crawl_limit,
        "configuration": manifests,
        "secrets": {name: _fingerprint(value, key) for name, value in inputs.secrets.items() if value},
        "watched": {
            str(one.address): digest(one.spec[source_fingerprint.KEY])
            for one in prepared.desired
            if source_fingerprint.KEY in one.spec
        },
    }


def _fingerprint(value: str | UnreadSecret, key: bytes) -> str:
    return (value if isinstance(value, UnreadSecret) else Secret(value, key, public=True)).fingerprint.digest


def _by_address(entries: object) -> dict[str, list[Json]] | None:
    """The entries of a list by their address; None for any other value."""
    if not isinstance(entries, list):
        return None
    grouped: dict[str, list[Json]] = {}
    for entry in entries:
        grouped.setdefault(str(entry.get("address")) if isinstance(entry, dict) else "", []).append(entry)
    return grouped


def _refuse_key(prepared: PreparedPlan) -> NoReturn:
    """Refuse a plan file that none of the available keys has sealed, with the hint for the trust in the state."""
    if prepared.seals.trust is Trust.SEALED:
        _refuse("the state has another key than the one that sealed it; `state rekey` makes a new key")
    variable = prepared.inputs.keys.former_name
    reason = "it was made before the first apply, with another API key than the current ones"
    _refuse(reason, f"set {variable} to the API key that made it, or {_HINT}")


def _refuse(reason: str, hint: str = _HINT) -> NoReturn:
    message = f"the plan file is stale: {reason}"
    raise ConflictError(message, hint, id="E302")
