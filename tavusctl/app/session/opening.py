"""Opening a project for a run; its secrets are registered for redaction before anything is printed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tavusctl.app.session import cache, env_file, pull_request_trust
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.progress import Progress
from tavusctl.config import files, manifest_files
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.config.project_file import discovery
from tavusctl.core.diagnostics import Diagnostic, errors_in
from tavusctl.core.errors import TavusctlError
from tavusctl.core.project_settings import FILE, Project
from tavusctl.lib.command_line import option_values
from tavusctl.secrets import redaction
from tavusctl.secrets.escape import flat

_SHOWN: Final = 5  # files in one message


def open_session(
    environment: str | None, progress: Progress, start: Path | None = None, *, caches: bool = False
) -> LocalSession:
    """A session of one environment of the project around `start`, by default the working folder."""
    return _session_of(load_project(start, caches=caches), environment, progress, start, caches=caches)


def open_sessions(environment: str | None, progress: Progress, *, caches: bool) -> list[LocalSession]:
    """The session of the chosen environment; if none is chosen, a session of each environment."""
    loaded = load_project(caches=caches)
    names: list[str | None] = [] if environment else [*loaded[0].environments]
    return [_session_of(loaded, one, progress, caches=caches) for one in names or [environment]]


def _session_of(
    loaded: tuple[Project, tuple[Diagnostic, ...]],
    environment: str | None,
    progress: Progress,
    start: Path | None = None,
    *,
    caches: bool,
) -> LocalSession:
    """A session of one environment of a project that is loaded, with the diagnostics of its file."""
    declared, diagnostics = loaded
    chosen = discovery.choose_environment(declared, environment, diagnostics)
    granted = pull_request_trust.grant_for(Path(declared.root), chosen) if start is None else None
    project = granted.limit_project(declared) if granted else declared
    chosen = project.environments.get(chosen.name, chosen)
    withheld = tuple(granted.remarks(declared, chosen)) if granted else ()
    unopened = chosen.state != declared.environments.get(chosen.name, chosen).state
    remarks = env_file.remarks(declared)
    all_diagnostics = (*diagnostics, *remarks.urgent)
    variables = env_file.read(declared)
    session_cache = cache.of_environment(project, chosen) if caches and not granted else None
    key_file_variable = env_file.KEY_FILE if variables.uses_key_file(chosen.api_key_env) else ""
    return LocalSession(
        project,
        replace(chosen, key_file_variable=key_file_variable),
        progress,
        all_diagnostics,
        granted,
        withheld,
        unopened,
        variables,
        remarks.others,
        session_cache,
    )


def check_project_file(session: LocalSession) -> LocalSession:
    """The session itself; ConfigError with all diagnostics if the project file has an error."""
    if errors_in(session.project_diagnostics):
        from tavusctl.app.session.manifests import load  # noqa: PLC0415 - most have no error, and should start fast

        load(session)
    return session


def load_project(start: Path | None = None, *, caches: bool = False) -> tuple[Project, tuple[Diagnostic, ...]]:
    """The project around a folder and the diagnostics of its file, after its secrets were registered for redaction.

    If there are diagnostics, the file is read again: a message made before that may quote a part of a secret, which
    redaction could not find.
    """
    project_cache = cache.ProjectCache()
    project, diagnostics = discovery.find_project(start, project_cache.read if caches else discovery.read)
    names = _secret_variables(pull_request_trust.restricted_project(project))
    variables = env_file.read(project, names)
    for name in names:
        for value in variables.all_values(name):
            redaction.register(value, name)
    if os.environ.get(env_file.KEY_FILE):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            redaction.register(env_file.read_key_file().strip(), env_file.KEY_FILE)
    project_cache.save()
    return discovery.find_project(start) if diagnostics else (project, diagnostics)


def _secret_variables(project: Project) -> set[str]:
    """The variables that hold secrets; of a damaged project file, every variable whose name occurs in it."""
    key_names = {one.api_key_env for one in project.environments.values()}
    names = env_file.key_variables(project) | {f"{one}_OLD" for one in key_names}
    if project.doubtful.isdisjoint(("secrets", "environments")):
        return names
    with contextlib.suppress(OSError, ValueError):
        text = files.read_bytes(Path(project.root, FILE), Path(project.root), MAX_YAML_BYTES)
        existing = os.environ.keys() | env_file.names_in(project)
        names |= set(re.findall(r"[A-Za-z_]\w*", text.decode("utf-8", "replace"))) & existing
    return names


def register_secrets(args: Sequence[str]) -> None:
    """Register the secrets of a project for redaction before an error of the command line is printed.

    Commands that need no project, and invalid command lines, also print words that the user typed.
    """
    for folder in (None, *map(Path, option_values(args, "--chdir", "-C"))):
        with contextlib.suppress(TavusctlError, OSError, ValueError):
            load_project(folder)


def report_skipped(session: LocalSession, paths: Sequence[Path]) -> None:
    """Report the paths that are not manifests, so that nobody believes they were checked."""
    skipped = [str(one) for one in paths if not one.is_dir() and not manifest_files.is_manifest(session.project, one)]
    if skipped:
        more = f" and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else ""
        session.say(f"skipped, not a manifest: {', '.join(map(flat, skipped[:_SHOWN]))}{more}")
