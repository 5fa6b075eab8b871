"""Whose a state is: never used on an account that is not the one it is about, as far as that can be told.  Pure."""

from __future__ import annotations

from msgspec.structs import replace

from tavusctl.errors import StateError
from tavusctl.model import Environment
from tavusctl.ports import State
from tavusctl.wrapping import slot


def owned(state: State, environment: Environment) -> State:
    """A state that says which account it is about."""
    return replace(state, account=environment.account or state.account)


def check(
    state: State, environment: Environment, api_key: str, *, bound: int = 0, missing: int = 0, agreed: int | None = None
) -> None:
    """Refuse to work on another account than the one the state is about, or on one that was emptied.

    `missing` of the `bound` objects are not there; `agreed` is the number that somebody has said may be made anew.
    """
    label = environment.account
    if label and state.account and label != state.account:
        message = f"the state belongs to the account {state.account!r}, and the environment names {label!r}"
        raise StateError(message, "give each account its own environment and state", id="E910")
    name = slot(api_key, state.lineage)
    known_key = name == state.key_digest or name in state.keys
    if not known_key and bound and missing * 5 > bound:
        message = f"this API key does not see {missing} of the {bound} objects that the state knows: another account?"
        raise StateError(message, "check the API key; a rotated key of the same account sees them all", id="E911")
    # One object may well have been deleted by somebody; all of several look like another account, or an emptied one.
    if missing == bound > 1 and agreed != bound:
        message = f"the account has none of the {bound} objects that the state knows: was it emptied, or is it another?"
        hint = f"--allow-recreate {bound} (plan, apply) makes anew what has a manifest; state rm ADDR... forgets them"
        raise StateError(message, hint, id="E915")
