"""Complaints about keys and values of the real kinds, in the words that help."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tavusctl.config import files, loading
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.kinds import KINDS
from tests import checked


def diagnostics_of(root: Path, manifest: str) -> Sequence[Diagnostic]:
    """The diagnostics of the loader for a manifest."""
    checked.written(root, {"manifests/a.yaml": manifest})
    project, environment, _ = checked.opened(root)
    return loading.read(project, environment, KINDS).diagnostics


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("llm: {model: tavus-gpt-oss}", "write it under `layers:`"),
        ("perception_model: raven-1", "write it under `layers.perception:`"),
        ("turn_detection_model: sparrow-1", "write it under `layers.conversational_flow:`"),
        ("persona_nme: Coach", "did you mean `persona_name`?"),
        ("wholly_new: 1", "write a field that is newer than tavusctl under `extra:`"),
    ],
)
def test_a_key_in_the_wrong_place_is_told_its_place(tmp_path: Path, key: str, hint: str) -> None:
    (found,) = diagnostics_of(tmp_path, f"kind: persona\nname: a\nspec:\n  system_prompt: x\n  {key}\n")

    assert (found.id, found.hint, found.source and found.source.line) == ("TV103", hint, 5)


@pytest.mark.parametrize(
    ("manifest", "line", "hint"),
    [
        ("kind: persona\nname: a\nspec:\n  System_Prompt: x\n", 4, "did you mean `system_prompt`?"),
        ("kind: guardrail\nname: a\nspec:\n  name: No prices\n  guardrail_prompt: x\n", 4, "write `guardrail_name`"),
        ("kind: persona\nname: a\nspecs:\n  system_prompt: x\n", 3, "did you mean `spec`?"),
        ("kind: persona\nnames: a\nspec:\n  system_prompt: x\n", 2, "did you mean `name`?"),
    ],
)
def test_a_misspelled_key_is_not_missing_as_well(tmp_path: Path, manifest: str, line: int, hint: str) -> None:
    (found,) = diagnostics_of(tmp_path, manifest)

    assert (found.id, found.hint, found.source and found.source.line) == ("TV103", hint, line)


@pytest.mark.parametrize("path", ["coach.md", "/home/kim/prompts/coach.md", "texts\\\\coach.md", "../../p/coach.md"])
def test_a_file_in_another_folder_is_named_if_only_one_has_that_name(tmp_path: Path, path: str) -> None:
    checked.written(tmp_path, {"manifests/prompts/coach.md": "Be kind."})
    manifest = f'kind: persona\nname: a\nspec: {{system_prompt: "${{file:{path}}}"}}\n'
    (found,) = diagnostics_of(tmp_path, manifest)
    assert (found.id, found.hint) == ("TV110", "write `${file:prompts/coach.md}`")

    checked.written(tmp_path, {"manifests/more/coach.md": "Another one."})
    (ambiguous,) = diagnostics_of(tmp_path, manifest)
    assert ambiguous.hint.startswith("write the path of a file from the manifests folder")


def test_only_files_are_proposed_for_a_file_and_only_folders_for_a_folder(tmp_path: Path) -> None:
    prompts = tmp_path / "manifests" / "prompts"
    (prompts / "coach.md.d").mkdir(parents=True)
    (tmp_path / "overlays-prod").write_text("")
    manifest = "kind: persona\nname: a\nspec: {system_prompt: '${file:prompts/coach.md}'}\n"

    def hints() -> list[str]:
        return [one.hint for one in diagnostics_of(tmp_path, manifest)]

    assert not any("coach.md.d" in hint for hint in hints())
    (prompts / "coach2.md").write_text("Be kind.")
    assert hints() == ["write `${file:prompts/coach2.md}`"]
    assert files.similar_path(tmp_path / "overlays_prod", tmp_path, os.path.isdir) == ""
    (tmp_path / "overlays-prods").mkdir()
    assert files.similar_path(tmp_path / "overlays_prod", tmp_path, os.path.isdir) == "overlays-prods"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("docs/prices.pdf", "write `document_file:` for a file of the project"),
        ("./Prices.PDF", "write `document_file:` for a file of the project"),
        ("ftp://example.com/prices.pdf", ""),
        ("www.example.com/prices.pdf", "write `https://www.example.com/prices.pdf`"),
        ("prices", ""),
    ],
)
def test_a_path_in_place_of_a_url_is_told_the_field_for_files(tmp_path: Path, url: str, hint: str) -> None:
    (found,) = diagnostics_of(tmp_path, f"kind: document\nname: a\nspec: {{document_url: {url}}}\n")

    assert (found.id, found.hint) == ("TV104", hint)


@pytest.mark.parametrize(
    ("manifest", "keys"),
    [
        (
            "kind: document\nname: a\nspec: {document_url: 'https://example.com/', crawl: true}\n",
            "`depth`, `max_pages`",
        ),
        (
            "kind: tool\nname: a\nspec: {name: a, description: A., delivery: 'https://example.com/'}\n",
            "`app_message`, `api`",
        ),
    ],
)
def test_a_value_in_place_of_a_mapping_is_told_its_keys(tmp_path: Path, manifest: str, keys: str) -> None:
    found = [one for one in diagnostics_of(tmp_path, manifest) if one.id == "TV104"]

    assert [one.hint.partition("; ")[2] for one in found] == [f"its keys are {keys}"]


@pytest.mark.parametrize(
    ("line", "example"),
    [
        ("recrawl: daily", "`recrawl: {every: 24h}`"),
        ("recrawl: true", "`recrawl: {every: 24h}`"),
        ("lifecycle: keep", "`lifecycle: {prevent_destroy: true}`"),
    ],
)
def test_a_word_in_place_of_a_schedule_or_a_lifecycle_is_told_how_to_write_it(
    tmp_path: Path, line: str, example: str
) -> None:
    spec = "kind: document\nname: a\nspec: {document_url: 'https://example.com/', crawl: {depth: 1}}\n"
    (wrong,) = [one for one in diagnostics_of(tmp_path, f"{spec}{line}\n") if one.id == "TV116"]
    assert wrong.hint == f"write its keys, as in {example}"

    assert not diagnostics_of(tmp_path, f"{spec}{example.strip('`')}\n")


def test_keys_in_an_included_file_are_reported_at_their_lines_there(tmp_path: Path) -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
    checked.written(tmp_path, {"manifests/rules.md": f"Be kind.\nUse {key}.\nOr {key[:-1]}!\n"})
    prompt = "system_prompt: |\n    Hello.\n    ${file:rules.md}"
    found = diagnostics_of(tmp_path, f"kind: persona\nname: a\nspec:\n  {prompt}\n  greeting: {key}\n")

    places = ["manifests/a.yaml:7:13", "manifests/rules.md:2:5", "manifests/rules.md:3:4"]
    assert [(str(one.source), one.id) for one in found] == [(place, "TV113") for place in places]


NAMES = "use 1 to 63 characters of a-z, 0-9 and hyphen, without a hyphen at either end"


@pytest.mark.parametrize(
    ("name", "prompt", "hint"),
    [
        ("a", "{file:prompts/a.md}", "write `${file:...}`"),
        ("a", "${file:prompts/a.md", "add `}` at its end; write `$${` for a literal `${`"),
        ("a", "${ref:persona/Sales Coach}", "write `${ref:persona/sales-coach}`"),
        ("a", "${ref:coach}", "write `KIND/NAME`, such as `persona/sales-coach`"),
        ("Sales Coach", "x", f"{NAMES}, such as `sales-coach`"),
        ("sk-proj-ABCDEFGHIJklmnopqrstuvwxyz0123456789ABCD", "x", NAMES),
        ("\N{ROBOT FACE}", "x", NAMES),
    ],
)
def test_a_hint_has_the_text_that_was_meant_unless_it_may_be_a_key(
    tmp_path: Path, name: str, prompt: str, hint: str
) -> None:
    assert diagnostics_of(tmp_path, f"kind: persona\nname: {name}\nspec:\n  system_prompt: {prompt}\n")[0].hint == hint


@pytest.mark.parametrize(
    ("url", "hint"),
    [("http://a.example/book", "write `https://a.example/book`"), ("ftp://a.example", ""), ("http://a b", "")],
)
def test_an_address_without_tls_is_told_the_one_with_it(tmp_path: Path, url: str, hint: str) -> None:
    spec = "{name: a, description: Book., parameters: {type: object, properties: {}}, delivery: {api: {url: '%s'}}}"
    (found,) = diagnostics_of(tmp_path, f"kind: tool\nname: a\nspec: {spec % url}\n")

    assert (found.id, found.hint) == ("TV104", hint)


def test_a_header_that_says_nothing_secret_may_be_written_out(tmp_path: Path) -> None:
    layers = "{llm: {headers: {Content-Type: application/json, X-Key: abc}}}"
    (found,) = diagnostics_of(tmp_path, f"kind: persona\nname: a\nspec:\n  system_prompt: x\n  layers: {layers}\n")

    assert (found.id, found.message) == ("TV113", "layers.llm.headers.X-Key: the manifest contains a plaintext secret")


@pytest.mark.parametrize("copy", ["coach.md.old", "coach.md~", "coach.md.bak", ".coach.md.swp"])
def test_a_copy_that_a_tool_made_is_not_proposed(tmp_path: Path, copy: str) -> None:
    (tmp_path / copy).touch()
    assert files.similar_path(tmp_path / "coach.md", tmp_path) == ""
