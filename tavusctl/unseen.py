"""Characters that hide or act: shown as what they are, never obeyed."""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1, line separators, what turns the direction of text, what hides in it (soft hyphens,
# joiners, blank letters) and what only programs read: tags, annotations, far variation selectors.
PATTERN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """Text in which nothing can hide or act."""
    return PATTERN.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", text)


def flat(text: str) -> str:
    """Visible text on one line: a name of a stranger must not look like a line of the plan."""
    return visible(text).replace("\n", "\\n")
