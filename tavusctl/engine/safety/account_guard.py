"""Account guard: refuse to use a state with an account other than its own.  Pure."""

from __future__ import annotations

from msgspec.structs import replace

from tavusctl.core.errors import StateError
from tavusctl.core.ports import State
from tavusctl.core.project_settings import Environment
from tavusctl.secrets.key_wrapping import slot


def with_account_label(state: State, environment: Environment) -> State:
    """A state with the label of its account: that of the environment, otherwise its own."""
    return replace(state, account=environment.account or state.account)


def knows(state: State, api_key: str) -> bool:
    """Whether a run with this API key has written the state."""
    key_slot = slot(api_key, state.lineage)
    return key_slot == state.key_digest or key_slot in state.keys


def check_key(state: State, environment: Environment, api_key: str, *, bound: int = 0, missing: int = 0) -> None:
    """Refuse an account other than that of the state; `missing` of the `bound` objects do not exist in it."""
    label = environment.account
    if label and state.account and label != state.account:
        message = f"the state belongs to the account `{state.account}`, but the environment has `account: {label}`"
        raise StateError(message, "use a separate environment and state for each account", id="E910")
    if not knows(state, api_key) and bound and missing * 5 > bound:
        verb = "does" if missing == 1 else "do"
        subject = "the only managed object" if bound == 1 else f"{missing} of the {bound} managed objects"
        message = f"{subject} {verb} not exist in this account: the API key may be of another account"
        raise StateError(message, "check the API key; a rotated key of the same account sees all objects", id="E911")


def check(
    state: State, environment: Environment, api_key: str, *, bound: int = 0, missing: int = 0, agreed: int | None = None
) -> None:
    """Refuse to work on an account other than that of the state, or on one that was emptied.

    `agreed` is the number of objects that may be recreated, by `--allow-recreate`.
    """
    check_key(state, environment, api_key, bound=bound, missing=missing)
    # A single missing object may have been deleted; if all of several are missing, it is another or an emptied account.
    if missing == bound > 1 and agreed != bound:
        message = (
            f"none of the {bound} managed objects exists in this account: it is another account, or it was emptied"
        )
        hint = (
            "check the API key; to recreate the objects of manifests, use `--allow-recreate "
            f"{bound}`; to remove them from the state, run `tavusctl state rm ADDRESS...`"
        )
        raise StateError(message, hint, id="E915")
