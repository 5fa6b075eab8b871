"""The cost of a shared state: an apply of 1, 20 and 200 creates with a state in git, compared with an object store.

    python bench/scale/stores.py [CHANGES...]

Both servers are on this machine, and delay each request by 300 ms: git's own HTTP server, and moto as S3.
Writes bench/STORES.md; exit code 1 if git takes more than 1.5 times the seconds of S3 plus 10 s.
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
# Benchmark of remote state stores

Seconds that an apply takes to create personas, eight steps at a time, and its number of pushes:
`python bench/scale/stores.py`. Every request to S3 (moto) and to git's server (`git http-backend`) takes 300 ms; both
run on this machine. A push is two requests."""
AWAY = 0.3  # the delay of each request, in seconds
COUNTS = (1, 20, 200)
WIDTH = 8  # the number of parallel steps
RATIO, CONSTANT = 1.5, 10.0  # the limit for git: so many times the seconds of S3, plus so many seconds
TOKEN = "ghs_of_the_bench"  # noqa: S105 - for a server in this process


@dataclass(frozen=True)
class Measured:
    """The seconds of an apply of so many creates with each store, and its number of pushes."""

    changes: int
    git: float  # seconds
    pushes: int
    s3: float  # seconds


def main(counts: Sequence[int]) -> int:
    """Measure and print; exit code 1 if a promise is broken."""
    measured = []
    with tempfile.TemporaryDirectory(prefix="tavusctl-bench-") as folder:
        for count in counts:
            measured.append(measure(Path(folder) / str(count), count))
            print("\n".join(table(measured)), flush=True)
    gates = [
        Gate(
            f"(seconds with git - {CONSTANT:g}) / seconds with S3, creates: {figures.changes}",
            (figures.git - CONSTANT) / figures.s3,
            RATIO,
        )
        for figures in measured
    ]
    RESULTS.write_text("\n".join([TITLE, "", *table(measured), "", *gate_lines(gates)]) + "\n", "utf-8")
    return 0 if all(gate.kept for gate in gates) else 1


def table(measured: Sequence[Measured]) -> Iterator[str]:
    """A table with a row for each number of creates."""
    yield "| creates | S3, s | git, s | ratio | pushes |"
    yield "|---:|---:|---:|---:|---:|"
    for row in measured:
        yield f"| {row.changes} | {row.s3:.1f} | {row.git:.1f} | {row.git / row.s3:.2f} | {row.pushes} |"


def measure(folder: Path, count: int) -> Measured:
    """Measure one apply with each store."""
    with far_s3() as environment:
        s3 = applied(folder / "s3", count, f"s3://{BUCKET}/{count}", environment)
    served = folder / "served"
    bare = served / "agents"
    for arguments in (("init", "--quiet", "--bare", bare), ("-C", bare, "config", "http.receivepack", "true")):
        subprocess.run(["git", *arguments], check=True)  # noqa: S607 - the git of this machine
    with git_server(served, TOKEN) as (url, server):
        server.seconds = AWAY
        step = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": url, "GITHUB_TOKEN": TOKEN}
        git = applied(folder / "git", count, f"git+{url}/agents", step)
        return Measured(count, git, server.pushes, s3)


def applied(folder: Path, count: int, state: str, environment: Mapping[str, str]) -> float:
    """The seconds of an apply that creates so many personas, with a state at a URL."""
    project = account.project(folder, count)
    (folder / "tavusctl.yaml").write_text(f"version: 1\nenvironments:\n  default: {{state: '{state}'}}\n")
    project.seed.write_text("{}")
    with account.served(project) as url:
        command = [str(account.BIN / "tavusctl"), "apply", "--yes", "--parallel", str(WIDTH)]
        return once(command, folder, {**project.environment(url), **environment}).wall


@contextmanager
def far_s3() -> Iterator[dict[str, str]]:
    """A running S3 with the same delay; yield the environment variables to reach it."""
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
    sys.exit(main([int(count) for count in sys.argv[1:]] or COUNTS))
