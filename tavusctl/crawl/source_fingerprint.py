"""What the source of a document looked like when the document was made of it, and whether it has changed.  Pure.

The look is kept in the binding beside what was applied, under a name that no field of the API can have; nothing of it
is ever sent.  Two looks differ when their contents do: a validator alone (ETag, Last-Modified) may change for nothing.
"""

from __future__ import annotations

from typing import Final

from tavusctl.lib.json_types import Json, JsonObject, as_integer, as_object, as_text

KEY: Final = "tavusctl:watch"
_SHORT: Final = 12  # hex digits by which people tell two contents apart


def sent(spec: JsonObject) -> JsonObject:
    """A spec without what is never sent."""
    return {key: value for key, value in spec.items() if key != KEY}


def changed(before: Json, now: Json) -> str:
    """How a source has changed, in words; an empty string when it has not, or when that is not known."""
    if not before or not now:
        return ""
    old, new = as_object(before), as_object(now)
    if old["sha256"] == new["sha256"]:
        return ""
    parts = [f"{_content(old)} -> {_content(new)}"]
    for key, name in (("modified", "Last-Modified"), ("etag", "ETag")):
        if old.get(key) != new.get(key):
            parts.append(f"{name} {old.get(key, 'none')} -> {new.get(key, 'none')}")
    return ", ".join(parts)


def _content(look: JsonObject) -> str:
    return f"{as_integer(look['length']):,} bytes ({as_text(look['sha256'])[:_SHORT]})"
