"""Secrets of tools, deployments and guardrails: sent where they belong, shown and kept nowhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.scenarios.canaries import TYPED, found_in, found_under, keys
from tests.scenarios.project import Account, Body, Project

pytestmark = [pytest.mark.newer_api, pytest.mark.usefixtures("quick_scrypt")]

ONE, OTHER, DOOR, HEADER = keys(4)
AUTHS: dict[str, Body] = {
    "bearer": {"token": "${secret:ONE}"},
    "basic": {"username": "tavus", "password": "${secret:ONE}"},
    "api_key": {"name": "X-Key", "value": "${secret:ONE}", "location": "header"},
    "hmac": {"secret": "${secret:ONE}"},
    "oauth2_client_credentials": {
        "token_url": "https://login.example.com/token",
        "client_id": "tavus",
        "client_secret": "${secret:ONE}",
    },
}
MEMBERS = {
    "bearer": "token",
    "basic": "password",
    "api_key": "value",
    "hmac": "secret",
    "oauth2_client_credentials": "client_secret",
}
each_auth = pytest.mark.parametrize("auth", AUTHS)


@pytest.fixture
def project(account: Account, tmp_path: Path) -> Project:
    made = Project(tmp_path, account, {"ONE": ONE, "OTHER": OTHER, "DOOR": DOOR, "HEADER": HEADER})
    made.write("tavusctl.yaml", "secrets: [ONE, OTHER, DOOR, HEADER]\n")
    return made


def tool(project: Project, auth: str, url: str = "https://hooks.example.com/book", **more: object) -> None:
    signing = {"type": auth, **AUTHS[auth]}
    api = {"url": url, "headers": {"X-Trace": "${secret:HEADER}", "Accept": "text/plain"}, "auth": signing, **more}
    project.manifest("tool", "book", {"name": "book", "description": "Book.", "delivery": {"api": api}})


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def held(project: Project) -> str:
    """The digest of the secret that the account has of the tool."""
    (tool,) = project.account.control("GET", f"objects?account={project.account.key}&kind=tools")["objects"]
    (found,) = [one for path, one in tool["secrets"].items() if "/auth/" in path]
    return str(found)


def sent(project: Project) -> Body:
    """What the account had been sent last for the tool."""
    body: Body = [one for one in project.account.sent if one[1].startswith("/v2/tools")][-1][2]
    return body


@each_auth
@pytest.mark.parametrize("mask", ["stars", "omit", "echo"])
def test_a_new_url_takes_the_secret_along(project: Project, auth: str, mask: str) -> None:
    project.account.switch(mask=mask, tool_auth="replaced")
    tool(project, auth)
    project.apply_and_forget()
    tool(project, auth, "https://hooks.example.com/v2/book")

    project.apply()

    api = sent(project)["delivery"]["api"]
    assert (api["url"], held(project)) == ("https://hooks.example.com/v2/book", digest(ONE))
    assert api["headers"] == {"X-Trace": HEADER, "Accept": "text/plain"}
    assert project.plan()["changes"] == []


@each_auth
@pytest.mark.parametrize("mask", ["stars", "omit"])
def test_without_the_secret_nothing_is_sent(project: Project, auth: str, mask: str) -> None:
    """Somebody has set the secret in the portal, and the manifest says nothing of how Tavus signs in."""
    project.account.switch(mask=mask)
    api = {"url": "https://hooks.example.com/book"}
    project.manifest("tool", "book", {"name": "book", "description": "Book.", "delivery": {"api": api}})
    project.apply()
    signing = {"type": auth, **AUTHS[auth], MEMBERS[auth]: OTHER}
    project.edit_in_portal("tool/book", "/delivery/api/auth", signing, op="add")
    project.account.forget()
    api = {"url": "https://hooks.example.com/v2/book"}
    project.manifest("tool", "book", {"name": "book", "description": "Book.", "delivery": {"api": api}})

    planned, applied = project.run("plan", "--format", "json"), project.run("apply", "--yes")

    (refusal,) = planned.document["refused"]
    assert (refusal["code"], applied.code) == ("E409", 4)
    assert f"/delivery/api/auth/{MEMBERS[auth]}" in refusal["reason"]
    assert project.account.writes == []


@each_auth
def test_without_its_value_the_variable_is_told(project: Project, auth: str) -> None:
    project.account.switch(mask="stars")
    tool(project, auth)
    project.apply_and_forget()
    tool(project, auth, "https://hooks.example.com/v2/book")

    (refusal,) = project.run("plan", "--format", "json", ONE=None).document["refused"]

    assert (refusal["code"], project.account.writes) == ("E409", [])
    assert refusal["hint"] == "set ONE in the environment or in `.env`; nothing was sent"


def test_another_way_to_sign_in_leaves_nothing_of_the_first(project: Project) -> None:
    tool(project, "bearer")
    project.apply()
    tool(project, "basic")

    project.apply()

    assert set(sent(project)["delivery"]["api"]["auth"]) == {"type", "username", "password"}
    assert project.plan()["changes"] == []


@pytest.mark.parametrize("delivery", [{"delivery": {"app_message": True}}, {}])
def test_another_delivery_or_the_usual_one_leaves_nothing_of_the_first(project: Project, delivery: Body) -> None:
    tool(project, "hmac", method="PUT")
    project.apply()
    project.manifest("tool", "book", {"name": "book", "description": "Book.", **delivery})

    project.apply()

    assert sent(project)["delivery"] == {"app_message": True}
    assert project.plan()["changes"] == []


def test_a_delivery_that_is_null_is_the_usual_one(project: Project) -> None:
    project.manifest("tool", "book", {"name": "book", "description": "Book.", "delivery": None})

    project.apply()

    assert (project.plan()["changes"], project.plan()["drift"]) == ([], [])


@pytest.mark.parametrize("null", ["location", "scope"])
def test_an_adopted_removal_takes_along_what_is_null(project: Project, null: str) -> None:
    api = {"url": "https://hooks.example.com/book", "auth": {"type": "api_key", **AUTHS["api_key"], null: None}}
    path = project.manifest("tool", "book", {"name": "book", "description": "Book.", "delivery": {"api": api}})
    project.apply()
    project.edit_in_portal("tool/book", "/delivery/api/auth", op="remove")

    project.expect(0, "adopt", "tool/book")
    assert "auth" not in path.read_text()
    assert project.plan()["changes"] == []


def test_what_the_manifest_rules_out_goes_whoever_put_it_there(project: Project) -> None:
    """A call goes to one place and signs in in one way; an undo brings back what was there."""
    project.manifest("tool", "book", {"name": "book", "description": "Book."})
    project.apply()
    tool(project, "bearer")
    project.apply()
    run = project.run("undo").out.split()[0]
    basic = {"type": "basic", "username": "them", "password": OTHER}
    project.edit_in_portal("tool/book", "/delivery/api/auth", basic)
    project.apply()

    api = sent(project)["delivery"]["api"]
    undone = project.run("undo", run, "--yes")

    assert (set(api["auth"]), holds_nothing(project)) == ({"type", "token"}, True)
    assert undone.code == 0, undone.out + undone.err
    assert sent(project)["delivery"] == {"app_message": True}


def holds_nothing(project: Project) -> bool:
    """Whether the account has no secret of the tool any more."""
    (tool,) = project.account.control("GET", f"objects?account={project.account.key}&kind=tools")["objects"]
    return not [path for path in tool["secrets"] if "/auth/" in path]


def test_a_changed_secret_is_sent(project: Project) -> None:
    tool(project, "bearer")
    project.apply()

    project.environment["ONE"] = OTHER
    (change,) = project.plan()["changes"]
    project.apply()

    assert [one["path"] for one in change["fields"]] == ["/delivery/api/auth/token"]
    assert held(project) == digest(OTHER)
    assert project.plan()["changes"] == []


def test_an_undo_needs_the_secret_that_was_applied(project: Project) -> None:
    tool(project, "bearer")
    project.apply()
    tool(project, "bearer", "https://hooks.example.com/v2/book")
    project.apply()
    run = project.run("undo").out.split()[0]
    project.account.forget()

    refused = project.run("undo", run, "--yes", ONE=None)
    other = project.run("undo", run, "--yes", ONE=OTHER)
    writes = project.account.writes
    undone = project.run("undo", run, "--yes")

    assert (refused.code, other.code, writes) == (4, 4, [])
    assert undone.code == 0, undone.out + undone.err
    api = sent(project)["delivery"]["api"]
    assert (api["url"], held(project)) == ("https://hooks.example.com/book", digest(ONE))


@each_auth
def test_a_secret_that_is_written_out_is_an_error(project: Project, auth: str) -> None:
    signing = {"type": auth, **AUTHS[auth], MEMBERS[auth]: OTHER}
    api = {"url": "https://hooks.example.com/book", "auth": signing}
    project.manifest("tool", "book", {"name": "book", "description": "Book.", "delivery": {"api": api}})
    deployment = {"persona_id": "p1", "channel": "embed", "password": DOOR}
    project.manifest("deployment", "site", deployment)

    said = project.run("validate", "--format", "json")

    found = {(one["id"], one["address"]) for one in said.document["complaints"]}
    assert said.code == 10
    assert found >= {("TV113", "tool/book"), ("TV113", "deployment/site")}
    assert found_in(said.out + said.err) == []


SITE: Body = {"name": "Site", "persona_id": "${ref:persona/host}", "channel": "embed"}


def apply_site(project: Project, **more: object) -> None:
    """Apply a deployment and its persona."""
    project.manifest("persona", "host", {"persona_name": "Host", "system_prompt": "You host."})
    project.manifest("deployment", "site", {**SITE, **more})
    project.apply()


def test_a_password_is_set_changed_found_gone_and_taken_away(project: Project) -> None:
    apply_site(project, password="${secret:DOOR}")
    remote_id = project.bound("deployment/site")
    hidden = [project.account.objects("deployments")[remote_id]["has_password"]]

    project.account.portal("deployments", remote_id, {"op": "replace", "path": "/password", "value": None})
    (drift,) = project.plan()["drift"]
    project.apply()
    hidden.append(project.account.objects("deployments")[remote_id]["has_password"])
    project.manifest("deployment", "site", {**SITE, "password": None})
    project.apply()
    hidden.append(project.account.objects("deployments")[remote_id]["has_password"])

    assert hidden == [True, True, False]
    assert [one["path"] for one in drift["fields"]] == ["/password"]
    assert project.account.sent[-1][2] == [{"op": "add", "path": "/password", "value": None}]
    assert project.plan()["changes"] == []


def test_a_deployment_that_somebody_edits_meanwhile_is_a_conflict_and_others_edits_stay(project: Project) -> None:
    apply_site(project)
    remote_id = project.bound("deployment/site")
    project.manifest("deployment", "site", {**SITE, "name": "Our site"})
    project.run("plan", "--out", "plan.json")
    project.account.portal("deployments", remote_id, {"op": "replace", "path": "/status", "value": "inactive"})
    project.account.forget()

    applied = project.run("apply", "plan.json")
    (patch,) = [one for one in project.account.requests if one["method"] == "PATCH"]

    assert applied.code == 0, applied.out + applied.err
    assert patch["if_match"].startswith('W/"')
    body = project.account.objects("deployments")[remote_id]
    assert (body["name"], body["status"]) == ("Our site", "inactive")


@pytest.mark.parametrize("times", [1, 9])
def test_another_version_is_read_again_and_not_for_ever(project: Project, times: int) -> None:
    apply_site(project)
    project.manifest("deployment", "site", {**SITE, "name": "Our site"})
    body = {"error": "Precondition Failed"}
    project.account.fault(match="PATCH /v2/deployments/*", kind="status", status=412, body=body, times=times)

    applied = project.run("apply", "--yes")

    (deployment,) = project.account.objects("deployments").values()
    assert (applied.code, deployment["name"]) == ((0, "Our site") if times == 1 else (3, "Site"))


def test_a_voice_that_is_used_is_not_deleted_and_it_is_said_by_whom(project: Project) -> None:
    project.manifest("voice", "anna", {"voice_name": "Anna", "train_audio_url": "https://example.com/anna.mp3"})
    project.manifest("dictionary", "brands", {"name": "Brands"})
    project.apply()
    voice = project.bound("voice/anna")
    pal = {
        "pal_name": "Host",
        "system_prompt": "You host.",
        "default_face_id": "r-stock",
        "layers": {"tts": {"voice_id": voice}},
    }
    project.account.seed(personas=[pal])
    project.remove("voice", "anna")

    applied = project.run("apply", "--yes", "--allow-deletes", "1")

    assert applied.code == 3 or "Host" in applied.out + applied.err, applied.out + applied.err
    assert "1 pal" in applied.out + applied.err or "persona" in applied.out + applied.err
    assert voice in project.account.objects("voices")


@pytest.mark.parametrize("path", ["/name", "/status"])
def test_an_edit_of_a_deployment_between_read_and_write(project: Project, path: str) -> None:
    """Of what is written it is a conflict; of anything else both stay."""
    apply_site(project)
    project.manifest("deployment", "site", {**SITE, "name": "Our site"})
    project.edit_in_portal("deployment/site", path, "active", before="PATCH /v2/deployments/*")

    applied = project.run("apply", "--yes")

    (body,) = project.account.objects("deployments").values()
    told = {"/name": (3, "active", "draft"), "/status": (0, "Our site", "active")}
    assert (applied.code, body["name"], body["status"]) == told[path], applied.out + applied.err


def test_a_key_in_the_query_of_a_tool_is_a_secret(project: Project) -> None:
    tool(project, "bearer", query_params={"api_key": "${secret:DOOR}", "session": "{tavus_conversation_id}"})

    project.apply()

    assert sent(project)["delivery"]["api"]["query_params"].keys() == {"api_key", "session"}
    shown = project.run("state", "show", "tool/book")
    assert DOOR not in shown.out + shown.err
    assert found_under(project.root, [DOOR]) == []
    assert project.plan()["changes"] == []


def test_a_key_in_the_query_of_a_tool_is_not_written_in_plain_text(project: Project) -> None:
    tool(project, "bearer", query_params={"api_key": DOOR, "session": "{tavus_conversation_id}"})

    checked = project.run("validate")

    assert (checked.code, checked.out.count("[TV113 "), checked.out.count(" error: ")) == (10, 1, 1)
    assert DOOR not in checked.out + checked.err


USERS = {"basic": "username", "oauth2_client_credentials": "client_id"}


def signing_as(project: Project, auth: str, user: str, url: str = "https://hooks.example.com/book") -> None:
    signing = {"type": auth, **AUTHS[auth], USERS[auth]: user}
    spec = {"name": "book", "description": "Book.", "delivery": {"api": {"url": url, "auth": signing}}}
    project.manifest("tool", "book", spec)


@pytest.mark.parametrize("auth", USERS)
def test_a_user_that_is_a_key_is_a_secret(project: Project, auth: str) -> None:
    """Some services take a key as the user name."""
    signing_as(project, auth, "${secret:DOOR}")
    project.apply()
    assert sent(project)["delivery"]["api"]["auth"][USERS[auth]] == DOOR
    assert project.plan()["changes"] == []

    project.account.portal("tool", project.bound("tool/book"), edit_of_user(auth, HEADER))
    drift = project.run("drift")
    assert (USERS[auth] in drift.out, HEADER in drift.out) == (True, False)
    signing_as(project, auth, "${secret:DOOR}", "https://hooks.example.com/other")
    unset = project.run("apply", "--yes", "--overwrite", "tool/book", DOOR=None)
    assert unset.code != 0
    project.apply("--overwrite", "tool/book")

    assert sent(project)["delivery"]["api"]["auth"][USERS[auth]] == DOOR
    manifests = (project.root / "manifests").glob("*")
    assert found_in(drift.out + drift.err + unset.out + unset.err, [TYPED]) == []
    assert found_under(project.root, [TYPED], but=manifests) == []


@pytest.mark.parametrize("auth", USERS)
def test_a_user_in_plain_text_stays_plain(project: Project, auth: str) -> None:
    signing_as(project, auth, "AC0f1e2d3c4b5a69788796a5b4c3d2e1")
    project.apply()
    project.account.portal("tool", project.bound("tool/book"), edit_of_user(auth, "somebody"))

    adopted = project.run("adopt", "--all")

    assert (adopted.code, "somebody" in (project.root / "manifests/tool-book.yaml").read_text()) == (0, True)


def edit_of_user(auth: str, user: str) -> Body:
    return {"op": "replace", "path": f"/delivery/api/auth/{USERS[auth]}", "value": user}


@pytest.mark.parametrize("mask", ["null", "blank", "word"])
def test_what_a_read_shows_after_the_write_stands_for_the_key(project: Project, mask: str) -> None:
    project.account.switch(mask=mask)
    tool(project, "bearer")
    model = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:OTHER}"}
    coach: Body = {"persona_name": "Coach", "system_prompt": "You coach.", "layers": {"llm": model}}
    project.manifest("persona", "coach", coach)
    project.apply_and_forget()

    for _ in range(2):
        planned = project.plan()
        assert (planned["changes"], planned["drift"]) == ([], [])
    assert (project.apply(), project.account.writes)[1] == []

    renewed = project.run("apply", "--yes", ONE="another-key-of-the-tool", OTHER="another-key-of-the-model")
    assert (renewed.code, len(project.account.writes)) == (0, 2)


def test_another_value_than_the_one_after_the_write_is_an_edit(project: Project) -> None:
    project.account.switch(mask="word")
    tool(project, "bearer")
    project.apply()

    project.account.switch(mask="null")

    (drifted,) = project.plan()["drift"]
    assert [one["path"] for one in drifted["fields"]] == ["/delivery/api/auth/token"]


def test_an_undo_takes_away_the_password_that_the_run_was_the_first_to_set(project: Project) -> None:
    """That there was none is known, unlike the value of an earlier one."""
    project.manifest("persona", "host", {"persona_name": "Host", "system_prompt": "You host."})
    site = {"name": "Site", "persona_id": "${ref:persona/host}", "channel": "widget"}
    project.manifest("deployment", "site", site)
    project.apply()
    project.manifest("deployment", "site", site | {"password": "${secret:DOOR}"})
    project.apply()
    (deployment,) = project.account.objects("deployments").values()
    assert deployment["has_password"]

    undone = project.expect(0, "undo", project.run("undo").out.split()[0], "--yes")

    (deployment,) = project.account.objects("deployments").values()
    assert not deployment["has_password"]
    assert "TV304" not in undone.err


@pytest.mark.sampled(2)
@pytest.mark.parametrize("mask", ["omit", "stars", "null", "blank"])
@pytest.mark.parametrize("layers", [{}, {"tts": {"tts_engine": "cartesia"}}], ids=["all", "one"])
def test_a_layer_with_a_key_can_be_dropped_whatever_reads_show_of_the_key(
    project: Project, mask: str, layers: Body
) -> None:
    """The server has a key in the layer that no read shows: a test of the whole layer would never hold."""
    project.account.switch(mask=mask)
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:OTHER}"}
    coach: Body = {"persona_name": "Coach", "system_prompt": "You coach."}
    project.manifest("persona", "coach", coach | {"layers": {**layers, "llm": llm}})
    project.apply()
    project.manifest("persona", "coach", coach | {"layers": layers})

    project.apply()

    (persona,) = project.account.objects("personas").values()
    assert "llm" not in persona["layers"]
    assert project.plan()["changes"] == []
