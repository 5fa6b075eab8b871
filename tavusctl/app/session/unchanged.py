"""What the last run has found to be right, told again as long as nothing that it has looked at is different.

Kept is only that there was nothing to do and nothing to say.  A run that finds anything else works it out afresh.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tavusctl.app.session import env_file
from tavusctl.app.session.applied import last_applied
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.progress import reading
from tavusctl.config.cache.trace import Trace
from tavusctl.core.model import Plan
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
_OF_SHELLS: Final = frozenset({"_", "OLDPWD", "SHLVL"})  # what a shell notes for itself, otherwise for each command


def is_right(session: LocalSession) -> bool:
    """Whether the last `validate` of these files had nothing to say."""
    known = _known(session, VALIDATE)
    return known is not None and known.about == about_files(session) and _is_seen(known, session)


def keep_right(session: LocalSession, about: bytes) -> None:
    """Keep that `validate` had nothing to say; `about` is what it began with."""
    sight = session.cache.manifests.sight if session.cache and session.cache.manifests else None
    if session.cache and sight and about == about_files(session):
        session.cache.keep(VALIDATE, Trace(about, sight))


def read_plan(session: Session, command: str, asked: Struct | None = None) -> Plan | None:
    """The plan of the last run of a command, which was asked the same and had nothing to do; the account is read."""
    if _known(session, command) is None:
        return None
    with session.reader() as api, reading(session.progress, api):
        return plan_again(session, command, about_account(session, asked), api)


def plan_again(session: Session, command: str, about: bytes, api: ReadClient) -> Plan | None:
    """The same, with a client that is open."""
    known = _known(session, command)
    if known is None or known.about != about or not _is_seen(known, session):
        return None
    if not api.repeats(known.answers):
        return None
    return _idle(known.objects, session.environment.name, known.account, known.fingerprint)


def keep_plan(
    session: Session, command: str, asked: Struct | None, about: bytes, api: ReadClient, prepared: PreparedPlan
) -> None:
    """Keep a plan that has nothing to do, now or later, and nothing to say; `about` is what it began with."""
    found, read = prepared.plan, session.cache.manifests if session.cache else None
    idle = _idle(found.no_op, found.environment, found.account, found.fingerprint)
    is_idle = found == idle and not (prepared.recovered or prepared.learns_settings or prepared.unset)
    # A source that is watched is looked at in every run.
    watches = any(one.watch for one in prepared.manifests)
    if session.cache is None or read is None or not is_idle or watches or redaction.is_written_in(found.account):
        return
    sight, answers = read.sight, api.answered
    is_told = all(one.digest for one in answers)
    if about and sight and is_told and about == about_account(session, asked):
        session.cache.keep(command, Trace(about, sight, answers, found.no_op, found.account, found.fingerprint))


def about_files(session: LocalSession) -> bytes:
    """What a check of files depends on beside them, in one digest."""
    return _sealed(session, last_applied(session).version)


def about_account(session: Session, asked: Struct | None = None) -> bytes:
    """What a plan depends on beside files and account; empty where a state is not in a file of this machine."""
    environments = session.project.environments.values()
    states = [file_of(one.state, session.root, one.name) for one in environments]
    if session.cache is None or None in states:
        return b""
    versions = [version_of(one) for one in states if one]
    return _sealed(session, asked, session.base_url, session.api_key, versions)


def _idle(objects: int, environment: str, account: str, fingerprint: str) -> Plan:
    return Plan(no_op=objects, environment=environment, account=account, fingerprint=fingerprint)


def _known(session: LocalSession, command: str) -> Trace | None:
    """What the last run of a command has looked at, where this one has nothing to say before it begins."""
    return session.cache.trace(command) if session.cache and not (session.found or session.unread) else None


def _is_seen(known: Trace, session: LocalSession) -> bool:
    return known.sight.is_unchanged(session.project, session.environment)


def _sealed(session: LocalSession, *given: object) -> bytes:
    """A digest of values, and of all variables of the run: nobody has to tell which of them matter."""
    names = sorted(env_file.key_variables(session.project))
    variables = [session.variables.get(name) for name in names]
    around = sorted((name, value) for name, value in os.environ.items() if name not in _OF_SHELLS)
    return session.cache.sealed(given, variables, around) if session.cache else b""
