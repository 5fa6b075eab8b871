"""The state as JSON: sorted keys, a checksum, no secret; refuses what it cannot fully understand.

Layout: {"format": 1, "tavusctl_version", "lineage", "serial", "account", "key_digest", "resources": {address: binding},
"keys", "mac", "accepted", "safety", "reads", "checksum"}, where the checksum is SHA-256 of the canonical JSON of
everything else: it finds damage.  `mac` is made and checked above this level, by whoever has a key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, NoReturn

from msgspec import convert
from msgspec.structs import asdict

from tavusctl import __version__
from tavusctl.document import canonical
from tavusctl.errors import StateError
from tavusctl.model import Address, Known, Safety
from tavusctl.ports import State
from tavusctl.records import binding_in, binding_out
from tavusctl.strictjson import MAX_RECORDED, strict_json

FORMAT = 1
_SEALS = ("keys", "mac", "accepted")
_HINT = "restore it from a backup, or move it away and bind the objects again with import --match-names"


def encode(state: State, fence: str = "") -> bytes:
    """The state as the bytes of its file; a `fence` tells this write from all others and is not part of the state."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "tavusctl_version": __version__,
        "lineage": state.lineage,
        "serial": state.serial,
        "account": state.account,
        "key_digest": state.key_digest,
        "resources": {str(binding.address): binding_out(binding) for binding in state.bindings.values()},
    }
    document |= {name: value for name in _SEALS if (value := getattr(state, name))}
    if state.safety is not None:
        document["safety"] = asdict(state.safety)
    if state.reads is not None:
        document["reads"] = asdict(state.reads)
    if fence:
        document["fence"] = fence
    plain = json.loads(canonical(document))
    plain["checksum"] = _checksum(plain)
    return (json.dumps(plain, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def decode(content: bytes, where: str) -> State:
    """The state in the bytes of its file; StateError when they are damaged, foreign or newer."""
    if not content.endswith(b"}\n"):
        _refuse(where, "is damaged: its end is missing")
    try:
        document = strict_json(content, MAX_RECORDED)
    except ValueError:
        _refuse(where, "is damaged: it is not the JSON that tavusctl writes")
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        _refuse(where, "is not a tavusctl state")
    if document["format"] > FORMAT:
        version = document.get("tavusctl_version", "a newer version")
        message = f"{where} was written by tavusctl {version}, which is newer than this {__version__}"
        raise StateError(message, "upgrade tavusctl", id="E902")
    checksum = document.pop("checksum", None)
    if checksum != _checksum(document):
        _refuse(where, "is damaged: its checksum does not agree with its content")
    try:
        return _state_in(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        _refuse(where, "is damaged: a part of it is missing or of another shape")


def _state_in(document: dict[str, Any]) -> State:
    _check_types(document)
    bindings = [binding_in(Address.parse(name), body) for name, body in document["resources"].items()]
    return State(
        lineage=document["lineage"],
        serial=document["serial"],
        account=document["account"],
        key_digest=document["key_digest"],
        bindings={binding.address: binding for binding in bindings},
        **_seals_in(document),
        safety=Safety(**document["safety"]) if "safety" in document else None,
        reads=convert(document["reads"], Known) if "reads" in document else None,
    )


def _check_types(document: dict[str, Any]) -> None:
    """TypeError when a member is no text or number: a checksum is soon made, and so it proves nothing."""
    safety = document.get("safety", {}).values()
    right = all(type(document[name]) is str for name in ("lineage", "account", "key_digest"))
    if not right or type(document["serial"]) is not int or not all(type(limit) in (int, float) for limit in safety):
        raise TypeError


def _seals_in(document: dict[str, Any]) -> dict[str, Any]:
    found = {name: document[name] for name in _SEALS if name in document}
    texts = [*found.get("keys", {}).values(), *(value for name, value in found.items() if name != "keys")]
    if not all(type(text) is str for text in texts):
        raise TypeError
    return found


def _checksum(document: dict[str, Any]) -> str:
    found = hashlib.sha256()
    for piece in _canonical(document, 2):
        found.update(piece.encode())
    return f"sha256:{found.hexdigest()}"


def _canonical(document: dict[str, Any], levels: int) -> Iterator[str]:
    """The canonical text of a document in pieces: of ten thousand objects it would be as long as all of them."""
    for place, key in enumerate(sorted(document)):
        value = document[key]
        yield f"{',' if place else '{'}{canonical(key)}:"
        if levels > 1 and isinstance(value, dict) and value:
            yield from _canonical(value, levels - 1)
        else:
            yield canonical(value)
    yield "}"


def _refuse(where: str, what: str) -> NoReturn:
    message = f"{where} {what}"
    raise StateError(message, _HINT, id="E901")
