"""What is measured: start-up, files, plans, applies, and decisions about crawls."""

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
    """A plan of an account: how many objects, how many of them changed, and what it took."""

    objects: int
    changed: int
    latency: int  # milliseconds of every answer
    cost: Cost  # with what the plan before it has read
    cold: Cost  # with nothing read before
    requests: int
    least: Cost  # of a program that only reads the files and the account

    @property
    def against_least(self) -> float:
        """How many times the CPU of that program the plan takes."""
        return self.cost.cpu / self.least.cpu

    @property
    def floor(self) -> int:
        """The fewest list calls that show so many objects: more pages than one are read twice, and have to agree."""
        pages = -(-self.objects // PAGE)
        return pages if pages == 1 else 2 * pages


@contextmanager
def account(objects: int, changed: int = 0, latency: int = 0) -> Iterator[tuple[Project, str]]:
    """A project whose objects are all bound, and the local Tavus that has them."""
    with tempfile.TemporaryDirectory() as folder:
        made = project(Path(folder), objects)
        with served(made) as url:
            environment = made.environment(url)
            once([TOOL, "import", "--match-names"], made.folder, environment)
            once([TOOL, "apply", "--yes"], made.folder, environment)
            made = project(made.folder, objects, changed)
            slow(url, latency)
            yield made, url


def slow(url: str, milliseconds: int) -> None:
    """Delay every answer from now on."""
    rule = {"match": "* /v2/*", "kind": "delay", "seconds": milliseconds / 1000, "times": None, "phase": "before"}
    control(url, "DELETE", "faults")
    if milliseconds:
        control(url, "POST", "faults", rule)


def control(url: str, method: str, verb: str, body: object = None) -> Any:
    """A word with the control side of the local Tavus."""
    headers = {"content-type": "application/json"}
    answer = httpx.request(method, f"{url}/__emulator/{verb}", json=body, headers=headers, timeout=60)
    return answer.raise_for_status().json()


def plans(objects: int, changed: int, latencies: Sequence[int], times: int) -> Iterator[Planned]:
    """Plans of one account, at each latency."""
    with account(objects, changed) as (made, url):
        for latency in latencies:
            slow(url, latency)
            environment = made.environment(url)
            control(url, "DELETE", "requests")
            once([TOOL, "plan", "--no-cache"], made.folder, environment)
            requests = len(control(url, "GET", "requests")["requests"])
            once([TOOL, "plan"], made.folder, environment)
            costs = several(
                {
                    "plan": ([TOOL, "plan"], made.folder, environment),
                    "cold": ([TOOL, "plan", "--no-cache"], made.folder, environment),
                    "least": ([sys.executable, "-I", FLOOR], made.folder, environment),
                },
                times,
            )
            yield Planned(objects, changed, latency, costs["plan"], costs["cold"], requests, costs["least"])


def start_up(times: int) -> dict[str, Cost]:
    """Every command that people wait for, and what they are compared with."""
    with account(10) as (made, url):
        here, environment = made.folder, made.environment(url)
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
    """The check of so many files, with what the one before it has read and without."""
    with tempfile.TemporaryDirectory() as folder:
        made = project(Path(folder), files)
        environment = made.environment("")
        once([TOOL, "validate"], made.folder, environment)
        cold = [TOOL, "validate", "--no-cache"]
        commands = {
            f"validate, {files:,} files": ([TOOL, "validate"], made.folder, environment),
            f"validate --no-cache, {files:,} files": (cold, made.folder, environment),
        }
        return several(commands, times)


def second_apply(objects: int, times: int) -> tuple[Cost, Cost, Cost, int]:
    """A plan, an apply that has nothing to do, the least that either can cost, and how many writes there were."""
    with account(objects) as (made, url):
        environment = made.environment(url)
        control(url, "DELETE", "requests")
        commands = [TOOL, "plan"], [TOOL, "apply", "--yes"], [sys.executable, "-I", FLOOR]
        costs = [[once(command, made.folder, environment) for command in commands] for _ in range(times)]
        sent = control(url, "GET", "requests")["requests"]
        writes = sum(one["method"] != "GET" for one in sent)
    plan, again, least = map(median, zip(*costs, strict=True))
    return plan, again, least, writes


def patched(objects: int, latency: int, parallel: int) -> tuple[Cost, Cost]:
    """The plan of so many changed objects, and the apply of it."""
    with account(objects, objects, latency) as (made, url):
        environment = made.environment(url)
        plan = once([TOOL, "plan"], made.folder, environment)
        return plan, once([TOOL, "apply", "--yes", "--parallel", str(parallel)], made.folder, environment)


def exported(objects: int) -> Cost:
    """An account written out as manifests, into an empty project."""
    with account(objects) as (made, url), tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tavusctl.yaml").write_text("version: 1\nsecrets: []\n")
        return once([TOOL, "export"], Path(folder), made.environment(url))


def decided(documents: int, times: int) -> Cost:
    """Which of so many crawled documents are due."""
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
        made = Project(folder, seed, documents)
        with served(made) as url:
            environment = made.environment(url)
            once([TOOL, "import", "--match-names"], folder, environment)
            once([TOOL, "apply", "--yes"], folder, environment)
            return median([once([TOOL, "recrawl", "--dry-run"], folder, environment) for _ in range(times)])
