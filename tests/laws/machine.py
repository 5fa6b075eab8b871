"""A project and an account that anything may happen to, in any order; and what must be true all the same.

Runs are processes on real HTTP.  The account writes every change down, and whatever is claimed here is checked there.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.crash.rig import KILLED, QUICK, Break, Crashing, Ended, Launcher
from tests.scenarios.project import Account, Body
from tests.scenarios.twenty import NAMES, document, goals, rules

KINDS = {"persona": "personas", "document": "documents", "guardrails": "guardrails", "objectives": "objectives"}
NUMBERS = st.integers(1, 3)
ENDED = {0, 3, 4, 5, 6, 11}  # what an apply may end with when calls go wrong
_PATCHES = {"persona": "system_prompt", "guardrails": "name", "objectives": "name", "document": "document_name"}
_accounts = itertools.count()


class Machine(RuleBasedStateMachine):
    """Every rule is something that somebody does."""

    def __init__(self, url: str, launcher: Launcher) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        account = Account(url, f"key-of-machine-{next(_accounts)}")
        self.project = Crashing(self.folder / "project", account, {**QUICK, "TAVUSCTL_SETTLE": "0.1"}, launcher)
        self.project.root.mkdir()
        self.account = account
        account.reset()
        account.switch(processing_seconds=0)
        self.manifests: dict[tuple[str, int], Body] = {}
        self.strangers: dict[str, dict[str, Body]] = {kind: {} for kind in KINDS.values()}
        self.contexts: dict[str, str] = {}  # what people wrote where no manifest does, by the id of a persona
        self.keep("guardrails", 1, rules(1))
        self.run_apply()

    def teardown(self) -> None:
        """In the end everything converges."""
        try:
            self.converge()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    # What authors do.

    @rule(kind=st.sampled_from(["document", "guardrails", "objectives"]), number=NUMBERS, version=st.integers(0, 2))
    def write_part(self, kind: str, number: int, version: int) -> None:
        """Write a document (a new version replaces it) or a set (a new version renames it)."""
        spec = {"document": document, "guardrails": rules, "objectives": goals}[kind](number)
        if version and kind == "document":
            spec["document_url"] = f"https://example.com/{number}-{version}.pdf"
        elif version:
            spec["name"] += f" v{version}"
        self.keep(kind, number, spec)

    @rule(number=NUMBERS, version=st.integers(0, 2), place=st.integers(0, 5))
    def write_persona(self, number: int, version: int, place: int) -> None:
        """Write a persona that refers to some of what there is."""
        spec: Body = {"persona_name": f"P{number}", "system_prompt": f"You are version {version}."}
        parts = sorted(key for key in self.manifests if key[0] != "persona")
        kind, of = parts[place % len(parts)]
        reference = f"${{ref:{kind}/n{of}}}"
        spec["document_ids" if kind == "document" else f"{kind}_id"] = [reference] if kind == "document" else reference
        self.keep("persona", number, spec)

    @precondition(lambda self: len(self.manifests) > 1)
    @rule(place=st.integers(0, 20))
    def remove_manifest(self, place: int) -> None:
        """Remove a manifest that no other refers to."""
        used = json.dumps(list(self.manifests.values()))
        free = sorted(key for key in self.manifests if f"ref:{key[0]}/n{key[1]}}}" not in used)
        if free and free != list(self.manifests):
            kind, number = free[place % len(free)]
            del self.manifests[kind, number]
            self.project.remove(kind, f"n{number}")

    # What runs do.

    @rule()
    def plan(self) -> None:
        """A plan writes nothing."""
        before = self.mutations()
        assert self.project.run("plan").code in (*ENDED, 9)
        assert self.mutations() == before

    @rule()
    def run_apply(self) -> None:
        """An apply does what its plan says."""
        self.apply()

    @rule(at=st.integers(1, 150))
    def run_killed(self, at: int) -> None:
        """An apply that is killed."""
        self.apply(at)

    @rule(
        method=st.sampled_from(["POST", "PATCH", "DELETE", "*"]),
        fault=st.sampled_from(
            [
                ("drop", "before"),
                ("drop", "after"),
                ("status", "after"),
                ("reset", "after"),
                ("kill", "before"),
                ("kill", "after"),
            ]
        ),
        skip=st.integers(0, 3),
    )
    def run_in_bad_weather(self, method: str, fault: tuple[str, str], skip: int) -> None:
        """An apply of which a call goes wrong."""
        self.apply(fault={"match": f"{method} /v2/*", "kind": fault[0], "phase": fault[1], "skip": skip})

    @rule()
    def run_from_an_old_copy(self) -> None:
        """A second runner on a copy of the state, which has nothing to create and nothing to replace."""
        copy = Crashing(self.folder / "copy", self.account, self.project.environment, self.project.launcher)
        shutil.rmtree(copy.root, ignore_errors=True)
        shutil.copytree(self.project.root, copy.root)
        planned = copy.plan()
        if {one["action"] for one in planned.get("changes", [])} <= {"update"}:
            ended = copy.run("apply", "--yes")
            assert ended.code in ENDED, ended.err

    # What people do in the portal.

    @rule(place=st.integers(0, 20), text=st.integers(0, 99))
    def write_context(self, place: int, text: int) -> None:
        """Edit what no manifest manages."""
        personas = sorted(self.bound("persona"))
        if personas:
            chosen = personas[place % len(personas)]
            self.account.portal("persona", chosen, {"op": "add", "path": "/context", "value": f"context {text}"})
            self.contexts[chosen] = f"context {text}"

    @rule(kind=st.sampled_from(sorted(KINDS)), place=st.integers(0, 20), text=st.integers(0, 99))
    def edit(self, kind: str, place: int, text: int) -> None:
        """Edit what a manifest manages."""
        ids = sorted(self.bound(kind))
        if ids and kind != "document":
            change = {"op": "replace", "path": f"/{_PATCHES[kind]}", "value": f"edited {text}"}
            self.account.portal(kind, ids[place % len(ids)], change)

    @rule(kind=st.sampled_from(sorted(KINDS)), place=st.integers(0, 20))
    def delete(self, kind: str, place: int) -> None:
        """Delete what is bound."""
        ids = sorted(self.bound(kind))
        if ids:
            self.account.portal_delete(kind, ids[place % len(ids)])

    @rule(kind=st.sampled_from(sorted(KINDS)), number=NUMBERS)
    def make_stranger(self, kind: str, number: int) -> None:
        """Make an object whose name is much like one of ours."""
        body: Body = {"persona_name": "", "system_prompt": "Theirs."} if kind == "persona" else {}
        body = {"document": document, "guardrails": rules, "objectives": goals}.get(kind, lambda _: body)(number)
        plural = KINDS[kind]
        (made,) = self.account.seed(**{plural: [{**body, NAMES[plural]: f"{kind[0].upper()}{number} copy"}]})[plural]
        self.strangers[plural][made] = self.account.objects(plural)[made]

    # What must be true.

    def apply(self, at: int = 0, fault: Body | None = None) -> Ended:
        """An apply as people run it, and what must be true of every one."""
        emptied = self.emptied()
        planned = self.project.plan(*emptied)
        before = len(self.mutations())
        changes, refused = planned.get("changes", []), planned.get("refused", [])
        count = sum(one["action"] == "delete" for one in changes)
        conflicts = [word for one in refused if one["code"] == "E301" for word in ("--overwrite", one["address"])]
        if fault:
            self.account.fault(**fault)
        words = ("--allow-deletes", str(count), *conflicts, *emptied)
        ended = self.project.breaking(Break(at), "apply", "--yes", *words)
        self.account.control("DELETE", "faults")
        assert ended.code in ENDED | {KILLED}, ended.err
        assert "Traceback" not in ended.err
        made = [one for one in self.mutations()[before:] if one["by"] == "api"]
        self.check_made(changes, made)
        self.check_survivors()
        return ended

    def emptied(self) -> tuple[str, ...]:
        """What agrees to make everything anew, where people have deleted all that the state knows."""
        known = self.project.run("state", "list", "--format", "json").document
        refused = self.project.plan().get("error", {}).get("id") == "E915"
        return ("--allow-recreate", str(len(known))) if refused else ()

    def check_made(self, changes: list[Body], made: list[Body]) -> None:
        """Nothing was done that the plan did not show: deletes by id, creates by kind."""
        gone = {one["id"] for one in changes if one["action"] in ("delete", "retire", "replace")}
        deleted = {one["id"] for one in made if one["action"] == "delete"}
        assert deleted <= gone, (deleted, changes)
        due = Counter(KINDS[one["kind"]] for one in changes if one["action"] in ("create", "replace"))
        created = Counter(one["kind"] for one in made if one["action"] == "create")
        assert created <= due, (created, changes)

    def check_survivors(self) -> None:
        """Strangers are as they were, and so is what people wrote where no manifest does."""
        for plural, theirs in self.strangers.items():
            objects = self.account.objects(plural)
            assert {key: objects.get(key) for key in theirs} == theirs
        personas = self.account.objects("personas")
        self.contexts = {key: text for key, text in self.contexts.items() if key in personas}
        assert {key: personas[key].get("context") for key in self.contexts} == self.contexts

    def converge(self) -> None:
        """At most three runs without faults: one object per manifest, an empty plan, and no call that writes."""
        ends = []
        for _ in range(3):
            ends.append(self.apply())
            if ends[-1].code == 0 and not self.project.plan()["changes"]:
                break
        assert ends[-1].code == 0, [one.out + one.err for one in ends]
        plan = self.project.plan()
        assert (plan["changes"], plan["refused"]) == ([], []), plan
        before = len(self.mutations())
        self.apply()
        assert self.mutations()[before:] == []
        for kind, plural in KINDS.items():
            ours = self.account.objects(plural).keys() - self.strangers[plural].keys()
            wanted = sum(one == kind for one, _ in self.manifests)
            assert (ours, len(ours)) == (self.bound(kind), wanted)

    def keep(self, kind: str, number: int, spec: Body) -> None:
        """Write a manifest."""
        self.manifests[kind, number] = spec
        self.project.manifest(kind, f"n{number}", spec)

    def bound(self, kind: str) -> set[str]:
        """Ids of objects of a kind that the state has and the account, too."""
        listed = self.project.run("state", "list", "--format", "json")
        assert listed.code == 0, listed.err
        known = {value for key, value in listed.document.items() if key.startswith(f"{kind}/")}
        return known & self.account.objects(KINDS[kind]).keys()

    def mutations(self) -> list[Any]:
        """Every change of the account, in order."""
        found: list[Any] = self.account.control("GET", "mutations")["mutations"]
        return found
