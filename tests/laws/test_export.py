"""The law of the export: whatever an account holds, what is written reads back as it, and the next plan is empty."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tavusctl.emulator import running
from tests.scenarios.project import Account, Project

Body = dict[str, Any]
ODD = [
    "${ref:persona/x}",
    "$${x",
    "a\r\nb",
    "a\n",
    "\n\na",
    "\ufeff",
    "yes",
    "1e3",
    "x" * 300,
    "a\nb",
    "p: - #",
    "\x1b",
    "",
]
TURNING = (
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # a person has to look at these before there is a plan
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=TURNING)) | st.sampled_from(ODD)
PROSE = st.lists(TEXT | st.sampled_from(["\n", "word " * 50, "${file:x}"]), max_size=5).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(-1e6, 1e6) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True)


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Body]:
    """An object with any of these members."""
    return st.fixed_dictionaries({}, optional=members)


TOOLS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.builds(
                lambda name, rest: {"name": name, **rest},
                NAMES,
                some(description=TEXT, parameters=st.dictionaries(TEXT, VALUES), newer=VALUES),
            ),
        }
    ),
    max_size=2,
)
LAYERS = some(
    perception=some(perception_model=st.sampled_from(["raven-0", "raven-1", "off"]), visual_tool_prompt=TEXT),
    stt=some(stt_engine=st.sampled_from(["tavus-auto", "tavus-advanced", "tavus-next"]), hotwords=TEXT),
    conversational_flow=some(turn_taking_patience=st.sampled_from(["low", "medium"]), wake_phrase=TEXT),
    llm=some(
        model=st.sampled_from(["tavus-gpt-oss", "gpt-4o"]),
        base_url=st.sampled_from(["https://llm.example.com/v1", ""]),
        api_key=st.sampled_from(["sk-one", ""]),
        tools=TOOLS,
        extra_body=st.dictionaries(TEXT, VALUES, max_size=3),
        newer=VALUES,
    ),
    tts=some(
        tts_emotion_control=st.sampled_from([True, False, "true", "false"]),
        voice_settings=some(speed=st.floats(-1, 1), emotion=st.lists(TEXT, max_size=2)),
        api_key=st.sampled_from(["el-one", ""]),
    ),
)
PERSONA = some(
    persona_name=TEXT, system_prompt=PROSE, context=PROSE, greeting=TEXT, pipeline_mode=st.just("echo"), layers=LAYERS
)
GOAL = st.builds(
    lambda name, prompt, rest: {"objective_name": name, "objective_prompt": prompt, **rest},
    NAMES | TEXT,
    PROSE,
    some(
        confirmation_mode=st.sampled_from(["auto", "manual"]),
        output_variables=st.lists(TEXT, max_size=2),
        next_conditional_objectives=st.dictionaries(NAMES, TEXT, max_size=2),
        next_required_objectives=st.lists(NAMES, max_size=2),
        next_required_objective=NAMES,
    ),
)
RULE = st.builds(lambda name, prompt: {"guardrail_name": name, "guardrail_prompt": prompt}, NAMES, PROSE)
DOCUMENT = st.builds(
    lambda url, rest: {"document_url": url, **rest},
    st.sampled_from(["https://example.com/a", "s3://bucket/a"]),
    some(
        document_name=TEXT,
        tags=st.lists(TEXT, max_size=3),
        crawl_config=st.just({"depth": 1, "max_pages": 5}),
        status=st.sampled_from(["ready", "error", "processing"]),
    ),
)
ACCOUNTS = st.fixed_dictionaries(
    {
        "objectives": st.lists(st.fixed_dictionaries({"name": TEXT, "data": st.lists(GOAL, max_size=3)}), max_size=2),
        "guardrails": st.lists(st.fixed_dictionaries({"name": TEXT, "data": st.lists(RULE, max_size=2)}), max_size=2),
        "documents": st.lists(DOCUMENT, max_size=2),
        "replicas": st.lists(some(replica_name=TEXT, status=st.sampled_from(["completed", "training"])), max_size=2),
        "personas": st.lists(PERSONA, min_size=1, max_size=3),
    }
)
_accounts = itertools.count()


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with running() as server:
        yield server.url


def seeded(account: Account, bodies: dict[str, list[Body]], chance: Any) -> None:
    """The objects, personas last: these refer to some of the others, and to what is not there."""
    personas = bodies.pop("personas")
    ids = account.seed(**bodies)
    for persona in personas:
        persona["default_replica_id"] = chance.choice([*ids["replicas"], "rfe12d8b9597", "r0", None])
        persona["guardrails_id"] = chance.choice([*ids["guardrails"], "g0", None])
        persona["document_ids"] = chance.sample(ids["documents"], chance.randint(0, len(ids["documents"])))
    account.seed(personas=personas)
    account.forget()


@settings(max_examples=max(10, settings().max_examples // 3))  # whole accounts are slow to make
@given(ACCOUNTS, st.randoms(use_true_random=False), st.sampled_from(["stars", "echo", "omit"]))
def test_export_then_plan_is_empty(emulator: str, bodies: dict[str, list[Body]], chance: Any, mask: str) -> None:
    account = Account(emulator, f"key-of-export-{next(_accounts)}")
    account.reset()
    account.switch(mask=mask)
    seeded(account, bodies, chance)
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), account)
        project.write("tavusctl.yaml", "version: 1\n")
        exported = project.run("export", "--format", "json")
        assert exported.code == 0, exported.err
        held = {secret["name"] for one in exported.document["objects"] for secret in one["secrets"]}
        project.environment.update({name: "sk-one" if name.endswith("LLM_API_KEY") else "el-one" for name in held})
        files = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
        plan = project.run("plan", "--format", "json")
        again, applied = project.run("export"), project.run("apply", "--yes")

        assert plan.code == 0, plan.out + plan.err
        assert (plan.document["changes"], plan.document["drift"], plan.document["refused"]) == ([], [], [])
        assert again.code == 0, again.err
        assert "differ" not in again.err
        kept = {path: path.read_bytes() for path in files if path.suffix != ".lock" and path.name != "state.json"}
        assert kept.items() <= files.items()
        assert (applied.code, account.writes) == (0, [])
