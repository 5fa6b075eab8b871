"""A state machine of a project and an account: actions of authors, runs and people in any order, and the invariants.

Runs are processes that use real HTTP.  The account records every change, and the invariants are checked against that.
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

from tests.crash.rig import KILLED, QUICK, Break, KillableProject, Launcher, RunResult
from tests.scenarios.project import Account, Body
from tests.scenarios.twenty import NAMES, document, goals, rules

KINDS = {"persona": "personas", "document": "documents", "guardrails": "guardrails", "objectives": "objectives"}
NUMBERS = st.integers(1, 3)
ENDED = {0, 3, 4, 5, 6, 11}  # the exit codes of an apply that are allowed when calls fail
_PATCHES = {"persona": "system_prompt", "guardrails": "name", "objectives": "name", "document": "document_name"}
_accounts = itertools.count()


class Machine(RuleBasedStateMachine):
    """Each rule is an action of an author, a run or a person."""

    def __init__(self, url: str, launcher: Launcher) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        account = Account(url, f"key-of-machine-{next(_accounts)}")
        self.project = KillableProject(self.folder / "project", account, {**QUICK, "TAVUSCTL_SETTLE": "0.1"}, launcher)
        self.project.root.mkdir()
        self.account = account
        account.reset()
        account.switch(processing_seconds=0)
        self.manifests: dict[tuple[str, int], Body] = {}
        self.strangers: dict[str, dict[str, Body]] = {kind: {} for kind in KINDS.values()}
        self.contexts: dict[str, str] = {}  # texts of people in an unmanaged field, by the id of a persona
        self.keep("guardrails", 1, rules(1))
        self.run_apply()

    def teardown(self) -> None:
        """Check that the project converges in the end."""
        try:
            self.converge()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    # Actions of authors.

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
        """Write a persona that refers to another manifest."""
        spec: Body = {"persona_name": f"P{number}", "system_prompt": f"You are version {version}."}
        parts = sorted(key for key in self.manifests if key[0] != "persona")
        kind, of = parts[place % len(parts)]
        reference = f"${{ref:{kind}/n{of}}}"
        spec["document_ids" if kind == "document" else f"{kind}_id"] = [reference] if kind == "document" else reference
        self.keep("persona", number, spec)

    @precondition(lambda self: len(self.manifests) > 1)
    @rule(place=st.integers(0, 20))
    def remove_manifest(self, place: int) -> None:
        """Remove a manifest that no other manifest refers to."""
        used = json.dumps(list(self.manifests.values()))
        free = sorted(key for key in self.manifests if f"ref:{key[0]}/n{key[1]}}}" not in used)
        if free and free != list(self.manifests):
            kind, number = free[place % len(free)]
            del self.manifests[kind, number]
            self.project.remove(kind, f"n{number}")

    # Actions of runs.

    @rule()
    def plan(self) -> None:
        """A plan; it must not change the account."""
        before = self.mutations()
        assert self.project.run("plan").code in (*ENDED, 9)
        assert self.mutations() == before

    @rule()
    def run_apply(self) -> None:
        """An apply; it must do only what its plan shows."""
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
        """An apply in which a call fails."""
        self.apply(fault={"match": f"{method} /v2/*", "kind": fault[0], "phase": fault[1], "skip": skip})

    @rule()
    def run_from_an_old_copy(self) -> None:
        """A run on a copy of the state, if its plan has only updates."""
        copy = KillableProject(self.folder / "copy", self.account, self.project.environment, self.project.launcher)
        shutil.rmtree(copy.root, ignore_errors=True)
        shutil.copytree(self.project.root, copy.root)
        planned = copy.plan()
        if {change["action"] for change in planned.get("changes", [])} <= {"update"}:
            result = copy.run("apply", "--yes")
            assert result.code in ENDED, result.err

    # Actions of people in the portal.

    @rule(place=st.integers(0, 20), text=st.integers(0, 99))
    def write_context(self, place: int, text: int) -> None:
        """Edit a field that no manifest manages."""
        personas = sorted(self.bound("persona"))
        if personas:
            chosen = personas[place % len(personas)]
            self.account.portal("persona", chosen, {"op": "add", "path": "/context", "value": f"context {text}"})
            self.contexts[chosen] = f"context {text}"

    @rule(kind=st.sampled_from(sorted(KINDS)), place=st.integers(0, 20), text=st.integers(0, 99))
    def edit(self, kind: str, place: int, text: int) -> None:
        """Edit a field that a manifest manages."""
        ids = sorted(self.bound(kind))
        if ids and kind != "document":
            change = {"op": "replace", "path": f"/{_PATCHES[kind]}", "value": f"edited {text}"}
            self.account.portal(kind, ids[place % len(ids)], change)

    @rule(kind=st.sampled_from(sorted(KINDS)), place=st.integers(0, 20))
    def delete(self, kind: str, place: int) -> None:
        """Delete an object that is bound."""
        ids = sorted(self.bound(kind))
        if ids:
            self.account.portal_delete(kind, ids[place % len(ids)])

    @rule(kind=st.sampled_from(sorted(KINDS)), number=NUMBERS)
    def make_stranger(self, kind: str, number: int) -> None:
        """Create an object whose name is similar to one of ours."""
        body: Body = {"persona_name": "", "system_prompt": "Theirs."} if kind == "persona" else {}
        body = {"document": document, "guardrails": rules, "objectives": goals}.get(kind, lambda _: body)(number)
        plural = KINDS[kind]
        (id_,) = self.account.seed(**{plural: [{**body, NAMES[plural]: f"{kind[0].upper()}{number} copy"}]})[plural]
        self.strangers[plural][id_] = self.account.objects(plural)[id_]

    # Invariants.

    def apply(self, at: int = 0, fault: Body | None = None) -> RunResult:
        """An apply with the approvals that its plan needs, and the checks after it."""
        emptied = self.emptied()
        planned = self.project.plan(*emptied)
        before = len(self.mutations())
        changes, refused = planned.get("changes", []), planned.get("refused", [])
        count = sum(step["action"] == "delete" for step in changes)
        conflicts = [word for step in refused if step["code"] == "E301" for word in ("--overwrite", step["address"])]
        if fault:
            self.account.fault(**fault)
        options = ("--allow-deletes", str(count), *conflicts, *emptied)
        result = self.project.breaking(Break(at), "apply", "--yes", *options)
        self.account.control("DELETE", "faults")
        assert result.code in ENDED | {KILLED}, result.err
        assert "Traceback" not in result.err
        mutations = [mutation for mutation in self.mutations()[before:] if mutation["by"] == "api"]
        self.check_made(changes, mutations)
        self.check_survivors()
        return result

    def emptied(self) -> tuple[str, ...]:
        """The option that approves to recreate all objects, if people have deleted every bound object (E915)."""
        bound_ids = self.project.run("state", "list", "--format", "json").document
        refused = self.project.plan().get("error", {}).get("id") == "E915"
        return ("--allow-recreate", str(len(bound_ids))) if refused else ()

    def check_made(self, changes: list[Body], made: list[Body]) -> None:
        """Check that the plan showed every mutation: deletes by id, creates by kind."""
        listed = {step["id"] for step in changes if step["action"] in ("delete", "retire", "replace")}
        deleted = {mutation["id"] for mutation in made if mutation["action"] == "delete"}
        assert deleted <= listed, (deleted, changes)
        due = Counter(KINDS[step["kind"]] for step in changes if step["action"] in ("create", "replace"))
        created = Counter(mutation["kind"] for mutation in made if mutation["action"] == "create")
        assert created <= due, (created, changes)

    def check_survivors(self) -> None:
        """Check that objects of others and texts of people in unmanaged fields have not changed."""
        for plural, theirs in self.strangers.items():
            objects = self.account.objects(plural)
            assert {key: objects.get(key) for key in theirs} == theirs
        personas = self.account.objects("personas")
        self.contexts = {key: text for key, text in self.contexts.items() if key in personas}
        assert {key: personas[key].get("context") for key in self.contexts} == self.contexts

    def converge(self) -> None:
        """Check that at most three runs without faults lead to one object per manifest and an empty plan.

        A further apply must not change the account.
        """
        results = []
        for _ in range(3):
            results.append(self.apply())
            if results[-1].code == 0 and not self.project.plan()["changes"]:
                break
        assert results[-1].code == 0, [result.out + result.err for result in results]
        plan = self.project.plan()
        assert (plan["changes"], plan["refused"]) == ([], []), plan
        before = len(self.mutations())
        self.apply()
        assert self.mutations()[before:] == []
        for kind, plural in KINDS.items():
            ours = self.account.objects(plural).keys() - self.strangers[plural].keys()
            count = sum(manifest_kind == kind for manifest_kind, _ in self.manifests)
            assert (ours, len(ours)) == (self.bound(kind), count)

    def keep(self, kind: str, number: int, spec: Body) -> None:
        """Write a manifest."""
        self.manifests[kind, number] = spec
        self.project.manifest(kind, f"n{number}", spec)

    def bound(self, kind: str) -> set[str]:
        """The ids of objects of a kind that are bound and exist in the account."""
        result = self.project.run("state", "list", "--format", "json")
        assert result.code == 0, result.err
        bound_ids = {value for key, value in result.document.items() if key.startswith(f"{kind}/")}
        return bound_ids & self.account.objects(KINDS[kind]).keys()

    def mutations(self) -> list[Any]:
        """Every change of the account, in order."""
        mutations: list[Any] = self.account.control("GET", "mutations")["mutations"]
        return mutations
