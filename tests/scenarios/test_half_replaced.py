"""What leaves the project in the middle of its replacement: every version goes, and none is lost from sight."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.project import Body, Project, Result

URL = "https://example.com/{}.pdf"
COACH: Body = {"persona_name": "Coach", "system_prompt": "You coach."}
LATER = 3600


def prices(project: Project, version: str = "old", **lifecycle: str) -> None:
    """Write the manifest of a document whose source has a version."""
    spec = {"document_name": "Prices", "document_url": URL.format(version)}
    project.manifest("document", "prices", spec, **({"lifecycle": lifecycle} if lifecycle else {}))


def coach(project: Project, *documents: str) -> None:
    project.manifest("persona", "coach", {**COACH, **({"document_ids": list(documents)} if documents else {})})


def half_replaced(project: Project, **lifecycle: str) -> tuple[str, str]:
    """Apply a document and a new version of it, which is still processed; return both ids."""
    coach(project)
    prices(project, **lifecycle)
    project.apply()
    project.account.advance(LATER)
    (old,) = project.account.objects("documents")
    prices(project, "new", **lifecycle)
    project.apply()
    (new,) = project.account.objects("documents").keys() - {old}
    assert project.bound("document/prices") == old
    project.account.forget()
    return old, new


@pytest.mark.parametrize("ready", [False, True])
def test_a_new_version_that_one_read_does_not_find_is_kept(project: Project, *, ready: bool) -> None:
    _, new = half_replaced(project)
    project.account.advance(LATER if ready else 0)
    missing = {"status": 404, "body": {"message": "no such object"}}
    project.account.fault(match=f"GET /v2/documents/{new}", kind="status", **missing)

    project.apply()
    project.account.advance(LATER)
    project.apply()

    assert project.account.objects("documents").keys() == {new}
    assert project.bound("document/prices") == new


@pytest.mark.parametrize("ready", [False, True])
def test_destroy_deletes_both_versions(project: Project, *, ready: bool) -> None:
    half_replaced(project)
    project.account.advance(LATER if ready else 0)

    project.expect(0, "destroy", "--yes", "--allow-deletes", "2")
    assert project.account.objects("documents") == {}
    assert project.run("state", "list").out == ""


@pytest.mark.parametrize("ready", [False, True])
def test_a_removed_manifest_takes_both_versions_along(project: Project, *, ready: bool) -> None:
    half_replaced(project)
    project.account.advance(LATER if ready else 0)
    project.remove("document", "prices")

    project.apply("--allow-deletes", "1")

    assert project.account.objects("documents") == {}
    assert project.plan()["changes"] == []


@pytest.mark.parametrize("ready", [False, True])
def test_an_object_that_is_retained_keeps_one_version(project: Project, *, ready: bool) -> None:
    old, new = half_replaced(project, on_remove="retain")
    project.account.advance(LATER if ready else 0)
    project.remove("document", "prices")

    project.apply()

    assert project.account.objects("documents").keys() == {new if ready else old}
    assert "document" not in project.run("state", "list").out


def test_an_object_that_was_deleted_in_the_account_takes_its_new_version_along(project: Project) -> None:
    old, _ = half_replaced(project)
    project.account.portal_delete("document", old)
    project.remove("document", "prices")

    project.apply()

    assert project.account.objects("documents") == {}


def test_destroy_deletes_an_old_version_after_the_object_that_refers_to_it(project: Project) -> None:
    prices(project)
    coach(project, "${ref:document/prices}")
    project.apply()
    prices(project, "new")
    project.apply()
    project.account.advance(LATER)

    destroyed = project.expect(0, "destroy", "--yes", "--allow-deletes", "2")

    assert "still refers" not in destroyed.out
    assert (project.account.objects("documents"), project.account.objects("personas")) == ({}, {})


def test_while_a_version_is_in_use_its_address_stays_managed(project: Project) -> None:
    old, new = half_replaced(project)
    project.account.seed(personas=[{**COACH, "persona_name": "Theirs", "document_ids": [new]}])
    project.remove("document", "prices")

    refused = project.expect(4, "apply", "--yes", "--allow-deletes", "0")

    assert f"the new version {new} is kept" in refused.out
    assert project.account.objects("documents").keys() == {old, new}
    assert project.bound("document/prices") == old


def test_a_version_that_cannot_be_deleted_keeps_its_address_managed(project: Project) -> None:
    old, new = half_replaced(project)
    project.remove("document", "prices")
    project.account.fault(match="DELETE /v2/documents/*", kind="status", status=403, times=1)

    failed = project.expect(5, "apply", "--yes", "--allow-deletes", "1")

    assert f"deferred delete document/prices ({old}): {new}, another version, has to be deleted first" in failed.out
    assert project.account.objects("documents").keys() == {old, new}
    project.apply("--allow-deletes", "1")
    assert project.account.objects("documents") == {}


def test_what_is_protected_keeps_its_replacement(project: Project) -> None:
    old, new = half_replaced(project)
    project.manifest("persona", "coach", COACH)
    spec = {"document_name": "Prices", "document_url": URL.format("new")}
    project.manifest("document", "prices", spec, lifecycle={"prevent_destroy": True})
    project.apply()

    project.expect(4, "destroy", "--yes", "--allow-deletes", "1")
    assert project.account.objects("documents").keys() == {old, new}
    project.account.advance(LATER)
    project.apply()
    assert project.account.objects("documents").keys() == {new}


def test_a_replacement_goes_on_if_its_replica_must_not_be_deleted(project: Project) -> None:
    coach(project)
    spec = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}
    project.manifest("replica", "anna", spec)
    project.apply()
    project.account.advance(5 * LATER)
    (old,) = project.account.objects("replicas")
    project.manifest("replica", "anna", {**spec, "train_video_url": "https://example.com/anna-2.mp4"})
    project.apply("--allow-replace", "replica/anna")
    (new,) = project.account.objects("replicas").keys() - {old}

    refused = project.expect(4, "destroy", "--yes", "--allow-deletes", "1")

    assert "--allow-replica-delete replica/anna" in refused.out
    assert {one["action"] for one in project.plan()["changes"]} == {"create", "replace"}
    assert project.account.objects("replicas").keys() == {old, new}
    project.apply()
    deletes = ("--allow-replica-delete", "replica/anna", "--allow-deletes", "2")
    project.expect(0, "destroy", "--yes", *deletes)
    assert project.account.objects("replicas") == {}


def test_a_lost_object_that_is_created_again_keeps_its_old_version_in_sight(project: Project) -> None:
    old, new = half_replaced(project)
    project.account.seed(personas=[{**COACH, "persona_name": "Theirs", "document_ids": [old]}])
    project.account.advance(LATER)
    project.apply()
    project.account.portal_delete("document", new)
    project.apply()

    assert f"the old version {old} is kept" in project.run("plan").out


def test_undo_of_a_create_is_refused_during_a_replacement(project: Project) -> None:
    old, new = half_replaced(project)
    create = project.run("undo").out.splitlines()[-1].split()[0]

    refused = project.expect(3, "undo", create, "--yes", "--allow-deletes", "1")

    assert f"has another version, {new}," in refused.out
    assert project.account.objects("documents").keys() == {old, new}


@pytest.mark.newer_api
@pytest.mark.parametrize("status", [400, 403, 409, 422])
@pytest.mark.parametrize(
    ("kind", "spec", "key"),
    [
        ("document", {"document_name": "Prices", "document_url": "https://a.example.com/a.pdf"}, "document_url"),
        ("voice", {"voice_name": "Ann", "train_audio_url": "https://a.example.com/a.mp3"}, "train_audio_url"),
        ("replica", {"replica_name": "Ann", "train_video_url": "https://a.example.com/a.mp4"}, "train_video_url"),
    ],
)
def test_a_new_version_that_was_made_and_refused_is_not_made_again(
    project: Project, status: int, kind: str, spec: dict[str, str], key: str
) -> None:
    """A listing shows it at once, and it is taken for what it is; too late, or after a conflict, a person decides."""
    project.manifest(kind, "x", spec)
    project.apply()
    project.account.advance(7200)
    consent = ["--allow-replace", f"{kind}/x", "--allow-replica-delete", f"{kind}/x"] if kind == "replica" else []

    def apply_with(file: str) -> Result:
        project.manifest(kind, "x", {**spec, key: spec[key].replace("/a.", f"/{file}.")})
        refusal = {"status": status, "body": {"message": "no"}}
        project.account.fault(match=f"POST /v2/{kind}s", kind="status", phase="after", **refusal)
        return project.run("apply", "--yes", *consent)

    if status != 409:
        assert apply_with("b").code == 0
        for _ in range(3):
            project.account.advance(6 * 3600)
            project.apply(*consent)
        assert list(project.account.objects(f"{kind}s")) == [project.bound(f"{kind}/x")]
        project.account.switch(list_lag=3600)
    assert apply_with("c").code == 5
    project.account.switch(list_lag=0)

    refused = project.run("apply", "--yes", *consent)

    (copy,) = set(project.account.objects(f"{kind}s")) - {project.bound(f"{kind}/x")}
    assert refused.code == 4, refused.out + refused.err
    told = f"the account has what may be a copy of the new version, and is not managed here: {copy}"
    assert told in " ".join((refused.out + refused.err).split())
    project.account.portal_delete(f"{kind}s", copy)
    for _ in range(3):
        project.account.advance(6 * 3600)
        project.apply(*consent)
    assert list(project.account.objects(f"{kind}s")) == [project.bound(f"{kind}/x")]
    project.expect(0, "plan", "--detailed-exitcode")


def test_a_rename_without_moved_from_keeps_the_replacement_until_it_is_decided(project: Project) -> None:
    old, new = half_replaced(project, on_remove="retain")
    project.remove("document", "prices")
    spec = {"document_name": "Prices", "document_url": URL.format("new")}
    project.manifest("document", "list", spec, lifecycle={"on_remove": "retain"})

    refused = project.run("apply", "--yes")

    assert (refused.code, project.account.writes) == (4, [])
    assert project.account.objects("documents").keys() == {old, new}
    project.manifest("document", "list", spec, lifecycle={"on_remove": "retain"}, moved_from="document/prices")
    project.account.advance(LATER)
    project.apply()
    assert project.account.objects("documents").keys() == {new}
    assert project.bound("document/list") == new


def test_a_namesake_with_other_content_is_no_obstacle_to_a_replacement(project: Project) -> None:
    spec = {"document_name": "Prices", "document_url": "https://a.example.com/a.pdf"}
    project.manifest("document", "x", spec)
    project.apply()
    project.account.seed(documents=[{**spec, "document_url": "https://b.example.com/theirs.pdf"}])
    project.manifest("document", "x", {**spec, "document_url": "https://a.example.com/b.pdf"})
    project.apply()


@pytest.mark.parametrize("in_use", ["old", "new"])
def test_a_version_of_a_managed_object_is_not_imported_under_another_address(project: Project, in_use: str) -> None:
    """With two addresses for one object, the replacement would delete what the other address manages."""
    old, new = half_replaced(project)
    other = new
    if in_use == "new":
        other = old
        project.account.seed(personas=[{**COACH, "persona_name": "Theirs", "document_ids": [old]}])
        project.account.advance(LATER)
        project.apply()
    project.manifest("document", "archive", {"document_name": "Archive", "document_url": URL.format(in_use)})

    result = project.expect(9, "import", "document/archive", other)

    assert f"{other} is a version of `document/prices` [E905]" in result.err
    assert set(project.account.objects("documents")) == {old, new}


def test_a_state_with_one_object_at_two_addresses_deletes_nothing(project: Project) -> None:
    """An older tavusctl could import a version a second time."""
    old, new = half_replaced(project)
    state = project.root / ".tavusctl/state.json"
    document = json.loads(state.read_text("utf-8"))
    twin = {**document["resources"]["document/prices"], "id": new, "successor": None, "retired": []}
    document["resources"]["document/archive"] = {key: value for key, value in twin.items() if value is not None}
    state.write_text(json.dumps(document), "utf-8")
    project.account.advance(LATER)

    results = [project.run(*command) for command in (("plan",), ("apply", "--yes"), ("destroy", "--yes"))]

    assert [result.code for result in results] == [9] * 3, results
    assert set(project.account.objects("documents")) == {old, new}


@pytest.mark.parametrize("imported", ["the new version", "another object"])
def test_an_import_in_place_of_a_deleted_object_keeps_the_other_version_in_sight(
    project: Project, imported: str
) -> None:
    old, new = half_replaced(project)
    project.account.portal_delete("document", old)
    made = {"document_name": "Prices", "document_url": URL.format("new")}
    other = new if imported == "the new version" else project.account.seed(documents=[made])["documents"][0]

    result = project.run("import", "document/prices", other)
    project.account.advance(LATER)
    project.apply()

    assert result.code == 0, result.out + result.err
    assert project.bound("document/prices") == other
    assert list(project.account.objects("documents")) == [other]
    assert project.plan()["warnings"] == []


def test_an_export_of_a_bound_object_keeps_its_replacement_and_its_protection(project: Project) -> None:
    """The manifest of the object is lost, and an export writes it again."""
    old, new = half_replaced(project, on_remove="retain")
    before = project.run("state", "show", "document/prices").document
    project.remove("document", "prices")

    project.expect(0, "export", "--address", "document/prices")
    assert project.run("state", "show", "document/prices").document == before
    assert (before["id"], before["successor"], before["on_remove"]) == (old, new, "retain")


def test_undo_of_an_import_is_refused_during_a_replacement(project: Project) -> None:
    """Without its binding, nothing would ever delete the new version; and nothing else of the object is changed."""
    (old,) = project.account.seed(documents=[{"document_name": "Prices", "document_url": URL.format("old")}])[
        "documents"
    ]
    project.manifest(
        "document", "prices", {"document_name": "Prices", "document_url": URL.format("old"), "tags": ["a"]}
    )
    project.apply("--import-existing")
    (run,) = (line.split()[0] for line in project.run("undo").out.splitlines())
    project.manifest(
        "document", "prices", {"document_name": "Prices", "document_url": URL.format("new"), "tags": ["a"]}
    )
    project.apply_and_forget()

    result = project.run("undo", run, "--yes")

    (new,) = project.account.objects("documents").keys() - {old}
    assert (result.code, project.account.writes) == (3, []), result.out + result.err
    assert f"`document/prices` has another version, {new}, of a replacement since" in result.out
    assert project.run("state", "show", "document/prices").document["successor"] == new


def test_a_new_version_that_is_deleted_during_the_wait_is_named(project: Project) -> None:
    """Not the old version, which is still in use."""
    old, new = half_replaced(project)
    gone = {"kind": "status", "status": 404, "body": {"error": "Document not found"}, "times": None}
    project.account.fault(match=f"GET /v2/documents/{new}", skip=1, **gone)

    result = project.expect(3, "apply", "--yes", "--wait", "5s")

    assert f"{new} disappeared from the account during this run" in result.out
    assert f"{old} disappeared" not in result.out


def test_state_rm_names_every_version_that_stays(project: Project) -> None:
    old, new = half_replaced(project)

    result = project.run("state", "rm", "document/prices")

    assert (result.code, result.err.strip()) == (0, f"forgot document/prices ({old}, {new} stay in the account)")
