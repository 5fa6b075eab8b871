"""The demo: a complete walk through tavusctl with the example manifests and an emulator; every step checks its result.

It runs the real command line in a copy of the example project, in a temporary folder.
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
PORTAL_KEY = "portal-key"
BOLD, DIM, RESET = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if sys.stdout.isatty() else ("", "", "")


class Demo:
    """One run of the demo: a project, an account, and the output."""

    def __init__(self, root: Path, url: str, *, chapters: int = 0, **environment: str) -> None:
        self.root = root
        self.url = url
        self.chapters = chapters
        self.environment = {**os.environ, "TAVUSCTL_LOCAL_STATE": "1", "TAVUS_BASE_URL": url, **environment}

    def chapter(self, title: str) -> None:
        """Print the title of the next chapter."""
        self.chapters += 1
        print(f"\n{BOLD}{self.chapters}. {title}{RESET}", flush=True)

    def run(self, *args: str, code: int = 0, show: int = 0) -> str:
        """Run a command, print the last `show` lines of its output (0: all), and check its exit code."""
        print(f"{DIM}$ tavusctl {' '.join(args)}{RESET}", flush=True)
        completed = subprocess.run(
            [TAVUSCTL, *args], cwd=self.root, env=self.environment, capture_output=True, text=True, check=False
        )
        text = completed.stdout + (completed.stderr if completed.returncode else "")
        lines = text.rstrip().splitlines()
        if show and len(lines) > show + 1:  # a line about one line would take its place
            print(f"{DIM}  ... {len(lines) - show} lines{RESET}")
            lines = lines[-show:]
        print("\n".join(f"  {line}" for line in lines))
        print(f"{DIM}  exit {completed.returncode}{RESET}")
        check(
            completed.returncode == code,
            f"exit {completed.returncode} where {code} belongs:\n{completed.stdout}{completed.stderr}",
        )
        return completed.stdout

    def git(self, *args: str) -> str:
        """Run git in the project, and print its output."""
        print(f"{DIM}$ git {' '.join(args)}{RESET}", flush=True)
        names = ["-c", "user.name=Demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false"]
        completed = subprocess.run(["git", *names, *args], cwd=self.root, capture_output=True, text=True, check=True)
        print("".join(f"  {line}\n" for line in completed.stdout.splitlines()), end="")
        return completed.stdout

    def control(self, method: str, verb: str, body: Any = None) -> dict[str, Any]:
        """Call the control API of the emulator; return its JSON."""
        data = None if body is None else json.dumps(body).encode()
        address, headers = f"{self.url}/__emulator/{verb}", {"Content-Type": "application/json"}
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request) as response:  # noqa: S310 - loopback
            document: dict[str, Any] = json.load(response)
            return document

    def writes(self) -> list[dict[str, Any]]:
        """The requests since the last call that could change the account, patches without guards."""
        listed = self.control("GET", "requests")["requests"]
        self.control("DELETE", "requests")
        for entry in listed:
            if isinstance(entry["body"], list):  # the guards (`test` operations) of a patch change nothing
                entry["body"] = [operation for operation in entry["body"] if operation["op"] != "test"]
        return [entry for entry in listed if entry["method"] != "GET" and entry["body"] != []]


def check(fact: bool, otherwise: str) -> None:
    """Stop the demo with a message if a step did not have its expected result."""
    if not fact:
        sys.exit(f"demo: {otherwise}")


@contextmanager
def emulator() -> Iterator[str]:
    """Run an emulator in its own process; yield its base URL."""
    with subprocess.Popen([TAVUSCTL, "emulator"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield (process.stdout.readline() if process.stdout else "").strip()
        finally:
            process.terminate()


def main() -> None:
    """Run the demo."""
    with tempfile.TemporaryDirectory(prefix="tavusctl-demo-") as folder, emulator() as url:
        root = Path(folder) / "project"
        root.mkdir()
        shutil.copy(HERE / "tavusctl.yaml", root)
        shutil.copytree(HERE / "manifests", root / "manifests")
        demo = Demo(root, url, TAVUS_API_KEY_STAGING="demo-key", TAVUSCTL_ENV="staging")
        tell(demo)
        taken_over = Path(folder) / "taken-over"
        taken_over.mkdir()
        take_over(Demo(taken_over, url, chapters=demo.chapters, TAVUS_API_KEY=PORTAL_KEY))
    print(f"\n{BOLD}Every step did what it says.{RESET}")


def tell(demo: Demo) -> None:
    """The chapters that begin with manifests."""
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
    check(
        [operation["op"] for operation in patch["body"]] == ["replace"], f"one operation was expected: {patch['body']}"
    )
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


def take_over(demo: Demo) -> None:
    """The chapters that begin with an existing account."""
    seed_portal(demo)

    demo.chapter("Account first, manifests second: what the portal has becomes files")
    demo.run("init", "--from-account")
    show_tree(demo.root / "manifests")
    show_file(demo.root / "manifests/personas/receptionist.yaml")
    texts = [path.read_text(encoding="utf-8") for path in (demo.root / "manifests").rglob("*.*")]
    check(not any("sk-demo" in text for text in texts), "a key was written into a file")
    check("${ref:guardrails/clinic-rules}" in "".join(texts), "an id did not become a reference")

    demo.chapter("The plan for what was exported is empty, and apply makes no call that writes")
    demo.environment["PERSONA_RECEPTIONIST_LLM_API_KEY"] = "sk-demo-of-the-portal"
    demo.writes()
    demo.run("plan", "--detailed-exitcode")
    demo.run("apply", "--yes")
    check(demo.writes() == [], "taking over an account wrote to it")

    demo.chapter("Manifests can be checked, as prompts in a portal cannot")
    output = demo.run("validate", show=5)
    check("TV203" in output, "the block that was pasted twice was not found")

    demo.chapter("What is new in the account gets a file; every file that is there stays as it is")
    before = {path: path.read_bytes() for path in (demo.root / "manifests").rglob("*.*")}
    new = {"persona_name": "Night desk", "system_prompt": "You answer at night."}
    demo.control("POST", "portal", {"account": PORTAL_KEY, "kind": "persona", "create": new})
    demo.run("export")
    after = {path: path.read_bytes() for path in (demo.root / "manifests").rglob("*.*")}
    check(before.items() < after.items(), "a file was changed by an export")
    check([path.name for path in after.keys() - before.keys()] == ["night-desk.yaml"], "one new file was expected")
    demo.run("plan", "--detailed-exitcode")

    demo.chapter("What somebody edits in the portal comes back into the files, and nothing else of them changes")
    demo.git("init", "-q")
    demo.git("add", ".")
    demo.git("commit", "-qm", "exported")
    edit = {"op": "replace", "path": "/system_prompt", "value": "You answer at night, and wake nobody."}
    personas = demo.control("GET", f"objects?account={PORTAL_KEY}&kind=personas")["objects"]
    night = next(entry["id"] for entry in personas if entry["document"]["persona_name"] == "Night desk")
    demo.control("POST", "portal", {"account": PORTAL_KEY, "kind": "persona", "id": night, "patch": [edit]})
    demo.run("adopt", "--all")
    changed = demo.git("diff", "--unified=0", "--no-color")
    lines = [line for line in changed.splitlines() if line.startswith(("+ ", "- ", "+  ", "-  "))]
    check(len(lines) == 2 and "wake nobody" in lines[1], f"more than one line was changed:\n{changed}")
    demo.run("plan", "--detailed-exitcode", code=2)
    demo.run("apply", "--yes", "--quiet", show=2)
    demo.run("plan", "--detailed-exitcode")


def seed_portal(demo: Demo) -> None:
    """Create an account as people build it in the portal: a copied prompt, a paragraph pasted twice, a plain key."""
    manners = (
        "Be brief, and be friendly. When a question is about health, say that a doctor of the clinic will answer it,"
        " and offer to write it down for the next visit."
    )
    prompt = f"You are the receptionist of a clinic.\n\n{manners}\n\nYou book visits.\n\n{manners}"
    rule = {"guardrail_name": "no_diagnosis", "guardrail_prompt": "A diagnosis or a dose is given."}
    ids = demo.control(
        "POST",
        "seed",
        {
            PORTAL_KEY: {
                "guardrails": [{"name": "Clinic rules", "data": [rule]}],
                "documents": [{"document_name": "Opening hours", "document_url": "https://clinic.example.com/hours"}],
            }
        },
    )[PORTAL_KEY]
    shared = {"guardrails_id": ids["guardrails"][0], "document_ids": ids["documents"]}
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "sk-demo-of-the-portal"}
    personas = [
        {"persona_name": "Receptionist", "system_prompt": prompt, "layers": {"llm": llm}, **shared},
        {"persona_name": "Receptionist (Español)", "system_prompt": f"{prompt}\n\nSpeak Spanish.", **shared},
        {"persona_name": "Receptionist (Español)", "system_prompt": "test", "default_replica_id": "rfe12d8b9597"},
    ]
    demo.control("POST", "seed", {PORTAL_KEY: {"personas": personas}})


def show_tree(folder: Path) -> None:
    """Print the files below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    print("\n".join(f"  {path.relative_to(folder.parent)}" for path in paths))


def show_file(path: Path) -> None:
    """Print a file."""
    print(f"{DIM}$ cat {path.name}{RESET}")
    print("\n".join(f"  {line}" for line in path.read_text(encoding="utf-8").splitlines()))


if __name__ == "__main__":
    main()
