"""Tavus' own CLI as a judge of the emulator: all of its list, get, create, patch and delete commands.

Runs only when named, because it downloads the CLI: `pytest tests/external/official_cli.py -s`.  TAVUS_CLI is the path
of an installed one.  The table that it prints shows for each command whether it succeeded, or why it failed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.harness import FACE, KEY, Tavus, emulated
from tests.scenarios.project import Account, Project

PACKAGE = "tavus-cli==0.11.0"
COMMANDS = Path(__file__).with_name("official_commands.txt")  # the commands in order; the documentation counts them
pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python interpreter of an environment with the CLI."""
    named = os.environ.get("TAVUS_CLI")
    if named:
        return Path(named).with_name("python")
    folder = tmp_path_factory.mktemp("official")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin/pip"), "install", "--quiet", PACKAGE], check=True, timeout=600)
    return folder / "bin/python"


@contextmanager
def judging(python: Path, tavus: Tavus, folder: Path) -> Iterator[Judge]:
    """The CLI, running against an emulator."""
    own = {
        "TAVUS_PUBLIC_API_BASE_URL": f"{tavus.url}/v2",
        "TAVUS_PORTAL_API_BASE_URL": tavus.url,
        "TAVUS_API_KEY": KEY,
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "200",
    }
    driver = str(Path(__file__).with_name("driver.py"))
    with subprocess.Popen(
        [str(python), "-I", driver],
        cwd=folder,
        env={**os.environ, **own},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Judge(process, tavus, folder)
        finally:
            process.kill()


@dataclass
class Judge:
    """Runs the CLI against one emulator, and records the result of each command."""

    process: subprocess.Popen[str]
    tavus: Tavus
    folder: Path
    rows: list[tuple[str, bool, str]] = field(default_factory=list)

    def run(self, *arguments: str, takes: Any = None, option: str = "--file") -> Any:
        """Run a command; return its output as JSON, or {} if it is not JSON.  `takes` is passed as a file."""
        command = [*arguments, option, str(self._file(takes))] if takes is not None else [*arguments]
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        result = json.loads(self.process.stdout.readline())
        reason = (
            "" if result["code"] == 0 else " ".join((result["out"] + result["err"]).replace("─", "").split())[-160:]
        )
        self.rows.append((" ".join(arguments[:3]), result["code"] == 0, reason))
        try:
            return json.loads(result["out"])
        except ValueError:
            return {}

    def _file(self, body: Any) -> Path:
        path = self.folder / f"body-{len(self.rows)}.json"
        path.write_text(json.dumps(body))
        return path

    def commands(self) -> str:
        """The words of each command, one per line, without options, ids and other arguments."""
        commands = (takewhile(re.compile(r"[a-z]+(-[a-z]+)*").fullmatch, name.split()) for name, _, _ in self.rows)
        return "".join(f"{' '.join(words)}\n" for words in commands)

    def table(self) -> str:
        """One row per command, and the number of successful commands."""
        lines = [f"{'ok ' if right else 'NOT'}  {name}  {why}".rstrip() for name, right, why in self.rows]
        return "\n".join([*lines, f"{sum(right for _, right, _ in self.rows)} of {len(self.rows)} commands end well"])


def _personas(judge: Judge, tool: str, document: str, guardrail: str, dictionary: str) -> str:
    more = ("--tool-id", tool, "--document-id", document, "--guardrail-id", guardrail, "--document-tag", "faq")
    layers = {
        "conversational_flow": {"face_interruptibility": "high", "wake_phrase": "hey", "sleep_phrase": "bye"},
        "tts": {"tts_engine": "cartesia", "pronunciation_dictionary_id": dictionary},
    }
    named = ("--name", "Coach", "--system-prompt", "You coach.", "--face-id", FACE)
    created = judge.run("pal", "create", *named, *more, takes=layers, option="--layers-file")
    pal = str(created["pal_id"])
    judge.run("pal", "list", "--json")
    judge.run("pal", "list", "--pal-type", "system")
    judge.run("pal", "get", pal, "--include-settings")
    judge.run("pal", "patch", pal, "--path", "/greeting", "--value", '"Hello"')
    judge.run(
        "pal", "patch", pal, "--path", "/layers/conferencing/username", "--op", "add", "--value", '"acme"', "--dry-run"
    )
    judge.run("pal", "options", pal)
    judge.run("pal", "paths")
    judge.run("pal", "preview", pal)
    return pal


def _use_parts(judge: Judge, pal: str, tool: str, document: str) -> None:
    judge.run("pal", "tools", "list", pal)
    judge.run("pal", "tools", "detach", pal, tool)
    judge.run("pal", "tools", "attach", pal, tool)
    judge.run("pal", "skills", "attach", pal, "presentation", "--config", json.dumps({"document_ids": [document]}))
    judge.run("pal", "skills", "list", pal)
    judge.run("pal", "skills", "patch", pal, "presentation", "--config", '{"prompt": "Go."}')
    judge.run("pal", "skills", "detach", pal, "presentation")
    judge.run("pal", "capabilities", "catalog")
    judge.run("pal", "capabilities", "attach", pal, "internet_search")
    judge.run("pal", "capabilities", "list", pal)
    judge.run("pal", "capabilities", "detach", pal, "internet_search")
    judge.run("pal", "knowledge", "list", pal)
    judge.run("pal", "knowledge", "add", pal, "--document-tag", "news")
    judge.run("pal", "knowledge", "remove", pal, "--document-tag", "news")
    judge.run("pal", "knowledge", "replace", pal, "--document-id", document)
    judge.run("pal", "knowledge", "settings", pal, "--rag-n-chunks", "5")


def _registry(judge: Judge, group: str, example: Sequence[str], key: str, change: Any) -> str:
    """Run the commands of a kind whose bodies are files, with the example of the CLI; return the id of the object."""
    body = judge.run(group, "example", *example)
    ident = str(judge.run(group, "create", takes=body)[key])
    judge.run(group, "list", "--json")
    judge.run(group, "get", ident)
    judge.run(group, "patch", ident, takes=change)
    return ident


def _documents(judge: Judge) -> str:
    created = judge.run(
        "document", "create", "--url", "https://a.example.com/x.pdf", "--tag", "faq", "--participant-tag", "a"
    )
    ident = str(created["document_id"])
    judge.run("document", "list", "--json")
    judge.run("document", "get", ident)
    judge.run("document", "tags")
    judge.run("document", "chunks", ident)
    crawled = judge.run(
        "document", "create", "--url", "https://a.example.com", "--crawl-depth", "1", "--crawl-max-pages", "2"
    )
    judge.tavus.advance(7200)
    judge.run("document", "recrawl", str(crawled["document_id"]))
    return ident


def _guardrails(judge: Judge) -> str:
    created = judge.run("guardrail", "create", "--name", "No advice", "--prompt", "Give none.", "--tag", "safe")
    ident = str(created["uuid"])
    judge.run("guardrail", "list", "--json")
    judge.run("guardrail", "list", "--legacy")
    judge.run("guardrail", "get", ident)
    judge.run("guardrail", "patch", ident, "--prompt", "Give none at all.")
    judge.run("guardrail", "tags")
    return ident


def _deployments(judge: Judge, pal: str) -> None:
    page = ("--page-title", "Ada", "--page-description", "Ask.", "--memory-per-visitor")
    created = judge.run("deployment", "create", "--pal-id", pal, "--channel", "landing-page", *page)
    created_text = json.dumps(created)
    judge.run("deployment", "list", "--json")
    ident = judge.tavus.ok("GET", "/v2/deployments")["deployments"][0]["deployment_id"]
    assert ident in created_text
    judge.run("deployment", "get", ident)
    site = ("--channel", "embed", "--any-origin", "--shared-memory")
    judge.run("deployment", "create", "--pal-id", pal, *site)


def _read_registries(judge: Judge) -> None:
    judge.run("doctor")
    judge.run("face", "list", "--json")
    judge.run("face", "list", "--stock")
    judge.run("skill", "list", "--json")
    judge.run("skill", "get", "presentation")
    for resource in ("documents", "guardrails", "objectives", "tools", "skills", "voices"):
        judge.run("resource", "list", resource)
    judge.run("resource", "get", "voices", "v4a7c0e9d1b2f")


def test_every_command_for_configuration_ends_well(python: Path, tmp_path: Path) -> None:
    with emulated(behaviors={"era": "today"}) as tavus, judging(python, tavus, tmp_path) as judge:
        tavus.control("POST", "seed", {KEY: {"replicas": [{"id": FACE}]}})
        _read_registries(judge)
        document, guardrail = _documents(judge), _guardrails(judge)
        tool = _registry(judge, "tool", [], "tool_id", {"description": "Say the weather."})
        other = judge.run("tool", "example", "--delivery", "http") | {"name": "other"}
        judge.run("tool", "create", takes=other)
        rename = [{"op": "replace", "path": "/name", "value": "other"}]
        objectives = _registry(judge, "objective", [], "objectives_id", rename)
        judge.run("objective", "validate", takes=judge.run("objective", "example"))
        dictionary = _registry(judge, "pronunciation-dictionary", [], "pronunciation_dictionary_id", {"name": "other"})
        pal = _personas(judge, tool, document, guardrail, dictionary)
        _use_parts(judge, pal, tool, document)
        _deployments(judge, pal)
        talk = judge.run("conversation", "create", "--pal-id", pal)
        judge.run("conversation", "end", str(talk["conversation_id"]))
        judge.run("quickstart", "--system-prompt", "You coach.", "--face-id", FACE)
        judge.run("tool", "delete", tool)
        judge.run("guardrail", "delete", guardrail)
        judge.run("objective", "delete", objectives)
        judge.run("pronunciation-dictionary", "delete", dictionary)
        judge.run("pal", "delete", pal)
    sys.stdout.write(f"\n{judge.table()}\n")
    assert not [row for row in judge.rows if not row[1]]
    message = f"other commands ran than {COMMANDS.name} has; write it anew, and the number on the page that tells it:\n"
    assert judge.commands() == COMMANDS.read_text("utf-8"), message + judge.commands()


def test_what_it_creates_is_exported_and_the_next_plan_is_empty(python: Path, tmp_path: Path) -> None:
    with emulated(behaviors={"era": "today"}) as tavus, judging(python, tavus, tmp_path) as judge:
        tavus.control("POST", "seed", {KEY: {"replicas": [{"id": FACE}]}})
        document, guardrail = _documents(judge), _guardrails(judge)
        tool = _registry(judge, "tool", [], "tool_id", {"description": "Say the weather."})
        rename = [{"op": "replace", "path": "/name", "value": "other"}]
        objectives = _registry(judge, "objective", [], "objectives_id", rename)
        dictionary = _registry(judge, "pronunciation-dictionary", [], "pronunciation_dictionary_id", {"name": "other"})
        pal = _personas(judge, tool, document, guardrail, dictionary)
        _deployments(judge, pal)
        project = _project(tavus, tmp_path)
        tavus.control("DELETE", "requests")

        exported = project.run("export", "--format", "json")
        plan = project.plan()
        project.apply()

        assert exported.code == 0, exported.err
        managed = {
            entry["id"]: entry["address"].partition("/")[0]
            for entry in exported.document["objects"]
            if entry["managed"]
        }
        created = {"persona": pal, "tool": tool, "guardrail": guardrail, "objectives": objectives}
        created |= {"document": document, "dictionary": dictionary}
        assert {managed[remote_id]: remote_id for remote_id in created.values()} == created
        assert [*managed.values()].count("deployment") == 2
        assert (plan["changes"], plan["drift"], plan["refused"]) == ([], [], [])
        assert project.account.writes == []


# Objects that tavusctl creates and the CLI reads: kind, command group of the CLI, spec.
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "document": ("document", {"document_name": "Prices", "document_url": "https://example.com/p.pdf"}),
    "guardrail": ("guardrail", {"guardrail_name": "Calm", "guardrail_prompt": "Stay calm."}),
    "tool": ("tool", {"name": "book", "description": "Books.", "delivery": {"app_message": True}}),
    "objectives": ("objective", {"name": "Goals", "data": [{"objective_name": "a", "objective_prompt": "Greet."}]}),
    "dictionary": ("pronunciation-dictionary", {"name": "Brands", "rules": []}),
    "persona": (
        "pal",
        {
            "persona_name": "Host",
            "system_prompt": "You host.",
            "default_replica_id": FACE,
            "tool_ids": ["${ref:tool/it}"],
            "guardrail_ids": ["${ref:guardrail/it}"],
            "skills": {"presentation": {"document_ids": ["${ref:document/it}"]}},
        },
    ),
    "deployment": ("deployment", {"name": "Site", "persona_id": "${ref:persona/it}", "channel": "embed"}),
}


def test_what_tavusctl_makes_is_listed_and_read_and_what_it_patches_is_drift(python: Path, tmp_path: Path) -> None:
    with emulated(behaviors={"era": "today"}) as tavus, judging(python, tavus, tmp_path) as judge:
        tavus.control("POST", "seed", {KEY: {"replicas": [{"id": FACE}]}})
        project = _project(tavus, tmp_path)
        for kind, (_, spec) in OURS.items():
            project.manifest(kind, "it", spec)
        project.apply()
        ids = {kind: project.bound(f"{kind}/it") for kind in OURS}

        for kind, (group, _) in OURS.items():
            first = ("--page", "0") if group == "guardrail" else ()  # by default the CLI requests the second page here
            assert ids[kind] in json.dumps(judge.run(group, "list", "--json", *first))
            assert ids[kind] in json.dumps(judge.run(group, "get", ids[kind]))
        assert ids["tool"] in json.dumps(judge.run("pal", "tools", "list", ids["persona"]))
        assert ids["document"] in json.dumps(judge.run("pal", "skills", "list", ids["persona"]))
        judge.run("pal", "patch", ids["persona"], "--path", "/system_prompt", "--value", '"You host kindly."')
        judge.run("tool", "patch", ids["tool"], takes={"description": "Books a table."})
        judge.run("guardrail", "patch", ids["guardrail"], "--prompt", "Stay very calm.")
        judge.run("objective", "patch", ids["objectives"], takes=[{"op": "replace", "path": "/name", "value": "Aims"}])
        judge.run("pronunciation-dictionary", "patch", ids["dictionary"], takes={"name": "Names"})
        drift = project.run("drift", "--format", "json").document["drift"]

        assert not [row for row in judge.rows if not row[1]]
        assert {entry["address"]: [field["path"] for field in entry["fields"]] for entry in drift} == {
            "persona/it": ["/system_prompt"],
            "tool/it": ["/description"],
            "guardrail/it": ["/guardrail_prompt"],
            "objectives/it": ["/name"],
            "dictionary/it": ["/name"],
        }


def _project(tavus: Tavus, folder: Path) -> Project:
    root = folder / "project"
    root.mkdir()
    project = Project(root, Account(tavus.url, KEY))
    project.write("tavusctl.yaml", "version: 1\n")
    return project
