"""The scenario of the golden files, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.golden.scene import ANNA, COACH, ENVIRONMENT, GOALS, PRICES, PROJECT_FILE, RULE, Scene
from tests.scenarios.project import Account, Project

JSON = ("--format", "json")
APPLY = ("apply", "--yes", "--parallel", "1", *JSON)


def played(url: str, root: Path) -> Iterator[dict[str, str]]:
    """Play the scenario on an emulator; after each part, yield all golden files so far, by name."""
    account = Account(url, "key-of-the-scene")
    account.reset()
    scene = Scene(Project(root, account, dict(ENVIRONMENT)))
    for part in (_begin, _apply, _look, _edit, _reverse, _end, _fail):
        part(scene)
        yield scene.seen


def _begin(scene: Scene) -> None:
    """Write the manifests, and make the first plan."""
    project, account = scene.project, scene.project.account
    account.switch(processing_seconds=0)
    account.seed(
        replicas=[{"replica_name": "Anna", "train_video_url": "https://example.com/a.mp4", "replica_id": ANNA}]
    )
    project.write("tavusctl.yaml", PROJECT_FILE)
    project.write("manifests/anna.yaml", f"{{kind: replica, name: anna, external: true, id: {ANNA}}}")
    project.manifest("guardrails", "rules", {"data": [RULE]})
    project.manifest("guardrails", "gone", {"name": "Gone", "data": [RULE]})
    project.manifest("objectives", "call", {"data": GOALS})
    project.manifest("document", "prices", PRICES, recrawl={"every": "24h"})
    project.manifest("persona", "coach", COACH, lifecycle={"prevent_destroy": True})
    scene.run("validate", "validate", *JSON)
    scene.run("plan-new", "plan", "--out", "plan.json", *JSON)
    scene.disk("planned", "plan.json")


def _apply(scene: Scene) -> None:
    """An apply that is interrupted during a create, and an apply that recovers it."""
    account = scene.project.account
    account.fault(match="POST /v2/personas", kind="drop", phase="after")
    account.fault(match="GET /v2/personas*", kind="status", status=503, skip=1, times=20)
    scene.run("apply-unknown", *APPLY)
    scene.list_disk("interrupted")
    scene.disk("interrupted", ".tavusctl/*.json", ".tavusctl/*.wal")
    account.control("DELETE", "faults")
    scene.run("plan-pending", "plan", *JSON)
    scene.run("apply", *APPLY)
    scene.list_disk("applied")
    scene.disk("applied", ".tavusctl/*.json")


def _look(scene: Scene) -> None:
    """Read-only commands, then recrawls."""
    account = scene.project.account
    scene.run("plan-nothing", "plan", *JSON)
    scene.run("state-list", "state", "list", *JSON)
    scene.run("state-show", "state", "show", "persona/coach", *JSON)
    scene.run("state-pull", "state", "pull")
    scene.run("verify", "verify", *JSON)
    scene.run("list", "list", *JSON)
    scene.run("doctor", "doctor", *JSON)
    scene.run("talk", "talk", "persona/coach", "--yes", *JSON)
    scene.run("verify-conversation", "verify", "--conversation", "persona/coach", *JSON)
    for name in ("json", "dotenv", "shell", "github"):
        scene.run(f"output-{name}", "output", "--format", name)
    for name in ("mermaid", "dot"):
        scene.run(f"graph-{name}", "graph", "--format", name)
    scene.run("graph-objectives", "graph", "--objectives", "objectives/call")
    scene.run("explain-kind", "explain", "document", *JSON)
    scene.run("explain-field", "explain", "persona.layers.tts.voice_settings.speed", *JSON)
    scene.run("explain", "explain", *JSON)
    scene.run("export", "export", "--out", "exported", *JSON)
    scene.disk("exported", "exported/*/*")
    account.advance(25 * 3600)
    scene.run("recrawl-dry", "recrawl", "--dry-run", *JSON)
    scene.run("recrawl", "recrawl", *JSON)
    scene.run("recrawl-deferred", "recrawl", "--all", *JSON)


def _edit(scene: Scene) -> None:
    """Edits in manifests and in the portal, with conflicts between them."""
    project, account = scene.project, scene.project.account
    edit = {"op": "replace", "path": "/system_prompt", "value": "You coach for nobody."}
    account.portal("persona", project.bound("persona/coach"), edit)
    scene.run("drift", "drift", *JSON, "--detailed-exitcode")
    scene.run("diff", "diff", "staging", *JSON, "--detailed-exitcode")
    project.manifest("persona", "coach", {**COACH, "persona_name": "Sales coach"}, lifecycle={"prevent_destroy": True})
    project.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new"})
    project.remove("guardrails", "gone")
    scene.run("plan", "plan", *JSON)
    scene.run("apply-refused", *APPLY)
    scene.run("apply-changes", *APPLY, "--allow-deletes", "1")
    scene.list_disk("changed")
    scene.disk("changed", ".tavusctl/*.json", ".tavusctl/runs/*-000003-*", ".tavusctl/trash/*/*")
    project.manifest("persona", "coach", {**COACH, "persona_name": "Ours"})
    edit = {"op": "replace", "path": "/persona_name", "value": "Theirs"}
    account.portal("persona", project.bound("persona/coach"), edit)
    scene.run("plan-conflict", "plan", *JSON)
    scene.run("apply-conflict", *APPLY)
    scene.run("apply-overwrite", *APPLY, "--overwrite", "persona/coach", "--allow-lowered", "1")


def _reverse(scene: Scene) -> None:
    """Undo of the last apply."""
    project = scene.project
    project.manifest("persona", "coach", {**COACH, "persona_name": "Ours", "greeting": "Hello."})
    project.apply()
    listed = scene.run("undo-list", "undo", *JSON).document
    scene.run("undo", "undo", listed["runs"][0]["run"], "--yes", *JSON)
    scene.run("undo-unknown", "undo", "0" * 12, "--yes", *JSON)
    scene.run("state-rekey", "state", "rekey", *JSON)


def _end(scene: Scene) -> None:
    """Destroy: refused first, then carried out."""
    scene.run("destroy-refused", "destroy", "--yes", *JSON)
    scene.run("destroy", "destroy", "--yes", "--allow-deletes", "4", *JSON)
    scene.list_disk("destroyed")
    scene.run("version", "version", *JSON)


def _fail(scene: Scene) -> None:
    """One command for each sort of error."""
    project, account = scene.project, scene.project.account
    scene.run("error-usage", "plan", "--nothing", *JSON)
    scene.run("error-question", "apply", *JSON)
    scene.run("error-key", "plan", *JSON, TAVUS_API_KEY=None)
    scene.run("error-secret", *APPLY, LLM_KEY=None)
    scene.run("error-unreachable", "plan", *JSON, TAVUS_BASE_URL="http://127.0.0.1:9")
    account.fault(match="GET /v2/personas*", kind="status", status=401, body={"message": "Invalid access token"})
    scene.run("error-unauthorised", "plan", *JSON)
    account.fault(match="GET /v2/personas*", kind="html", times=20)
    scene.run("error-answer", "plan", *JSON)
    account.control("DELETE", "faults")
    project.write("manifests/wrong.yaml", "{kind: persona, name: it, spec: {greting: Hi.}}")
    scene.run("error-manifest", "plan", *JSON)
    project.root.joinpath("manifests/wrong.yaml").unlink()
    project.write(".tavusctl/state-staging.json", "{}")
    scene.run("error-state", "plan", *JSON)
