"""Walking documents: JSON values whose leaves may also be addresses, secrets and fingerprints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping

from tavusctl.model import ABSENT, Address, Path, Value
from tavusctl.patch import Pinned
from tavusctl.secret import SHOWN, Fingerprint, Secret


def is_empty(value: Value) -> bool:
    """Whether a value is one of the spellings of "not set": missing, null, "", [] or {}."""
    return value is ABSENT or value is None or (isinstance(value, str | list | dict) and not value)


def map_leaves(value: Value, change: Callable[[Value], Value]) -> Value:
    """A copy of a document with every leaf changed."""
    if isinstance(value, dict):
        return {key: map_leaves(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [map_leaves(item, change) for item in value]
    return change(value)


def settled(value: Value, change: Callable[[Value, Path], Value], path: Path = ()) -> Value:
    """A copy of a document with every leaf changed by what it is and where it is declared; list indices are `*`."""
    if isinstance(value, dict):
        return {key: settled(item, change, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [settled(item, change, (*path, "*")) for item in value]
    return change(value, path)


def leaves(value: Value, path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Every leaf of a document with its path; list indices are numbers in text."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, str(index)))
    else:
        yield path, value


def placed(value: Value, path: Path, pattern: Path) -> Iterator[tuple[Path, Path, Value]]:
    """Every leaf with its path, and with the pattern of that."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from placed(item, (*path, key), (*pattern, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from placed(item, (*path, str(index)), (*pattern, "*"))
    else:
        yield path, pattern, value


def canonical(value: Value) -> str:
    """One text for equal documents: sorted keys, compact, secrets as fingerprints."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_leaf_text)


def is_hidden(value: Value) -> bool:
    """Whether a value may not be shown: a secret, what is on record of one, a mask."""
    return isinstance(value, Secret | Fingerprint | Pinned)


def emptied(value: Value) -> Value:
    """The empty value of the type that a value has when it is sent."""
    if value is None:
        return None
    return type(value)() if isinstance(value, dict | list | str | int | float) else ""


def with_leaves(value: Value, changed: Mapping[Path, Value]) -> Value:
    """A document with other leaves at some paths (list indices are numbers in text); what stays is not copied."""
    if not changed:
        return value
    if () in changed:
        return changed[()]
    below: dict[str, dict[Path, Value]] = {}
    for (first, *rest), leaf in changed.items():
        below.setdefault(first, {})[tuple(rest)] = leaf
    if isinstance(value, list):
        return [with_leaves(item, below.get(str(index), {})) for index, item in enumerate(value)]
    return {key: with_leaves(item, below.get(key, {})) for key, item in value.items()}


def digest(value: Value) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Value) -> Value:
    """A document with its engine leaves in the spelling of manifests; secrets are not in it."""
    return map_leaves(value, _shown)


def _shown(leaf: Value) -> Value:
    if isinstance(leaf, Address):
        return f"${{ref:{leaf}}}"
    if isinstance(leaf, Secret | Fingerprint | Pinned):
        return SHOWN
    return None if leaf is ABSENT else leaf


def _leaf_text(leaf: object) -> Value:
    if isinstance(leaf, Address):
        return {"tavusctl:ref": str(leaf)}
    if isinstance(leaf, Secret):
        return {"tavusctl:secret": leaf.fingerprint.digest}
    if isinstance(leaf, Fingerprint):
        return {"tavusctl:secret": leaf.digest}
    if isinstance(leaf, Pinned):
        return leaf.value
    if leaf is ABSENT:
        return {"tavusctl:absent": True}
    message = f"{type(leaf).__name__} does not belong in a document"
    raise TypeError(message)
