"""Lint errors stop a plan only if it would write the field concerned, not if the account has the value already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import ConfigError
from tavusctl.core.model import Action, Change, Plan
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.engine.resolve import variable_in

_WHOLE = frozenset({Action.CREATE, Action.REPLACE})  # actions that write the whole object, if they send anything
_REMOVES = frozenset({Action.DELETE, Action.RETIRE, Action.FORGET})


def gate(prepared: PreparedPlan) -> PreparedPlan:
    """The plan with its lint errors turned into warnings; ConfigError if the plan would write one of them."""
    plan = prepared.plan
    errors = [one for one in plan.warnings if one.severity is Severity.ERROR and _is_written(one, plan)]
    if errors:
        raise ConfigError(errors)
    return replace(prepared, plan=with_warnings_only(plan))


def check_values(prepared: PreparedPlan) -> None:
    """Raise ConfigError with every secret that the plan sends and whose variable is not set here."""
    missing = [one for one in prepared.unset_secrets if _is_written(one, prepared.plan)]
    if missing:
        raise ConfigError(missing)


def unset_secrets_warning(unset: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One warning for all secrets that cannot be compared."""
    names = sorted({variable_in(one.hint) for one in unset})
    if not names:
        return ()
    subject = f"the secret {names[0]} has" if len(names) == 1 else f"the secrets {', '.join(names)} have"
    message = f"{subject} no value here"
    hint = "set the value before you apply a change that sends it; until then, a field that was applied is not compared"
    return (Diagnostic("TV309", message, None, hint, severity=Severity.WARNING),)


def with_warnings_only(plan: Plan) -> Plan:
    """The plan with all its diagnostics as warnings, so that none stops it."""
    return replace(plan, warnings=tuple(replace(one, severity=Severity.WARNING) for one in plan.warnings))


def _is_written(diagnostic: Diagnostic, plan: Plan) -> bool:
    """Whether a step writes the value of a diagnostic, a part of that value, or a value that contains it."""
    steps = [step for step in plan.steps if step.address == diagnostic.address]
    return any(_overlap(pointer, diagnostic.pointer) for step in steps for pointer in _pointers(step))


def _pointers(step: Change) -> Iterable[str]:
    """JSON Pointers of the fields that a step writes; an empty pointer means the whole object."""
    if step.action in _REMOVES or not step.patch:
        return ()
    return ("",) if step.action in _WHOLE else (entry.path for entry in step.fields)


def _overlap(pointer: str, other: str) -> bool:
    keys, other_keys = patch.split(pointer), patch.split(other)
    shared = min(len(keys), len(other_keys))
    return keys[:shared] == other_keys[:shared]
