"""The risks of a change: it deletes something, or sends a secret or data to a place that has not had it before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tavusctl import patch
from tavusctl.core.json_tree import is_empty, pattern_of
from tavusctl.core.model import Action, Change, Risk
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import redaction, url_credentials
from tavusctl.secrets.redaction import SHOWN
from tavusctl.secrets.values import Secret

NEW_HOST: Final = "new-host"
NEW_SECRET: Final = "new-secret"  # noqa: S105 - the id of a risk
NEW_STORE: Final = "new-store"
_WHOLE: Final = frozenset({Action.CREATE, Action.ADOPT, Action.REPLACE})
_SENDS_NOTHING: Final = frozenset({Action.DELETE, Action.RETIRE, Action.FORGET, Action.UNPROTECT, Action.RECRAWL})
_LOSSES: Final = {
    Action.DELETE: "deletes the object; its id is lost",
    Action.REPLACE: "replaces the object by a new one with another id",
    Action.RETIRE: "deletes the old version",
    Action.UNPROTECT: "removes protection",
}
# A scheme and what follows it; browsers need no slashes after those that they know.
_SCHEME = pattern(r"(?:([a-z][a-z0-9+.-]*):(?=//)|(https?|wss?):)?/*", re.IGNORECASE)
_URL_KEY = pattern(r"(^|_)(url|uri|host|endpoint|webhook)$", re.IGNORECASE)
_DROPPED = pattern(r"[\x00-\x1f]")
_AUTHORITY = pattern(r"[^/?#]*")
_PORTS: Final = {"https": 443, "http": 80, "wss": 443, "ws": 80}
_SAFE: Final = frozenset({"https", "wss", ""})


def of(change: Change) -> tuple[Risk, ...]:
    """The risks of a change, the worst first; the view of a change has the risks of the original."""
    if change.risks is not None:
        return change.risks
    loss = _LOSSES.get(change.action)
    return (*([Risk(change.action.value, loss)] if loss else []), *_new_hosts(change), *_new_uses(change))


def is_addition(risk: Risk) -> bool:
    """Whether a risk is about something that a change adds; the action alone shows what a change deletes."""
    return risk.id in (NEW_HOST, NEW_SECRET, NEW_STORE)


def host(value: Json, key: str = "") -> str:
    """The host that a URL sends to, as browsers read it; with its scheme if the connection is not encrypted.

    Empty if the value is not a URL.  A URL that cannot be parsed stands for its own host: it differs from any other.
    """
    if not isinstance(value, str):
        return ""
    text, prefix = _split_prefix(value)
    if not text or not (_URL_KEY.search(key) or (("//" in prefix or ":" in prefix) and " " not in text)):
        return ""
    try:
        parts = urlsplit("//" + text[len(prefix) :])
        name, port = _ascii(parts.hostname or ""), parts.port
    except ValueError:
        return value
    return _formatted(prefix.partition(":")[0].lower() if ":" in prefix else "", name, port) or value


def _split_prefix(value: str) -> tuple[str, str]:
    """A URL as browsers read it, and its prefix: the scheme, if it has one, and the slashes."""
    text = _DROPPED.sub("", value).strip().replace("\\", "/")
    scheme = _SCHEME.match(text)
    return text, scheme.group() if scheme else ""


def _redacted_host(value: str, name: str) -> str:
    """The host of a URL, or a mask if a secret is part of it.

    The host is in lower case, so the redaction of a report would not find the secret in it.
    """
    text, prefix = _split_prefix(value)
    url = text if ":" in prefix else f"//{text[len(prefix) :]}"
    authority = _AUTHORITY.match(text, len(prefix))
    end = len(url) - len(text) + (authority.end() if authority else len(text))
    start = url.rfind("@", 0, end) + 1 or len(url) - len(text) + len(prefix)
    return SHOWN if redaction.overlaps_secret(url, start, end) else name


def _formatted(scheme: str, name: str, port: int | None) -> str:
    text = f"[{name}]" if ":" in name else name
    text += f":{port}" if port is not None and port != _PORTS.get(scheme) else ""
    return (text if scheme in _SAFE else f"{scheme}://{text}") if name else ""


def _ascii(name: str) -> str:
    """A host name as it is sent to DNS: a letter that only looks like another one becomes visible."""
    try:
        return name.encode("ascii").decode().lower().rstrip(".")
    except UnicodeEncodeError:
        return name.encode("idna").decode().lower().rstrip(".")


def _new_hosts(change: Change) -> Iterator[Risk]:
    side = change.desired or change.live
    kind = side.kind if side else None
    old_names = {one.name for path, value in _old_values(change) for one in _hosts(kind, path, value)}
    reported: set[_Host] = set()
    for path, value in _new_values(change):
        for one in _hosts(kind, path, value):
            if one.name not in old_names and one not in reported:
                reported.add(one)
                yield Risk(NEW_HOST, f"sends data to a new host: {one.shown}", one.place, one.shown)


def _new_uses(change: Change) -> Iterator[Risk]:
    """Secrets that were never sent before, or that go to a field that had none; stores that had no file before."""
    desired = change.desired
    if desired is None or change.action in _SENDS_NOTHING:
        return
    is_whole = change.action in _WHOLE
    for pointer, names in sorted(desired.secret_names.items()):
        field = next((one for one in change.fields if f"{pointer}/".startswith(f"{one.path}/")), None)
        if not is_whole and field is None:
            continue
        new = [name for name in names if name in desired.new_inputs]
        if new:
            yield Risk(NEW_SECRET, f"sends a secret for the first time: {', '.join(new)}", pointer)
        elif field and not is_whole and field.path == pointer and is_empty(field.base) and is_empty(field.live):
            yield Risk(NEW_SECRET, f"sends a secret to a field that had none: {', '.join(names)}", pointer)
    if desired.file and desired.file.upload in desired.new_inputs:
        yield Risk(NEW_STORE, f"uploads its file to a new place: {desired.file.upload}")


def _old_values(change: Change) -> Iterator[tuple[KeyPath, Json]]:
    """The live and the last applied values of an object: a host in them is not new."""
    if change.live is not None:
        yield (), change.live.body
    for field in change.fields:
        yield from ((patch.split(field.path), value) for value in (field.base, field.live))


def _new_values(change: Change) -> Iterator[tuple[KeyPath, Json]]:
    if change.action in (Action.CREATE, Action.ADOPT) and change.desired is not None:
        yield (), change.desired.spec
    elif change.action not in (Action.DELETE, Action.RETIRE, Action.FORGET):
        yield from ((patch.split(field.path), field.desired) for field in change.fields)


class _Host(NamedTuple):
    """A host that a value sends data to, and the place of the value."""

    place: str  # pointer
    name: str
    shown: str  # the name, or a mask if a secret is part of it


def _hosts(kind: ResourceKind | None, path: KeyPath, value: Json, place: KeyPath = ()) -> Iterator[_Host]:
    """Every host in a value; `path` has `*` for indices of lists, `place` the indices.

    Only fields whose URLs Tavus calls count: a URL in a name, a tag or a prompt sends nothing anywhere.
    """
    place = place or path
    path = pattern_of(path)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _hosts(kind, (*path, key), item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _hosts(kind, (*path, "*"), item, (*place, str(index)))
    elif kind is None or kind.may_receive_data(path):
        text = value.reveal() if isinstance(value, Secret) else value
        name = _secret_host(text) if isinstance(value, Secret) else host(text, path[-1] if path else "")
        if name and isinstance(text, str):
            yield _Host(patch.join(place), name, _redacted_host(text, name))


def _secret_host(text: Json) -> str:
    """The host of a URL that has a credential or is a secret as a whole; empty if the secret is not a URL.

    A URL that cannot be parsed would be its own host, and so show the secret: it is only called invalid.
    """
    name = host(text) if isinstance(text, str) and url_credentials.is_url(text) else ""
    return "an invalid URL" if name == text else name
