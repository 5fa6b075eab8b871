"""Whatever stands in a file: no exception, and every complaint has a place in it."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tavusctl.config import interpolation, loading, yaml12
from tavusctl.core import duration
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import UsageError
from tavusctl.core.project_settings import Environment, Project
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.kinds import KINDS
from tavusctl.patch import resolve
from tavusctl.secrets.values import SecretText
from tests import checked
from tests.unit.kinds.toy_kinds import KINDS as TOYS

SEEDS = (
    b"kind: toy\nname: t\nspec:\n  title: x\n  engine: {name: small, api_key: '${secret:KEY}'}\n  tags: [a, b]\n",
    b"kind: persona\nname: p\nspec:\n  system_prompt: |\n    Be kind.\n  layers:\n    llm: {model: tavus-gpt-4o}\n",
    b"kind: crawler\nname: c\nspec: {title: &a [1, 2], links: [{url: https://x}]}\nrecrawl: {cron: '0 3 * * *'}\n",
    b"kind: objectives\nname: o\nspec:\n  data:\n  - {objective_name: a, objective_prompt: b}\n",
    b"---\nkind: replica\nname: r\nexternal: true\nid: r1\n---\nkind: guardrails\nname: g\nspec: {data: []}\n",
    b"kind: document\nname: d\nspec: {document_url: https://x.example}\nlifecycle: {ignore_changes: [/tags]}\n",
)
PIECES = st.sampled_from(
    [
        *(
            b"- ",
            b": ",
            b"? ",
            b"[",
            b"]",
            b"{",
            b"}",
            b"&a ",
            b"*a",
            b"<<: *a",
            b"!!set ",
            b"|\n",
            b">-\n",
            b"'",
            b'"',
        ),
        *(
            b"---\n",
            b"...\n",
            b"%TAG ! x\n",
            b"\t",
            b"\n",
            b"\r\n",
            b"\0",
            b"\xff",
            b"\xef\xbb\xbf",
            b"\xe2\x80\xa8",
            b"# ",
        ),
        *(b"null", b"yes", b"0123", b"12:30", b"2024-13-45", b".nan", b"1e999", b"9" * 40, b"0x", b"~", b"=", b"\\u"),
        *(
            b"${ref:toy/t}",
            b"${var:v}",
            b"${secret:KEY}",
            b"${file:a.md}",
            b"${",
            b"$${",
            b"${file:../../x}",
            b"${x:y}",
        ),
        *(
            b"extra: {a: 1}",
            b"spec: ",
            b"kind: ",
            b"external: true\n",
            b"layers: ",
            b"  ",
            b"id: 3\n",
            b"lifecycle: 1\n",
        ),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A manifest with pieces put in, cut out and doubled."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(st.one_of(PIECES, st.just(text[start:end] * 2), st.just(b""))) + text[end:]
    return text


ANYTHING = st.one_of(mutated(), st.binary(max_size=200), st.lists(PIECES, max_size=30).map(b"".join))


def are_placed(diagnostics: tuple[Diagnostic, ...], text: bytes) -> bool:
    lines = text.decode("utf-8", "replace").count("\n") + text.count(b"\r") + 2
    lines += sum(text.decode("utf-8", "replace").count(end) for end in "\x85\u2028\u2029")
    sources = [diagnostic.source for diagnostic in diagnostics]
    return all(source and 1 <= source.line <= lines and 1 <= source.column <= len(text) + 1 for source in sources)


@given(ANYTHING)
def test_reading_never_raises_and_places_everything(text: bytes) -> None:
    parsed = yaml12.read(text, "f.yaml")
    assert are_placed(parsed.diagnostics, text)
    assert all(diagnostic.id in CHECKS for diagnostic in parsed.diagnostics)
    for document in parsed.documents:
        json.dumps(document.value, allow_nan=any(c.id == "TV104" for c in parsed.diagnostics)).encode()
        assert set(document.keys) <= set(document.sources)
        if not any(diagnostic.id == "TV102" for diagnostic in parsed.diagnostics):
            for pointer in document.sources:
                resolve(document.value, pointer)


@given(ANYTHING, ANYTHING, st.sampled_from([TOYS, KINDS]))
def test_loading_never_raises_and_places_everything(
    text: bytes, project_text: bytes, kinds: Mapping[str, ResourceKind]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "manifests").mkdir()
        (root / "manifests/a.yaml").write_bytes(text)
        (root / "manifests/a.md").write_bytes(project_text)
        project = Project(folder, str(root / "manifests"), secrets=("KEY",))
        found = loading.read(project, Environment(vars={"v": {"a": [1, None]}}), kinds)
        project_text = project_text.replace(b"kind", b"environments").replace(b"spec", b"outputs")
        (root / "tavusctl.yaml").write_bytes(project_text)
        with contextlib.suppress(UsageError):  # several environments, and none chosen
            _, _, diagnostics = checked.opened(root)
            assert are_placed(diagnostics, project_text)
    assert are_placed(found.diagnostics, text)
    assert list(found.diagnostics) == sorted(found.diagnostics, key=lambda c: c.source or Source("", 0, 0))
    for manifest in found.manifests:
        assert manifest.address in found.declared
        for pointer in manifest.sources:
            resolve(manifest.spec, pointer)


KEYS = st.text(max_size=85)  # a key of YAML has at most 1,024 characters (YAML 1.2.2, section 7.4), escapes included
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**19) + 1, 10**19 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, JSON, min_size=1, max_size=5))
def test_json_is_yaml(value: dict[str, Any]) -> None:
    parsed = yaml12.read(json.dumps(value, ensure_ascii=True).encode(), "f.yaml")
    odd = any(text in json.dumps(value, ensure_ascii=True) for text in ("\\u0000", "\\ud"))
    assert odd or ([document.value for document in parsed.documents], parsed.diagnostics) == ([value], ())


SCOPE = interpolation.Scope({"v": 1}, ("KEY",), lambda path: interpolation.FileText(f"<{path}>", path), "default")


@given(
    st.lists(PIECES.map(lambda piece: piece.decode("utf-8", "replace")) | st.text(max_size=5), max_size=12).map("".join)
)
def test_a_literal_is_what_was_written(text: str) -> None:
    escaped = text.replace("${", "$${")
    assert interpolation.expand(escaped, Source("f", 1, 1), SCOPE).value == text


@given(
    st.lists(PIECES.map(lambda piece: piece.decode("utf-8", "replace")) | st.text(max_size=5), max_size=12).map("".join)
)
def test_expressions_are_taken_or_told(text: str) -> None:
    found = interpolation.expand(text, Source("f", 1, 1), SCOPE)
    assert isinstance(found.value, str | int | Address | SecretText)
    assert found.value == text or not found.diagnostics
    assert all(diagnostic.severity is Severity.ERROR and diagnostic.source for diagnostic in found.diagnostics)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_durations_add_up(hours: int, minutes: int, seconds: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds
    if total:
        assert duration.seconds(f"{hours}h{minutes}m{seconds}s") == total
        assert duration.seconds(f"PT{hours}H{minutes}M{seconds}S") == total
