"""Names put under `secrets:` of the project file, with every other byte of it kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import yaml

from tavusctl.config import yaml12
from tavusctl.lib.json_types import Json, as_list, as_text

KEY: Final = "secrets"


def with_secrets(text: str, names: Sequence[str]) -> str | None:
    """The text of a project file whose `secrets:` has these names, too; None when that would take more than adding."""
    before = _read(text)
    if before is None:
        return None
    known = as_list(before.get(KEY) or [])
    new = [name for name in names if name not in known]
    if not new:
        return text
    made = _spliced(text, new)
    return made if made is not None and _read(made) == {**before, KEY: [*known, *new]} else None


def secrets_in(text: str) -> tuple[str, ...]:
    """The names under `secrets:` of a project file; none where it cannot be read."""
    return tuple(map(as_text, as_list((_read(text) or {}).get(KEY) or [])))


def _read(text: str) -> dict[str, Json] | None:
    """What a project file says; None when it cannot be read, or is not one mapping."""
    parsed = yaml12.read(text.encode(), "")
    if parsed.diagnostics or len(parsed.documents) > 1:
        return None
    value = parsed.documents[0].value if parsed.documents else {}
    return value if isinstance(value, dict) else None


def _spliced(text: str, names: Sequence[str]) -> str | None:
    root = yaml.compose(text, yaml.SafeLoader)
    line_end = "\r\n" if "\r\n" in text else "\n"
    if not isinstance(root, yaml.MappingNode):
        return _appended(text, names, line_end)
    held = next((value for key, value in root.value if key.value == KEY), None)
    if held is None and root.flow_style:
        comma = ", " if root.value else ""
        return _put(text, root.end_mark.index - 1, f'{comma}"{KEY}": [{", ".join(names)}]')
    if held is None:
        return _appended(text, names, line_end)
    if isinstance(held, yaml.SequenceNode):
        return _extended(text, held, names, line_end)
    return _put(text, held.start_mark.index, f" [{', '.join(names)}]") if held.value == "" else None


def _extended(text: str, held: yaml.SequenceNode, names: Sequence[str], line_end: str) -> str:
    if not held.value:
        return _put(text, held.start_mark.index + 1, ", ".join(names))
    last = held.value[-1].end_mark.index
    if held.flow_style:
        return _put(text, last, "".join(f", {name}" for name in names))
    margin = " " * held.start_mark.column
    end = re.compile(r"\r?$", re.MULTILINE).search(text, last)
    return _put(text, end.start() if end else last, "".join(f"{line_end}{margin}- {name}" for name in names))


def _appended(text: str, names: Sequence[str], line_end: str) -> str:
    gap = "" if not text or text.endswith("\n") else line_end
    return f"{text}{gap}{KEY}:{line_end}" + "".join(f"  - {name}{line_end}" for name in names)


def _put(text: str, index: int, more: str) -> str:
    return text[:index] + more + text[index:]
