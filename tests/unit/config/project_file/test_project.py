from __future__ import annotations

import os
from pathlib import Path

import pytest

from tavusctl.core.diagnostics import Severity
from tavusctl.core.errors import UsageError
from tavusctl.core.project_settings import Environment, Output, Project, Safety
from tests import checked

WHOLE = """\
version: 1
manifests: assets
secrets: [OPENAI_API_KEY, TOKEN]
environments:
  staging:
    account: acme-staging
    api_key_env: TAVUS_API_KEY_STAGING
    state: s3://acme/staging
    vars: {brand: Acme (staging), n: 3}
  production:
safety: {max_deletes: 2, max_delete_ratio: 0.5}
outputs:
  VITE_PERSONA: persona/coach
  ALL: [persona/coach, replica/anna]
  REQUIRE_AUTH: {value: true}
"""
STAGING = Environment(
    "staging", "acme-staging", "TAVUS_API_KEY_STAGING", "s3://acme/staging", {"brand": "Acme (staging)", "n": 3}
)


def written(root: Path, text: str) -> Path:
    (root / "tavusctl.yaml").write_text(text, "utf-8")
    return root


def diagnostics_of(root: Path, text: str, environment: str | None = None) -> list[str]:
    _, _, diagnostics = checked.opened(written(root, text), environment=environment)
    return [f"{diagnostic.source} {diagnostic.id} {diagnostic.message}" for diagnostic in diagnostics]


def test_the_project_file_is_read_whole(tmp_path: Path) -> None:
    project, environment, diagnostics = checked.opened(written(tmp_path, WHOLE), environment="staging")
    assert diagnostics == ()
    assert environment == STAGING
    assert project == Project(
        str(tmp_path),
        str(tmp_path / "assets"),
        ("OPENAI_API_KEY", "TOKEN"),
        {"staging": STAGING, "production": Environment("production")},
        Safety(2, 0.5),
        {
            "VITE_PERSONA": Output(("persona/coach",), places=((13, 17),)),
            "ALL": Output(("persona/coach", "replica/anna"), many=True, places=((14, 9), (14, 24))),
            "REQUIRE_AUTH": Output(value=True),
        },
    )


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "{}\n", "environments:\n"])
def test_every_key_is_optional(tmp_path: Path, text: str | None) -> None:
    (tmp_path / ".git").mkdir()
    if text is not None:
        written(tmp_path, text)
    expected = Project(str(tmp_path), str(tmp_path / "manifests"), environments={"default": Environment()})
    assert checked.opened(tmp_path) == (expected, Environment(), ())


def test_an_environment_may_have_another_crawl_limit(tmp_path: Path) -> None:
    text = "crawl_limit: 250\nenvironments: {staging: {}, production: {crawl_limit: 500}}\n"
    project, _, _ = checked.opened(written(tmp_path, text), environment="staging")
    assert {name: one.crawl_limit for name, one in project.environments.items()} == {"staging": 250, "production": 500}


def test_the_search_goes_up_to_the_top_of_the_repository(tmp_path: Path) -> None:
    written(tmp_path, "manifests: outer\n")
    repository = tmp_path / "repository"
    deep = repository / "a/b"
    deep.mkdir(parents=True)
    assert checked.opened(deep)[0].manifests == str(tmp_path / "outer")
    (repository / ".git").touch()
    assert checked.opened(deep)[0].manifests == str(deep / "manifests")
    written(repository / "a", "manifests: inner\n")
    assert checked.opened(deep)[0].manifests == str(repository / "a/inner")


def test_one_environment_is_chosen_by_itself_and_several_are_not(tmp_path: Path) -> None:
    assert checked.opened(written(tmp_path, "environments: {eu: {}}\n"))[1].name == "eu"
    written(tmp_path, WHOLE)
    with pytest.raises(UsageError, match="several environments: `production`, `staging`"):
        checked.opened(tmp_path)
    with pytest.raises(UsageError, match=r"unknown environment `stagging`$") as error:
        checked.opened(tmp_path, environment="stagging")
    assert (error.value.exit_code, error.value.hint) == (12, "did you mean `staging`?")
    with pytest.raises(UsageError, match=r"unknown environment `x`$"):
        checked.opened(written(tmp_path, ""), environment="x")


def test_a_broken_file_says_more_than_the_choice_of_environment(tmp_path: Path) -> None:
    assert diagnostics_of(tmp_path, "environments: [staging]\n", "staging") == [
        "tavusctl.yaml:1:15 TV104 environments: expected a mapping, found a list"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "environments: {a: {api_url: x}}\n",
            ["1:20 TV103 environments.a: api_url: the host of the API is never read from a file"],
        ),
        ("environments: {a: 3}\n", ["1:19 TV104 environments.a: expected a mapping, found 3"]),
        ("safety: 3\n", ["1:9 TV104 safety: expected a mapping, found 3"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = diagnostics_of(tmp_path, text)
    assert len(found) == len(expected), found
    assert all(line.startswith(f"tavusctl.yaml:{start}") for line, start in zip(found, expected, strict=True)), found


def test_there_is_an_end_to_the_complaints(tmp_path: Path) -> None:
    found = diagnostics_of(tmp_path, "".join(f"unknown{n}: 1\n" for n in range(1000)))
    assert len(found) == 102
    assert found[-1].endswith("TV115 more than 100 problems; the rest of the document is not checked")


def test_the_host_is_told_where_it_may_come_from(tmp_path: Path) -> None:
    _, _, (diagnostic,) = checked.opened(written(tmp_path, "api_url: https://x\n"))
    assert diagnostic.hint == "use `--base-url` or TAVUS_BASE_URL"


def test_a_project_file_that_is_no_file_of_the_project_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    written(tmp_path, "manifests: x\n")
    (root / "tavusctl.yaml").symlink_to("../tavusctl.yaml")
    project, _, (diagnostic,) = checked.opened(root)
    assert (diagnostic.id, diagnostic.message) == ("TV110", "the project file leads outside the project")
    assert project.manifests == str(root / "manifests")
    (root / "tavusctl.yaml").unlink()
    os.mkfifo(root / "tavusctl.yaml")
    _, _, (diagnostic,) = checked.opened(root)
    assert diagnostic.message == "the project file is not a regular file"


def test_a_misnamed_project_file_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "tavusctl.yml").write_text("manifests: x\n", "utf-8")
    _, _, (diagnostic,) = checked.opened(tmp_path)
    assert diagnostic.message == "the project file must be named tavusctl.yaml"


@pytest.mark.parametrize(
    ("default", "staging", "ending"),
    [
        ("s.json", "file://./s.json", "/staging.json"),
        ("", ".tavusctl/x/../state.json", "/staging.json"),
        ("s3://acme/state", "s3://acme/state/", "/staging"),
        ("git+../a.git?ref=refs/heads/x", "git+../a.git/?ref=refs/heads/x", "?ref=refs/heads/tavusctl/staging"),
        ("git?ref=refs/tavusctl/staging", "git", "?ref=refs/heads/tavusctl/staging"),
        ("git", "git", ""),
        ("", "", ""),
        ("s3://acme/state", "s3://acme/state/staging", ""),
        ("git+../a.git", "git+../a.git", ""),
    ],
)
def test_no_two_environments_have_one_state(tmp_path: Path, default: str, staging: str, ending: str) -> None:
    text = f"environments:\n  default: {{state: '{default}'}}\n  staging: {{state: '{staging}'}}\n"
    _, _, diagnostics = checked.opened(written(tmp_path, text), environment="staging")

    message = "environments.staging.state: `default` has the same state"
    expected = [("TV117", "tavusctl.yaml:3:20", message, f"{ending}`")] if ending else []
    assert [(one.id, str(one.source), one.message, one.hint[-len(ending) - 1 :]) for one in diagnostics] == expected


def test_two_storage_accounts_may_have_containers_of_one_name(tmp_path: Path) -> None:
    text = "environments:\n  prod: {state: az://acme/state}\n  staging: {state: az://acme/state/}\n"
    _, _, (diagnostic,) = checked.opened(written(tmp_path, text), environment="staging")

    assert (diagnostic.id, diagnostic.severity) == ("TV135", Severity.WARNING)
    assert diagnostic.message == "environments.staging.state: `prod` has the same container and folder"
    assert diagnostic.hint == "let it end with `/staging`, unless the storage accounts of the two differ"
