"""JSON Schemas as pydantic makes them, without what only says how the models are called."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def without_titles(schema: Schema) -> Schema:
    """A schema without titles, which editors would show in place of descriptions, and without defaults."""
    named = {key: value for key, value in schema.items() if key not in ("title", "default") or isinstance(value, dict)}
    return {key: _inside(value) for key, value in named.items()}


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return without_titles(value)
    return [_inside(item) for item in value] if isinstance(value, list) else value
