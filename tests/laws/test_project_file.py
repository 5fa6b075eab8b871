"""The project file, whatever stands in it: every fault is told with its place, and the rest of the file holds."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from tavusctl.app.json_schemas import for_project
from tavusctl.config import yaml12
from tavusctl.config.project_file.project import open_project
from tavusctl.config.project_file.sections import EnvironmentSection, ProjectFile, SafetySection
from tavusctl.core.project_settings import FILE, Project

CHECKER = Draft202012Validator(for_project())
GOOD: dict[str, list[Any]] = {
    "version": [1],
    "manifests": ["manifests", "."],
    "secrets": [[], ["LLM_KEY"], ["A", "B"]],
    "safety": [None, {}, {"max_deletes": 3, "max_delete_ratio": 0.5}, {"max_delete_ratio": 1}],
    "uploads": ["s3://bucket/prefix", "gs://bucket"],
    "crawl_limit": [1, 500],
    "outputs": [None, {}, {"A": "persona/it", "B": ["persona/it"], "C": {"value": True}, "D": {"value": 0.5}}],
    "account": ["acme"],
    "api_key_env": ["ACME_KEY"],
    "demo": [True, False],
    "state": ["s3://bucket/state"],
    "overlay": ["", "overlays/staging"],
    "vars": [None, {"brand": "Acme", "sizes": [1, 2]}],
}
BAD: list[Any] = [
    *("", "a b", "GITHUB_TOKEN", "../other", "ftp://x", None, True, 0, -1, 2, 30.5, [], ["a b", 5], {}, {"x": 1}),
    *({"A-B": "persona/it"}, {"A": "it"}, {"A": ["it", 5]}, {"A": {"vale": 1}}, {"A": {"value": None}}, {"A": None}),
    *({"max_deletes": -1, "max_ratio": 1}, {"max_delete_ratio": 30}),
]


def sections(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these keys, mostly with what is right."""
    values = {key: st.sampled_from([*GOOD[key], *GOOD[key], *BAD]) for key in keys}
    return st.fixed_dictionaries({}, optional=values)


ENVIRONMENTS = st.dictionaries(
    st.sampled_from(["default", "prod", "Staging Two"]),
    sections("account", "api_key_env", "demo", "overlay", "state", "uploads", "crawl_limit", "vars")
    | st.sampled_from([None, 5]),
    max_size=2,
)
FILES = st.builds(
    lambda file, environments, other: {**file, **({"environments": environments} if environments else {}), **other},
    sections("version", "manifests", "secrets", "safety", "uploads", "crawl_limit", "outputs"),
    ENVIRONMENTS,
    st.sampled_from([{}, {}, {}, {"host": "x"}, {"secret": ["A"]}]),
)


def opened(file: dict[str, Any]) -> tuple[Project, list[str]]:
    (node,) = yaml12.read(json.dumps(file, indent=1).encode(), FILE).documents
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "overlays/staging").mkdir(parents=True)
        project, collector = open_project(node, Path(folder))
    assert all(one.source and one.source.line > 1 and one.source.path == FILE for one in collector.diagnostics)
    return project, [one.message for one in collector.diagnostics]


@given(FILES)
def test_what_is_taken_is_taken_by_the_schema_and_what_that_refuses_is_told(file: dict[str, Any]) -> None:
    _, told = opened(file)
    assert told or not list(CHECKER.iter_errors(file))


@given(FILES, st.sampled_from(sorted(BAD, key=repr)))
def test_a_fault_in_one_place_leaves_the_rest_of_the_file_as_it_is(file: dict[str, Any], bad: Any) -> None:
    before, told = opened(file)
    after, _ = opened({**file, "nothing_known": bad})
    assert (before.secrets, before.outputs, before.safety) == (after.secrets, after.outputs, after.safety)
    assert before.environments == after.environments
    assert len(opened({**file, "nothing_known": bad})[1]) == len(told) + 1


def test_every_key_is_among_the_samples() -> None:
    known = {*ProjectFile.model_fields, *EnvironmentSection.model_fields}
    assert known - {"environments"} == set(GOOD)
    assert set(SafetySection.model_fields) == {"max_deletes", "max_delete_ratio"}
