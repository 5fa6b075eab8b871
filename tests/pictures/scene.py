"""The project in the pictures: commits of three people, edits in the portal, and a branch with all sorts of changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

from tests.demo import HERE, TAVUSCTL, Demo

KEY = "pictures-key"
ENVIRONMENT = {"TAVUS_API_KEY_STAGING": KEY, "TAVUSCTL_ENV": "staging", "LLM_API_KEY": "a key of the pictures"}
_DAYS = {"Ada": "2026-03-02", "Grace": "2026-03-18", "Joan": "2026-04-07"}
_IN_THE_PORTAL = {
    "persona/history-teacher": ("/persona_name", "History Teacher (beta)"),
    "persona/personal-doctor": ("/layers/conversational_flow/turn_taking_patience", "low"),
}
_OTHER_MODEL = """model: gpt-4o
      base_url: https://llm.example.net/v1
      api_key: ${secret:LLM_API_KEY}
"""
_SECRECY = "You never reference being an AI or any technological limitations."
_EDITS = {
    "personas/customer-service-agent.yaml": (("model: tavus-gpt-oss\n", _OTHER_MODEL),),
    "tools/resolve-customer-issue.yaml": (("[low, medium, high]", "[low, medium, high, critical]"),),
    "personas/history-teacher.yaml": (("persona_name: History Teacher", "persona_name: Teacher of History"),),
    "single-guardrails/school-safe.yaml": (("whole essays or fill in tests", "essays or fill in tests"),),
    "objectives/discovery-call.yaml": (
        ("give_advice: if it is about process, territory, or product", "give_advice: otherwise"),
        (
            "feedback]\n      next_required_objective: agree_",
            "feedback]\n      next_required_objective: give_advice # agree_",
        ),
    ),
    "prompts/sales-coach.md": (
        ("a dynamic and results-driven", "a patient and results-driven"),
        (
            "You never reference being an AI or any technological limitations.",
            "When asked, you say that you are an AI.",
        ),
        ("5. Respect cultural and individual differences in communication styles\n", ""),
    ),
}


def build(demo: Demo) -> None:
    """Build the project: applied from main, edited in the portal, then changed on a branch."""
    shutil.copytree(HERE / "manifests", demo.root / "manifests")
    project = (HERE / "tavusctl.yaml").read_text("utf-8").replace("secrets: []", "secrets: [LLM_API_KEY]")
    (demo.root / "tavusctl.yaml").write_text(project, "utf-8")
    (demo.root / ".gitignore").write_text(".tavusctl/\n", "utf-8")
    protected = ("kind: persona\n", "kind: persona\nlifecycle: {prevent_destroy: true}\n")
    edit(demo, "personas/tavus-researcher.yaml", protected)
    edit(demo, "prompts/sales-coach.md", (_SECRECY, "You are a person."))
    subprocess.run(["git", "init", "-qb", "main"], cwd=demo.root, check=True)
    commit(demo, "Ada", "The staff at the start")
    edit(demo, "prompts/sales-coach.md", ("You are a person.", _SECRECY))
    commit(demo, "Grace", "No talk of machines")
    run(demo, "apply", "--yes", "--parallel", "1")  # ids depend on the order of creates
    demo.control("POST", "clock", {"advance": 900})
    ids = json.loads(run(demo, "state", "list", "--format", "json"))
    for address, (path, value) in _IN_THE_PORTAL.items():
        patch = [{"op": "replace", "path": path, "value": value}]
        demo.control("POST", "portal", {"account": KEY, "kind": "persona", "id": ids[address], "patch": patch})
    subprocess.run(["git", "checkout", "-qb", "patience"], cwd=demo.root, check=True)
    for name, edits in _EDITS.items():
        edit(demo, name, *edits)
    (demo.root / "manifests/personas/tavus-researcher.yaml").unlink()
    commit(demo, "Joan", "Ask for patience")


def edit(demo: Demo, name: str, *edits: tuple[str, str]) -> None:
    """Replace texts in a file of the manifests folder."""
    path = demo.root / "manifests" / name
    text = path.read_text("utf-8")
    for old, new in edits:
        if old not in text:
            sys.exit(f"pictures: {name} does not have: {old}")
        text = text.replace(old, new, 1)
    path.write_text(text, "utf-8")


def commit(demo: Demo, author: str, message: str) -> None:
    """Commit all files as an author, at the fixed time of this author."""
    day = f"{_DAYS[author]}T10:00:00+00:00"
    names = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": day}
    names |= {"GIT_COMMITTER_NAME": author, "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_COMMITTER_DATE": day}
    variables = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for args in (["add", "--all"], ["commit", "-qm", message]):
        subprocess.run(["git", *args], cwd=demo.root, env=variables, check=True)


def run(demo: Demo, *args: str) -> str:
    """Run a command that no picture shows; return its standard output."""
    result = subprocess.run(
        [TAVUSCTL, *args], cwd=demo.root, env=demo.environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        sys.exit(f"pictures: tavusctl {' '.join(args)} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout
