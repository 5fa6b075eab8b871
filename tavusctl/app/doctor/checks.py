"""The checks of `doctor`: versions, git, the project (its file, `.env`, the state), and the connection to the API."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from tavusctl import __version__
from tavusctl.api import DEFAULT_URL, ReadClient
from tavusctl.app.doctor.finding import Finding, failed, ok, warning
from tavusctl.app.init import github
from tavusctl.app.session import env_file, keyring
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.online import Session
from tavusctl.config.project_file.state_scheme import is_git
from tavusctl.core.diagnostics import Diagnostic, errors_in
from tavusctl.core.errors import ConfigError, StateError
from tavusctl.core.messages import counted, listed, shown, site
from tavusctl.core.ports import State
from tavusctl.core.project_settings import FILE, Environment, Project
from tavusctl.engine.account.inventory import entries
from tavusctl.engine.safety import account_guard
from tavusctl.integrations.git.checkout import checkout_around
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.kinds import KINDS
from tavusctl.state.file.store import FileStore
from tavusctl.state.journal import read_current_state
from tavusctl.state.lock_holder import duration_text
from tavusctl.state.seals import open_state

_SECONDS: Final = 10.0  # for one attempt
_PAUSE: Final = 1.0  # seconds between attempts, at most
_SKEW: Final = timedelta(minutes=1)
_NEAR: Final = 2  # seconds: a server returns whole seconds, and its response takes a moment


def versions() -> Iterator[Finding]:
    """The versions that a bug report needs."""
    system = f"{platform.system()} {platform.machine()}"
    yield ok("versions", f"tavusctl {__version__}, Python {platform.python_version()}, {system}")


def git(folder: Path, state: str) -> Iterator[Finding]:
    """Whether git runs, and whether the folder is in a repository; a failure only if the state is in git.

    If git cannot read the repository, the check of the state shows whether that matters.
    """
    process = Git(folder, 10.0)
    try:
        version = process.line("version").removeprefix("git version ")
    except GitError as error:
        message, hint = str(error), error.advice or "install git"
        if is_git(state):
            yield failed("git", StateError(f"{message}, and the state is in git", hint))
        else:
            yield warning("git", message, hint)
        return
    try:
        top = process.path("rev-parse", "--show-toplevel")
    except GitError as error:
        if checkout_around(folder):
            yield warning("git", f"git {version} cannot read the repository: {error}", "make `git status` work here")
            return
        message = f"git {version}; the folder is in no git repository"
        if is_git(state) and not state.startswith("git+"):
            yield failed("git", StateError(message, "run `git init`"))
        else:
            yield ok("git", message)
        return
    yield ok("git", f"git {version}, repository {top}")


def project(settings: Project, diagnostics: tuple[Diagnostic, ...]) -> Iterator[Finding]:
    """The project file around this folder."""
    path = Path(settings.root, FILE)
    errors = errors_in(diagnostics)
    if errors:
        yield failed("project", ConfigError(errors))
    elif path.is_file():
        noun = "environment" if len(settings.environments) == 1 else "environments"
        yield ok("project", f"{path}, with the {noun} {listed(settings.environments)}")
    else:
        hint = "run `tavusctl init`, or change to the folder of the project with `-C`"
        yield warning("project", f"no {FILE} here or above; the defaults are used", hint)


def workflows(settings: Project) -> Iterator[Finding]:
    """Whether the workflows of `init --github` are still those that it would write, such as for the default branch."""
    if (found := github.outdated(settings)) is None:
        return
    names, branch = found
    if names:
        noun = "file is" if len(names) == 1 else "files are"
        message = f"{len(names)} {noun} outdated for the branch {shown(branch)} or the project: {listed(names)}"
        yield warning("workflows", message, "run `tavusctl init --github`, and commit what it writes")
    else:
        yield ok("workflows", f"up to date, for the branch {shown(branch)}")


def variables(session: LocalSession) -> Iterator[Finding]:
    """Whether `.env`, the file with keys and secrets, is read without problems."""
    remarks = (*(one for one in session.project_diagnostics if one.id in env_file.IDS), *session.env_file_warnings)
    for one in remarks:
        yield warning("env-file", f"{one.source}: {one.message}", one.hint)
    if not remarks and (session.root / env_file.NAME).is_file():
        yield ok("env-file", f"{session.root / env_file.NAME} is read")


def state(session: Session, *, is_reached: bool) -> Iterator[Finding]:
    """Where the state is, whether it can be read and written, its seal is valid, and who holds its lock.

    If the account is reached with a key that the state does not know, also whether the managed objects exist in it.
    """
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
    if isinstance(store, FileStore):
        store.check_writable()
    if is_reached and current.bindings and not account_guard.knows(current, session.api_key):
        _check_objects(session, current)
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
        # The kernel releases the lock of a file when its process ends.
        unlock = "" if isinstance(store, FileStore) else "; `tavusctl state unlock ID` releases the lock of a dead one"
        hint = f"wait for that run to end{unlock}"
        yield warning("lock", f"held by {holder}", hint)
    else:
        yield ok("lock", "free")


def _check_objects(session: Session, current: State) -> None:
    """Raise StateError if so many managed objects do not exist that the key is probably of another account."""
    bound = current.bindings.values()
    with session.reader() as api:
        kinds = sorted({binding.address.kind for binding in bound})
        found = {entry.remote_id for kind in kinds for entry in entries(api, KINDS[kind], stock=False)}
    missing = sum(binding.remote_id not in found for binding in bound)
    account_guard.check_key(current, session.environment, session.api_key, bound=len(bound), missing=missing)


def address(environment: Environment, url: str) -> Finding:
    """The address of the API, and whether it is reached with TLS."""
    if environment.demo:
        return ok("address", "an emulator on this machine, which each command starts: this is a demo")
    secure = "TLS" if url.startswith("https:") else "without TLS, on this machine"
    if url == DEFAULT_URL:
        return ok("address", f"{site(url)} ({secure})")
    return warning(
        "address", f"{site(url)} ({secure}), not Tavus", "check `--base-url` or TAVUS_BASE_URL, which sets this URL"
    )


def key(session: LocalSession) -> Iterator[Finding]:
    """Whether there is an API key, and where it comes from; the key itself is not shown."""
    keyring.api_key(session)
    yield ok("key", f"found in {keyring.key_location(session)}")


def account(session: LocalSession, url: str) -> Iterator[Finding]:
    """Whether the API accepts the key, and the difference between its clock and the local one."""
    key = keyring.api_key(session)
    kind = next(one for one in KINDS.values() if not one.optional)  # which every account has
    with ReadClient(url, key, seconds=_SECONDS, max_wait=_PAUSE) as api:
        api.get(kind.collection, {"limit": "1"})
        label = session.environment.account
        yield ok("account", f"{f'{label} ' if label else ''}answers, and accepts the key")
        yield _clock(api.skew)


def _clock(skew: timedelta | None) -> Finding:
    if skew is None:
        return warning("clock", "the server does not send its time")
    seconds = round(skew.total_seconds())
    difference = f"{duration_text(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'} the server's clock"
    if abs(skew) > _SKEW:
        return warning("clock", f"the clock of this machine is {difference}", "set the clock, for example with NTP")
    return ok("clock", "the same as the server's" if abs(seconds) <= _NEAR else difference)
