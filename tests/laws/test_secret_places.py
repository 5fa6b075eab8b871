"""The law of secrets: wherever a key stands in an account, no byte that is written has it, and the plan stays empty."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tavusctl.emulator import running
from tavusctl.fields import secret_fields
from tavusctl.kinds import KINDS
from tavusctl.patch import split
from tavusctl.reports.formats import REPORTS
from tavusctl.secrets.values import is_mask
from tests.scenarios.canaries import found_in, found_under
from tests.scenarios.project import Account, Body, Project, Result

pytestmark = pytest.mark.usefixtures("quick_scrypt")

GOOGLE = "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"
PLAIN: Body = {"persona_name": "A", "system_prompt": "You coach."}
MODEL: Body = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "sk-declared-0001-abcdef"}
# Names as people write them, in words that say what it is.
NAMES = st.one_of(
    st.sampled_from(["api-key", "apiKey", "API_KEY", "X-Api-Key", "x-functions-key", "Ocp-Apim-Subscription-Key"]),
    st.sampled_from(["key", "token", "accessToken", "auth_token", "sig", "signature", "code", "apikey"]),
    st.sampled_from(["password", "client_secret", "Authorization"]),
)
HEX = st.text("0123456789abcdef", min_size=10, max_size=26).map(lambda rest: f"7f3a1c{rest}")
KEYS = HEX | st.sampled_from(
    [
        "sk-proj-A1b2C3d4E5f6G7h8I9j0",
        "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8",
        "AKIAZ7Q4MXW2PLR5TB3K",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        GOOGLE,
    ]
)


def wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value deeper in an object of any form."""
    names = st.sampled_from(["options", "retry", "provider", "0", "a/b", "auth", "headers", "~"])
    return st.builds(lambda name, item: {name: item}, names, inner) | inner.map(lambda item: [{"n": 1}, item])


def holding(name: str, key: str) -> st.SearchStrategy[Any]:
    """Objects that have a key in them under a name, at any depth."""
    inside = st.sampled_from(
        [
            {name: key},
            {name: f"Bearer {key}"},
            {"name": name, "value": key},
            {"headers": [f"{name}: {key}"]},
            {f"{name}s" if name.endswith("y") else name: [key]},
            {"url": f"https://me:{key}@db.example.com/x"},
            {"endpoint": f"wss://db.example.com/x?v=2&{quote(name)}={key}#top"},
            {"type": "object", "properties": {name: {"type": "string", "default": key}}},
            {"tools": [{"type": "function", "function": {"name": "f", name: key}}]},
        ]
    )
    return st.recursive(inside, wrapped, max_leaves=3)


def addressed(name: str, key: str) -> st.SearchStrategy[str]:
    """Addresses that have a key in them."""
    return st.sampled_from(
        [
            f"https://x.example.com/v1?{quote(name)}={key}",
            f"https://x.example.com/v1?api-version=2024-06-01&{quote(name)}={key}&page=2",
            f"https://me:{key}@x.example.com/v1",
            f"https://{key}@x.example.com/v1",
            f"https://x.example.com/v1#{quote(name)}={key}",
        ]
    )


@st.composite
def accounts(draw: st.DrawFn) -> tuple[str, dict[str, list[Body]]]:
    """A key, and an account that has it at one place."""
    name, key = draw(NAMES), draw(KEYS)
    address, anything = draw(addressed(name, key)), {"more": draw(holding(name, key))}
    schema = {
        "type": "object",
        "properties": {"token": {"type": "string"}, name: {"type": "string", "enum": ["a", key]}},
    }
    tool = {"type": "function", "function": {"name": "f", "description": "F.", "parameters": schema}}
    url = {"document_name": "D", "document_url": address, "status": "ready"}
    goal = {"objective_name": "go", "objective_prompt": "Go.", "callback_url": address}
    rule = {"guardrail_name": "no", "guardrail_prompt": "No.", "callback_url": address}
    llm: list[Body] = [
        {"default_query": {name: key}},
        {"default_query": anything},
        {"extra_body": anything},
        {"base_url": address},
    ]
    llm += [{"headers": {name: key}}, {"tools": [tool]}]
    layers: list[Body] = [
        *({"llm": {**MODEL, **more}} for more in llm),
        {"transport": anything},
        {"transport": {name: key}},
    ]
    places: list[dict[str, list[Body]]] = [
        *({"personas": [{**PLAIN, "layers": one}]} for one in layers),
        *([] if name in ("sig", "signature") else [{"documents": [url]}]),  # an export leaves a signed URL out
        {"objectives": [{"name": "O", "data": [goal]}]},
        {"guardrails": [{"name": "G", "data": [rule]}]},
    ]
    return key, draw(st.sampled_from(places))


_accounts = itertools.count()


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with running() as server:
        yield server.url


def variables(project: Project, exported: Body, account: Account) -> dict[str, str]:
    """What the variables of an export stand for: what the account has where the manifests have their names."""
    held: dict[str, str] = {}
    for one in exported["objects"]:
        # As any client reads it: the side channel hides more than the API does.
        kind = KINDS[one["address"].partition("/")[0]]
        body = kind.normalise(account.call("GET", f"{kind.collection}/{one['id']}").json())
        for secret in one["secrets"]:
            written = yaml.safe_load((project.root / "manifests" / one["files"][0]).read_text("utf-8"))["spec"]
            shown: Any = body
            for key in split(secret["path"]):
                written, shown = (side[int(key) if isinstance(side, list) else key] for side in (written, shown))
            around = "(.+)".join(map(re.escape, written.split(f"${{secret:{secret['name']}}}")))
            value = re.fullmatch(re.sub(r"\\\$\\\{secret:\w+\\\}", ".+", around), shown)
            assert value, (written, shown)
            held[secret["name"]] = MODEL["api_key"] if is_mask(value[1]) else value[1]
    return held


def check(project: Project, secrets: list[str], *results: Result) -> None:
    """That secrets are in no byte of what was written or printed."""
    for one in results:
        assert not found_in((one.out + one.err).encode(), secrets)
    assert not found_under(project.root, secrets)


WRITTEN_REPORTS = [f"--report={name}={name}.out" for name in REPORTS]


# A whole account and seven commands each: a failure is told as it was found, and not made smaller.
@settings(max_examples=max(10, settings().max_examples // 4), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@example(
    (
        GOOGLE,
        {"personas": [{**PLAIN, "layers": {"transport": {"more": [{"n": 1}, {"auth": {"client_secret": [GOOGLE]}}]}}}]},
    )
)
@given(accounts())
def test_a_key_is_in_no_byte_that_is_written(emulator: str, drawn: tuple[str, dict[str, list[Body]]]) -> None:
    key, objects = drawn
    account = Account(emulator, f"key-of-secret-places-{next(_accounts)}")
    account.reset()
    account.switch(layers_unknown="keep")
    account.seed(**objects)
    account.forget()
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), account)
        project.write("tavusctl.yaml", "version: 1\n")
        exported = project.run("export", "--format", "json")
        assert exported.code == 0, exported.err
        check(project, [key], exported)
        assert all(one["secrets"] for one in exported.document["objects"]), exported.out

        held = variables(project, exported.document, account)
        project.environment.update(held)
        plan = project.run("plan", "--format", "json", "--out", "plan.json", *WRITTEN_REPORTS)
        assert plan.code == 0, plan.out + plan.err
        assert (plan.document["changes"], plan.document["drift"], plan.document["refused"]) == ([], [], [])
        assert account.writes == []
        check(project, [key], plan)

        # The key is changed where it is kept, and sent; then all of it goes, and what went is kept aside.
        planted = [name for name, value in held.items() if value != MODEL["api_key"]]
        other = "9d8e7f6a5b4c3d2e1f0a"
        project.environment.update({name: held[name].replace(key, other) for name in planted})
        applied = project.run("apply", "--yes")
        if "documents" not in objects:
            assert applied.code == 0, applied.out + applied.err
            assert any(other in value for value in variables(project, exported.document, account).values())
        check(project, [key, other], applied, project.run("state", "pull"), project.run("drift"))
        for manifest in (project.root / "manifests").rglob("*.yaml"):
            manifest.unlink()
        project.manifest("guardrails", "last", {"data": [{"guardrail_name": "a", "guardrail_prompt": "A."}]})
        gone = project.run("apply", "--yes", "--allow-deletes", "1")
        assert gone.code == 0, gone.out + gone.err
        check(project, [key, other], gone, project.run("undo"))


# What only looks like it.

ORDINARY = [
    {"default_query": {"api-version": "2024-06-01", "deployment": "gpt-4o-mini", "key": "intro", "code": "de-CH"}},
    {
        "extra_body": {
            "top_k": 40,
            "max_tokens": 4096,
            "stop_token": "<|end|>",
            "seed": 20240601,
            "prompt_cache_key": "coach",
        }
    },
    {"extra_body": {"metadata": {"session_id": "7f3a1c9e0b2d4f68", "trace": "550e8400-e29b-41d4-a716-446655440000"}}},
    {"extra_body": {"keywords": ["token", "password"], "auth": {"type": "bearer", "scheme": "oauth2"}}},
    {
        "extra_body": {
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "x",
                    "schema": {
                        "type": "object",
                        "required": ["api_key"],
                        "properties": {
                            "api_key": {
                                "type": "string",
                                "description": "The key that the caller reads out.",
                                "pattern": "^[A-Z]{4}$",
                            },
                            "password": {"$ref": "#/$defs/secret", "default": ""},
                            "token": {"enum": ["card", "phone"]},
                            "login": {"type": "object", "examples": [{"password": "swordfish", "user_token": 123456}]},
                        },
                        "$defs": {"secret": {"type": "string", "format": "password", "examples": ["swordfish"]}},
                    },
                },
            }
        }
    },
    {"base_url": "https://llm.example.com/v1?api-version=2024-06-01&page=2#top"},
    {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "parameters": {
                        "type": "object",
                        "properties": {"token": {"type": "string", "description": "Token: 6 digits."}},
                    },
                },
            }
        ]
    },
]


@pytest.mark.parametrize("llm", ORDINARY)
def test_what_is_no_secret_is_shown(llm: Body) -> None:
    spec = {**PLAIN, "layers": {"llm": {"model": "tavus-gpt-oss", **llm}}}
    assert [one.path for one in secret_fields.secret_places(KINDS["persona"], spec)] == []
