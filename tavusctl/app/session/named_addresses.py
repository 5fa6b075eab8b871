"""Addresses that a user names, checked before anything is done: a typing error must not mean "nothing to do"."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tavusctl.core.address import Address
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import nearest, parted, suggestion
from tavusctl.kinds import address_in


def parse(text: str) -> Address:
    """The address that a text means; UsageError if it is not a valid one."""
    try:
        return address_in(text)
    except ValueError as error:
        raise UsageError(*parted(str(error))) from None


def check_known(named: Collection[Address], known: Collection[Address]) -> None:
    """Raise UsageError for an address that is not among those of the manifests and of the state, which are `known`."""
    for address in sorted(set(named).difference(known)):
        message = f"`{address}` is neither in the manifests nor in the state"
        raise UsageError(message, _hint(address, known))


def undeclared(address: Address | str, declared: Iterable[Address | str], environment: str = "") -> UsageError:
    """The error for an address that the manifests, of the environment if it is named, do not declare."""
    of_environment = f" of `{environment}`" if environment else ""
    message = f"`{address}` is not in the manifests{of_environment}"
    return UsageError(message, _hint(address, declared))


def _hint(address: Address | str, known: Iterable[Address | str]) -> str:
    """The address that was probably meant, or the known ones: those of the same kind, if there are any."""
    kind, names = str(address).partition("/")[0], sorted(map(str, known))
    of_kind = [name for name in names if name.startswith(f"{kind}/")]
    return suggestion(str(address), names if not of_kind or nearest(str(address), names) else of_kind)
