"""Every report of every action, cause and shape of a change, as it was when somebody last read it.

`python -m tests.golden.plans` writes the files anew.
"""

from __future__ import annotations

import json
import re

import pytest
from jsonschema_rs import Draft202012Validator

from tavusctl.core.model import Action, Cause
from tavusctl.reports import plan_schema
from tavusctl.reports.formats import REPORTS
from tests.golden.plans import EVERY, FOLDER, OUTCOMES, PLANS, REFUSED, golden

WRITTEN = sorted(path.name for path in FOLDER.iterdir())


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    return dict(golden())


@pytest.mark.parametrize("file", WRITTEN)
def test_a_report_is_as_it_was(file: str, found: dict[str, str]) -> None:
    assert found.get(file) == (FOLDER / file).read_text("utf-8")


def test_there_is_a_file_of_each_report_and_no_other(found: dict[str, str]) -> None:
    assert sorted(found) == WRITTEN


def test_every_action_and_cause_is_among_them() -> None:
    changes = [*EVERY.steps, *(one.change for one in REFUSED.refused)]
    waits = [one.step for one in OUTCOMES if one.step not in changes]
    assert {one.action for one in changes} == set(Action) - {Action.WAIT}
    assert {one.action for one in waits} == {Action.WAIT}
    assert {one.cause for one in changes} >= set(Cause) - {Cause.MISSING}  # which is for drift


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_is_a_document_of_its_schema(name: str) -> None:
    document = json.loads(REPORTS["json"].plan(PLANS[name]))
    checker = Draft202012Validator(plan_schema.for_plan())
    assert [error.message for error in checker.iter_errors(document)] == []


def test_danger_comes_first_in_every_report(found: dict[str, str]) -> None:
    """Refused, then what takes away, then what sends to a new host, then the rest."""
    order = ("guardrails/gone", "document/prices", "persona/coach", "objectives/call", "persona/new", "guardrails/safe")
    for suffix, start in (("txt", ""), ("md", "<details"), ("html", "<main")):
        text = found[f"every.{suffix}"].replace("&#47;", "/").replace("&#45;", "-")
        text = text[text.index(start) :]
        places = [text.index(address) for address in order]
        assert places == sorted(places), suffix


@pytest.mark.parametrize("suffix", ["txt", "md", "html"])
def test_how_many_objects_a_change_affects_is_said_once(suffix: str, found: dict[str, str]) -> None:
    """In the list of what to look at twice, or at the head of the change; who they are, where it is unfolded."""
    text = found[f"every.{suffix}"]
    counted = [len(one.affects) for one in EVERY.steps if one.affects]
    said = re.findall(r"affects (\d+) objects?", text)
    assert sorted(map(int, said)) == sorted(counted)
    assert len(re.findall(r"\baffects\b", text)) == len(counted)
