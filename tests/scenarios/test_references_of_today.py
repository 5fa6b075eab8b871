"""References that only accounts of today have: what is made first, what follows a replacement, what may be deleted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from msgspec import Struct

from tests.crash import ten_kinds
from tests.scenarios.project import Account, Body, Project
from tests.scenarios.twenty import QUICK

pytestmark = pytest.mark.newer_api

PERSONA: Body = {"persona_name": "Host", "system_prompt": "You host."}
FACE: Body = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}
TARGETS: dict[str, tuple[str, Body]] = {
    "voice": ("voices", {"voice_name": "Anna", "train_audio_url": "https://example.com/anna.mp3"}),
    "dictionary": ("dictionaries", {"name": "Brands", "rules": []}),
    "guardrail": ("single_guardrails", {"guardrail_name": "No advice", "guardrail_prompt": "Gives advice."}),
    "tool": ("tools", {"name": "book_table", "description": "Book a table."}),
    "persona": ("personas", PERSONA),
}


class Case(Struct, frozen=True):
    """A field that refers, in the manifest of an object whose name begins behind that of what it refers to."""

    target: str
    user: str
    collection: str
    spec: Body
    place: str  # where the id stands in what the account has
    bare: Body  # the same manifest without the reference, or with another
    without: object = None  # what stands there then


def voiced(**spoken: object) -> Body:
    return {**PERSONA, "layers": {"tts": {"tts_engine": "cartesia", **spoken}}}


CASES = {
    "voice_id": Case(
        "voice", "persona", "personas", voiced(voice_id="${ref:voice/it}"), "/layers/tts/voice_id", voiced()
    ),
    "pronunciation_dictionary_id": Case(
        "dictionary",
        "persona",
        "personas",
        voiced(pronunciation_dictionary_id="${ref:dictionary/it}"),
        "/layers/tts/pronunciation_dictionary_id",
        voiced(),
    ),
    "guardrail_ids": Case(
        "guardrail",
        "persona",
        "personas",
        {**PERSONA, "guardrail_ids": ["${ref:guardrail/it}"]},
        "/guardrail_ids/0",
        {**PERSONA, "guardrail_ids": []},
    ),
    "tool_ids": Case(
        "tool",
        "persona",
        "personas",
        {**PERSONA, "tool_ids": ["${ref:tool/it}"]},
        "/tool_ids/0",
        {**PERSONA, "tool_ids": []},
    ),
    "deployment": Case(
        "persona",
        "deployment",
        "deployments",
        {"name": "Site", "persona_id": "${ref:persona/it}", "channel": "widget"},
        "/pal_id",
        {"name": "Site", "persona_id": "${ref:persona/other}", "channel": "widget"},
    ),
    "default_voice_id": Case(
        "voice",
        "replica",
        "replicas",
        {**FACE, "default_voice_id": "${ref:voice/it}"},
        "/default_voice_id",
        {**FACE, "default_voice_id": "${ref:voice/other}"},
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture
def project(account: Account, tmp_path: Path) -> Project:
    """An empty project on an account of today, where nothing takes time."""
    account.switch(era="today", references="reject", training_seconds=0, voice_seconds=0, processing_seconds=0)
    return Project(tmp_path, account, {**QUICK})


def written(project: Project, case: Case) -> None:
    """The manifests of a case: what refers, and what is referred to, and one more of that kind."""
    target = TARGETS[case.target][1]
    name = next(key for key in target if key.endswith("name"))
    project.manifest(case.target, "it", target)
    project.manifest(case.target, "other", {**target, name: "other"})
    project.manifest(case.user, "user", case.spec)


def shown(project: Project, case: Case) -> object:
    """What the account has where the case refers."""
    found: object = project.account.objects(case.collection)[project.bound(f"{case.user}/user")]
    for key in case.place.split("/")[1:]:
        if isinstance(found, list):
            found = found[int(key)] if len(found) > int(key) else None
        else:
            assert isinstance(found, dict)
            found = found.get(key)
    return found


def ids(project: Project) -> dict[str, str]:
    bound: dict[str, str] = project.run("state", "list", "--format", "json").document
    return bound


@every_case
def test_what_is_referred_to_is_made_first_and_the_next_plan_is_empty(project: Project, case: Case) -> None:
    written(project, case)

    project.apply()

    assert shown(project, case) == project.bound(f"{case.target}/it")
    plan = project.plan()
    assert (plan["changes"], plan["drift"], plan["refused"]) == ([], [], [])
    project.account.forget()
    project.apply()
    assert project.account.writes == []


@every_case
def test_what_is_referred_to_is_not_deleted_while_a_manifest_names_it(project: Project, case: Case) -> None:
    written(project, case)
    project.apply()
    project.remove(case.target, "it")
    project.account.forget()

    result = project.expect(10, "apply", "--yes", "--allow-deletes", "1")

    assert f"{case.target}/it" in result.err
    assert project.account.writes == []


@every_case
def test_what_nobody_refers_to_any_more_goes_after_its_users_have_let_go(project: Project, case: Case) -> None:
    """But for the voice that a face was made with: that stays as long as the face does."""
    written(project, case)
    project.apply()
    old = project.bound(f"{case.target}/it")
    project.remove(case.target, "it")
    project.manifest(case.user, "user", case.bare)
    project.account.forget()

    planned, result = project.run("plan"), project.run("apply", "--yes", "--allow-deletes", "1")

    collection = TARGETS[case.target][0]
    if case.user == "replica":
        assert (planned.code, result.code) == (4, 4), planned.out
        assert "replica/user was created with it and depends on it permanently" in planned.out
        assert "tavusctl state rm voice/it" in planned.out
        assert old in project.account.objects(collection)
        project.expect(0, "state", "rm", "voice/it")
        project.apply()
        assert shown(project, case) == project.bound("voice/other")
    else:
        assert result.code == 0, result.out + result.err
        assert old not in project.account.objects(collection)
        assert shown(project, case) != old
        let_go = [one["path"].endswith(old) and one["method"] == "DELETE" for one in project.account.writes]
        assert let_go[-1]
    assert (project.plan()["changes"], project.plan()["refused"]) == ([], [])


@every_case
def test_what_is_forgotten_is_no_edit_of_those_that_refer_to_it(project: Project, case: Case) -> None:
    written(project, case)
    project.apply()
    old = project.bound(f"{case.target}/it")
    project.expect(0, "state", "rm", f"{case.target}/it")

    project.expect(0, "import", f"{case.target}/it", old)
    again = project.plan()
    project.expect(0, "state", "rm", f"{case.target}/it")
    project.remove(case.target, "it")
    project.manifest(case.user, "user", case.bare)
    project.apply()

    assert (again["changes"], again["drift"], again["refused"]) == ([], [], [])
    assert old in project.account.objects(TARGETS[case.target][0])
    assert shown(project, case) != old
    assert project.plan()["changes"] == []


@every_case
def test_what_a_stranger_refers_to_is_not_deleted_and_the_stranger_is_named(project: Project, case: Case) -> None:
    written(project, case)
    project.apply()
    document = project.account.objects(case.collection)[project.bound(f"{case.user}/user")]
    (theirs,) = project.account.seed(
        **{
            case.collection: [
                {
                    key: value
                    for key, value in document.items()
                    if not key.endswith("_id") or key in ("pal_id", "default_voice_id")
                }
            ]
        }
    )[case.collection]
    project.remove(case.target, "it")
    project.manifest(case.user, "user", case.bare)

    result = project.expect(4, "apply", "--yes", "--allow-deletes", "1")

    assert theirs in result.out
    assert ids(project)[f"{case.target}/it"] in project.account.objects(TARGETS[case.target][0])


@every_case
def test_an_export_writes_the_reference(project: Project, case: Case, tmp_path: Path) -> None:
    written(project, case)
    project.apply()
    (tmp_path / "other").mkdir()
    other = Project(tmp_path / "other", project.account, project.environment)

    assert other.run("export").code == 0

    text = "".join(path.read_text("utf-8") for path in other.root.rglob("*.yaml"))
    assert project.bound(f"{case.target}/it") not in re.sub(r"(?m)^id: .*$", "", text)
    if case.user != "replica":  # what trained it is nowhere to be read: it is exported as external
        assert "${ref:" + case.target + "/" in text
    plan = other.plan()
    assert (plan["changes"], plan["drift"], plan["refused"]) == ([], [], [])


VOICED = {key: one for key, one in CASES.items() if one.target == "voice"}


@pytest.mark.parametrize("seconds", [0, 60], ids=["at once", "minutes later"])
@pytest.mark.parametrize("case", VOICED.values(), ids=VOICED)
def test_a_replaced_voice_is_spoken_with_before_the_old_one_goes(project: Project, case: Case, seconds: int) -> None:
    written(project, case)
    project.apply()
    old = project.bound("voice/it")
    project.account.switch(era="today", voice_seconds=seconds, training_seconds=0)
    project.manifest("voice", "it", {**TARGETS["voice"][1], "train_audio_url": "https://example.com/anna-2.mp3"})
    project.account.forget()

    first = project.run("apply", "--yes")
    if seconds:
        assert (shown(project, case), old in project.account.objects("voices")) == (old, True)
        project.account.advance(seconds)
    second = project.apply()

    new = project.bound("voice/it")
    assert first.code == 0 or seconds, first.out + first.err
    assert new != old
    assert shown(project, case) == new
    plan = project.plan()
    assert (plan["changes"], plan["refused"]) == ([], [])
    deleted = [one["path"] for one in project.account.writes if one["method"] == "DELETE"]
    if case.user == "replica":
        assert (deleted, old in project.account.objects("voices")) == ([], True)
        assert f"the old version {old} is kept, because replica/user" in first.out + second.out + second.err
    else:
        assert deleted == [f"/v2/voices/{old}"]
        assert project.account.writes[-1]["method"] == "DELETE"
        assert project.account.control("GET", "violations")["violations"] == []


def test_an_id_that_leads_nowhere_is_refused_and_its_user_has_not_disappeared(project: Project) -> None:
    spec = {"persona_name": "Coach", "system_prompt": "You coach."}
    project.manifest("persona", "coach", {**spec, "default_replica_id": "rfe12d8b9597"})
    project.apply()
    project.manifest("persona", "coach", {**spec, "default_replica_id": "rfe12d8b9598"})

    result = project.expect(5, "apply", "--yes")

    assert "was refused with 400: Invalid replica_" in result.out
    assert "disappeared" not in result.out + result.err


def test_a_deployment_moves_to_another_persona_in_place(project: Project) -> None:
    case = CASES["deployment"]
    written(project, case)
    project.apply()
    before = project.bound("deployment/user")
    project.manifest("deployment", "user", case.bare)
    project.account.forget()

    project.apply()

    assert (project.bound("deployment/user"), shown(project, case)) == (before, project.bound("persona/other"))
    ((method, _, body),) = project.account.sent
    assert (method, [one["path"] for one in body]) == ("PATCH", ["/pal_id"])


def test_a_deployment_takes_either_name_of_its_persona_and_not_both(project: Project) -> None:
    case = CASES["deployment"]
    written(project, case)
    project.apply()
    spec = {key: value for key, value in case.spec.items() if key != "persona_id"}
    project.manifest("deployment", "user", {**spec, "pal_id": "${ref:pal/it}"})
    project.account.forget()

    assert project.plan()["changes"] == []
    project.apply()
    assert project.account.writes == []
    project.manifest("deployment", "user", {**spec, "pal_id": "${ref:persona/other}"})
    project.apply()
    assert shown(project, case) == project.bound("persona/other")
    project.edit_in_portal("deployment/user", "/pal_id", project.bound("persona/it"))
    project.expect(0, "adopt", "--all")
    text = json.loads((project.root / "manifests/deployment-user.yaml").read_text("utf-8"))
    assert text["spec"]["pal_id"] == "${ref:persona/it}"
    project.manifest("deployment", "user", {**case.spec, "pal_id": "${ref:persona/it}"})
    wrong = project.run("validate")
    assert wrong.code != 0
    assert "`persona_id` and `pal_id`" in wrong.out + wrong.err


@pytest.mark.parametrize("agreed", [True, False])
def test_a_voice_goes_after_the_face_that_was_made_with_it_and_not_without(project: Project, *, agreed: bool) -> None:
    written(project, CASES["default_voice_id"])
    project.apply()
    project.remove("replica", "user")
    project.remove("voice", "it")
    project.account.forget()

    allowed = ["--allow-deletes", "2", *(["--allow-replica-delete", "replica/user"] if agreed else [])]
    result = project.run("apply", "--yes", *allowed)

    if agreed:
        assert result.code == 0, result.out + result.err
        gone = [one["path"].split("/")[2] for one in project.account.writes if one["method"] == "DELETE"]
        assert gone == ["replicas", "voices"]
    else:
        assert result.code == 4
        assert "still referred to by replica/user after this plan" in result.out
        assert project.account.writes == []


def test_all_ten_kinds_are_destroyed_users_first(project: Project) -> None:
    project.environment.update(ten_kinds.SECRETS)
    ten_kinds.write_first(project)
    project.apply_and_forget()

    project.expect(0, "destroy", "--yes", "--allow-deletes", "15", "--allow-replica-delete", "replica/r1")
    assert project.run("state", "list", "--format", "json").document == {}
    deleted = [one["path"].split("/")[2] for one in project.account.writes if one["method"] == "DELETE"]
    assert len(deleted) == 15
    assert {one["status"] for one in project.account.writes} <= {200, 204}
    order = [deleted.index(one) for one in ("deployments", "personas", "replicas")]
    assert order == sorted(order)
    assert order[-1] < deleted.index("voices")


DECK: Body = {"document_name": "Deck", "document_url": "https://example.com/deck.pdf"}


@pytest.mark.parametrize(("kind", "spec"), [("document", DECK), ("tool", TARGETS["tool"][1])])
def test_what_a_stranger_uses_in_a_part_that_lists_lack_is_not_deleted(project: Project, kind: str, spec: Body) -> None:
    project.manifest("guardrail", "rule", TARGETS["guardrail"][1])
    project.manifest(kind, "it", spec)
    project.apply()
    used = project.bound(f"{kind}/it")
    skills = {"presentation": {"config": {"document_ids": [used]}}}
    part = {"skills": skills} if kind == "document" else {"tool_ids": [used]}
    (theirs,) = project.account.seed(personas=[{**PERSONA, **part}])["personas"]
    project.account.switch(personas_list="short")
    project.remove(kind, "it")

    refused = project.expect(4, "apply", "--yes", "--allow-deletes", "0")

    assert f"still referred to by persona {theirs}" in refused.out
    assert used in project.account.objects(f"{kind}s")


def test_an_undo_reads_only_the_objects_of_its_run_by_id(project: Project) -> None:
    """What it does not delete needs no search for who refers to it."""
    project.manifest("document", "deck", DECK)
    for number in range(9):
        project.manifest("persona", f"p{number}", {**PERSONA, "persona_name": f"P{number}"})
    project.apply()
    project.manifest("persona", "p3", {**PERSONA, "persona_name": "P3", "system_prompt": "Edited."})
    project.apply()
    project.account.switch(personas_list="short")
    edited = project.bound("persona/p3")
    run = project.run("undo").out.split()[0]
    project.account.forget()

    undone = project.run("undo", run, "--yes")

    paths = [one["path"] for one in project.account.requests]
    read = {path.split("/")[3] for path in paths if path.startswith(("/v2/personas/", "/v2/pals/"))}
    assert (undone.code, read) == (0, {edited}), undone.out


def test_an_undo_does_not_delete_what_a_stranger_uses_in_a_part_that_lists_lack(project: Project) -> None:
    project.manifest("document", "deck", DECK)
    project.apply()
    skills = {"presentation": {"config": {"document_ids": [project.bound("document/deck")]}}}
    (theirs,) = project.account.seed(personas=[{**PERSONA, "skills": skills}])["personas"]
    project.account.switch(personas_list="short")

    refused = project.run("undo", project.run("undo").out.split()[0], "--yes", "--allow-deletes", "0")

    assert (refused.code, f"still referred to by persona {theirs}" in refused.out) == (4, True), refused.out


def test_an_old_version_that_a_part_shows_which_lists_lack_is_kept(project: Project) -> None:
    project.manifest("document", "deck", DECK)
    project.apply()
    old = project.bound("document/deck")
    skills = {"presentation": {"config": {"document_ids": [old]}}}
    (theirs,) = project.account.seed(personas=[{**PERSONA, "skills": skills}])["personas"]
    project.account.switch(personas_list="short")
    project.manifest("document", "deck", {**DECK, "document_url": "https://example.com/new.pdf"})

    replaced = project.apply()

    assert f"persona {theirs} still refers to it" in replaced.out
    assert old in project.account.objects("documents")
