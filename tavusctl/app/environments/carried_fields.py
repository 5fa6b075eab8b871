"""Which fields of a manifest one environment says otherwise than another, and how the other can say the same.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from msgspec import Struct

from tavusctl.config.interpolation import expressions, literally
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import written_at
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import ABSENT, Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import spellings
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join
from tavusctl.rewrite.edit_steps import exact
from tavusctl.rewrite.render_value import CannotAdoptError, is_file

_OWN = ("kind", "name", "moved_from", "external", "id")  # what an object is, which no other environment shares
_BESIDE = ("./", "../")


class Side(Struct, frozen=True):
    """A manifest of one environment, and its documents as one, as they are written."""

    manifest: Manifest
    document: Node
    brought: Callable[[str, Source], str]  # the path of a file that is named at a place


class Field(Struct, frozen=True):
    """One field that differs, as both sides write it; the path leads into the document, in the names of the kind."""

    path: KeyPath
    source: Json
    target: Json
    place: Source  # where the source says it

    @property
    def pointer(self) -> str:
        """The field as plans call it: a pointer into spec, or to what stands around it."""
        return join(self.path[1:] if self.path[0] == "spec" else self.path)


def pointer_in(kind: ResourceKind, text: str) -> str:
    """The pointer that is meant by a field as people type it: `layers.tts`, `/spec/layers/tts`, or a newer name."""
    keys = [key for key in text.split("/" if "/" in text else ".") if key]
    inner = keys[1:] if keys[:1] == ["spec"] else keys
    nested: Json = None
    for key in reversed(inner):
        nested = {key: nested}
    left: Json = spellings.named(kind, nested) if isinstance(nested, dict) else None
    found: list[str] = []
    while isinstance(left, dict):
        (key, left), *_ = left.items()
        found.append(key)
    return "".join(f"/{key}" for key in found)


def differing(source: Side, target: Side, chosen: Collection[str] = ()) -> Iterator[Field]:
    """The fields that the source has otherwise: those that are `chosen`, else those of spec that its overlay says.

    Where it has no overlay, all that it has; but never the name by which people know the object, unless it is chosen.
    """
    kind = KINDS[source.manifest.address.kind]
    overlay = source.manifest.overlay
    for field in _differences(source, target, (), _named(source), _named(target), deep=bool(chosen)):
        if chosen:
            wanted = any(f"{field.pointer}/".startswith(f"{one}/") for one in chosen)
        elif field.path[0] != "spec" or field.path == ("spec", kind.name_field):
            wanted = False
        else:
            wanted = field.place.path == overlay.path if overlay else field.source is not ABSENT
        if wanted:
            yield field


def _named(side: Side) -> JsonObject:
    """A document in the names of the kind, less what says which object it is."""
    kind = KINDS[side.manifest.address.kind]
    value = side.document.value if isinstance(side.document.value, dict) else {}
    found = {key: one for key, one in value.items() if key not in _OWN}
    spec = found.get("spec")
    return {**found, "spec": spellings.named(kind, spec)} if isinstance(spec, dict) else found


def _differences(source: Side, target: Side, path: KeyPath, left: Json, right: Json, *, deep: bool) -> Iterator[Field]:
    """Fields that are not alike, innermost first; what only one side has is one field, unless they go `deep`."""
    if deep:
        left, right = _like(left, right), _like(right, left)
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys((*left, *right)):
            inner = left.get(key, ABSENT), right.get(key, ABSENT)
            yield from _differences(source, target, (*path, key), *inner, deep=deep)
    elif not _alike(source, target, path, left, right):
        yield Field(path, left, right, _place(source, path))


def _like(value: Json, other: Json) -> Json:
    """An empty mapping for nothing beside a mapping."""
    return {} if value is ABSENT and isinstance(other, dict) and other else value


def _alike(source: Side, target: Side, path: KeyPath, left: Json, right: Json) -> bool:
    """Whether both say the same, in the same words or with the same outcome."""
    if left is ABSENT or right is ABSENT:
        return left is right
    if exact(left) == exact(right) and _files(source, path, left) == _files(target, path, right):
        return True
    if path[0] != "spec":
        return False
    values = [_at(side.manifest.spec, path[1:]) for side in (source, target)]
    return ABSENT not in values and bool(values[0] == values[1])


def _files(side: Side, path: KeyPath, value: Json) -> list[str]:
    """The files that a value brings."""
    where = _place(side, path)
    texts = [leaf for _, leaf in leaves(value) if isinstance(leaf, str)] if isinstance(value, dict | list) else [value]
    found = [is_file(one) for text in texts if isinstance(text, str) for one in expressions(text)]
    return [side.brought(name, where) for name in found if name]


def _place(side: Side, path: KeyPath) -> Source:
    kind = KINDS[side.manifest.address.kind]
    value = side.document.value if isinstance(side.document.value, dict) else {}
    inner = spellings.written_path(kind, value.get("spec"), path[1:]) if path[:1] == ("spec",) else path[1:]
    return written_at(side.document.sources, join((*path[:1], *inner)), side.document.source)


def written(field: Field, source: Side, target: Side) -> tuple[Json, Mapping[str, str]]:
    """What the target is to write for a field, ABSENT for nothing; and the texts that files are to hold, by path."""
    value = field.source
    if isinstance(value, str) and is_file(value):
        text = _at(source.manifest.spec, field.path[1:])
        here = _place(target, field.path)
        if isinstance(field.target, str) and is_file(field.target) and isinstance(text, str):
            return field.target, {target.brought(is_file(field.target), here): text}
        if not is_file(value).startswith(_BESIDE):
            return value, {}
        return literally(text) if isinstance(text, str) else value, {}
    for _, leaf in leaves({"value": value} if value is not ABSENT else {}):
        named = [is_file(one) for one in expressions(leaf)] if isinstance(leaf, str) else []
        if any(one.startswith(_BESIDE) for one in named):
            message = f"it names a file beside {field.place.path}; move the file into the manifests folder first"
            raise CannotAdoptError(message)
    return value, {}


def _at(value: Json, path: KeyPath) -> Json:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return ABSENT
        value = value[key]
    return value
