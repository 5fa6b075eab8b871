"""The project around a folder, opened for a run; and its secrets, known before anything is said."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tavusctl.app.session import cache, env_file, pull_request_trust
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.progress import Progress
from tavusctl.config import files, manifest_files
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.config.project_file import discovery
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import TavusctlError
from tavusctl.core.project_settings import FILE, Project
from tavusctl.secrets import redaction
from tavusctl.secrets.escape import flat

_SHOWN: Final = 5  # files in one message


def open_session(
    environment: str | None, progress: Progress, start: Path | None = None, *, caches: bool = False
) -> LocalSession:
    """Find the project around a folder, the working folder unless told."""
    named, diagnostics = known_project(start, caches=caches)
    chosen = discovery.chosen(named, environment, diagnostics)
    granted = pull_request_trust.find(Path(named.root), chosen) if start is None else None
    project = granted.bounded(named) if granted else named
    chosen = project.environments.get(chosen.name, chosen)
    withheld = tuple(granted.remarks(named, chosen)) if granted else ()
    unopened = chosen.state != named.environments.get(chosen.name, chosen).state
    remarks = env_file.remarks(named)
    found = (*diagnostics, *remarks.urgent)
    variables = env_file.read(named)
    kept = cache.of_environment(project, chosen) if caches and not granted else None
    return LocalSession(project, chosen, progress, found, granted, withheld, unopened, variables, remarks.others, kept)


def open_sessions(environment: str | None, progress: Progress, *, caches: bool = False) -> list[LocalSession]:
    """A session of the environment that is chosen; where none is, one of each."""
    names: list[str | None] = [] if environment else list(known_project(caches=caches)[0].environments)
    return [open_session(one, progress, caches=caches) for one in names or [environment]]


def checked(session: LocalSession) -> LocalSession:
    """The session itself; ConfigError with all that is wrong when the project file is."""
    if any(one.severity is Severity.ERROR for one in session.found):
        from tavusctl.app.session.manifests import load  # noqa: PLC0415 - most are right, and are to start at once

        load(session)
    return session


def known_project(start: Path | None = None, *, caches: bool = False) -> tuple[Project, tuple[Diagnostic, ...]]:
    """The project around a folder, and what is wrong with its file, once the secrets that it names are known.

    A complaint that was made before may have quoted a part of one: nobody would find that afterwards.
    """
    kept = cache.ProjectCache()
    project, diagnostics = discovery.find_project(start, kept.read if caches else discovery.read)
    names = _secret_variables(pull_request_trust.agreed(project))
    variables = env_file.read(project, names)
    for name in names:
        for value in variables.every(name):
            redaction.remember(value, name)
    if file := os.environ.get(env_file.KEY_FILE):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            redaction.remember(Path(file).read_text(encoding="utf-8").strip(), env_file.KEY_FILE)
    kept.save()
    return discovery.find_project(start) if diagnostics else (project, diagnostics)


def _secret_variables(project: Project) -> set[str]:
    """The variables that hold secrets; where the project file does not tell them, all that stand in it."""
    keys = {one.api_key_env for one in project.environments.values()}
    names = env_file.key_variables(project) | {f"{one}_OLD" for one in keys}
    if project.doubtful.isdisjoint(("secrets", "environments")):
        return names
    with contextlib.suppress(OSError, ValueError):
        text = files.read_bytes(Path(project.root, FILE), Path(project.root), MAX_YAML_BYTES)
        there = os.environ.keys() | env_file.names_in(project)
        names |= set(re.findall(r"[A-Za-z_]\w*", text.decode("utf-8", "replace"))) & there
    return names


def learn(args: Sequence[str]) -> None:
    """Register the secrets of a project for redaction before an error of the command line is printed.

    Commands that need no project, and command lines that are none, repeat words that were typed, too.
    """
    pairs = zip(args, [*args[1:], ""], strict=False)
    named = [value if arg in ("-C", "--chdir") else arg[len("--chdir=") :] for arg, value in pairs if _changes(arg)]
    for folder in (None, *map(Path, named)):
        with contextlib.suppress(TavusctlError, OSError, ValueError):
            known_project(folder)


def _changes(arg: str) -> bool:
    return arg in ("-C", "--chdir") or arg.startswith("--chdir=")


def tell_passed_over(session: LocalSession, paths: Sequence[Path]) -> None:
    """Say which of the files that were named are no manifests, so that nobody takes them for looked at."""
    others = [str(one) for one in paths if not one.is_dir() and not manifest_files.is_manifest(session.project, one)]
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        session.say(f"skipped, not a manifest: {', '.join(map(flat, others[:_SHOWN]))}{more}")
