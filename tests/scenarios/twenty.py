"""An apply of twenty objects in an account that also has objects of others, and the checks after any fault."""

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
    """The project, and the objects of others as they were at the start."""

    project: Project
    deleting: bool = False
    strangers: dict[str, dict[str, Body]] = field(default_factory=dict)

    def begin(self) -> None:
        """Reset the account to objects of others only, and delete the state."""
        account = self.project.account
        account.reset()
        account.seed(**STRANGERS)
        self.strangers = {kind: account.objects(kind) for kind in STRANGERS}
        self.deleting = False
        for path in (self.project.root / ".tavusctl").glob("*"):
            if path.is_file():
                path.unlink()

    def begin_second(self) -> None:
        """As `begin`, then apply the first version of the manifests and write the second."""
        write_manifests(self.project)
        self.begin()
        self.project.apply()
        edit(self.project)
        self.deleting = True
        self.project.account.forget()

    def apply(self) -> Result:
        """One apply; any exit code is accepted."""
        return self.project.run("apply", "--yes", "--allow-deletes", str(self.deletes()))

    def deletes(self) -> int:
        """The number of deletes in the current plan."""
        if not self.deleting:
            return 0
        return sum(change["action"] == "delete" for change in self.project.plan().get("changes", []))

    def converged(self) -> bool:
        """Whether a successful run has left no change for the next."""
        return True

    def check(self, *, runs: int = 3) -> None:
        """Check that at most `runs` applies without faults lead to an empty plan and one object per manifest.

        A further apply must not send any write.
        """
        account = self.project.account
        account.control("DELETE", "faults")
        account.control("DELETE", "portal")
        results = []
        for _ in range(runs):
            result = self.apply()
            results.append(result)
            if result.code == 0 and self.converged():
                break
        assert results[-1].code == 0, [each.out + each.err for each in results]
        assert account.control("GET", "violations")["violations"] == []
        account.forget()
        plan = self.project.plan()
        assert (plan["changes"], plan["refused"]) == ([], []), plan
        self.project.apply()
        assert account.writes == []
        self.check_account()

    def check_account(self) -> None:
        """Check that there is one object per manifest, and that the objects of others have not changed."""
        for kind, name in NAMES.items():
            objects = self.project.account.objects(kind)
            theirs = self.strangers.get(kind, {})
            assert {key: objects.get(key) for key in theirs} == theirs
            ours = Counter(body[name] for key, body in objects.items() if key not in theirs)
            names = self.wanted(kind)
            assert ours.total() == len(names), kind
            assert Counter(given for given in names if given) <= ours, kind

    def wanted(self, kind: str) -> list[str]:
        """The display names in the manifests of a kind; an empty text for a manifest without a name."""
        files = sorted((self.project.root / "manifests").glob(f"{KINDS[kind]}-*.yaml"))
        specs = [json.loads(file.read_text("utf-8")).get("spec") for file in files]
        return [spec.get(NAMES[kind], "") for spec in specs if spec is not None]  # external manifests have no spec


def write_manifests(project: Project) -> None:
    """Write twenty manifests; the personas refer to the others."""
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
    """A persona that refers to guardrails, objectives, a document and a replica."""
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
    """Write the second version of the manifests: creates, updates and deletes, twenty steps."""
    for number in range(1, 5):
        project.manifest("guardrails", f"g{number}", {**rules(number), "name": f"G{number} new"})
        project.manifest("persona", f"p{number}", persona(number, system_prompt=f"You are number {number}, edited."))
        project.manifest("document", f"e{number}", {**document(number), "document_name": f"E{number}"})
        project.manifest("persona", f"q{number}", persona(number, persona_name=f"Q{number}"))
    for number in range(5, 8):
        project.remove("persona", f"p{number}")
    project.manifest("objectives", "o5", goals(5))
