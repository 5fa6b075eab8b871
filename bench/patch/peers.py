"""Other diff libraries for comparison, each in its own process."""

from __future__ import annotations

import copy
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.patch.measure import place, step
from bench.patch.pairs import Pair

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache"
PIP = {"jsonpatch 1.33": "jsonpatch==1.33", "deepdiff": "deepdiff==8.6.1"}
NPM = {"fast-json-patch": "^3.1.1", "rfc6902": "^5.4.0", "jsondiffpatch": "^0.7.7", "json-joy": "^17.67.0"}
# rfc6902 takes exponential time on nested arrays, and cubic time on long ones.
TOO_LARGE = {"rfc6902": 400}
Result = dict[str, Any]


def install() -> None:
    """Install every library into bench/.cache, unless it is there already."""
    CACHE.mkdir(exist_ok=True)
    for name, requirement in PIP.items():
        target = CACHE / name.replace(" ", "-")
        if not target.exists():
            run([sys.executable, "-I", "-m", "pip", "install", "--quiet", "--target", str(target), requirement])
    if not (CACHE / "node_modules" / "json-joy").exists():
        (CACHE / "package.json").write_text(json.dumps({"name": "peers", "private": True, "dependencies": NPM}))
        run([str(shutil.which("npm")), "install", "--no-audit", "--no-fund", "--prefix", str(CACHE)])


def run(command: list[str], **options: Any) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, **options)


def peer_results(name: str, pairs: list[Pair]) -> list[Result]:
    """The patch or the error of a library for every pair; `{}` for pairs that are too large for it."""
    most = TOO_LARGE.get(name)
    chosen = [number for number, pair in enumerate(pairs) if most is None or longest(pair.before) <= most]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "pairs.json"), Path(folder, "patches.json")
        source.write_text(json.dumps([[pairs[number].before, pairs[number].after] for number in chosen]))
        run([*command_of(name), str(source), str(target)], timeout=1200)
        results = json.loads(target.read_text())
    all_results: list[Result] = [{} for _ in pairs]
    for number, result in zip(chosen, results, strict=True):
        all_results[number] = result
    return all_results


def command_of(name: str) -> list[str]:
    """The command that runs a library."""
    if name in NPM:
        return [str(shutil.which("node")), str(HERE / "peers.mjs"), name, str(CACHE)]
    return [sys.executable, __file__, name.partition(" ")[0], str(CACHE / name.replace(" ", "-"))]


def longest(value: Any) -> int:
    """The length of the longest array in a value."""
    if isinstance(value, dict):
        return max(map(longest, value.values()), default=0)
    if isinstance(value, list):
        return max(len(value), max(map(longest, value), default=0))
    return 0


def jsonpatch_differ(package: Any) -> Callable[[Any, Any], list[dict[str, Any]]]:
    """The diff function of a version of the jsonpatch package."""

    def diff(before: Any, after: Any) -> list[dict[str, Any]]:
        return without_moves(before, list(package.JsonPatch.from_diff(before, after, optimization=False).patch))

    return diff


def deepdiff_differ(package: Any) -> Callable[[Any, Any], list[dict[str, Any]]]:
    """A diff function from DeepDiff: changes and removals by old indexes, from the end; then additions."""
    parse = importlib.import_module("deepdiff.path").parse_path

    def diff(before: Any, after: Any) -> list[dict[str, Any]]:
        differences = package.DeepDiff(before, after, verbose_level=2).to_dict()
        changed = {**differences.get("values_changed", {}), **differences.get("type_changes", {})}
        if "root" in changed:
            return [{"op": "replace", "path": "", "value": changed["root"]["new_value"]}]
        replaced = [(parse(path), change["new_value"]) for path, change in changed.items()]
        removed = sorted(listed(differences, "removed"), key=order, reverse=True)
        return [
            *({"op": "replace", "path": pointer(path), "value": value} for path, value in replaced),
            *({"op": "remove", "path": pointer(path)} for path, _ in removed),
            *(
                {"op": "add", "path": pointer(path), "value": value}
                for path, value in sorted(listed(differences, "added"), key=order)
            ),
        ]

    def listed(differences: dict[str, Any], what: str) -> list[tuple[list[Any], Any]]:
        kinds = (f"dictionary_item_{what}", f"iterable_item_{what}")
        return [(parse(path), value) for kind in kinds for path, value in differences.get(kind, {}).items()]

    def pointer(path: list[Any]) -> str:
        return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)

    def order(item: tuple[list[Any], Any]) -> list[tuple[int, str]]:
        return [(key, "") if isinstance(key, int) else (-1, key) for key in item[0]]

    return diff


def without_moves(before: Any, patch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A patch with every move replaced by remove and add: jsonpatch 1.33 moves even without optimization."""
    if all(operation["op"] != "move" for operation in patch):
        return patch
    expanded: list[dict[str, Any]] = []
    document = copy.deepcopy(before)
    for operation in patch:
        parts = [operation]
        if operation["op"] == "move":
            container, key = place({"": document}, operation["from"])
            value = copy.deepcopy(container[key])
            parts = [
                {"op": "remove", "path": operation["from"]},
                {"op": "add", "path": operation["path"], "value": value},
            ]
        for part in parts:
            document, _, _ = step(document, part)
            expanded.append(part)
    return expanded


def main() -> None:
    """Run a Python library; arguments: PACKAGE FOLDER INPUT OUTPUT."""
    name, folder, source, target = sys.argv[1:]
    # The import of `measure` has loaded the installed version; this process needs the one in the folder.
    sys.path.insert(0, folder)
    for loaded in ("jsonpatch", "jsonpointer"):
        sys.modules.pop(loaded, None)
    package = importlib.import_module(name)
    diff = deepdiff_differ(package) if name == "deepdiff" else jsonpatch_differ(package)
    results: list[Result] = []
    for before, after in json.loads(Path(source).read_text()):
        started = time.perf_counter()
        try:
            results.append({"patch": diff(before, after), "seconds": time.perf_counter() - started})
        except Exception as error:  # noqa: BLE001 - any error of a library is its result
            results.append({"error": repr(error), "seconds": time.perf_counter() - started})
    Path(target).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
