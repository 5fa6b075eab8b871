"""What a run for a pull request reads and opens: what the branch says that it is for, not what the files name anew."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.hub import hub
from tests.scenarios.project import Body, Project, Result
from tests.scenarios.test_base import commit, git
from tests.scenarios.test_github import Step

pytestmark = pytest.mark.usefixtures("quick_scrypt")

KEY = "sk-live-OPENAI-canary-0001"
OTHER = "wJalrXUtnFEMI-canary"
LLM: Body = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:OPENAI}"}
SETTINGS = "secrets: [OPENAI]\nenvironments: {x: {api_key_env: TAVUS_API_KEY_X}}\n"


VALUES = ("wJalrXUtnFEMI-canary", "********", "with a\nbreak", "short", "", None)


def persona(prompt: str = "You are kind.", **llm: Any) -> Body:
    return {"persona_name": "Coach", "system_prompt": prompt, "layers": {"llm": {**LLM, **llm}}}


@dataclass(frozen=True)
class Proposal:
    """A branch of a repository whose main branch was applied."""

    step: Step

    @property
    def project(self) -> Project:
        return self.step.project

    def says(self, settings: str = SETTINGS, prompt: str = "You are kind.", **llm: Any) -> None:
        self.project.write("tavusctl.yaml", settings)
        self.project.manifest("persona", "coach", persona(prompt, **llm))

    def plan(self, *args: str, **known: str | None) -> Result:
        self.project.account.forget()
        return self.step.run("plan", *args, fork=False, pull=True, **{"TAVUSCTL_COMMENT": "always", **known})

    def plans(self, name: str) -> list[Result]:
        """Plans with all sorts of values in one variable; they must not differ in what is said and how they end."""
        results, comments = [], []
        for value in VALUES:
            self.step.hub.comments.clear()
            results.append(self.plan(**{name: value}))
            comments += ["".join(self.step.comments)]
        assert len({re.sub(r"\b[0-9a-f]{32}\b", "", one.out) for one in results}) == 1
        assert len({(one.code, one.err) for one in results}) == 1
        assert len(set(comments)) == 1
        return results

    @property
    def document(self) -> Body:
        """The plan, as its file has it."""
        document: Body = json.loads(Path(self.step.outputs["plan-file"]).read_text("utf-8"))
        return document

    @property
    def comment(self) -> str:
        (comment,) = self.step.comments
        return re.sub(r"</?(?:code|del|ins)>", "", comment)


@pytest.fixture
def proposal(project: Project) -> Iterator[Proposal]:
    inner = Project(
        project.root / "work", project.account, {"OPENAI": KEY, "TAVUS_API_KEY_X": project.account.key, "CLOUD": OTHER}
    )
    inner.write("tavusctl.yaml", SETTINGS)
    inner.write(".gitignore", ".tavusctl/\n")
    inner.manifest("persona", "coach", persona())
    git(inner, "init", "-qb", "main")
    inner.apply()
    commit(inner)
    git(inner, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(inner, "checkout", "-qb", "work")
    with hub() as made:
        yield Proposal(_OnMain(inner, made))


class _OnMain(Step):
    """A step of a workflow for a pull request to main; no other variable of the machine has the key of the account."""

    def run(self, *args: str, fork: bool = False, pull: bool = True, **environment: str | None) -> Result:
        known: dict[str, str | None] = {"TAVUS_API_KEY": "a-key-of-somebody-else", "GITHUB_BASE_REF": "main"}
        return super().run(*args, fork=fork, pull=pull, **{**known, **environment})


# What a pull request may name anew: the project file, what is said of it, the variable that must make no difference.
NAMED = {
    "a secret": (
        SETTINGS.replace("[OPENAI]", "[OPENAI, CLOUD]"),
        "`CLOUD` is not read as a secret: `secrets:` does not list it in origin/main",
        "CLOUD",
    ),
    "a key": (
        SETTINGS.replace("TAVUS_API_KEY_X", "CLOUD"),
        "`CLOUD` is not read as the API key, which is `TAVUS_API_KEY_X` in origin/main",
        "CLOUD",
    ),
    "the key of another environment": (
        SETTINGS.replace("TAVUS_API_KEY_X", "TAVUS_API_KEY"),
        "`TAVUS_API_KEY` is not read as the API key, which is `TAVUS_API_KEY_X` in origin/main",
        "TAVUS_API_KEY",
    ),
    "the usual key": (
        "secrets: [OPENAI]\nenvironments: {x: {}}\n",
        "`TAVUS_API_KEY` is not read as the API key, which is `TAVUS_API_KEY_X` in origin/main",
        "TAVUS_API_KEY",
    ),
    "a remote state": (
        SETTINGS.replace("_X}", "_X, state: s3://evil-bucket/state}"),
        "the state `s3://evil-bucket/state` is not opened: the state is a file of the project in origin/main",
        "AWS_SECRET_ACCESS_KEY",
    ),
    "another file as the state": (
        SETTINGS.replace("_X}", "_X, state: other.json}"),
        "the state `other.json` is not opened: the state is a file of the project in origin/main",
        "CLOUD",
    ),
}


@pytest.mark.parametrize(("settings", "told", "name"), NAMED.values(), ids=NAMED)
def test_what_is_named_anew_is_told_and_not_read(proposal: Proposal, settings: str, told: str, name: str) -> None:
    """The plan is made with what was agreed to, and is the same whatever the variable holds."""
    proposal.says(settings, "You are kinder.")

    results = proposal.plans(name)

    assert results[0].code == 0
    assert told in proposal.comment
    assert "You are kinder." in proposal.comment
    assert {one["account"] for one in proposal.project.account.control("GET", "requests")["requests"]} == {
        proposal.project.account.key
    }


def test_a_secret_that_is_not_read_is_a_risk_where_it_is_sent(proposal: Proposal) -> None:
    proposal.says(SETTINGS.replace("[OPENAI]", "[OPENAI, CLOUD]"), headers={"X-Trace": "${secret:CLOUD}"})

    results = proposal.plans("CLOUD")

    assert results[0].code == 0
    assert "sends a secret for the first time: CLOUD" in proposal.comment
    assert "- /layers/llm/headers/X-Trace (sensitive) set" in proposal.comment


def test_a_known_secret_in_another_field_is_a_risk(proposal: Proposal) -> None:
    proposal.says(headers={"X-Trace": "${secret:OPENAI}"})

    proposal.plan()

    assert "sends a secret to a field that had none: OPENAI" in proposal.comment


def test_a_secret_that_main_lists_and_sends_nowhere_is_a_risk(proposal: Proposal) -> None:
    listed = SETTINGS.replace("[OPENAI]", "[OPENAI, CLOUD]")
    proposal.says(listed)
    commit(proposal.project)
    git(proposal.project, "update-ref", "refs/remotes/origin/main", "HEAD")
    proposal.says(listed, headers={"X-Trace": "${secret:CLOUD}"})
    commit(proposal.project)

    proposal.plan()

    assert "sends a secret for the first time: CLOUD" in proposal.comment
    assert "a manifest sends `CLOUD` for the first time" in proposal.comment


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS.replace("[OPENAI]", "[OPENAI, CLOUD]") + f"{OTHER}: 1\n",
        f"secrets: {{CLOUD: {OTHER}}}\n",
        f"CLOUD: [\n{OTHER}",
    ],
)
def test_a_guess_in_a_project_file_that_is_wrong_is_not_confirmed(proposal: Proposal, settings: str) -> None:
    """Words about a failure are made when little is known yet: a right guess must read as a wrong one does."""
    proposal.says(settings)

    results = proposal.plans("CLOUD")

    assert results[0].code not in (0, 2)


@pytest.mark.parametrize("guess", ["blue team 42", "red team 17"])
def test_a_guess_is_compared_with_nothing(proposal: Proposal, guess: str) -> None:
    """The plan of a right guess is that of a wrong one."""
    listed = SETTINGS.replace("[OPENAI]", "[OPENAI, TEAM]")
    proposal.says(listed, headers={"X-Team": "${secret:TEAM}"})
    assert proposal.project.run("apply", "--yes", TEAM="blue team 42").code == 0
    commit(proposal.project)
    git(proposal.project, "update-ref", "refs/remotes/origin/main", "HEAD")
    proposal.says(listed, headers={"X-Team": guess})

    proposal.plan(TEAM="blue team 42")

    assert "- /layers/llm/headers/X-Team (sensitive) changed" in proposal.comment


@pytest.mark.parametrize("pin", ["482915", "482916", None])
def test_a_guess_in_a_prompt_is_neither_hidden_nor_refused(proposal: Proposal, pin: str | None) -> None:
    """The value of a secret that main names, and is short."""
    listed = SETTINGS.replace("[OPENAI]", "[OPENAI, PIN]")
    proposal.says(listed)
    commit(proposal.project)
    git(proposal.project, "update-ref", "refs/remotes/origin/main", "HEAD")
    proposal.says(listed, "Is it 482914, 482915 or 482917?")

    result = proposal.plan(PIN=pin)

    assert (result.code, result.err) == (0, "comment on #7: created\n")
    assert "Is it 482914, 482915 or 482917?" in proposal.comment


def test_a_key_in_a_prompt_is_hidden_all_the_same(proposal: Proposal) -> None:
    proposal.says(prompt=f"Say {KEY}.")

    result = proposal.plan()

    assert KEY not in result.out + result.err + proposal.step.summary + "".join(proposal.step.comments)


def test_two_known_secrets_are_not_compared_with_one_another(proposal: Proposal) -> None:
    both = SETTINGS.replace("[OPENAI]", "[OPENAI, CLOUD]")
    proposal.says(both, headers={"X-Trace": "${secret:OPENAI}"})
    proposal.project.apply()
    commit(proposal.project)
    git(proposal.project, "update-ref", "refs/remotes/origin/main", "HEAD")
    proposal.says(both, headers={"X-Trace": "${secret:CLOUD}"})

    for value in (KEY, OTHER):
        proposal.step.hub.comments.clear()
        proposal.plan(CLOUD=value)
        assert "- /layers/llm/headers/X-Trace (sensitive) changed" in proposal.comment


def test_what_main_says_is_read_as_ever(proposal: Proposal) -> None:
    """Unchanged secrets are compared: nothing is to be done, and nothing is said."""
    proposal.says(prompt="You are kinder.")

    proposal.plan()

    (change,) = proposal.document["changes"]
    assert [one["path"] for one in change["fields"]] == ["/system_prompt"]
    assert proposal.document["warnings"] == []


def test_a_secret_that_the_pull_request_lists_no_more_stays_hidden(proposal: Proposal) -> None:
    proposal.says("environments: {x: {api_key_env: TAVUS_API_KEY_X}}\n", f"Say {KEY}.", api_key="")

    result = proposal.plan()

    assert KEY not in result.out + result.err + proposal.step.summary + "".join(proposal.step.comments)


@pytest.mark.parametrize("settings", ["environments: {x: {api_key_env: TAVUS_API_KEY_X}}\n", "secrets: [OPENAI]\n"])
def test_a_secret_without_a_form_that_the_pull_request_names_no_more_stays_hidden(
    proposal: Proposal, settings: str
) -> None:
    """Of a secret, or of the API key of an environment."""
    word = "correct horse battery"
    name = "OPENAI" if "x:" in settings else "TAVUS_API_KEY_X"
    proposal.says(settings, api_key="", speculative_inference=word)

    results = [proposal.step.run(command, fork=False, pull=True, **{name: word}) for command in ("validate", "plan")]

    for result in results:
        assert (result.code, word in result.out + result.err + proposal.step.summary) == (10, False), result.out


def test_a_new_environment_has_no_key_and_is_validated(proposal: Proposal) -> None:
    proposal.says("secrets: [OPENAI]\nenvironments: {y: {api_key_env: CLOUD, state: 's3://evil-bucket/state'}}\n")

    results = proposal.plans("CLOUD")

    assert results[0].code == 0
    assert "the manifests are validated, and `plan` is not run" in results[0].err
    assert proposal.project.account.requests == []


def test_a_new_environment_with_a_known_key_is_planned(proposal: Proposal) -> None:
    proposal.says("secrets: [OPENAI]\nenvironments: {y: {api_key_env: TAVUS_API_KEY_X, state: 's3://bucket/state'}}\n")

    result = proposal.plan()

    assert result.code in (0, 4), result.err
    assert "the state `s3://bucket/state` is not opened" in proposal.comment


def test_limits_are_measured_against_main(proposal: Proposal) -> None:
    """Without a state that knows the limits of the last apply."""
    proposal.project.run("state", "rm", "persona/coach")
    (proposal.project.root / ".tavusctl/state-x.json").unlink()
    proposal.says(SETTINGS + "safety: {max_deletes: 1000}\n", "You are kinder.")

    proposal.plan("--import-existing")

    assert "safety.max_deletes is raised from 5 to 1000" in proposal.comment


def test_nothing_is_changed_with_a_part_unread(proposal: Proposal) -> None:
    proposal.says(SETTINGS.replace("[OPENAI]", "[OPENAI, CLOUD]"), api_key="${secret:CLOUD}")
    proposal.project.account.forget()

    result = proposal.step.run("apply", "--yes")

    assert result.code == 4
    assert "`CLOUD` is not read as a secret" in result.err
    assert proposal.project.account.writes == []


def test_apply_with_what_main_says_is_as_ever(proposal: Proposal) -> None:
    proposal.says(prompt="You are kinder.", headers={"X-Trace": "${secret:OPENAI}"})

    assert proposal.step.run("apply", "--yes").code == 0


def test_a_tag_with_the_name_of_the_branch_is_not_the_branch(proposal: Proposal) -> None:
    proposal.says(SETTINGS.replace("[OPENAI]", "[OPENAI, CLOUD]"))
    commit(proposal.project)
    git(proposal.project, "tag", "origin/main")
    git(proposal.project, "branch", "-f", "main")

    proposal.plan("--base", "origin/main")

    assert "`CLOUD` is not read as a secret" in proposal.comment


@pytest.mark.parametrize("how", ["commit", "option"])
def test_the_branch_is_known_by_other_ways(proposal: Proposal, how: str) -> None:
    """The commit that the event names, and what the workflow gives to --base."""
    git(proposal.project, "update-ref", "-d", "refs/remotes/origin/main")
    proposal.says(SETTINGS.replace("[OPENAI]", "[OPENAI, CLOUD]"))
    step = proposal.step
    sha = git(proposal.project, "rev-parse", "main")
    event = {"number": 7, "head": {"repo": {"full_name": "acme/agents"}}, "base": {"ref": "main", "sha": sha}}
    path = proposal.project.write("../event.json", json.dumps({"pull_request": event}))
    options = {"commit": [], "option": ["--base", "main"]}[how]
    known: dict[str, str | None] = {"GITHUB_EVENT_PATH": str(path)} if how == "commit" else {}

    step.run("--comment", "always", "plan", *options, fork=False, pull=True, **known)

    assert "`CLOUD` is not read as a secret: `secrets:` does not list it in" in proposal.comment


@pytest.fixture
def shallow(proposal: Proposal) -> Proposal:
    """A checkout that knows no other commit."""
    git(proposal.project, "update-ref", "-d", "refs/remotes/origin/main")
    return proposal


def test_where_the_branch_is_not_known_no_secret_is_read_and_the_plan_is_made(shallow: Proposal) -> None:
    shallow.says(prompt="You are kinder.")

    results = shallow.plans("OPENAI")

    assert results[0].code == 0
    assert "no secret is read or compared (OPENAI): the base branch of this pull request is unknown" in shallow.comment
    assert "api_key" not in shallow.comment


def test_where_the_branch_is_not_known_no_remote_state_is_opened(shallow: Proposal) -> None:
    shallow.says(SETTINGS.replace("_X}", "_X, state: s3://some-bucket/state}"))

    result = shallow.plan()

    assert result.code == 4
    assert "fetch-depth: 0" in result.err


def test_where_the_branch_is_not_known_only_a_key_of_tavus_is_read(shallow: Proposal) -> None:
    shallow.says(SETTINGS.replace("TAVUS_API_KEY_X", "CLOUD"))

    result = shallow.plan(CLOUD=shallow.project.account.key)

    assert result.code == 0
    assert shallow.project.account.requests == []
