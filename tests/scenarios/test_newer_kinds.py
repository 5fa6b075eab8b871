"""Kinds that only newer accounts have: what is true of every kind is true of them, over HTTP, one by one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from msgspec import Struct

from tavusctl.kinds import KINDS
from tests.crash.rig import KILLED, KillableProject, Launcher
from tests.house.tree import ROOT
from tests.scenarios.everykind import actions
from tests.scenarios.project import Account, Body, Project
from tests.scenarios.test_identity import FAULTS
from tests.scenarios.twenty import QUICK

pytestmark = pytest.mark.newer_api

TOKEN = "tok-9f8e7d6c5b4a"
SECRETS = {"HOOK_TOKEN": TOKEN, "DOOR": "open-sesame-77"}
PERSONA: Body = {"persona_name": "Host", "system_prompt": "You host."}


class Sample(Struct, frozen=True):
    """An object of a kind, an edit of its manifest and one of the portal."""

    kind: str
    collection: str  # as the emulator calls it
    spec: Body
    edit: Body  # keys of the spec with other values
    pointer: str  # of the field that the edit changes
    portal: Body  # an operation
    drift: str  # pointer of the field that it moves


HOOK: Body = {
    "api": {"url": "https://hooks.example.com/book", "auth": {"type": "bearer", "token": "${secret:HOOK_TOKEN}"}}
}
SAMPLES = {
    one.kind: one
    for one in (
        Sample(
            "guardrail",
            "single_guardrails",
            {"guardrail_name": "No medical advice", "guardrail_prompt": "Gives medical advice.", "tags": ["b", "a"]},
            {"guardrail_prompt": "Gives medical or legal advice.", "tool_call": {"name": "note"}},
            "/guardrail_prompt",
            {"op": "replace", "path": "/modality", "value": "audio"},
            "/guardrail_prompt",
        ),
        Sample(
            "tool",
            "tools",
            {
                "name": "book_table",
                "description": "Book a table.",
                "parameters": {"type": "object", "properties": {"people": {"type": "integer"}}},
                "delivery": HOOK,
            },
            {"delivery": {"api": {**HOOK["api"], "url": "https://hooks.example.com/v2/book"}}},
            "/delivery/api/url",
            {"op": "replace", "path": "/description", "value": "Book a table or two."},
            "/description",
        ),
        Sample(
            "dictionary",
            "dictionaries",
            {
                "name": "Brands",
                "rules": [
                    {"text": "tavus", "pronunciation": "TAH-vus", "type": "alias"},
                    {"text": "kubernetes", "pronunciation": "koo-ber", "type": "alias"},
                ],
            },
            {"rules": [{"text": "tavus", "pronunciation": "TAH-voos", "type": "alias"}]},
            "/rules",
            {"op": "replace", "path": "/name", "value": "Brand names"},
            "/name",
        ),
        Sample(
            "deployment",
            "deployments",
            {
                "name": "Site",
                "persona_id": "${ref:persona/host}",
                "channel": "widget",
                "password": "${secret:DOOR}",
                "limits": {"daily_call_limit": 20},
            },
            {"limits": {"daily_call_limit": 30}, "allowed_origins": ["https://example.com"]},
            "/limits/daily_call_limit",
            {"op": "replace", "path": "/name", "value": "Our site"},
            "/name",
        ),
        Sample(
            "voice",
            "voices",
            {"voice_name": "Anna", "train_audio_url": "https://example.com/anna.mp3", "tags": ["warm"]},
            {"description": "Warm and slow."},
            "/description",
            {"op": "replace", "path": "/voice_name", "value": "Anna B."},
            "/voice_name",
        ),
    )
}
every_kind = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


@pytest.fixture
def project(account: Account, tmp_path: Path) -> Project:
    """A project that has the secrets of the samples."""
    made = Project(tmp_path, account, dict(SECRETS))
    made.write("tavusctl.yaml", "secrets: [HOOK_TOKEN, DOOR]\n")
    return made


@every_kind
def test_a_name_that_a_manifest_drops_stays_as_it_is(project: Project, sample: Sample) -> None:
    written(project, sample)
    project.apply()
    key = KINDS[sample.kind].name_field
    project.manifest(sample.kind, "it", {one: value for one, value in sample.spec.items() if one != key})
    project.account.forget()

    assert project.plan()["changes"] == []
    project.apply()
    assert project.account.writes == []


def written(project: Project, sample: Sample, **changes: object) -> None:
    """The manifests of a sample."""
    project.manifest(sample.kind, "it", {**sample.spec, **changes})
    if sample.kind == "deployment":
        project.manifest("persona", "host", PERSONA)


def applied(project: Project, sample: Sample) -> str:
    """A project with one object of a kind, applied; its id."""
    written(project, sample)
    project.apply()
    project.account.advance(3600)
    project.account.forget()
    return project.bound(f"{sample.kind}/it")


def only(project: Project, sample: Sample) -> Body:
    """The one object of a kind that the account has."""
    (body,) = project.account.objects(sample.collection).values()
    return body


@every_kind
def test_it_is_made_once_and_left_alone_from_then_on(project: Project, sample: Sample) -> None:
    applied(project, sample)

    plan, again = project.plan(), project.apply()

    assert (plan["changes"], plan["drift"], plan["refused"]) == ([], [], [])
    assert "not kept" not in again.out + again.err
    assert project.account.writes == []
    assert len(project.account.objects(sample.collection)) == 1


@every_kind
def test_an_edit_of_the_manifest_is_sent_and_is_done(project: Project, sample: Sample) -> None:
    applied(project, sample)
    written(project, sample, **sample.edit)

    (change,) = project.plan()["changes"]
    project.apply()
    plan = project.plan()

    assert change["action"] == "update"
    assert sample.pointer in [one["path"] for one in change["fields"]]
    assert (plan["changes"], plan["drift"]) == ([], [])
    assert {one["method"] for one in project.account.writes} == {"PATCH"}
    assert len([one for one in project.account.sent if one[2]]) == 1


@every_kind
def test_an_edit_in_the_portal_is_drift_and_is_put_right(project: Project, sample: Sample) -> None:
    remote_id = applied(project, sample)
    key = sample.drift.removeprefix("/")
    before = only(project, sample)[key]
    project.account.portal(
        sample.collection, remote_id, {"op": "replace", "path": sample.drift, "value": "Of the portal"}
    )

    (drift,) = project.plan()["drift"]
    project.apply()

    assert [one["path"] for one in drift["fields"]] == [sample.drift]
    assert only(project, sample)[key] == before
    assert project.plan()["changes"] == []


@every_kind
def test_an_edit_in_the_portal_is_adopted(project: Project, sample: Sample) -> None:
    remote_id = applied(project, sample)
    project.account.portal(
        sample.collection, remote_id, {"op": "replace", "path": sample.drift, "value": "Of_the_portal"}
    )

    adopted = project.run("adopt", "--all")
    plan = project.plan()

    assert adopted.code == 0, adopted.err
    assert "Of_the_portal" in (project.root / f"manifests/{sample.kind}-it.yaml").read_text("utf-8")
    assert (plan["changes"], plan["drift"]) == ([], [])


BOOK: Body = {"name": "book_table", "description": "Book a table."}
TO_A_HOOK: list[Body] = [
    {"op": "replace", "path": "/trigger_type", "value": "post_call"},
    {"op": "replace", "path": "/origin", "value": None},
    {"op": "add", "path": "/delivery", "value": {"api": {"url": "https://hooks.example.com/book", "method": "POST"}}},
]
WITH_A_WORD: list[Body] = [
    {"op": "add", "path": "/on_call", "value": "static_filler"},
    {"op": "add", "path": "/static_filler", "value": "One moment."},
]


@pytest.mark.parametrize(
    ("spec", "edit", "added"),
    [
        ({"trigger_type": "in_call"}, TO_A_HOOK, "/delivery"),
        ({"on_call": "silent"}, WITH_A_WORD, "/static_filler"),
        ({"trigger_type": "in_call", "delivery": {"app_message": True}}, TO_A_HOOK, "/delivery/api"),
    ],
)
def test_adopt_adds_the_keys_that_an_adopted_value_needs(
    project: Project, spec: Body, edit: list[Body], added: str
) -> None:
    project.manifest("tool", "book", {**BOOK, **spec})
    project.apply()
    project.account.portal("tools", project.bound("tool/book"), *edit)

    previewed = project.run("adopt", "--all", "--dry-run")
    adopted = project.run("adopt", "--all")
    plan = project.plan()

    assert (previewed.code, adopted.code) == (0, 0), adopted.err
    assert added in adopted.err + adopted.out
    assert (plan["changes"], plan["drift"]) == ([], [])


@every_kind
def test_an_update_is_undone(project: Project, sample: Sample) -> None:
    applied(project, sample)
    before = only(project, sample)
    written(project, sample, **sample.edit)
    project.apply()
    run = project.run("undo").out.split()[0]
    written(project, sample)

    undone = project.run("undo", run, "--yes")
    plan = project.plan()
    after = only(project, sample)

    assert undone.code == 0, undone.out + undone.err
    shown = {key: value for key, value in after.items() if key != "updated_at"}
    assert {key: value or None for key, value in shown.items()} == {key: before.get(key) or None for key in shown}
    assert (plan["changes"], plan["drift"]) == ([], [])


@every_kind
def test_a_create_is_undone_by_a_delete(project: Project, sample: Sample) -> None:
    applied(project, sample)
    run = project.run("undo").out.split()[0]

    project.expect(0, "undo", run, "--yes", "--allow-deletes", "2" if sample.kind == "deployment" else "1")
    assert project.account.objects(sample.collection) == {}


@every_kind
def test_an_export_says_what_the_account_has(account: Account, tmp_path: Path, sample: Sample) -> None:
    first, second = (Project(tmp_path / name, account, dict(SECRETS)) for name in ("first", "second"))
    for one in (first, second):
        one.root.mkdir()
        one.write("tavusctl.yaml", "secrets: [HOOK_TOKEN, DOOR]\n")
    applied(first, sample)

    exported = second.run("export", "--format", "json")
    assert exported.code == 0, exported.err
    secrets = {secret["name"]: secret["path"] for one in exported.document["objects"] for secret in one["secrets"]}
    values = {"/delivery/api/auth/token": TOKEN, "/password": SECRETS["DOOR"]}
    second.environment.update({name: values[path] for name, path in secrets.items()})
    plan = second.plan()

    assert (plan["changes"], plan["drift"], plan["refused"]) == ([], [], [])
    assert {"tool": 1, "deployment": 1}.get(sample.kind, 0) == len(secrets)
    assert [one["managed"] for one in exported.document["objects"]] == (
        [sample.kind != "voice"] * len(exported.document["objects"])
    )
    text = "\n".join(path.read_text("utf-8", "replace") for path in second.root.rglob("*") if path.is_file())
    assert TOKEN not in text
    assert SECRETS["DOOR"] not in text


@every_kind
def test_an_object_is_imported_by_its_id_and_by_its_name(account: Account, tmp_path: Path, sample: Sample) -> None:
    first, second, third = (Project(tmp_path / name, account, dict(SECRETS)) for name in ("1", "2", "3"))
    for one in (first, second, third):
        one.root.mkdir()
        one.write("tavusctl.yaml", "secrets: [HOOK_TOKEN, DOOR]\n")
        written(one, sample)
    first.apply()
    account.advance(3600)
    account.forget()
    remote_id = first.bound(f"{sample.kind}/it")

    imported = second.run("import", f"{sample.kind}/it", remote_id)
    matched = third.run("import", "--match-names")

    assert (imported.code, second.bound(f"{sample.kind}/it")) == (0, remote_id), imported.err
    assert (matched.code, third.bound(f"{sample.kind}/it")) == (0, remote_id), matched.out + matched.err
    assert account.writes == []


@every_kind
@pytest.mark.parametrize("fault", ["answer lost", "429 after the change", "200 without a body"])
def test_one_object_whatever_the_answer_to_its_create(project: Project, sample: Sample, fault: str) -> None:
    project.environment.update(QUICK)
    written(project, sample)
    project.account.fault(match=f"POST {KINDS[sample.kind].collection}", **FAULTS[fault])

    project.apply()
    assert len(project.account.objects(sample.collection)) == 1
    assert actions(project) == {}


@every_kind
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_one_object_after_a_kill(project: Project, runner: Launcher, sample: Sample, method: str) -> None:
    killed = KillableProject(project.root, project.account, {**QUICK, **SECRETS}, runner)
    if method != "POST":
        applied(project, sample)
    if method == "PATCH":
        written(project, sample, **sample.edit)
    elif method == "DELETE":
        project.remove(sample.kind, "it")
        project.manifest("dictionary", "other", {"name": "Other"})
    else:
        written(project, sample)
    project.account.fault(match=f"{method} {KINDS[sample.kind].collection}*", kind="kill", phase="after")

    assert killed.run("apply", "--yes", *(["--allow-deletes", "1"] if method == "DELETE" else [])).code == KILLED
    project.apply()
    assert actions(project) == {}
    assert len(project.account.objects(sample.collection)) == (
        (method != "DELETE") + (method == "DELETE" and sample.kind == "dictionary")
    )


@every_kind
def test_what_is_removed_from_the_manifests_is_deleted(project: Project, sample: Sample) -> None:
    applied(project, sample)
    project.remove(sample.kind, "it")
    project.manifest("dictionary", "other", {"name": "Other"})

    project.apply("--allow-deletes", "1")

    assert sum("it" in str(one) for one in project.account.objects(sample.collection).values()) <= 1
    assert project.plan()["changes"] == []
    assert [one["path"] for one in project.account.writes if one["method"] == "DELETE"]


@every_kind
def test_an_account_of_the_older_api_is_told_plainly(project: Project, sample: Sample) -> None:
    project.account.switch(era="seed")
    written(project, sample)

    planned = project.run("plan")

    if sample.kind == "guardrail":  # its collection is there, and takes no single ones
        project.expect(5, "apply", "--yes")
    else:
        assert planned.code == 11
        assert "its API is older than the kind" in planned.err
    assert project.account.objects("guardrails") == {}


def test_the_older_api_is_not_asked_for_what_no_manifest_has(project: Project) -> None:
    project.account.switch(era="seed")
    project.manifest("persona", "host", PERSONA)
    project.manifest("persona", "other", PERSONA | {"persona_name": "Other"})
    project.apply_and_forget()

    project.plan()
    quiet = {one["path"] for one in project.account.requests}
    project.remove("persona", "host")
    project.apply("--allow-deletes", "1")

    assert not any("deployments" in path for path in quiet)
    assert list(project.account.objects("personas")) == [project.bound("persona/other")]


def test_the_example_of_a_newer_account_is_applied_and_quiet(account: Account, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples/newer-accounts", tmp_path / "example")
    example = Project(tmp_path / "example", account)

    checked = example.run("validate")
    example.apply()

    assert (checked.code, checked.out) == (0, "Valid.\n"), checked.out + checked.err
    assert example.plan()["changes"] == []


@pytest.mark.parametrize("ours", [True, False])
def test_a_persona_that_is_on_the_air_is_not_deleted(project: Project, account: Account, ours: bool) -> None:
    """By whomever the deployment was made; and it is said which one it is."""
    sample = SAMPLES["deployment"]
    project.manifest("persona", "host", PERSONA)
    project.manifest("persona", "other", PERSONA | {"persona_name": "Other"})
    if ours:
        project.manifest("deployment", "it", sample.spec)
    project.apply()
    if not ours:
        account.seed(deployments=[{"pal_id": project.bound("persona/host"), "channel": "embed", "name": "Theirs"}])
    project.remove("persona", "host")

    planned, applied = project.run("plan"), project.run("apply", "--yes", "--allow-deletes", "1")

    said = planned.out + planned.err + applied.out + applied.err
    assert (planned.code, applied.code) == ((10, 10) if ours else (4, 4)), said
    assert ("deployment/it" if ours else "Theirs") in said or "${ref:persona/host}" in said
    assert project.bound("persona/host") in account.objects("personas")


def test_stock_voices_and_system_tools_are_never_touched(project: Project, account: Account) -> None:
    """Some stock voices have no id at all; and an account may not know the words that leave them out."""
    stock = account.call("GET", "/v2/voices?limit=100").json()["data"]
    project.manifest("tool", "it", SAMPLES["tool"].spec)
    project.manifest("voice", "it", SAMPLES["voice"].spec)
    project.apply()

    imported = [
        project.run("import", "tool/end", "end_call"),
        project.run("import", "voice/stock", next(one["voice_id"] for one in stock if one["voice_id"])),
    ]
    exported = project.run("export", "--dry-run", "--format", "json")

    assert None in [one["voice_id"] for one in stock]
    assert [one.code for one in imported] == [4, 4]
    assert "stock" in imported[0].err
    assert "end_call" not in exported.out


def test_a_set_is_no_single_guardrail_and_the_other_way_round(project: Project) -> None:
    project.manifest("guardrail", "it", SAMPLES["guardrail"].spec)
    project.account.switch(set_app_message=False)
    project.manifest("guardrails", "set", {"name": "Set", "data": [{"guardrail_name": "a", "guardrail_prompt": "b"}]})
    project.apply()
    single, rules = project.bound("guardrail/it"), project.bound("guardrails/set")
    for address in ("guardrail/it", "guardrails/set"):
        project.expect(0, "state", "rm", address)

    wrong = [project.run("import", "guardrail/it", rules), project.run("import", "guardrails/set", single)]
    right = project.run("import", "--match-names")

    assert [one.code for one in wrong] == [11, 11], wrong
    assert "is not a guardrail" in wrong[0].err
    assert right.code == 0, right.out + right.err
    assert (project.bound("guardrail/it"), project.bound("guardrails/set")) == (single, rules)
    assert project.plan()["changes"] == []


def test_a_name_that_the_account_has_is_not_made_twice(project: Project, account: Account) -> None:
    sample = SAMPLES["tool"]
    account.seed(tools=[{"name": "book_table", "description": "Another."}])
    project.manifest("tool", "it", sample.spec)

    planned = project.run("plan")
    adopted = project.run("apply", "--yes", "--import-existing")

    assert planned.code == 4
    assert "book_table" in planned.out + planned.err or "tool/it" in planned.out + planned.err
    assert adopted.code == 0, adopted.out + adopted.err
    (tool,) = account.objects("tools").values()
    assert tool["description"] == "Book a table."


def test_a_name_that_somebody_took_meanwhile_is_told(project: Project, account: Account) -> None:
    project.environment.update(QUICK)
    project.manifest("tool", "it", SAMPLES["tool"].spec)
    body = {"error": "A tool named book_table already exists"}
    account.fault(match="POST /v2/tools", kind="status", status=409, body=body)

    applied = project.expect(4, "apply", "--yes")

    assert "the account has this name already" in applied.out + applied.err
    project.apply()


@pytest.mark.needs("corpus")
def test_bodies_that_people_send_are_applied_quiet_and_exported(account: Account, tmp_path: Path) -> None:
    first, second = (Project(tmp_path / name, account, {"KEY": TOKEN}) for name in ("first", "second"))
    for one in (first, second):
        one.root.mkdir()
        one.write("tavusctl.yaml", "secrets: [KEY]\n")
    first.manifest("persona", "host", PERSONA)
    for path in sorted((Path(os.environ["TAVUSCTL_CORPUS"]) / "today").glob("*.json")):
        kind, body = path.stem.partition("-")[0], json.loads(path.read_text("utf-8"))
        if kind not in SAMPLES or not isinstance(body, dict):
            continue
        spec = {key: value for key, value in body.items() if key not in KINDS[kind].computed}
        if kind == "deployment":
            spec["persona_id"] = "${ref:persona/host}"
            del spec["pal_id"]
        if kind == "tool":
            spec["name"] += f"_{path.stem.rpartition('-')[2]}"  # one name is in two of them
        text = json.dumps(spec).replace('"REDACTED"', '"${secret:KEY}"')
        first.manifest(kind, path.stem, json.loads(text))

    checked = first.run("validate", "--ignore", "TV2")
    applied = first.run("apply", "--yes")
    account.forget()
    plan, again = first.plan(), first.run("apply", "--yes")
    exported = second.run("export", "--format", "json")
    secrets = [secret for one in exported.document["objects"] for secret in one["secrets"]]
    known = {one["name"]: TOKEN if "/auth/" in one["path"] else "application/json" for one in secrets}
    second.environment.update(known)
    other = second.plan()

    assert checked.code == 0, checked.out
    assert applied.code == 0, applied.out
    assert (plan["changes"], plan["drift"], again.code, account.writes) == ([], [], 0, [])
    assert len(exported.document["objects"]) == len(plan_addresses(first))
    ours = [one for one in exported.document["objects"] if one["address"].partition("/")[0] in SAMPLES]
    assert [field for one in ours for field in one["left_out"]] == []
    assert (other["changes"], other["drift"], other["refused"]) == ([], [], [])


def plan_addresses(project: Project) -> list[str]:
    """Everything that the project has bound."""
    return list(project.run("state", "list", "--format", "json").document)


@pytest.mark.parametrize("change", [{}, {"description": None}])
def test_the_description_of_a_voice_is_cleared_by_null(project: Project, account: Account, change: Body) -> None:
    """No page says that an empty text clears it."""
    written(project, SAMPLES["voice"], description="Warm and slow.")
    project.apply()
    account.forget()
    written(project, SAMPLES["voice"], **change)

    project.apply()

    assert [one["body"] for one in account.writes] == [{"description": None}]
    assert project.plan()["changes"] == []


def test_another_recording_is_another_voice(project: Project, account: Account) -> None:
    old = applied(project, SAMPLES["voice"])
    written(project, SAMPLES["voice"], train_audio_url="https://example.com/anna-2.mp3")

    changes = [one["action"] for one in project.plan()["changes"]]
    begun = project.run("apply", "--yes")
    account.advance(3600)
    project.apply()

    assert changes == ["replace", "retire"]
    assert begun.code in (0, 5), begun.out + begun.err
    assert list(account.objects("voices")) == [project.bound("voice/it")] != [old]
    assert project.plan()["changes"] == []


def test_a_tool_that_is_made_late_is_found_by_the_name_that_it_takes(project: Project, account: Account) -> None:
    """The second attempt is refused because the first one was carried out after all."""
    project.environment.update(QUICK)
    project.manifest("tool", "it", SAMPLES["tool"].spec)
    account.fault(match="POST /v2/tools", kind="late", seconds=2)

    first = project.run("apply", "--yes")
    account.advance(10)
    last = project.run("apply", "--yes")

    assert (first.code in (0, 4, 6), last.code) == (True, 0), first.out + first.err + last.out + last.err
    assert len(account.objects("tools")) == 1
    assert project.plan()["changes"] == []
