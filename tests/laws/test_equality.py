"""Equal spellings never differ, and what differs is never taken for equal, for all that the kinds declare."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tavusctl.core.json_tree import is_empty
from tavusctl.core.model import Live
from tavusctl.core.resource_kind import FieldTraits, ResourceKind
from tavusctl.engine.compare.three_way import Difference, compare
from tavusctl.fields.equivalence import same
from tavusctl.kinds import KINDS
from tavusctl.patch import Pinned
from tavusctl.secrets.values import MASK, Secret
from tests.laws.specs import KEY, SPECS, bound, desired

EMPTIES: list[Any] = [None, "", [], {}]
Path = tuple[str, ...]
of_each_kind = pytest.mark.parametrize("kind", sorted(SPECS))


def spellings(value: Any, declared: FieldTraits) -> list[Any]:
    """Other ways to write a leaf or list, by what is declared of its field."""
    found: list[Any] = [value]
    if isinstance(value, int | float) and not isinstance(value, bool) and float(value) == int(value):
        found += [int(value), float(value)]
    if declared.boolean and (isinstance(value, bool) or value in ("true", "false")):
        truth = value in (True, "true")
        found += [truth, str(truth).lower(), str(truth)]
    if declared.joined_by and isinstance(value, list):
        found.append(declared.joined_by.join(value))
    if declared.masked and isinstance(value, Secret):
        found = [Pinned(MASK)]
    return found


@st.composite
def respelled(draw: st.DrawFn, kind: ResourceKind, value: Any, path: Path = (), *, defaults: bool = True) -> Any:
    """The same document as a server may show it; without `defaults`, as another author may write it."""
    declared = kind.field_at(path)
    if isinstance(value, dict):
        shown = {key: draw(respelled(kind, item, (*path, key), defaults=defaults)) for key, item in value.items()}
        return _filled(draw, kind, shown, path, defaults=defaults)
    value = draw(st.sampled_from(spellings(value, declared)))
    if isinstance(value, list):
        items = [draw(respelled(kind, item, (*path, "*"), defaults=defaults)) for item in value]
        return draw(st.permutations(items + items[:1])) if declared.unordered else items
    return value


def _filled(
    draw: st.DrawFn, kind: ResourceKind, shown: dict[str, Any], path: Path, *, defaults: bool
) -> dict[str, Any]:
    """Members renamed to their single spelling, and unset ones shown empty or at a default."""
    for key in kind.scalar_aliases(path):
        single = kind.field_at((*path, key)).scalar_alias
        if len(shown.get(key) or ()) == 1 and draw(st.booleans()):
            shown = {name: item for name, item in shown.items() if name != key} | {single: shown[key][0]}
        elif draw(st.booleans()):
            shown = {single: None, **shown}
    known = [pattern.rpartition("/")[2] for pattern in kind.fields if _below(pattern, path)]
    for key in known:
        unset = [*EMPTIES, *(kind.field_at((*path, key)).defaults if defaults else ())]
        if key not in shown and key != "*" and not _taken(kind, path, key, shown) and draw(st.booleans()):
            shown[key] = draw(st.sampled_from(unset))
    return shown


def _below(pattern: str, path: Path) -> bool:
    parents = tuple(pattern.split("/")[1:-1])
    return len(parents) == len(path) and all(one in ("*", other) for one, other in zip(parents, path, strict=True))


def _taken(kind: ResourceKind, path: Path, key: str, shown: dict[str, Any]) -> bool:
    return kind.field_at((*path, key)).scalar_alias in shown


@of_each_kind
@given(data=st.data())
def test_equal_spellings_never_differ(kind: str, data: st.DataObject) -> None:
    """Whatever was last applied in whichever spelling: no field, no operation, no drift."""
    spec = data.draw(SPECS[kind])
    shown = data.draw(respelled(KINDS[kind], spec))

    difference = compare(desired(kind, spec), Live(KINDS[kind], "id", shown), bound(kind, spec))

    assert difference == Difference()


@of_each_kind
@given(data=st.data())
def test_a_respelled_manifest_is_no_edit(kind: str, data: st.DataObject) -> None:
    """The manifest may change its spelling, too."""
    spec = data.draw(SPECS[kind])
    rewritten = data.draw(respelled(KINDS[kind], spec, defaults=False).filter(lambda body: MASK not in repr(body)))

    assert compare(desired(kind, rewritten), Live(KINDS[kind], "id", spec), bound(kind, spec)) == Difference()


@of_each_kind
@given(data=st.data())
def test_sameness_is_an_equivalence_of_what_is_set(kind: str, data: st.DataObject) -> None:
    """Every document is the same as itself, and the order of asking does not matter."""
    one, other = data.draw(SPECS[kind]), data.draw(SPECS[kind])
    known = KINDS[kind]

    for key in sorted(one.keys() & other.keys()):
        assert same(known, (key,), one[key], one[key])
        assume(not is_empty(one[key]) and not is_empty(other[key]))
        if not any(declared.defaults for pattern, declared in known.fields.items() if pattern.startswith(f"/{key}/")):
            assert same(known, (key,), one[key], other[key]) == same(known, (key,), other[key], one[key])


DIFFERENT: list[tuple[str, Path, Any, Any]] = [
    ("persona", ("persona_name",), "Coach", "Coach "),
    ("persona", ("persona_name",), "Coach", "coach"),
    ("persona", ("system_prompt",), "a\n", "a"),
    ("persona", ("persona_name",), "1", 1),
    ("persona", ("layers", "llm", "extra_body", "n"), 1, True),
    ("persona", ("layers", "llm", "extra_body", "n"), 0, False),
    ("persona", ("layers", "llm", "extra_body", "n"), 0, None),
    ("persona", ("layers", "llm", "extra_body", "n"), False, None),
    ("persona", ("layers", "llm", "extra_body", "n"), "true", True),
    ("persona", ("layers", "llm", "speculative_inference"), False, None),
    ("persona", ("layers", "tts", "tts_emotion_control"), "false", True),
    ("persona", ("layers", "perception", "visual_awareness_queries"), ["a", "b"], ["b", "a"]),
    ("persona", ("layers", "perception", "visual_awareness_queries"), ["a"], ["a", "a"]),
    ("persona", ("document_ids",), ["a"], ["a", "b"]),
    ("persona", ("layers", "stt", "hotwords"), ["a", "b"], "a,b"),
    ("persona", ("pipeline_mode",), "full", None),
    ("persona", ("pipeline_mode",), None, "echo"),
    ("persona", ("layers", "llm", "api_key"), Secret("one", KEY), Secret("two", KEY)),
    ("persona", ("layers", "llm", "api_key"), None, Pinned(MASK)),
    ("objectives", ("data",), [{"objective_name": "a"}], [{"objective_name": "a", "modality": "visual"}]),
    ("objectives", ("data", "*"), {"next_required_objectives": ["a", "b"]}, {"next_required_objective": "a"}),
    ("objectives", ("data", "*"), {"next_required_objectives": ["a"]}, {"next_required_objective": "b"}),
    (
        "guardrails",
        ("data",),
        [{"guardrail_name": "a"}, {"guardrail_name": "b"}],
        [{"guardrail_name": "b"}, {"guardrail_name": "a"}],
    ),
]


@pytest.mark.parametrize(("kind", "path", "told", "shown"), DIFFERENT)
def test_what_only_looks_alike_differs(kind: str, path: Path, told: Any, shown: Any) -> None:
    """Case, spaces, order where order counts, zero and false where something is set."""
    assert not same(KINDS[kind], path, told, shown)


@given(
    one=st.sampled_from(EMPTIES),
    other=st.sampled_from(EMPTIES),
    key=st.sampled_from(["greeting", "document_ids", "layers"]),
)
def test_the_empty_spellings_are_one_state(one: Any, other: Any, key: str) -> None:
    """Missing, null, "", [] and {} in any combination of manifest and read."""
    for wanted, shown in (({key: one}, {key: other}), ({key: one}, {}), ({}, {key: other})):
        assert (
            compare(desired("persona", wanted), Live(KINDS["persona"], "id", shown), bound("persona", {key: other}))
            == Difference()
        )
