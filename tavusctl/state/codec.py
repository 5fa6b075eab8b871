"""The state as JSON: sorted keys, a checksum, no secret; unknown fields are refused.

Layout: {"format": 1, "tavusctl_version", "lineage", "serial", "account", "key_digest", "resources": {address: binding},
"keys", "mac", "accepted", "safety", "reads", "checksum"}, where the checksum is SHA-256 of the canonical JSON of
everything else: it detects damage.  `mac`, the seal, is made and checked in `seals`, where the key is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import chain
from typing import BinaryIO, Final, NoReturn, TypeVar

from msgspec import Struct, convert
from msgspec.structs import asdict

from tavusctl import __version__
from tavusctl.core.address import Address
from tavusctl.core.errors import StateError
from tavusctl.core.json_tree import canonical, plain_bytes
from tavusctl.core.ports import State
from tavusctl.core.project_settings import ApprovedInputs, Safety
from tavusctl.lib.json_types import Json, JsonObject, as_integer, as_object, as_text
from tavusctl.lib.strict_json import MAX_RECORDED, max_values, strict_json
from tavusctl.state.serialization import binding_in, binding_out

FORMAT = 1
Settings = TypeVar("Settings", bound=Struct)
_SEAL_FIELDS = ("keys", "mac", "accepted")
_MEMBERS = frozenset(
    (
        "format",
        "tavusctl_version",
        "lineage",
        "serial",
        "account",
        "key_digest",
        "resources",
        "safety",
        "reads",
        "fence",
    )
) | {*_SEAL_FIELDS}
# In the layout of `encode`: before the first resource, between two, and after the last one; no text has a line break.
_FIRST, _NEXT, _LAST = b'\n "resources": {\n  "', b'\n  },\n  "', b"\n  }\n }"
_END: Final = b"}\n"
_BLOCK: Final = 128 * 1024  # bytes that are read at a time, at least
_NO_STATE: Final = "is not a tavusctl state"
_HINT = "restore it from a backup, or move it away and import the objects again with `tavusctl import --match-names`"


def encode(state: State, fence: str = "") -> bytes:
    """The bytes of the file of a state; a `fence` makes them unique to this write and is not part of the state."""
    return b"".join(encode_in_parts(state, fence))


def encode_in_parts(state: State, fence: str = "") -> Iterator[bytes]:
    """The same in parts, of which each has at most one object."""
    document: JsonObject = {
        "format": FORMAT,
        "tavusctl_version": __version__,
        "lineage": state.lineage,
        "serial": state.serial,
        "account": state.account,
        "key_digest": state.key_digest,
        "resources": {str(binding.address): binding_out(binding) for binding in state.bindings.values()},
    }
    document |= {name: value for name in _SEAL_FIELDS if (value := getattr(state, name))}
    if state.safety is not None:
        document["safety"] = asdict(state.safety)
    if state.reads is not None:
        document["reads"] = asdict(state.reads)
    if fence:
        document["fence"] = fence
    document["checksum"] = _checksum(document)
    yield from _in_pieces(document, _indented, "\n ")
    yield b"\n"


def _in_pieces(
    document: JsonObject, encoded: Callable[[Json], bytes], margin: str = "", levels: int = 2
) -> Iterator[bytes]:
    """A document as JSON with sorted keys, in pieces to save memory: for ten thousand objects, the whole is large.

    `margin` begins each line; without it, all is one line.
    """
    for place, key in enumerate(sorted(document)):
        value = document[key]
        yield f"{',' if place else '{'}{margin}".encode() + encoded(key) + (b": " if margin else b":")
        if levels > 1 and isinstance(value, dict) and value:
            yield from _in_pieces(value, encoded, margin and f"{margin} ", levels - 1)
        else:
            yield encoded(value).replace(b"\n", margin.encode())
    yield f"{margin[:-1]}}}".encode()


def _indented(value: Json) -> bytes:
    return json.dumps(json.loads(canonical(value)), sort_keys=True, indent=1, ensure_ascii=False).encode()


def decode(content: bytes, where: str) -> State:
    """The state in the bytes of its file; StateError if they are damaged, not a state, or of a newer tavusctl."""
    return decode_file(BytesIO(content), where)


def decode_file(file: BinaryIO, where: str) -> State:
    """The state in a file, of which usually only a piece is in memory at a time; errors as of `decode`."""
    document = _read_in_pieces(file) or _read_whole(file, where)
    version = document.get("format")
    if not isinstance(version, int):
        _refuse(where, _NO_STATE)
    if version > FORMAT:
        raise _of_another_version(document, where)
    checksum = document.pop("checksum", None)
    # If the quick checksum is right, the other need not be computed: equal bytes mean an equal document.
    if checksum != _checksum_with(document, plain_bytes) and checksum != _checksum(document):
        _refuse(where, "is corrupt: checksum mismatch")
    try:
        return _state_in(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        if document.get("tavusctl_version", __version__) != __version__:
            raise _of_another_version(document, where) from None
        _refuse(where, "is corrupt: a field is missing, unknown, or has another type")


def _read_whole(file: BinaryIO, where: str) -> JsonObject:
    file.seek(0)
    content = file.read()
    if not content.endswith(_END):
        _refuse(where, "is corrupt: its end is missing")
    try:
        document = strict_json(content, MAX_RECORDED)
    except ValueError:
        _refuse(where, "is corrupt: it is not valid JSON of a tavusctl state")
    return document if isinstance(document, dict) else _refuse(where, _NO_STATE)


def _read_in_pieces(file: BinaryIO) -> JsonObject | None:
    """The document in a file as `encode` writes it, read a few resources at a time; None for any other file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    pieces = _split(file, _NEXT)
    head, _, piece = next(pieces).partition(_FIRST)
    resources: JsonObject = {}
    values_left, tail = MAX_RECORDED, b""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        for each in chain([piece], pieces):
            piece, _, after = each.partition(_LAST)
            values_left -= max_values(piece) if size > MAX_RECORDED else len(piece)
            # In the same objects as in the file, because their depth is limited.
            members = as_object(as_object(strict_json(b'{"resources":{"' + piece + b"}}}"))["resources"])
            if tail or values_left < 0 or not members.keys().isdisjoint(resources):
                return None
            resources |= members
            tail = after
        document = as_object(strict_json(head + b'"resources":{}' + tail, max(values_left, 0)))
        if tail.endswith(_END) and document["resources"] == {}:
            return {**document, "resources": resources}
    return None


def _split(file: BinaryIO, separator: bytes) -> Iterator[bytes]:
    """A file in parts, each up to a separator, which is left out."""
    rest = b""
    while block := file.read(max(_BLOCK, len(rest))):
        part, found, rest = (rest + block).rpartition(separator)
        if found:
            yield part
    yield rest


def _of_another_version(document: JsonObject, where: str) -> StateError:
    version = document.get("tavusctl_version", "of a newer version")
    message = f"{where} was written by tavusctl {version}, and this version {__version__} cannot read all of it"
    return StateError(message, "upgrade tavusctl", id="E902")


def _state_in(document: JsonObject) -> State:
    """The state in a document; TypeError if it has an unknown member, which a write would lose.

    The type of each member is checked: anyone can compute a valid checksum.
    """
    if not document.keys() <= _MEMBERS:
        raise TypeError
    resources = as_object(document["resources"])
    bindings = [binding_in(Address.parse(name), as_object(body)) for name, body in resources.items()]
    return State(
        lineage=as_text(document["lineage"]),
        serial=as_integer(document["serial"]),
        account=as_text(document["account"]),
        key_digest=as_text(document["key_digest"]),
        bindings={binding.address: binding for binding in bindings},
        keys={name: as_text(key) for name, key in as_object(document.get("keys", {})).items()},
        mac=as_text(document.get("mac", "")),
        accepted=as_text(document.get("accepted", "")),
        safety=_settings_in(document["safety"], Safety) if "safety" in document else None,
        reads=_settings_in(document["reads"], ApprovedInputs) if "reads" in document else None,
    )


def _settings_in(value: Json, type_: type[Settings]) -> Settings:
    """Recorded settings; TypeError if there is one that this version does not know."""
    members = as_object(value)
    if not members.keys() <= {*type_.__struct_fields__}:
        raise TypeError
    return convert(members, type_)


def _checksum(document: JsonObject) -> str:
    return _checksum_with(document, lambda value: canonical(value).encode())


def _checksum_with(document: JsonObject, encoded: Callable[[Json], bytes]) -> str:
    digest = hashlib.sha256()
    for piece in _in_pieces(document, encoded):
        digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def _refuse(where: str, what: str) -> NoReturn:
    raise StateError(f"{where} {what}", _HINT, id="E901")
