"""Live edits that find their way back into the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scenarios.project import Project

COACH = """
# yaml-language-server: $schema=../schemas/persona.schema.json
kind: persona
name: coach
spec:
  persona_name: Coach  # what people see
  system_prompt: ${file:prompts/coach.md}
  context: ${var:brand} sells shoes.
  guardrails_id: ${ref:guardrails/rules}
  document_tags: [b, a]  # a set
  layers:
    # the voice
    tts:
      tts_engine: cartesia
      voice_settings:
        speed: 0.5  # slow
    llm:
      model: tavus-gpt-oss
      tools:
        - type: function
          function:
            name: find_shoes  # the first tool
            description: "Finds shoes."
            parameters: {type: object, properties: {}}
"""
RULES = """
kind: guardrails
name: rules
spec:
  name: Rules
  data:
    # about prices
    - guardrail_name: no_promises
      guardrail_prompt: Promises a price.
    # about people
    - guardrail_name: no_names
      guardrail_prompt: ${file:prompts/names.md}
"""
PROJECT = """
manifests: manifests
secrets: [LLM_KEY]
environments:
  default:
    vars: {brand: Acme}
"""


@pytest.fixture
def full(project: Project) -> Project:
    """A persona with a prompt file and comments, and its guardrails, applied."""
    project.write("tavusctl.yaml", PROJECT)
    project.write("manifests/coach.yaml", COACH)
    project.write("manifests/rules.yaml", RULES)
    project.write("manifests/prompts/coach.md", "You coach.\nYou are kind.\n")
    project.write("manifests/prompts/names.md", "Says a name.\n")
    return project.apply_and_forget()


def text_of(project: Project, name: str) -> str:
    return Path(project.root, "manifests", name).read_bytes().decode()


def settled(project: Project) -> bool:
    """Whether the next plan is empty and the next apply makes no call."""
    plan = project.plan()
    again = project.run("apply", "--yes")
    return plan["changes"] == [] and again.code == 0 and project.account.writes == [] and project.plan()["drift"] == []


def test_a_live_edit_is_spliced_into_the_manifest_and_is_settled(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/persona_name", "Coach: Ann")
    full.edit_in_portal("persona/coach", "/layers/tts/voice_settings/speed", 0.7)
    before = text_of(full, "coach.yaml")

    adopted = full.run("adopt", "persona/coach")

    after = before.replace("Coach  # what", '"Coach: Ann"  # what').replace("0.5  # slow", "0.7  # slow")
    assert (adopted.code, text_of(full, "coach.yaml")) == (0, after)
    assert adopted.out == (
        "adopted persona/coach /layers/tts/voice_settings/speed in manifests/coach.yaml\n"
        "adopted persona/coach /persona_name in manifests/coach.yaml\n"
    )
    assert settled(full)


def test_a_prompt_goes_back_into_its_file(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/system_prompt", "You coach.\nYou are strict. ${HOME}")
    before = text_of(full, "coach.yaml")

    adopted = full.run("adopt", "--all")

    assert (adopted.code, text_of(full, "coach.yaml")) == (0, before)
    assert text_of(full, "prompts/coach.md") == "You coach.\nYou are strict. ${HOME}\n"
    assert settled(full)


def test_a_dry_run_shows_the_diff_and_writes_nothing(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/system_prompt", "You coach.\nYou are strict.")

    shown = full.expect(0, "adopt", "--all", "--dry-run")

    assert shown.out == (
        "--- a/manifests/prompts/coach.md\n+++ b/manifests/prompts/coach.md\n@@ -1,2 +1,2 @@\n"
        " You coach.\n-You are kind.\n+You are strict.\n"
    )
    assert text_of(full, "prompts/coach.md") == "You coach.\nYou are kind.\n"


def test_lists_change_item_by_item_and_keep_their_comments_and_files(full: Project) -> None:
    rules = [
        {"guardrail_name": "no_names", "guardrail_prompt": "Says any name."},
        {"guardrail_name": "no_jokes", "guardrail_prompt": "Tells a joke for ${5}."},
    ]
    full.edit_in_portal("guardrails/rules", "/data", rules)

    full.expect(0, "adopt", "guardrails/rules")
    assert text_of(full, "rules.yaml") == RULES.lstrip().replace(
        "    - guardrail_name: no_promises\n      guardrail_prompt: Promises a price.\n", ""
    ) + ("    - guardrail_name: no_jokes\n      guardrail_prompt: Tells a joke for $${5}.\n")
    assert text_of(full, "prompts/names.md") == "Says any name.\n"
    assert settled(full)


def test_tools_keep_what_did_not_change(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/layers/llm/tools/0/function/description", "Finds\nboots.")
    before = text_of(full, "coach.yaml")

    full.expect(0, "adopt", "persona/coach")
    after = before.replace('description: "Finds shoes."', "description: |-\n              Finds\n              boots.")
    assert text_of(full, "coach.yaml") == after
    assert settled(full)


def test_ids_become_references_and_what_is_gone_is_removed(full: Project) -> None:
    full.write(
        "manifests/more.yaml",
        "kind: guardrails\nname: more\nspec:\n  data:\n    - guardrail_name: a\n      guardrail_prompt: B.\n",
    )
    full.apply_and_forget()
    full.edit_in_portal("persona/coach", "/guardrails_id", full.bound("guardrails/more"))
    full.edit_in_portal("persona/coach", "/layers/tts", None, op="remove")
    before = text_of(full, "coach.yaml")

    full.expect(0, "adopt", "persona/coach")
    tts = "    tts:\n      tts_engine: cartesia\n      voice_settings:\n        speed: 0.5  # slow\n"
    assert text_of(full, "coach.yaml") == before.replace("guardrails/rules", "guardrails/more").replace(tts, "")
    assert settled(full)


def test_an_id_that_nothing_declares_stays_an_id(full: Project) -> None:
    other = full.account.call(
        "POST", "/v2/guardrails", {"name": "x", "data": [{"guardrail_name": "a", "guardrail_prompt": "B."}]}
    )
    remote_id = other.json()["guardrails_id"]
    full.edit_in_portal("persona/coach", "/guardrails_id", remote_id)
    full.account.forget()

    full.expect(0, "adopt", "persona/coach")
    assert f"  guardrails_id: {remote_id}\n" in text_of(full, "coach.yaml")
    assert settled(full)


def test_the_order_of_a_set_stays(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/document_tags", ["c", "a", "b"])

    full.expect(0, "adopt", "--all")
    assert "  document_tags: [b, a, c]  # a set\n" in text_of(full, "coach.yaml")
    assert settled(full)


def test_what_a_variable_brings_is_refused_and_the_rest_is_adopted(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/context", "Ajax sells shoes.")
    full.edit_in_portal("persona/coach", "/persona_name", "Ann")

    adopted = full.expect(4, "adopt", "--all")

    assert adopted.out == (
        "refused persona/coach /context: the text of `${var:brand}` was edited, but other manifests may use it, too\n"
        "adopted persona/coach /persona_name in manifests/coach.yaml\n"
    )
    assert [change["fields"][0]["path"] for change in full.plan()["changes"]] == ["/context"]


def test_a_file_of_several_is_written_only_when_all_have_the_text(full: Project) -> None:
    full.write(
        "manifests/second.yaml", "kind: persona\nname: second\nspec:\n  system_prompt: ${file:prompts/coach.md}\n"
    )
    full.apply_and_forget()
    full.edit_in_portal("persona/coach", "/system_prompt", "Both.")

    alone = full.run("adopt", "--all")
    full.edit_in_portal("persona/second", "/system_prompt", "Both.")
    agreed = full.run("adopt", "persona/coach")

    assert alone.code == 4
    assert alone.out == (
        "refused persona/coach /system_prompt: `manifests/prompts/coach.md` is also used by persona/second "
        "(/system_prompt), where the account has another text; use a separate file for each\n"
    )
    assert (agreed.code, text_of(full, "prompts/coach.md")) == (0, "Both.\n")
    assert settled(full)


@pytest.mark.newer_api
def test_a_text_under_a_newer_name_goes_back_into_its_file(project: Project) -> None:
    project.write("manifests/x.md", "Old.\n")
    project.manifest(
        "persona", "coach", {"persona_name": "Coach", "system_prompt": "Hi.", "pal_description": "${file:x.md}"}
    )
    project.apply_and_forget()
    bound = project.bound("persona/coach")
    live = project.account.objects("personas")[bound]
    field = next(key for key, value in live.items() if value == "Old.")
    project.account.portal("persona", bound, {"op": "replace", "path": f"/{field}", "value": "New."})

    adopted = project.run("adopt", "--all")

    assert (adopted.code, text_of(project, "x.md")) == (0, "New.\n"), adopted.out
    assert settled(project)


def test_a_prompt_file_that_another_reads_through_a_link_is_changed_for_both_or_not(full: Project) -> None:
    (full.root / "manifests/prompts/second.md").symlink_to("coach.md")
    full.write(
        "manifests/second.yaml", "kind: persona\nname: second\nspec:\n  system_prompt: ${file:prompts/second.md}\n"
    )
    full.apply()
    full.edit_in_portal("persona/coach", "/system_prompt", "One.")

    alone = full.run("adopt", "--all")
    full.edit_in_portal("persona/second", "/system_prompt", "One.")
    agreed = full.run("adopt", "--all")

    assert alone.code == 4
    assert "`manifests/prompts/coach.md` is also used by persona/second (/system_prompt)" in alone.out
    assert (agreed.code, text_of(full, "prompts/coach.md")) == (0, "One.\n"), agreed.out
    assert (full.root / "manifests/prompts/second.md").is_symlink()


def test_a_conflict_is_settled_by_the_live_value(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/persona_name", "Theirs")
    path = full.root / "manifests/coach.yaml"
    path.write_text(path.read_text().replace("Coach  #", "Ours  #"))
    full.expect(3, "plan")

    full.expect(0, "adopt", "persona/coach")
    assert text_of(full, "coach.yaml") == COACH.lstrip().replace("Coach  #", "Theirs  #")
    assert settled(full)


def test_edits_of_the_manifest_stay_to_be_applied(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/persona_name", "Theirs")
    path = full.root / "manifests/coach.yaml"
    path.write_text(path.read_text().replace("speed: 0.5", "speed: 0.6"))

    full.expect(0, "adopt", "persona/coach")

    (change,) = full.plan()["changes"]
    assert [(one["path"], one["cause"]) for one in change["fields"]] == [("/layers/tts/voice_settings/speed", "edited")]


def test_secrets_are_never_adopted(full: Project) -> None:
    path = full.root / "manifests/coach.yaml"
    path.write_text(
        path.read_text().replace(
            "tavus-gpt-oss\n", "custom\n      base_url: https://llm.example.com\n      api_key: ${secret:LLM_KEY}\n"
        )
    )
    secret = {"LLM_KEY": "k-first-7f3a91"}
    full.expect(0, "apply", "--yes", **secret)
    before = text_of(full, "coach.yaml")
    full.account.switch(mask="echo")
    full.edit_in_portal("persona/coach", "/layers/llm/api_key", "k-second-55ab20")

    adopted = full.run("adopt", "--all", **secret)

    assert "k-second" not in adopted.out + adopted.err
    assert adopted.code == 4
    assert "refused persona/coach /layers/llm/api_key: a secret is never written" in adopted.out
    assert text_of(full, "coach.yaml") == before


def test_a_secret_that_somebody_pasted_into_a_text_stays_out_of_git(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/system_prompt", "Use the key k-pasted-99c1d2 for calls.")

    adopted = full.expect(4, "adopt", "--all", LLM_KEY="k-pasted-99c1d2")

    assert "it contains the value of a secret" in adopted.out
    assert text_of(full, "prompts/coach.md") == "You coach.\nYou are kind.\n"


def test_a_secret_is_found_also_in_a_file_that_has_another(full: Project) -> None:
    full.write("tavusctl.yaml", PROJECT.replace("[LLM_KEY]", "[LLM_KEY, GREETING]"))
    full.write("manifests/prompts/coach.md", "You coach. Say hello-and-welcome.\n")
    values = {"LLM_KEY": "k-pasted-99c1d2", "GREETING": "hello-and-welcome"}
    full.expect(0, "apply", "--yes", **values)
    before = text_of(full, "prompts/coach.md")
    full.edit_in_portal(
        "persona/coach", "/system_prompt", "You coach. Say hello-and-welcome. The key is k-pasted-99c1d2."
    )

    adopted = full.expect(4, "adopt", "--all", **values)

    assert "it contains the value of a secret" in adopted.out
    assert text_of(full, "prompts/coach.md") == before


def test_a_deleted_object_is_refused_with_the_way_out(full: Project) -> None:
    full.account.portal_delete("persona", full.bound("persona/coach"))

    adopted = full.run("adopt", "persona/coach")

    assert (adopted.code, adopted.out) == (
        4,
        (
            "refused persona/coach: the object was deleted in the account; "
            "remove its manifest, or run `tavusctl apply` to recreate it\n"
        ),
    )


def test_a_reference_to_a_deleted_object_is_refused_with_the_way_out(full: Project) -> None:
    """No manifest can have its id: the next plan would see another difference there."""
    full.account.portal_delete("guardrails", full.bound("guardrails/rules"))

    adopted = full.run("adopt", "persona/coach")

    assert (adopted.code, adopted.out) == (
        4,
        (
            "refused persona/coach /guardrails_id: it refers to guardrails/rules, which was deleted in the account; "
            "remove the reference, or run `tavusctl apply` to recreate it\n"
        ),
    )


def test_an_edit_during_an_adopt_is_a_conflict(full: Project) -> None:
    """The account is read again to check the new files: somebody may have edited the same field meanwhile."""
    full.edit_in_portal("persona/coach", "/system_prompt", "First.")
    patch = [{"op": "replace", "path": "/system_prompt", "value": "Second."}]
    edit = {"kind": "persona", "id": full.bound("persona/coach"), "account": full.account.key, "patch": patch}
    full.account.control("POST", "portal", {**edit, "when": {"before": "GET /v2/personas", "skip": 1}})
    before = text_of(full, "prompts/coach.md")

    adopted = full.run("adopt", "persona/coach")

    assert (adopted.code, adopted.out, text_of(full, "prompts/coach.md")) == (3, "", before), adopted.err
    assert "/system_prompt of `persona/coach` was edited in the account during this run" in adopted.err
    full.expect(0, "adopt", "persona/coach")
    assert text_of(full, "prompts/coach.md") == "Second.\n"
    assert settled(full)


def test_a_live_value_that_makes_no_valid_manifest_is_not_written(full: Project) -> None:
    full.edit_in_portal("persona/coach", "/system_prompt", "", op="replace")
    path = full.root / "manifests/coach.yaml"
    path.write_text(path.read_text().replace("${file:prompts/coach.md}", "You coach."))
    full.run("apply", "--yes", "--overwrite", "persona/coach")
    full.account.forget()
    before = path.read_bytes()
    full.edit_in_portal("persona/coach", "/system_prompt", "")

    adopted = full.expect(4, "adopt", "persona/coach")

    assert "E432" in adopted.err
    assert "`system_prompt` is missing" in adopted.err
    assert path.read_bytes() == before
    previewed = full.run("adopt", "persona/coach", "--dry-run")
    assert (previewed.code, previewed.out, previewed.err) == (adopted.code, "", adopted.err)


@pytest.mark.parametrize("prompt", ["You coach.", "${file:prompts/it.md}"], ids=["in the manifest", "in a file"])
def test_an_object_whose_live_values_make_no_valid_manifest_stops_no_other(project: Project, prompt: str) -> None:
    """It is named, with what is wrong, and its files stay; alone, it is an error."""
    project.write("manifests/prompts/it.md", "You coach.")
    for name in ("a", "b", "c"):
        project.manifest("persona", name, {"persona_name": name, "system_prompt": prompt, "greeting": "Hello"})
        prompt = "You coach."
    project.apply()
    for name in ("a", "b"):
        project.edit_in_portal(f"persona/{name}", "/greeting", "Good day")
    project.edit_in_portal("persona/a", "/system_prompt", "")
    before = text_of(project, "persona-a.yaml"), text_of(project, "prompts/it.md")

    previewed = project.run("adopt", "--all", "--dry-run")
    adopted = project.expect(4, "adopt", "--all")

    for told in (adopted.out, previewed.err):
        assert "refused persona/a: its live values do not form a valid manifest: " in told
        assert "`system_prompt` is missing or empty; set `system_prompt` or `pipeline_mode: echo`" in told
    assert "adopted persona/b /greeting in" in adopted.out
    assert "persona/a /" not in adopted.out
    assert (text_of(project, "persona-a.yaml"), text_of(project, "prompts/it.md")) == before
    assert "Good day" in text_of(project, "persona-b.yaml")
    assert "E432" in project.expect(4, "adopt", "--all").err


def test_nothing_to_adopt_is_said_and_slips_of_the_pen_are_usage(full: Project) -> None:
    nothing = full.run("adopt", "--all")
    unknown = full.run("adopt", "persona/coahc")
    both = full.run("adopt", "--all", "persona/coach")
    full.account.forget()
    word = full.run("adopt", "persona/coach", "coach")

    assert (nothing.code, nothing.out, nothing.err) == (
        0,
        "",
        "nothing to adopt: no managed object was edited in the account\n",
    )
    assert (unknown.code, both.code) == (12, 12)
    assert "persona/coach" in unknown.err
    assert (word.code, "`coach` is not an address" in word.err, full.account.requests) == (12, True, [])


def test_what_was_bound_and_never_applied_is_adopted_whole(full: Project) -> None:
    remote_id = full.account.call(
        "POST", "/v2/personas", {"persona_name": "Old", "system_prompt": "Old prompt."}
    ).json()["persona_id"]
    full.write("manifests/old.yaml", "kind: persona\nname: old\nspec:\n  persona_name: ''\n  system_prompt: x\n")
    full.expect(0, "import", "persona/old", remote_id)
    full.account.forget()

    full.expect(0, "adopt", "persona/old")

    assert (
        text_of(full, "old.yaml")
        == "kind: persona\nname: old\nspec:\n  persona_name: 'Old'\n  system_prompt: Old prompt.\n"
    )
    assert settled(full)


STYLE = "Be kind, and be brief."
MIXED = "You coach for ${var:brand}. ${file:prompts/style.md} Answer in French. Cost: $${5}."


@pytest.fixture
def mixed(project: Project) -> Project:
    """A prompt that is put together of words, a variable and a file."""
    project.write("tavusctl.yaml", PROJECT)
    project.write("manifests/prompts/style.md", f"{STYLE}\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": MIXED})
    return project.apply_and_forget()


@pytest.mark.parametrize(
    ("live", "written"),
    [
        (
            f"You coach for Acme. {STYLE} Answer in German. Cost: ${{5}}.",
            "You coach for ${var:brand}. ${file:prompts/style.md} Answer in German. Cost: $${5}.",
        ),
        (
            f"You teach at Acme. {STYLE} Answer in French. Cost: ${{5}}. ${{x}} Acme",
            "You teach at ${var:brand}. ${file:prompts/style.md} Answer in French. Cost: $${5}. $${x} Acme",
        ),
    ],
)
def test_an_edit_of_the_words_around_expressions_is_written_around_them(
    mixed: Project, live: str, written: str
) -> None:
    mixed.edit_in_portal("persona/coach", "/system_prompt", live)
    mixed.expect(0, "adopt", "--all")
    manifest = json.loads(text_of(mixed, "persona-coach.yaml"))
    assert manifest["spec"]["system_prompt"] == written
    assert text_of(mixed, "prompts/style.md") == f"{STYLE}\n"
    assert settled(mixed)


def test_an_edit_inside_what_a_file_brought_goes_into_the_file(mixed: Project) -> None:
    mixed.edit_in_portal(
        "persona/coach", "/system_prompt", "You coach for Acme. Be kind. Answer in French. Cost: ${5}."
    )
    mixed.expect(0, "adopt", "--all")
    assert text_of(mixed, "prompts/style.md") == "Be kind.\n"
    assert json.loads(text_of(mixed, "persona-coach.yaml"))["spec"]["system_prompt"] == MIXED
    assert settled(mixed)


def test_a_file_that_others_use_is_not_changed_by_an_edit_inside_it(mixed: Project) -> None:
    mixed.manifest("persona", "other", {"persona_name": "Other", "system_prompt": "${file:prompts/style.md}"})
    mixed.apply()
    mixed.edit_in_portal(
        "persona/coach", "/system_prompt", "You coach for Acme. Be kind. Answer in French. Cost: ${5}."
    )
    adopted = mixed.expect(4, "adopt", "--all")
    assert "is also used by persona/other" in adopted.out
    assert text_of(mixed, "prompts/style.md") == f"{STYLE}\n"


def test_a_dollar_that_would_make_an_expression_a_literal_is_refused(mixed: Project) -> None:
    mixed.write("manifests/prompts/style.md", "Be kind.\n")
    mixed.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "Only ${var:brand} here."})
    mixed.apply()
    before = text_of(mixed, "persona-coach.yaml")
    mixed.edit_in_portal("persona/coach", "/system_prompt", "Only $Acme here.")

    adopted = mixed.run("adopt", "--all")

    assert (adopted.code, text_of(mixed, "persona-coach.yaml")) == (4, before), adopted.err
    assert "a `$` right before an expression makes it a literal" in adopted.out


@pytest.mark.parametrize("other", ["${file:prompts/rule.md}", "${file:./prompts/rule.md}"])
@pytest.mark.parametrize("edited", [0, 1])
def test_a_file_that_two_items_of_a_list_use_is_changed_for_both_or_not(
    project: Project, edited: int, other: str
) -> None:
    items = [
        {"guardrail_name": f"rule_{number}", "guardrail_prompt": prompt}
        for number, prompt in enumerate(("${file:prompts/rule.md}", other))
    ]
    project.manifest("guardrails", "rules", {"name": "Rules", "data": items})
    project.write("manifests/prompts/rule.md", "Promises a price.\n")
    project.apply()
    pointer = "/data/{}/guardrail_prompt"
    project.edit_in_portal("guardrails/rules", pointer.format(edited), "Says a price.")

    one = project.run("adopt", "--all")
    project.edit_in_portal("guardrails/rules", pointer.format(1 - edited), "Says a price.")
    both = project.run("adopt", "--all")

    assert one.code == 4, one.out + one.err
    assert "rule.md` is used several times, with different texts in the account" in one.out
    assert (both.code, text_of(project, "prompts/rule.md")) == (0, "Says a price.\n"), both.out + both.err


def test_an_edit_around_and_inside_at_once_is_refused_without_advice(mixed: Project) -> None:
    mixed.edit_in_portal("persona/coach", "/system_prompt", "You teach for Acme. Be kind. Answer in German.")
    adopted = mixed.expect(4, "adopt", "--all")
    assert "cannot be told apart" in adopted.out
    assert "edit the file" not in adopted.out


def test_a_new_tool_goes_below_a_text_that_ends_the_file_without_a_line_end(project: Project) -> None:
    manifest = COACH.lstrip().partition("  context:")[0].replace("${file:prompts/coach.md}", "Hi.") + (
        "  layers:\n    llm:\n      model: tavus-gpt-oss\n      tools:\n        - type: function\n          function:\n"
        "            name: find\n            parameters: {type: object, properties: {}}\n"
        "            description: |\n              Finds shoes.\n              Only shoes."
    )
    project.write("manifests/coach.yaml", manifest)
    project.apply()
    body = project.account.call("GET", f"/v2/personas/{project.bound('persona/coach')}").json()
    new = {"type": "function", "function": {"name": "buy", "parameters": {"type": "object", "properties": {}}}}
    project.edit_in_portal("persona/coach", "/layers/llm/tools", [*body["layers"]["llm"]["tools"], new])
    project.account.forget()

    adopted = project.run("adopt", "persona/coach")

    assert (adopted.code, adopted.err) == (0, "")
    kept = manifest.replace("description: |\n", "description: |-\n")
    assert text_of(project, "coach.yaml").startswith(f"{kept}\n        - type: function\n")
    assert settled(project)
