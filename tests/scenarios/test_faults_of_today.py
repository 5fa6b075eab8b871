"""Faults at the writes of an apply of all ten kinds: one object per address, and no membership lost or doubled.

By default each fault strikes at a sample of the writes; with TAVUSCTL_LAWS=long it strikes at every one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import pytest

from tests.crash import ten_kinds
from tests.scenarios.project import Account, Body, Project
from tests.scenarios.twenty import QUICK, Twenty

pytestmark = pytest.mark.newer_api

LONG = os.environ.get("TAVUSCTL_LAWS") == "long"
WRITES = "[PD]* *"  # POST, PUT, PATCH and DELETE
FIRST, SECOND = 23, 41  # writes of the two versions, and the questions whether tests are obeyed
# How the answer goes wrong, and the exit codes that the run may end with.
FAULTS: dict[str, tuple[Body, tuple[int, ...]]] = {
    "answer lost": ({"kind": "drop", "phase": "after"}, (0, 6)),
    "500 after": ({"kind": "status", "status": 500, "phase": "after"}, (0,)),
    "429": ({"kind": "status", "status": 429, "headers": {"retry-after": "7"}, "times": 2}, (0,)),
    "409": ({"kind": "status", "status": 409, "body": {"error": "Not now"}}, (0, 3, 5)),
}


def at_writes(sample: int, writes: int, first: int) -> list[int]:
    """Every write when long, else so many of them, evenly spread from `first` on."""
    return list(range(writes)) if LONG else [first + place * writes // sample for place in range(sample)]


@dataclass
class Ten(Twenty):
    """The manifests of all ten kinds, on an account of today."""

    def begin(self) -> None:
        """As it is, with the account's own objects as an account of today shows them."""
        super().begin()
        account = self.project.account
        account.switch(era="today", processing_seconds=0, training_seconds=0, voice_seconds=0, references="reject")
        self.strangers = {kind: account.objects(kind) for kind in self.strangers}

    def begin_second(self) -> None:
        """The first version applied, and the second one in the manifests."""
        self.begin()
        ten_kinds.write_first(self.project)
        self.project.apply()
        ten_kinds.write_second(self.project)
        self.deleting = True
        self.project.account.forget()

    def check_account(self) -> None:
        """Each member of the personas' sets is there once."""
        super().check_account()
        ids = self.project.run("state", "list", "--format", "json").document
        for name in ("p1", "p2"):
            if f"persona/{name}" not in ids:
                continue
            shown = self.project.account.objects("personas")[ids[f"persona/{name}"]]
            text = (self.project.root / f"manifests/persona-{name}.yaml").read_text("utf-8")
            for address, remote_id in ids.items():
                text = text.replace(f"${{ref:{address}}}", remote_id)
            spec = json.loads(text)["spec"]
            for key in ("tool_ids", "guardrail_ids", "document_ids"):
                assert sorted(shown.get(key) or []) == sorted(spec.get(key, [])), key
            skills: Any = {key: one["config"] for key, one in (shown.get("skills") or {}).items()}
            wanted = spec.get("skills", {})
            assert {*skills} == {*wanted}
            if "presentation" in wanted:
                assert skills["presentation"]["document_ids"] == wanted["presentation"]["document_ids"]
                assert shown["layers"]["conferencing"]["username"] == spec["layers"]["conferencing"]["username"]


@pytest.fixture
def ten(account: Account, project: Project) -> Ten:
    """The first version is due."""
    made = Ten(Project(project.root, account, {**QUICK, **ten_kinds.SECRETS}))
    made.begin()
    ten_kinds.write_first(made.project)
    return made


@pytest.fixture
def second(ten: Ten) -> Ten:
    """The second version is due."""
    ten.begin_second()
    return ten


def survived(ten: Ten, fault: str, match: str, skip: int) -> None:
    rule, codes = FAULTS[fault]
    ten.project.account.fault(match=match, skip=skip, **rule)

    ended = ten.apply()

    assert ended.code in codes, ended.out + ended.err
    assert ten.project.account.control("GET", "faults")["faults"][0]["struck"] >= 1
    ten.check()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("write", at_writes(2, FIRST, 3))
def test_each_of_the_ten_kinds_is_made_once(ten: Ten, fault: str, write: int) -> None:
    survived(ten, fault, WRITES, write)

    posted = [one for one in ten.project.account.control("GET", "mutations")["mutations"] if one["action"] == "create"]
    assert len({one["id"] for one in posted}) == len(posted) == 15


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("write", at_writes(2, SECOND, 5))
def test_each_of_the_ten_kinds_is_edited_and_deleted(second: Ten, fault: str, write: int) -> None:
    survived(second, fault, WRITES, write)


MEETING = "PATCH /v2/personas/* of the meeting name alone"
MEETING_AT = 4  # patches of the persona before it
# The calls of the parts of a persona, of which the second version has one or two each.
PARTS = (
    ("DELETE /v2/pals/*/tools/*", 0),
    ("DELETE /v2/pals/*/tools/*", 1),
    ("POST /v2/pals/*/tools", 0),
    ("DELETE /v2/pals/*/skills/*", 0),
    ("PATCH /v2/pals/*/skills/*", 0),
    ("PUT /v2/pals/*/skills/*", 0),
    ("PATCH /v2/personas/*", MEETING_AT),
)
SOME = PARTS if LONG else (*PARTS[1:4], PARTS[-1])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("match", "skip"), SOME, ids=[f"{match} {skip}" for match, skip in SOME])
def test_no_membership_is_lost_or_doubled(second: Ten, fault: str, match: str, skip: int) -> None:
    survived(second, fault, match, skip)


@pytest.mark.parametrize("guard", ["patch", "everything"])
def test_a_draft_of_the_persona_costs_no_member_and_no_other_object(second: Ten, guard: str) -> None:
    """What the draft keeps out is left for the run after somebody has thrown it away; the rest is done."""
    project, account = second.project, second.project.account
    bound, gone = project.bound("persona/p1"), project.bound("tool/t1")
    account.switch(drafts_guard=guard)
    edit = [{"op": "replace", "path": "/greeting", "value": "Edited in PAL Maker."}]
    account.control("POST", "drafts", {"id": bound, "account": account.key, "patch": edit})

    ended = second.apply()

    assert ended.code == 3, ended.out
    assert "PAL Maker has unpublished edits" in ended.out
    assert {one["address"] for one in project.plan()["changes"]} >= {"persona/p1"}
    assert sum(body["name"] == "tool_3" for body in account.objects("tools").values()) == 1
    assert gone in account.objects("tools") or gone not in account.objects("personas")[bound]["tool_ids"]
    account.control("DELETE", f"drafts?id={bound}&account={account.key}")
    second.check()


# What the two versions write, `*` for ids: faults strike at every sort of call there is.
COLLECTIONS = (
    *("deployments", "documents", "guardrails", "objectives", "personas", "pronunciation-dictionaries"),
    *("replicas", "tools", "voices"),
)
MADE = {f"POST /v2/{one}" for one in COLLECTIONS} | {
    "PATCH /v2/replicas/*/name",
    "POST /v2/pals/*/tools",
    "PUT /v2/pals/*/skills/internet_search",
    "PUT /v2/pals/*/skills/presentation",
    "PATCH /v2/personas/*",  # questions
    MEETING,
}
EDITED = {
    *(f"PATCH /v2/{one}/*" for one in COLLECTIONS if one != "replicas"),
    "PATCH /v2/faces/*",
    *(f"POST /v2/{one}" for one in ("deployments", "guardrails", "personas", "tools", "voices")),
    *(f"DELETE /v2/{one}/*" for one in ("guardrails", "pronunciation-dictionaries", "tools", "voices")),
    "DELETE /v2/pals/*/tools/*",
    "POST /v2/pals/*/tools",
    "DELETE /v2/pals/*/skills/internet_search",
    "PATCH /v2/pals/*/skills/presentation",
    "PUT /v2/pals/*/skills/memory",
    MEETING,
}


def writes(ten: Ten) -> list[str]:
    """Writes of an apply without faults, and questions whether tests are obeyed."""
    ten.project.account.forget()
    assert ten.apply().code == 0
    return [_sort(one) for one in ten.project.account.requests if one["method"] != "GET"]


def _sort(request: Body) -> str:
    """Method and path, `*` for what is neither a collection nor a skill."""
    words = {"", "v2", "pals", "faces", "skills", "name", *COLLECTIONS, "internet_search", "memory", "presentation"}
    path = "/".join(part if part in words else "*" for part in request["path"].split("/"))
    body = request["body"]
    written = [one["path"] for one in body if one["op"] != "test"] if isinstance(body, list) else []
    is_meeting = bool(written) and all(one.startswith("/layers/conferencing") for one in written)
    return MEETING if is_meeting else f"{request['method']} {path}"


def test_faults_strike_at_every_sort_of_write_of_the_first_version(ten: Ten) -> None:
    made = writes(ten)

    assert len(made) == FIRST
    assert {*made} == MADE


def test_faults_strike_at_every_sort_of_write_of_the_second_version(second: Ten) -> None:
    edited = writes(second)

    assert len(edited) == SECOND
    assert {*edited} == EDITED
    assert [one for one in edited if one in ("PATCH /v2/personas/*", MEETING)].index(MEETING) == MEETING_AT
