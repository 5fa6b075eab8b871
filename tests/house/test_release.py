"""What a release consists of, what it says of itself, and who may sign and publish it."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from tavusctl import __version__
from tavusctl.integrations.github.workflow_files import WorkflowInputs, workflows
from tests.house.test_constraints import PINS
from tests.house.tree import ROOT, files, name
from tests.workflows import SHAPES, SIGNED, signed

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
RELEASE = ROOT / ".github/workflows/release.yml"
notes: Callable[[str, str, str], str] = runpy.run_path(str(ROOT / ".ci/release.py"))["notes"]


def installed(wanted: list[str]) -> set[NormalizedName]:
    """The names of everything that is installed with these packages on this machine."""
    found: set[NormalizedName] = set()
    waiting = [Requirement(one) for one in wanted]
    for one in waiting:
        extras = ["", *one.extras]
        if one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        if (known := canonicalize_name(one.name)) not in found:
            found.add(known)
            waiting += [Requirement(text) for text in requires(one.name) or []]
    return found


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `make sbom` writes."""
    folder = tmp_path_factory.mktemp("sbom")
    ready = f"{sys.prefix}/.ready"
    command = ["make", "--no-print-directory", "-o", ready, f"VENV={sys.prefix}", f"DIST={folder}", "sbom"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    (written,) = folder.iterdir()
    found: dict[str, Any] = json.loads(written.read_text("utf-8"))
    return found


@pytest.mark.sweep
def test_the_bill_lists_every_package_of_the_runtime_by_version_and_hash(bill: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [text for each in project["optional-dependencies"].values() for text in each]
    pins = {canonicalize_name(pin.name): (str(pin.specifier)[2:], set(hashes)) for pin, hashes in PINS}
    listed = {
        canonicalize_name(one["name"]): (
            one["version"],
            {
                f"--hash=sha256:{each['content']}"
                for reference in one["externalReferences"]
                for each in reference["hashes"]
                if each["alg"] == "SHA-256"
            },
        )
        for one in bill["components"]
    }

    runtime = installed([*project["dependencies"], *extras])
    assert {"click", "pydantic-core", "h11", "obstore", "markupsafe"} <= runtime
    assert {one: listed.get(one) for one in runtime} == {one: pins[one] for one in runtime}


@pytest.mark.sweep
def test_the_bill_lists_what_the_action_installs_and_is_of_this_version(bill: dict[str, Any]) -> None:
    text = (ROOT / ".github/requirements.txt").read_text("utf-8")
    pinned = set(re.findall(r"^([a-z0-9][\w.-]*)==([^\s\\;]+)", text, re.MULTILINE))
    about = bill["metadata"]["component"]

    assert {(one["name"], one["version"]) for one in bill["components"]} == pinned
    assert (about["name"], about["version"], bill["specVersion"]) == ("tavusctl", __version__, "1.6")


CODE = '__version__ = "1.2.0"\n'
CHANGES = """# Changelog

## Unreleased

- Later.

## 1.2.0 - 2026-01-02

### Added

- This.

## 1.1.0 - 2026-01-01

- That.
"""


def test_the_notes_of_a_release_are_its_section_of_the_changelog() -> None:
    assert notes("v1.2.0", CODE, CHANGES) == "### Added\n\n- This."


@pytest.mark.parametrize(
    ("tag", "code", "changes", "words"),
    [
        ("v1.2.1", CODE, CHANGES, "the tag is 'v1.2.1', and tavusctl/__init__.py has version 1.2.0"),
        ("1.2.0", CODE, CHANGES, "the tag is '1.2.0'"),
        ("", CODE, CHANGES, "the tag is ''"),
        ("v1.2.0", "", CHANGES, "no __version__"),
        ("v1.3.0", CODE.replace("2", "3"), CHANGES, "CHANGELOG.md says nothing of 1.3.0"),
        ("v1.2.0", CODE, CHANGES.replace(" - 2026-01-02", ""), "'## 1.2.0 - YYYY-MM-DD'"),
        ("v1.2.0", CODE, "## 1.2.0 - 2026-01-02\n\n## 1.1.0 - 2026-01-01\n\n- That.\n", "says nothing of 1.2.0"),
    ],
)
def test_a_release_that_does_not_fit_is_refused(tag: str, code: str, changes: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        notes(tag, code, changes)


def test_the_script_of_the_notes_ends_with_1_and_says_why() -> None:
    script = ROOT / ".ci/release.py"
    done = subprocess.run(
        [sys.executable, "-I", script, "v0.0.0"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the tag is 'v0.0.0'")


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text("utf-8"))["jobs"]
    return found


def used() -> Iterator[tuple[Path, str]]:
    """Every action of others that a workflow or the action itself uses, with the words behind it."""
    for path in [*files(".github", "examples", suffix=".yml"), ROOT / "action.yml"]:
        for words in re.findall(r"^\s*(?:- )?uses: *(.+)$", path.read_text("utf-8"), re.MULTILINE):
            if words != WorkflowInputs([], []).action:  # ours, as long as there is no release
                yield path, words


def test_every_action_is_pinned_by_its_full_sha() -> None:
    loose = [f"{name(path)}: {words}" for path, words in used() if not re.fullmatch(r"\S+@[0-9a-f]{40} # v\S+", words)]
    assert [words for path, words in used() if path == RELEASE]
    assert not loose, f"write OWNER/NAME@SHA # vVERSION: {loose}"


def test_one_sha_has_one_version() -> None:
    known: dict[str, set[str]] = {}
    for _, words in used():
        action, _, version = words.partition(" # ")
        known.setdefault(action.partition("@")[0], set()).add(f"{action} {version}")
    assert {action: found for action, found in known.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_a_workflow_gives_no_rights_but_those_of_its_jobs(path: Path) -> None:
    assert yaml.safe_load(path.read_text("utf-8"))["permissions"] == {}
    assert all(isinstance(job["permissions"], dict) for job in jobs(path).values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_only_a_run_for_a_pull_request_is_cancelled_by_a_newer_one(path: Path) -> None:
    """And on a branch, a run of the schedule and one of a push do not wait for each other."""
    workflow = yaml.safe_load(path.read_text("utf-8"))
    concurrency, events = workflow["concurrency"], workflow[True]  # YAML 1.1 reads `on` as true
    assert concurrency["cancel-in-progress"] in (False, "${{ github.event_name == 'pull_request' }}")
    assert "schedule" not in events or "${{ github.event_name }}" in concurrency["group"]


def test_no_job_of_the_release_that_runs_our_code_may_sign_publish_or_write() -> None:
    """And none begins before what it needs is done."""
    found = jobs(RELEASE)
    runs = {
        title
        for title, job in found.items()
        for step in job["steps"]
        if "checkout" in step.get("uses", "") or re.search(r"\b(make|python3?|bash)\b", step.get("run", ""))
    }

    assert runs == {"test", "build", "wheel"}
    assert {title: job["permissions"] for title, job in found.items() if title in runs} == {
        "test": {"contents": "read"},
        "build": {"contents": "read"},
        "wheel": {},
    }
    assert [(title, job.get("needs")) for title, job in found.items()] == [
        ("test", None),
        ("build", "test"),
        ("wheel", "build"),
        ("attest", "wheel"),
        ("publish", "attest"),
        ("release", "publish"),
    ]


def test_what_is_published_is_what_was_built_and_attested() -> None:
    """One archive of packages goes from hand to hand; there is no password to an index, and no second build."""
    found = jobs(RELEASE)
    steps = [(title, step) for title, job in found.items() for step in job["steps"]]
    given = [(title, step["with"]["name"]) for title, step in steps if "upload-artifact" in step.get("uses", "")]
    taken = [(title, step["with"]["name"]) for title, step in steps if "download-artifact" in step.get("uses", "")]

    assert given == [("build", "packages"), ("build", "papers")]
    assert [title for title, which in taken if which == "packages"] == ["wheel", "attest", "publish", "release"]
    assert sum("make build" in step.get("run", "") for _, step in steps) == 1
    assert found["publish"]["environment"] == "pypi"
    assert "secrets." not in RELEASE.read_text("utf-8")


def test_the_workflow_that_signs_plans_is_the_other_one_and_two_steps_more() -> None:
    """So that nobody who takes it misses what the other one has learnt: `make golden` writes it anew."""
    plain = yaml.safe_load(workflows(SHAPES["one"], {})["tavus-apply.yml"])["jobs"]
    found = jobs(SIGNED)
    more = {"plan-default": "Sign the plan file", "apply-default": "Check who has signed the plan file"}

    assert SIGNED.read_text("utf-8") == signed()
    for title, job in found.items():
        names = [step.get("name") or step.get("uses", "").split("@")[0] for step in job["steps"]]
        place = names.index(more[title])
        # Signed once it is made and before it leaves; checked as it came and before anything reads it.
        around = {
            "plan-default": ["tavusctl/tavusctl", "actions/upload-artifact"],
            "apply-default": ["actions/download-artifact", "apply"],
        }[title]
        assert [names[place - 1], names[place + 1]] == around
        del job["steps"][place]
        write = {"attestations": "write", "id-token": "write"}
        rights = write if title == "plan-default" else {"attestations": "read"}
        assert job.pop("permissions") == {**plain[title].pop("permissions"), **rights}
    assert found == plain
