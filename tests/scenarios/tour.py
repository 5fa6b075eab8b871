"""Every command in every format, on a project that has canaries wherever a person can put one.

`Tour.views` is what was shown and `Tour.records` what was kept; `told` and `held` say what of it gives a canary away.
A command that has no row here, or a format that was not run, is in `Tour.missing`.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from tavusctl.cli import cli, run
from tests.scenarios.canaries import ANYWHERE, CORES, TYPED, canaries, found_in, keys, name_of
from tests.scenarios.hub import Hub
from tests.scenarios.project import Account, Body, Project, environment_of

KEY, OLD, SHARED, TOKEN, *SECRET, FRESH = keys(21)  # the last is in no variable
KNOWN: Final = canaries(27)
NAME: Final = name_of()  # of objects and environments
MASK: Final = "(sensitive)"
WORD: Final = f"k{ANYWHERE}{ANYWHERE}90"  # where the API takes letters and digits alone
PLACES: Final[dict[str, str]] = {"name of an objective": WORD}  # what a place is called, and its canary
TYPED_PLACES: Final = (
    *("key of a model", "header of a model", "another header", "key of a voice", "key written in the portal"),
    *("token of a tool", "password of a tool", "key of a tool", "signature of a tool", "client secret of a tool"),
    *("header of a tool", "password of a deployment", "query of a guardrail's callback"),
    *(
        "header written in the portal",
        "key that is new in the portal",
        "API key",
        "API key before it",
        "key of fingerprints",
        "token of GitHub",
    ),
)

Word = Callable[[str], str]
# Signs that cannot stand in some places: of names of files, within expressions, in percent.
_WITHOUT: Final = {
    "name of a prompt file": "/{}$",
    "name of a manifest": "/$",
    "name of a folder": "/$",
    "query of an address": "$",
}

# Values that manifests may read: those that are keys alone, and those that stand in other texts, too.
VARIABLES: Final = {
    **{f"TYPED_{number}": one for number, one in enumerate(SECRET)},
    **{f"KNOWN_{number}": one for number, one in enumerate([*KNOWN, NAME, WORD])},
}
ENVIRONMENT: Final = {
    **VARIABLES,
    "TAVUS_API_KEY_OLD": OLD,
    "TAVUSCTL_FINGERPRINT_KEY": SHARED,
    "TAVUSCTL_SETTLE": "0.05",
    "TAVUSCTL_MAX_WAIT": "0",
    "TAVUSCTL_ENV": NAME,
}


def at(place: str, without: str = "") -> str:
    """The canary of a place; one that does not have some signs, which cannot stand there."""
    turned = [KNOWN[(len(PLACES) + step) % len(KNOWN)] for step in range(len(KNOWN))]
    return PLACES.setdefault(place, next(one for one in turned if not set(one) & set(without)))


def file_name(place: str) -> str:
    """The canary of a place as the name of a file."""
    return at(place, "/")


def said(place: str) -> str:
    """The canary of a place as a manifest says it: what looks like an expression is none."""
    return at(place, _WITHOUT.get(place, "")).replace("${", "$${")


def ordinary(place: str) -> str:
    """Something that is no secret in place of a canary."""
    return place.replace(" ", "_")


def persona(word: Word) -> Body:
    """One with a canary in every text that it takes."""
    return {
        "persona_name": f"Named {word('name of a persona')}",
        "system_prompt": f"${{file:prompts/{word('name of a prompt file')}.md}}",
        "context": f"Between {word('context')} and here.",
        "guardrails_id": "${ref:guardrails/g}",
        "objectives_id": "${ref:objectives/o}",
        "document_ids": ["${ref:document/d}"],
        "layers": {
            "llm": {
                "model": "${var:model}",
                "base_url": "https://llm.example.com/v1",
                "api_key": "${secret:TYPED_0}",
                "headers": {"Authorization": "Bearer ${secret:TYPED_1}", "x-other": "${secret:TYPED_2}"},
                "extra_body": {"note": word("free object"), word("key of a free object"): "x"},
                "default_query": {"q": word("default query")},
                "tools": [
                    {"type": "function", "function": {"name": "book", "description": word("description of a tool")}}
                ],
            },
            "tts": {"tts_engine": "cartesia", "api_key": "${secret:TYPED_3}", "external_voice_id": word("voice")},
            "stt": {"hotwords": word("hot words")},
        },
    }


# How a tool proves to its service that it is Tavus that calls, in each of the ways.
AUTHS: Final[tuple[Body, ...]] = (
    {"type": "bearer", "token": "${secret:TYPED_4}"},
    {"type": "basic", "username": "tavus", "password": "${secret:TYPED_5}"},
    {"type": "api_key", "name": "X-Key", "value": "${secret:TYPED_6}", "location": "header"},
    {"type": "hmac", "secret": "${secret:TYPED_7}"},
    {
        "type": "oauth2_client_credentials",
        "token_url": "https://login.example.com/token",
        "client_id": "tavus",
        "client_secret": "${secret:TYPED_8}",
    },
)


def callers(word: Word) -> Mapping[str, Body]:
    """Manifests of what calls other services, or is called: tools, a guardrail and a deployment."""
    made: dict[str, Body] = {}
    for auth in AUTHS:
        api = {"url": "https://hooks.example.com/book", "headers": {"X-Trace": "${secret:TYPED_9}"}, "auth": auth}
        name = f"book_{auth['type']}"
        spec = {"name": name, "description": word("description of a tool of the account"), "delivery": {"api": api}}
        made[f"{name}.yaml"] = {"kind": "tool", "name": name.replace("_", "-"), "spec": spec}
    site = {"name": "Site", "persona_id": "${ref:persona/p}", "channel": "widget", "password": "${secret:TYPED_10}"}
    made["deployment.yaml"] = {"kind": "deployment", "name": "site", "spec": site}
    callback = "https://hooks.example.com/broken?token=${secret:TYPED_11}"
    rule = {"guardrail_name": "Calm", "guardrail_prompt": word("single guardrail"), "callback_url": callback}
    made["rule.yaml"] = {"kind": "guardrail", "name": "calm", "spec": rule}
    return made


def manifests(word: Word) -> Mapping[str, Body]:
    """The manifests by file; some files are called by a canary, too."""
    return {
        **callers(word),
        "persona.yaml": {"kind": "persona", "name": "p", "spec": persona(word)},
        f"{word('name of a manifest')}.yaml": {
            "kind": "guardrails",
            "name": "g",
            "spec": {
                "name": f"Rules {word('name of guardrails')}",
                "data": [{"guardrail_name": "calm", "guardrail_prompt": word("guardrail")}],
            },
        },
        f"{word('name of a folder')}/objectives.yaml": {
            "kind": "objectives",
            "name": "o",
            "spec": {
                "name": "Aims",
                "data": [
                    {
                        "objective_name": f"greet_{word('name of an objective')}",
                        "objective_prompt": word("objective"),
                    }
                ],
            },
        },
        "document.yaml": {
            "kind": "document",
            "name": "d",
            "spec": {
                "document_name": f"Prices {word('name of a document')}",
                "document_url": f"https://example.com/prices?note={quote(word('query of an address'), safe='')}",
                "tags": [word("tag")],
                "crawl": {"depth": 1, "max_pages": 2},
            },
            "recrawl": {"every": "24h"},
        },
        "named.yaml": {
            "kind": "guardrails",
            "name": NAME,
            "spec": {"name": "Of a name", "data": [{"guardrail_name": "x", "guardrail_prompt": "X."}]},
        },
    }


@dataclass
class Tour:
    """A project with canaries, and all that its commands have shown and kept."""

    project: Project
    runner: Path  # the folder of a workflow's step
    hub: Hub
    is_loud: bool = True
    views: list[tuple[str, str]] = field(default_factory=list)  # what was shown, and by what
    records: list[tuple[str, str]] = field(default_factory=list)
    done: set[tuple[str, str]] = field(default_factory=set)  # commands and formats that were run
    codes: dict[str, set[int]] = field(default_factory=dict)
    stored: list[Body] = field(default_factory=list)  # what the account had, deleted objects too
    said: str = ""  # by the last command, on stdout

    def run(self, *args: str, record: bool = False, **environment: str | None) -> int:
        """Run a command; what it prints is a view, or with `record` what it prints on stdout is a record."""
        with _logged():
            ended = self.project.run(*args, **{**ENVIRONMENT, **environment})
        words = " ".join(args)
        self.views.append((f"{words}: stderr", ended.err))
        # A command that fails says so, to people.
        (self.records if record and ended.code == 0 else self.views).append((f"{words}: stdout", ended.out))
        path, rest = command_of(args)
        self.done.add((path, format_in(rest)))
        self.codes.setdefault(path, set()).add(ended.code)
        self.said = ended.out
        return ended.code

    def complete(self, *words: str) -> None:
        """Ask what a shell would ask for the last of some words; that ends the process."""
        asked = {
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
            "_TAVUSCTL_COMPLETE": "bash_complete",
        }
        out = io.StringIO()
        streams = contextlib.redirect_stdout(out), contextlib.chdir(self.project.root)
        with environment_of({**ENVIRONMENT, **asked}), streams[0], streams[1], contextlib.suppress(SystemExit):
            run([])
        self.views.append((f"completion of {' '.join(words)}", out.getvalue()))

    def in_each_format(self, *args: str, **how: Any) -> set[int]:
        """Run a command once in every format that it has, a quiet tour in JSON alone; how it ended."""
        path, _ = command_of(args)
        formats = [one for one in formats_of(COMMANDS[path]) if self.is_loud or one == "json"]
        return {self.run(*args, "--format", one, **how) for one in formats}

    def with_reports(self, *args: str) -> int:
        """Run a command with every report in a file of its own."""
        path, _ = command_of(args)
        names = formats_of(COMMANDS[path])
        code = self.run(*args, *(f"--report={one}={self.runner / one}" for one in names))
        for name in names:
            file = self.runner / name
            if file.exists():
                self.views.append((f"{' '.join(args)} --report {name}", file.read_text()))
                file.unlink()
        return code

    def apply_each(self, edit: Callable[[int], object]) -> None:
        """Apply in every format, each time with something to do."""
        for number, one in enumerate(formats_of(COMMANDS["apply"])):
            edit(number)
            self.run("apply", "--yes", "--format", one)

    def write(self, name: str, document: Body) -> None:
        """Write a manifest."""
        path = self.project.root / "manifests" / name
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")

    def read(self, name: str) -> Body:
        """Read a manifest."""
        document: Body = json.loads((self.project.root / "manifests" / name).read_text("utf-8"))
        return document

    def manifest(self, name: str, **fields: Any) -> None:
        """Change fields of a manifest."""
        document = self.read(name)
        self.write(name, {**document, "spec": {**document["spec"], **fields}})

    @property
    def resources(self) -> Body:
        """What the state has, by address."""
        (state,) = (self.project.root / ".tavusctl").glob("*.json")
        found: Body = json.loads(state.read_text())["resources"]
        return found

    def bound(self, address: str) -> str:
        """The id that the state has for an address."""
        return str(self.resources[address]["remote_id"])

    @property
    def runs(self) -> list[str]:
        """The runs that are kept, the newest first."""
        ended = self.project.run("undo", "--format", "json", **ENVIRONMENT)
        return [one["run"] for one in json.loads(ended.out)["runs"]]

    def step(self, *args: str, event: Body | None = None) -> int:
        """Run a step of a GitHub workflow; all that it tells GitHub and the runner is a view."""
        for name, text in (("output", ""), ("summary", ""), ("event", json.dumps(event or self.event))):
            (self.runner / name).write_text(text)
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/agents",
            "GITHUB_API_URL": self.hub.url,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(self.runner / "event"),
            "GITHUB_OUTPUT": str(self.runner / "output"),
            "GITHUB_STEP_SUMMARY": str(self.runner / "summary"),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "77",
            "GITHUB_REF_NAME": "main",
            "GITHUB_BASE_REF": "main",  # which names the same secrets: they are known, so they have to be hidden
            "GITHUB_WORKSPACE": str(self.project.root.parent),
            "RUNNER_TEMP": str(self.runner),
        }
        git(self.project, "update-ref", "refs/remotes/origin/main", "HEAD")
        code = self.run("github", *args, record=False, **variables)
        self.done.add((f"github {next(one for one in args if not one.startswith('-'))}", ""))
        words = f"github {' '.join(args)}"
        self.views += [(f"{words}: {name}", (self.runner / name).read_text()) for name in ("output", "summary")]
        self.views.append((f"{words}: GitHub", json.dumps([self.hub.comments, self.hub.issues, self.hub.pulls])))
        return code

    @property
    def event(self) -> Body:
        """A pull request whose title and branch have a canary in them."""
        head = {"ref": at("name of a branch"), "repo": {"full_name": "acme/agents"}}
        return {"pull_request": {"number": 7, "title": at("title of a pull request"), "head": head}}

    @property
    def missing(self) -> list[tuple[str, str]]:
        """Commands and formats that exist and were not run."""
        every = {(path, one) for path, command in COMMANDS.items() for one in formats_of(command) or [""]}
        return sorted(every - self.done)

    def record(self, folder: str) -> None:
        """Note every file of a folder of the project, with its name, as a record."""
        for path in sorted((self.project.root / folder).rglob("*")):
            if path.is_file() and "schema" not in path.name:
                self.records.append((str(path), path.read_bytes().decode("utf-8", "replace")))

    def keep(self) -> None:
        """Note every file beside the manifests as a record."""
        self.record(".tavusctl")
        self.record("kept")
        for path in sorted(one for one in self.runner.rglob("*") if one.is_file() and one.name != "event"):
            self.views.append((f"left for later steps: {path.name}", path.read_text()))

    def record_files(self) -> None:
        """Note what stands in the files of git as records: of a quiet tour, with no key in them."""
        names = git(self.project, "ls-files", "-z").split("\0") if not self.is_loud else []
        self.records += [(f"git: {one}", (self.project.root / one).read_text("utf-8")) for one in names if one]

    @property
    def told(self) -> list[str]:
        """Canaries that were shown."""
        texts = {text: what for what, text in self.views}
        known = CORES if self.is_loud else (TYPED,)
        return [f"{what}: {hit}" for text, what in texts.items() for hit in found_in(text, known)]

    @property
    def held(self) -> list[str]:
        """Canaries in records, and masks in place of them; a name is a name."""
        found = []
        for what, text in self.records:
            found += [f"{what}: {hit}" for hit in found_in(text, (TYPED, ANYWHERE))]
            # A patch of a plan is shown to people, with a mask for each value that is sent and not told.
            masked = text if "plan" not in Path(what).name else re.sub(rf'"value": "{re.escape(MASK)}"', "", text)
            found += [f"{what}: {MASK}"] if MASK in masked else []
        return found


class _Log(logging.Handler):
    """What is logged, on the standard error of the run; where tests are run, nothing else would bring it there."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        sys.stderr.write(self.format(record) + "\n")


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    log, handler = logging.getLogger("tavusctl"), _Log()
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def command_of(args: tuple[str, ...]) -> tuple[str, list[str]]:
    """The command at the head of a command line, and what follows."""
    rest = list(args)
    path = rest.pop(0)
    while rest and f"{path} {rest[0]}" in COMMANDS:
        path = f"{path} {rest.pop(0)}"
    return path, rest


def format_in(args: list[str]) -> str:
    """The format that a command line asks for; empty for the one it has anyway."""
    return args[args.index("--format") + 1] if "--format" in args else ""


def formats_of(command: click.Command) -> list[str]:
    """The formats that a command has; none where it has one alone."""
    for one in command.params:
        if "--format" in one.opts and isinstance(one.type, click.Choice):
            return [str(choice) for choice in one.type.choices]
    return []


def _commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{before}{name} ")
        elif name == "github":
            yield f"{before}{name}", command
            (inner,) = (one for one in command.params if one.name == "name")
            assert isinstance(inner.type, click.Choice)
            yield from ((f"{before}{name} {one}", click.Command(str(one))) for one in inner.type.choices)
        else:
            yield f"{before}{name}", command


COMMANDS: Final[Mapping[str, click.Command]] = dict(_commands(cli))


def begin(root: Path, url: str, hub: Hub, *, is_loud: bool = True) -> Tour:
    """The project in a repository of its own, with nothing applied yet; `is_loud` has canaries in texts, too."""
    project, word = Project(root / "work", Account(url, KEY)), said if is_loud else ordinary
    for name in ("work/kept", "runner"):
        (root / name).mkdir(parents=True)
    secrets = [name for name in VARIABLES if is_loud or name.startswith("TYPED")]
    environments = {
        NAME: {"account": NAME, "vars": {"model": word("variable")}},
        "other": {"account": "other", "vars": {"model": "gpt-4o"}},
    }
    outputs = {"PERSONA": "persona/p", "PLAIN": {"value": "plain"}}
    settings = {"version": 1, "secrets": secrets, "environments": environments, "outputs": outputs}
    project.write("tavusctl.yaml", json.dumps(settings, ensure_ascii=False, indent=1))
    files = {name: json.dumps(one, indent=1, ensure_ascii=False) for name, one in manifests(word).items()}
    files["document.yaml"] = f"# {word('comment of a manifest')}\n{files['document.yaml']}"
    files[f"prompts/{word('name of a prompt file')}.md"] = f"You keep secrets.\nOne is {word('prompt')}.\nGood bye.\n"
    for name, text in files.items():
        path = project.root / "manifests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    project.write(".gitignore", ".tavusctl/\nkept/\n")
    git(project, "init", "-qb", "main")
    commit(project, "A beginning")
    return Tour(project, root / "runner", hub, is_loud)


def git(project: Project, *args: str) -> str:
    names = {
        "GIT_AUTHOR_NAME": f"Ada {at('author of a commit', '<>')}",
        "GIT_COMMITTER_NAME": "C",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_EMAIL": "c@example.com",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    done = subprocess.run(
        ["git", *args], cwd=project.root, env={**os.environ, **names}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(project: Project, subject: str) -> None:
    git(project, "add", "--all")
    git(project, "commit", "-qm", f"{subject} {at('subject of a commit')}")
