"""Projects made to be too much: refused with a place and a remedy, in little memory and soon, whatever is repeated."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MB = 1024 * 1024
MEGABYTES, SECONDS = 500, 20.0  # of a run that ends at a limit; it takes a third of each on a machine of its own


def persona(number: int, prompt: str, *more: str) -> str:
    lines = (f"kind: persona\nname: p{number}\nspec:\n  persona_name: P{number}\n  system_prompt: {prompt}\n", *more)
    return "".join(lines)


def put(root: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        path = root / "manifests" / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def documents(*each: str) -> str:
    return "---\n".join(each)


def one_text_often(root: Path) -> None:
    put(root, big__md="a" * MB, all__yaml=documents(*(persona(n, "${file:big.md}") for n in range(400))))


def one_text_in_others(root: Path) -> None:
    each = (persona(n, f'"{n} ' + "${file:big.md}" * 4 + '"') for n in range(200))
    put(root, big__md="a" * MB, all__yaml=documents(*each))


def one_wide_text(root: Path) -> None:
    """A single character makes each of these texts four times as large in memory."""
    each = (persona(n, f'"{n} ' + "${file:big.md}" * 4 + '"') for n in range(100))
    put(root, big__md="a" * 900_000 + "\N{GRINNING FACE}", all__yaml=documents(*each))


def texts_that_are_given_up(root: Path) -> None:
    """What is put together for nothing takes its time as well."""
    each = (persona(n, '"' + "${file:big.md}" * 4 + '${var:none}"') for n in range(2000))
    for place in range(20):
        put(root, big__md="a" * MB, **{f"all{place}__yaml": documents(*(next(each) for _ in range(100)))})


def one_variable(root: Path) -> None:
    (root / "tavusctl.yaml").write_text(f"environments: {{default: {{vars: {{big: '{'a' * 4 * MB}'}}}}}}\n")
    put(root, all__yaml=documents(*(persona(n, f'"{n} ${{var:big}}"') for n in range(200))))


def expressions_without_end(root: Path) -> None:
    prompt = '"' + "${file:empty.md}" * 100_000 + '"'
    put(root, empty__md="", **{f"a{n}__yaml": persona(n, prompt) for n in range(10)})


def one_manifest_by_many_links(root: Path) -> None:
    put(root, all__yaml="# a comment\n" * (4 * MB // 12) + persona(0, "x"))
    for number in range(60):
        (root / f"manifests/b{number}.yaml").symlink_to("all.yaml")


def many_folders(root: Path) -> None:
    deep = root / "manifests" / Path(*("a" for _ in range(900)))
    deep.mkdir(parents=True)


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "one text, often": (one_text_often, "insert 257 MiB, more than the limit of 256 MiB"),
    "one text within others": (one_text_in_others, "more than the limit of 256 MiB"),
    "one wide text": (one_wide_text, "more than the limit of 256 MiB"),
    "texts that are given up": (texts_that_are_given_up, "more than the limit of 256 MiB"),
    "one variable": (one_variable, "more than the limit of 256 MiB"),
    "expressions without end": (expressions_without_end, "expressions, more than the limit of 500000"),
    "one manifest by many links": (
        one_manifest_by_many_links,
        "the manifests have 129 MiB, more than the limit of 128 MiB",
    ),
    "folders within folders": (many_folders, "more than the limit of 32"),
}


# A small process between this one and the command: what is measured begins with the memory of whoever starts it.
STARTER = """
import json, os, subprocess, sys
with open("said", "wb") as said:
    process = subprocess.Popen(sys.argv[1:], stdout=said, stderr=said)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def measured(root: Path, *args: str) -> tuple[int, str, float, float]:
    """The exit code of a run, what it said, its seconds of computing and the most MB that it had."""
    command = [sys.executable, "-I", "-c", STARTER, sys.executable, "-I", "-m", "tavusctl", *args]
    said = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
    code, seconds, megabytes = json.loads(said)
    return code, (root / "said").read_text("utf-8"), seconds, megabytes


@pytest.mark.parametrize(("make", "words"), HOSTILE.values(), ids=HOSTILE)
def test_too_much_is_refused_soon_and_in_little_memory(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    make(tmp_path)
    code, said, seconds, megabytes = measured(tmp_path, "validate", "-q")

    assert code == 10, said[-2000:]
    (line,) = (line for line in said.splitlines() if "the rest of the project is not read" in line)
    assert words in line
    assert line.startswith("manifests/")
    assert line.endswith("[TV115 limit-exceeded]")
    assert "  help: " in said
    assert seconds < SECONDS
    assert megabytes < MEGABYTES


def test_one_file_for_many_documents_is_read_once(tmp_path: Path) -> None:
    """Fifty megabytes, four hundred times."""
    put(tmp_path, manual__pdf=b"%PDF" + bytes(50 * MB - 4))
    spec = "spec: {document_file: manual.pdf, upload: s3://bucket/files}"
    each = (f"kind: document\nname: d{number}\n{spec}\n" for number in range(400))
    put(tmp_path, all__yaml=documents(*each))
    code, said, seconds, megabytes = measured(tmp_path, "validate", "-q")
    assert code == 0, said[-2000:]
    assert seconds < SECONDS
    assert megabytes < 150


def test_files_that_are_broken_again_and_again_are_read_once(tmp_path: Path) -> None:
    """What follows a broken document is read, and not once more for each that is broken before it."""
    broken = ("--- {\n" + "\n" * 100_000) * 20
    put(tmp_path, a__yaml=broken, b__yaml=broken, c__yaml="---\n" * 20_000 + "# x\n" * 250_000 + "--- {")
    code, said, seconds, megabytes = measured(tmp_path, "validate", "-q")
    assert code == 10
    assert said.count("invalid YAML") == 41
    assert seconds < SECONDS / 4
    assert megabytes < MEGABYTES / 2
