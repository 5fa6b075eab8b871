"""Characters that hide or act: shown as what they are, never obeyed."""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1, line separators, and what turns the direction of text or hides in it.
PATTERN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Text in which nothing can hide or act."""
    return PATTERN.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", text)


def flat(text: str) -> str:
    """Visible text on one line: a name of a stranger must not look like a line of the plan."""
    return visible(text).replace("\n", "\\n")
