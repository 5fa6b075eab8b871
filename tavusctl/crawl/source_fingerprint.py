"""The fingerprint of the source that a document was made from, and whether the source has changed since.  Pure.

The fingerprint is kept in the binding beside what was applied, under a name that no field of the API can have; it is
never sent.  Two fingerprints differ if their contents do: a validator alone (ETag, Last-Modified) may change although
the content has not.
"""

from __future__ import annotations

from typing import Final

from tavusctl.lib.json_types import Json, JsonObject, as_integer, as_object, as_text

KEY: Final = "tavusctl:watch"
_SHORT: Final = 12  # hex digits that are enough for people to distinguish two contents


def without_fingerprint(spec: JsonObject) -> JsonObject:
    """A spec without the fingerprint, which is never sent."""
    return {key: value for key, value in spec.items() if key != KEY}


def describe_change(before: Json, now: Json) -> str:
    """How a source has changed, in words; an empty string if it has not, or if that is not known."""
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


def _content(fingerprint: JsonObject) -> str:
    return f"{as_integer(fingerprint['length']):,} bytes ({as_text(fingerprint['sha256'])[:_SHORT]})"
