"""What a binding remembers of a manifest.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from tavusctl.document import leaves, map_leaves
from tavusctl.equality import same
from tavusctl.model import Binding, Desired, Document, Path, ResourceKind, Value
from tavusctl.secret import UNSEEN, Fingerprint, Secret


def applied(desired: Desired) -> Document:
    """What a binding remembers of a manifest: secrets as fingerprints."""
    remembered: Document = map_leaves(desired.spec, lambda leaf: leaf.fingerprint if isinstance(leaf, Secret) else leaf)
    return remembered


def remembering(desired: Desired, binding: Binding) -> Binding:
    """A binding that has been brought to its manifest."""
    return replace(
        binding,
        applied=applied(desired),
        externals=desired.externals,
        prevent_destroy=desired.lifecycle.prevent_destroy,
        on_remove=desired.lifecycle.on_remove,
    )


def says_more(kind: ResourceKind, current: Binding, binding: Binding) -> bool:
    """Whether a binding says more than other words for what was known: a link signed anew, a set in another order.

    Another fingerprint is such a word, too: a secret that has changed is a difference, and comes nowhere near here.
    """
    if _told(binding, hidden=False) & _told(current, hidden=True):
        return True  # what was taken for an ordinary value does not stay in the state
    current, binding = _without_prints(current), _without_prints(binding)
    words = replace(binding, applied=current.applied, externals=current.externals, created_at=current.created_at)
    before, after = binding.applied, current.applied
    return words != current or not (same(kind, (), before, after) and same(kind, (), after, before))


def _told(binding: Binding, *, hidden: bool) -> set[Path]:
    """Where what was applied is a fingerprint, or a text that can be read."""
    sort = Fingerprint if hidden else str
    return {path for path, leaf in leaves(binding.applied) if isinstance(leaf, sort)}


def _without_prints(binding: Binding) -> Binding:
    def plain(document: Mapping[str, Value]) -> Document:
        found: Document = map_leaves(document, lambda leaf: UNSEEN if isinstance(leaf, Fingerprint) else leaf)
        return found

    return replace(binding, applied=plain(binding.applied), answered=plain(binding.answered))
