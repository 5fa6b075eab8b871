"""API keys come and go; the account, the secrets in it and the state stay what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tavusctl.core.json_tree import canonical
from tavusctl.secrets.key_wrapping import new_key, wrap
from tavusctl.state.hash_chain import START, link
from tests.scenarios.project import Body, Project, Result

pytestmark = pytest.mark.usefixtures("quick_scrypt")

NEW = "key-that-came-later"
SECRETS = {"OPENAI": "sk-openai-0001-abcdef", "TENANT": "tenant-token-0001", "VOICE": "voice-0001-abcdef"}
SHARED = "shared-by-people-and-jobs-0123456789"
COACH = {
    "persona_name": "Coach",
    "system_prompt": "You coach.",
    "layers": {
        "llm": {
            "model": "gpt-4o",
            "base_url": "https://llm.example.com/v1",
            "api_key": "${secret:OPENAI}",
            "headers": {"X-Tenant-Token": "${secret:TENANT}", "Content-Type": "application/json"},
        },
        "tts": {"tts_engine": "elevenlabs", "external_voice_id": "v", "api_key": "${secret:VOICE}"},
    },
}
OTHER = {"persona_name": "Other", "system_prompt": "You too."}
LATER = {**COACH, "system_prompt": "You coach well."}
STATE, JOURNAL = ".tavusctl/state.json", ".tavusctl/state.json.wal"
OTHER_KEY = "secrets cannot be compared"


@pytest.fixture
def coach(project: Project) -> Iterator[Project]:
    """A persona with secrets, applied with one of the two API keys of the account."""
    project.account.switch(keys={project.account.key: project.account.key, NEW: project.account.key})
    project.environment.update(SECRETS)
    project.write("tavusctl.yaml", "secrets: [OPENAI, TENANT, VOICE]\n")
    project.manifest("persona", "coach", COACH)
    project.apply_and_forget()
    yield project
    project.environment.clear()


def resumed(project: Project, **environment: str | None) -> bool:
    """Whether apply puts on record what an interrupted run did, sends nothing, and nothing is left to do."""
    found = [
        project.run("drift", "--detailed-exitcode", **environment).code,
        project.run("plan", "--detailed-exitcode", **environment).code,
        project.run("apply", "--yes", **environment).code,
    ]
    return found == [0, 2, 0] and quiet(project, **environment)


def quiet(project: Project, **environment: str | None) -> bool:
    """Whether no command finds a difference, and apply sends nothing."""
    found = [
        project.run("drift", "--detailed-exitcode", **environment).code,
        project.run("plan", "--detailed-exitcode", **environment).code,
        project.run("apply", "--yes", **environment).code,
    ]
    return found == [0, 0, 0] and project.account.writes == []


def old_key(project: Project) -> dict[str, str | None]:
    """The environment after a rotation, with the old key at hand."""
    return {"TAVUS_API_KEY": NEW, "TAVUS_API_KEY_OLD": project.account.key}


def edited(project: Project, **environment: str | None) -> Result:
    """An apply of another prompt."""
    project.manifest("persona", "coach", LATER)
    return project.run("apply", "--yes", **environment)


def killed(project: Project, *also: str) -> None:
    """A run that ends with its journal in place: the answer to a create is lost, and nobody could look for it."""
    project.manifest("persona", "other", OTHER)
    account = project.account
    account.fault(match="POST /v2/personas", kind="drop", phase="after")
    account.fault(match="GET /v2/personas*", kind="status", status=503, skip=1, times=40)
    targets = [word for one in ("persona/other", *also) for word in ("--target", one)]
    ended = project.run("apply", "--yes", *targets, TAVUSCTL_SETTLE="0.1", TAVUSCTL_MAX_WAIT="0.05")
    account.control("DELETE", "faults")
    assert (project.root / JOURNAL).exists(), ended.out + ended.err
    account.forget()


# Rotations


def test_a_rotation_with_the_old_key_at_hand_changes_the_state_alone(coach: Project) -> None:
    """Once the new key has written, the old one is needed no more, and a changed secret is seen."""
    coach.expect(0, "drift", "--detailed-exitcode", **old_key(coach))
    plan = coach.run("plan", "--detailed-exitcode", **old_key(coach))
    assert (plan.code, "To be recorded in the state: which keys open it." in plan.out) == (2, True)
    coach.run("apply", "--yes", **old_key(coach))
    assert quiet(coach, **old_key(coach))
    assert quiet(coach, TAVUS_API_KEY=NEW)

    coach.expect(2, "plan", "--detailed-exitcode", TAVUS_API_KEY=NEW, OPENAI="sk-openai-0002-abcdef")


def test_a_rotation_without_the_old_key_is_neither_drift_nor_edit(coach: Project) -> None:
    """It is said once that secrets cannot be compared, and nothing is sent or written down."""
    before = (coach.root / STATE).read_bytes()

    assert quiet(coach, TAVUS_API_KEY=NEW)
    plan = coach.run("plan", TAVUS_API_KEY=NEW)

    assert (plan.out + plan.err).count(OTHER_KEY) == 1
    assert (coach.root / STATE).read_bytes() == before


def test_what_can_be_read_is_compared_with_any_key(coach: Project) -> None:
    """A header that the account shows: the manifest's text against the account's."""
    plan = coach.run("plan", "--format", "json", TAVUS_API_KEY=NEW, TENANT="tenant-token-0002").document

    paths = [(one["path"], one["cause"]) for change in plan["changes"] for one in change["fields"]]
    assert paths == [("/layers/llm/headers/X-Tenant-Token", "edited")]
    assert plan["drift"] == []


def test_nothing_is_changed_by_a_state_whose_seal_cannot_be_checked(coach: Project) -> None:
    result = edited(coach, TAVUS_API_KEY=NEW)

    assert (result.code, coach.account.writes) == (9, [])
    assert "E952" in result.err
    assert "state rekey" in result.err


def test_nothing_is_written_down_for_a_state_whose_seal_cannot_be_checked(coach: Project) -> None:
    """An export would bind what it writes."""
    coach.account.call("POST", "/v2/personas", OTHER)

    result = coach.run("export", TAVUS_API_KEY=NEW)

    assert (result.code, "E952" in result.err) == (9, True)
    assert [path.name for path in (coach.root / "manifests").iterdir()] == ["persona-coach.yaml"]


def test_a_key_is_let_in_by_name(coach: Project) -> None:
    """Without the old key the state is taken as it is: secrets count as what the manifests say, and are not sent."""
    rekeyed = coach.run("state", "rekey", "--format", "json", TAVUS_API_KEY=NEW).document

    assert (rekeyed["before"], rekeyed["written"], rekeyed["renewed"], rekeyed["shut_out"]) == (
        "foreign",
        True,
        True,
        1,
    )
    assert quiet(coach, TAVUS_API_KEY=NEW)
    assert edited(coach, TAVUS_API_KEY=NEW).code == 0
    assert [one["path"] for sent in coach.account.writes for one in sent["body"] if one["op"] != "test"] == [
        "/system_prompt"
    ]
    coach.expect(2, "plan", "--detailed-exitcode", TAVUS_API_KEY=NEW, VOICE="voice-0002-abcdef")


def test_a_key_is_let_in_with_the_old_one(coach: Project) -> None:
    """The old key stands in a variable, and both open the state from then on."""
    first = coach.run("state", "rekey", "--old-key-env", "BEFORE", TAVUS_API_KEY=NEW, BEFORE=coach.account.key)
    again = coach.run("state", "rekey", TAVUS_API_KEY=NEW)

    assert (first.out, again.out) == (
        "this API key opens the state from now on\n",
        "this API key opens the state already\n",
    )
    assert quiet(coach, TAVUS_API_KEY=NEW)
    assert quiet(coach)


def test_a_variable_that_is_empty_is_named(coach: Project) -> None:
    result = coach.run("state", "rekey", "--old-key-env", "BEFORE", TAVUS_API_KEY=NEW)

    assert (result.code, "BEFORE is not set" in result.err) == (12, True)


def test_a_key_of_another_account_is_not_let_in(coach: Project) -> None:
    before = (coach.root / STATE).read_bytes()

    result = coach.run("state", "rekey", TAVUS_API_KEY="key-of-somebody-else")

    assert (result.code, "E911" in result.err) == (9, True)
    assert "the only managed object does not exist in this account" in result.err
    assert (coach.root / STATE).read_bytes() == before


def test_a_stolen_key_is_shut_out(coach: Project) -> None:
    """With `--renew` the state has another key, which the old API key cannot open."""
    coach.run("apply", "--yes", **old_key(coach))
    shown = coach.run("state", "rekey", "--renew", TAVUS_API_KEY=NEW)
    renewed = coach.run("state", "rekey", "--renew", "--format", "json", TAVUS_API_KEY=NEW).document

    assert shown.out.startswith("the state has a new key and is trusted with 1 object:\n  persona/coach ")
    assert "1 other API key can no longer open the state" in shown.err
    assert (renewed["before"], renewed["shut_out"]) == ("sealed", 0)
    assert quiet(coach, TAVUS_API_KEY=NEW)
    assert edited(coach).code == 9


def test_there_is_nothing_to_open_before_the_first_apply(project: Project) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})

    result = project.run("state", "rekey")

    assert (result.code, result.out) == (0, "no state yet: the first apply generates its key\n")
    assert not (project.root / STATE).exists()


# Two people, jobs


def test_two_people_send_nothing_in_turn(coach: Project) -> None:
    coach.run("apply", "--yes", **old_key(coach))

    for key in (coach.account.key, NEW, coach.account.key):
        assert quiet(coach, TAVUS_API_KEY=key)
    coach.run("apply", "--yes", TAVUS_API_KEY=NEW, VOICE="voice-0002-abcdef")
    assert len(coach.account.writes) == 1
    coach.expect(0, "plan", "--detailed-exitcode", VOICE="voice-0002-abcdef")


def test_a_shared_key_lets_everybody_in(coach: Project) -> None:
    """Whoever has it needs no other API key, and never did."""
    coach.expect(0, "apply", "--yes", TAVUSCTL_FINGERPRINT_KEY=SHARED)

    assert quiet(coach, TAVUS_API_KEY=NEW, TAVUSCTL_FINGERPRINT_KEY=SHARED)
    assert quiet(coach, TAVUS_API_KEY=NEW)


def test_another_api_key_beside_a_shared_key_is_let_in_by_the_next_write(coach: Project) -> None:
    """A job that only plans may have one of its own: nothing has to be written for it."""
    shared: dict[str, str | None] = {"TAVUS_API_KEY": NEW, "TAVUSCTL_FINGERPRINT_KEY": SHARED}
    coach.apply()
    first = coach.run("plan", "--detailed-exitcode", TAVUSCTL_FINGERPRINT_KEY=SHARED)
    coach.run("apply", "--yes", TAVUSCTL_FINGERPRINT_KEY=SHARED)
    before = (coach.root / STATE).read_bytes()

    assert (first.code, quiet(coach, **shared)) == (2, True)
    assert (coach.root / STATE).read_bytes() == before
    assert edited(coach, **shared).code == 0
    assert edited(coach, TAVUS_API_KEY=NEW).code == 0


def test_a_shared_key_that_could_be_guessed_is_refused(coach: Project) -> None:
    result = coach.run("plan", TAVUSCTL_FINGERPRINT_KEY="secret")

    assert (result.code, "TAVUSCTL_FINGERPRINT_KEY is shorter" in result.err) == (12, True)


# What one key began, another ends


def test_an_interrupted_run_goes_on_with_another_key(coach: Project) -> None:
    """What became of its call is found out, whichever way the new key is let in."""
    killed(coach)

    refused = coach.run("apply", "--yes", TAVUS_API_KEY=NEW)
    assert (refused.code, coach.account.writes) == (9, [])
    assert resumed(coach, **old_key(coach))
    assert not (coach.root / JOURNAL).exists()


def test_an_interrupted_run_goes_on_after_a_rekey(coach: Project) -> None:
    """The state vouches for the journal as it was then, and for no other."""
    killed(coach)
    journal = (coach.root / JOURNAL).read_bytes()

    coach.expect(0, "state", "rekey", TAVUS_API_KEY=NEW)
    assert (coach.root / JOURNAL).read_bytes() == journal
    assert resumed(coach, TAVUS_API_KEY=NEW)
    assert not (coach.root / JOURNAL).exists()


def test_secrets_of_an_interrupted_run_count_as_known_after_a_rekey(coach: Project) -> None:
    """Fingerprints in its journal were made with the key that the rekey has replaced."""
    coach.manifest("persona", "coach", LATER)
    killed(coach, "persona/coach")
    assert b'"tavusctl:secret"' in (coach.root / JOURNAL).read_bytes()

    coach.expect(0, "state", "rekey", TAVUS_API_KEY=NEW)
    assert resumed(coach, TAVUS_API_KEY=NEW)
    assert not (coach.root / JOURNAL).exists()


def test_a_plan_file_is_good_with_every_key_of_the_state(coach: Project) -> None:
    coach.run("apply", "--yes", **old_key(coach))
    coach.manifest("persona", "coach", LATER)
    coach.expect(0, "plan", "--out", "plan.json")

    applied = coach.run("apply", "plan.json", TAVUS_API_KEY=NEW)

    assert (applied.code, len(coach.account.writes)) == (0, 1), applied.err


# How the new key is let in before the plan is applied: commands that are run first, and variables of the apply.
LET_IN: dict[str, tuple[list[str], Callable[[Project], dict[str, str | None]]]] = {
    "old key at hand": ([], old_key),
    "rekey with the old key at hand": (["state", "rekey"], old_key),
    "rekey with the old key, which is then gone": (["state", "rekey"], lambda _: {"TAVUS_API_KEY": NEW}),
    "shared key": ([], lambda _: {"TAVUS_API_KEY": NEW, "TAVUSCTL_FINGERPRINT_KEY": SHARED}),
    "rekey with the shared key": (
        ["state", "rekey"],
        lambda _: {"TAVUS_API_KEY": NEW, "TAVUSCTL_FINGERPRINT_KEY": SHARED},
    ),
}


@pytest.mark.parametrize("state", ["written", "interrupted", "new"])
@pytest.mark.parametrize("way", LET_IN)
def test_a_plan_file_survives_a_rotation(coach: Project, way: str, state: str) -> None:
    """Whatever the state is, and however the new key is let in: what was reviewed is what is applied."""
    (before, variables), shared = LET_IN[way], "shared" in way
    known = {"TAVUSCTL_FINGERPRINT_KEY": SHARED} if shared else {}
    if shared:
        coach.run("apply", "--yes", **known)
    if state == "interrupted":
        killed(coach)
    if state == "new":
        coach.run("destroy", "--yes", "--allow-deletes", "1", **known)
        (coach.root / STATE).unlink()
    coach.manifest("persona", "coach", LATER)
    coach.expect(0, "plan", "--out", "plan.json", **known)
    coach.account.forget()

    if before:
        coach.expect(0, *before, **{**known, **old_key(coach)})
    if state == "new" and "gone" in way:  # there was nothing yet in which the new key could have been enrolled
        variables = old_key
    coach.expect(0, "apply", "plan.json", **variables(coach))
    assert coach.account.writes != []
    coach.expect(0, "plan", "--detailed-exitcode", **variables(coach))


@pytest.mark.parametrize("rekey", [["state", "rekey", "--renew"], ["state", "rekey"]], ids=" ".join)
def test_a_plan_file_does_not_survive_a_new_key_of_the_state(coach: Project, rekey: list[str]) -> None:
    """Who has stolen the old API key could have sealed a plan of his own; that is said, and no edit is made up."""
    coach.manifest("persona", "coach", LATER)
    coach.expect(0, "plan", "--out", "plan.json")
    coach.account.forget()
    known = old_key(coach) if "--renew" in rekey else {"TAVUS_API_KEY": NEW}
    coach.expect(0, *rekey, **known)

    applied = coach.run("apply", "plan.json", **old_key(coach))

    assert (applied.code, coach.account.writes) == (3, [])
    assert "the state has another key" in applied.err


def test_a_first_plan_of_another_key_is_not_taken_for_an_edited_one(project: Project) -> None:
    """Before the first apply there is no key but the API key; the old one has to be at hand."""
    project.account.switch(keys={project.account.key: project.account.key, NEW: project.account.key})
    project.manifest("persona", "other", OTHER)
    project.expect(0, "plan", "--out", "plan.json")

    refused = project.run("apply", "plan.json", TAVUS_API_KEY=NEW)
    applied = project.run("apply", "plan.json", **old_key(project))

    assert (refused.code, "TAVUS_API_KEY_OLD" in refused.err) == (3, True), refused.err
    assert applied.code == 0, applied.err


def test_a_run_is_undone_with_another_key(coach: Project) -> None:
    assert edited(coach).code == 0
    run = coach.run("undo").out.split()[0]

    refused = coach.run("undo", run, "--yes", TAVUS_API_KEY=NEW)
    undone = coach.run("undo", run, "--yes", **old_key(coach))

    assert (refused.code, undone.code) == (9, 0), undone.err
    (persona,) = coach.account.objects("personas").values()
    assert persona["system_prompt"] == COACH["system_prompt"]


# States without a seal


def without_seal(project: Project) -> None:
    """The state as another program could write it."""
    rewrite(project.root / STATE, lambda document: [document.pop(name) for name in ("keys", "mac")])


def rewrite(path: Path, change: Callable[[Body], object]) -> None:
    """Change a state as anybody can who has its format: the checksum agrees again."""
    document = json.loads(path.read_text())
    del document["checksum"]
    change(document)
    document["checksum"] = f"sha256:{hashlib.sha256(canonical(document).encode()).hexdigest()}"
    path.write_text(json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n")


def test_a_state_without_a_seal_is_read_and_not_built_on(coach: Project) -> None:
    without_seal(coach)
    plan = coach.run("plan")

    assert (plan.code, (plan.out + plan.err).count("the state has no seal")) == (0, 1)
    result = edited(coach)
    assert (result.code, coach.account.writes, "E951" in result.err) == (9, [], True)
    coach.expect(0, "state", "rekey")
    coach.apply()
    assert len(coach.account.writes) == 1


@pytest.mark.parametrize("command", [("verify",), ("recrawl", "--all", "--dry-run"), ("plan",), ("drift",)])
def test_whoever_reads_a_state_that_is_not_trusted_is_warned(coach: Project, command: tuple[str, ...]) -> None:
    other_key = f"{coach.account.key}-of-a-colleague"
    coach.account.switch(keys={coach.account.key: coach.account.key, other_key: coach.account.key})
    foreign = coach.run(*command, TAVUS_API_KEY=other_key)
    without_seal(coach)
    unsealed = coach.run(*command)

    assert (foreign.code, unsealed.code) == (0, 0), foreign.err + unsealed.err
    assert "the state was last written with another API key" in foreign.out + foreign.err
    assert "the state has no seal" in unsealed.out + unsealed.err


def test_an_interrupted_run_without_seals_goes_on_after_a_rekey(coach: Project) -> None:
    killed(coach)
    without_seal(coach)
    path = coach.root / JOURNAL
    path.write_bytes(_relinked(_bare(_records(path), "-", "-")))

    refused = coach.run("apply", "--yes")
    assert (refused.code, "E951" in refused.err, coach.account.writes) == (9, True, [])
    coach.expect(0, "state", "rekey")
    assert resumed(coach)
    assert not path.exists()


# Forgeries


STRANGER = {"persona_name": "CEO, live for customers", "system_prompt": "precious"}


@pytest.fixture
def attacked(coach: Project) -> tuple[Project, str]:
    """The project, and a persona of the account that is somebody else's."""
    stranger = coach.account.call("POST", "/v2/personas", STRANGER).json()["persona_id"]
    coach.manifest("persona", "coach", LATER)
    coach.account.forget()
    return coach, stranger


def _bound(document: Body, stranger: str) -> None:
    document["resources"]["persona/coach"]["remote_id"] = stranger


def _new_binding(document: Body, stranger: str) -> None:
    document["resources"]["persona/old"] = {"remote_id": stranger}


def _no_keys(document: Body, stranger: str) -> None:
    _bound(document, stranger)
    document["keys"] = {}


def _downgraded(document: Body, stranger: str) -> None:
    _bound(document, stranger)
    del document["keys"], document["mac"]


def _nobody(document: Body, stranger: str) -> None:
    _downgraded(document, stranger)
    document["key_digest"] = ""


def _of_another_key(document: Body, stranger: str) -> None:
    _bound(document, stranger)
    document["keys"] = {"0123456789abcdef": next(iter(document["keys"].values()))}


def _own_key(document: Body, stranger: str) -> None:
    """The forger has a key of the lineage, and wraps it under the name of ours."""
    _bound(document, stranger)
    document["keys"] = {name: wrap(new_key(), "a guess", document["lineage"]) for name in document["keys"]}


def _no_mac(document: Body, stranger: str) -> None:
    _bound(document, stranger)
    del document["mac"]


def _accepting(document: Body, _: str) -> None:
    document["accepted"] = "0" * 64


def _relabelled(document: Body, _: str) -> None:
    document["account"] = "another"


def _renumbered(document: Body, _: str) -> None:
    document["serial"] += 1


def _retired(document: Body, stranger: str) -> None:
    """The old half of a replacement is deleted without being counted."""
    document["resources"]["persona/coach"]["retired"] = [stranger]


FORGERIES = [
    _bound,
    _new_binding,
    _no_keys,
    _downgraded,
    _nobody,
    _of_another_key,
    _own_key,
    _no_mac,
    _accepting,
    _relabelled,
    _renumbered,
    _retired,
]
COMMANDS = [
    ["apply", "--yes", "--allow-deletes", "1"],
    ["destroy", "--yes", "--allow-deletes", "1"],
    ["import", "persona/coach", "ID"],
    ["state", "mv", "persona/coach", "persona/other"],
    ["state", "rm", "persona/coach"],
    ["recrawl", "--all"],
    ["talk", "persona/coach", "--yes", "--replica", "r79e1c033f"],
    ["verify", "--conversation", "persona/coach"],
    ["output"],
    ["adopt", "--all"],
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda one: one.__name__)
def test_a_forged_state_changes_nothing(attacked: tuple[Project, str], forge: Callable[[Body, str], None]) -> None:
    """Whoever can write to the store, and has no API key, can stop a run and nothing more."""
    project, stranger = attacked
    project.manifest("document", "prices", {"document_url": "https://example.com/p", "crawl": {"depth": 1}})
    rewrite(project.root / STATE, lambda document: forge(document, stranger))
    forged = (project.root / STATE).read_bytes()

    for command in COMMANDS:
        result = project.run(*[stranger if one == "ID" else one for one in command])
        assert result.code == 9, (command, result.out, result.err)
        assert any(id_ in result.err for id_ in ("E950", "E951", "E952")), (command, result.err)
    assert project.account.writes == []
    assert (project.root / STATE).read_bytes() == forged


@pytest.mark.parametrize("forge", [one for one in FORGERIES if one not in (_downgraded, _nobody, _of_another_key)])
def test_a_forged_state_is_not_even_read(attacked: tuple[Project, str], forge: Callable[[Body, str], None]) -> None:
    """And `state rekey` does not take it either: a wrong seal is no missing one."""
    project, stranger = attacked
    rewrite(project.root / STATE, lambda document: forge(document, stranger))

    for command in (["plan"], ["drift"], ["verify"], ["output"], ["undo"], ["state", "rekey"]):
        result = project.run(*command)
        assert (result.code, "E950" in result.err) == (9, True), (command, result.out, result.err)


def _relinked(lines: list[bytes]) -> bytes:
    """Records as a journal, whose digests agree."""
    head, made = START, b""
    for record in lines:
        line, head = link(head, record)
        made += line
    return made


def _records(path: Path) -> list[bytes]:
    return [line.split(b" ", 2)[-1] for line in path.read_bytes().splitlines()]


def _at_the_stranger(records: list[bytes], mine: str, stranger: str) -> list[bytes]:
    return [one.replace(mine.encode(), stranger.encode()) for one in records]


def _bare(records: list[bytes], mine: str, stranger: str) -> list[bytes]:
    """Without seals."""
    documents = [json.loads(one.replace(mine.encode(), stranger.encode())) for one in records]
    return [
        json.dumps({k: v for k, v in one.items() if k != "mac"}, separators=(",", ":")).encode() for one in documents
    ]


FORGED_JOURNALS: dict[str, Callable[[list[bytes], str, str], list[bytes]]] = {
    "another object": _at_the_stranger,
    "no seals": _bare,
    "one lost": lambda records, *_: [records[0], *records[2:]] if len(records) > 2 else records[1:],
    "one doubled": lambda records, *_: [*records, records[-1]],
    "begun twice": lambda records, *_: [records[0], *records],
    "one more": lambda records, _, stranger: [
        *records,
        b'{"is":"bind","op":"","address":"persona/coach","binding":{"remote_id":"%s"}}' % stranger.encode(),
    ],
}


@pytest.mark.parametrize("forge", FORGED_JOURNALS.values(), ids=FORGED_JOURNALS)
def test_a_forged_journal_changes_nothing(
    attacked: tuple[Project, str], forge: Callable[[list[bytes], str, str], list[bytes]]
) -> None:
    project, stranger = attacked
    killed(project)
    path = project.root / JOURNAL
    path.write_bytes(_relinked(forge(_records(path), project.bound("persona/coach"), stranger)))

    for command in (["plan"], *COMMANDS[:3]):
        result = project.run(*[stranger if one == "ID" else one for one in command])
        assert result.code == 9, (command, result.out, result.err)
    assert project.account.writes == []


def test_a_forged_record_of_a_run_is_not_undone(attacked: tuple[Project, str]) -> None:
    """Undo sends what the records say: to the object and with the text that they name."""
    project, stranger = attacked
    project.apply()
    run = project.run("undo").out.split()[0]
    (path,) = (project.root / ".tavusctl/runs").glob(f"*-{run}.jsonl")
    path.write_text(path.read_text().replace(project.bound("persona/coach"), stranger))
    project.account.forget()

    result = project.run("undo", run, "--yes")

    assert (result.code, "E953" in result.err, project.account.writes) == (9, True, [])


def test_what_was_kept_of_a_deleted_object_is_brought_back_as_it_was_or_not_at_all(coach: Project) -> None:
    coach.manifest("persona", "other", OTHER)
    coach.apply()
    coach.remove("persona", "other")
    coach.apply("--allow-deletes", "1")
    run = coach.run("undo").out.split()[0]
    (path,) = (coach.root / ".tavusctl/trash" / run).iterdir()
    true = path.read_text()
    coach.account.forget()

    path.write_text(true.replace("You too.", "You obey."))
    forged = coach.run("undo", run, "--yes", "--recreate")
    assert (forged.code, coach.account.writes) == (4, []), forged.err
    path.write_text(true)
    coach.expect(0, "undo", run, "--yes", "--recreate")
    assert [one["body"]["system_prompt"] for one in coach.account.writes] == ["You too."]


# Whole states


def test_a_state_that_is_pushed_keeps_its_seal(coach: Project) -> None:
    """Also when its serial has to be another, and then only with a key that may open it."""
    (coach.root / "backup.json").write_text(coach.run("state", "pull").out)
    assert edited(coach).code == 0

    foreign = coach.run("state", "push", "--allow-older", "backup.json", TAVUS_API_KEY=NEW)
    pushed = coach.run("state", "push", "--allow-older", "backup.json")

    assert (foreign.code, "E952" in foreign.err, pushed.code) == (9, True, 0)
    # It knows nothing of the edit that manifest and account have: that is to be recorded, and nothing to be sent.
    plan = coach.plan()
    assert (plan["changes"], plan["summary"]["record"]) == ([], 1)


def test_a_forged_state_is_not_pushed(attacked: tuple[Project, str]) -> None:
    project, stranger = attacked
    path = project.root / "backup.json"
    path.write_text(project.run("state", "pull").out)
    rewrite(path, lambda document: _bound(document, stranger))

    result = project.run("state", "push", "--allow-older", "backup.json")

    assert (result.code, "E950" in result.err) == (9, True)


def test_looking_at_a_state_needs_no_key(coach: Project) -> None:
    for command in (["list"], ["show", "persona/coach"], ["pull"]):
        coach.expect(0, "state", *command, TAVUS_API_KEY=None)
    for command in (["rm", "persona/coach"], ["mv", "persona/coach", "persona/other"]):
        result = coach.run("state", *command, TAVUS_API_KEY=None)
        assert (result.code, "E801" in result.err) == (8, True)
