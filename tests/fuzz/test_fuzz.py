"""The fuzzers can find: each sort of fault is planted and found, in a few tries; and without one there is nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tavusctl.core.errors import InternalError, StateError
from tavusctl.core.model import Plan
from tavusctl.reports.formats import REPORTS
from tests.fuzz.engine import Target, judged, run
from tests.fuzz.run import KEPT
from tests.fuzz.targets import TARGETS, reports

GOOD = json.dumps({"name": "a", "values": [1, 2, 3], "inner": {"text": "b"}}).encode()


def names_only(content: bytes) -> Iterable[str]:
    """A reader with a fault: it believes that there is always a name, and that it is text."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        message = "not JSON"
        raise StateError(message) from None
    yield document["name"].upper()


def slow_for_lists(content: bytes) -> Iterable[str]:
    if content.count(b"[") > 2:
        began = time.process_time()
        while time.process_time() - began < 0.02:
            pass
    yield "read"


def fails_inside(content: bytes) -> Iterable[str]:
    if b"x" in content:
        message = "a defect"
        raise InternalError(message)
    yield "read"


FAULTS: dict[str, tuple[Callable[[bytes], Iterable[str]], str]] = {
    "an error of Python": (names_only, "Error at test_fuzz.py"),
    "slowness": (slow_for_lists, "slow: more than 0.01 s"),
    "a defect that is told as such": (fails_inside, "InternalError: a defect"),
}


@pytest.mark.parametrize(("check", "words"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found_and_kept(tmp_path: Path, check: Callable[[bytes], Iterable[str]], words: str) -> None:
    target = Target("planted", (GOOD,), check, seconds=0.01)
    result = run(target, 60, tmp_path, most=150)

    assert result.findings
    for content, wrong in result.findings.values():
        assert words in wrong
        assert judged(target, content)[1], "a finding is one again when it is tried again"
    kept = {path.read_bytes() for path in tmp_path.glob("planted-*.input")}
    assert kept == {content for content, _ in result.findings.values()}


def loose_json(plan: Plan) -> str:
    """An encoder with a fault: it loses what is not Latin."""
    return REPORTS["json"].plan(plan).encode("ascii", "ignore").decode()


def loose_html(plan: Plan) -> str:
    """An encoder with a fault: one sort of bracket is not encoded."""
    return REPORTS["html"].plan(plan).replace("&lt;img", "<img")


def loose_markdown(plan: Plan) -> str:
    """An encoder with a fault: a mark comes through."""
    return REPORTS["markdown"].plan(plan).replace("&#60;img&#62;", "<img>")


@pytest.mark.parametrize(
    ("name", "encode", "text"),
    [
        ("json", loose_json, "caf\u00e9"),
        ("html", loose_html, "<img src=x>"),
        ("markdown", loose_markdown, "<img>"),
    ],
)
def test_a_planted_fault_of_an_encoder_is_found(name: str, encode: Callable[[Plan], str], text: str) -> None:
    content = f"{name}\n{text}".encode()
    with reports({name: encode}) as broken, reports() as whole:
        assert f"{name} is not read back" in judged(broken, content)[1]
        assert judged(whole, content)[1] == ""


@pytest.mark.parametrize("name", TARGETS)
def test_no_target_finds_anything_in_its_first_tries(tmp_path: Path, name: str) -> None:
    with TARGETS[name]() as target:
        result = run(target, 3, tmp_path, most=len(target.seeds) + 30)
    assert result.findings == {}
    assert result.executions > len(target.seeds) // 2
    assert len(result.outcomes) > 2


def test_findings_are_kept_where_make_clean_looks() -> None:
    assert KEPT.parts[0] == "build"
