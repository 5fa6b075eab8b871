"""The workflow files of `init --github`, generated from a project's environments, secrets, stores and folder.

Each file has a digest of its text, which shows whether somebody edited it.  The versions of actions are not part of
the digest: users may update them, and a new file keeps them.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from tavusctl.core.project_settings import Environment
from tavusctl.lib.patterns import pattern

ACTION: Final = "tavusctl/tavusctl"
NO_RELEASE: Final = "0" * 40
REFERENCE: Final = pattern(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}|\./[\w./-]*")
_LINK: Final = "link"  # the command that needs no secret: it adds the link of a page to a comment
_DIGITS: Final = 6  # of a digest that keeps similar folder names distinct
_PINNED: Final = {
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "actions/setup-python": "5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0",
    "actions/upload-artifact": "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0",
    "actions/download-artifact": "70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3 # v8.0.0",
}
_USES: Final = pattern(r"(?m)(?<=uses: )(\S+?)@(\S+(?: # \S+)?)$")
_DIGEST: Final = pattern(r"(?m)^# unedited: ([0-9a-f]{16})$")
_ONE_COMMENT: Final = "TAVUSCTL_ONE_COMMENT"  # a variable: one comment with a section for each environment
_COMMENTING: Final = frozenset({"plan", "apply", _LINK})
VARIABLE: Final = "AWS_REGION"  # a variable of GitHub, not a secret
# The variables that stores read, by the scheme of their URL.
_STORES: Final[Mapping[str, Sequence[str]]] = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
    "gs": ("GOOGLE_SERVICE_ACCOUNT_KEY",),
}


class WorkflowInputs(Struct, frozen=True):
    """The facts about a project from which its workflows are generated."""

    environments: Sequence[Environment]  # in the order in which a merge is applied to them
    secrets: Sequence[str]
    folder: str = ""  # of the project, from the root of the repository; empty at the root itself
    branch: str = "main"
    action: str = f"{ACTION}@{NO_RELEASE}"

    @property
    def suffix(self) -> str:
        """The suffix of file names; empty for a project at the root of the repository."""
        if not self.folder:
            return ""
        plain = re.sub(r"[^A-Za-z0-9]+", "-", self.folder).strip("-")
        return f"-{plain}" if plain == self.folder else f"-{plain}-{self._digest}"

    @property
    def group_suffix(self) -> str:
        """The suffix of concurrency groups, which GitHub takes for one if they differ only in case."""
        return self.suffix if self.suffix == self.suffix.lower() else f"{self.suffix}-{self._digest}"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self.folder.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def workflows(inputs: WorkflowInputs, existing: Mapping[str, str]) -> dict[str, str]:
    """The workflow texts by file name; `existing` are the present files, whose versions of actions are kept."""
    texts = {"plan": _plan(inputs), "apply": _apply(inputs), "watch": _watch(inputs)}
    files = {f"tavus-{name}{inputs.suffix}.yml": text for name, text in texts.items()}
    return {name: _signed(_with_versions(text, existing.get(name, ""))) for name, text in files.items()}


def action_in(text: str) -> str:
    """The reference of our action in a workflow file; empty if the file does not run it."""
    match = re.search(r"(?m)^ +uses: (\S+)(?: # .*)?\n +with:\n +command: ", text)
    return match[1] if match else ""


def is_unedited(text: str) -> bool:
    """Whether a file is as it was generated, apart from the versions of actions."""
    match = _DIGEST.search(text)
    return match is not None and match[1] == _digest(text)


def difference(name: str, existing: str, generated: str) -> str:
    """The changes to an existing file, as a unified diff."""
    lines = difflib.unified_diff(existing.splitlines(), generated.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _signed(text: str) -> str:
    return text.replace("# unedited: ?", f"# unedited: {_digest(text)}", 1)


def _digest(text: str) -> str:
    plain = _USES.sub(r"\1", _DIGEST.sub("# unedited: ?", text))
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _with_versions(text: str, existing: str) -> str:
    """A text with the versions of actions in the `existing` file, because a user may have updated them."""
    versions = {name: version for name, version in _USES.findall(existing) if NO_RELEASE not in version}
    return _USES.sub(lambda use: f"{use[1]}@{versions.get(use[1], use[2])}", text)


def _head(title: str, about: str) -> str:
    return f"""\
# {about}
# Written by `tavusctl init --github`; run it again when environments, secrets or folders change.
# unedited: ?
name: {title}
"""


def _steps(*, history: bool = False) -> str:
    depth = "          fetch-depth: 0 # --base looks for the commit where the branch began\n" if history else ""
    return f"""\
    steps:
      - uses: actions/checkout@{_PINNED["actions/checkout"]}
        with:
{depth}          persist-credentials: false
      - uses: actions/setup-python@{_PINNED["actions/setup-python"]}
        with:
          python-version: "3.13"
"""


def _run(
    inputs: WorkflowInputs,
    environment: Environment,
    command: str,
    *,
    args: str = "",
    id_: str = "",
    name: str = "",
    only_if: str = "",
    comment: str = "",
) -> str:
    """A step that runs the action, with the secrets of one environment."""
    ignored = " # zizmor: ignore[self-repository]" if inputs.action == "./" else ""
    lines = [f"      - {f'id: {id_}' if id_ else f'name: {name or command}'}"]
    lines += [f"        if: ${{{{ {only_if} }}}}"] if only_if else []
    lines += [f"        uses: {inputs.action}{ignored}", "        with:", f"          command: {command}"]
    lines += [f"          environment: {_quoted(environment.name)}"]
    lines += [f"          args: {args}"] if args else []
    lines += [f"          comment: {comment}"] if comment else []
    lines += [f"          working-directory: {_input(inputs.folder)}"] if inputs.folder else []
    variables = _variables(inputs, environment) if command != _LINK else []
    if len(inputs.environments) > 1 and command in _COMMENTING and comment != "never":
        variables.append((_ONE_COMMENT, '"true"'))
    lines += ["        env:", *(f"          {name}: {value}" for name, value in variables)] if variables else []
    return "".join(f"{line}\n" for line in lines)


def _input(text: str) -> str:
    """A text as an input of an action, where `${{` would begin an expression."""
    quoted = text.replace("'", "''")
    return _quoted(f"${{{{ '{quoted}' }}}}" if "${{" in text else text)


def _quoted(text: str) -> str:
    """A text in quotes: as JSON, but with one escape for a character that JSON escapes in two halves."""
    parts = [json.dumps(one)[1:-1] if one <= "\uffff" else f"\\U{ord(one):08x}" for one in text]
    return f'"{"".join(parts)}"'


def variable_names(inputs: WorkflowInputs, environment: Environment) -> list[str]:
    """The variables that a run on an environment reads: its API key, the secrets, and those of its stores."""
    schemes = {one.partition("://")[0] for one in (environment.state, environment.uploads) if "://" in one}
    stores = [name for scheme in sorted(schemes) for name in _STORES.get(scheme, ())]
    return list(dict.fromkeys([environment.api_key_env, *inputs.secrets, *stores]))


def _variables(inputs: WorkflowInputs, environment: Environment) -> list[tuple[str, str]]:
    """The variables of a step, each with the expression of the GitHub secret or variable of the same name."""
    return [
        (name, f"${{{{ {'vars' if name == VARIABLE else 'secrets'}.{name} }}}}")
        for name in variable_names(inputs, environment)
    ]


def _plan(inputs: WorkflowInputs) -> str:
    text = _head(
        f"tavus plan{inputs.suffix}", "What a pull request would change, in every environment, as one comment."
    )
    text += f"""
on:
  pull_request: # of every file: prompts may lie anywhere, and a required check has to report
  merge_group:

permissions: {{}}

concurrency:
  group: tavus-plan{inputs.group_suffix}-${{{{ github.event.pull_request.number || github.sha }}}}
  cancel-in-progress: true

jobs:
"""
    previous_names = ["", *(one.name for one in inputs.environments)]
    return text + "\n".join(
        _proposed_job(inputs, environment, previous)
        for environment, previous in zip(inputs.environments, previous_names, strict=False)
    )


def _proposed_job(inputs: WorkflowInputs, environment: Environment, before: str) -> str:
    """The job that plans one environment for a pull request; it waits for job `before`, as both edit one comment."""
    # As JSON: the name of a branch may have a quote, which this escapes.
    base = "${{ toJSON(github.event.merge_group.base_sha || format('origin/{0}', github.base_ref)) }}"
    name = f"plan{inputs.suffix}-{environment.name}.html"
    page = f"${{{{ runner.temp }}}}/{name}"
    after = f"""\
    needs: plan-{before} # both write into the same comment
    if: ${{{{ !cancelled() }}}} # also when that plan has failed
"""
    return f"""\
  plan-{environment.name}:
    name: plan {environment.name}
{after if before else ""}\
    # Runs for forks and for Dependabot have no secrets: the manifests are validated, and nothing else.
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read # to check the repository out
      pull-requests: write # to keep the comment
{_steps(history=True)}\
{_run(inputs, environment, "plan", id_="plan", args=f"--base {base} --report 'html={page}'")}\
      - id: page
        if: ${{{{ !cancelled() && steps.plan.outputs.plan-file != '' }}}}
        continue-on-error: true # the plan is good without its page
        uses: actions/upload-artifact@{_PINNED["actions/upload-artifact"]}
        with:
          name: {name} # of the file, as `overwrite` looks for this name
          path: {page}
          archive: false # a browser opens it as it is
          overwrite: true # that of an earlier attempt of this run
          if-no-files-found: ignore
          retention-days: 14
{_link(inputs, environment)}"""


def _link(inputs: WorkflowInputs, environment: Environment) -> str:
    """The step that adds the link of the plan page to the comment."""
    url = "steps.page.outputs.artifact-url"
    return _run(inputs, environment, _LINK, args=f"${{{{ {url} }}}}", only_if=f"!cancelled() && {url} != ''")


def _apply(inputs: WorkflowInputs) -> str:
    order = " then ".join(one.name for one in inputs.environments)
    text = _head(
        f"tavus apply{inputs.suffix}", f"On merge: plan, wait for the reviewers of the environment, apply: {order}."
    )
    text += f"""
on:
  push:
    branches: [{_quoted(_pattern(inputs.branch))}]
  workflow_dispatch:

permissions: {{}}

# One run at a time.  One that waits for an approval is not cancelled; of those behind it, the newest is kept.
concurrency:
  group: tavus-apply{inputs.group_suffix}
  cancel-in-progress: false

jobs:
"""
    jobs, before = [], ""
    for environment in inputs.environments:
        # The next environment begins when the one before is applied, or had nothing to be applied.
        after = f"    needs: apply-{before}\n" if before else ""
        jobs += [_plan_job(inputs, environment, after), _apply_job(inputs, environment)]
        before = environment.name
    return text + "\n".join(jobs)


def _pattern(branch: str) -> str:
    r"""The filter of GitHub that matches one branch: `\+` and the like for characters with a meaning there."""
    return re.sub(r"[*?+\[]|^!", lambda special: f"\\{special[0]}", branch)


def _plan_job(inputs: WorkflowInputs, environment: Environment, after: str) -> str:
    """The job that plans an environment after a merge, and keeps the plan file for its approval."""
    return f"""\
  plan-{environment.name}:
    name: plan {environment.name}
{after}\
    if: ${{{{ !cancelled() && !failure() && {_is_on_branch(inputs)} }}}}
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read # to check the repository out
      pull-requests: write # to tell the merged pull request of a plan that failed
    outputs:
      changes: ${{{{ steps.plan.outputs.changes }}}}
{_steps()}\
{_run(inputs, environment, "plan", id_="plan")}\
      - if: ${{{{ steps.plan.outputs.plan-file != '' }}}} # none after a push by Dependabot
        uses: actions/upload-artifact@{_PINNED["actions/upload-artifact"]}
        with:
          name: {_artifact(inputs, environment)}
          path: ${{{{ steps.plan.outputs.plan-file }}}}
          overwrite: true # that of an earlier attempt of this run
          if-no-files-found: error
          retention-days: 30
"""


def _apply_job(inputs: WorkflowInputs, environment: Environment) -> str:
    """The job that applies the plan file of `_plan_job`, and nothing else."""
    return f"""\
  apply-{environment.name}:
    name: apply {environment.name}
    needs: plan-{environment.name}
    if: >-
      ${{{{ !cancelled() && needs.plan-{environment.name}.result == 'success'
      && needs.plan-{environment.name}.outputs.changes == 'true' }}}}
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    environment: {_quoted(environment.name)} # its reviewers read the summary of the plan before this begins
    permissions:
{_contents(environment)}\
      pull-requests: write # to tell the merged pull request what was done
{_steps()}\
      - uses: actions/download-artifact@{_PINNED["actions/download-artifact"]}
        with:
          name: {_artifact(inputs, environment)}
          path: ${{{{ runner.temp }}}}/approved
{_run(inputs, environment, "apply", args="--lock-timeout 10m --wait 30m '${{ runner.temp }}/approved/plan.json'")}\
{_run(inputs, environment, "verify")}"""


def _is_on_branch(inputs: WorkflowInputs) -> str:
    """A condition that holds only for the files of the branch, which are reviewed: anybody may dispatch any other."""
    return "github.ref == 'refs/heads/" + inputs.branch.replace("'", "''") + "'"


def _contents(*environments: Environment) -> str:
    """The repository permission of a job; it may write if the state of an environment is in the repository."""
    if any(one.state.partition("?")[0] == "git" for one in environments):
        return "      contents: write # to check the repository out, and to keep the state in refs of its own\n"
    return "      contents: read # to check the repository out\n"


def _artifact(inputs: WorkflowInputs, environment: Environment) -> str:
    """The name of the artifact with the plan file that is to be approved."""
    return f"approved{inputs.suffix}-{environment.name}"


def _watch(inputs: WorkflowInputs) -> str:
    text = _head(
        f"tavus watch{inputs.suffix}",
        "On a schedule: report drift in an issue, crawl the documents that are due, finish replacements.",
    )
    text += f"""
on:
  schedule:
    - cron: "17 * * * *" # off the full hour, when everybody's jobs begin
  workflow_dispatch:

permissions: {{}}

concurrency:
  group: tavus-watch{inputs.group_suffix}
  cancel-in-progress: false

jobs:
  watch: # one job for everything: each is billed as a minute at least, some 720 of them in a month
    name: watch
    if: ${{{{ {_is_on_branch(inputs)} }}}}
    runs-on: ubuntu-24.04
    timeout-minutes: 55
    permissions:
{_contents(*inputs.environments)}\
      issues: write # to open, update and close the issue about drift
{_steps()}"""
    return text + "".join(_watched(inputs, environment) for environment in inputs.environments)


def _watched(inputs: WorkflowInputs, environment: Environment) -> str:
    """The steps of one environment in the watch job; each runs even if another step has failed."""
    always, finish = "!cancelled()", "--finish --yes --lock-timeout 10m"
    name = environment.name
    return (
        _run(inputs, environment, "drift", name=f"drift {name}", only_if=always)
        + _run(inputs, environment, "recrawl", name=f"recrawl {name}", only_if=always, comment="never")
        + _run(inputs, environment, "apply", name=f"finish {name}", args=finish, only_if=always, comment="never")
    )
