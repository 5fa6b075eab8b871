"""Manifests of all ten kinds for a current account, which refer to each other.

The first version creates all objects.  The second updates an object of every kind: list members are added and removed,
a skill is detached, a tool and a document move, and a voice and a dictionary are deleted once no object uses them.
"""

from __future__ import annotations

from typing import Any

from tests.scenarios.project import Body, Project
from tests.scenarios.twenty import document, goals, rules

SECRETS = {"HOOK_TOKEN": "tok-9f8e7d6c5b4a", "DOOR": "open-sesame-77"}


def write_first(project: Project) -> None:
    """Write fifteen manifests of ten kinds; the persona refers to others, and the deployment to the persona."""
    project.write("tavusctl.yaml", "secrets: [HOOK_TOKEN, DOOR]\n")
    for number in (1, 2):
        project.manifest("tool", f"t{number}", tool(number))
        project.manifest("guardrail", f"s{number}", single(number))
        project.manifest("voice", f"v{number}", voice(number))
        project.manifest("dictionary", f"w{number}", dictionary(number))
        project.manifest("document", f"d{number}", document(number))
    project.manifest("guardrails", "g1", rules(1))
    project.manifest("objectives", "o1", goals(1))
    project.manifest("replica", "r1", replica(2))
    project.manifest("persona", "p1", host())
    project.manifest("deployment", "k1", site())


def write_second(project: Project) -> None:
    """Write the second version: an update of each kind, five creates, four deletes."""
    moved = {"api": {"url": "https://hooks.example.com/moved", "auth": _auth()}}
    project.manifest("tool", "t2", {**tool(2), "delivery": moved})
    project.manifest("tool", "t3", tool(3))
    project.manifest("guardrail", "s2", {**single(2), "guardrail_prompt": "Edited."})
    project.manifest("guardrail", "s3", single(3))
    project.manifest("voice", "v2", {**voice(2), "description": "Slow."})
    project.manifest("dictionary", "w2", {**dictionary(2), "rules": []})
    project.manifest("document", "d2", {**document(2), "tags": ["deck"]})
    project.manifest("guardrails", "g1", {**rules(1), "name": "G1 renamed"})
    project.manifest("objectives", "o1", {**goals(1), "name": "O1 renamed"})
    project.manifest("voice", "v3", voice(3))
    project.manifest("replica", "r1", replica(3))
    edited = host(
        system_prompt="You host kindly.",
        tool_ids=["${ref:tool/t2}", "${ref:tool/t3}"],  # the order of the account: histories compare lists by index
        guardrail_ids=["${ref:guardrail/s2}", "${ref:guardrail/s3}"],
        document_ids=["${ref:document/d2}"],
        skills={"presentation": {"document_ids": ["${ref:document/d2}"], "prompt": "Fast."}, "memory": {}},
        layers=layers(2, "acme-hostess"),
    )
    project.manifest("persona", "p1", edited)
    project.manifest("persona", "p2", {"persona_name": "P2", "system_prompt": "You wait."})
    limits = {"daily_call_limit": 30}
    project.manifest("deployment", "k1", {**site(), "limits": limits, "allowed_origins": ["https://example.com"]})
    project.manifest("deployment", "k2", {"name": "K2", "persona_id": "${ref:persona/p2}", "channel": "embed"})
    for kind, name in (("tool", "t1"), ("guardrail", "s1"), ("voice", "v1"), ("dictionary", "w1")):
        project.remove(kind, name)


def tool(number: int) -> Body:
    """A tool with a secret."""
    hook = {"api": {"url": f"https://hooks.example.com/{number}", "auth": _auth()}}
    return {"name": f"tool_{number}", "description": f"Does {number}.", "delivery": hook}


def _auth() -> Body:
    return {"type": "bearer", "token": "${secret:HOOK_TOKEN}"}


def single(number: int) -> Body:
    """A single guardrail."""
    return {"guardrail_name": f"S{number}", "guardrail_prompt": f"Says {number}."}


def voice(number: int) -> Body:
    """A voice."""
    return {"voice_name": f"V{number}", "train_audio_url": f"https://example.com/{number}.mp3"}


def dictionary(number: int) -> Body:
    """A pronunciation dictionary."""
    return {"name": f"W{number}", "rules": [{"text": "tavus", "pronunciation": "TAH-vus", "type": "alias"}]}


def replica(speaks_with: int) -> Body:
    """A replica with a default voice; its first voice cannot be deleted as long as the replica exists."""
    return {
        "replica_name": "R1",
        "train_video_url": "https://example.com/1.mp4",
        "default_voice_id": f"${{ref:voice/v{speaks_with}}}",
    }


def layers(number: int, username: str = "acme-host") -> Body:
    """Persona layers with a voice, a pronunciation dictionary and a meeting name."""
    spoken = {
        "tts_engine": "cartesia",
        "voice_id": f"${{ref:voice/v{number}}}",
        "pronunciation_dictionary_id": f"${{ref:dictionary/w{number}}}",
    }
    return {"tts": spoken, "conferencing": {"username": username, "allowlist": ["acme.example"]}}


def host(**more: Any) -> Body:
    """A persona that uses every kind of reference that a persona can have."""
    deck = {"document_ids": ["${ref:document/d1}"], "prompt": "Slowly."}
    return {
        "persona_name": "P1",
        "system_prompt": "You host.",
        "default_replica_id": "${ref:replica/r1}",
        "guardrails_id": "${ref:guardrails/g1}",
        "objectives_id": "${ref:objectives/o1}",
        "document_ids": ["${ref:document/d1}"],
        "guardrail_ids": ["${ref:guardrail/s1}", "${ref:guardrail/s2}"],
        "tool_ids": ["${ref:tool/t1}", "end_call", "${ref:tool/t2}"],
        "skills": {"presentation": deck, "internet_search": {}},
        "layers": layers(1),
        **more,
    }


def site() -> Body:
    """A deployment of the persona p1, with a password."""
    return {
        "name": "K1",
        "persona_id": "${ref:persona/p1}",
        "channel": "widget",
        "password": "${secret:DOOR}",
        "limits": {"daily_call_limit": 20},
    }
