"""Reports read by real parsers of their formats: what went in has to come out, and nothing else may be there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import jsonschema_rs

from tavusctl.secrets.escape import escape_invisible, flat
from tests.unit.reports import test_attacks as attacks

# The pattern of a language is published with a bracket too many, which is no regular expression of JSON Schema.
_LANGUAGE = ("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$")
SARIF = jsonschema_rs.Draft7Validator(
    json.loads((Path(__file__).parents[1] / "golden/sarif-2.1.0.schema.json").read_text("utf-8").replace(*_LANGUAGE))
)
COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")
WHOLE = 200  # characters of a text that every report shows


def squeezed(text: str) -> str:
    """Text without white space, which every format may set otherwise, and with runners' marks as they were."""
    return re.sub(r"\s+", "", text).replace("\\u{23}", "#").replace("\\u{3a}", ":")


def holds(read: str, text: str) -> bool:
    """Whether what was read has a text; of a long one, its beginning."""
    return any(
        squeezed(shown(text))[:WHOLE] in squeezed(read) for shown in (flat, escape_invisible)
    )  # on one line, or on several


def as_text(report: str, text: str) -> None:
    """A terminal: no character acts, the text is there."""
    shown = click.unstyle(report)
    assert attacks.ACTS.findall(shown) == []
    assert holds(shown, text)


def as_json(report: str, text: str) -> None:
    """A program: every character as it was."""
    document = json.loads(report)
    assert document["environment"] == text
    assert document["changes"][0]["reason"] == text
    assert document["warnings"][0]["message"] == text
    report.encode()


def as_markdown(report: str, text: str) -> None:
    """GitHub: nothing but our elements, nothing lively outside code, and the text in it."""
    page = attacks.rendered(report)
    assert set(page.elements) <= attacks.ELEMENTS
    assert page.attributes <= {("details", "open"), ("code", "class")}
    assert attacks.LIVELY.findall(page.loose) == []
    assert len(page.comments) == 1
    assert page.elements["details"] == page.elements["summary"]
    assert holds(page.quoted + page.loose, text)


def as_page(report: str, text: str) -> None:
    """A browser: nothing but our elements and attributes, and the text in it."""
    page = attacks.read(report)
    assert set(page.elements) <= attacks.PAGE
    assert page.elements["script"] == 1
    assert [name for _, name in page.attributes if name.startswith("on") or name in {"style", "src", "srcset"}] == []
    assert [link for link in page.links if not re.fullmatch(r"#change-\d+|#changes|data:,", link)] == []
    assert page.comments == []
    assert holds(page.quoted + page.loose, text)


def as_sarif(report: str, text: str) -> None:
    """Code scanning: SARIF, with the message as it was, less what acts in it."""
    log = json.loads(report)
    SARIF.validate(log)
    messages = [one["message"]["text"] for one in log["runs"][0]["results"]]
    assert any(holds(_unescaped(one), _unescaped(flat(text), braces=1)) for one in messages)


def _unescaped(message: str, braces: int = 2) -> str:
    """A message without what keeps links and placeholders apart from text (SARIF 3.11.5 and 3.11.6)."""

    def halved(found: re.Match[str]) -> str:
        return "{" * (len(found[1]) // braces) + found[2] + "}" * (len(found[3]) // braces)

    return re.sub(r"(\{+)(\d+)(\}+)", halved, message.replace("]\\(", "]("))


def as_commands(report: str, text: str) -> None:
    """The log of a runner: each line is one command of ours, and says the text."""
    assert attacks.ACTS.findall(report) == []
    found = [COMMAND.fullmatch(line) for line in report.split("\n")[:-1]]
    assert all(found)
    assert {match[1] for match in found if match} <= {"error", "warning", "notice"}
    said = [match[3].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") for match in found if match]
    wanted = squeezed(escape_invisible(text.replace("\r", " ")))[
        :WHOLE
    ]  # a runner takes it for white space, as it is encoded
    assert any(wanted in squeezed(one) for one in said)


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
