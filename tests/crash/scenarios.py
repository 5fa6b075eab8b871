"""The scenarios that are killed.

Applies that create all objects, carry out every action, delete all objects but one, or replace a document of twelve
personas; creates without display names, and with external objects; creates and updates of personas with parts (tools,
skills, meeting name); current accounts with all ten kinds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash import ten_kinds
from tests.crash.rig import QUICK, KillableProject, Launcher, Scenario
from tests.scenarios.project import Account, Body
from tests.scenarios.twenty import document, edit, goals, persona, rules, write_manifests

PERSON = {"system_prompt": "You are number 1."}
# Objects of others whose names are similar to ours: they differ in case, in blanks, or by a prefix or suffix.
THEIRS = [{"guardrail_name": "theirs", "guardrail_prompt": "Theirs."}]
AIMS = [{"objective_name": "theirs", "objective_prompt": "Theirs."}]
SIMILAR = {
    "personas": [{**PERSON, "persona_name": name} for name in ("p1", "P 1", "P1 (copy)", "P11", "Q1-old")],
    "documents": [{**document(90), "document_name": name} for name in ("d1", "D1.pdf", "E1 draft")],
    "guardrails": [{"name": name, "data": THEIRS} for name in ("g1", "G10", "G1 new 2")],
    "objectives": [{"name": name, "data": AIMS} for name in ("o1", "O10", "O51")],
}
# Objects of others that are equal to ours, created after ours were bound.
TWINS = {
    "personas": [{"persona_name": "P5", "system_prompt": "You are number 5."}],
    "documents": [document(2)],
    "guardrails": [rules(1)],
    "objectives": [goals(2)],
}
SIMILAR = {
    **SIMILAR,
    "personas": [{"persona_name": body["persona_name"], "system_prompt": "Theirs."} for body in SIMILAR["personas"]],
}

# Objects of kinds that only current accounts have; the tool has a name that differs from ours, since names are unique.
THEIRS_OF_TODAY: dict[str, list[Body]] = {
    "tools": [{"name": "tool_11", "description": "Theirs."}],
    "single_guardrails": [{"guardrail_name": name, "guardrail_prompt": "Theirs."} for name in ("s1", "S11")],
    "voices": [{"voice_name": name} for name in ("v1", "V11")],
    "dictionaries": [{"name": name} for name in ("w1", "W11")],
    "deployments": [{"name": name, "pal_id": "p0123456789a", "channel": "embed"} for name in ("k1", "K11")],
}


def create_all(this: Scenario) -> None:
    """Create twenty objects of all kinds; the personas refer to the others."""
    write_manifests(this.project)
    this.add_strangers(**SIMILAR)


def create_nameless(this: Scenario) -> None:
    """Create one or two objects of each kind from manifests without a display name."""
    for number in (1, 2):
        for kind, spec in (
            ("guardrails", rules(number)),
            ("objectives", goals(number)),
            ("document", document(number)),
        ):
            names = ("name", "document_name")
            this.project.manifest(kind, f"x{number}", {key: value for key, value in spec.items() if key not in names})
    this.project.manifest("replica", "x1", {"train_video_url": "https://example.com/1.mp4"})
    spec = {"system_prompt": "You have no name.", "document_ids": ["${ref:document/x1}"]}
    this.project.manifest("persona", "x1", {**spec, "default_replica_id": "${ref:replica/x1}"})
    this.add_strangers(**SIMILAR)


def create_external(this: Scenario) -> None:
    """Create personas that refer to an external replica and to objects of the same run."""
    theirs = {
        "replica_name": "Trained elsewhere",
        "train_video_url": "https://example.com/0.mp4",
        "status": "completed",
    }
    this.add_strangers(**SIMILAR, replicas=[theirs])
    (trained,) = this.strangers["replicas"]
    this.project.write(
        "manifests/anna.yaml", json.dumps({"kind": "replica", "name": "anna", "external": True, "id": trained})
    )
    for number in (1, 2):
        this.project.manifest("document", f"d{number}", document(number))
        this.project.manifest("guardrails", f"g{number}", rules(number))
        spec = persona(number, default_replica_id="${ref:replica/anna}")
        del spec["objectives_id"]
        this.project.manifest("persona", f"p{number}", spec)


def update_external(this: Scenario) -> None:
    """Update the personas of `create_external`: references now point to an object that this run creates."""
    create_external(this)
    first = this.apply()
    assert first.code == 0, first.out + first.err
    this.project.manifest("document", "d3", document(3))
    for number in (1, 2):
        spec = persona(number, default_replica_id="${ref:replica/anna}", document_ids=["${ref:document/d3}"])
        del spec["objectives_id"]
        this.project.manifest("persona", f"p{number}", spec)


def mixed(this: Scenario) -> None:
    """Creates, updates, renames, deletes, and the replacement of a document that a persona refers to."""
    _applied(this)
    edit(this.project)
    this.project.manifest("document", "d4", {**document(4), "document_url": "https://example.com/4-new.pdf"})
    this.project.manifest("objectives", "o1", {**goals(1), "name": "O1 renamed"})
    this.project.manifest("persona", "p1", persona(1, persona_name="P1 renamed", system_prompt="Edited."))
    this.deleting = True


def destroy(this: Scenario) -> None:
    """Delete every object but one."""
    _applied(this)
    for path in (this.project.root / "manifests").iterdir():
        if path.name != "objectives-o1.yaml":
            path.unlink()
    this.deleting = True


def twelve(this: Scenario) -> None:
    """Replace a document that twelve personas refer to, by a new URL; the successor takes a while to be ready."""
    this.project.manifest("document", "d1", document(1))
    for number in range(1, 13):
        spec = {
            "persona_name": f"Reader {number}",
            "system_prompt": "You read.",
            "document_ids": ["${ref:document/d1}"],
        }
        this.project.manifest("persona", f"p{number}", spec)
    _apply_first(this)
    this.project.manifest("document", "d1", {**document(1), "document_url": "https://example.com/1-new.pdf"})


def parts(this: Scenario) -> None:
    """Edit the tools, skills, meeting name and prompt of a persona, and create another persona with all of them."""
    this.add_strangers(tools=[{"name": name, "description": "Theirs."} for name in ("dial", "ring")])
    dial, ring = this.strangers["tools"]
    this.project.manifest("document", "d1", document(1))
    this.project.manifest("persona", "p1", _with_parts(1, ["end_call", dial], {"internet_search": {}}))
    _apply_first(this)
    edited = _with_parts(1, [dial, ring], {"memory": {}}, system_prompt="Edited.")
    this.project.manifest("persona", "p1", edited)
    this.project.manifest("persona", "p2", _with_parts(2, ["end_call"], {"internet_search": {}}))


def _with_parts(number: int, tools: list[str], skills: Body, **more: Any) -> Body:
    meeting = {"username": f"acme-{number}{'-new' if more else ''}", "allowlist": ["acme.example"]}
    deck = {"document_ids": ["${ref:document/d1}"], "prompt": "Fast." if more else "Slowly."}
    return {
        "persona_name": f"P{number}",
        "system_prompt": f"You are number {number}.",
        "default_replica_id": "rf4703150052",
        "tool_ids": tools,
        "skills": {"presentation": deck, **skills},
        "layers": {"conferencing": meeting},
        **more,
    }


def ten(this: Scenario) -> None:
    """Create objects of all ten kinds, which refer to each other."""
    ten_kinds.write_first(this.project)
    this.add_strangers(**SIMILAR, **THEIRS_OF_TODAY)


def ten_mixed(this: Scenario) -> None:
    """Update an object of each of the ten kinds, create five objects and delete four."""
    this.add_strangers(**THEIRS_OF_TODAY)
    ten_kinds.write_first(this.project)
    _apply_first(this)
    ten_kinds.write_second(this.project)
    this.deleting = True


def _applied(this: Scenario) -> None:
    write_manifests(this.project)
    _apply_first(this)


def _apply_first(this: Scenario) -> None:
    this.add_strangers(**SIMILAR)
    first = this.apply()
    assert first.code == 0, first.out + first.err
    this.add_strangers(**TWINS)


PARTS = "persona-parts"
TEN, TEN_MIXED = "ten-kinds", "ten-kinds-mixed"
OF_TODAY = (PARTS, TEN, TEN_MIXED)  # the scenarios on a current account
SLOW = "mixed-slow"  # the server needs time to process objects, and no run waits for it
_DUE: dict[str, tuple[Callable[[Scenario], None], int, float]] = {
    "create-all": (create_all, 1, 0.0),
    "mixed": (mixed, 1, 0.0),
    "destroy": (destroy, 1, 0.0),
    "twelve": (twelve, 1, 0.3),
    "create-all-wide": (create_all, 4, 0.0),
    "mixed-wide": (mixed, 4, 0.0),
    SLOW: (mixed, 1, 0.0),
    "create-nameless": (create_nameless, 1, 0.0),
    "create-external": (create_external, 1, 0.0),
    "update-external": (update_external, 1, 0.0),
    PARTS: (parts, 1, 0.0),
    TEN: (ten, 1, 0.0),
    TEN_MIXED: (ten_mixed, 1, 0.0),
}
NAMES = tuple(_DUE)


def scenario(name: str, root: Path, account: Account, launcher: Launcher) -> Scenario:
    """The scenario of a name, in a folder and an account."""
    due, width, processing = _DUE[name]
    project, slow = KillableProject(root, account, {**QUICK, **ten_kinds.SECRETS}, launcher), name == SLOW
    era = "today" if name in OF_TODAY else "seed"
    return Scenario(project, due=due, costly=("replica/r1",), width=width, processing=processing, slow=slow, era=era)
