"""Removals: the steps after which an address is not managed any more, and the other versions of its object.  Pure.

Only the binding of an address records its old versions, and the successor that is not in use yet.  So a binding is
dropped last, and only if all of them are gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.model import Action, Change, Refusal

DROPS_BINDING: Final = frozenset({Action.DELETE, Action.FORGET})


def final_steps(steps: Sequence[Change]) -> list[Change]:
    """The steps to run after all others: deletes, and at addresses that are given up the deletes of other versions."""
    retired = {step.address for step in steps if step.action is Action.RETIRE}
    removed = {step.address for step in steps if step.action is Action.DELETE}
    removed |= {step.address for step in steps if step.action is Action.FORGET and step.address in retired}
    final = {Action.RETIRE, *DROPS_BINDING}
    return [step for step in steps if step.action in final and step.address in removed]


def other_versions(binding: Binding | None) -> str:
    """The ids of the successor and of the old versions of an object, comma-separated."""
    return ", ".join(binding.other_versions) if binding else ""


def refuse_with_version(change: Change, kept: Mapping[Address, str]) -> Refusal | None:
    """The refusal of a removal of an address with a version that is `kept`, for a reason."""
    if change.action not in DROPS_BINDING or change.address not in kept:
        return None
    hint = f"run `tavusctl state rm {change.address}` to keep all of it unmanaged"
    return Refusal(change, "E405", 4, f"{kept[change.address]}; without its address nothing would delete it", hint)
