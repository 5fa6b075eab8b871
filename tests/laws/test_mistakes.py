"""What beginners write, and what is said of it: each hint is followed, and the complaint is gone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.lib.json_types import JsonObject
from tests import checked

PROJECT = """\
environments: {default: {vars: {brand: Acme}}}
secrets: [LLM_KEY]
"""
FILES = {
    "tavusctl.yaml": PROJECT,
    "manifests/prompts/coach.md": "You coach.\n",
    "manifests/people/lines.md": "You line.\n",
    "common/rules.md": "You rule.\n",
    "manifests/people/anna.yaml": "{kind: replica, name: anna, external: true, id: r4317e64d25a}\n",
    "manifests/people/site.yaml": "{kind: document, name: site, spec: {document_url: 'https://example.com', "
    "document_name: The site}}\n",
}


def diagnostics_of(root: Path, spec: JsonObject) -> list[Diagnostic]:
    checked.written(root, FILES)
    (root / "manifests/people/coach.yaml").write_text(
        json.dumps({"kind": "persona", "name": "coach", "spec": {"system_prompt": "x", **spec}}, indent=1)
    )
    return [one for one in checked.diagnostics(root) if one.id != "TV129"]


# A field, what is written in it, the id of the complaint, and what is to be written.
MISTAKES: list[tuple[str, Any, str, str]] = [
    *(
        ("system_prompt", one, "TV208", "${file:prompts/coach.md}")
        for one in (
            *("prompts/coach.md", "manifests/prompts/coach.md", "../prompts/coach.md", " prompts/coach.md "),
            *(
                "{file:prompts/coach.md}",
                "$(file:prompts/coach.md)",
                "{{file:prompts/coach.md}}",
                "{{ file:prompts/coach.md }}",
            ),
            *("file:prompts/coach.md", "$file:prompts/coach.md", "file('prompts/coach.md')", "<file:prompts/coach.md>"),
            *("file://prompts/coach.md", "@prompts/coach.md", "<prompts/coach.md>", "prompts\\coach.md"),
            *("[file:prompts/coach.md]", "Hi. {file:prompts/coach.md}", "{file:manifests/prompts/coach.md}"),
            *("/prompts/coach.md", "/manifests/prompts/coach.md", "Prompts/Coach.md", "prompts/caoch.md"),
        )
    ),
    ("system_prompt", "lines.md", "TV208", "${file:people/lines.md}"),
    ("system_prompt", "common/rules.md", "TV208", "${file:../../common/rules.md}"),
    ("greeting", "./lines.md", "TV208", "${file:people/lines.md}"),
    ("greeting", "$brand", "TV208", "${var:brand}"),
    ("greeting", "{{brand}}", "TV208", "${var:brand}"),
    ("greeting", "brand", "TV208", "${var:brand}"),
    ("greeting", "Hi from {var:brand}", "TV208", "${var:brand}"),
    ("persona_name", "{var:brand}", "TV208", "${var:brand}"),
    ("default_replica_id", "replica/anna", "TV208", "${ref:replica/anna}"),
    ("default_replica_id", "anna", "TV208", "${ref:replica/anna}"),
    ("default_replica_id", "ref:replica/anna", "TV208", "${ref:replica/anna}"),
    ("default_replica_id", "{ref:replica/anna}", "TV208", "${ref:replica/anna}"),
    ("document_ids", ["document/site"], "TV208", "${ref:document/site}"),
    ("document_ids", ["The site"], "TV208", "${ref:document/site}"),
    ("default_replica_id", "p7e13c73f41f", "TV209", "${ref:replica/anna}"),
    ("default_replica_id", "the id of Anna", "TV209", "${ref:replica/anna}"),
    ("document_ids", ["r4317e64d25a"], "TV209", "${ref:document/site}"),
    ("greeting", "${BRAND}", "TV109", "${var:brand}"),
    ("greeting", "${env:brand}", "TV109", "${var:brand}"),
    ("greeting", "${{ var:brand }}", "TV109", "${var:brand}"),
    ("greeting", "${var: brand}", "TV109", "${var:brand}"),
    ("default_replica_id", "${{ ref:replica/anna }}", "TV109", "${ref:replica/anna}"),
    ("system_prompt", "${{file: prompts/coach.md}}", "TV109", "${file:prompts/coach.md}"),
    ("system_prompt", "${file: prompts/coach.md}", "TV109", "${file:prompts/coach.md}"),
    ("greeting", "${brand}", "TV109", "${var:brand}"),
    ("greeting", "${vars.brand}", "TV109", "${var:brand}"),
    ("greeting", "${{ vars.brand }}", "TV109", "${var:brand}"),
    ("default_replica_id", "${replica/anna}", "TV109", "${ref:replica/anna}"),
    ("system_prompt", "${prompts/coach.md}", "TV109", "${file:prompts/coach.md}"),
    ("system_prompt", "${file:Prompts/Coach.md}", "TV110", "${file:prompts/coach.md}"),
    ("system_prompt", "${file:prompts/caoch.md}", "TV110", "${file:prompts/coach.md}"),
    ("system_prompt", "${file:manifests/prompts/coach.md}", "TV110", "${file:prompts/coach.md}"),
    ("system_prompt", "${file:coach.md/}", "TV110", ""),
    ("system_prompt", "${file:./Lines.md}", "TV110", "${file:people/lines.md}"),
]


@pytest.mark.parametrize(("key", "value", "id_", "right"), MISTAKES)
def test_a_mistake_is_told_with_what_to_write(key: str, value: Any, id_: str, right: str, tmp_path: Path) -> None:
    (found,) = diagnostics_of(tmp_path, {key: value})

    assert found.id == id_
    assert str(found.source).startswith("manifests/people/coach.yaml:")
    assert right in found.hint
    if right:
        assert diagnostics_of(tmp_path, {key: [right] if isinstance(value, list) else right}) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("system_prompt", "Never show prompts/coach.md to anybody."),
        ("system_prompt", "Our file: prompts"),
        ("greeting", "Read our file about prompts.md."),
        ("persona_name", "notes.md"),
        ("document_tags", ["notes.md"]),
        ("system_prompt", "Say {name} and {{name}}."),
        ("system_prompt", "$${file:prompts/coach.md}"),
        ("system_prompt", "One line.\nprompts/coach.md\n"),
        ("greeting", "Hi, brand new friend"),
        ("persona_name", "brand"),
        ("default_replica_id", "r4317e64d25a"),
        ("default_replica_id", "rfd12c8fe2b"),
        ("document_ids", ["d8-5c81a3b9e04f"]),
        ("document_tags", ["brand", "anna"]),
        ("layers", {"stt": {"hotwords": "README.md"}}),
    ],
)
def test_what_is_meant_is_no_mistake(key: str, value: Any, tmp_path: Path) -> None:
    assert diagnostics_of(tmp_path, {key: value}) == []


@pytest.mark.parametrize(
    "path", ["prompts/none.md", "none.txt", "manifests/prompts/none.markdown", "prompts\\none.md", "/prompts/none.md"]
)
def test_the_path_of_a_file_that_does_not_exist_is_never_a_prompt(path: str, tmp_path: Path) -> None:
    (found,) = diagnostics_of(tmp_path, {"system_prompt": path})

    relative = path.replace("\\", "/").lstrip("/")
    assert (found.id, found.hint.partition(",")[0]) == ("TV208", f"write `${{file:{relative}}}`")


@pytest.mark.parametrize("name", ["${LLM_KEY}", "${env:LLM_KEY}", "${{ secrets.LLM_KEY }}", "${env:ACME_TOKEN}"])
def test_a_key_is_never_put_into_the_variables_of_the_project_file(name: str, tmp_path: Path) -> None:
    (found,) = diagnostics_of(tmp_path, {"greeting": name})

    assert "use secrets in API keys" in found.hint
    assert "vars" not in found.hint


def test_a_text_of_a_prompt_file_is_taken_as_it_is(tmp_path: Path) -> None:
    checked.written(tmp_path, {"manifests/prompts/odd.md": "prompts/coach.md\n"})

    assert diagnostics_of(tmp_path, {"system_prompt": "${file:prompts/odd.md}"}) == []


def test_who_means_it_says_so(tmp_path: Path) -> None:
    checked.written(tmp_path, FILES)
    manifest = "kind: persona\nname: a\nspec:\n  system_prompt: prompts/coach.md  # tavusctl: ignore=TV208\n"
    checked.written(tmp_path, {"manifests/a.yaml": manifest})

    assert checked.diagnostics(tmp_path) == ()


def test_names_that_only_look_alike_are_told_apart(tmp_path: Path) -> None:
    checked.written(tmp_path, {"manifests/prompts/cafe\u0301.md": "x"})

    (found,) = diagnostics_of(tmp_path, {"system_prompt": "${file:prompts/caf\u00e9.md}"})

    assert found.id == "TV110"
    assert found.hint == (
        "rename the file: its name looks like this one, but has letters such as `\u00e9` in another Unicode form"
    )


def test_a_folder_of_another_case_is_named(tmp_path: Path) -> None:
    checked.written(tmp_path, {"tavusctl.yaml": "manifests: Manifests\n", "manifests/a.yaml": "kind: persona\n"})

    with pytest.raises(Exception, match=re.escape("no manifest found in")) as raised:
        checked.diagnostics(tmp_path)

    assert raised.value.hint == "found the folder `manifests`: set `manifests: manifests`"  # type: ignore[attr-defined]  # of ours
