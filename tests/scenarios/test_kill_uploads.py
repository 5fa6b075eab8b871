"""A kill between the upload of a file and the creation of its document, or anywhere near, costs nothing.

The default run samples the points; TAVUSCTL_KILL=all (make crash) takes every one.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from tests.crash.rig import KILLED, QUICK, Break, KillableProject, Launcher
from tests.scenarios.project import Account
from tests.scenarios.test_uploads import NEW, OLD, name_of, prices, uploaded
from tests.stores.servers import BUCKET, variables

pytest_plugins = ["tests.stores.fixtures"]

SAMPLES = 6
ALL = os.environ.get("TAVUSCTL_KILL") == "all"
APPLY = ("apply", "--yes", "--parallel", "1")


def begin(root: Path, account: Account, runner: Launcher, aws: dict[str, str]) -> tuple[KillableProject, str]:
    """A document from a file is there, and its file has other content now."""
    account.reset()
    account.switch(processing_seconds=0, check_references=True)
    folder = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    project = KillableProject(root, account, {**QUICK, **aws}, runner)
    root.mkdir()
    prices(project, OLD, folder)
    first = project.run(*APPLY)
    assert first.code == 0, first.out + first.err
    prices(project, NEW, folder)
    account.forget()
    return project, folder


def check(project: KillableProject, folder: str) -> None:
    """At most two runs later there is one document of the new content, and one more call than needed was never made."""
    ends = [project.run(*APPLY) for _ in range(2)]
    assert ends[-1].code == 0, [one.out + one.err for one in ends]
    assert project.plan()["changes"] == []
    made = [one for one in project.account.control("GET", "mutations")["mutations"] if one["kind"] == "documents"]
    assert [one["action"] for one in made] == ["create", "create", "delete"]
    assert list(project.account.objects("documents")) == [project.bound("document/prices")]
    with variables(project.environment):
        assert uploaded(folder) == {name_of(OLD): OLD, name_of(NEW): NEW}
    assert project.account.control("GET", "violations")["violations"] == []


@pytest.mark.sweep
def test_a_kill_around_an_upload_costs_nothing(
    account: Account, tmp_path: Path, runner: Launcher, s3_variables: dict[str, str]
) -> None:
    dry, folder = begin(tmp_path / "0", account, runner, s3_variables)
    total = dry.run(*APPLY).passed
    check(dry, folder)
    assert total > 2 * SAMPLES
    step = 1 if ALL else total // SAMPLES
    chosen = range(1 + (0 if ALL else total % step), total + 1, step)
    for at in chosen:
        project, folder = begin(tmp_path / str(at), account, runner, s3_variables)
        ended = project.breaking(Break(at), *APPLY)
        assert ended.code == KILLED, ended.out + ended.err
        try:
            check(project, folder)
        except AssertionError as error:
            message = f"killed at point {at} of {total}, {ended.label}: {error}"
            raise AssertionError(message) from None
    print(f"uploads: {len(chosen)} of {total} points")  # noqa: T201 - make crash shows it
