"""The JSON Schemas in an editor: keys and values are completed, explained, and marked where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tavusctl.app.explain import describe
from tavusctl.kinds import KINDS
from tests.editor.language_server import Editor

pytestmark = [pytest.mark.external, pytest.mark.needs("npm")]

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted((ROOT / "manifests").rglob("*.yaml"))


def manifest(kind: str, text: str) -> str:
    return f"# yaml-language-server: $schema={ROOT}/schemas/{kind}.schema.json\nkind: {kind}\nname: a-name\n{text}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_keys_of_spec_are_offered_with_their_meaning(kind: str, editor: Editor, tmp_path: Path) -> None:
    offered = editor.completions(tmp_path / "a.yaml", manifest(kind, "spec:\n  @\n"))
    fields = {one.path.rpartition(".")[2]: one.text for one in describe(KINDS[kind], ["spec"]).members}
    assert offered.items() >= fields.items()


@pytest.mark.parametrize("kind", KINDS)
def test_the_keys_around_spec_are_offered(kind: str, editor: Editor, tmp_path: Path) -> None:
    offered = editor.completions(tmp_path / "a.yaml", manifest(kind, "@\n"))
    assert offered.keys() >= {"spec", "lifecycle", "external", "moved_from"}
    assert ("recrawl" in offered) == KINDS[kind].can_recrawl


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        ("persona", "spec:\n  pipeline_mode: @\n", {"full", "echo"}),
        ("persona", "spec:\n  layers:\n    tts:\n      tts_engine: @\n", {"cartesia", "elevenlabs", "playht"}),
        ("persona", "spec:\n  layers:\n    tts:\n      voice_settings: {speed: @}\n", {"slow", "fast"}),
        ("guardrails", "spec:\n  data:\n    - modality: @\n", {"verbal", "visual"}),
        ("objectives", "spec:\n  data:\n    - confirmation_mode: @\n", {"auto", "manual"}),
        ("replica", "spec:\n  model_name: @\n", {"phoenix-3"}),
        ("document", "lifecycle:\n  on_remove: @\n", {"delete", "retain"}),
        ("document", "lifecycle:\n  prevent_destroy: @\n", {"true", "false"}),
    ],
)
def test_values_are_offered(kind: str, text: str, values: set[str], editor: Editor, tmp_path: Path) -> None:
    assert editor.completions(tmp_path / "a.yaml", manifest(kind, text)).keys() >= values


@pytest.mark.parametrize(
    ("kind", "text", "keys"),
    [
        ("persona", "spec:\n  layers:\n    llm:\n      @\n", {"model", "base_url", "api_key", "headers"}),
        ("persona", "spec:\n  layers:\n    llm:\n      tools:\n        - @\n", {"type", "function"}),
        ("objectives", "spec:\n  data:\n    - objective_name: a\n      @\n", {"objective_prompt", "output_variables"}),
        ("document", "spec:\n  crawl:\n    @\n", {"depth", "max_pages"}),
        ("document", "recrawl:\n  @\n", {"every", "cron", "timezone"}),
    ],
)
def test_keys_deep_inside_are_offered(kind: str, text: str, keys: set[str], editor: Editor, tmp_path: Path) -> None:
    assert editor.completions(tmp_path / "a.yaml", manifest(kind, text)).keys() >= keys


@pytest.mark.parametrize(
    ("kind", "text", "diagnostic"),
    [
        ("persona", "spec: {sytem_prompt: Hi.}\n", "4: Property sytem_prompt is not allowed."),
        (
            "persona",
            "spec: {layers: {llm: {tools: [{type: x}]}}}\n",
            '4: Value must be "function".',
        ),
        ("persona", "spec: {pipeline_mode: [full]}\n", "4: Value is not accepted. Valid values: "),
        ("document", "spec:\n  tags: [a]\n", '4: Missing property "document_url".'),
        ("document", "spec: {document_url: ftp://example.com}\n", "4: String does not match the pattern"),
        ("document", "spec: {document_url: 'https://a.b', crawl: {depth: 11}}\n", "4: "),
        ("objectives", "spec: {data: []}\n", "4: Array has too few items."),
        ("replica", "moved_from: persona/a\nspec: {train_video_url: 'https://a.b'}\n", "4: String does not match"),
        ("guardrails", "external: true\n", '2: Missing property "id".'),
        ("guardrails", "lifecycle: {prevent_destory: true}\n", "4: Property prevent_destory is not allowed."),
    ],
)
def test_what_is_wrong_is_marked(kind: str, text: str, diagnostic: str, editor: Editor, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    diagnostics = editor.diagnostics({path: manifest(kind, text)})[path]
    assert any(one.startswith(diagnostic) for one in diagnostics), diagnostics


def test_nothing_is_marked_in_the_examples(editor: Editor) -> None:
    found = editor.diagnostics({path: path.read_text("utf-8") for path in MANIFESTS})
    assert found == {path: [] for path in MANIFESTS}


def test_expressions_and_null_are_right_everywhere(editor: Editor, tmp_path: Path) -> None:
    text = (
        "moved_from: [persona/b, persona/c]\n"
        "spec:\n  system_prompt: ${file:prompts/a.md}\n  pipeline_mode: ${var:mode}\n  greeting: null\n"
        "  layers: {llm: {speculative_inference: '${var:fast}'}, tts: null}\n"
    )
    path = tmp_path / "a.yaml"
    assert editor.diagnostics({path: manifest("persona", text)}) == {path: []}
