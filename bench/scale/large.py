"""Plans of very large accounts: 1,000 to 100,000 small documents, ten in each file.

    python bench/scale/large.py [SIZE...]

Writes bench/LARGE.md; exit code 1 if a promise is broken.  100,000 documents take a quarter of an hour.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bench.gates import Gate, gate_lines  # noqa: E402
from bench.scale.account import PROJECT, Project, served  # noqa: E402
from bench.scale.cases import TOOL  # noqa: E402
from bench.scale.process import Cost, once  # noqa: E402

RESULTS = ROOT / "bench" / "LARGE.md"
SIZES = (1_000, 10_000, 100_000)
PER_FILE = 10
LINEAR_FROM = 10_000
COMMANDS: dict[str, Sequence[str]] = {
    "import --match-names": ("import", "--match-names"),
    "first apply": ("apply", "--yes"),
    "cold plan": ("plan", "--no-cache"),
    "first plan with a cache": ("plan",),
    "plan": ("plan",),
}


def main(sizes: Sequence[int]) -> int:
    """Measure, and write the results after each size; exit code 1 if a promise is broken."""
    measured: dict[int, dict[str, Cost]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measured[size] = measure(project(Path(folder), size))
        RESULTS.write_text("\n".join(page_lines(measured)) + "\n", encoding="utf-8")
    return 0 if all(gate.kept for gate in gates(measured)) else 1


def project(folder: Path, objects: int) -> Project:
    """A project that declares so many documents, and the seed of an account that has them."""
    (folder / "manifests").mkdir()
    (folder / "tavusctl.yaml").write_text(PROJECT)
    bodies = [
        {
            "document_name": f"Page {number:06}",
            "document_url": f"https://docs.example.com/pages/{number:06}",
            "tags": ["docs", f"part-{number % 50}"],
        }
        for number in range(objects)
    ]
    for first in range(0, objects, PER_FILE):
        manifests = [
            {"kind": "document", "name": f"page-{number:06}", "spec": bodies[number]}
            for number in range(first, min(first + PER_FILE, objects))
        ]
        text = "".join(f"---\n{json.dumps(manifest)}\n" for manifest in manifests)
        (folder / "manifests" / f"{first:06}.yaml").write_text(text)
    seed = folder / "seed.json"
    seed.write_text(json.dumps({"*": {"documents": bodies}}))
    return Project(folder, seed, objects)


def measure(prepared: Project) -> dict[str, Cost]:
    """The cost of each command, one after the other on one account."""
    with served(prepared) as url:
        environment = prepared.environment(url)
        costs = {}
        for name, words in COMMANDS.items():
            costs[name] = once([TOOL, *words], prepared.folder, environment)
            print(f"{prepared.objects:,} {name}: {costs[name].cpu:.1f} s, {costs[name].memory:.0f} MB", flush=True)
        return costs


def gates(measured: dict[int, dict[str, Cost]]) -> list[Gate]:
    """Promises: time that is linear from one size to the next, and memory."""
    sizes = sorted(measured)
    found = []
    for size, next_size in pairwise(sizes):
        if size >= LINEAR_FROM:
            ratio = measured[next_size]["cold plan"].cpu / measured[size]["cold plan"].cpu
            promise = f"CPU time of a cold plan of {next_size:,} documents / that of {size:,}, for each object"
            found.append(Gate(promise, ratio * size / next_size, 1.2))
    most = sizes[-1]
    memory = max(cost.memory for cost in measured[most].values())
    found.append(Gate(f"memory of any of these commands for {most:,} documents, MB", memory, 1_000))
    return found


def page_lines(measured: dict[int, dict[str, Cost]]) -> Iterator[str]:
    """The lines of the page of results."""
    yield "# Benchmark of large accounts"
    yield ""
    yield "Small documents, ten in each file, on an emulator in its own process: `python bench/scale/large.py`."
    yield f"One run on {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}."
    yield ""
    yield from gate_lines(gates(measured))
    yield ""
    yield "| documents | command | s | CPU s | MB |"
    yield "|---:|---|---:|---:|---:|"
    for size, costs in measured.items():
        for name, cost in costs.items():
            yield f"| {size:,} | {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.memory:.0f} |"


if __name__ == "__main__":
    sys.exit(main([int(word) for word in sys.argv[1:]] or SIZES))
