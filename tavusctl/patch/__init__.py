"""The smallest JSON Patch (RFC 6902) between two documents; knows nothing of Tavus.

A patch is a merge with whoever edits the same document meanwhile, so it should touch what changed and nothing else;
and it is read by people, so it should be short.  The two pull apart: one replaced object can be shorter than three
replaced leaves and writes its unchanged members too.  Hence one cost for both.

**Cost.**  A patch costs its bytes as compact UTF-8 JSON plus 20 for every leaf that it writes and every leaf that it
removes; an empty container is one leaf.  Since operations are parted by commas, the cost is a sum over operations:
`prices` has the constants.  All the rest looks for the cheapest patch under this cost.

**No moves.**  A patch consists of `add`, `remove` and `replace`; what changes its place is removed and added.  A `move`
names no value: it takes what stands at its source by then, which is another value once somebody else has edited the
document, and people who read the patch have to look it up.

**Objects** (`differ`).  Members are independent of one another: what both have is changed within, the rest is dropped
or put.  If more than one operation results, replacing the whole is tried; one operation always stands, so no value is
written that differs from the old one in a single place.

**Arrays** (`arrays`, `alignment`, `array_steps`).  Items that stay keep their order, so a patch is an alignment: pairs
of old and new items that rise on both sides, each pair at the cost of its own cheapest patch, everything else dropped
or put.  This is the edit distance of Wagner and Fischer (1974) with recursive costs of edits, as in the constrained
tree edit distance of Zhang (1995), a descendant of Zhang and Shasha (1989).

  *Indices.*  If everything that goes is dropped first, front to back, then edits are made, and what comes is put back
  to front, each index is the number of paired items in front: the least that any order gives.  The end is "-".

  *Ends.*  Equal items at both starts or ends are paired at once.  Let x stand first on both sides and some patch pair
  the old x with a later new y: it puts x, and makes x into y.  Pairing x with x and putting y costs no more, for what
  y has over x is written either way.  So it is with an x that is paired with nothing.  The same holds wherever an
  alignment has got to, so runs of equal items are followed without asking, as by the snakes of Myers (1986).

  *Search.*  A* (Hart, Nilsson and Raphael, 1968) over the states of the alignment.  The bound of what is still to pay
  is what items without an equal cost at least, with the difference of lengths; it never exceeds the truth.  An edit
  is priced only when its own lower bound is the best way on.  Costs of equal pairs of contents are kept (`Differ`).

**Bounds.**  Gaps of up to 1,100 pairs of items are searched completely.  Longer ones are first cut at anchors: items
that are equal, have the same identity (`keyed_by`), or share the most contents that occur once on each side, as in
patience diff (Cohen), of which the longest rising sequence is kept (`likeness`): n log n.  All searches of one diff
share 200,000 steps, about a second; when they are spent, what lies between anchors is paired by position.  Documents
nested so deep that Python refuses go to `coarse`, which neither searches nor recurses.  Fallbacks give longer patches,
never wrong ones.  Digits of indices beyond 9 are priced by the way that reached a state, which can be a byte off.

**Equality** is that of JSON and kinds of numbers: true is not 1, 1 is not 1.0; -0.0 is 0.0.  Leaves may be any hashable
value, taken to measure as "(sensitive)", and are passed on as they are.  A `Pinned` is compared and never written: what
holds one is never replaced by a value of its kind, and it is a ValueError when there is no other way.

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
    """The search for a patch, which only commands that compare need, on first use (PEP 562)."""
    if name == "diff":
        from tavusctl.patch.differ import diff  # noqa: PLC0415

        return diff
    raise AttributeError(name)
