"""The files of an exported object: its manifest, and long prose as Markdown beside it.

Paths are relative to the folder that is exported to.  Text is escaped, so that nothing in a name or prompt is taken
for an expression; prose goes into a file only where the file gives back exactly that text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import leaves, map_leaves
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch import join
from tavusctl.rewrite import yaml_text
from tavusctl.rewrite.export.manifest import Exported
from tavusctl.secrets.redaction import redacted
from tavusctl.secrets.values import SecretText

LONG: Final = 200  # characters that still stand in the manifest, on one line
LARGEST: Final = 1_000_000  # bytes of a file of prose; what is larger is not read
PROMPTS: Final = "prompts"
_COMMENT: Final = 118  # characters of a comment
_NAME: Final = 40  # characters of a foreign name in it

# Line ends that tools change, what is not text, and a byte order mark, which is taken off.
_NOT_IN_FILES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class Rendered(Struct, frozen=True):
    """The files of one object, by path; the first is the manifest."""

    exported: Exported
    path: str
    files: Mapping[str, str] = field(default_factory=dict)


def rendered(exported: Exported, schemas: str, *, files_from: str = "", binding: Binding | None = None) -> Rendered:
    """The texts; `schemas` is the way from a manifest to the schemas, `files_from` how a path in `${file:}` begins.

    What the binding of an object whose manifest was lost remembers of it is said again.
    """
    kind, address = exported.live.kind, exported.address
    head = f"# yaml-language-server: $schema={schemas}/{kind.name}.schema.json"
    prose = {} if exported.fault else dict(_prose(exported, kind))
    envelope: JsonObject = {"kind": address.kind, "name": address.name}
    if exported.fault:
        name = exported.live.name
        called = name[:_NAME] if redacted(name) == name else address
        comment = _comment(f"{called}: external, not managed; {exported.fault}")
        envelope |= {"external": True, "id": _escaped(exported.live.remote_id)}
    else:
        comment = ""
        names = {
            path: _around(text, f"${{file:{files_from}{_file(kind, address, path)}}}") for path, text in prose.items()
        }
        envelope |= {"spec": _written(exported.spec, (), names), **_lifecycle(binding)}
    lines = [head, *([comment] if comment else []), *yaml_text.block(envelope)]
    path = f"{folder(kind)}/{address.name}.yaml"
    texts = {_file(kind, address, path): f"{_inner(text)}\n" for path, text in prose.items()}
    return Rendered(exported, path, {path: "\n".join(lines) + "\n", **texts})


def folder(kind: ResourceKind) -> str:
    """Where manifests of a kind are kept: the plural that the API has, too."""
    return kind.folder or kind.collection.rpartition("/")[2]


def _prose(exported: Exported, kind: ResourceKind) -> Iterator[tuple[KeyPath, str]]:
    """Long prose with its place; what stands in a list is read with the list."""
    for path, value in leaves(exported.spec):
        in_list = any(step.isdigit() for step in path)
        if (
            kind.field_at(path).long_text
            and not in_list
            and isinstance(value, str)
            and _is_long(value)
            and _fits_file(value)
        ):
            yield path, value


def _is_long(text: str) -> bool:
    return len(_inner(text)) > LONG or "\n" in _inner(text)


def _fits_file(text: str) -> bool:
    """Whether a file brings exactly this text, also after editors that mind the end of files have saved it."""
    return not _NOT_IN_FILES.search(text) and bool(text.strip()) and len(text.encode()) <= LARGEST


def _inner(text: str) -> str:
    """What a file has of a prose: line ends around it stay in the manifest, for editors change those of files."""
    return text.strip("\n")


def _around(text: str, expression: str) -> str:
    """The expression that brings a file, with the line ends around its text."""
    before = len(text) - len(text.lstrip("\n"))
    after = len(text) - len(text.rstrip("\n"))
    return "\n" * before + expression + "\n" * after


def _file(kind: ResourceKind, address: Address, path: KeyPath) -> str:
    """The first prose of a kind is what the object is about; a dot tells other files from those of other objects."""
    first = next(pointer for pointer, declared in kind.fields.items() if declared.long_text)
    field_name = "" if join(path) == first else f".{path[-1]}"
    return f"{PROMPTS}/{address.name}{field_name}.md"


def _written(value: Json, path: KeyPath, names: Mapping[KeyPath, str]) -> Json:
    """A value in the spelling of manifests."""
    if path in names:
        return names[path]
    if isinstance(value, dict):
        return {key: _written(item, (*path, key), names) for key, item in value.items()}
    return map_leaves(value, _spelled)


def _spelled(leaf: Json) -> Json:
    if isinstance(leaf, Address):
        return f"${{ref:{leaf}}}"
    if isinstance(leaf, SecretText):
        return str(SecretText(tuple(map(_escaped, leaf.parts)), leaf.names))
    return _escaped(leaf) if isinstance(leaf, str) else leaf


def _escaped(text: str) -> str:
    return text.replace("${", "$${")


def _lifecycle(binding: Binding | None) -> JsonObject:
    if binding is None:
        return {}
    said: JsonObject = {"prevent_destroy": True} if binding.prevent_destroy else {}
    said |= {"on_remove": binding.on_remove} if binding.on_remove != "delete" else {}
    return {"lifecycle": said} if said else {}


def _comment(text: str) -> str:
    """Foreign text on one line, in characters that can be seen."""
    seen = "".join(one if one.isprintable() else " " for one in text)
    return f"# {' '.join(seen.split())[:_COMMENT]}"
