"""JSON Schemas of pydantic without the parts that only name its models and fields."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def without_titles(schema: Schema) -> Schema:
    """A schema without titles, which editors would show in place of descriptions, and without defaults."""
    members = {
        key: value for key, value in schema.items() if key not in ("title", "default") or isinstance(value, dict)
    }
    return {key: _without_titles(value) for key, value in members.items()}


def _without_titles(value: Any) -> Any:
    if isinstance(value, dict):
        return without_titles(value)
    return [_without_titles(item) for item in value] if isinstance(value, list) else value
