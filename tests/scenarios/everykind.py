"""One small object of each kind, for scenarios whose result must not depend on the kind."""

from __future__ import annotations

import pytest

from tavusctl.kinds import KINDS
from tests.scenarios.project import Body, Project

# Deployments are missing, since they need a persona: they are in SAMPLES of test_newer_kinds.py.
SPECS: dict[str, Body] = {
    "persona": {"persona_name": "It", "system_prompt": "You coach."},
    "document": {"document_name": "It", "document_url": "https://example.com/it.pdf"},
    "guardrails": {"name": "It", "data": [{"guardrail_name": "calm", "guardrail_prompt": "Stay calm."}]},
    "objectives": {"name": "It", "data": [{"objective_name": "greet", "objective_prompt": "Greet."}]},
    "replica": {"replica_name": "It", "train_video_url": "https://example.com/it.mp4"},
    "guardrail": {"guardrail_name": "It", "guardrail_prompt": "Shouts."},
    "tool": {"name": "It", "description": "Note it.", "delivery": {"app_message": True}},
    "dictionary": {"name": "It", "rules": [{"text": "it", "pronunciation": "eat", "type": "alias"}]},
    "voice": {"voice_name": "It", "train_audio_url": "https://example.com/it.mp3"},
}
NEWER = {name for name, kind in KINDS.items() if kind.optional}
each_kind = pytest.mark.parametrize(
    "kind", [pytest.param(name, marks=[pytest.mark.newer_api] if name in NEWER else []) for name in sorted(SPECS)]
)
COLLECTIONS = {
    "persona": "personas",
    "document": "documents",
    "guardrails": "guardrails",
    "objectives": "objectives",
    "replica": "replicas",
    "guardrail": "single_guardrails",
    "tool": "tools",
    "dictionary": "dictionaries",
    "voice": "voices",
}
# A second object, so that a project never loses its last manifest.
OTHER: Body = {"name": "Other", "data": [{"guardrail_name": "other", "guardrail_prompt": "Other."}]}


def managed(project: Project, kind: str) -> str:
    """Apply an object of a kind beside guardrails `other`; return the id of the object."""
    project.manifest("guardrails", "other", OTHER)
    project.manifest(kind, "it", SPECS[kind])
    project.apply()
    return project.bound(f"{kind}/it")


def exists(project: Project, kind: str, remote_id: str) -> bool:
    """Whether the account has an object of a kind with this id."""
    return remote_id in project.account.objects(COLLECTIONS[kind])


def actions(project: Project, *args: str) -> dict[str, str]:
    """The action of each change of a plan, by address."""
    return {change["address"]: change["action"] for change in project.plan(*args)["changes"]}
