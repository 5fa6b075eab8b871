"""`on_remove: retain`: what is taken out of the project stays in the account, whatever else is said of it."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Body, Project

RULES: Body = {"name": "Rules", "data": [{"guardrail_name": "no_names", "guardrail_prompt": "Says a name."}]}
VIDEO: Body = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}
RETAIN = {"on_remove": "retain"}


@pytest.fixture
def retained(project: Project) -> Project:
    """A set that is to be retained, applied."""
    project.manifest("guardrails", "rules", RULES, lifecycle=RETAIN)
    return project.apply_and_forget()


def check_forgotten(project: Project) -> None:
    """Nothing was sent, and nothing is known of it any more."""
    assert project.account.writes == []
    assert len(project.account.objects("guardrails")) == 1
    assert project.run("state", "list").out == ""
    assert project.plan()["changes"] == []


def test_it_is_forgotten_without_consent_to_a_delete(retained: Project) -> None:
    retained.remove("guardrails", "rules")
    retained.manifest("guardrails", "other", {**RULES, "name": "Other"})
    (new, forget) = retained.plan()["changes"]
    retained.apply()
    assert (new["action"], forget["action"], forget["reason"]) == ("create", "forget", "on_remove: retain")
    assert len(retained.account.objects("guardrails")) == 2
    assert "guardrails/rules" not in retained.run("state", "list").out


def test_protection_is_no_hindrance_where_nothing_is_destroyed(retained: Project) -> None:
    retained.manifest("guardrails", "rules", RULES, lifecycle={**RETAIN, "prevent_destroy": True})
    retained.apply()
    retained.write("manifests/guardrails-rules.yaml", "# taken out\n")
    result = retained.run("apply", "--yes")
    assert (result.code, "prevent_destroy" in result.out) == (0, False)
    check_forgotten(retained)


def test_protection_alone_keeps_it_managed(retained: Project) -> None:
    retained.manifest("guardrails", "rules", RULES, lifecycle={"prevent_destroy": True})
    retained.apply("--allow-lowered", "1")
    retained.write("manifests/guardrails-rules.yaml", "# taken out\n")
    retained.expect(4, "apply", "--yes", "--allow-deletes", "0")
    assert retained.bound("guardrails/rules")


def test_what_counts_is_the_last_apply(retained: Project) -> None:
    retained.manifest("guardrails", "rules", RULES, lifecycle={"on_remove": "delete"})
    retained.apply("--allow-lowered", "1")
    assert retained.account.writes == []
    retained.write("manifests/guardrails-rules.yaml", "# taken out\n")
    retained.apply("--allow-deletes", "1")
    assert retained.account.objects("guardrails") == {}


@pytest.mark.parametrize("protect", [False, True])
def test_destroy_forgets_it_as_well(retained: Project, protect: bool) -> None:
    retained.manifest("guardrails", "rules", RULES, lifecycle={**RETAIN, "prevent_destroy": protect})
    retained.apply()
    retained.expect(0, "destroy", "--yes", "--allow-deletes", "0")
    retained.write("manifests/guardrails-rules.yaml", "# taken out\n")
    check_forgotten(retained)


def test_a_replica_is_forgotten_without_being_named(project: Project) -> None:
    project.manifest("replica", "anna", VIDEO, lifecycle=RETAIN)
    project.apply_and_forget()
    project.write("manifests/replica-anna.yaml", "# taken out\n")
    project.apply()
    assert project.account.writes == []
    assert len(project.account.objects("replicas")) == 1


def test_what_is_gone_from_the_account_is_forgotten_too(retained: Project) -> None:
    retained.account.portal_delete("guardrails", retained.bound("guardrails/rules"))
    retained.write("manifests/guardrails-rules.yaml", "# taken out\n")
    retained.apply()
    assert retained.run("state", "list").out == ""


def test_it_can_be_taken_back_by_its_id(retained: Project) -> None:
    bound = retained.bound("guardrails/rules")
    retained.write("manifests/guardrails-rules.yaml", "# taken out\n")
    retained.apply()
    retained.manifest("guardrails", "rules", RULES, lifecycle=RETAIN)
    retained.expect(4, "plan")
    retained.run("import", "guardrails/rules", bound)
    retained.expect(0, "plan")
    retained.apply()
    assert retained.account.writes == []


def test_a_forgotten_object_is_bound_again_by_undo(retained: Project) -> None:
    bound = retained.bound("guardrails/rules")
    retained.write("manifests/guardrails-rules.yaml", "# taken out\n")
    retained.apply()
    run = retained.run("undo").out.split()[0]
    retained.expect(0, "undo", run, "--yes")
    assert retained.bound("guardrails/rules") == bound
    assert retained.account.writes == []


@pytest.mark.parametrize(
    "option", [(), ("--import-existing",), ("--target", "guardrails/policy")], ids=["plain", "import", "target"]
)
def test_a_rename_without_moved_from_creates_no_second_object(retained: Project, option: tuple[str, ...]) -> None:
    retained.remove("guardrails", "rules")
    retained.manifest("guardrails", "policy", RULES, lifecycle=RETAIN)
    (existing,) = retained.account.objects("guardrails")

    refused = retained.run("apply", "--yes", *option)

    assert (refused.code, retained.account.writes) == (4, [])
    assert f"the name is taken in the account by {existing}, and guardrails/rules does not manage it" in refused.out
    assert "write `moved_from: guardrails/rules` in the manifest of guardrails/policy" in refused.out
    retained.manifest("guardrails", "policy", RULES, lifecycle=RETAIN, moved_from="guardrails/rules")
    retained.apply()
    assert retained.bound("guardrails/policy") == existing
    assert retained.account.writes == []
