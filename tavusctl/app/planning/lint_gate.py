"""What rules call an error stops a plan that would write it; what an account has like that already does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import ConfigError
from tavusctl.core.model import Action, Change, Plan
from tavusctl.engine.prepared_plan import PreparedPlan

_WHOLE = frozenset({Action.CREATE, Action.REPLACE})  # writes all of an object, as far as it sends anything
_REMOVES = frozenset({Action.DELETE, Action.RETIRE, Action.FORGET})


def judged(prepared: PreparedPlan) -> PreparedPlan:
    """A plan with errors of rules as warnings; ConfigError tells those that the plan would write."""
    plan = prepared.plan
    errors = [one for one in plan.warnings if one.severity is Severity.ERROR and _is_written(one, plan)]
    if errors:
        raise ConfigError(errors)
    return replace(prepared, plan=tolerated(plan))


def check_values(prepared: PreparedPlan) -> None:
    """ConfigError with every secret that the plan sends and that has no value here."""
    needed = [one for one in prepared.unset if _is_written(one, prepared.plan)]
    if needed:
        raise ConfigError(needed)


def taken_as_unchanged(unset: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One warning for all secrets that cannot be compared."""
    names = sorted({one.hint.removeprefix("export ").removesuffix("=...") for one in unset})
    if not names:
        return ()
    told = f"the secret {names[0]} has" if len(names) == 1 else f"the secrets {', '.join(names)} have"
    message = f"{told} no value here"
    hint = "fields with these secrets count as unchanged once they were applied; apply needs the values that it sends"
    return (Diagnostic("TV309", message, None, hint, severity=Severity.WARNING),)


def tolerated(plan: Plan) -> Plan:
    """A plan that stops at nothing that rules say."""
    return replace(plan, warnings=tuple(replace(one, severity=Severity.WARNING) for one in plan.warnings))


def _is_written(diagnostic: Diagnostic, plan: Plan) -> bool:
    """Whether a step writes what a complaint is about, or a part of it, or what it is in."""
    steps = [step for step in plan.steps if step.address == diagnostic.address]
    return any(_touch(place, diagnostic.pointer) for step in steps for place in _places(step))


def _places(step: Change) -> Iterable[str]:
    """Pointers to what a step writes; an empty one is for the whole object."""
    if step.action in _REMOVES or not step.patch:
        return ()
    return ("",) if step.action in _WHOLE else (one.path for one in step.fields)


def _touch(one: str, other: str) -> bool:
    here, there = patch.split(one), patch.split(other)
    shared = min(len(here), len(there))
    return here[:shared] == there[:shared]
