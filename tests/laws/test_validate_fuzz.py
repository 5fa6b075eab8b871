"""Hostile manifests: whatever is in a file, `validate` says in words what is wrong with it, where, and soon."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import check
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.core.diagnostics import Diagnostic
from tests.checked import opened

EXAMPLES = sorted((Path(__file__).parents[2] / "manifests").rglob("*.yaml"))
INPUTS = 500
SECONDS = 1.0
HANG = 4.0  # the largest files take 0.7 to 2.5 s; machines of CI are slower, and shared
# Pieces of YAML that mean something, or that parsers have stumbled over.
PIECES = [
    *(
        "{",
        "}",
        "[",
        "]",
        "- ",
        ": ",
        "? ",
        "&a ",
        "*a",
        "<<: *a",
        "|\n",
        ">-\n",
        "#",
        "---\n",
        "...\n",
        "!!python/object:os ",
        "%YAML 1.1\n",
    ),
    *(
        "'",
        '"',
        "\\",
        "\t",
        "\r\n",
        "\n\n",
        "  ",
        "${ref:persona/x}",
        "${file:/etc/passwd}",
        "${secret:KEY}",
        "$${",
        "${",
        "\u202e",
        "\u200b",
        "\ufeff",
    ),
    *(
        "\x00",
        "\x1b[31m",
        "~",
        "null",
        "yes",
        "0x1F",
        "1e999",
        ".nan",
        "12:30:45",
        "2024-13-45",
        "9" * 400,
        "x" * 5000,
        "kind",
        "spec:",
        "name: a",
    ),
    *(
        "[" * 200,
        "{a: " * 100,
        "- " * 100,
        "&a [*a, *a]",
        "\ud7ff",
        "😀",
        "é",
        "=",
        "@",
        "`",
        ",",
        "data: [[]]",
        "tools: {}",
        "layers: 1",
    ),
]


def spoiled(seed: int) -> bytes:
    """A real manifest with a few accidents."""
    chance = random.Random(seed)
    text = bytearray(chance.choice(EXAMPLES).read_bytes())
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(5):
            case 0:
                text[at : at + chance.randint(1, 40)] = b""
            case 1:
                text[at:at] = chance.choice(PIECES).encode("utf-8", "surrogatepass")
            case 2 if at < len(text):
                text[at] = chance.randrange(256)
            case 3:
                start = chance.randrange(len(text) + 1)
                text[at:at] = text[start : start + chance.randint(1, 300)]
            case _:
                del text[at:]
        text = text or bytearray(b"-")
    return bytes(text)


def checked(folder: Path, content: bytes) -> tuple[Diagnostic, ...]:
    (folder / "manifests").mkdir(exist_ok=True)
    (folder / "manifests/fuzzed.yaml").write_bytes(content)
    project, environment, _ = opened(folder)
    return check(LocalSession(project, environment, TerminalProgress(quiet=True)))[1]


@pytest.mark.parametrize("part", range(10))
def test_hostile_manifests_are_told_about_with_a_place_and_soon(tmp_path: Path, part: int) -> None:
    told = 0
    for seed in range(part * INPUTS // 10, (part + 1) * INPUTS // 10):
        began = time.process_time()
        found = checked(tmp_path, spoiled(seed))
        assert time.process_time() - began < SECONDS, f"seed {seed}"
        assert all(one.source and one.source.line >= 1 and one.source.column >= 1 for one in found), f"seed {seed}"
        told += bool(found)
    assert told > INPUTS // 10 // 2


WORST = {
    "a wrong shape": "kind: persona\nname: a\nspec: {document_tags: [" + "1," * 49_000 + "]}\n",
    "unknown keys": "kind: persona\nname: a\nspec:\n" + "".join(f"  key{number}: 1\n" for number in range(24_000)),
    "goals without names": "kind: objectives\nname: a\nspec: {data: [" + "{objective_prompt: x}," * 15_000 + "]}\n",
    "a ring of goals": "kind: objectives\nname: a\nspec:\n  data:\n"
    + "".join(
        f"  - {{objective_name: o{number}, objective_prompt: x, next_required_objective: o{(number + 1) % 6000}}}\n"
        for number in range(6000)
    ),
    "a prompt of blank lines": "kind: persona\nname: a\nspec:\n  system_prompt: |\n" + "    x\n\n" * 300_000,
    "a prompt of one word": "kind: persona\nname: a\nspec: {system_prompt: " + "a" * 4_000_000 + "}\n",
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", sorted(WORST))
def test_the_worst_files_take_no_longer(tmp_path: Path, name: str) -> None:
    began = time.process_time()
    found = checked(tmp_path, WORST[name].encode())
    took = time.process_time() - began

    assert took < HANG, f"{took:.2f} s"
    assert all(one.source for one in found)
