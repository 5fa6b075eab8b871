"""Add names under `secrets:` of the project file; every other byte of it stays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import yaml

from tavusctl.config import yaml12
from tavusctl.lib.json_types import Json, as_list, as_text

KEY: Final = "secrets"


def with_secrets(text: str, names: Sequence[str]) -> str | None:
    """The text of a project file with these names added under `secrets:`; None if adding text cannot do that."""
    before = _read(text)
    if before is None:
        return None
    old_names = as_list(before.get(KEY) or [])
    new = [name for name in names if name not in old_names]
    if not new:
        return text
    new_text = _with_names(text, new)
    return new_text if new_text is not None and _read(new_text) == {**before, KEY: [*old_names, *new]} else None


def secrets_in(text: str) -> tuple[str, ...]:
    """The names under `secrets:` of a project file; none if the file cannot be read."""
    return tuple(map(as_text, as_list((_read(text) or {}).get(KEY) or [])))


def _read(text: str) -> dict[str, Json] | None:
    """The mapping in a project file, empty for an empty file; None if it cannot be read, or is not one mapping."""
    parsed = yaml12.read(text.encode(), "")
    if parsed.diagnostics or len(parsed.documents) > 1:
        return None
    value = parsed.documents[0].value if parsed.documents else {}
    return value if isinstance(value, dict) else None


def _with_names(text: str, names: Sequence[str]) -> str | None:
    root = yaml.compose(text, yaml.SafeLoader)
    line_end = "\r\n" if "\r\n" in text else "\n"
    if not isinstance(root, yaml.MappingNode):
        return _appended(text, names, line_end)
    secrets_node = next((value for key, value in root.value if key.value == KEY), None)
    if secrets_node is None and root.flow_style:
        comma = ", " if root.value else ""
        return _insert(text, root.end_mark.index - 1, f'{comma}"{KEY}": [{", ".join(names)}]')
    if secrets_node is None:
        return _appended(text, names, line_end)
    if isinstance(secrets_node, yaml.SequenceNode):
        return _extended(text, secrets_node, names, line_end)
    return _insert(text, secrets_node.start_mark.index, f" [{', '.join(names)}]") if secrets_node.value == "" else None


def _extended(text: str, secrets_node: yaml.SequenceNode, names: Sequence[str], line_end: str) -> str:
    if not secrets_node.value:
        return _insert(text, secrets_node.start_mark.index + 1, ", ".join(names))
    last = secrets_node.value[-1].end_mark.index
    if secrets_node.flow_style:
        return _insert(text, last, "".join(f", {name}" for name in names))
    margin = " " * secrets_node.start_mark.column
    end = re.compile(r"\r?$", re.MULTILINE).search(text, last)
    return _insert(text, end.start() if end else last, "".join(f"{line_end}{margin}- {name}" for name in names))


def _appended(text: str, names: Sequence[str], line_end: str) -> str:
    gap = "" if not text or text.endswith("\n") else line_end
    return f"{text}{gap}{KEY}:{line_end}" + "".join(f"  - {name}{line_end}" for name in names)


def _insert(text: str, index: int, more: str) -> str:
    return text[:index] + more + text[index:]
