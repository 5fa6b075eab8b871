"""A local imitation of GitHub that runs workflows: git over HTTP, a part of the REST API, and a runner of jobs.

Each job has its own machine: a fresh clone as actions/checkout makes it, a token with the permissions of the workflow,
the secrets that its steps name, and the commands of our action.yml.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import yaml

from tests.scenarios.expressions import filled, value
from tests.scenarios.hub import Hub, hub
from tests.scenarios.project import Account, Project
from tests.stores.git_server import GitServer, git_server

ROOT = Path(__file__).parents[2]
REPOSITORY = "acme/agents"
Body = dict[str, Any]
SECONDS = 300.0  # the timeout of one step, long enough for a busy machine
PUSH_TOKENS = {"ann": "ghp_ann", "ben": "ghp_ben"}  # the tokens with which people push


@dataclass
class Ran:
    """The result of a step that uses our action: its exit code and its log."""

    job: str
    command: str
    code: int
    log: str


@dataclass
class Job:
    """The result of a job."""

    result: str = "skipped"
    outputs: Body = field(default_factory=dict)
    steps: list[Ran] = field(default_factory=list)
    summary: str = ""


@dataclass
class Run:
    """The results of the jobs of a workflow run."""

    jobs: dict[str, Job]
    workflow: Body
    github: Body

    @property
    def is_red(self) -> bool:
        return any(job.result == "failure" for job in self.jobs.values())

    @property
    def log(self) -> str:
        return "".join(
            f"--- {step.job}: {step.command}: {step.code}\n{step.log}"
            for job in self.jobs.values()
            for step in job.steps
        )


@dataclass
class Forge:
    """A repository with its pull requests, its secrets, and the machines that run its workflows."""

    place: Path
    url: str
    git: GitServer
    hub: Hub
    account: Account
    secrets: dict[str, str]
    approves: Callable[[str, str], bool] = lambda _, __: True  # whether reviewers of an environment approve a summary
    cancels: Callable[[str], bool] | None = None  # whether a person cancels the run during a command
    variables: dict[str, str] = field(default_factory=dict)  # more environment variables of the machines
    is_full: bool = False  # whether the repository has no room for more artifacts
    apart: bool = False  # whether commands run in their own processes
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)  # the processes started that way
    artifacts: dict[str, Path] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))  # the numbers of the next runs

    @property
    def bare(self) -> Path:
        return self.place / "served" / REPOSITORY

    def clone(self, person: str) -> Path:
        """The local clone of a person who may push."""
        root = self.place / person
        if not root.exists():
            subprocess.run(["git", "clone", "--quiet", self._address(person), root], check=True, capture_output=True)
        return root

    def _address(self, person: str) -> str:
        return f"{self.url}/{REPOSITORY}".replace("//", f"//x-access-token:{PUSH_TOKENS[person]}@")

    def propose(self, person: str, branch: str, edit: Callable[[Path], None]) -> Body:
        """Edit files on a branch and open a pull request as a person; return the event."""
        root = self.clone(person)
        git_output(root, "fetch", "--quiet", "origin")
        on = ("-B", branch, "origin/main") if git_output(root, "branch", "--remotes").strip() else ("-B", branch)
        git_output(root, "checkout", "--quiet", *on)
        edit(root)
        git_output(root, "add", "--all")
        git_output(
            root,
            "-c",
            f"user.name={person}",
            "-c",
            f"user.email={person}@acme.example",
            "commit",
            "--quiet",
            "-m",
            branch,
        )
        git_output(root, "push", "--quiet", "--force", "origin", branch)
        number = 1 + max((existing["number"] for existing in self.hub.pulls), default=0)
        pull = {
            "number": number,
            "state": "open",
            "head": {
                "ref": branch,
                "sha": git_output(root, "rev-parse", branch).strip(),
                "repo": {"full_name": REPOSITORY},
            },
            "base": {"ref": "main", "sha": self.tip("main")},
            "user": {"login": person},
        }
        self.hub.pulls.append(pull)
        return {"pull_request": pull, "sender": {"login": person}}

    def tip(self, branch: str) -> str:
        return git_output(self.bare, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").strip()

    def merge(self, event: Body) -> Body:
        """Squash a pull request onto the main branch; return the event of the push."""
        pull = event["pull_request"]
        sha = self._merged(pull, [self.tip("main")])
        git_output(self.bare, "update-ref", "refs/heads/main", sha)
        self.hub.merged[sha] = [pull["number"]]
        pull.update(state="closed", merged_at="2026-01-01T00:00:00Z", merge_commit_sha=sha)
        return {"ref": "refs/heads/main", "after": sha, "commits": [{"id": sha}], "sender": event["sender"]}

    def _merged(self, pull: Body, parents: list[str]) -> str:
        """Create a commit that merges the branch of a pull request into the first parent; return its hash."""
        names = ("-c", "user.name=hub", "-c", "user.email=hub@acme.example")
        tree = git_output(self.bare, *names, "merge-tree", "--write-tree", parents[0], pull["head"]["sha"]).strip()
        options = [word for parent in parents for word in ("-p", parent)]
        return git_output(self.bare, *names, "commit-tree", tree, *options, "-m", f"#{pull['number']}").strip()

    def run(self, name: str, event_name: str, event: Body | None = None) -> Run:
        """Run a workflow with the text that it has in the commit of the event."""
        pull = (event or {}).get("pull_request")
        commit = self._merged(pull, [pull["base"]["sha"], pull["head"]["sha"]]) if pull else self.tip("main")
        if pull:
            git_output(self.bare, "update-ref", f"refs/pull/{pull['number']}/merge", commit)
        workflow = yaml.safe_load(git_output(self.bare, "show", f"{commit}:.github/workflows/{name}"))
        assert event_name in workflow[True], f"{name} is not for {event_name}"
        github = {
            "event": event or {},
            "event_name": event_name,
            "run": next(self.numbers),
            "attempt": 1,
            "sha": commit,
            "ref": f"refs/pull/{pull['number']}/merge" if pull else "refs/heads/main",
            "base_ref": "main" if pull else "",
            "actor": (event or {}).get("sender", {}).get("login", "ann"),
        }
        return self._run_jobs(workflow, github)

    def rerun(self, run: Run, *, only: str = "") -> Run:
        """Run all jobs of a run again, or `only` one and those after it: with the same number, event and commit."""
        kept = {} if not only else dict(takewhile(lambda item: item[0] != only, run.jobs.items()))
        return self._run_jobs(run.workflow, {**run.github, "attempt": run.github["attempt"] + 1}, kept)

    def _run_jobs(self, workflow: Body, github: Body, kept: Mapping[str, Job] | None = None) -> Run:
        jobs = dict(kept or {})
        for key, body in workflow["jobs"].items():
            if key not in jobs:
                jobs[key] = self._job(key, body, github, jobs)
        return Run(jobs, workflow, github)

    def _job(self, key: str, body: Body, github: Body, jobs: Mapping[str, Job]) -> Job:
        needs = {
            name: jobs[name]
            for name in ([body["needs"]] if isinstance(body.get("needs"), str) else body.get("needs", []))
        }
        failed = any(job.result == "failure" for job in jobs.values())
        names = {
            "github": github,
            "needs": {name: {"result": job.result, "outputs": job.outputs} for name, job in needs.items()},
        }
        known = functions(failed=failed)
        condition = str(body.get("if", "success()"))
        if not value(condition.removeprefix("${{").removesuffix("}}").strip(), names, known):
            return Job()
        if "if" not in body and any(job.result != "success" for job in needs.values()):
            return Job()
        if environment := body.get("environment"):
            summary = "\n".join(job.summary for job in needs.values())
            if not self.approves(environment, summary):
                return Job()
        return Machine(self, key, body, names).run()

    def close(self, job: str) -> None:
        """Revoke the token of a job."""
        for tokens in (self.git.readers, self.git.writers):
            tokens.discard(job)
        self.hub.rights.pop(job, None)


class _StepFailed(Exception):
    """A step of another action has failed."""


class Machine:
    """The machine on which one job runs."""

    def __init__(self, forge: Forge, key: str, body: Body, names: Body) -> None:
        self.forge, self.key, self.body, self.number = forge, key, body, names["github"]["run"]
        self.home = forge.place / f"machine-{self.number}-{key}"
        self.temp, self.work = self.home / "temp", self.home / "work"
        self.temp.mkdir(parents=True)
        (self.temp / "tavusctl").symlink_to(sys.prefix)
        self.steps: dict[str, Body] = {}
        self.job = Job("success")
        self.names = {
            **names,
            "steps": self.steps,
            "secrets": forge.secrets,
            "vars": {},
            "runner": {"temp": str(self.temp)},
        }
        self.token = f"ghs_of_{self.number}_{key}"
        rights = body.get("permissions", {})
        forge.hub.rights[self.token] = rights
        if contents := rights.get("contents"):
            (forge.git.writers if contents == "write" else forge.git.readers).add(self.token)

    def run(self) -> Job:
        """Run every step whose condition is true; return the result of the job."""
        for step in self.body["steps"]:
            failed = self.job.result == "failure"
            condition = str(step.get("if", "success()")).removeprefix("${{").removesuffix("}}").strip()
            if value(condition, self.names, functions(failed=failed)):
                self._step(step)
        outputs = self.body.get("outputs", {})
        self.job.outputs = {name: self._filled(text) for name, text in outputs.items()}
        self.forge.close(self.token)
        shutil.rmtree(self.home)
        return self.job

    def _filled(self, text: str) -> str:
        return filled(str(text), self.names, functions(failed=False))

    def _step(self, step: Body) -> None:
        uses, inputs = (
            step["uses"].partition("@")[0],
            {key: self._filled(text) for key, text in step.get("with", {}).items()},
        )
        actions: dict[str, Callable[[Body], Body]] = {
            "actions/checkout": self._checkout,
            "actions/setup-python": lambda _: {},
            "actions/upload-artifact": self._upload,
            "actions/download-artifact": self._download,
            "tavusctl/tavusctl": partial(self._action, step),
        }
        outputs: Body = {}
        try:
            outputs = actions[uses](inputs)
        except _StepFailed:
            if not step.get("continue-on-error"):
                self.job.result = "failure"
        if "id" in step:
            self.steps[step["id"]] = {"outputs": outputs}

    def _checkout(self, inputs: Body) -> Body:
        """Clone as actions/checkout does: only the commit, or all branches; the token is not written to a file."""
        github, work = self.names["github"], self.work
        subprocess.run(["git", "init", "--quiet", work], check=True)
        git_output(work, "remote", "add", "origin", f"{self.forge.url}/{REPOSITORY}")
        depth = () if inputs.get("fetch-depth") == "0" else ("--depth=1",)
        branches = () if depth else ("+refs/heads/*:refs/remotes/origin/*",)
        ref = github["ref"].replace("refs/heads", "refs/remotes/origin").replace("refs/pull", "refs/remotes/pull")
        assert self.token in self.forge.git.readers | self.forge.git.writers, "the job may not read the contents"
        # From the folder: a server would need five more processes.
        source = self.forge.bare.as_uri()
        git_output(work, "fetch", "--quiet", "--no-tags", *depth, source, *branches, f"+{github['sha']}:{ref}")
        git_output(
            work, "checkout", "--quiet", *(("-B", "main") if github["ref"] == "refs/heads/main" else ("--detach",)), ref
        )
        assert inputs["persist-credentials"] == "False"
        return {}

    def _upload(self, inputs: Body) -> Body:
        path = Path(inputs["path"])
        if not path.is_file():
            if not inputs["path"] or inputs["if-no-files-found"] != "ignore":
                raise _StepFailed
            return {}
        name = path.name if inputs.get("archive") == "False" else inputs["name"]
        if inputs.get("overwrite") == "True":  # it looks for the input, even if the artifact is named after its file
            self.forge.artifacts.pop(f"{self.number}/{inputs.get('name', 'artifact')}", None)
        # An artifact of an earlier attempt of the run counts, too.
        if f"{self.number}/{name}" in self.forge.artifacts or self.forge.is_full:
            raise _StepFailed
        folder = self.forge.place / "artifacts" / str(self.number) / name
        folder.mkdir(parents=True, exist_ok=True)
        self.forge.artifacts[f"{self.number}/{name}"] = Path(shutil.copy(path, folder))
        number = len(self.forge.artifacts)
        return {"artifact-url": f"{self.forge.url}/{REPOSITORY}/actions/runs/{self.number}/artifacts/{number}"}

    def _download(self, inputs: Body) -> Body:
        Path(inputs["path"]).mkdir(parents=True)
        shutil.copy(self.forge.artifacts[f"{self.number}/{inputs['name']}"], inputs["path"])
        return {}

    def _action(self, step: Body, given: Body) -> Body:
        """Run the command of a step that uses our action, as action.yml defines it."""
        *_, run = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
        inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
        values = {name: given.get(name, declared.get("default", "")) for name, declared in inputs.items()}
        values["github-token"] = self.token
        names = {"inputs": values}
        for name in ("output", "summary"):
            (self.temp / name).write_text("")
        (self.temp / "event.json").write_text(json.dumps(self.names["github"]["event"]))
        env = {
            **self._variables(),
            **{name: self._filled(text) for name, text in step.get("env", {}).items()},
            **{name: filled(text, names, {}) for name, text in run["env"].items()},
        }
        code_and_log = self._execute(run["run"], env, self.work / values["working-directory"], values["command"])
        self.job.steps.append(Ran(self.key, values["command"], *code_and_log))
        self.job.summary += (self.temp / "summary").read_text()
        if code_and_log[0]:
            self.job.result = "failure"
        lines = (self.temp / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _execute(self, script: str, env: Mapping[str, str], folder: Path, command: str) -> tuple[int, str]:
        """Run a command: in its own process if `apart` or `cancels` is set, otherwise in this one, which is faster."""
        assert script == 'exec "$RUNNER_TEMP/tavusctl/bin/python" -I -m tavusctl github "$TAVUSCTL_COMMAND"'
        if not (self.forge.apart or self.forge.cancels):
            unset = dict.fromkeys(os.environ.keys() - env.keys())
            result = Project(folder, self.forge.account).run("github", command, **{**unset, **env, "NO_COLOR": "1"})
            return result.code, result.out + result.err
        return self._run_in_process(script, env, folder, command)

    def _run_in_process(self, script: str, env: Mapping[str, str], folder: Path, command: str) -> tuple[int, str]:
        arguments = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        log = self.temp / "log"
        with log.open("w") as out:
            process = subprocess.Popen(arguments, env=env, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
            self.forge.processes.append(process)
            deadline = time.monotonic() + SECONDS
            while process.poll() is None:
                time.sleep(0.05)
                if self.forge.cancels and self.forge.cancels(command):
                    process.send_signal(signal.SIGINT)
                    break
                if time.monotonic() > deadline:
                    process.kill()
                    raise AssertionError(log.read_text())
            return process.wait(30), log.read_text()

    def _variables(self) -> dict[str, str]:
        github = self.names["github"]
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "CI": "true",
            "TAVUS_BASE_URL": self.forge.account.url,
            "TAVUSCTL_SETTLE": "0.2",
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": github["actor"],
            "GITHUB_API_URL": self.forge.hub.url,
            "GITHUB_BASE_REF": github["base_ref"],
            "GITHUB_EVENT_NAME": github["event_name"],
            "GITHUB_EVENT_PATH": str(self.temp / "event.json"),
            "GITHUB_OUTPUT": str(self.temp / "output"),
            "GITHUB_REF": github["ref"],
            "GITHUB_REF_NAME": github["ref"].partition("refs/heads/")[2] or github["ref"].removeprefix("refs/pull/"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ATTEMPT": str(github["attempt"]),
            "GITHUB_RUN_ID": str(self.number),
            "GITHUB_SERVER_URL": self.forge.url,
            "GITHUB_SHA": github["sha"],
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
            "GITHUB_WORKSPACE": str(self.work),
            **self.forge.variables,
        }


def functions(*, failed: bool) -> dict[str, Callable[..., Any]]:
    """The functions of expressions."""
    return {
        "success": lambda: not failed,
        "failure": lambda: failed,
        "always": lambda: True,
        "cancelled": lambda: False,
        "toJSON": lambda given: json.dumps(given, ensure_ascii=False),
        "format": lambda text, *given: text.replace("{0}", str(given[0])),
    }


def git_output(folder: Path, *words: str) -> str:
    """The standard output of a git command in a folder; exit code 1 (nothing found) is accepted."""
    variables = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", *words]
    completed = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert completed.returncode in (0, 1), completed.stderr
    return completed.stdout


@contextlib.contextmanager
def forge(place: Path, account: Account) -> Iterator[Forge]:
    """A `Forge` with an empty repository."""
    bare = place / "served" / REPOSITORY
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare], check=True)
    git_output(bare, "config", "http.receivepack", "true")
    git_output(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    git_output(bare, "config", "receive.autogc", "false")  # no garbage collection after a push, as on a forge
    with git_server(place / "served", PUSH_TOKENS["ann"]) as (url, server), hub() as github:
        server.writers |= set(PUSH_TOKENS.values())
        made = Forge(place, url, server, github, account, {"TAVUS_API_KEY": account.key})
        github.tip = made.tip
        github.history = lambda commit: git_output(made.bare, "rev-list", commit).split()
        yield made
