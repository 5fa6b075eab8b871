"""The demo: the whole job on the example manifests, against an emulator; every step checks what it shows.

Runs the real command line in a copy of the example project, in a folder of its own that is removed at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
TAVUSCTL = Path(sys.executable).with_name("tavusctl")
BOLD, DIM, RESET = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if sys.stdout.isatty() else ("", "", "")


class Demo:
    """One run: a project, an account, and a voice."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        self.chapters = 0
        self.environment = {
            **os.environ,
            "TAVUS_BASE_URL": url,
            "TAVUS_API_KEY_STAGING": "demo-key",
            "TAVUSCTL_ENV": "staging",
        }

    def chapter(self, title: str) -> None:
        """Say what comes next."""
        self.chapters += 1
        print(f"\n{BOLD}{self.chapters}. {title}{RESET}", flush=True)

    def run(self, *args: str, code: int = 0, show: int = 0) -> str:
        """Run a command, show the last lines of what it says, and check its exit code."""
        print(f"{DIM}$ tavusctl {' '.join(args)}{RESET}", flush=True)
        done = subprocess.run(
            [TAVUSCTL, *args], cwd=self.root, env=self.environment, capture_output=True, text=True, check=False
        )
        text = done.stdout + (done.stderr if done.returncode else "")
        lines = text.rstrip().splitlines()
        if show and len(lines) > show:
            print(f"{DIM}  ... {len(lines) - show} lines{RESET}")
            lines = lines[-show:]
        print("\n".join(f"  {line}" for line in lines))
        print(f"{DIM}  exit {done.returncode}{RESET}")
        check(done.returncode == code, f"exit {done.returncode} where {code} belongs:\n{done.stdout}{done.stderr}")
        return done.stdout

    def control(self, method: str, verb: str, body: Any = None) -> dict[str, Any]:
        """Steer the emulator."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/__emulator/{verb}", data=data, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            document: dict[str, Any] = json.load(answer)
            return document

    def writes(self) -> list[dict[str, Any]]:
        """What changed the account since the last look."""
        listed = self.control("GET", "requests")["requests"]
        self.control("DELETE", "requests")
        for entry in listed:
            if isinstance(entry["body"], list):  # what a patch tests is not what it changes
                entry["body"] = [operation for operation in entry["body"] if operation["op"] != "test"]
        return [entry for entry in listed if entry["method"] != "GET" and entry["body"] != []]


def check(fact: bool, otherwise: str) -> None:
    """Stop the demo when it does not show what it says."""
    if not fact:
        sys.exit(f"demo: {otherwise}")


@contextmanager
def emulator() -> Iterator[str]:
    """A local Tavus in a process of its own; its base URL."""
    with subprocess.Popen([TAVUSCTL, "emulator"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield (process.stdout.readline() if process.stdout else "").strip()
        finally:
            process.terminate()


def main() -> None:
    """Tell the story."""
    with tempfile.TemporaryDirectory(prefix="tavusctl-demo-") as folder, emulator() as url:
        root = Path(folder) / "project"
        root.mkdir()
        shutil.copy(HERE / "tavusctl.yaml", root)
        shutil.copytree(HERE / "manifests", root / "manifests")
        tell(Demo(root, url))
    print(f"\n{BOLD}Every step did what it says.{RESET}")


def tell(demo: Demo) -> None:
    """The chapters."""
    demo.chapter("Manifests are checked before anything is sent")
    demo.run("validate")

    demo.chapter("The plan for an empty account")
    demo.run("plan", show=12)

    demo.chapter("Apply creates everything, in the order of references")
    demo.run("apply", "--yes", show=15)
    check(len(demo.writes()) > 0, "apply wrote nothing")

    demo.chapter("The second plan is empty, and the second apply makes no call that writes")
    demo.run("plan", "--detailed-exitcode")
    demo.run("apply", "--yes")
    check(demo.writes() == [], "the second apply wrote something")

    demo.chapter("A word in one prompt is one operation")
    prompt = demo.root / "manifests/prompts/sales-coach.md"
    prompt.write_text(prompt.read_text(encoding="utf-8").replace("dynamic", "patient", 1), encoding="utf-8")
    demo.run("plan", show=12)
    demo.run("apply", "--yes", "--quiet", show=2)
    (patch,) = demo.writes()
    check([one["op"] for one in patch["body"]] == ["replace"], f"one operation was expected: {patch['body']}")
    print(f"  sent: PATCH {patch['path']} with {len(patch['body'])} operation at {patch['body'][0]['path']}")

    demo.chapter("An edit in the portal is drift of that field, not an edit of the file")
    ids = json.loads(demo.run("state", "list", "--format", "json", show=1))
    edit = [{"op": "replace", "path": "/persona_name", "value": "Sales coach (edited by hand)"}]
    account = {"account": "demo-key", "kind": "persona", "id": ids["persona/sales-coach"]}
    demo.control("POST", "portal", {**account, "patch": edit})
    demo.run("drift", "--detailed-exitcode", code=2)
    demo.run("plan", show=8)
    demo.run("apply", "--yes", "--quiet", show=2)

    demo.chapter("A removed manifest is a delete, and nothing is deleted without consent")
    (demo.root / "manifests/personas/tavus-researcher.yaml").unlink()
    demo.writes()
    demo.run("apply", "--yes", code=4, show=8)
    check(demo.writes() == [], "a refused apply wrote something")
    demo.run("apply", "--yes", "--allow-deletes", "1", show=3)

    demo.chapter("A changed document is replaced without a gap: new, ready, personas, old")
    page = demo.root / "manifests/documents/returns-policy.yaml"
    page.write_text(page.read_text(encoding="utf-8").replace("/returns", "/returns-2027"), encoding="utf-8")
    demo.run("apply", "--yes", show=5)
    demo.control("POST", "clock", {"advance": 900})
    demo.run("apply", "--yes", show=6)

    demo.chapter("Documents are crawled again when they are due")
    demo.run("recrawl")
    demo.control("POST", "clock", {"advance": 25 * 3600})
    demo.run("recrawl")


if __name__ == "__main__":
    main()
