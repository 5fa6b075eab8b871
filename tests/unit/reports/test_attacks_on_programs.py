"""Text from elsewhere in reports for programs: annotations as a runner obeys them, SARIF as code scanning shows it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tavusctl.cli.redacting_stream import RedactingStream
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Outcome, Status
from tavusctl.reports.formats import REPORTS
from tavusctl.reports.github.annotations import as_property
from tavusctl.reports.json import json_text
from tavusctl.secrets import redaction
from tavusctl.secrets.escape import PATTERN
from tavusctl.secrets.values import SHOWN
from tests.fuzz.readback import SARIF
from tests.golden.plans import HOSTILE, hostile

ATTACKS = [
    *HOSTILE.split("\n"),
    HOSTILE,
    "a%0A::error::forged",
    "a%0D%0A::add-mask::forged",
    "a%250A::error::forged",
    "a\r::error::forged",
    "a\r\n::set-output name=x::forged",
    "a\u2028::error::forged\u2029b",
    "a\x85::error::forged",
    "a\x0b::error::forged\x0c",
    "a.yaml,line=1,title=forged",
    "a.yaml::forged",
    "a.yaml%2Ctitle%3Dforged",
    "::stop-commands::forged",
    "[look here](https://evil.example)",
    "[look here](1)",
    "\\[look here\\](1)",
    "{0} {1} {{2}}",
    "//evil.example/a.yaml",
    "https://evil.example/a.yaml?x#y",
    "../../etc/passwd",
    "\ud800 half a letter",
]
LEVELS = {"error", "warning", "notice"}
PLACES = {"file", "line", "col", "title"}


@dataclass(frozen=True)
class Command:
    """A command as a runner understands it."""

    name: str
    properties: dict[str, str]
    data: str


def obeyed(log: str) -> Iterator[Command]:
    """What a runner obeys in a log, read as it reads: lines end at either of their ends, names are split at marks."""
    for line in re.split(r"\r\n|\r|\n", log):
        if not line.lstrip().startswith("::"):
            assert not re.search(r"##\w*\[", line), line
            assert line == ""
            continue
        head, _, data = line.lstrip()[2:].partition("::")
        name, _, rest = head.partition(" ")
        pairs = (one.partition("=") for one in rest.split(",") if one)
        yield Command(name, {key: unescaped(value) for key, _, value in pairs}, unescaped(data))


def unescaped(text: str) -> str:
    for mark, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(mark, character)
    return text


def reported(name: str, text: str) -> dict[str, str]:
    """Every report of a format about a plan in which a text stands everywhere."""
    plan, report = hostile(text), REPORTS[name]
    outcomes = [Outcome(step, status, text, text) for step, status in zip(plan.steps, Status, strict=False)]
    return {
        "plan": report.plan(plan),
        "drift": report.drift(plan, plan.drift),
        "outcomes": report.outcomes(plan, outcomes),
        "complaints": report.diagnostics(plan.warnings),
    }


def readable(text: str) -> str:
    """A text without what stands for something invisible or for the mark of a command."""
    return re.sub(r"\\u\{+[0-9a-f]+\}+|[:#]", "", PATTERN.sub("", text)).replace("\r", "").replace("\n", "")


@pytest.mark.parametrize("text", ATTACKS)
def test_a_runner_obeys_no_annotation_but_ours(text: str) -> None:
    found = {name: list(obeyed(log)) for name, log in reported("github", text).items()}

    assert {name: len(commands) for name, commands in found.items()} == {
        "plan": 8,
        "drift": 2,
        "outcomes": 4,
        "complaints": 2,
    }
    for command in (one for commands in found.values() for one in commands):
        assert command.name in LEVELS
        assert set(command.properties) <= PLACES
        assert command.properties.get("line", "1").isdigit()
        assert command.properties.get("col", "1").isdigit()
        assert re.fullmatch(r"[a-z]+: [a-z]+/[a-z]+|TV\d", command.properties["title"])


@pytest.mark.parametrize("text", ATTACKS)
def test_annotations_say_what_the_text_says(text: str) -> None:
    refused, *_ = obeyed(REPORTS["github"].plan(hostile(text)))
    without_place, about = obeyed(REPORTS["github"].diagnostics(hostile(text).warnings))

    assert (readable(refused.data), readable(without_place.data)) == (readable(text), readable(text))
    assert readable(about.properties["file"]) == readable(text)
    assert readable(about.data) == readable(f"{text}{text}")


@pytest.mark.parametrize("text", ATTACKS)
def test_a_document_says_what_the_text_says_on_a_redacting_stream(text: str) -> None:
    out = io.StringIO()
    RedactingStream(out).write(json_text({text: [text]}))
    assert not re.search(r"##\w*\[|(?m:^\s*::)", out.getvalue())
    assert json.loads(out.getvalue()) == {text: [text]}


def test_a_document_with_a_number_that_contains_a_secret_is_json() -> None:
    out = io.StringIO()
    with redaction.isolated_run():
        redaction.register("4711471147114711", "PIN")
        RedactingStream(out).write(json_text({"minutes": 4711471147114711}))
    assert json.loads(out.getvalue()) == {"minutes": SHOWN}


def test_annotations_beyond_the_tenth_are_as_tame() -> None:
    many = [Diagnostic(f"TV{n}", text, Source(text, 1, 1), text) for n, text in enumerate(ATTACKS)]
    commands = list(obeyed(REPORTS["github"].diagnostics(many)))

    assert [one.name for one in commands] == ["error"] * 10
    assert commands[-1].data == f"and {len(ATTACKS) - 9} more, above the limit of GitHub"


@example("a,title=b::c%0Ad")
@given(st.text())
def test_a_property_ends_nothing(text: str) -> None:
    once = as_property(text)
    assert not re.search(r"[\r\n:,]|%(?!25|0D|0A|3A|2C)", once)
    (command,) = obeyed(f"::error file={once},line=1,title=ours::data")
    assert (command.properties["title"], command.properties["line"], command.data) == ("ours", "1", "data")


def messages(log: dict[str, Any]) -> list[str]:
    return [result["message"]["text"] for result in log["runs"][0]["results"]]


def uris(log: dict[str, Any]) -> list[str]:
    places = [
        place["physicalLocation"] for result in log["runs"][0]["results"] for place in result.get("locations", ())
    ]
    return [place["artifactLocation"]["uri"] for place in places]


@pytest.mark.parametrize("text", ATTACKS)
def test_sarif_has_no_rule_link_or_place_but_ours(text: str) -> None:
    for report in reported("sarif", text).values():
        assert not re.search(r"##\w*\[", report)
        log = json.loads(report.encode())
        assert [error.message for error in SARIF.iter_errors(log)] == []
        assert [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"] if not known(rule["id"])] == []
        for message in messages(log):
            assert not re.search(r"\]\(|(?<!\{)\{\d+\}|[\r\n]", message)
            assert PATTERN.search(message) is None
        for uri in uris(log):
            parts = urlsplit(uri)
            assert (parts.scheme in {"", "file"}, parts.netloc, parts.query, parts.fragment) == (True, "", "", "")


def known(rule: str) -> bool:
    return re.fullmatch(r"TV\d|E301|outcome-(failed|unknown)|drift-(drifted|missing)", rule) is not None


@pytest.mark.parametrize("text", ATTACKS)
def test_sarif_says_what_the_text_says(text: str) -> None:
    log = json.loads(
        REPORTS["sarif"].diagnostics([Diagnostic("TV1", text, Source(text, 1, 1), "", None, Severity.WARNING)])
    )
    (message,), (uri,) = messages(log), uris(log)

    assert readable(message.replace("]\\(", "](").replace("\\n", "")).replace("{{", "{").replace("}}", "}") in {
        readable(text),
        readable(text).replace("{{", "{").replace("}}", "}"),  # braces that hold no number stay as they are
    }
    assert unquote(uri.removeprefix("file://"), errors="surrogatepass") == text
