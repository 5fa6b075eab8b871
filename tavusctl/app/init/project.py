"""Start a project: nothing that exists is overwritten, and an account is only read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.api import DEFAULT_URL
from tavusctl.app.export.prepare import Selection, Target
from tavusctl.app.export.prepare import prepare as prepare_export
from tavusctl.app.export.write import ExportResult, write
from tavusctl.app.files import file_writer
from tavusctl.app.files.new_files import new_files
from tavusctl.app.init import existing_project
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
from tavusctl.app.session.settings import Settings
from tavusctl.core.messages import counted
from tavusctl.core.project_settings import FILE, Project
from tavusctl.secrets.redaction import Record
from tavusctl.state.git.urls import ref_of, suits_git

_SCHEMAS: Final = "schemas/"

Say = Callable[[str], None]


class Account(Struct, frozen=True):
    """The account that a project is started from."""

    base_url: str | None
    progress: Progress
    report: Callable[[Session, ExportResult], None]


def start(folder: Path, account: Account | None, say: Say, *, demo: bool = False) -> None:
    """Start a project with the objects of an account or, without one, with examples; a demo uses an emulator."""
    around = existing_project.check_around(folder)
    name, stranger = existing_project.manifests_folder(folder)
    if account:
        _start_from_account(folder, account, name, say)
    else:
        examples = {f"{name}{path.removeprefix('manifests')}": text for path, text in EXAMPLES.items()}
        _scaffold(folder, {**examples, **_files(folder, name, demo=demo)}, say)
    if stranger:
        say(f"the manifests folder is {name}/, because `{stranger}` belongs to another program")
    if around:
        say(f"another project in {around} contains this one; commands in this folder use this one")
    inside = "" if folder.resolve() == Path.cwd() else f"change to the folder {folder}, "
    if demo:
        say(f"\nnext: {inside}run `tavusctl plan` and `tavusctl apply`; no key is needed, and Tavus is not called")
    elif account and inside:
        say(f"\nthe project is in {folder}: change to that folder first")
    elif not account:
        say(f"\nnext: {inside}write TAVUS_API_KEY=... into .env or export it, and run `tavusctl plan`")


def _start_from_account(folder: Path, account: Account, name: str, say: Say) -> None:
    """Start with the objects of an account; nothing is written before they have been read."""
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - symbolic links in the path of the project are kept
    project = replace(Project.default(root), manifests=str(root / name))
    url = check_base_url(account.base_url or DEFAULT_URL)
    session = Session(
        project, project.environments["default"], account.progress, base_url=url, settings=Settings.from_environ()
    )
    session = replace(session, environment=replace(session.environment, state=_state(folder)))
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
    schema_count = 0
    for name, content in files.items():
        path = folder / name
        with file_writer.reading_errors_as_usage(path):
            is_there = path.exists()
        if is_there:
            say(f"kept    {path}")
            continue
        file_writer.real_path(path, folder)
        file_writer.make_folder(path.parent)
        file_writer.write(path, Record(content), root=folder, rights=file_writer.PUBLIC)
        if name.startswith(_SCHEMAS):
            schema_count += 1
        else:
            say(f"wrote   {path}")
    if schema_count:
        say(f"wrote   {counted(schema_count, 'schema')} for the editor into {folder / _SCHEMAS}")
    _ignore_local(folder / ".gitignore", say)


def _files(folder: Path, name: str, *, demo: bool = False) -> Mapping[str, str]:
    schemas = {f"{_SCHEMAS}{file}": text for file, text in schema_files().items()}
    text = PROJECT.replace("manifests: manifests", f"manifests: {name}")
    return {
        FILE: text + (DEMO if demo else _state_in_git(folder) if _state(folder) else STATE_IN_FILE),
        "AGENTS.md": ASSISTANTS.format(manifests=name),
        ".vscode/extensions.json": EXTENSIONS,
        **schemas,
    }


def _state(folder: Path) -> str:
    """The `state:` of a new project: `git` in a git repository, else empty (a file)."""
    return "git" if suits_git(folder) else ""


def _state_in_git(folder: Path) -> str:
    """The lines of a project file for a state in git, with the name of its ref."""
    return STATE_IN_GIT.format(ref=ref_of(folder, "default"))


def _ignore_local(path: Path, say: Say) -> None:
    """Add `.tavusctl/`, whose state has ids and prompts, and `.env`, which has keys, to `.gitignore`."""
    with file_writer.reading_errors_as_usage(path):
        before = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
    new = [name for name in IGNORED if name not in before.splitlines()]
    if new:
        newline = "\r\n" if "\r\n" in before else "\n"
        separator = "" if not before or before.endswith("\n") else newline
        text = Record(f"{before}{separator}" + "".join(f"{name}{newline}" for name in new))
        file_writer.write(path, text, root=path.parent, rights=file_writer.PUBLIC, keep_rights=True)
        say(f"added   {' and '.join(new)} to {path}")
