"""Parses reports with real parsers of their formats: the text must be in them, and nothing else may be active."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import jsonschema_rs

from tavusctl.secrets.escape import escape_invisible, flat
from tests.unit.reports import test_attacks as attacks

# The published SARIF schema has a superfluous bracket in the pattern of `language`, which makes it invalid.
_LANGUAGE = ("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$")
SARIF = jsonschema_rs.Draft7Validator(
    json.loads((Path(__file__).parents[1] / "golden/sarif-2.1.0.schema.json").read_text("utf-8").replace(*_LANGUAGE))
)
COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")
WHOLE = 200  # every report shows at least so many characters of a text


def squeezed(text: str) -> str:
    """A text without white space, which formats may change, and with the escapes for runners undone."""
    return re.sub(r"\s+", "", text).replace("\\u{23}", "#").replace("\\u{3a}", ":")


def holds(read: str, text: str) -> bool:
    """Whether a parsed report contains a text, or at least the first `WHOLE` characters of it."""
    return any(
        squeezed(shown(text))[:WHOLE] in squeezed(read) for shown in (flat, escape_invisible)
    )  # escaped for one line, or for several lines


def as_text(report: str, text: str) -> None:
    """A terminal: no control characters, and the text is shown."""
    shown = click.unstyle(report)
    assert attacks.ACTS.findall(shown) == []
    assert holds(shown, text)


def as_json(report: str, text: str) -> None:
    """A program: every character of the text is preserved."""
    document = json.loads(report)
    assert document["environment"] == text
    assert document["changes"][0]["reason"] == text
    assert document["warnings"][0]["message"] == text
    report.encode()


def as_markdown(report: str, text: str) -> None:
    """GitHub: only our elements, no active syntax outside code, and the text is shown."""
    page = attacks.rendered(report)
    assert set(page.elements) <= attacks.ELEMENTS
    assert page.attributes <= {("details", "open"), ("code", "class")}
    assert attacks.LIVELY.findall(page.loose) == []
    assert len(page.comments) == 1
    assert page.elements["details"] == page.elements["summary"]
    assert holds(page.quoted + page.loose, text)


def as_page(report: str, text: str) -> None:
    """A browser: only our elements and attributes, and the text is shown."""
    page = attacks.read(report)
    assert set(page.elements) <= attacks.PAGE
    assert page.elements["script"] == 1
    assert [name for _, name in page.attributes if name.startswith("on") or name in {"style", "src", "srcset"}] == []
    assert [link for link in page.links if not re.fullmatch(r"#change-\d+|#changes|data:,", link)] == []
    assert page.comments == []
    assert holds(page.quoted + page.loose, text)


def as_sarif(report: str, text: str) -> None:
    """Code scanning: valid SARIF, with the text in a message, without active syntax."""
    log = json.loads(report)
    SARIF.validate(log)
    messages = [result["message"]["text"] for result in log["runs"][0]["results"]]
    assert any(holds(_unescaped(message), _unescaped(flat(text), braces=1)) for message in messages)


def _unescaped(message: str, braces: int = 2) -> str:
    """A message with the escapes for links and placeholders undone (SARIF 3.11.5 and 3.11.6)."""

    def halved(match: re.Match[str]) -> str:
        return "{" * (len(match[1]) // braces) + match[2] + "}" * (len(match[3]) // braces)

    return re.sub(r"(\{+)(\d+)(\}+)", halved, message.replace("]\\(", "]("))


def as_commands(report: str, text: str) -> None:
    """The log of a runner: each line is one command of ours, and one of them has the text."""
    assert attacks.ACTS.findall(report) == []
    matches = [COMMAND.fullmatch(line) for line in report.split("\n")[:-1]]
    assert all(matches)
    assert {match[1] for match in matches if match} <= {"error", "warning", "notice"}
    messages = [match[3].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") for match in matches if match]
    expected = squeezed(escape_invisible(text.replace("\r", " ")))[
        :WHOLE
    ]  # an encoded carriage return is white space for a runner
    assert any(expected in squeezed(message) for message in messages)


READERS: Mapping[str, Callable[[str, str], None]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
    "comment": as_markdown,
    "summary": as_markdown,
    "html": as_page,
    "sarif": as_sarif,
    "github": as_commands,
}
