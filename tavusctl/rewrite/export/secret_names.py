"""Add names under `secrets:` of the project file; every other byte of it stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tavusctl.config import yaml12
from tavusctl.core.errors import RefusedError
from tavusctl.core.project_settings import FILE
from tavusctl.lib.json_types import Json, as_list, as_text
from tavusctl.rewrite.apply_edits import set_key

KEY: Final = "secrets"


def with_secrets(text: str, names: Sequence[str]) -> str | None:
    """The text of a project file with these names added under `secrets:`; None if it cannot be edited."""
    before = _read(text)
    if before is None:
        return None
    old_names = as_list(before.get(KEY) or [])
    new = [name for name in names if name not in old_names]
    if not new:
        return text
    try:
        return set_key(text.encode(), FILE, KEY, [*old_names, *new]).decode()
    except RefusedError:
        return None


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
