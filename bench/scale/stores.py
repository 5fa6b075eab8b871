"""What a state costs that lies elsewhere: an apply of 1, 20 and 200 creates, with git beside an object store.

    python bench/scale/stores.py [CHANGES...]

Both are on this machine, and each request to them takes 300 ms; git's server is its own behind HTTP, S3 is moto.
Writes bench/STORES.md; fails when git takes more than 1.5 times of what S3 takes, and a constant.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bench.gates import Gate, gate_lines  # noqa: E402
from bench.scale import account  # noqa: E402
from bench.scale.process import once  # noqa: E402
from tests.stores.git_server import git_server  # noqa: E402
from tests.stores.servers import BUCKET, free_port, s3_environment, wait_for_port  # noqa: E402
from tests.web import HTTP  # noqa: E402

RESULTS = ROOT / "bench" / "STORES.md"
TITLE = """\
# A state that lies elsewhere

Seconds of an apply that creates personas, eight steps at a time, and the pushes of it: `python bench/scale/stores.py`.
Every request to S3 (moto) and to git's server (`git http-backend`) takes 300 ms; both run on this machine. A push is
two requests."""
AWAY = 0.3  # seconds that each request takes
COUNTS = (1, 20, 200)
WIDTH = 8  # steps at a time
RATIO, CONSTANT = 1.5, 10.0  # how much more git may take than S3: times, and seconds
TOKEN = "ghs_of_the_bench"  # noqa: S105 - of a server of this process


@dataclass(frozen=True)
class Measured:
    """An apply of so many creates."""

    changes: int
    git: float  # seconds
    pushes: int
    s3: float  # seconds


def main(counts: Sequence[int]) -> int:
    """Measure, print, and tell whether a promise is broken."""
    measured = []
    with tempfile.TemporaryDirectory(prefix="tavusctl-bench-") as folder:
        for count in counts:
            measured.append(measure(Path(folder) / str(count), count))
            print("\n".join(table(measured)), flush=True)
    gates = [
        Gate(
            f"seconds of {one.changes} creates with git, less {CONSTANT:g} s, against S3",
            (one.git - CONSTANT) / one.s3,
            RATIO,
        )
        for one in measured
    ]
    RESULTS.write_text("\n".join([TITLE, "", *table(measured), "", *gate_lines(gates)]) + "\n", "utf-8")
    return 0 if all(gate.kept for gate in gates) else 1


def table(measured: Sequence[Measured]) -> Iterator[str]:
    """A row for each number of changes."""
    yield "| creates | S3, s | git, s | ratio | pushes |"
    yield "|---:|---:|---:|---:|---:|"
    for one in measured:
        yield f"| {one.changes} | {one.s3:.1f} | {one.git:.1f} | {one.git / one.s3:.2f} | {one.pushes} |"


def measure(folder: Path, count: int) -> Measured:
    """One apply with each store."""
    with far_s3() as environment:
        s3 = applied(folder / "s3", count, f"s3://{BUCKET}/{count}", environment)
    served = folder / "served"
    bare = served / "agents"
    for words in (("init", "--quiet", "--bare", bare), ("-C", bare, "config", "http.receivepack", "true")):
        subprocess.run(["git", *words], check=True)  # noqa: S607 - of this machine
    with git_server(served, TOKEN) as (url, server):
        server.seconds = AWAY
        step = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": url, "GITHUB_TOKEN": TOKEN}
        git = applied(folder / "git", count, f"git+{url}/agents", step)
        return Measured(count, git, server.pushes, s3)


def applied(folder: Path, count: int, state: str, environment: Mapping[str, str]) -> float:
    """The seconds of an apply that creates so many personas."""
    project = account.project(folder, count)
    (folder / "tavusctl.yaml").write_text(f"version: 1\nenvironments:\n  default: {{state: '{state}'}}\n")
    project.seed.write_text("{}")
    with account.served(project) as url:
        command = [str(account.BIN / "tavusctl"), "apply", "--yes", "--parallel", str(WIDTH)]
        return once(command, folder, {**project.environment(url), **environment}).wall


@contextmanager
def far_s3() -> Iterator[dict[str, str]]:
    """S3 that is as far away, and what a command needs to find it."""
    port = free_port()
    command = [sys.executable, str(ROOT / "tests/stores/s3_server.py"), str(port), str(AWAY)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_port(port)
        url = f"http://127.0.0.1:{port}"
        HTTP.put(f"{url}/{BUCKET}", timeout=60).raise_for_status()
        yield s3_environment(url)
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main([int(one) for one in sys.argv[1:]] or COUNTS))
