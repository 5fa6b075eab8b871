"""What the last run has found, told again as long as nothing that it has looked at is different.

Kept is only that there was nothing to do and nothing to say.  A run that finds anything else works it out afresh.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tavusctl.app.session import env_file
from tavusctl.app.session.applied import last_applied
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.progress import reading
from tavusctl.config.cache.trace import FilesRead, Trace
from tavusctl.core.model import Plan
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets import redaction
from tavusctl.state.file.state_version import version_of
from tavusctl.state.scheme import file_of

if TYPE_CHECKING:  # what needs no account does not wait for its client
    from tavusctl.api import ReadClient
    from tavusctl.app.session.online import Session
    from tavusctl.engine.prepared_plan import PreparedPlan

VALIDATE: Final = "validate"
PLAN: Final = "plan"
DRIFT: Final = "drift"
_OF_SHELLS: Final = frozenset({"_", "OLDPWD", "SHLVL"})  # a shell sets them anew for each command


def is_validated(session: LocalSession) -> bool:
    """Whether the last `validate` has looked at the same, and had nothing to say."""
    known = _trace(session, VALIDATE)
    return known is not None and _has_same_files(session, known, about_files(session))


def keep_validated(session: LocalSession, about: bytes) -> None:
    """Keep that `validate` had nothing to say; `about` is that of its beginning."""
    files = _files_read(session)
    if session.cache and files and about == about_files(session):
        session.cache.keep(VALIDATE, Trace(about, files))


def read_plan(session: Session, command: str, options: JsonObject) -> Plan | None:
    """The plan of the last run of a command with these options, if it had nothing to do, and nothing is different."""
    known = _trace(session, command)
    if known is None or not _has_same_files(session, known, about_account(session, options)):
        return None
    with session.reader() as api:
        return _told_again(session, known, api)


def plan_again(session: Session, command: str, about: bytes, api: ReadClient) -> Plan | None:
    """The same for a run that has a client, and knows what it is about."""
    known = _trace(session, command)
    if known is None or not _has_same_files(session, known, about):
        return None
    return _told_again(session, known, api)


def keep_plan(
    session: Session, command: str, options: JsonObject, about: bytes, api: ReadClient, prepared: PreparedPlan
) -> None:
    """Keep a plan that has nothing to do, now or later, and nothing to say; `about` is that of its beginning."""
    found, files, answers = prepared.plan, _files_read(session), api.answered
    idle = Plan(
        no_op=found.no_op,
        environment=found.environment,
        account=found.account,
        fingerprint=found.fingerprint,
        targets=found.targets,
        finish=found.finish,
    )
    is_idle = found == idle and not (prepared.recovered or prepared.learns_settings or prepared.unset)
    # A source that is watched is looked at in every run.
    watches = any(one.watch for one in prepared.manifests)
    is_told = all(one.digest for one in answers) and not redaction.is_written_in(found.account)
    if session.cache is None or files is None or not is_idle or watches or not is_told:
        return
    if about and about == about_account(session, options):
        known = Trace(about, files, answers, found.no_op, found.account, found.fingerprint, found.targets, found.finish)
        session.cache.keep(command, known)


def about_files(session: LocalSession) -> bytes:
    """What a check of files depends on beside them, in one digest."""
    return _sealed(session, last_applied(session).version)


def about_account(session: Session, options: JsonObject) -> bytes:
    """What a plan depends on beside files and account, in one digest.

    Empty where the state is in no file of this machine: then nothing is kept.  States of other environments are looked
    up only for a plan that has something to say (`engine/diff/duplicate_names.py`).
    """
    state = file_of(session.environment.state, session.root, session.environment.name)
    if session.cache is None or state is None:
        return b""
    return _sealed(session, options, session.base_url, session.api_key, version_of(state))


def _told_again(session: Session, known: Trace, api: ReadClient) -> Plan | None:
    """The plan, where the API answers as it did."""
    with reading(session.progress, api):
        if not api.repeats(known.answers):
            return None
    return Plan(
        no_op=known.objects,
        environment=session.environment.name,
        account=known.account,
        fingerprint=known.fingerprint,
        targets=known.targets,
        finish=known.finish,
    )


def _trace(session: LocalSession, command: str) -> Trace | None:
    """What the last run of a command has looked at, where this one has nothing to say before it begins."""
    return session.cache.trace(command) if session.cache and not (session.found or session.unread) else None


def _files_read(session: LocalSession) -> FilesRead | None:
    """The files that this run has read, where there is nothing to say of any of them."""
    return session.cache.manifests.files_read if session.cache and session.cache.manifests else None


def _has_same_files(session: LocalSession, known: Trace, about: bytes) -> bool:
    return known.about == about and known.files.are_unchanged(session.project, session.environment)


def _sealed(session: LocalSession, *given: object) -> bytes:
    """A digest of values, and of all variables of the run: nobody has to tell which of them matter."""
    names = sorted(env_file.key_variables(session.project))
    variables = [session.variables.get(name) for name in names]
    around = sorted((name, value) for name, value in os.environ.items() if name not in _OF_SHELLS)
    return session.cache.sealed(given, variables, around) if session.cache else b""
