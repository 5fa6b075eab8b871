"""Replicas: trained once, renamed in place, and neither trained anew nor deleted unless named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.scenarios.project import Project

VIDEO = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}
ANEW = {**VIDEO, "train_video_url": "https://example.com/anna-2.mp4"}
TRAINING = 5 * 3600


@pytest.fixture
def anna(project: Project) -> Project:
    """A trained replica, and a persona that shows it."""
    project.manifest("replica", "anna", {**VIDEO, "consent_video_url": "https://example.com/consent.mp4"})
    person = {"persona_name": "Coach", "system_prompt": "You coach.", "default_replica_id": "${ref:replica/anna}"}
    project.manifest("persona", "coach", person)
    project.apply()
    project.account.advance(TRAINING)
    project.account.forget()
    return project


def trained_anew(project: Project) -> tuple[str, str]:
    """The old id and the new one, once the new half is in use."""
    old = project.bound("replica/anna")
    project.manifest("replica", "anna", ANEW)
    project.apply("--allow-replace", "replica/anna")
    project.account.advance(TRAINING)
    project.apply()
    return old, project.bound("replica/anna")


def deleted(project: Project) -> list[str]:
    return [path for method, path, _ in project.account.sent if method == "DELETE"]


def test_a_rename_is_one_call(anna: Project) -> None:
    anna.manifest(
        "replica", "anna", {**VIDEO, "replica_name": "Anne", "consent_video_url": "https://example.com/consent.mp4"}
    )
    anna.apply()

    path = f"/v2/replicas/{anna.bound('replica/anna')}/name"
    assert anna.account.sent == [("PATCH", path, {"replica_name": "Anne"})]


def test_a_change_of_training_inputs_is_refused_unless_named(anna: Project) -> None:
    anna.manifest("replica", "anna", ANEW)

    refused = anna.run("apply", "--yes")

    assert (refused.code, anna.account.writes) == (4, [])
    assert "--allow-replace replica/anna" in refused.out


def test_the_old_half_of_a_new_training_is_kept_until_it_is_named(anna: Project) -> None:
    old, new = trained_anew(anna)
    kept = anna.run("plan")
    left = set(anna.account.objects("replicas"))
    anna.apply("--allow-replica-delete", "replica/anna")

    assert left == {old, new}
    assert kept.code == 0
    assert f"the old version {old} is kept" in kept.out
    assert "run `tavusctl apply --allow-replica-delete replica/anna` to delete it" in kept.out
    assert set(anna.account.objects("replicas")) == {new}
    assert deleted(anna) == [f"/v2/replicas/{old}"]


def test_a_training_that_was_confirmed_needs_no_other_word(anna: Project) -> None:
    anna.manifest("replica", "anna", ANEW)
    anna.apply_and_forget("--allow-replace", "replica/anna")

    commands = ("plan",), ("plan", "--finish"), ("apply", "--yes"), ("apply", "--yes", "--finish")
    said = [anna.run(*command) for command in commands]

    assert ({one.code for one in said}, anna.account.writes) == ({0}, []), said
    assert not any("refused" in one.out for one in said)
    assert "deferred replace replica/anna" in said[-1].out
    assert "the old version stays in use" in said[-1].out
    anna.account.advance(TRAINING)
    anna.apply("--finish")
    (coach,) = anna.account.objects("personas").values()
    assert coach["default_replica_id"] == anna.bound("replica/anna")


@pytest.mark.parametrize("ready", [True, False])
def test_a_replacement_that_was_taken_back_does_not_come_into_use(anna: Project, *, ready: bool) -> None:
    old, consent = anna.bound("replica/anna"), {"consent_video_url": "https://example.com/consent.mp4"}
    anna.manifest("replica", "anna", ANEW | consent)
    anna.apply("--allow-replace", "replica/anna")
    (new,) = set(anna.account.objects("replicas")) - {old}
    anna.manifest("replica", "anna", VIDEO | consent)
    anna.account.advance(TRAINING if ready else 0)
    anna.account.forget()

    ended = anna.run("apply", "--yes")

    assert (ended.code, anna.account.writes) == (0, []), ended.out
    assert f"{new} is kept" in ended.out
    anna.account.advance(TRAINING)
    assert anna.plan("--detailed-exitcode")["changes"] == []
    assert anna.bound("replica/anna") == old
    (coach,) = anna.account.objects("personas").values()
    assert coach["default_replica_id"] == old
    anna.apply("--allow-replica-delete", "replica/anna")
    assert deleted(anna) == [f"/v2/replicas/{new}"]


def test_a_name_that_changes_while_a_new_one_is_trained_takes_nothing_back(anna: Project) -> None:
    old, consent = anna.bound("replica/anna"), {"consent_video_url": "https://example.com/consent.mp4"}
    anna.manifest("replica", "anna", ANEW | consent)
    anna.apply("--allow-replace", "replica/anna")
    anna.manifest("replica", "anna", {**ANEW, **consent, "replica_name": "Anne"})
    anna.account.advance(TRAINING)
    anna.apply()

    assert anna.bound("replica/anna") != old
    assert anna.plan("--detailed-exitcode")["changes"] == []


def test_a_plan_file_shows_the_delete_of_an_old_half_only_when_it_was_named(anna: Project) -> None:
    old, new = trained_anew(anna)
    anna.run("plan", "--out", "without.json")
    anna.run("plan", "--out", "with.json", "--allow-replica-delete", "replica/anna")

    unnamed = anna.run("apply", "without.json")
    untouched = set(anna.account.objects("replicas"))
    beside = anna.run("apply", "without.json", "--allow-replica-delete", "replica/anna")
    named = anna.run("apply", "with.json")

    assert (unnamed.code, untouched) == (0, {old, new})
    assert beside.code == 12, "what is deleted is named when the plan is made, where it can be reviewed"
    assert (named.code, set(anna.account.objects("replicas"))) == (0, {new})


def test_no_command_deletes_a_replica_that_was_not_named(anna: Project) -> None:
    """Not by its manifest being gone, nor by destroy, nor by undo of its creation."""
    (run, *_) = (line.split()[0] for line in anna.run("undo").out.splitlines())
    replica = set(anna.account.objects("replicas"))
    destroyed = anna.run("destroy", "--yes", "--allow-deletes", "1")
    anna.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    anna.apply()
    undone = anna.run("undo", run, "--yes", "--allow-deletes", "1")
    anna.remove("replica", "anna")
    orphaned = anna.run("apply", "--yes", "--allow-deletes", "1")

    assert set(anna.account.objects("replicas")) == replica
    assert destroyed.code == 4
    assert undone.code in (3, 4)
    assert orphaned.code == 4
    assert "/v2/replicas" not in "".join(deleted(anna))


def link(end: datetime) -> str:
    """A link of S3 that works for an hour, until a moment."""
    begin = f"{end - timedelta(hours=1):%Y%m%dT%H%M%SZ}"
    return f"https://b.s3.amazonaws.com/a.mp4?X-Amz-Date={begin}&X-Amz-Expires=3600&X-Amz-Signature=abcdef123456"


@pytest.mark.parametrize("field", ["train_video_url", "consent_video_url"])
def test_a_link_that_ends_within_a_day_is_refused_before_anything_is_sent(project: Project, field: str) -> None:
    now = datetime.now(UTC)
    soon, past = now + timedelta(hours=23), now - timedelta(minutes=5)
    project.manifest("replica", "anna", {**VIDEO, field: link(soon)})
    early = project.run("apply", "--yes")
    project.manifest("replica", "anna", {**VIDEO, field: link(past)})
    late = project.run("plan")
    project.manifest("replica", "anna", {**VIDEO, field: link(now + timedelta(hours=25))})
    good = project.run("plan")

    assert (early.code, late.code, good.code) == (4, 4, 0)
    assert project.account.writes == []
    assert f"the signed URL in `{field}` expires at {soon:%Y-%m-%d %H:%M} UTC" in early.out
    assert f"the signed URL in `{field}` expired at {past:%Y-%m-%d %H:%M} UTC" in late.out
    assert "abcdef123456" not in early.out + late.out + good.out


def test_a_link_that_has_been_used_may_end(project: Project) -> None:
    """Only what is about to be sent is judged, by the server's clock."""
    project.manifest("replica", "anna", {**VIDEO, "train_video_url": link(datetime.now(UTC) + timedelta(hours=30))})
    project.apply()
    project.account.advance(48 * 3600)

    project.expect(0, "plan", "--detailed-exitcode")


@pytest.mark.parametrize("model", ["phoenix-3", "phoenix-4"])
def test_a_model_that_a_server_chooses_trains_nothing_anew_by_coming_or_going(project: Project, model: str) -> None:
    project.manifest("replica", "anna", {**VIDEO, "model_name": model})
    project.apply()
    created, *_ = project.account.writes
    assert created["body"]["model_name"] == model
    for spec in (VIDEO, {**VIDEO, "model_name": model}):
        project.manifest("replica", "anna", spec)
        assert project.plan()["changes"] == project.plan()["refused"] == []
    project.manifest("replica", "anna", {**VIDEO, "model_name": "phoenix-2"})
    (refused,) = project.plan()["refused"]
    assert refused["address"] == "replica/anna"


@pytest.mark.newer_api
def test_a_training_with_another_external_voice_is_paid_for_once(project: Project) -> None:
    sound = {"voice_name": "Theirs", "train_audio_url": "https://example.com/theirs.mp3"}
    first, second = project.account.seed(voices=[sound, sound])["voices"]
    voice = "kind: voice\nname: theirs\nexternal: true\nid: {}\n"
    project.write("manifests/voice-theirs.yaml", voice.format(first))
    project.manifest("replica", "anna", {**VIDEO, "default_voice_id": "${ref:voice/theirs}"})
    project.apply()
    project.account.advance(TRAINING)
    project.write("manifests/voice-theirs.yaml", voice.format(second))
    project.manifest("replica", "anna", {**ANEW, "default_voice_id": "${ref:voice/theirs}"})
    project.apply("--allow-replace", "replica/anna")
    trained = set(project.account.objects("replicas"))

    again = project.run("apply", "--yes", "--allow-replace", "replica/anna")

    assert (again.code, set(project.account.objects("replicas"))) == (0, trained), again.out
    assert project.plan()["refused"] == []
    project.account.advance(TRAINING)
    project.apply()
    assert project.plan()["drift"] == []
    assert project.account.objects("replicas")[project.bound("replica/anna")]["default_voice_id"] == second


@pytest.mark.newer_api
def test_a_targeted_replacement_takes_along_what_the_new_version_refers_to(anna: Project) -> None:
    anna.manifest("voice", "calm", {"voice_name": "Calm", "train_audio_url": "https://example.com/calm.mp3"})
    anna.manifest("replica", "anna", {**ANEW, "default_voice_id": "${ref:voice/calm}"})

    anna.apply("--target", "replica/anna", "--allow-replace", "replica/anna")

    assert [path for method, path, _ in anna.account.sent if method == "POST"] == ["/v2/voices", "/v2/replicas"]
