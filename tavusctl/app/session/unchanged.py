"""The cached result of the last run, valid as long as nothing that the run has read is different.

Only a result without changes and without diagnostics is cached (as a trace, see `config/cache/trace.py`).  Any other
result is computed again by every run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tavusctl.app.session import env_file
from tavusctl.app.session.applied import last_applied
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.progress import reading
from tavusctl.config.cache.trace import FilesRead, Trace
from tavusctl.config.project_file.state_scheme import file_of
from tavusctl.core.model import Plan
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.artifacts import version_of

if TYPE_CHECKING:  # slow to import, and `validate` needs no API client
    from tavusctl.api import ReadClient
    from tavusctl.app.session.online import Session
    from tavusctl.engine.prepared_plan import PreparedPlan

VALIDATE: Final = "validate"
PLAN: Final = "plan"
DRIFT: Final = "drift"
_OF_SHELLS: Final = frozenset({"_", "OLDPWD", "SHLVL"})  # variables that a shell changes with every command


def is_validated(session: LocalSession) -> bool:
    """Whether the last `validate` has read the same files and settings, and had no diagnostic."""
    return bool(_trace_if_unchanged(session, VALIDATE, check_settings_digest(session)))


def keep_validated(session: LocalSession, settings_digest: bytes) -> None:
    """Cache that `validate` had no diagnostic; `settings_digest` was computed before it read the files."""
    files = _files_read(session)
    if session.cache and files and settings_digest == check_settings_digest(session):
        session.cache.write(VALIDATE, Trace(settings_digest, files))


def read_plan(session: Session, command: str, options: JsonObject) -> Plan | None:
    """The cached plan of a command with these options; None if there is none, or anything is different now."""
    trace = _trace_if_unchanged(session, command, plan_settings_digest(session, options))
    if trace is None:
        return None
    with session.reader() as api:
        return _plan_if_unchanged(session, trace, api)


def cached_plan(session: Session, command: str, settings_digest: bytes, api: ReadClient) -> Plan | None:
    """As `read_plan`, for a run that already has a client and the digest of the settings."""
    trace = _trace_if_unchanged(session, command, settings_digest)
    return _plan_if_unchanged(session, trace, api) if trace else None


def keep_plan(
    session: Session, command: str, options: JsonObject, settings_digest: bytes, api: ReadClient, prepared: PreparedPlan
) -> None:
    """Cache a plan without steps and diagnostics; `settings_digest` was computed before the plan."""
    plan, files, answers = prepared.plan, _files_read(session), api.response_digests
    if session.cache is None or files is None or not all(one.digest for one in answers):
        return
    trace = Trace(
        settings_digest, files, answers, plan.no_op, plan.account, plan.fingerprint, plan.targets, plan.finish
    )
    is_empty = plan == _plan_of(session, trace) and not (
        prepared.state_is_behind or prepared.learns_settings or prepared.unset_secrets
    )
    # The source of a watched document is fetched in every run.
    watches = any(one.watch for one in prepared.manifests)
    if is_empty and not watches and settings_digest and settings_digest == plan_settings_digest(session, options):
        session.cache.write(command, trace)


def check_settings_digest(session: LocalSession) -> bytes:
    """A digest of everything but the files that a check of manifests depends on."""
    return _sealed(session, last_applied(session).version)


def plan_settings_digest(session: Session, options: JsonObject) -> bytes:
    """A digest of everything but the files and the account that a plan depends on.

    Empty if the state is not a local file: then nothing is cached.  The states of other environments are not included,
    because they are read only for a plan that is not cached (`engine/diff/duplicate_names.py`).
    """
    state = file_of(session.environment.state, session.root, session.environment.name)
    if session.cache is None or state is None:
        return b""
    return _sealed(session, options, session.base_url, session.api_key, version_of(state))


def comparison_settings_digest(session: Session) -> bytes:
    """A digest of everything but the files, the state and the account that the comparison of an object depends on."""
    return _sealed(session, session.base_url, session.api_key)


def _plan_if_unchanged(session: Session, trace: Trace, api: ReadClient) -> Plan | None:
    """The plan of a trace, if the API gives the same responses as before; else None."""
    with reading(session.progress, api):
        return _plan_of(session, trace) if api.responses_are_unchanged(trace.answers) else None


def _plan_of(session: Session, trace: Trace) -> Plan:
    return Plan(
        no_op=trace.objects,
        environment=session.environment.name,
        account=trace.account,
        key_source=session.environment.key_source,
        fingerprint=trace.fingerprint,
        targets=trace.targets,
        finish=trace.finish,
    )


def _trace_if_unchanged(session: LocalSession, command: str, settings_digest: bytes) -> Trace | None:
    """The trace of a command, if settings and files are as then; None if this run already has diagnostics."""
    if session.cache is None or session.project_diagnostics or session.env_file_warnings:
        return None
    trace = session.cache.read(command, Trace)
    if trace is None or trace.settings_digest != settings_digest:
        return None
    return trace if trace.files.are_unchanged(session.project, session.environment) else None


def _files_read(session: LocalSession) -> FilesRead | None:
    """The digests of the manifest files that this run has read; None if they are not cached."""
    return session.cache.files_read if session.cache else None


def _sealed(session: LocalSession, *values: object) -> bytes:
    """A keyed digest of values and of all environment variables, so that no list says which of them matter."""
    names = sorted(env_file.key_variables(session.project))
    variables = [session.variables.get(name) for name in names]
    environment = sorted((name, value) for name, value in os.environ.items() if name not in _OF_SHELLS)
    return session.cache.keyed_digest(values, variables, environment) if session.cache else b""
