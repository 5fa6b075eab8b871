"""Which fields of a manifest differ between two environments, and what the target must write to be equal.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from msgspec import Struct

from tavusctl.config.files import is_beside_manifest
from tavusctl.config.interpolation import escape_expressions
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import written_at
from tavusctl.core.json_tree import side_by_side, value_at
from tavusctl.core.model import ABSENT, Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import spellings
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join
from tavusctl.rewrite.edit_steps import exact_text
from tavusctl.rewrite.render_value import CannotAdoptError, included_file, included_files

_OWN = ("kind", "name", "moved_from", "external", "id")  # what identifies an object: never carried over


class Side(Struct, frozen=True):
    """A manifest of one environment, with its base and overlay merged into one document, as they are written."""

    manifest: Manifest
    document: Node
    included_path: Callable[[str, Source], str]  # the path of a file, from its name and the place that names it


class Field(Struct, frozen=True):
    """One field that differs, with the values that both sides write; `path` is in the document, in canonical names."""

    path: KeyPath
    source: Json
    target: Json
    place: Source  # where the source writes the value

    @property
    def pointer(self) -> str:
        """The pointer of the field as plans show it: into spec, or to a key beside spec."""
        return join(self.path[1:] if self.path[0] == "spec" else self.path)


def pointer_in(kind: ResourceKind, text: str) -> str:
    """The canonical pointer of a field as people type it: `layers.tts`, `/spec/layers/tts`, or with newer names."""
    keys = [key for key in text.split("/" if "/" in text else ".") if key]
    field_keys = keys[1:] if keys[:1] == ["spec"] else keys
    nested: Json = None
    for key in reversed(field_keys):
        nested = {key: nested}
    canonical: Json = spellings.with_model_names(kind, nested) if isinstance(nested, dict) else None
    path: list[str] = []
    while isinstance(canonical, dict):
        (key, canonical), *_ = canonical.items()
        path.append(key)
    return "".join(f"/{key}" for key in path)


def differing(source: Side, target: Side, chosen: Collection[str]) -> Iterator[Field]:
    """The differing fields that are to be carried over: the `chosen` ones, or those of spec that the overlay sets.

    Without `chosen` and without an overlay, all fields that the source has.  The display name must be chosen to be
    carried over.
    """
    kind = KINDS[source.manifest.address.kind]
    overlay = source.manifest.overlay
    for path, left, right in side_by_side(_canonical(source), _canonical(target), deep=bool(chosen)):
        if _are_equal(source, target, path, left, right):
            continue
        field = Field(path, left, right, _place(source, path))
        if chosen:
            is_carried = any(f"{field.pointer}/".startswith(f"{one}/") for one in chosen)
        elif field.path[0] != "spec" or field.path == ("spec", kind.name_field):
            is_carried = False
        else:
            is_carried = field.place.path == overlay.path if overlay else field.source is not ABSENT
        if is_carried:
            yield field


def _canonical(side: Side) -> JsonObject:
    """A document in the canonical names of the kind, without the keys that identify the object."""
    kind = KINDS[side.manifest.address.kind]
    value = side.document.value if isinstance(side.document.value, dict) else {}
    content = {key: one for key, one in value.items() if key not in _OWN}
    spec = content.get("spec")
    return {**content, "spec": spellings.with_model_names(kind, spec)} if isinstance(spec, dict) else content


def _are_equal(source: Side, target: Side, path: KeyPath, left: Json, right: Json) -> bool:
    """Whether both sides have the same value: written alike with the same files, or, in spec, equal after loading."""
    if left is ABSENT or right is ABSENT:
        return left is right
    if exact_text(left) == exact_text(right) and _files(source, path, left) == _files(target, path, right):
        return True
    if path[0] != "spec":
        return False
    values = [value_at(side.manifest.spec, path[1:], ABSENT) for side in (source, target)]
    return ABSENT not in values and bool(values[0] == values[1])


def _files(side: Side, path: KeyPath, value: Json) -> list[str]:
    place = _place(side, path)
    return [side.included_path(name, place) for _, name in included_files(value)]


def _place(side: Side, path: KeyPath) -> Source:
    kind = KINDS[side.manifest.address.kind]
    value = side.document.value if isinstance(side.document.value, dict) else {}
    inner = spellings.written_path(kind, value.get("spec"), path[1:]) if path[:1] == ("spec",) else path[1:]
    return written_at(side.document.sources, join((*path[:1], *inner)), side.document.source)


def target_value(field: Field, source: Side, target: Side) -> tuple[Json, Mapping[str, str]]:
    """The value that the target must write for a field (ABSENT: remove it), and the new texts of files, by path.

    CannotAdoptError if the value names a file beside the manifest of the source.
    """
    value = field.source
    if isinstance(value, str) and included_file(value):
        text = value_at(source.manifest.spec, field.path[1:], ABSENT)
        target_place = _place(target, field.path)
        if isinstance(field.target, str) and included_file(field.target) and isinstance(text, str):
            return field.target, {target.included_path(included_file(field.target), target_place): text}
        if not is_beside_manifest(included_file(value)):
            return value, {}
        return escape_expressions(text) if isinstance(text, str) else value, {}
    if any(is_beside_manifest(name) for _, name in included_files(value)):
        message = f"it names a file beside {field.place.path}; move the file into the manifests folder first"
        raise CannotAdoptError(message)
    return value, {}
