"""Names, values and list items that the API has today, over HTTP: both names of a field, values nobody knows yet."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from tavusctl.reports.formats import REPORTS
from tests.scenarios.project import Account, Body, Project

pytestmark = pytest.mark.newer_api

# Annotations have the place as properties of a command, and the JSON document is on stdout.
REFUSED_IN = [name for name in REPORTS if name not in {"github", "json"}]
FLOW = "/layers/conversational_flow"
PAL: Body = {
    "pal_name": "Coach",
    "pal_description": "Coaches sales people.",
    "system_prompt": "You coach.",
    "layers": {"conversational_flow": {"turn_taking_patience": "low", "pal_interruptibility": "high"}},
}
RULES: Body = {
    "name": "Rules",
    "data": [
        {"guardrail_name": "calm", "guardrail_prompt": "Stay calm."},
        {"guardrail_name": "kind", "guardrail_prompt": "Be kind."},
    ],
}


@pytest.fixture
def today(project: Project) -> Project:
    """A project on an account of today."""
    project.account.switch(era="today")
    return project


def pal(project: Project, **spec: Any) -> None:
    """The manifest `pal/coach`, which is `persona/coach`."""
    document = {"kind": "pal", "name": "coach", "spec": {**PAL, **spec}}
    project.write("manifests/coach.yaml", json.dumps(document, indent=2))


@pytest.mark.parametrize("shown", ["path", "pal", "face", "replica"])
def test_newer_names_are_applied_and_quiet_whatever_reads_call_them(today: Project, shown: str) -> None:
    """A patch writes the name that the read shows; the next plan is empty."""
    account = today.account
    account.switch(interruptibility=shown)
    pal(today)
    today.apply()
    (remote_id,) = account.objects("personas")
    assert today.plan()["changes"] == []

    pal(today, layers={"conversational_flow": {"turn_taking_patience": "low", "pal_interruptibility": "low"}})
    account.forget()
    today.apply()

    (patch,) = [one["body"] for one in account.writes]
    name = {"path": "replica"}.get(shown, shown)
    assert [one["path"] for one in patch if one["op"] == "replace"] == [f"{FLOW}/{name}_interruptibility"]
    assert account.objects("personas")[remote_id]["layers"]["conversational_flow"]["replica_interruptibility"] == "low"
    assert today.plan()["changes"] == []


@pytest.mark.parametrize("shown", ["pal", "face"])
def test_an_edit_in_the_portal_is_drift_and_adopted_under_the_name_that_the_manifest_has(
    today: Project, shown: str
) -> None:
    account = today.account
    account.switch(interruptibility=shown)
    pal(today)
    today.apply()
    remote_id = today.bound("persona/coach")
    edits = [
        {"op": "replace", "path": f"{FLOW}/replica_interruptibility", "value": "medium"},
        {"op": "replace", "path": "/persona_name", "value": "Trainer"},
    ]
    account.portal("personas", remote_id, *edits)

    (drift,) = today.plan()["drift"]
    adopted = today.run("adopt", "pal/coach")

    text = (today.root / "manifests/coach.yaml").read_text()
    assert {one["path"] for one in drift["fields"]} == {"/persona_name", f"{FLOW}/replica_interruptibility"}
    assert adopted.code == 0, adopted.err
    assert '"pal_name": "Trainer"' in text
    assert "persona_name" not in text
    assert '"replica_interruptibility"' not in text
    assert (today.plan()["changes"], today.plan()["drift"]) == ([], [])


def test_both_names_of_one_field_are_an_error_that_names_both(project: Project) -> None:
    flow = {"pal_interruptibility": "high", "replica_interruptibility": "high"}
    pal(project, persona_name="Coach", layers={"conversational_flow": flow})

    complaints = project.run("validate", "--format", "json").document["complaints"]

    assert [(one["id"], one["message"]) for one in complaints] == [
        (
            "TV104",
            (
                "`pal_interruptibility` and `replica_interruptibility` are names of the same field in"
                " layers.conversational_flow"
            ),
        ),
        ("TV104", "`pal_name` and `persona_name` are names of the same field in persona"),
    ]


def test_words_for_kinds_are_taken_wherever_an_address_is(today: Project) -> None:
    """In manifests, references, outputs, options and arguments; what is printed has one word."""
    (anna,) = today.account.seed(replicas=[{"replica_name": "Anna"}])["replicas"]
    today.write("manifests/anna.yaml", f"kind: face\nname: anna\nexternal: true\nid: {anna}\n")
    pal(today, default_face_id="${ref:face/anna}")
    today.write("tavusctl.yaml", '{"version": 1, "outputs": {"COACH": "pal/coach"}}')

    today.apply()
    remote_id = today.bound("persona/coach")
    shown = today.run("state", "show", "pal/coach")
    graph = today.run("graph", "pal/coach")
    explained = today.run("explain", "face.face_name".partition(".")[0])
    output = today.run("output", "COACH")
    forgotten = today.run("state", "rm", "pal/coach")
    imported = today.run("import", "pal/coach", remote_id)

    assert today.account.objects("personas")[remote_id]["default_replica_id"] == anna
    assert (shown.code, "persona/coach" in shown.out) == (0, True)
    assert (graph.code, "replica/anna" in graph.out) == (0, True)
    assert (explained.code, explained.out.startswith("replica")) == (0, True)
    assert (output.code, remote_id in output.out) == (0, True)
    assert (forgotten.code, imported.code, "persona/coach" in imported.out + imported.err) == (0, 0, True)
    assert today.plan()["changes"] == []
    today.apply("--discard-drafts", "pal/coach")
    today.expect(0, "verify", "--conversation", "pal/coach")


def test_export_writes_one_word_for_each_thing(today: Project) -> None:
    pal(today)
    today.apply()
    other = Project(today.root / "other", today.account)
    other.root.mkdir()
    other.write("tavusctl.yaml", "version: 1\n")

    exported = other.run("export")

    (text,) = [path.read_text() for path in (other.root / "manifests").rglob("*.yaml")]
    assert exported.code == 0, exported.err
    for line in ("kind: persona", "persona_name: Coach", "persona_description:", "replica_interruptibility: high"):
        assert line in text
    assert "pal_" not in text
    assert other.plan()["changes"] == []


def test_an_unknown_value_is_a_warning_and_is_sent(today: Project) -> None:
    pal(today, disclosure_type="allways")

    validated = today.run("validate", "--format", "json")
    today.apply()

    (complaint,) = validated.document["complaints"]
    (stored,) = today.account.objects("personas").values()
    assert (validated.code, complaint["id"], complaint["severity"]) == (0, "TV126", "warning")
    assert complaint["hint"] == "did you mean `always`?"
    assert stored["disclosure_type"] == "allways"
    assert today.plan()["changes"] == []


def test_ids_of_what_is_no_manifest_are_taken_as_they_are(today: Project) -> None:
    """Voices, dictionaries and single guardrails by their ids: nothing is looked for that has no manifest."""
    ids = today.account.seed(
        voices=[{"voice_name": "One"}],
        dictionaries=[{"name": "Brands"}],
        single_guardrails=[{"guardrail_name": "calm", "guardrail_prompt": "Stay calm."}],
    )
    voice, dictionary = ids["voices"][0], ids["dictionaries"][0]
    layers = {"tts": {"voice_id": voice, "pronunciation_dictionary_id": dictionary}}
    pal(today, layers=layers, guardrail_ids=ids["single_guardrails"])

    today.apply()
    (stored,) = today.account.objects("personas").values()
    verified = today.run("verify")
    other = Project(today.root / "other", today.account)
    other.root.mkdir()
    other.write("tavusctl.yaml", "version: 1\n")
    exported = other.run("export", "--kind", "persona")

    assert stored["guardrail_ids"] == ids["single_guardrails"]
    assert {key: stored["layers"]["tts"][key] for key in layers["tts"]} == layers["tts"]
    assert (verified.code, exported.code) == (0, 0), verified.out + exported.err
    assert (today.plan()["changes"], other.plan()["changes"]) == ([], [])


def test_an_ignored_field_may_be_called_by_its_newer_name(today: Project) -> None:
    pal(today)
    today.apply()
    document = {"kind": "persona", "name": "coach", "spec": {**PAL, "pal_name": "Another"}}
    document["lifecycle"] = {"ignore_changes": ["/pal_name"]}
    today.write("manifests/coach.yaml", json.dumps(document))

    assert today.plan()["changes"] == []


def test_members_of_list_items_that_nobody_knows_stay_and_make_no_difference(today: Project) -> None:
    """Neither in a plan, nor in an adopt or an export, and an edit of another item leaves them where they are."""
    account = today.account
    account.switch(set_items_unknown="keep")
    today.manifest("guardrails", "rules", RULES)
    today.apply()
    (remote_id,) = account.objects("guardrails")
    marks = [{"op": "add", "path": f"/data/{one}/newer", "value": {"than": one}} for one in (0, 1)]
    account.portal("guardrails", remote_id, *marks)
    assert (today.plan()["changes"], today.plan()["drift"]) == ([], [])
    account.portal("guardrails", remote_id, {"op": "replace", "path": "/data/0/guardrail_prompt", "value": "Calm!"})

    today.expect(0, "adopt", "--all")
    today.apply()
    assert "newer" not in (today.root / "manifests/guardrails-rules.yaml").read_text()
    edited = {**RULES, "data": [RULES["data"][1], {**RULES["data"][0], "guardrail_prompt": "Keep calm."}]}
    today.manifest("guardrails", "rules", edited)
    assert "newer" not in today.run("plan").out
    today.apply()

    items = account.objects("guardrails")[remote_id]["data"]
    assert [(one["guardrail_name"], one["newer"]) for one in items] == [("kind", {"than": 1}), ("calm", {"than": 0})]
    assert today.plan()["changes"] == []


def test_export_names_members_of_list_items_that_it_leaves_out(today: Project) -> None:
    today.manifest("guardrails", "rules", RULES)
    today.apply()
    (remote_id,) = today.account.objects("guardrails")
    today.account.portal("guardrails", remote_id, {"op": "add", "path": "/data/0/newer", "value": 1})
    other = Project(today.root / "other", today.account)
    other.root.mkdir()
    other.write("tavusctl.yaml", "version: 1\n")

    exported = other.run("export")
    again = other.run("export", "--dry-run", "--format", "json", "--out", "elsewhere")

    assert "guardrails /data/*/newer of 1 object: a field that this version does not know" in exported.err
    (entry,) = [one for one in again.document["objects"] if one["id"] == remote_id] or [{}]
    assert entry.get("managed", True)
    assert other.plan()["changes"] == []


def test_an_undo_does_not_unset_the_voice_of_a_replica_which_the_api_refuses(today: Project) -> None:
    today.account.switch(training_seconds=0)
    (voice,) = today.account.seed(voices=[{"voice_name": "One"}])["voices"]
    face: Body = {"face_name": "Anna", "train_video_url": "https://example.com/a.mp4"}
    for version in (face, {**face, "default_voice_id": voice}):
        today.manifest("face", "anna", version)
        today.apply()
    today.account.forget()

    undone = today.run("undo", today.run("undo").out.split()[0], "--yes")

    assert (undone.code, today.account.writes) == (4, [])
    assert "/default_voice_id was not set before, and the API cannot unset it" in undone.out


def test_the_voice_of_a_replica_changes_in_place_and_stays_when_it_is_dropped(today: Project) -> None:
    account = today.account
    ids = account.seed(voices=[{"voice_name": "One"}, {"voice_name": "Two"}])["voices"]
    face: Body = {"face_name": "Anna", "train_video_url": "https://example.com/a.mp4"}
    today.manifest("face", "anna", {**face, "default_voice_id": ids[0]})
    today.apply()
    account.advance(20_000)
    account.forget()

    today.manifest("face", "anna", {**face, "face_name": "Ann", "default_voice_id": ids[1]})
    today.apply()
    (write,) = account.writes
    dropped = {**face, "face_name": "Ann"}
    today.manifest("face", "anna", dropped)

    (stored,) = account.objects("replicas").values()
    assert write["path"].startswith("/v2/faces/")
    assert write["body"] == {"face_name": "Ann", "default_voice_id": ids[1]}
    assert (stored["replica_name"], stored["default_voice_id"]) == ("Ann", ids[1])
    assert today.plan()["changes"] == []
    today.manifest("face", "anna", {**dropped, "face_name": "Anna"})
    account.forget()
    today.apply()
    assert [one["path"].rpartition("/")[2] for one in account.writes] == ["name"]


@pytest.mark.parametrize("era", ["seed", "today"])
@pytest.mark.parametrize("value", [None, "dropped"])
def test_a_field_that_goes_is_left_to_the_server_in_both_eras(project: Project, era: str, value: str | None) -> None:
    """The model, the engine and the flow take what the account has by itself; that is kept, and undone."""
    account = project.account
    account.switch(era=era)
    full: Body = {
        "llm": {"model": "tavus-gpt-4.1", "speculative_inference": False},
        "tts": {"tts_engine": "elevenlabs", "tts_model_name": "x"},
        "conversational_flow": {"turn_detection_model": "sparrow-0", "turn_taking_patience": "high"},
        "stt": {"stt_engine": "tavus-whisper", "hotwords": "Tavus"},
    }
    spec: Body = {"persona_name": "Coach", "system_prompt": "You coach."}
    project.manifest("persona", "coach", {**spec, "layers": full})
    project.apply()
    keys = {"llm": "model", "tts": "tts_engine", "conversational_flow": "turn_detection_model", "stt": "stt_engine"}
    left = {
        name: {
            key: None if key == keys[name] else item
            for key, item in layer.items()
            if value is None or key != keys[name]
        }
        for name, layer in full.items()
    }
    project.manifest("persona", "coach", {**spec, "layers": left})

    applied = project.apply()
    plan = project.plan()
    verified = project.run("verify")
    (stored,) = account.objects("personas").values()
    undone = project.run("undo", project.run("undo").out.split()[0], "--yes")
    (back,) = account.objects("personas").values()

    assert "not kept" not in applied.out
    assert (plan["changes"], plan["drift"], plan["warnings"]) == ([], [], [])
    assert (verified.code, "differently" in verified.out) == (0, False)
    assert stored["layers"]["llm"]["model"] != "tavus-gpt-4.1"
    assert undone.code == 0, undone.out + undone.err
    assert {name: back["layers"][name][key] for name, key in keys.items()} == {
        name: full[name][key] for name, key in keys.items()
    }


def test_a_field_that_was_taken_away_and_reads_as_before_is_not_kept(project: Project) -> None:
    account: Account = project.account
    project.environment["TAVUSCTL_SETTLE"] = "0.2"
    spec: Body = {"persona_name": "Coach", "system_prompt": "You coach."}
    project.manifest("persona", "coach", {**spec, "greeting": "Hello.", "context": "Sales."})
    project.apply()
    account.switch(ignore_fields=["/greeting"])
    project.manifest("persona", "coach", spec)

    applied = project.run("apply", "--yes", "--format", "json")

    (outcome,) = applied.document["outcomes"]
    assert (outcome["status"], outcome["unkept"]) == ("done", ["/greeting"])


def test_a_disabled_document_is_unusable_and_not_waited_for(today: Project) -> None:
    today.account.switch(processing_seconds=0)
    today.manifest("document", "prices", {"document_url": "https://example.com/a.md", "participant_tags": ["vip"]})
    today.apply()
    today.edit_in_portal("document/prices", "/status", "disabled", op="add")

    verified, plan = today.run("verify"), today.plan()

    assert (verified.code, "disabled, needs a change to become usable" in verified.out) == (5, True), verified.out
    assert plan["changes"] == []
    assert [one["message"].partition(" cannot be used: ")[2] for one in plan["warnings"]] == ["its status is disabled"]


def test_objectives_may_lead_back_where_they_say_so(today: Project) -> None:
    ways = [("greet", "ask"), ("ask", "greet")]
    goals = [{"objective_name": a, "objective_prompt": "Go.", "next_required_objective": b} for a, b in ways]
    today.manifest("objectives", "round", {"name": "Round", "data": goals})
    refused = today.run("validate", "--format", "json")
    today.manifest("objectives", "round", {"name": "Round", "data": goals, "allow_loops": True})

    today.apply()

    assert [one["id"] for one in refused.document["complaints"]] == ["TV233"]
    assert (today.plan()["changes"], today.plan()["drift"]) == ([], [])
    today.manifest("objectives", "round", {"name": "Round", "data": [{**goals[0], "next_required_objective": None}]})
    today.apply()
    assert today.plan()["changes"] == []


@pytest.mark.parametrize("era", ["seed", "today"])
def test_a_list_of_one_required_objective_is_put_right_and_an_older_account_sees_no_change(
    project: Project, era: str
) -> None:
    """It is sent as it is written, which older accounts take; they take it put right as the same."""
    project.account.switch(era=era)
    greet = {"objective_name": "greet", "objective_prompt": "Greet.", "next_required_objectives": ["part"]}
    part = {"objective_name": "part", "objective_prompt": "Say goodbye."}
    path = project.manifest("objectives", "visit", {"name": "Visit", "data": [greet, part]})

    applied = project.run("apply", "--yes", "--format", "json", *(f"--report={one}={one}.out" for one in REFUSED_IN))
    told = project.run("validate")
    if era == "today":
        lines = path.read_text("utf-8").splitlines()
        line = next(number for number, text in enumerate(lines, start=1) if "next_required_objectives" in text)
        place = f"manifests/{path.name}:{line}:"
        (outcome,) = applied.document["outcomes"]
        assert re.search(rf"'Unknown field\..*; see {place}\d+; `tavusctl validate --fix` ", outcome["reason"])
        for one in REFUSED_IN:
            assert place in html.unescape((project.root / f"{one}.out").read_text("utf-8")), one
    fixed = project.run("validate", "--fix")
    plan = project.plan()

    assert applied.code == (0 if era == "seed" else 5)
    assert "write `next_required_objective: part`" in told.out
    assert fixed.code == 0
    (first, _) = json.loads(path.read_text("utf-8"))["spec"]["data"]
    assert first == {"objective_name": "greet", "objective_prompt": "Greet.", "next_required_objective": "part"}
    assert [one["action"] for one in plan["changes"]] == ([] if era == "seed" else ["create"])
    assert "TV238" not in project.run("validate").out
    project.apply()
    assert project.plan()["changes"] == []


@pytest.mark.parametrize(
    ("skills", "message", "hint"),
    [
        ({"internet_serach": {}}, "skills: unknown key `internet_serach`", "did you mean `internet_search`?"),
        (
            {"magic_canvas": {"components": {"chrt": {"enabled": False}}}},
            "skills.magic_canvas.components: unknown key `chrt`",
            "did you mean `chart`?",
        ),
    ],
)
def test_a_skill_that_is_not_known_is_a_warning(today: Project, skills: Any, message: str, hint: str) -> None:
    pal(today, skills=skills)

    (complaint,) = today.run("validate", "--format", "json").document["complaints"]

    assert (complaint["id"], complaint["severity"], complaint["hint"]) == ("TV126", "warning", hint)
    assert complaint["message"] == f"{message}, which is sent as it is"


def test_an_empty_text_in_place_of_a_known_value_removes_it(today: Project) -> None:
    goal = {"objective_name": "greet", "objective_prompt": "Greet.", "modality": "visual"}
    layers = {"stt": {"stt_engine": "tavus-advanced"}, "conversational_flow": {"turn_detection_model": "sparrow-1"}}
    pal(today, disclosure_type="always", layers=layers)
    today.manifest("objectives", "call", {"name": "Call", "data": [goal]})
    today.apply()
    layers = {"stt": {"stt_engine": ""}, "conversational_flow": {"turn_detection_model": ""}}
    pal(today, disclosure_type="", layers=layers)
    today.manifest("objectives", "call", {"name": "Call", "data": [{**goal, "modality": ""}]})

    today.apply()

    assert not any('"value": ""' in json.dumps(call["body"]) for call in today.account.writes)
    assert today.plan()["changes"] == []


def test_an_empty_text_is_not_sent_where_values_are_known(today: Project) -> None:
    """It counts as not set, and the API would refuse it."""
    pal(today, disclosure_type="", pipeline_mode="")
    goal = {"objective_name": "greet", "objective_prompt": "Greet.", "modality": "", "confirmation_mode": ""}
    today.manifest("objectives", "call", {"name": "Call", "data": [goal]})

    today.apply()

    bodies = [call["body"] for call in today.account.writes if call["method"] == "POST"]
    assert not any('""' in json.dumps(body) for body in bodies)
    assert today.plan()["changes"] == []
