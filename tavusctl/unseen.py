"""Characters that hide or act: shown as what they are, never obeyed."""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1, line separators, what turns the direction of text or hides in it, and tags, in which
# whole sentences can be written that only a model reads.
PATTERN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Text in which nothing can hide or act."""
    return PATTERN.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", text)


def flat(text: str) -> str:
    """Visible text on one line: a name of a stranger must not look like a line of the plan."""
    return visible(text).replace("\n", "\\n")
