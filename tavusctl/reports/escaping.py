"""Text that stays text wherever a report ends up: in the log of a runner, in Markdown, in HTML, in a comment."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from tavusctl.lib.patterns import pattern
from tavusctl.secrets.escape import HIDES, flat

# Colours may stand between the characters; a runner may not see them.
_COLOUR = r"(?:\x1b\[[0-9;]*m)*"
# Of ASCII; no other mark means anything to Markdown or HTML, and a full stop only behind these letters, or a number.
_MARKS = pattern(r"[!-,\-/:-@\[-`{-~\t]|(?<=[wW]{3})\.|(?<=\d)\.")
_COMMAND = pattern(rf"^((?:[^\S\n]|\x1b\[[0-9;]*m)*:{_COLOUR}):", re.MULTILINE)
_OLD_COMMAND = pattern(rf"(#{_COLOUR})#(?={_COLOUR}\w*{_COLOUR}\[)")
_SPELLED = pattern(rf"#(?=#\w*\[)|{HIDES}")


def neutralise(report: str) -> str:
    """A report in which no line is a command of a workflow runner: `::word`, or `##[word]` anywhere."""
    return _OLD_COMMAND.sub(r"\1\\u{23}", _COMMAND.sub(r"\1\\u{3a}", report))


def spelled(document: str) -> str:
    """JSON in which no runner finds a command, no encoding half a character, and no reader misses one that hides.

    All of these are spelled in another way, which means the same to programs.
    """
    return _SPELLED.sub(lambda found: json.dumps(found.group())[1:-1] if found.group() != "#" else "\\u0023", document)


def entities(text: str) -> str:
    """Text for Markdown and HTML alike: every mark that could mean something is a character reference."""
    return _MARKS.sub(lambda found: f"&#{ord(found.group())};", flat(text))


def code(text: str) -> str:
    """The same as code: no mention, issue, commit or emoji is looked for in it."""
    return f"<code>{entities(text)}</code>"


def fenced(body: str, language: str = "") -> str:
    """A fenced block that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def marker(*names: str) -> str:
    """A comment that people do not see and programs find again."""
    told = "/".join(quote(name.encode("utf-8", "backslashreplace"), safe="").replace("--", "-%2D") for name in names)
    return f"<!-- tavusctl:{told} -->"
