"""Escaping that keeps text as text wherever a report ends up: in a runner's log, in Markdown, in HTML, in a comment."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from tavusctl.lib.patterns import pattern
from tavusctl.secrets.escape import INVISIBLE, flat

# Colour codes may be between the characters; a runner may ignore them.
_COLOUR = r"(?:\x1b\[[0-9;]*m)*"
# ASCII only: no other mark has a meaning in Markdown or HTML.  A full stop has one only after `www` or a digit.
_MARKS = pattern(r"[!-,\-/:-@\[-`{-~\t]|(?<=[wW]{3})\.|(?<=\d)\.")
_COMMAND = pattern(rf"^((?:[^\S\n]|\x1b\[[0-9;]*m)*:{_COLOUR}):", re.MULTILINE)
_OLD_COMMAND = pattern(rf"(#{_COLOUR})#(?={_COLOUR}\w*{_COLOUR}\[)")
_TO_ESCAPE = pattern(rf"#(?=#\w*\[)|{INVISIBLE}")


def neutralise(report: str) -> str:
    """A report in which no line is a command of a workflow runner: `::word`, or `##[word]` anywhere."""
    return _OLD_COMMAND.sub(r"\1\\u{23}", _COMMAND.sub(r"\1\\u{3a}", report))


def escape_json(document: str) -> str:
    """JSON without runner commands, lone surrogates and invisible characters.

    All of these are written as JSON escapes, which mean the same to programs.
    """
    return _TO_ESCAPE.sub(
        lambda match: json.dumps(match.group())[1:-1] if match.group() != "#" else "\\u0023", document
    )


def entities(text: str) -> str:
    """Text for Markdown and for HTML: every mark that could have a meaning is a character reference."""
    return _MARKS.sub(lambda match: f"&#{ord(match.group())};", flat(text))


def code(text: str) -> str:
    """Text as `entities` in a `code` element, where GitHub looks for no mention, issue, commit or emoji."""
    return f"<code>{entities(text)}</code>"


def fenced(body: str, language: str) -> str:
    """A fenced block of Markdown that nothing in the body can close."""
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def marker(*names: str) -> str:
    """A comment in HTML that people do not see, and by which programs find the report again."""
    path = "/".join(quote(name.encode("utf-8", "backslashreplace"), safe="").replace("--", "-%2D") for name in names)
    return f"<!-- tavusctl:{path} -->"
