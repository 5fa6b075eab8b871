"""The files of an exported object: its manifest, and long texts (prose) as Markdown files beside it.

Paths are relative to the folder of the export.  Text is escaped, so that nothing in a name or a prompt is read as an
expression; prose goes into a file only if the file gives back exactly that text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from tavusctl.config.interpolation import escape_expressions
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import leaves, map_leaves
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.lib.patterns import pattern
from tavusctl.rewrite import yaml_text
from tavusctl.rewrite.export.manifest import Exported
from tavusctl.secrets.redaction import redacted
from tavusctl.secrets.values import SecretText

MAX_INLINE_LENGTH: Final = 200  # characters of a text that stays in the manifest, on one line
MAX_PROSE_SIZE: Final = 1_000_000  # bytes of a file of prose; larger files are not read
PROMPTS: Final = "prompts"
_COMMENT: Final = 118  # characters of a comment
_NAME: Final = 40  # characters of a display name in a comment

# Line ends that tools change, control characters, and a byte order mark, which is removed when a file is read.
_NOT_IN_FILES = pattern("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class Rendered(Struct, frozen=True):
    """The files of one object, by path; the first is the manifest."""

    exported: Exported
    path: str
    files: Mapping[str, str] = {}


def render(exported: Exported, schemas: str, *, files_from: str = "", binding: Binding | None = None) -> Rendered:
    """The files of an exported object.

    `schemas` is the path from a manifest to the schemas, `files_from` the beginning of every path in `${file:}`.  The
    lifecycle options in `binding`, that of an object whose manifest was lost, are written again.
    """
    kind, address = exported.live.kind, exported.address
    head = f"# yaml-language-server: $schema={schemas}/{kind.name}.schema.json"
    prose = {} if exported.fault else dict(_prose(exported, kind))
    envelope: JsonObject = {"kind": address.kind, "name": address.name}
    if exported.fault:
        name = exported.live.name
        label = name[:_NAME] if redacted(name) == name else address
        comment = _comment(f"{label}: external, not managed; {exported.fault}")
        envelope |= {"external": True, "id": escape_expressions(exported.live.remote_id)}
    else:
        comment = ""
        expressions = {
            path: _around(text, f"${{file:{files_from}{_file(address, path)}}}") for path, text in prose.items()
        }
        envelope |= {"spec": _as_written(exported.spec, (), expressions), **_lifecycle(binding)}
    lines = [head, *([comment] if comment else []), *yaml_text.block(envelope)]
    path = f"{folder(kind)}/{address.name}.yaml"
    texts = {_file(address, path): f"{_inner(text)}\n" for path, text in prose.items()}
    return Rendered(exported, path, {path: "\n".join(lines) + "\n", **texts})


def folder(kind: ResourceKind) -> str:
    """The folder for the manifests of a kind, named by the plural that the API has, too."""
    return kind.folder or kind.collection.rpartition("/")[2]


def _prose(exported: Exported, kind: ResourceKind) -> Iterator[tuple[KeyPath, str]]:
    """Texts that go into files, by path; text inside a list stays there, to be read with the list."""
    for path, value in leaves(exported.spec):
        in_list = any(step.isdigit() for step in path)
        if kind.field_at(path).long_text and not in_list and isinstance(value, str) and _belongs_in_file(value):
            yield path, value


def _belongs_in_file(text: str) -> bool:
    """Whether a text is long, and a file gives back exactly this text, also after an editor has normalised its end."""
    is_long = len(_inner(text)) > MAX_INLINE_LENGTH or "\n" in _inner(text)
    return is_long and not _NOT_IN_FILES.search(text) and bool(text.strip()) and len(text.encode()) <= MAX_PROSE_SIZE


def _inner(text: str) -> str:
    """The part of a text that goes into a file; line ends around it stay in the manifest, as editors change them."""
    return text.strip("\n")


def _around(text: str, expression: str) -> str:
    """The expression that includes a file, with the line ends that belong around the text of the file."""
    before = len(text) - len(text.lstrip("\n"))
    after = len(text) - len(text.rstrip("\n"))
    return "\n" * before + expression + "\n" * after


def _file(address: Address, path: KeyPath) -> str:
    """The path of the file for a text.

    The prompt of a persona has the name of the persona.  Other texts have a suffix, as objects of several kinds may
    have the same name; it begins with a dot, which no name of an object has.
    """
    field_name = "" if path == ("system_prompt",) else f".{path[-1]}"
    return f"{PROMPTS}/{address.name}{field_name}.md"


def _as_written(value: Json, path: KeyPath, expressions: Mapping[KeyPath, str]) -> Json:
    """A value as a manifest writes it; `expressions` stand for the texts in files, by path."""
    if path in expressions:
        return expressions[path]
    if isinstance(value, dict):
        return {key: _as_written(item, (*path, key), expressions) for key, item in value.items()}
    return map_leaves(value, _leaf_as_written)


def _leaf_as_written(leaf: Json) -> Json:
    if isinstance(leaf, Address):
        return f"${{ref:{leaf}}}"
    if isinstance(leaf, SecretText):
        return str(SecretText(tuple(map(escape_expressions, leaf.parts)), leaf.names))
    return escape_expressions(leaf) if isinstance(leaf, str) else leaf


def _lifecycle(binding: Binding | None) -> JsonObject:
    if binding is None:
        return {}
    options: JsonObject = {"prevent_destroy": True} if binding.prevent_destroy else {}
    options |= {"on_remove": binding.on_remove} if binding.on_remove != "delete" else {}
    return {"lifecycle": options} if options else {}


def _comment(text: str) -> str:
    """A comment on one line, with spaces in place of characters that cannot be printed."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return f"# {' '.join(printable.split())[:_COMMENT]}"
