"""One small object of each kind, for scenarios in which the kind must make no difference."""

from __future__ import annotations

from tests.scenarios.project import Body, Project

SPECS: dict[str, Body] = {
    "persona": {"persona_name": "It", "system_prompt": "You coach."},
    "document": {"document_name": "It", "document_url": "https://example.com/it.pdf"},
    "guardrails": {"name": "It", "data": [{"guardrail_name": "calm", "guardrail_prompt": "Stay calm."}]},
    "objectives": {"name": "It", "data": [{"objective_name": "greet", "objective_prompt": "Greet."}]},
    "replica": {"replica_name": "It", "train_video_url": "https://example.com/it.mp4"},
}
COLLECTIONS = {
    "persona": "personas",
    "document": "documents",
    "guardrails": "guardrails",
    "objectives": "objectives",
    "replica": "replicas",
}
# A second object, so that a project never loses its last manifest.
OTHER: Body = {"name": "Other", "data": [{"guardrail_name": "other", "guardrail_prompt": "Other."}]}


def managed(project: Project, kind: str) -> str:
    """A project with one object of the kind beside another one, applied; its id."""
    project.manifest("guardrails", "other", OTHER)
    project.manifest(kind, "it", SPECS[kind])
    project.apply()
    return project.bound(f"{kind}/it")


def exists(project: Project, kind: str, remote_id: str) -> bool:
    """Whether the account has an object."""
    return remote_id in project.account.objects(COLLECTIONS[kind])


def actions(project: Project, *args: str) -> dict[str, str]:
    """What a plan does, by address."""
    return {one["address"]: one["action"] for one in project.plan(*args)["changes"]}
