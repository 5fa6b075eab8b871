"""The law of the export on real bodies: whatever an account holds, the next plan is empty and apply writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tavusctl.kinds import KINDS
from tests.scenarios import test_corpus as corpus
from tests.scenarios.project import Account, Body, Project

pytestmark = pytest.mark.usefixtures("quick_scrypt")

diagnostics, valid, valid_today = corpus.diagnostics, corpus.valid, corpus.valid_today  # fixtures
COLLECTIONS = [kind.collection.rpartition("/")[2] for kind in KINDS.values() if not kind.optional]

ALONE = (
    "`api_key` has no effect without `base_url`; add `base_url`, or remove both"  # of a body that has nothing but a key
)


def secrets_of(first: Project, document: Body) -> dict[str, str]:
    """What the variables of an export hold: what the project that made the objects had put there."""
    ids = {remote_id: address for address, remote_id in first.run("state", "list", "--format", "json").document.items()}
    held = {}
    for one in document["objects"]:
        for secret in one["secrets"]:
            value = json.loads((first.root / f"manifests/{ids[one['id']].replace('/', '-')}.yaml").read_text("utf-8"))
            value = value["spec"]
            for key in secret["path"].split("/")[1:]:
                value = value[key.replace("~1", "/").replace("~0", "~")]
            name = value.removeprefix("${secret:").removesuffix("}")
            held[secret["name"]] = value if name == value else first.environment[name]  # a header that is none
    return held


@pytest.mark.older_api
@pytest.mark.parametrize("name", corpus.SHAPES)
def test_an_account_of_real_bodies_exports_and_is_quiet_from_then_on(
    account: Account, tmp_path: Path, valid: tuple[corpus.Sample, ...], name: str
) -> None:
    """Under each shape of answers."""
    valid, shape = corpus.in_shape(valid, name)
    first, second = (Project(tmp_path / folder, account) for folder in ("first", "second"))
    for each in (first, second):
        each.root.mkdir()
    account.switch(crawls_at_once=None)
    corpus.populate(account, valid)
    corpus.write(first, valid)
    first.apply()
    account.advance(7200)
    account.switch(**shape)
    account.forget()
    second.write("tavusctl.yaml", "version: 1\n")

    exported = second.run("export", "--format", "json")
    assert exported.code == 0, exported.err
    second.environment.update(secrets_of(first, exported.document))
    files = {path: path.read_bytes() for path in second.root.rglob("*") if path.is_file() and path.suffix != ".lock"}
    plan = second.plan()
    again = second.run("export")
    unchanged = {path: path.read_bytes() for path in files}
    applied = second.run("apply", "--yes")

    objects = exported.document["objects"]
    empty = {
        key for kind in ("guardrails", "objectives") for key, one in account.objects(kind).items() if not one["data"]
    }
    assert {one["id"] for one in objects if not one["managed"] and not one["address"].startswith("replica/")} == empty
    told = {one["id"] for one in objects if "stock" not in one["address"]}
    assert told == {key for kind in COLLECTIONS for key in account.objects(kind)} - {"{{replicaId}}"}
    assert {field["reason"] for one in objects for field in one["left_out"]} <= {ALONE}
    assert (plan["changes"], plan["drift"], plan["refused"]) == ([], [], [])
    assert (again.code, unchanged) == (0, files)
    assert (applied.code, account.writes) == (0, [])


@pytest.mark.sweep
def test_an_account_of_today_exports_and_nothing_is_left_out_unsaid(
    account: Account, tmp_path: Path, valid_today: tuple[corpus.Sample, ...]
) -> None:
    """Whatever a read shows is in a manifest, is a default or empty, or is named; the next plan is empty."""
    first, second = (Project(tmp_path / folder, account) for folder in ("first", "second"))
    for each in (first, second):
        each.root.mkdir()
    account.switch(era="today", crawls_at_once=None)
    corpus.populate(account, valid_today)
    corpus.write(first, valid_today)
    first.run("apply", "--yes")
    account.advance(7200)
    account.forget()
    second.write("tavusctl.yaml", "version: 1\n")

    exported = second.run("export", "--format", "json")
    assert exported.code == 0, exported.err
    second.environment.update(secrets_of(first, exported.document))
    plan = second.plan()
    applied = second.run("apply", "--yes")

    left_out = {field["path"]: field["reason"] for one in exported.document["objects"] for field in one["left_out"]}
    assert set(left_out.values()) <= {ALONE}
    assert all(path.rpartition("/")[2] in exported.err for path in left_out)
    assert (plan["changes"], plan["drift"], plan["refused"]) == ([], [], [])
    assert (applied.code, account.writes) == (0, [])


@pytest.mark.sweep
@pytest.mark.older_api
def test_edits_of_an_exported_account_come_back_and_nothing_else_changes(
    account: Account, tmp_path: Path, valid: tuple[corpus.Sample, ...]
) -> None:
    """One scalar of every persona and every set is edited in the portal: the diff is those lines, the plan is empty."""
    first, second = (Project(tmp_path / folder, account) for folder in ("first", "second"))
    for each in (first, second):
        each.root.mkdir()
    account.switch(crawls_at_once=None)
    corpus.populate(account, valid)
    corpus.write(first, valid)
    first.apply()
    second.write("tavusctl.yaml", "version: 1\n")
    exported = second.run("export", "--format", "json")
    second.environment.update(secrets_of(first, exported.document))
    before = lines_of(second)
    edits = 0
    for kind, pointer in {"personas": "/persona_name", "guardrails": "/name", "objectives": "/name"}.items():
        for remote_id, document in account.objects(kind).items():
            if document.get(pointer[1:]) and document.get("data", True):
                account.portal(kind, remote_id, {"op": "replace", "path": pointer, "value": f"Edited {edits:03}: yes"})
                edits += 1

    adopted = second.run("adopt", "--all")

    after = lines_of(second)
    assert (adopted.code, edits > 20) == (0, True), adopted.out + adopted.err
    assert before.keys() == after.keys()
    changed = [new for path in before for old, new in zip(before[path], after[path], strict=True) if old != new]
    assert len(changed) == edits
    assert all("Edited " in line for line in changed)
    plan = second.plan()
    assert (plan["changes"], plan["refused"]) == ([], [])
    account.forget()
    second.apply()
    assert (account.writes, second.plan()["drift"]) == ([], [])


def lines_of(project: Project) -> dict[Path, list[str]]:
    """The lines of every file that people read."""
    files = [path for path in (project.root / "manifests").rglob("*") if path.is_file()]
    return {path: path.read_text("utf-8").splitlines() for path in files}
