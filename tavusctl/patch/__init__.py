"""The cheapest JSON Patch (RFC 6902) between two documents; independent of Tavus.

Somebody else may edit the document meanwhile, so a patch should touch only what has changed.  People read it, so it
should also be short.  The two aims conflict: one replaced object can be shorter than three replaced leaves, but it
writes the unchanged members as well.  One cost therefore covers both aims.

**Cost.**  A patch costs its bytes as compact UTF-8 JSON plus 20 for every leaf that it writes and every leaf that it
removes; an empty container is one leaf.  Every operation counts the comma after it, so the cost is a sum over
operations; `costs` has the constants.  All other modules search for the cheapest patch under this cost.

**No moves.**  A patch consists of `add`, `remove` and `replace`; a value that changes its place is removed and added.
A `move` does not contain its value: it moves whatever its source holds by then, which is another value once somebody
else has edited the document, and people who read the patch have to look the value up.

**Objects** (`differ`).  Members are independent of one another: members of both objects are compared recursively, all
others are removed or inserted.  If more than one operation results, replacing the whole object is compared too.  A
single operation is always kept, so an object that differs in a single place is never written as a whole.

**Arrays** (`arrays`, `alignment`, `array_steps`).  Items that stay keep their order, so a patch is an alignment: pairs
of old and new items whose indices increase on both sides.  Each pair costs its own cheapest patch; all other items are
removed or inserted.  This is the edit distance of Wagner and Fischer (1974) with recursive costs of edits, as in the
constrained tree edit distance of Zhang (1995), a descendant of Zhang and Shasha (1989).

  *Indices.*  The steps are in this order: removals, front to back; edits; insertions, back to front.  Each index is
  then the number of paired items in front, the lowest that any order gives.  An item at the end has the index "-".

  *Ends.*  Equal items at both starts or both ends are paired at once.  Proof: let x be the first item on both sides,
  and let a patch pair the old x with a later new item y.  It inserts x, and edits x into y.  Pairing x with x and
  inserting y costs no more, because what y has and x lacks is written in both cases.  The same is true of an old x
  that is paired with no item.  It is true at every state of an alignment, so the search always follows runs of equal
  items, like the snakes of Myers (1986).

  *Search.*  A* (Hart, Nilsson and Raphael, 1968) over the states of the alignment.  The lower bound of the remaining
  cost is the least cost of the items that have no equal item on the other side, with the difference of the lengths; it
  never exceeds the true cost.  The cost of an edit is computed only when the lower bound of that edit is the best on
  the heap.  The cost of a pair of contents is computed once (`Differ`).

**Bounds.**  A region is what remains of two arrays between their equal ends (`region`).  Regions of up
to 1,100 pairs of items are searched completely.  Longer ones are first split at anchors: pairs of items that are equal,
have the same identity (`keyed_by`), or share the most contents that occur once on each side, as in patience diff
(Cohen).  Of these pairs, the longest increasing sequence is used (`anchors`), in O(n log n).  All searches of one diff
share 200,000 steps, about a second; after that, the items between anchors are paired by position.  Documents nested too
deeply for the recursion limit of Python go to `fallback`, which neither searches nor recurses.  Both fallbacks give
longer patches, never wrong ones.  The search costs the digits of an index above 9 by the path that reached a state,
which can be wrong by a byte.

**Equality** is that of JSON, and the types of numbers differ: true is not 1, 1 is not 1.0; -0.0 is 0.0.  Leaves may be
any hashable value: what JSON does not have counts as many bytes as "(sensitive)", and is passed on unchanged.  A
`Pinned` value is compared and never written: neither it nor a container that holds it is replaced by a value of the
same type.  ValueError is raised if every patch would have to write a pinned value.

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
