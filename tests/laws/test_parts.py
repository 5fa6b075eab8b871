"""Parts of objects: the calls of a change, carried out one by one by a server that knows nothing of patches."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from tavusctl import patch
from tavusctl.core.json_tree import value_at, with_value_of
from tavusctl.engine.compare import parts
from tavusctl.engine.compare.parts import Call
from tavusctl.engine.compare.updates import update_of
from tavusctl.kinds import KINDS

PERSONA = KINDS["persona"]
MEMBERS = some.lists(some.sampled_from("abcdef"), unique=True)
SETTINGS: some.SearchStrategy[dict[str, Any]] = some.dictionaries(
    some.sampled_from(["document_ids", "prompt", "components"]),
    some.one_of(some.sampled_from(["x", "y"]), some.lists(some.sampled_from("de")), some.just({"k": {}})),
)
SKILLS = some.dictionaries(some.sampled_from(["memory", "presentation", "magic_canvas"]), SETTINGS)
MEETING = some.fixed_dictionaries({}, optional={"username": some.sampled_from("uv"), "allowlist": some.just(["w"])})
BODIES = some.fixed_dictionaries(
    {
        "persona_name": some.sampled_from(["A", "B"]),
        "layers": some.fixed_dictionaries({}, optional={"llm": some.just({"model": "m"}), "conferencing": MEETING}),
    },
    optional={"greeting": some.sampled_from(["Hi", ""]), "tool_ids": MEMBERS, "skills": SKILLS},
)


def served(body: dict[str, Any], calls: tuple[Call, ...]) -> dict[str, Any]:
    """What a server makes of calls: members are added and taken away, entries put, merged and deleted."""
    body = copy.deepcopy(body)
    for call in calls:
        tools, skills = body.setdefault("tool_ids", []), body.setdefault("skills", {})
        sent: Any = call.body
        resource, _, name = call.path.removeprefix("/v2/pals/p1/").partition("/")
        match call.method, resource:
            case "PATCH", "":
                patched: Any = patch.apply(body, list(call.operations))
                body = patched
            case "POST", "tools":
                tools += [one for one in sent["tool_ids"] if one not in tools]
            case "DELETE", "tools":
                tools.remove(name)
            case "DELETE", "skills":
                del skills[name]
            case "PUT", "skills":
                assert name not in skills
                skills[name] = sent["config"]
            case "PATCH", "skills":
                merged = {**skills[name], **sent["config"]}
                skills[name] = {key: value for key, value in merged.items() if value is not None}
            case other:
                raise AssertionError(other)
    return body


def meant(body: dict[str, Any]) -> dict[str, Any]:
    """A body as one may compare it: the order of a set means nothing, and what is empty is there or not."""
    return {**body, "tool_ids": {*body.get("tool_ids", [])}, "skills": body.get("skills", {})}


def change(before: dict[str, Any], after: dict[str, Any]) -> tuple[Call, ...]:
    return parts.calls(PERSONA, "p1", before, update_of(PERSONA).diff(PERSONA, before, after, {}))


def others(body: dict[str, Any]) -> dict[str, Any]:
    """A body without its parts."""
    found: dict[str, Any] = parts.with_part_containers(PERSONA, parts.without_parts(PERSONA, body))
    return found


@given(BODIES, BODIES)
def test_the_calls_of_a_change_lead_to_what_is_wanted_and_back(before: Any, after: Any) -> None:
    there = served(before, change(before, after))

    assert meant(there) == meant(after)
    assert meant(served(there, change(there, before))) == meant(before)


@given(BODIES, BODIES)
def test_a_call_writes_one_part_and_each_goes_on_from_the_one_before(before: Any, after: Any) -> None:
    body = before
    for call in change(before, after):
        assert call.before == body
        body = call.after
        assert patch.apply(call.before, list(call.operations)) == body
        written = {part.spec_path for part in PERSONA.parts if with_value_of(body, part.spec_path, call.before) != body}
        rest = others(call.before) != others(body)
        assert (len(written), rest) == ((1, False) if call.part else (0, True))


@given(BODIES, BODIES)
def test_no_call_is_made_for_what_is_there(before: Any, after: Any) -> None:
    tools = [{*one.get("tool_ids", [])} for one in (before, after)]
    skills = [one.get("skills", {}) for one in (before, after)]
    calls = change(before, after)

    assert sum("/tools" in one.path for one in calls) == len(tools[0] - tools[1]) + bool(tools[1] - tools[0])
    differing = [key for key in {**skills[0], **skills[1]} if skills[0].get(key) != skills[1].get(key)]
    assert sum("/skills" in one.path for one in calls) == len(differing)
    assert not change(before, before)


@given(BODIES, BODIES)
def test_a_value_is_put_at_a_place_and_nowhere_else(document: Any, other: Any) -> None:
    for part in PERSONA.parts:
        changed = with_value_of(document, part.spec_path, other)

        assert value_at(changed, part.spec_path) == value_at(other, part.spec_path)
        assert with_value_of(changed, part.spec_path, document) == document
