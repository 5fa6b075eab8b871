"""What `init --github` writes: workflows of a project, made from its environments, secrets, stores and folder.

A file says by a digest that nobody has edited it since; versions of actions are no part of that, and stay as they are.
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

ACTION: Final = "tavusctl/tavusctl"
NO_RELEASE: Final = "0" * 40
REFERENCE: Final = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}|\./[\w./-]*")
_LINK: Final = "link"  # the command that needs no secret: it adds a page to a comment
_DIGITS: Final = 6  # of a digest that tells two names apart
_PINNED: Final = {
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "actions/setup-python": "5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0",
    "actions/upload-artifact": "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0",
    "actions/download-artifact": "70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3 # v8.0.0",
}
_USES: Final = re.compile(r"(?m)(?<=uses: )(\S+?)@(\S+(?: # \S+)?)$")
_DIGEST: Final = re.compile(r"(?m)^# unedited: ([0-9a-f]{16})$")
# What stores read, by the scheme of their address.
_ONE_COMMENT: Final = "TAVUSCTL_ONE_COMMENT"  # with a section for each environment
_COMMENTING: Final = frozenset({"plan", "apply", _LINK})
VARIABLE: Final = "AWS_REGION"  # no secret
_STORES: Final[Mapping[str, Sequence[str]]] = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
    "gs": ("GOOGLE_SERVICE_ACCOUNT_KEY",),
}


class Shape(Struct, frozen=True):
    """What workflows are made of."""

    environments: Sequence[Environment]  # in the order in which a merge goes through them
    secrets: Sequence[str]
    folder: str = ""  # of the project, from the root of the repository; empty at the root itself
    branch: str = "main"
    action: str = f"{ACTION}@{NO_RELEASE}"

    @property
    def suffix(self) -> str:
        """What the names of files and groups end with: nothing for a project at the root."""
        if not self.folder:
            return ""
        plain = re.sub(r"[^A-Za-z0-9]+", "-", self.folder).strip("-")
        digest = hashlib.sha256(self.folder.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]
        return f"-{plain}" if plain == self.folder else f"-{plain}-{digest}"


def workflows(shape: Shape, found: Mapping[str, str]) -> dict[str, str]:
    """The files by name; `found` are those that are there, whose versions of actions are kept."""
    made = {"plan": _plan(shape), "apply": _apply(shape), "watch": _watch(shape)}
    files = {f"tavus-{name}{shape.suffix}.yml": text for name, text in made.items()}
    return {name: _signed(_with_versions(text, found.get(name, ""))) for name, text in files.items()}


def action_in(text: str) -> str:
    """The action that a file runs; empty when it runs none of ours."""
    found = re.search(r"(?m)^ +uses: (\S+)(?: # .*)?\n +with:\n +command: ", text)
    return found[1] if found else ""


def is_unedited(text: str) -> bool:
    """Whether a file is as it was written, versions of actions aside."""
    told = _DIGEST.search(text)
    return told is not None and told[1] == _digest(text)


def difference(name: str, found: str, wanted: str) -> str:
    """What would be changed, as a unified diff."""
    lines = difflib.unified_diff(found.splitlines(), wanted.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _signed(text: str) -> str:
    return text.replace("# unedited: ?", f"# unedited: {_digest(text)}", 1)


def _digest(text: str) -> str:
    plain = _USES.sub(r"\1", _DIGEST.sub("# unedited: ?", text))
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _with_versions(text: str, found: str) -> str:
    """A text whose actions have the versions that a file has: somebody may have brought them up to date."""
    known = {name: version for name, version in _USES.findall(found) if NO_RELEASE not in version}
    return _USES.sub(lambda use: f"{use[1]}@{known.get(use[1], use[2])}", text)


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
    shape: Shape,
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
    ignored = " # zizmor: ignore[self-repository]" if shape.action == "./" else ""
    lines = [f"      - {f'id: {id_}' if id_ else f'name: {name or command}'}"]
    lines += [f"        if: ${{{{ {only_if} }}}}"] if only_if else []
    lines += [f"        uses: {shape.action}{ignored}", "        with:", f"          command: {command}"]
    lines += [f"          environment: {environment.name}"]
    lines += [f"          args: {args}"] if args else []
    lines += [f"          comment: {comment}"] if comment else []
    lines += [f"          working-directory: {json.dumps(shape.folder)}"] if shape.folder else []
    variables = _variables(shape, environment) if command != _LINK else []
    if len(shape.environments) > 1 and command in _COMMENTING and comment != "never":
        variables.append((_ONE_COMMENT, '"true"'))
    lines += ["        env:", *(f"          {name}: {value}" for name, value in variables)] if variables else []
    return "".join(f"{line}\n" for line in lines)


def names_of(shape: Shape, environment: Environment) -> list[str]:
    """The variables that a run on an environment reads: its key, secrets of manifests, what its stores ask for."""
    schemes = {one.partition("://")[0] for one in (environment.state, environment.uploads) if "://" in one}
    stores = [name for scheme in sorted(schemes) for name in _STORES.get(scheme, ())]
    return list(dict.fromkeys([environment.api_key_env, *shape.secrets, *stores]))


def _variables(shape: Shape, environment: Environment) -> list[tuple[str, str]]:
    """Each variable of a step, from the secret of its name."""
    return [
        (name, f"${{{{ {'vars' if name == VARIABLE else 'secrets'}.{name} }}}}")
        for name in names_of(shape, environment)
    ]


def _plan(shape: Shape) -> str:
    text = _head(f"tavus plan{shape.suffix}", "What a pull request would change, in every environment, as one comment.")
    text += f"""
on:
  pull_request: # of every file: prompts may lie anywhere, and a required check has to report
  merge_group:

permissions: {{}}

concurrency:
  group: tavus-plan{shape.suffix}-${{{{ github.event.pull_request.number || github.sha }}}}
  cancel-in-progress: true

jobs:
"""
    befores = ["", *(one.name for one in shape.environments)]
    return text + "\n".join(
        _proposed_job(shape, one, before) for one, before in zip(shape.environments, befores, strict=False)
    )


def _proposed_job(shape: Shape, one: Environment, before: str) -> str:
    """The plan of an environment for a pull request; all write into one comment, which one job can edit at a time."""
    base = "${{ github.event.merge_group.base_sha || format('origin/{0}', github.base_ref) }}"
    page = f"${{{{ runner.temp }}}}/plan{shape.suffix}-{one.name}.html"
    after = f"""\
    needs: plan-{before} # both write into the same comment
    if: ${{{{ !cancelled() }}}} # also when that plan has failed
"""
    return f"""\
  plan-{one.name}:
    name: plan {one.name}
{after if before else ""}\
    # Runs for forks and for Dependabot have no secrets: the manifests are validated, and nothing else.
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read # to check the repository out
      pull-requests: write # to keep the comment
{_steps(history=True)}\
{_run(shape, one, "plan", id_="plan", args=f"--base '{base}' --report 'html={page}'")}\
      - id: page
        if: ${{{{ !cancelled() && steps.plan.outputs.plan-file != '' }}}}
        uses: actions/upload-artifact@{_PINNED["actions/upload-artifact"]}
        with:
          path: {page}
          archive: false # a browser opens it as it is
          if-no-files-found: ignore
          retention-days: 14
{_link(shape, one)}"""


def _link(shape: Shape, one: Environment) -> str:
    """The step that lets the comment lead to the page."""
    url = "steps.page.outputs.artifact-url"
    return _run(shape, one, _LINK, args=f"${{{{ {url} }}}}", only_if=f"!cancelled() && {url} != ''")


def _apply(shape: Shape) -> str:
    order = " then ".join(one.name for one in shape.environments)
    text = _head(
        f"tavus apply{shape.suffix}", f"On merge: plan, wait for whoever guards the environment, apply: {order}."
    )
    text += f"""
on:
  push:
    branches: [{json.dumps(shape.branch)}]
  workflow_dispatch:

permissions: {{}}

# One run at a time.  One that waits for an approval is not cancelled; of those behind it, the newest is kept.
concurrency:
  group: tavus-apply{shape.suffix}
  cancel-in-progress: false

jobs:
"""
    jobs, before = [], ""
    for one in shape.environments:
        # The next environment begins when the one before is applied, or had nothing to be applied.
        after = f"    needs: apply-{before}\n" if before else ""
        jobs += [_plan_job(shape, one, after), _apply_job(shape, one)]
        before = one.name
    return text + "\n".join(jobs)


def _plan_job(shape: Shape, one: Environment, after: str) -> str:
    """The plan of an environment after a merge, kept for whoever has to approve it."""
    merged = "'refs/heads/" + shape.branch.replace("'", "''") + "'"
    return f"""\
  plan-{one.name}:
    name: plan {one.name}
{after}\
    if: ${{{{ !cancelled() && !failure() && github.ref == {merged} }}}}
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read # to check the repository out
      pull-requests: write # to tell the merged pull request of a plan that failed
    outputs:
      changes: ${{{{ steps.plan.outputs.changes }}}}
{_steps()}\
{_run(shape, one, "plan", id_="plan")}\
      - uses: actions/upload-artifact@{_PINNED["actions/upload-artifact"]}
        with:
          name: {_artifact(shape, one)}
          path: ${{{{ steps.plan.outputs.plan-file }}}}
          if-no-files-found: error
          retention-days: 30
"""


def _apply_job(shape: Shape, one: Environment) -> str:
    """The apply of that plan, and of nothing else."""
    return f"""\
  apply-{one.name}:
    name: apply {one.name}
    needs: plan-{one.name}
    if: >-
      ${{{{ !cancelled() && needs.plan-{one.name}.result == 'success'
      && needs.plan-{one.name}.outputs.changes == 'true' }}}}
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    environment: {one.name} # its reviewers read the summary of the plan before this begins
    permissions:
{_contents(one)}\
      pull-requests: write # to tell the merged pull request what was done
{_steps()}\
      - uses: actions/download-artifact@{_PINNED["actions/download-artifact"]}
        with:
          name: {_artifact(shape, one)}
          path: ${{{{ runner.temp }}}}/approved
{_run(shape, one, "apply", args="--lock-timeout 10m --wait 30m '${{ runner.temp }}/approved/plan.json'")}\
{_run(shape, one, "verify")}"""


def _contents(*environments: Environment) -> str:
    """What a job that changes the account may do with the repository, which may hold the state."""
    if any(one.state.partition("?")[0] == "git" for one in environments):
        return "      contents: write # to check the repository out, and to keep the state in refs of its own\n"
    return "      contents: read # to check the repository out\n"


def _artifact(shape: Shape, one: Environment) -> str:
    """The name under which an approved plan is kept."""
    return f"approved{shape.suffix}-{one.name}"


def _watch(shape: Shape) -> str:
    text = _head(
        f"tavus watch{shape.suffix}",
        "By the clock: drift becomes an issue; what is due is crawled; replacements that were begun are finished.",
    )
    text += f"""
on:
  schedule:
    - cron: "17 * * * *" # off the full hour, when everybody's jobs begin
  workflow_dispatch:

permissions: {{}}

concurrency:
  group: tavus-watch{shape.suffix}
  cancel-in-progress: false

jobs:
  watch: # one job for everything: each is billed as a minute at least, some 720 of them in a month
    name: watch
    runs-on: ubuntu-24.04
    timeout-minutes: 55
    permissions:
{_contents(*shape.environments)}\
      issues: write # to open, update and close the issue about drift
{_steps()}"""
    return text + "".join(_watched(shape, one) for one in shape.environments)


def _watched(shape: Shape, one: Environment) -> str:
    """The steps of one environment; none is left out because another has failed."""
    always = "!cancelled()"
    finish = "--finish --yes --lock-timeout 10m"
    return (
        _run(shape, one, "drift", name=f"drift {one.name}", only_if=always)
        + _run(shape, one, "recrawl", name=f"recrawl {one.name}", only_if=always, comment="never")
        + _run(shape, one, "apply", name=f"finish {one.name}", args=finish, only_if=always, comment="never")
    )
