"""What the source of a document looked like when the document was made of it, and whether it has changed.  Pure.

The look is kept in the binding beside what was applied, under a name that no field of the API can have; nothing of it
is ever sent.  Two looks differ when their contents do: a validator alone (ETag, Last-Modified) may change for nothing.
"""

from __future__ import annotations

from typing import Final

from tavusctl.kind import Document, Value

KEY: Final = "tavusctl:watch"
_SHORT: Final = 12  # hex digits by which people tell two contents apart


def sent(spec: Document) -> Document:
    """A spec without what is never sent."""
    return {key: value for key, value in spec.items() if key != KEY}


def changed(before: Value, now: Value) -> str:
    """How a source has changed, in words; an empty string when it has not, or when that is not known."""
    if not before or not now or before["sha256"] == now["sha256"]:
        return ""
    parts = [f"{_content(before)} -> {_content(now)}"]
    for key, name in (("modified", "Last-Modified"), ("etag", "ETag")):
        if before.get(key) != now.get(key):
            parts.append(f"{name} {before.get(key, 'none')} -> {now.get(key, 'none')}")
    return ", ".join(parts)


def _content(look: Document) -> str:
    return f"{look['length']:,} bytes ({look['sha256'][:_SHORT]})"
