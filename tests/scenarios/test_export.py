"""From an existing account to manifests: tidy files, an empty plan, and nobody's files touched."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.canaries import canaries, found_under
from tests.scenarios.canaries import keys as header_keys
from tests.scenarios.project import Body, Project, Result

pytestmark = pytest.mark.usefixtures("quick_scrypt")

PROMPT = "You are a coach.\n\nYou ask before you answer, and you never promise a discount."
RULE = {"guardrail_name": "no_promises", "guardrail_prompt": "A price is promised.", "callback_url": ""}


@pytest.fixture
def shop(project: Project) -> Project:
    """An account as people make one in the portal, and no project yet."""
    account = project.account
    (rules,) = account.seed(guardrails=[{"name": "House rules", "data": [RULE]}])["guardrails"]
    (goals,) = account.seed(
        objectives=[{"name": "Intake", "data": [{"objective_name": "ask_name", "objective_prompt": "Ask the name."}]}]
    )["objectives"]
    (anna,) = account.seed(replicas=[{"replica_name": "Anna"}])["replicas"]
    documents = account.seed(
        documents=[
            {"document_name": "Price list", "document_url": "https://example.com/p.pdf", "tags": ["sales", "eu"]},
            {
                "document_name": "Help",
                "document_url": "https://example.com/",
                "crawl_config": {"depth": 2, "max_pages": 9},
            },
        ]
    )["documents"]
    account.seed(
        personas=[
            {
                "persona_name": "Sales Coach",
                "system_prompt": PROMPT,
                "default_replica_id": anna,
                "guardrails_id": rules,
                "objectives_id": goals,
                "document_ids": documents,
                "layers": {
                    "perception": {"perception_model": "off"},
                    "tts": {"tts_engine": "cartesia", "voice_settings": {"speed": 0.5}},
                },
            },
            {"persona_name": "Greeter", "system_prompt": "Say ${hello}.", "default_replica_id": "rfe12d8b9597"},
        ]
    )
    account.forget()
    return project


def contents(project: Project) -> dict[str, bytes]:
    """Every file of a project but for locks."""
    files = (path for path in project.root.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(project.root).as_posix(): path.read_bytes() for path in files}


def export(project: Project, *args: str, code: int = 0) -> Result:
    result = project.expect(code, "export", *args)
    assert project.account.writes == []
    return result


def persona_id(project: Project, name: str) -> str:
    (found,) = [key for key, one in project.account.objects("personas").items() if one["persona_name"] == name]
    return found


def test_an_account_becomes_manifests_that_read_well(shop: Project) -> None:
    export(shop)
    files = contents(shop)

    assert sorted(files) == [
        ".tavusctl/state.json",
        "manifests/documents/help.yaml",
        "manifests/documents/price-list.yaml",
        "manifests/guardrails/house-rules.yaml",
        "manifests/objectives/intake.yaml",
        "manifests/personas/greeter.yaml",
        "manifests/personas/sales-coach.yaml",
        "manifests/prompts/sales-coach.md",
        "manifests/replicas/anna.yaml",
        "manifests/replicas/stock-fe12.yaml",
    ]
    assert files["manifests/prompts/sales-coach.md"].decode() == PROMPT + "\n"
    assert (
        files["manifests/personas/sales-coach.yaml"].decode()
        == """\
# yaml-language-server: $schema=../../schemas/persona.schema.json
kind: persona
name: sales-coach
spec:
  persona_name: Sales Coach
  system_prompt: ${file:prompts/sales-coach.md}
  default_replica_id: ${ref:replica/anna}
  guardrails_id: ${ref:guardrails/house-rules}
  objectives_id: ${ref:objectives/intake}
  document_ids: ["${ref:document/help}", "${ref:document/price-list}"]
  layers:
    perception:
      perception_model: "off"
    tts:
      tts_engine: cartesia
      voice_settings:
        speed: 0.5
"""
    )
    assert "  system_prompt: Say $${hello}.\n" in files["manifests/personas/greeter.yaml"].decode()
    assert "external: true\nid: rfe12d8b9597\n" in files["manifests/replicas/stock-fe12.yaml"].decode()


def test_the_next_plan_is_empty_and_apply_writes_nothing(shop: Project) -> None:
    export(shop)
    plan = shop.plan()
    shop.apply()

    assert (plan["changes"], plan["drift"], plan["refused"], plan["warnings"]) == ([], [], [], [])
    assert plan["summary"]["no_op"] == 6
    assert shop.account.writes == []
    shop.expect(0, "drift", "--detailed-exitcode")


@pytest.mark.newer_api
def test_objects_of_several_kinds_with_one_name_have_each_its_own_text(project: Project) -> None:
    project.account.seed(
        personas=[{"persona_name": "Support", "system_prompt": PROMPT}],
        single_guardrails=[{"guardrail_name": "Support", "guardrail_prompt": "A price\n\nis promised."}],
    )

    project.expect(0, "export")

    assert (project.root / "manifests/prompts/support.md").read_text() == f"{PROMPT}\n"
    assert "is promised." in (project.root / "manifests/prompts/support.guardrail_prompt.md").read_text()
    assert project.plan()["changes"] == []


def test_a_portal_edit_after_the_export_is_drift(shop: Project) -> None:
    """The export is the base: nobody has to apply first."""
    export(shop)
    edit = {"op": "replace", "path": "/persona_name", "value": "Closer"}
    shop.account.portal("persona", persona_id(shop, "Sales Coach"), edit)

    (change,) = shop.plan()["changes"]
    assert (change["address"], change["cause"]) == ("persona/sales-coach", "drifted")


def test_a_second_export_changes_no_byte(shop: Project) -> None:
    export(shop)
    before = contents(shop)
    again = export(shop)

    assert contents(shop) == before
    assert again.out == "8 objects had a manifest already\n"


def test_layout_stays_and_what_is_new_gets_a_file(shop: Project) -> None:
    """A manifest is its owner's: comments, place and file name are kept."""
    export(shop)
    path = shop.root / "manifests/personas/greeter.yaml"
    moved = shop.write(
        "manifests/ours/all.yml", "# Ours.\n" + path.read_text() + "lifecycle: {prevent_destroy: true}\n"
    )
    path.unlink()
    before = contents(shop)
    shop.account.seed(personas=[{"persona_name": "Greeter", "system_prompt": "Hi."}])
    result = export(shop)

    (added,) = contents(shop).keys() - before.keys()
    assert moved.read_bytes() == before["manifests/ours/all.yml"]
    assert result.out.startswith("wrote persona/greeter-")
    assert added.startswith("manifests/personas/greeter-")
    assert shop.plan()["changes"] == []


@pytest.mark.newer_api
def test_a_stock_object_that_a_manifest_names_by_its_id_gets_no_manifest(project: Project) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "Hi.", "tool_ids": ["end_call"]})
    project.apply()
    before = contents(project)

    project.account.forget()

    assert export(project).out == "1 object had a manifest already\n"
    assert contents(project) == before


def test_what_differs_is_told_and_left_alone(shop: Project) -> None:
    export(shop)
    before = contents(shop)
    edit = {"op": "replace", "path": "/system_prompt", "value": "Sell."}
    shop.account.portal("persona", persona_id(shop, "Sales Coach"), edit)
    result = export(shop)

    assert (
        "`persona/sales-coach` differs from the account; "
        "`tavusctl plan` shows how, and `tavusctl adopt --all` takes the edits made in the account\n"
    ) in result.err
    assert contents(shop) == before


def test_an_export_that_was_interrupted_is_taken_up(shop: Project) -> None:
    """Files are written before bindings, so a state may lack what has manifests."""
    export(shop)
    before = contents(shop)
    (shop.root / ".tavusctl/state.json").unlink()
    (shop.root / "manifests/personas/sales-coach.yaml").unlink()
    export(shop)

    assert {path: text for path, text in contents(shop).items() if path.startswith("manifests")} == {
        path: text for path, text in before.items() if path.startswith("manifests")
    }
    assert shop.plan()["changes"] == []


def test_a_signal_while_files_are_written_lets_all_of_them_be_written(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, left = os.link, [signal.SIGTERM]

    def interrupt(source: Path, target: Path, **folders: Any) -> None:
        if left:
            os.kill(os.getpid(), left.pop())
        link(source, target, **folders)

    monkeypatch.setattr(os, "link", interrupt)
    export(shop, code=128 + signal.SIGTERM)
    assert not left
    shop.expect(0, "plan", "--detailed-exitcode")
    assert export(shop).out == "8 objects had a manifest already\n"


def test_a_bound_object_without_a_manifest_gets_one_again(shop: Project) -> None:
    export(shop)
    path = shop.root / "manifests/personas/greeter.yaml"
    path.write_text(path.read_text() + "lifecycle: {prevent_destroy: true, on_remove: retain}\n")
    shop.apply()
    path.unlink()
    export(shop)

    assert path.read_text().endswith("lifecycle:\n  prevent_destroy: true\n  on_remove: retain\n")
    assert shop.plan()["changes"] == []


def test_a_file_in_the_way_stops_everything(shop: Project) -> None:
    shop.write("manifests/prompts/sales-coach.md", "Mine.\n")
    shop.write("manifests/personas/Greeter.yaml", "# nothing yet\n")
    before = contents(shop)
    result = export(shop, code=4)

    assert contents(shop) == before
    assert "manifests/personas/Greeter.yaml, which is the same file as greeter.yaml on some systems; " in result.err
    assert "manifests/prompts/sales-coach.md; nothing was written [E424]" in result.err


def test_a_link_leads_nowhere(shop: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (shop.root / "manifests").mkdir()
    (shop.root / "manifests/personas").symlink_to(elsewhere)
    (shop.root / "manifests/guardrails").mkdir()
    (shop.root / "manifests/guardrails/house-rules.yaml").symlink_to(elsewhere / "gone.yaml")

    result = shop.run("export")

    assert result.code in (4, 10)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("manifest", ["greeter", "welcome"])
def test_a_manifest_that_may_mean_the_same_object_is_for_a_person_to_bind(shop: Project, manifest: str) -> None:
    """By its address, or by the name it gives."""
    shop.manifest("persona", manifest, {"persona_name": "Greeter", "system_prompt": "Hello."})
    before = contents(shop)
    result = export(shop, code=4)

    assert contents(shop) == before
    assert f"`persona/{manifest}` is not bound, and may be {persona_id(shop, 'Greeter')}" in result.err
    assert "[E423]\n  help: import it with " in result.err
    shop.manifest("persona", f"{manifest}-2", {"persona_name": "Sales Coach", "system_prompt": "Hello."})
    assert "[E423]\n  help: import each with " in export(shop, code=4).err


def test_a_broken_project_is_mended_first(shop: Project) -> None:
    shop.write("manifests/x.yaml", "kind: persona\n")

    assert "TV106" in export(shop, code=10).err


HOSTILE = [
    "../../etc/passwd",
    "a/b",
    "C:\\x",
    ".hidden",
    "con",
    "x\n\x1b[2J",
    "y" * 10_000,
    "",
    "UP",
    "up",
]


def test_hostile_names_are_harmless(project: Project) -> None:
    personas = [{"persona_name": name, "system_prompt": name + "\nx"} for name in HOSTILE]
    project.account.seed(
        personas=personas, documents=[{"document_name": n, "document_url": "https://x.io"} for n in HOSTILE]
    )
    project.account.forget()
    around = sorted(project.root.parent.iterdir())
    result = export(project)
    files = [path for path in (project.root / "manifests").rglob("*") if path.is_file()]
    names = [path.name for path in files]

    assert "\x1b" not in result.out + result.err
    assert (sorted(project.root.parent.iterdir()), len(contents(project))) == (around, len(files) + 1)
    assert len({str(path).lower() for path in files if path.suffix == ".yaml"}) == 2 * len(HOSTILE)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.") and len(name) <= 70 for name in names)
    assert project.plan()["changes"] == []


def test_text_that_turns_around_is_for_a_person_to_look_at(project: Project) -> None:
    """It is written as it is, in escapes; no plan is made until it is removed or meant."""
    project.account.seed(personas=[{"persona_name": "\u202egpj", "system_prompt": "x"}])
    project.account.forget()
    result = export(project)
    path = project.root / "manifests/personas/gpj.yaml"
    stopped = project.run("plan")
    path.write_text(path.read_text().replace('202Egpj"\n', '202Egpj" # tavusctl: ignore=TV206\n'))

    assert (
        "persona/gpj: U+202E RIGHT-TO-LEFT OVERRIDE in the text [TV206 bidirectional-characters]; remove it"
        in result.err
    )
    assert '  persona_name: "\\u202Egpj" #' in path.read_text()
    assert stopped.code == 10
    assert project.plan()["changes"] == []


def test_objects_that_are_not_ready_export_like_others(project: Project) -> None:
    account = project.account
    account.seed(
        replicas=[{"replica_name": "New", "status": "training", "training_progress": "3/100"}],
        documents=[{"document_name": "Bad", "document_url": "https://x.io", "status": "error", "error_message": "no"}],
    )
    account.forget()
    export(project)
    document = (project.root / "manifests/documents/bad.yaml").read_text().partition("spec:\n")[2]

    assert document == "  document_url: https://x.io\n  document_name: Bad\n"
    assert project.plan()["changes"] == []


def test_a_half_of_a_replacement_is_not_taken_for_another_object(project: Project) -> None:
    """The new version is being processed and the old one is in use."""
    project.account.switch(processing_seconds=300)
    project.manifest("document", "prices", {"document_name": "Prices", "document_url": "https://x.io/1"})
    project.apply()
    project.account.advance(400)
    project.manifest("document", "prices", {"document_name": "Prices", "document_url": "https://x.io/2"})
    project.apply_and_forget()

    assert len(project.account.objects("documents")) == 2
    assert json.loads(export(project, "--format", "json").out)["objects"] == []


def test_ids_that_lead_nowhere_stay_as_they_are(project: Project) -> None:
    project.account.seed(
        personas=[
            {
                "persona_name": "Lost",
                "system_prompt": "x",
                "default_replica_id": "r000000000",
                "guardrails_id": "../personas?x=1#",
                "document_ids": ["d0-000000000000"],
            }
        ]
    )
    project.account.forget()
    export(project)
    text = (project.root / "manifests/personas/lost.yaml").read_text()

    assert "default_replica_id: r000000000\n" in text
    assert "guardrails_id: ../personas?x=1#\n" in text
    assert "document_ids: [d0-000000000000]\n" in text
    assert project.plan()["changes"] == []


def test_what_the_listing_does_not_have_yet_is_found_by_reference(shop: Project) -> None:
    shop.account.advance(7200)
    shop.account.switch(list_lag=3600)
    document = {"document_name": "Fresh", "document_url": "https://example.com/fresh"}
    made = shop.account.call("POST", "/v2/documents", document).json()["document_id"]
    edit = {"op": "replace", "path": "/document_ids", "value": [made]}
    shop.account.portal("persona", persona_id(shop, "Greeter"), edit)
    shop.account.forget()
    export(shop)

    assert 'document_ids: ["${ref:document/fresh}"]' in (shop.root / "manifests/personas/greeter.yaml").read_text()
    assert shop.plan()["changes"] == []


# A part of the account.


def test_one_kind(shop: Project) -> None:
    """What is not exported is referred to by its id; a later export completes it."""
    export(shop, "--kind", "persona")
    text = (shop.root / "manifests/personas/sales-coach.yaml").read_text()
    rest = sorted(path.name for path in (shop.root / "manifests").iterdir())
    first = shop.plan()["changes"]
    export(shop)

    assert rest == ["personas", "prompts", "replicas"]
    assert "guardrails_id: g" in text
    assert "default_replica_id: r" in text
    assert (first, shop.plan()["changes"]) == ([], [])
    assert (shop.root / "manifests/personas/sales-coach.yaml").read_text() == text
    assert export(shop, "--kind", "persona").err == ""


def test_one_object(shop: Project) -> None:
    by_address = export(shop, "--address", "persona/greeter")
    by_id = export(shop, "--id", next(iter(shop.account.objects("guardrails"))))

    assert [line.split()[1] for line in by_address.out.splitlines()] == ["persona/greeter", "replica/stock-fe12"]
    assert [line.split()[1] for line in by_id.out.splitlines()] == ["guardrails/house-rules"]
    assert shop.plan()["changes"] == []


def test_what_there_is_not_cannot_be_exported(shop: Project) -> None:
    slip = export(shop, "--address", "persona/greter", code=12)
    stranger = export(shop, "--id", "p0", code=9)

    assert "did you mean `persona/greeter`?" in slip.err
    assert "the account has no object `p0`" in stranger.err


def test_an_empty_account(project: Project) -> None:
    assert export(project).out == "nothing to export\n"
    assert contents(project) == {}


def test_a_dry_run_writes_nothing(shop: Project) -> None:
    result = export(shop, "--dry-run", "--kind", "persona")

    assert next(line.split()[:3] for line in result.out.splitlines()) == ["would", "write", "persona/greeter"]
    assert contents(shop) == {}


def test_as_json(shop: Project) -> None:
    document = export(shop, "--format", "json", "--kind", "persona").document
    greeter = document["objects"][0]

    assert list(document) == ["format_version", "dry_run", "folder", "objects", "kept", "differing", "complaints"]
    assert (document["dry_run"], document["folder"]) == (False, "manifests")
    assert greeter == {
        "address": "persona/greeter",
        "id": persona_id(shop, "Greeter"),
        "managed": True,
        "reason": "",
        "files": ["personas/greeter.yaml"],
        "written": ["personas/greeter.yaml"],
        "left_out": [],
        "secrets": [],
    }


def test_a_folder_below_the_manifests(shop: Project) -> None:
    export(shop, "--out", "manifests/from portal")

    assert "${file:../prompts/sales-coach.md}" in (
        shop.root / "manifests/from portal/personas/sales-coach.yaml"
    ).read_text("utf-8")
    assert shop.plan()["changes"] == []


def test_a_folder_beside_the_manifests_binds_nothing(shop: Project) -> None:
    """Nobody reads it, and what is bound without a manifest would be deleted."""
    result = export(shop, "--out", "copy")
    again = export(shop, "--out", "copy")
    shop.write("tavusctl.yaml", "manifests: copy\n")

    assert "nothing is bound" in result.err
    assert again.code == 0
    assert shop.run("state", "list").out == ""
    shop.expect(0, "validate")
    export(shop)
    assert shop.plan()["changes"] == []


# Secrets.


def with_keys(project: Project) -> dict[str, str]:
    """A persona with two stored keys and a header; what its variables hold."""
    key, voice, header, *_ = canaries()
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": key, "headers": {"X-Org": header}}
    body: Body = {"persona_name": "Own", "system_prompt": "x", "layers": {"llm": llm, "tts": {"api_key": voice}}}
    project.account.seed(personas=[body])
    project.account.forget()
    names = ("PERSONA_OWN_LLM_API_KEY", "PERSONA_OWN_LLM_HEADERS_X_ORG", "PERSONA_OWN_TTS_API_KEY")
    return dict(zip(names, (key, header, voice), strict=True))


@pytest.mark.parametrize("mask", ["stars", "echo", "omit"])
def test_keys_become_variables_and_the_plan_stays_empty(project: Project, mask: str) -> None:
    """However the server shows keys, nothing is sent: what the account has counts as what the variables hold."""
    project.write("tavusctl.yaml", "version: 1\nsecrets: []  # none\n")
    project.account.switch(mask=mask)
    keys = with_keys(project)
    result = export(project)
    if mask == "omit":  # nothing tells that there is a key for the voice
        del keys["PERSONA_OWN_TTS_API_KEY"]
    project.environment.update(keys)
    plan = project.plan()
    project.apply()
    again = project.plan()

    names = "".join(f"  - {name}\n" for name in sorted(keys))
    one_line = f"secrets: [{', '.join(sorted(keys))}]  # none\n"
    listed = one_line if mask == "omit" else f"secrets:  # none\n{names}"  # three names are too long for one line
    assert (project.root / "tavusctl.yaml").read_text() == f"version: 1\n{listed}"
    assert all(f"\n  {name}" in result.err for name in keys)
    assert found_under(project.root, keys.values()) == []
    assert not any(value in result.out + result.err for value in keys.values())
    assert (plan["changes"], again["changes"], project.account.writes) == ([], [], [])


@pytest.mark.parametrize("cause", ["edited", "drifted"])
def test_a_key_that_changes_later_is_an_edit_and_one_that_the_portal_takes_away_drift(
    project: Project, cause: str
) -> None:
    project.write("tavusctl.yaml", "version: 1\n")
    keys = with_keys(project)
    export(project)
    project.environment.update(keys)
    if cause == "edited":
        project.apply()
        project.environment["PERSONA_OWN_TTS_API_KEY"] = "another-key"
    else:
        project.account.portal("persona", persona_id(project, "Own"), {"op": "remove", "path": "/layers/tts/api_key"})
    (change,) = project.plan()["changes"]

    assert [(one["path"], one["cause"]) for one in change["fields"]] == [("/layers/tts/api_key", cause)]


def test_a_header_that_reads_show_is_compared(project: Project) -> None:
    project.write("tavusctl.yaml", "version: 1\n")
    keys = with_keys(project)
    export(project)
    project.environment.update({**keys, "PERSONA_OWN_LLM_HEADERS_X_ORG": "wrong-header"})
    (change,) = project.plan()["changes"]

    assert [one["path"] for one in change["fields"]] == ["/layers/llm/headers/X-Org"]


def test_names_are_added_to_any_project_file_that_can_be_read(project: Project) -> None:
    project.write("tavusctl.yaml", "version: 1\t# a tab before the comment\n")
    keys = with_keys(project)

    export(project)

    names = "".join(f"  - {name}\n" for name in sorted(keys))
    added = f"version: 1\t# a tab before the comment\nsecrets:\n{names}"
    assert (project.root / "tavusctl.yaml").read_text() == added


def test_without_a_project_file_the_names_are_told(project: Project) -> None:
    keys = with_keys(project)

    assert f"next: add them to tavusctl.yaml: `secrets: [{', '.join(keys)}]`\n" in export(project).err
    assert not (project.root / "tavusctl.yaml").exists()


def test_a_persona_with_what_this_version_does_not_know(project: Project) -> None:
    layers = {"stt": {"stt_engine": "tavus-next", "hotwords": "A, B"}, "llm": {"model": "tavus-x", "newer": {"a": 1}}}
    project.account.seed(personas=[{"persona_name": "Next", "system_prompt": "x", "layers": layers}] * 2)
    project.account.forget()
    result = export(project)

    assert "persona /layers/llm/newer of 2 objects: a field that this version does not know\n" in result.err
    texts = [path.read_text() for path in (project.root / "manifests/personas").iterdir()]
    assert all("stt_engine: tavus-next" in one for one in texts)  # what the API knows by now is written
    assert project.plan()["changes"] == []


def test_a_set_that_no_manifest_can_tell_is_referred_to(project: Project) -> None:
    bad = {"objective_name": "two words", "objective_prompt": "x"}
    (goals,) = project.account.seed(objectives=[{"name": "Old", "data": [bad]}])["objectives"]
    project.account.seed(personas=[{"persona_name": "P", "system_prompt": "x", "objectives_id": goals}])
    project.account.forget()
    result = export(project)

    assert (
        "`objectives/old` is exported as `external: true` and not managed: "
        "an objective name must not contain white space, found `two words`"
    ) in result.err
    assert "objectives_id: ${ref:objectives/old}" in (project.root / "manifests/personas/p.yaml").read_text()
    assert project.plan()["changes"] == []


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_link_does_not_lead_an_export_out_of_the_project(
    shop: Project, options: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (shop.root / "copy").symlink_to(outside)

    for folder in ("copy", "copy/inner"):
        result = shop.run("export", "--out", folder, *options)
        assert (result.code, "out of the project" in result.err) == (12, True), result.err
    assert list(outside.iterdir()) == []
    shop.expect(0, "export", "--out", str(outside), *options)


# A new project.


def test_init_from_an_account(shop: Project) -> None:
    keys = with_keys(shop)
    made = shop.run("init", "--from-account")
    files = contents(shop)
    again = export(shop)

    assert made.code == 0, made.err
    assert shop.account.writes == []
    assert {"tavusctl.yaml", ".gitignore", "schemas/persona.schema.json"} <= files.keys()
    assert not any("assistant" in path or "house-rules.md" in path for path in files)
    assert "secrets:\n" + "".join(f"  - {name}\n" for name in keys) in files["tavusctl.yaml"].decode()
    assert again.out == "9 objects had a manifest already\n"
    shop.environment.update(keys)
    assert shop.plan()["changes"] == []


def test_init_from_an_account_names_no_option_that_it_has_not(shop: Project) -> None:
    shop.write("manifests/prompts/sales-coach.md", "Mine.\n")

    result = shop.run("init", "--from-account")

    assert (result.code, "[E424]" in result.err) == (4, True), result.err
    assert "choose another folder for the project: `tavusctl init FOLDER --from-account`" in result.err
    assert not (shop.root / "tavusctl.yaml").exists()


def test_a_project_from_an_account_in_another_folder_leads_there(shop: Project) -> None:
    made = shop.expect(0, "init", "new", "--from-account")

    assert "the project is in new: change to that folder before the next command" in made.err


@pytest.mark.parametrize("key", [None, "unknown"])
def test_init_from_an_account_that_does_not_answer_leaves_nothing(shop: Project, key: str | None) -> None:
    shop.account.switch(unknown_keys="refuse", keys={})
    shop.expect(8, "init", "new", "--from-account", TAVUS_API_KEY=key)
    assert not Path(shop.root / "new").exists()


def test_what_is_no_key_stays_readable_and_equal_keys_have_one_name(project: Project) -> None:
    """Three personas of one backend need one variable for its token; the next plan needs no value at all."""
    token, *_ = header_keys(1)
    headers = {"X-Tenant-Token": token, "Content-Type": "application/json", "api-version": "2024-06-01"}
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "k", "headers": headers}
    bodies = [{"persona_name": name, "system_prompt": "x", "layers": {"llm": llm}} for name in ("A", "B", "C")]
    project.account.seed(personas=bodies)
    project.write("tavusctl.yaml", "version: 1\n")
    project.account.forget()
    told = export(project)
    written = (project.root / "manifests/personas/b.yaml").read_text("utf-8")

    assert 'api-version: "2024-06-01"' in written
    assert "Content-Type: application/json" in written
    assert "X-Tenant-Token: ${secret:LLM_HEADERS_X_TENANT_TOKEN}" in written
    assert told.err.count("LLM_HEADERS_X_TENANT_TOKEN") == 1
    assert "next: tavusctl plan, which needs no values of these variables; apply needs those that it sends" in told.err
    assert found_under(project.root, [token]) == []
    assert project.plan()["changes"] == []
    assert "recorded" not in project.plan()
    edit = {"op": "replace", "path": "/layers/llm/headers/api-version", "value": "2025-01-01"}
    project.account.portal("persona", persona_id(project, "B"), edit)
    project.expect(0, "adopt", "--all")
    assert 'api-version: "2025-01-01"' in (project.root / "manifests/personas/b.yaml").read_text("utf-8")
    assert project.account.writes == []
