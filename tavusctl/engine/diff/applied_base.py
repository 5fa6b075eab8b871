"""What a binding remembers of a manifest.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import leaves, map_leaves, texts
from tavusctl.core.model import Desired
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import source_fingerprint
from tavusctl.fields.equivalence import same
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, is_plain, special_leaves
from tavusctl.secrets import redaction
from tavusctl.secrets.values import REDACTED, Fingerprint, Secret, TextPrint


def applied(desired: Desired) -> JsonObject:
    """What a binding remembers of a manifest: secrets as fingerprints."""
    if is_plain(desired.spec):
        return desired.spec
    return map_leaves(desired.spec, lambda leaf: leaf.fingerprint if isinstance(leaf, Secret) else leaf)


def with_applied(desired: Desired, binding: Binding) -> Binding:
    """A binding that has been brought to its manifest."""
    return replace(
        binding,
        applied=applied(desired),
        externals=desired.externals,
        prevent_destroy=desired.lifecycle.prevent_destroy,
        on_remove=desired.lifecycle.on_remove,
        not_live={},
    )


def says_more(kind: ResourceKind, current: Binding, binding: Binding) -> bool:
    """Whether a binding says more than other words for what was known: a link signed anew, a set in another order.

    Another fingerprint is such a word, too: a secret that has changed is a difference, and comes nowhere near here.
    """
    if _told(binding, hidden=False) & _told(current, hidden=True):
        return True  # what was taken for an ordinary value does not stay in the state
    if tells(binding):
        return True
    current, binding = _without_prints(current), _without_prints(binding)
    words = replace(
        binding,
        applied=current.applied,
        externals=current.externals,
        not_live=current.not_live,
        created_at=current.created_at,
    )
    before, after = binding.applied, current.applied
    return words != current or not (same(kind, (), before, after) and same(kind, (), after, before))


def tells(binding: Binding) -> bool:
    """Whether a text or number was applied in which the value of a secret stands, and nobody knew that it is one."""
    if not redaction.knows_any():
        return False
    written = any(map(redaction.is_written_in, texts(binding.applied)))
    return written or any(redaction.is_number(leaf) for _, leaf in leaves(binding.applied))


def is_applied(desired: Desired, spec: JsonObject) -> bool:
    """Whether a binding remembers just this of a manifest; of a text it may keep a fingerprint."""
    now, then = source_fingerprint.sent(applied(desired)), source_fingerprint.sent(spec)
    if not any(isinstance(leaf, TextPrint) for _, leaf in special_leaves(then)):
        return bool(now == then)
    return same(desired.kind, (), now, then) and same(desired.kind, (), then, now)


def _told(binding: Binding, *, hidden: bool) -> set[KeyPath]:
    """Where what was applied is a fingerprint, or a text that can be read."""
    sort = Fingerprint if hidden else str
    return {path for path, leaf in leaves(binding.applied) if isinstance(leaf, sort)}


def _without_prints(binding: Binding) -> Binding:
    def plain(document: Mapping[str, Json]) -> JsonObject:
        return map_leaves(dict(document), lambda leaf: REDACTED if isinstance(leaf, Fingerprint) else leaf)

    return replace(binding, applied=plain(binding.applied), answered=plain(binding.answered))
