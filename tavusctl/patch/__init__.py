"""The cheapest JSON Patch (RFC 6902) between two documents; independent of Tavus.

A patch should touch only what has changed, because somebody else may edit the document meanwhile, and it should be
short, because people read it.  One cost covers both aims; all modules search for the cheapest patch under this cost.
`docs/design/patch.md` explains cost, search and limits, and proves what the search takes for granted.

Equality is that of JSON, and the types of numbers differ: true is not 1, 1 is not 1.0; -0.0 is 0.0.  Leaves may be any
hashable value: what JSON does not have counts as many bytes as "(sensitive)", and is passed on unchanged.  A `Pinned`
value is compared and never written: neither it nor a container that holds it is replaced by a value of the same type.
ValueError is raised if every patch would have to write a pinned value.

Members are changed in the order of their keys, so equal documents give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tavusctl.patch.applier import apply
from tavusctl.patch.equality import Pinned, same
from tavusctl.patch.pointer import PatchError, escape, join, resolve, split

if TYPE_CHECKING:
    from tavusctl.patch.differ import diff

__all__ = ["PatchError", "Pinned", "apply", "diff", "escape", "join", "resolve", "same", "split"]


def __getattr__(name: str) -> object:
    """Import `diff` on first use (PEP 562): only commands that compare documents need the search."""
    if name == "diff":
        from tavusctl.patch.differ import diff  # noqa: PLC0415

        return diff
    raise AttributeError(name)
