"""The patch benchmark: our differ against other libraries on the same pairs, with a gate for every promise.

    python bench/patch/run.py [GIT_REPOSITORY ...]

Bodies come from tests/corpus or TAVUSCTL_CORPUS.  Writes RESULTS.md; exit code 1 if a gate is broken.
"""

from __future__ import annotations

import gc
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import jsonpatch  # noqa: E402

from bench.gates import Gate, gate_lines  # noqa: E402
from bench.patch.histories import from_histories  # noqa: E402
from bench.patch.measure import Measure, measure, walk  # noqa: E402
from bench.patch.optimum import TooLargeError, least_cost  # noqa: E402
from bench.patch.pairs import Pair, from_corpus  # noqa: E402
from bench.patch.peers import NPM, PIP, install, jsonpatch_differ, peer_results  # noqa: E402
from bench.patch.scaling import growing, unrelated  # noqa: E402
from tavusctl.patch import diff  # noqa: E402

OURS, RIVAL = "tavusctl", "jsonpatch 1.47"
REPEATS = int(os.environ.get("TAVUSCTL_BENCH_REPEATS", "6"))  # repetitions of every edit on every body
SMALL = 40  # the number of pairs whose optimum is proved
Differ = Callable[[Any, Any], list[dict[str, Any]]]


@dataclass(frozen=True)
class Table:
    """The measures of every differ on every pair."""

    pairs: list[Pair]
    ours: list[Measure]
    peers: dict[str, list[Measure]]
    seconds: dict[str, list[float]]

    def right(self, number: int) -> list[Measure]:
        """The measures of the correct patches of other libraries for a pair."""
        return [measures[number] for measures in self.peers.values() if not measures[number].wrong]


def main() -> None:
    """Run the benchmark and write the results."""
    install()
    corpus = Path(os.environ.get("TAVUSCTL_CORPUS", ROOT / "tests" / "corpus"))
    pairs = from_corpus(corpus, REPEATS) + from_histories([Path(name) for name in sys.argv[1:]])
    table = measured(pairs)
    gates = [*size_gates(table), *time_gates(table), optimum_gate(pairs)]
    lines = [
        "# Benchmark of patches",
        "",
        f"{len(pairs):,} pairs of documents; all figures are from one run on one machine.",
        "",
    ]
    lines += [*gate_lines(gates), "", *peer_lines(table), "", *category_lines(table), ""]
    lines += ["## Two unrelated documents of 1 MB", "", *unrelated_lines()]
    (Path(__file__).parent / "RESULTS.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    sys.exit(not all(gate.kept for gate in gates))


def our_differ(pair: Pair) -> Differ:
    """Our diff function as the engine calls it."""
    return lambda before, after: diff(before, after, keyed_by=pair.keyed_by)


def measured(pairs: list[Pair]) -> Table:
    """Measure the patches of all libraries; our differ and the rival are timed in turns, the best of three."""
    rival = jsonpatch_differ(jsonpatch)
    ours, rivals = [], []
    seconds: dict[str, list[float]] = {OURS: [], RIVAL: []}
    for pair in pairs:
        mine, patch = timed(our_differ(pair), pair.before, pair.after)
        theirs, other = timed(rival, pair.before, pair.after)
        seconds[OURS].append(mine)
        seconds[RIVAL].append(theirs)
        ours.append(measure(pair.before, pair.after, patch))
        rivals.append(measure(pair.before, pair.after, other))
    peers = {RIVAL: rivals}
    for name in (*PIP, *NPM):
        results = peer_results(name, pairs)
        peers[name] = [
            measure(pair.before, pair.after, result["patch"])
            if "patch" in result
            else Measure(result.get("error", "spared"))
            for pair, result in zip(pairs, results, strict=True)
        ]
        seconds[name] = [result.get("seconds", 0) for result in results]
    return Table(pairs, ours, peers, seconds)


def timed(differ: Differ, before: Any, after: Any, times: int = 3) -> tuple[float, list[dict[str, Any]]]:
    """The best time of some runs, in seconds, and the patch."""
    best, patch = float("inf"), []
    gc.disable()
    for _ in range(times):
        started = time.perf_counter()
        patch = differ(before, after)
        best = min(best, time.perf_counter() - started)
        if best > 1:
            break
    gc.enable()
    return best, patch


def size_gates(table: Table) -> Iterator[Gate]:
    """Gates for wrong patches, and for bytes and leaves against the best of all libraries, pair by pair."""
    ours, numbers = table.ours, range(len(table.pairs))
    compared = [number for number in numbers if table.right(number)]
    best = {number: min(peer.size for peer in table.right(number)) for number in compared}
    least = {number: min(peer.touched for peer in table.right(number)) for number in compared}
    yield Gate("wrong patches", sum(bool(own.wrong) for own in ours), 0)
    yield Gate(
        "bytes / smallest patch of each pair",
        sum(ours[n].size for n in compared) / sum(best.values()),
        1.005,
    )
    beaten = [
        n for n in compared if any(f.touched <= ours[n].touched and f.size < ours[n].size for f in table.right(n))
    ]
    yield Gate(
        "% of pairs: another library has fewer bytes, and not more leaves",
        100 * len(beaten) / len(compared),
        0.5,
    )
    dominated = [n for n in compared if any(dominates(peer, ours[n]) for peer in table.right(n))]
    yield Gate(
        "% of pairs: another library is better, and not worse in bytes or leaves",
        100 * len(dominated) / len(compared),
        0.4,
    )
    yield Gate(
        "largest ratio of bytes in these pairs", max((ours[n].size / best[n] for n in dominated), default=1), 1.5
    )
    yield Gate(
        "leaves touched / fewest of each pair",
        sum(ours[n].touched for n in compared) / sum(least.values()),
        1.05,
    )
    single = sum(ours[n].lost for n in numbers if table.pairs[n].single)
    yield Gate("unchanged leaves rewritten, pairs with a single edit", single, 0)
    more = [n for n in compared if ours[n].lost > min(peer.lost for peer in table.right(n))]
    yield Gate("% of pairs: another library rewrites fewer unchanged leaves", 100 * len(more) / len(compared), 2)


def dominates(peer: Measure, ours: Measure) -> bool:
    """Whether another library is not worse in bytes and leaves, and better in one of them."""
    return (
        peer.size <= ours.size
        and peer.touched <= ours.touched
        and peer != ours
        and ((peer.size, peer.touched) != (ours.size, ours.touched))
    )


def time_gates(table: Table) -> Iterator[Gate]:
    """Gates for time against the rival: on the pairs, and on documents of growing size."""
    ours, rival = table.seconds[OURS], table.seconds[RIVAL]
    yield Gate("median time / that of jsonpatch 1.47", statistics.median(ours) / statistics.median(rival), 1.1)
    yield Gate("99th percentile of time / that of jsonpatch 1.47", percentile(ours) / percentile(rival), 2)
    worst = 0.0
    for name, before, after in growing():
        mine, patch = timed(diff, before, after, 5)
        theirs, _ = timed(jsonpatch_differ(jsonpatch), before, after, 5)
        if wrong := measure(before, after, patch).wrong:
            sys.exit(f"{name}: {wrong}")
        worst = max(worst, mine / theirs)
    yield Gate("largest time / that of jsonpatch 1.47, documents of growing size", worst, 2)


def percentile(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


def optimum_gate(pairs: list[Pair]) -> Gate:
    """The gate for the share of small pairs (parts of the bodies) whose patch costs more than the proved optimum."""
    dice = random.Random("small")
    proved = missed = 0
    small = [pair for pair in map(cut_down, pairs) if pair is not None]
    dice.shuffle(small)
    for pair in small:
        measured_patch = measure(pair.before, pair.after, diff(pair.before, pair.after))
        try:
            least = least_cost(pair.before, pair.after, known=measured_patch.cost - 1, patience=50_000)
        except TooLargeError:
            continue
        proved += 1
        missed += least < measured_patch.cost - 1
        if proved == SMALL:
            break
    return Gate(
        f"% of {proved} small pairs whose patch costs more than the proved optimum", 100 * missed / max(proved, 1), 10
    )


def cut_down(pair: Pair) -> Pair | None:
    """The smallest part of a pair that contains the whole change; None if it is too large."""
    before, after = pair.before, pair.after
    while isinstance(before, dict) and isinstance(after, dict):
        differing = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
        if len(differing) != 1 or differing[0] not in before or differing[0] not in after:
            before = {key: before[key] for key in differing if key in before}
            after = {key: after[key] for key in differing if key in after}
            break
        before, after = before[differing[0]], after[differing[0]]
    sizes = [sum(1 for _ in walk(value, "")) for value in (before, after)]
    return Pair(pair.category, before, after) if sum(sizes) > 2 and max(sizes) <= 5 else None


def peer_lines(table: Table) -> Iterator[str]:
    """A table with one line per library; bytes and leaves are sums over the pairs that it got right."""
    yield "| library | wrong, none | operations | bytes | bytes / ours | leaves | unchanged rewritten | median ms |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for name, measures in {OURS: table.ours, **table.peers}.items():
        right = [(theirs, mine) for theirs, mine in zip(measures, table.ours, strict=True) if not theirs.wrong]
        size, mine = sum(theirs.size for theirs, _ in right), sum(ours.size for _, ours in right)
        figures = [sum(theirs.operations for theirs, _ in right), size]
        touched, lost = sum(theirs.touched for theirs, _ in right), sum(theirs.lost for theirs, _ in right)
        median = statistics.median(table.seconds[name]) * 1000
        yield (
            f"| {name} | {len(measures) - len(right)} | {figures[0]:,} | {figures[1]:,} | {size / mine:.3f} "
            f"| {touched:,} | {lost:,} | {median:.3f} |"
        )


def category_lines(table: Table) -> Iterator[str]:
    """A table by kind of edit: bytes against the per-pair best of all libraries, and time against the rival."""
    yield "| kind of edit | pairs | bytes / best | leaves / fewest | time / jsonpatch 1.47 |"
    yield "|---|---:|---:|---:|---:|"
    for name in dict.fromkeys(pair.category for pair in table.pairs):
        numbers = [n for n, pair in enumerate(table.pairs) if pair.category == name and table.right(n)]
        best = sum(min(peer.size for peer in table.right(n)) for n in numbers)
        least = sum(min(peer.touched for peer in table.right(n)) for n in numbers)
        size, touched = sum(table.ours[n].size for n in numbers), sum(table.ours[n].touched for n in numbers)
        spent = [sum(table.seconds[differ][n] for n in numbers) for differ in (OURS, RIVAL)]
        leaves = f"{touched / least:.3f}" if least else "none" if not touched else "more"
        yield f"| {name} | {len(numbers)} | {size / best:.3f} | {leaves} | {spent[0] / spent[1]:.2f} |"


def unrelated_lines() -> Iterator[str]:
    """A table of our time on documents without anything in common."""
    yield "| documents | s |"
    yield "|---|---:|"
    for name, before, after in unrelated():
        started = time.perf_counter()
        patch = diff(before, after)
        seconds = time.perf_counter() - started
        if wrong := measure(before, after, patch).wrong:
            sys.exit(f"{name}: {wrong}")
        yield f"| {name} | {seconds:.2f} |"


if __name__ == "__main__":
    main()
