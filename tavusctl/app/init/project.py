"""Start a project: nothing that exists is overwritten, and an account is only read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.api import DEFAULT_URL
from tavusctl.app.export.prepare import Selection, Target
from tavusctl.app.export.prepare import prepare as prepare_export
from tavusctl.app.export.write import ExportResult, write
from tavusctl.app.files import file_writer
from tavusctl.app.files.file_writer import new_files
from tavusctl.app.init.examples import (
    ASSISTANTS,
    DEMO,
    EXAMPLES,
    EXTENSIONS,
    IGNORED,
    PROJECT,
    STATE_IN_FILE,
    STATE_IN_GIT,
)
from tavusctl.app.init.schemas import schema_files
from tavusctl.app.session.base_url import check_base_url
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import Progress, reading
from tavusctl.config import yaml12
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.config.project_file import discovery
from tavusctl.core.diagnostics import errors_in
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import counted
from tavusctl.core.project_settings import FILE, Project
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.kinds import KINDS
from tavusctl.lib.command_line import with_folder
from tavusctl.lib.private_files import read_regular
from tavusctl.secrets.redaction import Record
from tavusctl.state.git.urls import ref_of, suits_git

# Possible names of the manifests folder, in the order in which they are tried.
NAMES: Final = ("manifests", "tavus", "tavusctl")
_SCHEMAS: Final = "schemas/"

Say = Callable[[str], None]


class Account(Struct, frozen=True):
    """The account that a project is started from."""

    base_url: str | None
    progress: Progress
    report: Callable[[Session, ExportResult], None]


def start(folder: Path, account: Account | None, say: Say, *, demo: bool = False) -> None:
    """Start a project with the objects of an account or, without one, with examples; a demo uses an emulator."""
    around = check_around(folder)
    name, stranger = manifests_folder(folder)
    if account:
        _start_from_account(folder, account, name, say)
    else:
        examples = {f"{name}{path.removeprefix('manifests')}": text for path, text in EXAMPLES.items()}
        _scaffold(folder, {**examples, **_files(folder, name, demo=demo)}, say)
    if ignored := _ignored(folder, FILE, name):
        files = f"`{ignored[0]}`" + (f" and {counted(len(ignored) - 1, 'other file')}" if ignored[1:] else "")
        say(f"warning: git ignores {files} of this project: change the line of .gitignore that hides them")
    if stranger:
        reason = "is not a folder" if stranger == str(folder / NAMES[0]) else "belongs to another program"
        say(f"the manifests folder is {name}/, because `{stranger}` {reason}")
    if around:
        say(f"another project in {around} contains this one; commands in this folder use this one")
    inside = "" if folder.resolve() == Path.cwd() else f"change to the folder {folder}, "
    if account and inside:
        say(f"\nthe project is in {folder}: change to that folder before the next command")
    elif not account:
        key = "" if os.environ.get("TAVUS_API_KEY") else "write TAVUS_API_KEY=... into .env or export it, and "
        of_demo = (
            "run `tavusctl plan`, `tavusctl apply` and `tavusctl talk persona/assistant`; no key is needed, and Tavus "
            "is not called"
        )
        steps = inside + (of_demo if demo else f"{key}run `tavusctl plan`")
        say(f"\nnext: {steps if inside else with_folder(steps)}")


def _start_from_account(folder: Path, account: Account, name: str, say: Say) -> None:
    """Start with the objects of an account; nothing is written before they have been read."""
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - symbolic links in the path of the project are kept
    project = replace(Project.default(root), manifests=str(root / name))
    url = check_base_url(account.base_url or DEFAULT_URL)
    environment = replace(project.environments["default"], state=_state(folder))
    session = Session(project, environment, account.progress, base_url=url)
    store, target = session.store(), Target(Path(project.manifests), root, Path(project.manifests))
    with session.reader() as api, reading(session.progress, api):
        export = prepare_export(session, Selection(), target, api, store)
    files = {path: text for one in export.rendered for path, text in one.files.items()}
    new_files(target.folder, files, "for the project: `tavusctl init FOLDER --from-account`")
    _scaffold(folder, _files(folder, name), say)
    with store.lock(command="init"):
        new = write(session, export, target, store)
    account.report(session, ExportResult(export, target, new))


def _scaffold(folder: Path, files: Mapping[str, str], say: Say) -> None:
    """Write the files that are missing, after a check that each of them can be written."""
    for name in files:
        _check_place(folder, folder / name)
    ignore_file = folder / ".gitignore"
    file_writer.real_path(ignore_file, folder)
    ignore_text = _gitignore_text(ignore_file)
    schema_count = 0
    for name, content in files.items():
        path = folder / name
        if path.exists():
            say(f"kept    {path}")
            continue
        file_writer.make_folder(path.parent)
        file_writer.write(path, Record(content), root=folder, rights=file_writer.PUBLIC)
        if name.startswith(_SCHEMAS):
            schema_count += 1
        else:
            say(f"wrote   {path}")
    if schema_count:
        say(f"wrote   {counted(schema_count, 'schema')} for the editor into {folder / _SCHEMAS}")
    _ignore_local(ignore_file, ignore_text, say)


def _check_place(folder: Path, path: Path) -> None:
    """UsageError if a new file cannot be written because of what is in its place, or of a link out of the folder."""
    with file_writer.errors_as_usage("read", path):
        if path.exists():
            return
    file_writer.real_path(path, folder)
    for parent in path.parents:
        if parent.is_relative_to(folder) and os.path.lexists(parent) and not parent.is_dir():
            message = f"cannot create the folder `{parent}`: File exists; nothing was written"
            raise UsageError(message, f"move or rename `{parent}`")


def _files(folder: Path, name: str, *, demo: bool = False) -> Mapping[str, str]:
    schemas = {f"{_SCHEMAS}{file}": text for file, text in schema_files().items()}
    text = PROJECT.replace("manifests: manifests", f"manifests: {name}")
    return {
        FILE: text
        + (DEMO if demo else STATE_IN_GIT.format(ref=ref_of(folder, "default")) if _state(folder) else STATE_IN_FILE),
        "AGENTS.md": ASSISTANTS.format(manifests=name),
        ".vscode/extensions.json": EXTENSIONS,
        **schemas,
    }


def _ignored(folder: Path, *names: str) -> list[str]:
    """The files with these names, or in folders with them, that git ignores; none outside of a repository."""
    options = ("--others", "--ignored", "--exclude-standard", "-z", "--", *names)
    with contextlib.suppress(GitError):
        return sorted(Git(folder, 10.0).nul_separated("ls-files", *options))
    return []


def _state(folder: Path) -> str:
    """The `state:` of a new project: `git` in a git repository, else empty (a file)."""
    return "git" if suits_git(folder) else ""


def _gitignore_text(path: Path) -> str:
    """The text of `.gitignore`; empty without the file."""
    with file_writer.errors_as_usage("read", path):
        return read_regular(path).decode("utf-8", "surrogateescape") if path.exists() else ""


def _ignore_local(path: Path, before: str, say: Say) -> None:
    """Add `.tavusctl/`, whose state has ids and prompts, and `.env`, which has keys, to the text of `.gitignore`."""
    new = [name for name in IGNORED if name not in before.splitlines()]
    if new:
        newline = "\r\n" if "\r\n" in before else "\n"
        separator = "" if not before or before.endswith("\n") else newline
        text = Record(f"{before}{separator}" + "".join(f"{name}{newline}" for name in new))
        file_writer.write(path, text, root=path.parent, rights=file_writer.PUBLIC, keep_rights=True)
        say(f"added   {' and '.join(new)} to {path}")


def manifests_folder(folder: Path) -> tuple[str, str]:
    """The name for the manifests folder, and the file of another program because of which it is not the usual one.

    UsageError if every possible folder has YAML files of other programs.
    """
    foreign_files = {name: _first_foreign_file(folder / name) for name in NAMES}
    name = next((one for one in NAMES if not foreign_files[one]), "")
    if not name:
        message = f"each of the folders {', '.join(NAMES)} has YAML files of other programs, or is not a folder"
        hint = f"create {FILE} with `manifests: FOLDER`, and start in that folder"
        raise UsageError(message, hint, id="E1212")
    return name, foreign_files[NAMES[0]] if name != NAMES[0] else ""


def check_around(folder: Path) -> str:
    """The root of the project around a folder, or empty; UsageError if the folder is inside its manifests folder."""
    project, _ = discovery.find_project(folder)
    root, here = Path(project.root), Path(os.path.realpath(folder))
    if not (root / FILE).is_file() or Path(os.path.realpath(root)) == here:
        return ""
    if here.is_relative_to(os.path.realpath(project.manifests)):
        message = f"this folder is inside the manifests folder of the project in {root}"
        raise UsageError(message, "use a folder outside the manifests folder", id="E1212")
    return str(root)


def _first_foreign_file(folder: Path) -> str:
    """The first YAML file below a folder that is not a manifest, or what is in place of the folder; else empty."""
    if os.path.lexists(folder) and not folder.is_dir():
        return str(folder)
    return next((str(path) for path in _yaml_files(folder) if not _is_manifest(path)), "")


def _yaml_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(parent, name)


def _is_manifest(path: Path) -> bool:
    try:
        parsed = yaml12.read(read_regular(path, MAX_YAML_BYTES), path.name)
    except OSError:
        return False
    if errors_in(parsed.diagnostics):
        return False
    documents = [one.value for one in parsed.documents]
    return all(isinstance(one, dict) and one.get("kind") in KINDS and "apiVersion" not in one for one in documents)
