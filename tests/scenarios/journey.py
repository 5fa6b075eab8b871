"""A sequence of commands on one project in which every command has output to show and records to keep."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from tavusctl.emulator import running
from tests.scenarios.hub import hub
from tests.scenarios.tour import (
    FRESH,
    KEY,
    NAME,
    SECRET,
    TOKEN,
    Tour,
    at,
    begin,
    commit,
    escaped_canary,
    file_name,
    git,
)


def travelled(folder: Path, *, is_loud: bool) -> Tour:
    """Take a tour to its end, on its own account and its own fake of GitHub."""
    with running() as server, hub() as github:
        github.token = TOKEN
        tour = begin(folder, server.url, github, is_loud=is_loud)
        tour.project.account.switch(processing_seconds=0)
        for part in LOUD if is_loud else QUIET:
            part(tour)
            tour.record(".tavusctl")  # after each part, since the last part deletes everything
        tour.stored = tour.project.account.control("GET", "objects?deleted=1")["objects"]
    return tour


def checked(tour: Tour) -> None:
    """Commands that need no account."""
    tour.in_each_format("validate")
    tour.with_reports("validate")
    tour.run("validate", "--rules")
    tour.run("fmt", "--check", "--diff")
    tour.run("fmt", "--diff")
    tour.in_each_format("graph", "persona/p")
    tour.in_each_format("graph", "--objectives", "objectives/o")
    tour.run("graph", "--out", "kept/project.svg")
    tour.in_each_format("explain")
    tour.in_each_format("explain", "persona.layers.llm")
    tour.run("schema", "--out", "kept")
    for shell in ("bash", "zsh", "fish"):
        tour.run("completion", shell)
    tour.complete("tavusctl", "plan", "--target", "")
    tour.complete("tavusctl", "plan", "--env", "")
    tour.in_each_format("version")


def planned(tour: Tour) -> None:
    """A plan that creates everything."""
    tour.with_reports("plan", "--blame", "--base", "main")


def applied(tour: Tour) -> None:
    """Apply in every format, each time with a change."""
    tour.with_reports("apply", "--yes")

    def edit(number: int) -> None:
        tour.manifest("persona.yaml", context=f"Number {number}, and {escaped_canary('context')}.")

    edit(-1)
    tour.run("apply", "--format", "json")
    tour.run("plan", "-vv", "--format", "json", "--out", "kept/plan.json")
    tour.apply_each(edit)


def reviewed(tour: Tour) -> None:
    """Apply plan files, then delete an object."""
    tour.run("plan", "--out", "kept/plan.json")
    tour.run("apply", "kept/plan.json", "-v")
    tour.manifest("persona.yaml", context="Afterwards.")
    tour.run("plan", "--out", "kept/plan.json")
    tour.run("apply", "kept/plan.json", "--format", "json")
    tour.write("gone.yaml", {**tour.read("persona.yaml"), "name": "gone"})
    tour.run("apply", "--yes")
    (tour.project.root / "manifests/gone.yaml").unlink()
    tour.run("apply", "--yes", "--allow-deletes", "1")


def backed_up(tour: Tour) -> None:
    """A plan file and ids for other programs."""
    tour.run("plan", "--out", "kept/plan.json")
    tour.run("output", "--write", "kept/.env")


def drifted(tour: Tour) -> None:
    """Edits in the portal, with canaries in them."""
    account = tour.project.account
    bound = tour.bound("persona/p")
    key = {"op": "replace", "path": "/layers/llm/api_key", "value": SECRET[-1]}
    header = {"op": "replace", "path": "/layers/llm/headers/x-other", "value": SECRET[-2]}
    prompt = {"op": "replace", "path": "/system_prompt", "value": f"You keep secrets.\n{at('live edit')}\nGood bye.\n"}
    account.portal("persona", bound, key, header, *([prompt] if tour.is_loud else []))
    tour.manifest("persona.yaml", context=f"Afterwards, and {escaped_canary('context')}." if tour.is_loud else "Again.")
    tour.in_each_format("drift", "--blame")
    tour.with_reports("drift")
    tour.in_each_format("diff", NAME)
    tour.in_each_format("diff", NAME, "other")
    tour.run("promote", "persona/p", "--from", NAME, "--to", "other", "--dry-run")
    tour.in_each_format("plan")
    tour.run("adopt", "--all", "--dry-run")
    tour.run("adopt", "persona/p")
    account.portal("guardrails", tour.bound("guardrails/g"), {"op": "replace", "path": "/name", "value": "Other rules"})
    tour.run("adopt", "guardrails/g")
    tour.run("plan", "--overwrite", "persona/p", "--format", "html")
    tour.run("apply", "--yes", "--overwrite", "persona/p", "--report", f"json={tour.runner / 'json'}")


def kept(tour: Tour) -> None:
    """Commands that keep data: states, exports, ids for applications."""
    name, prompt = f"Of {at('name of a live object')}", f"Say {at('live prompt')}."
    fields = {"persona_name": name, "system_prompt": prompt} if tour.is_loud else {"persona_name": "It"}
    (stranger,) = tour.project.account.seed(personas=[{"system_prompt": "Hello.", **fields}])["personas"]
    for format_ in ("text", "json"):
        tour.run("export", "--out", "kept/export", "--format", format_)
        tour.run("export", "--out", "kept/again", "--dry-run", "--format", format_)
        tour.run("state", "list", "--format", format_, record=format_ == "json")
        tour.run("state", "rekey", "--format", format_)
    tour.run("state", "show", "guardrails/g", "--format", "json")
    tour.run("state", "show", "persona/p", "--format", "json")
    tour.run("state", "pull", record=True)
    (tour.project.root / "kept/pulled.json").write_text(tour.last_output)
    tour.run("state", "push", "kept/pulled.json")
    tour.run("state", "unlock", "0" * 32, "--holder-is-dead", file_name("name of a holder"))
    tour.run("state", "mv", "guardrails/g", "guardrails/moved")
    tour.run("state", "mv", "guardrails/moved", "guardrails/g")
    for format_ in ("dotenv", "json", "shell", "github"):
        tour.run("output", "--format", format_, record=True)
    tour.run("output", "--write", "kept/.env", "PERSONA")
    tour.run("output", "--check", "kept/.env")
    tour.write(
        "imported.yaml", {"kind": "persona", "name": "imported", "spec": {"persona_name": "I", "system_prompt": "Hi."}}
    )
    tour.run("import", "--match-names", "--dry-run")
    tour.run("import", "persona/imported", stranger)
    tour.run("plan")
    tour.run("state", "rm", "persona/imported")
    (tour.project.root / "manifests/imported.yaml").unlink()


def operated(tour: Tour) -> None:
    """Recrawls, `verify`, conversations, `list`, `doctor`, and an emulator that cannot start."""
    tour.in_each_format("recrawl", "--all", "--dry-run")
    tour.run("recrawl", "--all")
    tour.in_each_format("verify")
    tour.run("verify", "--conversation", "persona/p")
    tour.in_each_format("list")
    tour.in_each_format("doctor")
    tour.in_each_format("talk", "persona/p", "--replica", "rfe12d8b9597", "--yes")
    tour.run("emulator", "--behavior", f"{at('behaviour of the emulator')}=1")


def stepped(tour: Tour) -> None:
    """A commit and a pull request with canaries in them, then a pull request of a fork."""
    commit(tour.project, "A step")
    tour.manifest(
        "persona.yaml", context=f"In a step, and {escaped_canary('context')}." if tour.is_loud else "In a step."
    )
    for name in ("validate", "plan", "drift", "verify", "recrawl", "apply"):
        tour.step(name, *(["--yes"] if name == "apply" else []))
    tour.step("--comment", "always", "plan", "--base", "main", "--blame")
    tour.step("link", f"https://example.com/{at('address of a page')}" if tour.is_loud else "https://example.com/page")
    tour.step("--dry-run", "--comment", "always", "plan")
    edit = f"Live {at('live context')}." if tour.is_loud else "Live."
    tour.project.account.portal(
        "persona", tour.bound("persona/p"), {"op": "replace", "path": "/context", "value": edit}
    )
    if not tour.is_loud:
        url = f"https://llm.example.com/v1?api_key={quote(FRESH, safe='')}"
        key = {"op": "replace", "path": "/layers/llm/base_url", "value": url}
        tour.project.account.portal("persona", tour.bound("persona/p"), key)
    tour.step("drift")
    tour.run("adopt", "persona/p", "--dry-run")
    tour.step("adopt", "--all", event={"schedule": "0 6 * * *"})
    tour.record_files()
    git(tour.project, "checkout", "-q", "manifests", "tavusctl.yaml")
    tour.run("apply", "--yes", "--overwrite", "persona/p")
    tour.step("drift")
    tour.step("plan", event={"pull_request": {"number": 7, "head": {"repo": {"full_name": at("name of a fork")}}}})


def undone(tour: Tour) -> None:
    """List the runs, and undo those that can be undone."""
    tour.in_each_format("undo")
    for number, run in enumerate(tour.runs[:2]):
        tour.in_each_format("undo", run) if number == 0 else tour.run("undo", run)
        tour.run("undo", run, "--yes", "--recreate", "--allow-deletes", "0")
    tour.run("apply", "--yes")


def refused(tour: Tour) -> None:
    """Wrong arguments, each with a canary at the wrong place; a key that no header can have; a missing environment."""
    tour.run("plan", "--env", at("name of no environment"))
    tour.run("plan", "--format", "json", "--env", at("name of no environment"))
    tour.run("plan", "--target", f"persona/{NAME}-not")
    tour.run("plan", "--target", at("target"))
    tour.run("plan", "--report", f"text=kept/no/{file_name('name of a report')}")
    tour.run("apply", file_name("name of a plan file"))
    tour.run("plan", "--base", at("name of a base"))
    tour.run("validate", file_name("name of a folder to check"))
    tour.run("output", at("name of an output"))
    tour.run("explain", at("word to explain"))
    tour.run("schema", at("name of a schema"))
    tour.run("graph", at("address to draw"))
    tour.run("state", "show", at("address to show"))
    tour.run("undo", at("name of a run"))
    tour.run(at("name of a command"))
    tour.run("plan", "--base-url", f"https://user:{at('password of a host')}@example.com")
    tour.run("plan", "--base-url", f"http://{at('name of a host')}")
    tour.run("apply", "--yes", "--wait", at("duration"))
    tour.run("plan", TAVUS_API_KEY=f"{KEY}\nand more")
    tour.run("plan", TAVUS_API_KEY=None, TAVUS_API_KEY_FILE=file_name("name of a key file"))
    tour.run("plan", TAVUSCTL_SETTLE=at("setting"))
    tour.run("plan", TAVUSCTL_TEST_SOURCES=at("setting"))


def begun(tour: Tour) -> None:
    """New projects in other folders."""
    fresh = tour.project.root / "kept" / file_name("name of a project")
    tour.run("init", str(fresh))
    tour.run("init", str(fresh))
    tour.run("init", str(tour.project.root / "kept/taken"), "--from-account")


def destroyed(tour: Tour) -> None:
    """Delete all objects; only the kept files remain."""
    tour.in_each_format("destroy")
    tour.run("destroy", "--yes", "--allow-deletes", str(len(tour.resources)))
    tour.keep()


# Every command in every format, with canaries in every text; commands that would have to store such a text are refused.
LOUD = (checked, planned, applied, drifted, kept, operated, stepped, undone, refused, begun, destroyed)
# Commands that keep records, with canaries in keys only, so that no record is refused.
QUIET = (reviewed, drifted, backed_up, kept, stepped, undone, destroyed)
