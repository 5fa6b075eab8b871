"""The plan of an apply, and the drift of the account since the last apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.api.caching import CachingReader
from tavusctl.app.incremental import prepare as incremental
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.app.planning.prepare import Basis, prepare
from tavusctl.app.session import unchanged
from tavusctl.app.session.keyring import keys
from tavusctl.app.session.manifests import WITHOUT
from tavusctl.app.session.online import Session
from tavusctl.app.session.opening import check_project_file, open_session
from tavusctl.core.errors import ConfigError, RefusedError, UsageError, worst
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Desired, Plan
from tavusctl.core.ports import Reader
from tavusctl.engine import attribution
from tavusctl.engine.import_.missing_state import UnboundManifests, of_plan
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.integrations.git.worktree import BaseTree, base_tree, merge_base
from tavusctl.secrets import redaction
from tavusctl.state.seals import open_state

_GUESSED: Final = 20  # characters: a shorter value could be guessed, a longer one that is a good secret could not


class DriftResult(Struct, frozen=True):
    """The drift of the account, and the manifests whose drift is unknown because the state does not have them."""

    plan: Plan
    unknown: UnboundManifests


def plan(
    session: Session, options: PlanOptions, *, base: str | None = None, blame: bool = False, out: Path | None = None
) -> Plan:
    """The plan; `base` marks as pending what its manifests would change as well; `out` also writes a plan file."""
    sources = session.sources() if options.fetches_sources else None
    # A plan with `base` is not cached.
    settings_digest = b"" if base else unchanged.plan_settings_digest(session, options.document())
    with session.reader() as client:
        api: Reader = CachingReader(client) if base else client
        basis, since = Basis(read_state=cache(lambda: open_state(session.store(), keys(session)))), "HEAD"
        if base or blame or out:
            prepared = prepare(session, api, options, sources=sources, gates=True, basis=basis)
        else:
            prepared = incremental.prepare(session, api, options, sources=sources, gates=True)
        result = prepared.plan
        if base is not None:
            since = merge_base(session.root, base)
            with base_tree(session.root, base, since) as tree:
                result = _attributed(
                    session, api, result, tree, options, partial(prepare, sources=sources, basis=basis)
                )
        server_time = api.server_time()
        unchanged.keep_plan(session, unchanged.PLAN, options.document(), settings_digest, client, prepared)
    _show_plain_text(session, prepared)
    if result.recovered:
        result = replace(result, running=_owner_of_records(session))
    if blame:
        from tavusctl.app.planning.blame import with_blame  # noqa: PLC0415 - most plans do not need it, and should start fast

        result = with_blame(session, prepared, result, since)
    if out:
        from tavusctl.app.planning import plan_file  # noqa: PLC0415 - as above

        plan_file.write(out, prepared, server_time, options)
    return result


def drift(session: Session, *, blame: bool = False) -> DriftResult:
    """The changes and deletes in the account, made outside tavusctl since the last apply."""
    settings_digest = unchanged.plan_settings_digest(session, {})
    with session.reader() as api:
        prepared = prepare(session, api) if blame else incremental.prepare(session, api)
        unchanged.keep_plan(session, unchanged.DRIFT, {}, settings_digest, api, prepared)
    result, unknown = prepared.plan, of_plan(prepared.plan, prepared.state.bindings)
    result = replace(result, warnings=(*result.warnings, *unknown.warnings()))
    if blame:
        from tavusctl.app.planning.blame import with_blame  # noqa: PLC0415 - as above

        result = with_blame(session, prepared, result)
    return DriftResult(result, unknown)


def _owner_of_records(session: Session) -> str:
    """The run, in words, that owns the journal which the plan has read; empty if that run was interrupted."""
    store = session.store()
    return store.holder() or ("" if store.journal() else "it has ended by now")


def exit_code(plan: Plan, *, changes_exist: int = 0) -> int:
    """The exit code for a plan: the worst of its refusals, else `changes_exist` if the plan writes something."""
    refused = worst([refusal.exit_code for refusal in plan.refused])
    return refused or (changes_exist if plan.writes else 0)


def _show_plain_text(session: Session, prepared: PreparedPlan) -> None:
    """Exempt plain text of the manifests from redaction, where it equals a variable that only now became a secret.

    Otherwise, whoever chooses the value of a variable (a title, the name of a branch) could choose what is hidden from
    reviewers.  In a run for a pull request, values that are short enough to be guessed are shown as well: if a guess
    were hidden, or refused in the plan file, that would prove the guess right.
    """
    previous = prepared.inputs.base_settings.reads or prepared.state.reads
    if previous is None:
        return
    values = {name: value for name, value in session.secrets.items() if isinstance(value, str)}
    known_values = {values.get(name) for name in previous.secrets} | {session.api_key}
    new_values = {value for name, value in values.items() if name not in previous.secrets and value} - known_values
    if session.grant:
        new_values |= {value for value in values.values() if len(value) < _GUESSED} - {session.api_key}
    if new_values:
        redaction.unregister_shown(
            "\n".join(str(leaf) for item in prepared.desired for leaf in _texts(item)), new_values
        )


def _texts(item: Desired) -> Iterator[str]:
    """The texts and the keys of a manifest, without secrets."""
    for path, leaf in leaves(item.spec):
        yield from (*path, leaf) if isinstance(leaf, str) else path


def _attributed(
    session: Session,
    api: Reader,
    plan: Plan,
    tree: BaseTree,
    options: PlanOptions,
    prepare_base: Callable[..., PreparedPlan],
) -> Plan:
    """The plan, with the changes marked as pending that the manifests at the merge base would make as well."""
    base_options = replace(options, import_existing=False, destroy=False)
    try:
        base_session = check_project_file(open_session(session.environment.name, session.progress, tree.root))
        base_plan = prepare_base(session, api, base_options, base=base_session).plan
    except (ConfigError, RefusedError, UsageError) as error:
        reason = "there are none" if error.id == WITHOUT else error.message  # its message names a temporary folder
        session.say(f"the manifests at `{tree.name}` cannot be compared: {reason}")
        return plan
    return replace(plan, pending=attribution.pending(plan, base_plan), base=tree.name)
