"""What is dangerous about a change: it takes something away, or sends a secret or data where none of it was before."""

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
_TAKES_AWAY: Final = {
    Action.DELETE: "deletes the object; its id is lost",
    Action.REPLACE: "replaces the object by a new one with another id",
    Action.RETIRE: "deletes the old version",
    Action.UNPROTECT: "removes protection",
}
# A scheme and what follows it; browsers need no slashes after those that they know.
_SCHEME = pattern(r"(?:([a-z][a-z0-9+.-]*):(?=//)|(https?|wss?):)?/*", re.IGNORECASE)
_CALLED_URL = pattern(r"(^|_)(url|uri|host|endpoint|webhook)$", re.IGNORECASE)
_DROPPED = pattern(r"[\x00-\x1f]")
_AUTHORITY = pattern(r"[^/?#]*")
_PORTS: Final = {"https": 443, "http": 80, "wss": 443, "ws": 80}
_SAFE: Final = frozenset({"https", "wss", ""})


def of(change: Change) -> tuple[Risk, ...]:
    """The risks of a change, the worst first; of a change to show, those that the true one has."""
    if change.risks is not None:
        return change.risks
    taken = _TAKES_AWAY.get(change.action)
    return (*([Risk(change.action.value, taken)] if taken else []), *_new_hosts(change), *_new_uses(change))


def brings(risk: Risk) -> bool:
    """Whether it is about what a change brings along; what it takes away, its action says already."""
    return risk.id in (NEW_HOST, NEW_SECRET, NEW_STORE)


def host(value: Json, key: str = "") -> str:
    """The host that a value sends to, as browsers read it; with its scheme when that is not encrypted.

    Empty when the value is no URL; a URL that cannot be read is its own host, for it surely is not the one before.
    """
    if not isinstance(value, str):
        return ""
    text, begun = _cleaned(value)
    if not text or not (_CALLED_URL.search(key) or (("//" in begun or ":" in begun) and " " not in text)):
        return ""
    try:
        parts = urlsplit("//" + text[len(begun) :])
        name, port = _ascii(parts.hostname or ""), parts.port
    except ValueError:
        return value
    return _told(begun.partition(":")[0].lower() if ":" in begun else "", name, port) or value


def _cleaned(value: str) -> tuple[str, str]:
    """A URL as browsers read it, and how it begins: its scheme, if it has one, and slashes."""
    text = _DROPPED.sub("", value).strip().replace("\\", "/")
    scheme = _SCHEME.match(text)
    return text, scheme.group() if scheme else ""


def _shown(value: str, found: str) -> str:
    """The host of a URL as reports may tell it: it is in small letters, in which no redaction would find a secret."""
    text, begun = _cleaned(value)
    url = text if ":" in begun else f"//{text[len(begun) :]}"
    authority = _AUTHORITY.match(text, len(begun))
    end = len(url) - len(text) + (authority.end() if authority else len(text))
    start = url.rfind("@", 0, end) + 1 or len(url) - len(text) + len(begun)
    return SHOWN if redaction.is_amid(url, start, end) else found


def _told(scheme: str, name: str, port: int | None) -> str:
    shown = f"[{name}]" if ":" in name else name
    shown += f":{port}" if port is not None and port != _PORTS.get(scheme) else ""
    return (shown if scheme in _SAFE else f"{scheme}://{shown}") if name else ""


def _ascii(name: str) -> str:
    """A name as it is looked up: letters that look like others show as what they are."""
    try:
        return name.encode("ascii").decode().lower().rstrip(".")
    except UnicodeEncodeError:
        return name.encode("idna").decode().lower().rstrip(".")


def _new_hosts(change: Change) -> Iterator[Risk]:
    side = change.desired or change.live
    kind = side.kind if side else None
    known = {one.name for path, value in _before(change) for one in _hosts(kind, path, value)}
    seen: set[_Host] = set()
    for path, value in _wanted(change):
        for one in _hosts(kind, path, value):
            if one.name not in known and one not in seen:
                seen.add(one)
                yield Risk(NEW_HOST, f"sends data to a new host: {one.shown}", one.place, one.shown)


def _new_uses(change: Change) -> Iterator[Risk]:
    """Secrets that nothing has sent before, or that go where there was none; stores that had no file before."""
    desired = change.desired
    if desired is None or change.action in _SENDS_NOTHING:
        return
    whole = change.action in _WHOLE
    for pointer, names in sorted(desired.reads.items()):
        entry = next((one for one in change.fields if f"{pointer}/".startswith(f"{one.path}/")), None)
        if not whole and entry is None:
            continue
        new = [name for name in names if name in desired.untried]
        if new:
            yield Risk(NEW_SECRET, f"sends a secret for the first time: {', '.join(new)}", pointer)
        elif entry and not whole and entry.path == pointer and is_empty(entry.base) and is_empty(entry.live):
            yield Risk(NEW_SECRET, f"sends a secret to a field that had none: {', '.join(names)}", pointer)
    if desired.file and desired.file.upload in desired.untried:
        yield Risk(NEW_STORE, f"uploads its file to a new place: {desired.file.upload}")


def _before(change: Change) -> Iterator[tuple[KeyPath, Json]]:
    """What the object is and was: a host in it has been there."""
    if change.live is not None:
        yield (), change.live.body
    for entry in change.fields:
        yield from ((patch.split(entry.path), side) for side in (entry.base, entry.live))


def _wanted(change: Change) -> Iterator[tuple[KeyPath, Json]]:
    if change.action in (Action.CREATE, Action.ADOPT) and change.desired is not None:
        yield (), change.desired.spec
    elif change.action not in (Action.DELETE, Action.RETIRE, Action.FORGET):
        yield from ((patch.split(entry.path), entry.desired) for entry in change.fields)


class _Host(NamedTuple):
    """Whom a value sends to, and where it stands."""

    place: str  # pointer
    name: str
    shown: str  # as reports may tell it


def _hosts(kind: ResourceKind | None, path: KeyPath, value: Json, place: KeyPath = ()) -> Iterator[_Host]:
    """Every host in a value; `path` has `*` for places in lists.

    Only where Tavus calls what stands there: an address in a name, a tag or a prompt sends nothing anywhere.
    """
    place = place or path
    path = pattern_of(path)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _hosts(kind, (*path, key), item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _hosts(kind, (*path, "*"), item, (*place, str(index)))
    elif kind is None or kind.may_be_called(path):
        text = value.reveal() if isinstance(value, Secret) else value
        name = _secret_host(text) if isinstance(value, Secret) else host(text, path[-1] if path else "")
        if name and isinstance(text, str):
            yield _Host(patch.join(place), name, _shown(text, name))


def _secret_host(text: Json) -> str:
    """The host of an address with a key in it, or of one that is a secret as a whole: who is called is none."""
    found = host(text) if isinstance(text, str) and url_credentials.is_address(text) else ""
    return "an invalid URL" if found == text else found
