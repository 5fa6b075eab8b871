"""Files of the project as documents: uploaded once by content, linked, and replaced when their content changes."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import obstore
import pytest

from tavusctl.fields import presigned_urls
from tavusctl.state.object_store.urls import connect
from tests.scenarios.project import Body, Project
from tests.stores.servers import BUCKET, REMOTE, variables
from tests.web import HTTP

pytest_plugins = ["tests.stores.fixtures"]

OLD, NEW = b"%PDF-1.7 prices of May", b"%PDF-1.7 prices of June"
COACH = {"persona_name": "Coach", "system_prompt": "You sell.", "document_ids": ["${ref:document/prices}"]}


@pytest.fixture(params=REMOTE)
def folder(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh folder for uploads in every kind of object store."""
    with variables(request.getfixturevalue(f"{request.param}_variables")):
        yield f"{request.param}://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def s3_folder(s3_variables: dict[str, str]) -> Iterator[str]:
    with variables(s3_variables):
        yield f"s3://{BUCKET}/{uuid.uuid4().hex}"


def prices(project: Project, content: bytes, upload: str, **more: object) -> None:
    """A document from a file, and a persona that has read it."""
    (project.root / "manifests/docs").mkdir(parents=True, exist_ok=True)
    (project.root / "manifests/docs/prices.pdf").write_bytes(content)
    project.manifest("document", "prices", {"document_file": "docs/prices.pdf", "upload": upload, **more})
    project.manifest("persona", "coach", COACH)


def uploaded(folder: str) -> dict[str, bytes]:
    """What is in a folder, by name."""
    scheme, _, location = folder.partition("://")
    container, _, prefix = location.partition("/")
    remote = connect(scheme, container, folder)
    found = obstore.list(remote, prefix).collect()
    return {Path(one["path"]).name: bytes(obstore.get(remote, one["path"]).bytes()) for one in found}


def name_of(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}.pdf"


def live(project: Project) -> Body:
    return project.account.objects("documents")[project.bound("document/prices")]


def kept(project: Project) -> str:
    """Everything that is on disk of the project."""
    return "\n".join(path.read_text("utf-8", "replace") for path in project.root.rglob("*") if path.is_file())


def test_a_file_is_uploaded_by_content_and_its_link_given_to_the_api(project: Project, folder: str) -> None:
    prices(project, OLD, folder)

    before = project.run("plan")
    planned = uploaded(folder)
    project.apply()

    document = live(project)
    assert f"uploads manifests/docs/prices.pdf ({len(OLD)} bytes) to {folder}" in before.out
    assert planned == {}, "a plan uploads nothing"
    assert uploaded(folder) == {name_of(OLD): OLD}
    assert document["document_name"] == "prices.pdf"
    assert HTTP.get(document["document_url"]).content == OLD
    assert project.plan()["changes"] == []


def test_the_link_works_for_more_than_a_day_and_is_nowhere_in_output_state_or_trash(
    project: Project, folder: str
) -> None:
    prices(project, OLD, folder)
    said = [project.run("plan", "--out", "plan.json"), project.run("apply", "--yes", "--format", "json", "-vv")]
    link = live(project)["document_url"]
    project.manifest("document", "prices", {"document_url": "https://example.com/prices.pdf", "document_name": "P"})
    said += [project.run("plan"), project.run("plan", "--out", "plan.json"), project.run("plan", "--format", "json")]
    project.account.advance(600)
    said += [project.run("apply", "--yes", "--wait", "5s"), project.run("state", "pull"), project.run("undo")]

    end = presigned_urls.expiry(link)
    assert end is not None
    assert end > datetime.now(UTC) + timedelta(hours=24)
    secrets = presigned_urls.access_parameters(link)
    assert secrets
    everything = kept(project) + "".join(one.out + one.err for one in said)
    assert [one for one in secrets if one in everything] == []
    assert all(one.code == 0 for one in said), [one.err for one in said]


def test_changed_content_is_a_new_document_and_the_old_one_goes_when_it_is_ready(project: Project, folder: str) -> None:
    prices(project, OLD, folder)
    project.apply()
    old = project.bound("document/prices")
    project.account.advance(600)
    prices(project, NEW, folder)

    (change, *_) = project.plan()["changes"]
    annotations = project.run("plan", "--format", "github").out
    project.apply()
    waiting = project.bound("document/prices")
    project.account.advance(600)
    project.apply()

    assert (change["action"], change["cause"]) == ("replace", "edited")
    assert [one["path"] for one in change["fields"]] == ["/document_file"]
    assert change["fields"][0]["source"]["path"] == "manifests/docs/prices.pdf"
    assert "::warning file=manifests/docs/prices.pdf,line=1,col=1," in annotations
    assert waiting == old, "the old one stays in use until the new one is ready"
    assert uploaded(folder) == {name_of(OLD): OLD, name_of(NEW): NEW}
    assert list(project.account.objects("documents")) == [project.bound("document/prices")]
    (persona,) = project.account.objects("personas").values()
    assert persona["document_ids"] == [project.bound("document/prices")]
    assert project.plan()["changes"] == []


def test_equal_content_is_uploaded_once_and_a_moved_file_is_no_change(project: Project, s3_folder: str) -> None:
    prices(project, OLD, s3_folder)
    project.manifest("document", "copy", {"document_file": "docs/prices.pdf", "upload": s3_folder + "/"})
    said = project.apply().err
    (project.root / "manifests/elsewhere").mkdir()
    (project.root / "manifests/docs/prices.pdf").rename(project.root / "manifests/elsewhere/prices.pdf")
    for name in ("prices", "copy"):
        project.manifest("document", name, {"document_file": "./elsewhere/prices.pdf", "upload": s3_folder})

    assert said.count("uploading") == 1
    assert project.plan()["changes"] == []


def test_the_project_or_the_environment_says_where_files_go(project: Project, s3_folder: str) -> None:
    project.write(
        "tavusctl.yaml",
        f"""
        uploads: {s3_folder}/all
        environments:
          staging: {{uploads: "{s3_folder}/staging"}}
          live: {{}}
        """,
    )
    prices(project, OLD, "")
    project.manifest("document", "prices", {"document_file": "docs/prices.pdf"})

    staging, live_ = (project.run("plan", "--env", name) for name in ("staging", "live"))

    assert f"to {s3_folder}/staging" in staging.out
    assert f"to {s3_folder}/all" in live_.out


def test_a_file_that_changed_after_the_plan_is_not_sent(project: Project, s3_folder: str) -> None:
    """A plan is bound to the content it was made of."""
    prices(project, OLD, s3_folder)
    project.run("plan", "--out", "plan.json")
    prices(project, NEW, s3_folder)

    project.expect(3, "apply", "plan.json")
    assert (uploaded(s3_folder), project.account.writes) == ({}, [])


def test_an_upload_that_fails_creates_nothing_and_the_next_run_does(project: Project, s3_folder: str) -> None:
    prices(project, OLD, f"s3://no-such-bucket-{uuid.uuid4().hex}/x")

    failed = project.run("apply", "--yes")
    documents = project.account.objects("documents")
    prices(project, OLD, s3_folder)
    project.apply()

    assert failed.code == 5
    assert "cannot upload to s3://no-such-bucket-" in failed.out
    assert documents == {}
    assert len(project.account.objects("documents")) == 1


def test_a_document_moves_from_an_address_to_a_file_and_back(project: Project, s3_folder: str) -> None:
    prices(project, OLD, s3_folder)
    from_file = json.loads((project.root / "manifests/document-prices.yaml").read_text())["spec"]
    at_address = {"document_url": "https://example.com/prices.pdf", "document_name": "prices.pdf"}
    hosts = []
    for spec in (at_address, from_file, at_address):
        project.manifest("document", "prices", spec)
        project.apply()
        project.account.advance(600)
        project.apply()
        hosts.append(urlsplit(live(project)["document_url"]).hostname)
        assert project.plan()["changes"] == []

    assert hosts == ["example.com", "127.0.0.1", "example.com"]


def diagnostics(project: Project, spec: Body) -> list[tuple[str, str]]:
    project.manifest("document", "prices", spec)
    said = project.expect(10, "validate", "--format", "json")
    return [(one["id"], one["message"]) for one in said.document["complaints"] if one["severity"] == "error"]


def test_a_file_that_cannot_be_a_document_is_told_with_its_place(project: Project) -> None:
    upload = {"upload": "s3://bucket/files"}
    manifests = project.write("manifests/notes.zip", "x").parent
    (manifests / "empty.pdf").touch()
    with (manifests / "large.pdf").open("wb") as large:
        large.truncate(50 * 1024 * 1024 + 1)
    (manifests / "folder.pdf").mkdir()
    (manifests / "link.pdf").symlink_to("/etc/hostname")
    (manifests / "pipe.pdf").unlink(missing_ok=True)
    os.mkfifo(manifests / "pipe.pdf")
    (manifests / "good.pdf").write_bytes(OLD)
    found = {
        name: diagnostics(project, {"document_file": name, **upload})
        for name in (
            "none.pdf",
            "notes.zip",
            "empty.pdf",
            "large.pdf",
            "folder.pdf",
            "link.pdf",
            "pipe.pdf",
            "../x.pdf",
        )
    }

    file = "document_file: the file"
    assert found == {
        "none.pdf": [("TV110", f"{file} `none.pdf` does not exist")],
        "notes.zip": [("TV104", "document_file: `notes.zip` has a format that the API does not read")],
        "empty.pdf": [("TV110", f"{file} `empty.pdf` is empty")],
        "large.pdf": [("TV115", f"{file} `large.pdf` is larger than 50 MiB")],
        "folder.pdf": [("TV110", f"{file} `folder.pdf` is a folder")],
        "link.pdf": [("TV110", f"{file} `link.pdf` leads outside the project")],
        "pipe.pdf": [("TV110", f"{file} `pipe.pdf` is not a regular file")],
        "../x.pdf": [("TV110", f"{file} `../x.pdf` does not exist")],
    }


def test_keys_that_do_not_go_together_are_told(project: Project) -> None:
    (project.write("manifests/good.pdf", "x")).write_bytes(OLD)
    file, upload = {"document_file": "good.pdf"}, {"upload": "s3://bucket/files"}

    assert diagnostics(project, {**file, **upload, "document_url": "https://example.com/a.pdf"}) == [
        ("TV104", "`document_file` and `document_url` are mutually exclusive")
    ]
    assert [one for one, _ in diagnostics(project, {**file, **upload, "crawl": {"depth": 1, "max_pages": 1}})] == [
        "TV104"
    ]
    assert [one for one, _ in diagnostics(project, {"document_url": "https://example.com/a.pdf", **upload})] == [
        "TV104"
    ]
    assert diagnostics(project, file) == [("TV106", "document_file: no upload folder is set for the file")]
    for wrong in ("ftp://a/b", "s3:///b", "s3://bucket/../x", "https://bucket.example.com", "s3://bucket/a?b"):
        assert [one for one, _ in diagnostics(project, {**file, "upload": wrong})] == ["TV104"], wrong
