"""Check the project: its file, `.env` and the state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tavusctl.app.doctor.finding import Finding, failed, ok, warning
from tavusctl.app.session import env_file, keyring
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.online import Session
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import ConfigError
from tavusctl.core.messages import counted, listed, shown
from tavusctl.core.project_settings import FILE, Project
from tavusctl.engine.safety import account_guard
from tavusctl.state.journal import read_current_state
from tavusctl.state.seals import open_state


def project(settings: Project, diagnostics: tuple[Diagnostic, ...]) -> Iterator[Finding]:
    """The project file around this folder."""
    path = Path(settings.root, FILE)
    errors = [one for one in diagnostics if one.severity is Severity.ERROR]
    if errors:
        yield failed("project", ConfigError(errors))
    elif path.is_file():
        noun = "environment" if len(settings.environments) == 1 else "environments"
        yield ok("project", f"{path}, with the {noun} {listed(settings.environments)}")
    else:
        hint = "run `tavusctl init`, or change to the folder of the project with `-C`"
        yield warning("project", f"no {FILE} here or above; the defaults are used", hint)


def variables(session: LocalSession) -> Iterator[Finding]:
    """Whether `.env`, the file with keys and secrets, is read without problems."""
    remarks = (*(one for one in session.project_diagnostics if one.id in env_file.IDS), *session.env_file_warnings)
    for one in remarks:
        yield warning("env-file", f"{one.source}: {one.message}", one.hint)
    if not remarks and (session.root / env_file.NAME).is_file():
        yield ok("env-file", f"{session.root / env_file.NAME} is read")


def state(session: Session) -> Iterator[Finding]:
    """Where the state is, whether it can be read and its seal is valid, and who holds its lock."""
    environment = session.environment
    if not environment.state and "environments" in session.project.doubtful:
        yield warning("state", f"not checked: {FILE} does not say where it is", f"correct `environments` in {FILE}")
        return
    store = session.store()
    holder = store.holder()
    current = read_current_state(store)
    location = shown(environment.state) if environment.state else "a file of the project"
    objects = counted(len(current.bindings), "object")
    content = f"serial {current.serial}, {objects}" if current.serial else "nothing in it yet"
    keys = keyring.available_keys(session)
    account_guard.check(current, environment, keys.api_key)
    open_state(store, keys)
    yield ok("state", f"{location}: {content}")
    if current.bindings and not current.account and environment.account:
        yield ok("state", f"it will be bound to the account {environment.account}")
    if store.journal():
        yield warning(
            "state", "a run was interrupted, or is under way", "the next `tavusctl apply` finishes its records"
        )
    for remark in session.local_state_remark:
        yield warning("state", remark.message, remark.hint)
    if holder:
        hint = "wait for that run to end; `tavusctl state unlock` releases the lock of a dead one"
        yield warning("lock", f"held by {holder}", hint)
    else:
        yield ok("lock", "free")
