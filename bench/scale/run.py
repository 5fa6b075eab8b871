"""The benchmark of whole commands: start-up, files, plans and applies, with a gate for every promise.

    python bench/scale/run.py [MOST]

MOST is the largest number of objects, 10,000 by default.  Everything runs against an emulator in its own process.
Writes bench/RESULTS.md and bench/RESULTS.svg; exit code 1 if a gate is broken.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bench.gates import Gate, gate_lines  # noqa: E402
from bench.scale import cases, peers  # noqa: E402
from bench.scale.cases import Planned  # noqa: E402
from bench.scale.plot import draw  # noqa: E402
from bench.scale.process import Cost, once  # noqa: E402

SIZES = (10, 100, 1_000, 10_000)
LATENCIES = (0, 50, 150)
REPEATS = {10: 9, 100: 5, 1_000: 3, 10_000: 1}
CHANGED = 20  # one object in so many is changed
PATIENCE = 100  # the time limit of other tools, in seconds
RESULTS = ROOT / "bench" / "RESULTS.md"


def main(most: int) -> int:
    """Measure and write the results; exit code 1 if a promise is broken."""
    tell("start-up")
    starts = cases.start_up(15)
    planned: list[Planned] = []
    for size in (size for size in SIZES if size <= most):
        for changed in (0, max(1, size // CHANGED)):
            tell(f"plans of {size:,} objects, {changed:,} of them changed")
            planned += cases.plans(size, changed, LATENCIES, REPEATS[size])
    tell("other tools")
    rivals = list(peer_costs([size for size in SIZES if size <= most]))
    tell("files, applies, export, crawls")
    others = {**cases.validated(1_000, 3), "export of 1,000 objects": cases.exported(1_000)}
    others["recrawl --dry-run, 100 documents"] = cases.decided(100, 5)
    plan, again, least, writes = cases.second_apply(1_000, 3)
    others |= {"plan of 1,000 objects": plan, "second apply of 1,000 objects": again}
    before, patched = cases.patched(100, 50, 8)
    others |= {"plan of 100 changes at 50 ms": before, "apply of 100 changes at 50 ms, 8 at a time": patched}
    gates = [
        *start_gates(starts),
        *plan_gates(planned, rivals),
        Gate("writes of a second apply of 1,000 objects", writes, 0),
        Gate("CPU time of a second apply of 1,000 objects / that of the minimal program", again.cpu / least.cpu, 2.5),
        # Each patch needs a write and a read; the time of the plan inside the apply is subtracted.
        Gate(
            "time of an apply of 100 patches at 50 ms, 8 at a time / ideal time",
            patched.wall / (before.wall + 200 * 0.05 / 8),
            1.4,
        ),
    ]
    lines = {f"tavusctl, {latency} ms": line(planned, latency) for latency in LATENCIES}
    lines |= {name: [(size, cost.wall) for who, size, cost in rivals if who == name] for name, _, _ in rivals}
    draw(lines, RESULTS.with_suffix(".svg"))
    page = "\n".join(page_lines(gates, starts, planned, rivals, others))
    RESULTS.write_text(page + "\n", encoding="utf-8")
    broken = [gate.promise for gate in gates if not gate.kept]
    tell(f"wrote {RESULTS.relative_to(ROOT)}; broken: {', '.join(broken) or 'none'}")
    return 1 if broken else 0


def start_gates(starts: dict[str, Cost]) -> Iterator[Gate]:
    """Gates for the time of start-up against programs that do nothing."""
    bare, models = starts["bare lazy click program"].wall, starts["build the pydantic models"].wall
    yield Gate("time of `--help` / time of a minimal lazy click program", starts["tavusctl --help"].wall / bare, 1.3)
    files = starts["tavusctl validate --no-cache, 10 files"].wall
    yield Gate("time of `validate` of 10 files / time to build the pydantic models", files / models, 2)


def plan_gates(planned: list[Planned], rivals: list[tuple[str, int, Cost]]) -> Iterator[Gate]:
    """Gates for the cost of plans."""
    most = max(plan.objects for plan in planned)
    unchanged = {(plan.objects, plan.latency): plan for plan in planned if not plan.changed}
    thousand, largest = unchanged[1_000, 0], unchanged[most, 0]
    # All pages are known and can be read in parallel: one latency for the connection, and one for the response.
    added = unchanged[1_000, 50].cost.wall - thousand.cost.wall
    yield Gate("time that a latency of 50 ms adds to a plan of 1,000 objects / 100 ms", added / (2 * 0.05), 1.5)
    yield Gate("requests of a cold plan above the minimum", max(plan.requests - plan.floor for plan in planned), 5)
    for partly in (plan for plan in planned if plan.changed_alone and plan.objects >= 1_000 and not plan.latency):
        ideal = 1.5 * unchanged[partly.objects, 0].cost.cpu + (partly.changed_alone or partly.cold).cpu
        yield Gate(
            f"CPU time of a plan of {partly.objects:,} objects, {partly.changed:,} of them changed / "
            "1.5 times that of an unchanged one, and a cold plan of the changed ones",
            partly.cost.cpu / ideal,
            1.2 if partly.objects == 1_000 else 2.5,
        )
    partly_changed = next(plan for plan in planned if plan.objects == 1_000 and plan.changed and not plan.latency)
    yield Gate("CPU time of a plan of 1,000 objects / that of the minimal program", thousand.against_least, 2.5)
    yield Gate(
        "CPU time of a plan of 1,000 objects, 50 of them changed / that of a cold plan",
        partly_changed.cost.cpu / partly_changed.cold.cpu,
        0.6,
    )
    if most > 1_000:
        yield Gate(f"CPU time of a plan of {most:,} objects / that of the minimal program", largest.against_least, 2.5)
        yield Gate(f"memory of a plan of {most:,} objects, MB", largest.cost.memory, 200)
        yield Gate(
            f"CPU time of a cold plan of {most:,} objects / that of a plan of 1,000",
            largest.cold.cpu / thousand.cold.cpu,
            12,
        )
        yield Gate(f"memory of a cold plan of {most:,} objects, MB", max(plan.cold.memory for plan in planned), 200)
    for name, size, cost in rivals:
        if size == most:
            yield Gate(f"CPU time of a plan of {size:,} objects / that of {name}", largest.cost.cpu / cost.cpu, 1)


def peer_costs(sizes: Sequence[int]) -> Iterator[tuple[str, int, Cost]]:
    """The name, the number of objects and the cost of each plan of another tool."""
    for size in sizes:
        for name, make in (("octodns-sync", peers.octodns), ("terraform plan", peers.terraform)):
            with tempfile.TemporaryDirectory() as folder:
                run = make(Path(folder), size)
                if run is None:
                    continue
                tell(f"  {name} of {size:,}")
                yield name, size, once(*run, patience=PATIENCE)


def line(planned: list[Planned], latency: int) -> list[tuple[int, float]]:
    """The seconds of a plan without changes, by number of objects."""
    return [(plan.objects, plan.cost.wall) for plan in planned if plan.latency == latency and not plan.changed]


def page_lines(
    gates: list[Gate],
    starts: dict[str, Cost],
    planned: list[Planned],
    rivals: list[tuple[str, int, Cost]],
    others: dict[str, Cost],
) -> Iterator[str]:
    """The lines of the page of results."""
    yield "# Benchmark of commands"
    yield ""
    packages = ", ".join(f"{name} {version(name)}" for name in ("click", "pydantic", "httpx", "PyYAML"))
    yield f"One run on one machine: {os.cpu_count()} cores, {platform.system()} {platform.machine()},"
    yield f"Python {platform.python_version()}, {packages}."
    yield "Medians of whole processes; every persona has a prompt of 5 KB. Ratios are similar on other machines,"
    yield "seconds are not."
    yield ""
    yield from gate_lines(gates)
    yield ""
    yield "![Seconds of a plan against the number of objects](RESULTS.svg)"
    yield ""
    yield "| start-up | s | CPU s | MB |"
    yield "|---|---:|---:|---:|"
    yield from (row(name, cost) for name, cost in starts.items())
    yield ""
    yield "The minimal program starts Python, imports httpx, reads and hashes every file, lists the account once and"
    yield "computes a digest of it. It runs in turns with plans that use the cache, and with cold plans (`--no-cache`),"
    yield "which parse all files."
    yield ""
    yield "| objects | changed | delay, ms | s | CPU s | MB | cold CPU s | requests | minimum | least CPU s | ratio |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for plan in planned:
        figures = f"{plan.cost.wall:.2f} | {plan.cost.cpu:.2f} | {plan.cost.memory:.0f} | {plan.cold.cpu:.2f}"
        figures += f" | {plan.requests} | {plan.floor}"
        least = f"{plan.least.cpu:.2f} | {plan.against_least:.2f}"
        yield f"| {plan.objects:,} | {plan.changed:,} | {plan.latency} | {figures} | {least} |"
    yield ""
    yield "| other commands | s | CPU s | MB |"
    yield "|---|---:|---:|---:|"
    yield from (row(name, cost) for name, cost in others.items())
    yield ""
    yield "octoDNS compares TXT records of 200 characters in files with other files. Terraform plans `terraform_data`"
    yield "resources with the bodies of the personas, which are all in its state. Neither uses a network."
    yield ""
    yield "| other tool | objects | s | CPU s | MB | CPU / our CPU | CPU / our cold CPU |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    ours = {plan.objects: plan for plan in planned if not plan.changed and not plan.latency}
    for name, size, cost in rivals:
        least = "more than " if cost.stopped else ""
        against = f"{least}{cost.cpu / ours[size].cost.cpu:.2f} | {least}{cost.cpu / ours[size].cold.cpu:.2f}"
        yield f"{row(f'{name} | {size:,}', cost)} {against} |"


def row(name: str, cost: Cost) -> str:
    """A row of a table."""
    return f"| {name} | {'stopped at ' if cost.stopped else ''}{cost.wall:.3f} | {cost.cpu:.3f} | {cost.memory:.0f} |"


def tell(what: str) -> None:
    """Print the progress."""
    print(what, flush=True)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]))
