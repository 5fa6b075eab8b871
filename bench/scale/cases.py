"""The measured cases: start-up, files, plans, applies, exports, and decisions on recrawls."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.scale.account import BIN, Project, project, served
from bench.scale.process import Cost, median, once, several

PAGE = 100
TOOL = str(BIN / "tavusctl")
FLOOR = str(Path(__file__).with_name("floor.py"))
BARE = "import click\n@click.command()\ndef main(): pass\nmain()\n"
LAZY = """\
import click, importlib
class Group(click.Group):
    def list_commands(self, _): return [f"command{n}" for n in range(25)]
    def get_command(self, _, name): return click.Command(name, help="A command that is not loaded.")
@click.command(cls=Group)
def main(): "A program."
main()
"""
MODELS = """\
import pydantic, yaml
from tavusctl.config.project_file.sections import ProjectFile
from tavusctl.kinds import KINDS
for model in [ProjectFile, *(kind.model for kind in KINDS.values())]:
    model.model_rebuild()
"""


@dataclass(frozen=True)
class Planned:
    """The measurements of a plan: size of the account, number of changed objects, and costs."""

    objects: int
    changed: int
    latency: int  # milliseconds before every response
    cost: Cost  # with the cache of an earlier plan
    cold: Cost  # without a cache
    requests: int  # of a plan without a cache
    least: Cost  # of a program that only reads the files and the account
    changed_alone: Cost | None = None  # of a plan without a cache of as many objects as are changed here

    @property
    def against_least(self) -> float:
        """The CPU time of the plan as a multiple of the CPU time of that program."""
        return self.cost.cpu / self.least.cpu

    @property
    def floor(self) -> int:
        """The fewest list calls for so many objects; if there are several pages, they are read twice for comparison."""
        pages = -(-self.objects // PAGE)
        return pages if pages == 1 else 2 * pages


@contextmanager
def account(objects: int, changed: int = 0, latency: int = 0) -> Iterator[tuple[Project, str]]:
    """A project whose objects are all bound, and the URL of the emulator that has them."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = project(Path(folder), objects)
        with served(prepared) as url:
            environment = prepared.environment(url)
            once([TOOL, "import", "--match-names"], prepared.folder, environment)
            once([TOOL, "apply", "--yes"], prepared.folder, environment)
            prepared = project(prepared.folder, objects, changed)
            slow(url, latency)
            yield prepared, url


def slow(url: str, milliseconds: int) -> None:
    """Delay every response from now on."""
    rule = {"match": "* /v2/*", "kind": "delay", "seconds": milliseconds / 1000, "times": None, "phase": "before"}
    control(url, "DELETE", "faults")
    if milliseconds:
        control(url, "POST", "faults", rule)


def control(url: str, method: str, verb: str, body: object = None) -> Any:
    """A call of the control API of the emulator; return its JSON."""
    headers = {"content-type": "application/json"}
    response = httpx.request(method, f"{url}/__emulator/{verb}", json=body, headers=headers, timeout=60)
    return response.raise_for_status().json()


def plans(objects: int, changed: int, latencies: Sequence[int], times: int) -> Iterator[Planned]:
    """Measure plans of one account at each latency."""
    alone = _cold(changed, times) if changed else None
    with account(objects, changed) as (prepared, url):
        for latency in latencies:
            slow(url, latency)
            environment = prepared.environment(url)
            control(url, "DELETE", "requests")
            once([TOOL, "plan", "--no-cache"], prepared.folder, environment)
            requests = len(control(url, "GET", "requests")["requests"])
            once([TOOL, "plan"], prepared.folder, environment)
            costs = several(
                {
                    "plan": ([TOOL, "plan"], prepared.folder, environment),
                    "cold": ([TOOL, "plan", "--no-cache"], prepared.folder, environment),
                    "least": ([sys.executable, "-I", FLOOR], prepared.folder, environment),
                },
                times,
            )
            yield Planned(objects, changed, latency, costs["plan"], costs["cold"], requests, costs["least"], alone)


def _cold(objects: int, times: int) -> Cost:
    """Measure a plan of changed objects without a cache."""
    with account(objects, objects) as (prepared, url):
        environment = prepared.environment(url)
        return median([once([TOOL, "plan", "--no-cache"], prepared.folder, environment) for _ in range(times)])


def start_up(times: int) -> dict[str, Cost]:
    """Measure the start-up of commands, and of the programs with which they are compared."""
    with account(10) as (prepared, url):
        here, environment = prepared.folder, prepared.environment(url)
        python = sys.executable
        commands: dict[str, tuple[Sequence[str], Path, Mapping[str, str]]] = {
            "python": ([python, "-c", "pass"], here, environment),
            "bare lazy click program": ([python, "-c", LAZY, "--help"], here, environment),
            "import pydantic, yaml": ([python, "-c", "import pydantic, yaml"], here, environment),
            "build the pydantic models": ([python, "-c", MODELS], here, environment),
            "import httpx": ([python, "-c", "import httpx"], here, environment),
            "tavusctl --help": ([TOOL, "--help"], here, environment),
            "tavusctl version": ([TOOL, "version"], here, environment),
            "tavusctl validate, 10 files": ([TOOL, "validate"], here, environment),
            "tavusctl validate --no-cache, 10 files": ([TOOL, "validate", "--no-cache"], here, environment),
            "tavusctl fmt --check, 10 files": ([TOOL, "fmt", "--check"], here, environment),
            "tavusctl graph, 10 files": ([TOOL, "graph"], here, environment),
            "tavusctl plan, 10 objects": ([TOOL, "plan"], here, environment),
            "tavusctl plan --no-cache, 10 objects": ([TOOL, "plan", "--no-cache"], here, environment),
        }
        return several(commands, times)


def validated(files: int, times: int) -> dict[str, Cost]:
    """Measure `validate` of so many files, with and without a cache."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = project(Path(folder), files)
        environment = prepared.environment("")
        once([TOOL, "validate"], prepared.folder, environment)
        cold = [TOOL, "validate", "--no-cache"]
        commands = {
            f"validate, {files:,} files": ([TOOL, "validate"], prepared.folder, environment),
            f"validate --no-cache, {files:,} files": (cold, prepared.folder, environment),
        }
        return several(commands, times)


def second_apply(objects: int, times: int) -> tuple[Cost, Cost, Cost, int]:
    """Measure a plan, an apply without changes, and the least possible cost; also return the number of writes."""
    with account(objects) as (prepared, url):
        environment = prepared.environment(url)
        control(url, "DELETE", "requests")
        commands = [TOOL, "plan"], [TOOL, "apply", "--yes"], [sys.executable, "-I", FLOOR]
        costs = [[once(command, prepared.folder, environment) for command in commands] for _ in range(times)]
        sent = control(url, "GET", "requests")["requests"]
        writes = sum(request["method"] != "GET" for request in sent)
    plan, apply, least = map(median, zip(*costs, strict=True))
    return plan, apply, least, writes


def patched(objects: int, latency: int, parallel: int) -> tuple[Cost, Cost]:
    """Measure the plan of so many changed objects, and its apply."""
    with account(objects, objects, latency) as (prepared, url):
        environment = prepared.environment(url)
        plan = once([TOOL, "plan"], prepared.folder, environment)
        return plan, once([TOOL, "apply", "--yes", "--parallel", str(parallel)], prepared.folder, environment)


def exported(objects: int) -> Cost:
    """Measure the export of an account into an empty project."""
    with account(objects) as (prepared, url), tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tavusctl.yaml").write_text("version: 1\nsecrets: []\n")
        return once([TOOL, "export"], Path(folder), prepared.environment(url))


def decided(documents: int, times: int) -> Cost:
    """Measure `recrawl --dry-run`: the decision which of so many crawled documents are due."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "manifests").mkdir()
        (folder / "tavusctl.yaml").write_text("version: 1\nsecrets: []\n")
        bodies = []
        for number in range(documents):
            url = f"https://example.com/pages/{number}"
            spec = {"document_name": f"Pages {number}", "document_url": url, "crawl": {"depth": 2, "max_pages": 10}}
            manifest = {"kind": "document", "name": f"pages-{number}", "recrawl": {"every": "7d"}, "spec": spec}
            (folder / "manifests" / f"pages-{number}.yaml").write_text(json.dumps(manifest))
            bodies.append({**spec, "crawl_config": spec["crawl"], "status": "ready"})
        seed = folder / "seed.json"
        seed.write_text(json.dumps({"*": {"documents": bodies}}))
        prepared = Project(folder, seed, documents)
        with served(prepared) as url:
            environment = prepared.environment(url)
            once([TOOL, "import", "--match-names"], folder, environment)
            once([TOOL, "apply", "--yes"], folder, environment)
            return median([once([TOOL, "recrawl", "--dry-run"], folder, environment) for _ in range(times)])
