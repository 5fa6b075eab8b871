"""The shortest scenario for each check that needs an account, a state or a repository.

The page of checks prints the docstring of each scenario.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Final

from tests.scenarios.project import Body, Project, Result
from tests.scenarios.test_keys import rewrite

JSON: Final = ("--format", "json")
COACH: Final[Body] = {"persona_name": "Coach", "system_prompt": "You coach."}
SECRET: Final[Body] = {
    **COACH,
    "layers": {"llm": {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:LLM_KEY}"}},
}
SITE: Final[Body] = {"document_url": "https://example.com/help", "crawl": {"depth": 1, "max_pages": 25}}
DAY: Final = 86400.0
KEY: Final = "value-of-a-key-0123456789"


def unsupported_state_url(project: Project) -> Result:
    """`validate`, when `state:` of the environment is `ftp://files.example.com/state`."""
    project.write("tavusctl.yaml", "environments: {default: {state: 'ftp://files.example.com/state'}}\n")
    project.manifest("persona", "coach", COACH)
    return project.run("validate", *JSON)


def unknown_output(project: Project) -> Result:
    """`output`, when `outputs:` of tavusctl.yaml is `{PERSONA_ID: persona/coahc}`."""
    project.write("tavusctl.yaml", "outputs: {PERSONA_ID: persona/coahc}\n")
    project.manifest("persona", "coach", COACH)
    return project.run("output", *JSON)


def unset_secret(project: Project) -> Result:
    """`apply`, when the variable of a secret is not set."""
    project.write("tavusctl.yaml", "secrets: [LLM_KEY]\n")
    project.manifest("persona", "coach", SECRET)
    return project.run("apply", "--yes", *JSON)


def missing_external_object(project: Project) -> Result:
    """`plan`, when the account has no object with the id of an external manifest."""
    project.write("manifests/anna.yaml", "{kind: replica, name: anna, external: true, id: r0123456789}")
    return project.run("plan", *JSON)


def local_state_in_ci(project: Project) -> Result:
    """`plan` on a CI machine, without a shared state."""
    project.manifest("persona", "coach", COACH)
    return project.run("plan", *JSON, CI="true", TAVUSCTL_LOCAL_STATE=None)


def exposed_env_file(project: Project) -> Result:
    """Any command, when `.env` can be read by other users of the machine."""
    project.write(".env", "TAVUS_API_KEY=key-0123456789\n").chmod(0o644)
    project.manifest("persona", "coach", COACH)
    return project.run("validate", *JSON)


def prompt_doubled(project: Project) -> Result:
    """`validate`, after a prompt was pasted into itself."""
    prompt = "You coach sales people, and you are patient with them. " * 5
    project.manifest("persona", "coach", {**COACH, "system_prompt": prompt})
    project.apply()
    project.manifest("persona", "coach", {**COACH, "system_prompt": prompt * 2 + "Be brief."})
    return project.run("validate", *JSON)


def retained_version(project: Project) -> Result:
    """`apply --allow-replace replica/anna`, which trains a new version and keeps the old one."""
    project.account.switch(training_seconds=0)
    spec = {"replica_name": "Anna", "train_video_url": "https://example.com/a.mp4"}
    project.manifest("replica", "anna", spec)
    project.apply()
    project.manifest("replica", "anna", {**spec, "train_video_url": "https://example.com/b.mp4"})
    project.apply("--allow-replace", "replica/anna")
    return project.run("plan", *JSON)


def failed_object(project: Project) -> Result:
    """`plan`, after Tavus could not read a document."""
    project.account.control("POST", "outcomes", {"kind": "documents", "error": "file_empty"})
    project.manifest("document", "prices", {"document_url": "https://example.com/prices.pdf"})
    project.apply()
    project.account.advance(3600)
    return project.run("plan", *JSON)


def pending_create(project: Project) -> Result:
    """`plan`, after an apply was cut off before the answer to a create came."""
    project.manifest("persona", "coach", COACH)
    project.account.fault(match="POST /v2/personas", kind="drop", phase="after")
    project.account.fault(match="GET /v2/personas*", kind="status", status=503, skip=1, times=20)
    project.run("apply", "--yes", TAVUSCTL_SETTLE="0.05", TAVUSCTL_MAX_WAIT="0")
    project.account.control("DELETE", "faults")
    project.account.control("POST", "reset")
    return project.run("plan", *JSON)


def unrecoverable_secret(project: Project) -> Result:
    """`undo` of a run that changed a secret."""
    project.write("tavusctl.yaml", "secrets: [LLM_KEY]\n")
    project.manifest("persona", "coach", SECRET)
    project.run("apply", "--yes", LLM_KEY=KEY)
    project.run("apply", "--yes", LLM_KEY=KEY[::-1])
    run = project.run("undo", LLM_KEY=KEY).out.split()[0]
    return project.run("undo", run, "--yes", *JSON, LLM_KEY=KEY)


def unreachable_source(project: Project) -> Result:
    """`plan`, when the address of a watched document does not answer."""
    spec = {"document_name": "Prices", "document_url": "https://prices.invalid/p.pdf"}
    project.manifest("document", "prices", spec, watch=True)
    project.apply("--no-watch")
    return project.run("plan", *JSON)


def duplicate_name(project: Project) -> Result:
    """`plan`, after somebody created a persona of the same name in the portal."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    project.account.call("POST", "/v2/personas", COACH)
    return project.run("plan", *JSON)


def foreign_api_key(project: Project) -> Result:
    """`plan` with a new API key, before the state knows it."""
    later = "key-that-came-later"
    project.account.switch(keys={project.account.key: project.account.key, later: project.account.key})
    project.manifest("persona", "coach", COACH)
    project.apply()
    return project.run("plan", *JSON, TAVUS_API_KEY=later)


def unsealed_state(project: Project) -> Result:
    """`plan` with a state that another program wrote."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    rewrite(project.root / ".tavusctl/state.json", lambda document: [document.pop(name) for name in ("keys", "mac")])
    return project.run("plan", *JSON)


def unset_secret_skipped(project: Project) -> Result:
    """`plan`, when the variable of a secret that was applied is not set."""
    project.write("tavusctl.yaml", "secrets: [LLM_KEY]\n")
    project.manifest("persona", "coach", SECRET)
    project.run("apply", "--yes", LLM_KEY=KEY)
    return project.run("plan", *JSON)


def unknown_namesake(project: Project) -> Result:
    """`drift`, after the state was lost."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    (project.root / ".tavusctl/state.json").unlink()
    return project.run("drift", *JSON)


def never_applied(project: Project) -> Result:
    """`drift`, before the first apply of a manifest."""
    project.manifest("persona", "coach", COACH)
    return project.run("drift", *JSON)


def unreadable_sibling_state(project: Project) -> Result:
    """`plan` of one environment, when the state of another cannot be read."""
    project.write("tavusctl.yaml", "environments: {prod: {}, staging: {}}\n")
    project.manifest("persona", "coach", COACH)
    project.apply("--env", "prod")
    project.write(".tavusctl/state-prod.json", "not a state")
    return project.run("plan", "--env", "staging", *JSON)


def normalized_by_server(project: Project) -> Result:
    """`plan`, after the account rounded a number."""
    project.account.switch(tidied_fields={"/layers/tts/voice_settings/speed": "round"})
    project.manifest("persona", "coach", {**COACH, "layers": {"tts": {"voice_settings": {"speed": 0.9}}}})
    project.run("apply", "--yes", TAVUSCTL_SETTLE="0.05", TAVUSCTL_MAX_WAIT="0")
    return project.run("plan", *JSON)


def _apply_and_open_draft(project: Project) -> None:
    project.account.switch(draft_marks="every read")
    project.manifest("persona", "coach", COACH)
    project.apply()
    body = {"id": project.bound("persona/coach"), "account": project.account.key, "model": "july"}
    project.account.control("POST", "drafts", body)


def unpublished_draft(project: Project) -> Result:
    """`plan`, while somebody edits the persona in PAL Maker, in an account whose listings tell of drafts."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    listing_entry = {**COACH, "persona_id": project.bound("persona/coach"), "has_unpublished_changes": True}
    body = {"data": [listing_entry], "total_count": 1}
    project.account.fault(match="GET /v2/personas*", kind="status", status=200, body=body, times=2)
    return project.run("plan", *JSON)


def write_not_live(project: Project) -> Result:
    """`plan`, after an apply whose write went into a draft."""
    _apply_and_open_draft(project)
    project.manifest("persona", "coach", {**COACH, "system_prompt": "You coach sales people."})
    project.run("apply", "--yes", TAVUSCTL_SETTLE="0.05", TAVUSCTL_MAX_WAIT="0")
    return project.run("plan", *JSON)


def discarded_draft(project: Project) -> Result:
    """`plan`, after an apply with `--discard-drafts` whose last answer did not come."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    persona_id = project.bound("persona/coach")
    project.account.control("POST", "drafts", {"id": persona_id})
    project.manifest("persona", "coach", {**COACH, "system_prompt": "You coach sales people."})
    project.account.fault(match="PATCH /v2/personas/*", kind="drop", phase="after", skip=3)
    project.account.fault(match="GET /v2/personas*", kind="status", status=503, skip=2, times=20)
    project.run("apply", "--yes", "--discard-drafts", "persona/coach", TAVUSCTL_SETTLE="0.05", TAVUSCTL_MAX_WAIT="0")
    project.account.control("DELETE", "faults")
    return project.run("plan", *JSON)


def first_use(project: Project) -> Result:
    """`plan`, when a manifest sends a secret that was never sent before."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    project.write("tavusctl.yaml", "secrets: [LLM_KEY]\n")
    project.manifest("persona", "coach", SECRET)
    return project.run("plan", *JSON, LLM_KEY=KEY)


def untrusted_first_use(project: Project) -> Result:
    """`plan` of a pull request that lists a new secret."""
    project.write("tavusctl.yaml", "version: 1\n")
    project.manifest("persona", "coach", COACH)
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "All"]):
        subprocess.run(["git", "-C", str(project.root), *identity, *words], check=True)
    project.write("tavusctl.yaml", "secrets: [LLM_KEY]\n")
    project.manifest("persona", "coach", SECRET)
    event = project.write("event.json", '{"pull_request": {"head": {"repo": {"full_name": "acme/app"}}}}')
    hub = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_BASE_REF": "main",
    }
    report = project.root / "report.json"
    result = project.run(
        *("github", "--dry-run", "plan", "--base", "main", "--report", f"json={report}"), LLM_KEY=KEY, **hub
    )
    return Result(result.code, report.read_text("utf-8"), result.err)


def _apply_crawled_site(project: Project) -> None:
    project.account.control("POST", "clock", {"set": "2026-01-05T12:00:00Z"})
    project.account.switch(processing_seconds=0)
    project.manifest("document", "help", SITE, recrawl={"every": "24h"})
    project.apply()


def recrawl_overdue(project: Project) -> Result:
    """`recrawl`, when a document was due three days ago."""
    _apply_crawled_site(project)
    project.account.control("POST", "clock", {"freeze": True, "set": "2026-01-09T12:00:00Z"})
    return project.run("recrawl", "--dry-run", *JSON, CI=None)


def crawl_stuck(project: Project) -> Result:
    """`recrawl`, when a crawl has not ended for hours."""
    _apply_crawled_site(project)
    project.account.switch(processing_seconds=30 * DAY)
    project.account.control("POST", "clock", {"freeze": True, "set": "2026-01-06T12:00:00Z"})
    project.run("recrawl", CI=None)
    project.account.advance(3 * 3600)
    return project.run("recrawl", *JSON, CI=None)


def crawl_shrunk(project: Project) -> Result:
    """`recrawl --wait 20s`, when most pages of a site are gone."""
    _apply_crawled_site(project)
    urls = [f"https://example.com/{index}" for index in range(80)]
    project.edit_in_portal("document/help", "/crawled_urls", urls)
    project.account.control("POST", "clock", {"set": "2026-01-07T12:00:00Z"})
    project.account.switch(processing_seconds=0.1)
    return project.run("recrawl", "--wait", "20s", *JSON, CI=None)


SCENES: Final[Mapping[str, Callable[[Project], Result]]] = {
    "TV117": unsupported_state_url,
    "TV119": unknown_output,
    "TV124": unset_secret,
    "TV125": missing_external_object,
    "TV127": local_state_in_ci,
    "TV131": exposed_env_file,
    "TV204": prompt_doubled,
    "TV301": retained_version,
    "TV302": failed_object,
    "TV303": pending_create,
    "TV304": unrecoverable_secret,
    "TV305": unreachable_source,
    "TV306": duplicate_name,
    "TV307": foreign_api_key,
    "TV308": unsealed_state,
    "TV309": unset_secret_skipped,
    "TV310": unknown_namesake,
    "TV311": never_applied,
    "TV312": unreadable_sibling_state,
    "TV331": normalized_by_server,
    "TV332": unpublished_draft,
    "TV333": write_not_live,
    "TV334": discarded_draft,
    "TV341": first_use,
    "TV342": untrusted_first_use,
    "TV601": recrawl_overdue,
    "TV602": crawl_stuck,
    "TV603": crawl_shrunk,
}
