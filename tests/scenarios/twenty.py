"""An apply of twenty objects among strangers, and what must be true of it after any fault."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.history.recorder import KINDS
from tests.scenarios.project import Body, Project, Result

QUICK = {"TAVUSCTL_SETTLE": "0.05", "TAVUSCTL_MAX_WAIT": "0"}
STRANGERS: dict[str, list[Body]] = {
    "personas": [{"persona_name": "Theirs", "system_prompt": "Hands off."}],
    "documents": [{"document_name": "Theirs", "document_url": "https://example.com/theirs.pdf"}],
    "guardrails": [{"name": "Theirs", "data": [{"guardrail_name": "x", "guardrail_prompt": "X."}]}],
}
NAMES = {
    "personas": "persona_name",
    "documents": "document_name",
    "guardrails": "name",
    "objectives": "name",
    "replicas": "replica_name",
    "tools": "name",
    "single_guardrails": "guardrail_name",
    "voices": "voice_name",
    "dictionaries": "name",
    "deployments": "name",
}


@dataclass
class Twenty:
    """The project, and the strangers as they were."""

    project: Project
    deleting: bool = False
    strangers: dict[str, dict[str, Body]] = field(default_factory=dict)

    def begin(self) -> None:
        """An account with strangers and nothing of ours."""
        account = self.project.account
        account.reset()
        account.seed(**STRANGERS)
        self.strangers = {kind: account.objects(kind) for kind in STRANGERS}
        self.deleting = False
        for left in (self.project.root / ".tavusctl").glob("*"):
            if left.is_file():
                left.unlink()

    def begin_second(self) -> None:
        """As `begin`, and the first version applied; the second one is in the manifests."""
        write_manifests(self.project)
        self.begin()
        self.project.apply()
        edit(self.project)
        self.deleting = True
        self.project.account.forget()

    def apply(self) -> Result:
        """One apply, however it ends."""
        return self.project.run("apply", "--yes", "--allow-deletes", str(self.deletes()))

    def deletes(self) -> int:
        """How many deletes a plan has."""
        if not self.deleting:
            return 0
        return sum(change["action"] == "delete" for change in self.project.plan().get("changes", []))

    def converged(self) -> bool:
        """Whether a run that has succeeded leaves nothing for the next."""
        return True

    def check(self, *, runs: int = 3) -> None:
        """At most three applies without faults lead to one object per manifest, an empty plan and no further call."""
        account = self.project.account
        account.control("DELETE", "faults")
        account.control("DELETE", "portal")
        ends = []
        for _ in range(runs):
            ended = self.apply()
            ends.append(ended)
            if ended.code == 0 and self.converged():
                break
        assert ends[-1].code == 0, [one.out + one.err for one in ends]
        assert account.control("GET", "violations")["violations"] == []
        account.forget()
        plan = self.project.plan()
        assert (plan["changes"], plan["refused"]) == ([], []), plan
        self.project.apply()
        assert account.writes == []
        self.check_account()

    def check_account(self) -> None:
        """One object per manifest, and strangers as they were."""
        for kind, name in NAMES.items():
            objects = self.project.account.objects(kind)
            theirs = self.strangers.get(kind, {})
            assert {key: objects.get(key) for key in theirs} == theirs
            ours = Counter(body[name] for key, body in objects.items() if key not in theirs)
            wanted = self.wanted(kind)
            assert ours.total() == len(wanted), kind
            assert Counter(one for one in wanted if one) <= ours, kind

    def wanted(self, kind: str) -> list[str]:
        """The names that the manifests give to objects of a kind; empty where a manifest gives none."""
        files = sorted((self.project.root / "manifests").glob(f"{KINDS[kind]}-*.yaml"))
        specs = [json.loads(file.read_text("utf-8")).get("spec") for file in files]
        return [spec.get(NAMES[kind], "") for spec in specs if spec is not None]  # an external one has none


def write_manifests(project: Project) -> None:
    """Twenty manifests; the personas refer to everything else."""
    for number in range(1, 5):
        project.manifest("guardrails", f"g{number}", rules(number))
        project.manifest("objectives", f"o{number}", goals(number))
        project.manifest("document", f"d{number}", document(number))
    project.manifest("replica", "r1", {"replica_name": "R1", "train_video_url": "https://example.com/1.mp4"})
    for number in range(1, 8):
        project.manifest("persona", f"p{number}", persona(number))


def rules(number: int) -> Body:
    """A guardrail set."""
    return {"name": f"G{number}", "data": [{"guardrail_name": "no_promises", "guardrail_prompt": "Promises."}]}


def goals(number: int) -> Body:
    """An objective set."""
    return {"name": f"O{number}", "data": [{"objective_name": "greet", "objective_prompt": "Greet."}]}


def document(number: int) -> Body:
    """A document."""
    return {"document_name": f"D{number}", "document_url": f"https://example.com/{number}.pdf"}


def persona(number: int, **more: Any) -> Body:
    """A persona with references."""
    place = (number - 1) % 4 + 1
    return {
        "persona_name": f"P{number}",
        "system_prompt": f"You are number {number}.",
        "guardrails_id": f"${{ref:guardrails/g{place}}}",
        "objectives_id": f"${{ref:objectives/o{place}}}",
        "document_ids": [f"${{ref:document/d{place}}}"],
        "default_replica_id": "${ref:replica/r1}",
        **more,
    }


def edit(project: Project) -> None:
    """The next version: some created, some changed, some deleted; twenty steps."""
    for number in range(1, 5):
        project.manifest("guardrails", f"g{number}", {**rules(number), "name": f"G{number} new"})
        project.manifest("persona", f"p{number}", persona(number, system_prompt=f"You are number {number}, edited."))
        project.manifest("document", f"e{number}", {**document(number), "document_name": f"E{number}"})
        project.manifest("persona", f"q{number}", persona(number, persona_name=f"Q{number}"))
    for number in range(5, 8):
        project.remove("persona", f"p{number}")
    project.manifest("objectives", "o5", goals(5))
