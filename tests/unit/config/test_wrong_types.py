"""Values of a wrong type: one error that says what was found, and no advice that leads to the next error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import checked

COACH = "kind: persona\nname: coach\n"
SPEC = "spec: {persona_name: Coach, system_prompt: You coach.}\n"
SECRET = '"${secret:LLM_KEY}"'
PROJECT = "secrets: [LLM_KEY]\n"


def diagnostics_of(root: Path, manifest: str) -> list[tuple[str, str]]:
    checked.written(root, {"tavusctl.yaml": PROJECT, "manifests/a.yaml": manifest})
    return [(one.id, one.message) for one in checked.diagnostics(root)]


@pytest.mark.parametrize("written", ["false", "0", "''", "[]", "[1]"])
def test_extra_is_a_mapping_or_nothing(tmp_path: Path, written: str) -> None:
    manifest = COACH + SPEC.replace("}", f", extra: {written}}}")
    ((id, message),) = diagnostics_of(tmp_path, manifest)
    assert (id, message.partition(",")[0]) == ("TV104", "spec.extra: expected a mapping")
    assert not diagnostics_of(tmp_path, manifest.replace(f"extra: {written}", "extra: null"))


@pytest.mark.parametrize("written", ["yes", "no", "on", "012", "'true'", "1"])
def test_a_value_that_is_no_boolean_is_told_once(tmp_path: Path, written: str) -> None:
    wrong = [
        COACH + f"external: {written}\nid: p123456789ab\n",
        COACH + SPEC + f"lifecycle: {{prevent_destroy: {written}}}\n",
        COACH + SPEC.replace("}", f", is_template: {written}}}"),
    ]
    for manifest in wrong:
        ((_, message),) = diagnostics_of(tmp_path, manifest)
        assert "expected true or false, found" in message


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            f"layers: {{llm: {{default_query: {SECRET}}}}}",
            "layers.llm.default_query: expected a mapping, found a secret",
        ),
        (f"skills: {{memory: {SECRET}}}", "skills.memory: expected a mapping, found a secret"),
        (f"layers: {{llm: {{model: {SECRET}}}}}", "`layers.llm.model` is not a secret field"),
        (f"layers: {SECRET}", "`layers` is not a secret field"),
    ],
)
def test_a_secret_is_a_text(tmp_path: Path, field: str, message: str) -> None:
    assert message in [one for _, one in diagnostics_of(tmp_path, COACH + SPEC.replace("}", f", {field}}}"))]
    assert not [
        one for _, one in diagnostics_of(tmp_path, COACH + SPEC.replace("}", f", {field}}}")) if "`word`" in one
    ]


def test_a_reference_in_place_of_a_url_is_named(tmp_path: Path) -> None:
    page = "kind: document\nname: page\nspec: {document_url: '${ref:persona/coach}'}\n"
    assert diagnostics_of(tmp_path, COACH + SPEC + "---\n" + page) == [
        ("TV104", "document_url: no reference is allowed here, found `${ref:persona/coach}`")
    ]
