"""The temporary name of an expensive object during its creation, by which an interrupted run is recovered.

A claim is derived from the lineage of the state and the address: it is the same whenever a project tries to create the
object, and differs for every other project and every other checkout with a state of its own.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from tavusctl.core.address import Address
from tavusctl.lib.patterns import pattern

_CLAIM: Final = pattern(r"tavusctl_[0-9a-f]{12} ", re.IGNORECASE)
_DIGITS: Final = 12


def with_claim(name: str, lineage: str, address: Address) -> str:
    """A display name with the claim on an object in front."""
    digest = hashlib.sha256(f"{lineage} {address}".encode()).hexdigest()
    return f"tavusctl_{digest[:_DIGITS]} {name}"


def is_claimed(name: str) -> bool:
    """Whether a name starts with a claim, as that of an object during its creation does."""
    return bool(_CLAIM.match(name))


def without_claim(name: str) -> str:
    """A name without the claim in front."""
    return _CLAIM.sub("", name, count=1) if is_claimed(name) else name
