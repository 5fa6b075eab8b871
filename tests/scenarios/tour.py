"""Runs every command in every format, on a project with canaries wherever a person can put one.

`Tour.views` holds the output and `Tour.records` the stored data; `canaries_in_views` and `canaries_in_records` list
the canaries in them.  `Tour.missing` lists the commands and formats that were not run.
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

KEY, OLD, SHARED, TOKEN, *SECRET, FRESH = keys(21)  # FRESH is in no environment variable
KNOWN: Final = canaries(27)
NAME: Final = name_of()  # the name of objects and environments
MASK: Final = "(sensitive)"
WORD: Final = f"k{ANYWHERE}{ANYWHERE}90"  # for fields that may have only letters and digits
PLACES: Final[dict[str, str]] = {"name of an objective": WORD}  # the canary of each place, by a description of it
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
# Signs that some places do not allow: in names of files, in expressions, in URLs.
_WITHOUT: Final = {
    "name of a prompt file": "/{}$",
    "name of a manifest": "/$",
    "name of a folder": "/$",
    "query of an address": "$",
}

# Variables that manifests may read: `TYPED_...` are whole keys, `KNOWN_...` are also parts of other texts.
VARIABLES: Final = {
    **{f"TYPED_{number}": key for number, key in enumerate(SECRET)},
    **{f"KNOWN_{number}": canary for number, canary in enumerate([*KNOWN, NAME, WORD])},
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
    """The canary of a place; a new one has none of the signs `without`, which the place does not allow."""
    candidates = [KNOWN[(len(PLACES) + step) % len(KNOWN)] for step in range(len(KNOWN))]
    return PLACES.setdefault(place, next(canary for canary in candidates if not set(canary) & set(without)))


def file_name(place: str) -> str:
    """The canary of a place, usable as a file name."""
    return at(place, "/")


def escaped_canary(place: str) -> str:
    """The canary of a place as written in a manifest: `${` is escaped, so that it is not an expression."""
    return at(place, _WITHOUT.get(place, "")).replace("${", "$${")


def ordinary(place: str) -> str:
    """A harmless text in place of a canary."""
    return place.replace(" ", "_")


def persona(word: Word) -> Body:
    """A persona with a canary in every text field."""
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


# One authentication of each type that a tool can use for its service.
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
    """Manifests with credentials for other services: tools, a guardrail and a deployment."""
    documents: dict[str, Body] = {}
    for auth in AUTHS:
        api = {"url": "https://hooks.example.com/book", "headers": {"X-Trace": "${secret:TYPED_9}"}, "auth": auth}
        name = f"book_{auth['type']}"
        spec = {"name": name, "description": word("description of a tool of the account"), "delivery": {"api": api}}
        documents[f"{name}.yaml"] = {"kind": "tool", "name": name.replace("_", "-"), "spec": spec}
    site = {"name": "Site", "persona_id": "${ref:persona/p}", "channel": "widget", "password": "${secret:TYPED_10}"}
    documents["deployment.yaml"] = {"kind": "deployment", "name": "site", "spec": site}
    callback = "https://hooks.example.com/broken?token=${secret:TYPED_11}"
    rule = {"guardrail_name": "Calm", "guardrail_prompt": word("single guardrail"), "callback_url": callback}
    documents["rule.yaml"] = {"kind": "guardrail", "name": "calm", "spec": rule}
    return documents


def manifests(word: Word) -> Mapping[str, Body]:
    """The manifests by file; some file names are canaries, too."""
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
    """A project with canaries, and the output and stored data of its commands."""

    project: Project
    runner: Path  # the folder of the GitHub runner
    hub: Hub
    is_loud: bool = True
    views: list[tuple[str, str]] = field(default_factory=list)  # source and text of everything shown
    records: list[tuple[str, str]] = field(default_factory=list)  # source and text of everything stored
    done: set[tuple[str, str]] = field(default_factory=set)  # commands and formats that were run
    codes: dict[str, set[int]] = field(default_factory=dict)  # exit codes by command
    stored: list[Body] = field(default_factory=list)  # the objects of the account, including deleted ones
    last_output: str = ""  # the standard output of the last command

    def run(self, *args: str, record: bool = False, **environment: str | None) -> int:
        """Run a command; its output is a view, but with `record` its standard output is a record."""
        with _logged():
            result = self.project.run(*args, **{**ENVIRONMENT, **environment})
        words = " ".join(args)
        self.views.append((f"{words}: stderr", result.err))
        # The output of a failed command is for people.
        (self.records if record and result.code == 0 else self.views).append((f"{words}: stdout", result.out))
        path, rest = command_of(args)
        self.done.add((path, format_in(rest)))
        self.codes.setdefault(path, set()).add(result.code)
        self.last_output = result.out
        return result.code

    def complete(self, *words: str) -> None:
        """Run the completion of the last word, as a shell does; its output is a view."""
        variables = {
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
            "_TAVUSCTL_COMPLETE": "bash_complete",
        }
        out = io.StringIO()
        streams = contextlib.redirect_stdout(out), contextlib.chdir(self.project.root)
        with environment_of({**ENVIRONMENT, **variables}), streams[0], streams[1], contextlib.suppress(SystemExit):
            run([])
        self.views.append((f"completion of {' '.join(words)}", out.getvalue()))

    def in_each_format(self, *args: str, **how: Any) -> set[int]:
        """Run a command in each of its formats (a quiet tour: in JSON only); return the exit codes."""
        path, _ = command_of(args)
        formats = [name for name in formats_of(COMMANDS[path]) if self.is_loud or name == "json"]
        return {self.run(*args, "--format", name, **how) for name in formats}

    def with_reports(self, *args: str) -> int:
        """Run a command with a report file of every format; each file is a view."""
        path, _ = command_of(args)
        names = formats_of(COMMANDS[path])
        code = self.run(*args, *(f"--report={format_}={self.runner / format_}" for format_ in names))
        for name in names:
            file = self.runner / name
            if file.exists():
                self.views.append((f"{' '.join(args)} --report {name}", file.read_text()))
                file.unlink()
        return code

    def apply_each(self, edit: Callable[[int], object]) -> None:
        """Apply in every format, after an edit for each."""
        for number, name in enumerate(formats_of(COMMANDS["apply"])):
            edit(number)
            self.run("apply", "--yes", "--format", name)

    def write(self, name: str, document: Body) -> None:
        """Write a manifest."""
        path = self.project.root / "manifests" / name
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")

    def read(self, name: str) -> Body:
        """Read a manifest."""
        document: Body = json.loads((self.project.root / "manifests" / name).read_text("utf-8"))
        return document

    def manifest(self, name: str, **fields: Any) -> None:
        """Change fields of the spec of a manifest."""
        document = self.read(name)
        self.write(name, {**document, "spec": {**document["spec"], **fields}})

    @property
    def resources(self) -> Body:
        """The entries of the state, by address."""
        (state,) = (self.project.root / ".tavusctl").glob("*.json")
        entries: Body = json.loads(state.read_text())["resources"]
        return entries

    def bound(self, address: str) -> str:
        """The id that is bound to an address."""
        return str(self.resources[address]["remote_id"])

    @property
    def runs(self) -> list[str]:
        """The ids of the runs that `undo` lists, the newest first."""
        result = self.project.run("undo", "--format", "json", **ENVIRONMENT)
        return [entry["run"] for entry in json.loads(result.out)["runs"]]

    def step(self, *args: str, event: Body | None = None) -> int:
        """Run a step of a GitHub workflow; everything that it sends to GitHub and to the runner is a view."""
        for name, text in (("output", ""), ("summary", ""), ("event", json.dumps(event or self.event))):
            (self.runner / name).write_text(text)
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/agents",
            "GITHUB_API_URL": self.hub.url,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_EVENT_NAME": "schedule" if "adopt" in args else "pull_request",  # it proposes files for a branch
            "GITHUB_EVENT_PATH": str(self.runner / "event"),
            "GITHUB_OUTPUT": str(self.runner / "output"),
            "GITHUB_STEP_SUMMARY": str(self.runner / "summary"),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "77",
            "GITHUB_REF_NAME": "main",
            "GITHUB_BASE_REF": "main",  # main lists the same secrets, so they are trusted and must be hidden
            "GITHUB_WORKSPACE": str(self.project.root.parent),
            "RUNNER_TEMP": str(self.runner),
        }
        git(self.project, "update-ref", "refs/remotes/origin/main", "HEAD")
        code = self.run("github", *args, record=False, **variables)
        self.done.add((f"github {next(arg for arg in args if not arg.startswith('-'))}", ""))
        words = f"github {' '.join(args)}"
        self.views += [(f"{words}: {name}", (self.runner / name).read_text()) for name in ("output", "summary")]
        self.views.append((f"{words}: GitHub", json.dumps([self.hub.comments, self.hub.issues, self.hub.pulls])))
        return code

    @property
    def event(self) -> Body:
        """The event of a pull request whose title and branch are canaries."""
        head = {"ref": at("name of a branch"), "repo": {"full_name": "acme/agents"}}
        return {"pull_request": {"number": 7, "title": at("title of a pull request"), "head": head}}

    @property
    def missing(self) -> list[tuple[str, str]]:
        """The commands and formats that were not run."""
        existing = {(path, name) for path, command in COMMANDS.items() for name in formats_of(command) or [""]}
        return sorted(existing - self.done)

    def record(self, folder: str) -> None:
        """Add every file in a folder of the project to the records, except JSON Schemas."""
        for path in sorted((self.project.root / folder).rglob("*")):
            if path.is_file() and "schema" not in path.name:
                self.records.append((str(path), path.read_bytes().decode("utf-8", "replace")))

    def keep(self) -> None:
        """Add all stored files except the manifests to the records, and files for later steps to the views."""
        self.record(".tavusctl")
        self.record("kept")
        for path in sorted(file for file in self.runner.rglob("*") if file.is_file() and file.name != "event"):
            self.views.append((f"left for later steps: {path.name}", path.read_text()))

    def record_files(self) -> None:
        """Add the files under version control to the records; only in a quiet tour, whose files have no keys."""
        names = git(self.project, "ls-files", "-z").split("\0") if not self.is_loud else []
        self.records += [(f"git: {name}", (self.project.root / name).read_text("utf-8")) for name in names if name]

    @property
    def canaries_in_views(self) -> list[str]:
        """The canaries in the views; in a quiet tour, only whole keys count."""
        texts = {text: source for source, text in self.views}
        cores = CORES if self.is_loud else (TYPED,)
        return [f"{source}: {hit}" for text, source in texts.items() for hit in found_in(text, cores)]

    @property
    def canaries_in_records(self) -> list[str]:
        """The canaries and the masks in the records; canaries that are names are allowed."""
        hits = []
        for source, text in self.records:
            hits += [f"{source}: {hit}" for hit in found_in(text, (TYPED, ANYWHERE))]
            # The patches in a plan file are for people, and have a mask in place of each secret value.
            masked = text if "plan" not in Path(source).name else re.sub(rf'"value": "{re.escape(MASK)}"', "", text)
            hits += [f"{source}: {MASK}"] if MASK in masked else []
        return hits


class _Log(logging.Handler):
    """Writes log messages to the standard error of a run; under pytest they would not appear there."""

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
    """The command at the beginning of a command line, and the arguments after it."""
    rest = list(args)
    path = rest.pop(0)
    while rest and f"{path} {rest[0]}" in COMMANDS:
        path = f"{path} {rest.pop(0)}"
    return path, rest


def format_in(args: list[str]) -> str:
    """The format that a command line requests; empty for the default."""
    return args[args.index("--format") + 1] if "--format" in args else ""


def formats_of(command: click.Command) -> list[str]:
    """The formats of a command; empty if it has no option `--format`."""
    for param in command.params:
        if "--format" in param.opts and isinstance(param.type, click.Choice):
            return [str(choice) for choice in param.type.choices]
    return []


def _commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")
        elif name == "github":
            yield f"{prefix}{name}", command
            (argument,) = (param for param in command.params if param.name == "name")
            assert isinstance(argument.type, click.Choice)
            yield from ((f"{prefix}{name} {step}", click.Command(str(step))) for step in argument.type.choices)
        else:
            yield f"{prefix}{name}", command


COMMANDS: Final[Mapping[str, click.Command]] = dict(_commands(cli))


def begin(root: Path, url: str, hub: Hub, *, is_loud: bool = True) -> Tour:
    """Create the project in a new git repository, without an apply; with `is_loud`, texts have canaries, too."""
    project, word = Project(root / "work", Account(url, KEY)), escaped_canary if is_loud else ordinary
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
    files = {name: json.dumps(document, indent=1, ensure_ascii=False) for name, document in manifests(word).items()}
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
    completed = subprocess.run(
        ["git", *args], cwd=project.root, env={**os.environ, **names}, check=True, capture_output=True, text=True
    )
    return completed.stdout.strip()


def commit(project: Project, subject: str) -> None:
    git(project, "add", "--all")
    git(project, "commit", "-qm", f"{subject} {at('subject of a commit')}")
