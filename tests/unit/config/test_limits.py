"""Limits for the sum of a project: exactly at the limit all is read, and one more is told with a place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from msgspec.structs import asdict, replace

from tavusctl.config import loading, yaml12
from tavusctl.config.limits import LIMITS, Limits, size_of
from tavusctl.core.diagnostics import Severity
from tavusctl.core.project_settings import Environment, Project
from tavusctl.kinds import KINDS
from tests.house.tree import ROOT

EXAMPLES = sorted((ROOT / "manifests").rglob("*.yaml"))
PERSONA = "kind: persona\nname: {name}\nspec: {{persona_name: a, system_prompt: {prompt}}}\n"
FILE = "kind: document\nname: {name}\nspec: {{document_file: {file}, upload: s3://bucket/x}}\n"


def project(root: Path, **files: str) -> Project:
    for name, content in files.items():
        path = root / "manifests" / name.replace("__", ".").replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Project(str(root), str(root / "manifests"))


def over(found: loading.LoadResult) -> list[str]:
    """What is told of limits of the whole project."""
    told = [one for one in found.diagnostics if "the rest of the project is not read" in one.message]
    assert all(one.id == "TV115" and one.severity is Severity.ERROR and one.hint and one.source for one in told)
    return [f"{one.source}: {one.message.rpartition(';')[0]}" for one in told]


A, B = PERSONA.format(name="a", prompt="x"), PERSONA.format(name="b", prompt="x")
TEXT = PERSONA.format(name="a", prompt='"${file:t.md}"') + "---\n" + PERSONA.format(name="b", prompt='"${file:t.md}"')
LONG = size_of("x" * 500)
SECOND = "manifests/a.yaml:7:40"
# Files, the limit at which all is well, and what is said one below it.
TABLE: dict[str, tuple[dict[str, str], dict[str, int], str]] = {
    "files": (
        {"a__yaml": A, "b__yaml": B},
        {"files": 2},
        "manifests/b.yaml:1:1: this is file 2 of the project, more than the limit of 1",
    ),
    "names": (
        {"a__yaml": A, "b_c_d__txt": "", "b_e__txt": ""},
        {"entries": 5},
        "manifests/b/c:1:1: with this folder, the project has 5 files and folders, more than the limit of 4",
    ),
    "folders within folders": (
        {"a_b_c__yaml": A},
        {"depth": 2},
        "manifests/a/b:1:1: the folder is nested 2 levels deep, more than the limit of 1",
    ),
    "bytes": (
        {"a__yaml": A, "b__yaml": B},
        {"manifests": len(A + B)},
        (
            "manifests/b.yaml:1:1: with this file, the manifests have "
            f"{len(A + B)} bytes, more than the limit of {len(A + B) - 1} bytes"
        ),
    ),
    "values": (
        {"a__yaml": A, "b__yaml": B},
        {"values": 12},
        "manifests/b.yaml:1:1: with this file, the manifests have 12 values, more than the limit of 11",
    ),
    "values of what is broken": (
        {"a__yaml": "a: [1, 2, 3\n---\nb: {", "b__yaml": B},
        {"values": 13},
        "manifests/b.yaml:1:1: with this file, the manifests have 13 values, more than the limit of 12",
    ),
    "text": (
        {"a__yaml": TEXT, "t__md": "x" * 500},
        {"text": 2 * LONG},
        (
            f"{SECOND}: with this expression, `${{file:}}` and `${{var:}}` insert {2 * LONG} bytes, "
            f"more than the limit of {2 * LONG - 1} bytes (counted each time)"
        ),
    ),
    "expressions": (
        {"a__yaml": TEXT, "t__md": "x"},
        {"expressions": 2},
        f"{SECOND}: with this text, the project has 2 expressions, more than the limit of 1",
    ),
    "files for the API": (
        {
            "a__yaml": "---\n".join(FILE.format(name=n, file=f) for n, f in (("a", "x.txt"), ("b", "y.txt"))),
            "x__txt": "12345",
            "y__txt": "123",
        },
        {"attachments": 8},
        "manifests/a.yaml:1:1: with this file, the files to upload have 8 bytes, more than the limit of 7 bytes",
    ),
    "one file for the API twice": (
        {
            "a__yaml": "---\n".join(FILE.format(name=n, file=f) for n, f in (("a", "x.txt"), ("b", "./x.txt"))),
            "x__txt": "12345",
        },
        {"attachments": 5},
        "manifests/a.yaml:1:1: with this file, the files to upload have 5 bytes, more than the limit of 4 bytes",
    ),
    "problems": (
        {"a__yaml": "kind: x\n", "b__yaml": "kind: x\n---\nkind: x\n"},
        {"diagnostics": 6},
        "manifests/b.yaml:1:1: there are more than 5 problems",
    ),
}


@pytest.mark.parametrize(("files", "limit", "said"), TABLE.values(), ids=TABLE)
def test_at_a_limit_all_is_read_and_one_more_is_told(
    tmp_path: Path, files: dict[str, str], limit: dict[str, int], said: str
) -> None:
    this, environment = project(tmp_path, **files), Environment()
    at = loading.read(this, environment, KINDS, limits=replace(LIMITS, **limit))
    beyond = loading.read(this, environment, KINDS, limits=replace(LIMITS, **{key: n - 1 for key, n in limit.items()}))

    assert over(at) == []
    assert at == loading.read(this, environment, KINDS)
    assert over(beyond) == [said]
    assert (beyond.manifests, beyond.invalid_manifests) == ((), ()), "nothing is said of a part"
    assert "" in beyond.unreadable_texts, "what was not read may declare whatever is referred to"


def test_every_limit_is_in_the_table() -> None:
    assert {key for _, limit, _ in TABLE.values() for key in limit} | {"document"} == set(asdict(Limits()))


def test_ten_thousand_personas_of_five_kilobytes_are_well_within_the_limits() -> None:
    """As rich as the examples are, in one file each, with prompts in files of their own that are not Latin."""
    count, size = 10_000, 5_000
    texts = [path.read_bytes() for path in EXAMPLES if path.stat().st_size > size / 5]
    richest = max(yaml12.read(text, "").values / len(text) for text in texts)
    assert count * 2 < LIMITS.files
    assert count * 4 < LIMITS.entries
    assert count * size * 2 < LIMITS.manifests
    assert count * size * richest < LIMITS.values
    assert count * size_of("\N{GRINNING FACE}" + "x" * size) < LIMITS.text
    assert count * 10 < LIMITS.expressions


def test_a_folder_is_listed_once_for_all_files_in_it(tmp_path: Path) -> None:
    """Its names are looked at for each file, and a folder of thousands would be listed thousands of times."""
    files = {f"p{number}__yaml": PERSONA.format(name=f"p{number}", prompt="x") for number in range(40)}
    made = project(tmp_path, **files)
    listed: list[object] = []

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if hearing and event == "os.listdir":
            listed.append(arguments)

    hearing = True
    sys.addaudithook(hear)  # there is no way to take it away again
    loading.read(made, Environment(), KINDS)
    hearing = False

    assert 0 < len(listed) < 10
