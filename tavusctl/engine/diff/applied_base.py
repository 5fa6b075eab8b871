"""What a binding records of a manifest: the base of later comparisons.  Pure."""

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
from tavusctl.secrets.values import REDACTED, Fingerprint, Secret, TextFingerprint


def applied(desired: Desired) -> JsonObject:
    """The spec of a manifest as a binding records it: secrets as fingerprints."""
    if is_plain(desired.spec):
        return desired.spec
    return map_leaves(desired.spec, lambda leaf: leaf.fingerprint if isinstance(leaf, Secret) else leaf)


def with_applied(desired: Desired, binding: Binding) -> Binding:
    """The binding of an object that matches its manifest; protection is never lowered, which is a change of its own."""
    lifecycle = desired.lifecycle
    return replace(
        binding,
        applied=applied(desired),
        externals=desired.externals,
        prevent_destroy=binding.prevent_destroy or lifecycle.prevent_destroy,
        on_remove=binding.on_remove if binding.on_remove == "retain" else lifecycle.on_remove,
        not_live={},
    )


def differs_in_content(kind: ResourceKind, current: Binding, binding: Binding) -> bool:
    """Whether a new binding (`current`) differs in more than form, such as a link signed again or a reordered set.

    Another fingerprint is a difference in form, too: a changed secret is found by the comparison before this one.
    """
    if _paths_of(binding, hidden=False) & _paths_of(current, hidden=True):
        return True  # a secret that was recorded as an ordinary value must not stay in the state
    if contains_known_secret(binding):
        return True
    current, binding = _without_fingerprints(current), _without_fingerprints(binding)
    reworded = replace(
        binding,
        applied=current.applied,
        externals=current.externals,
        not_live=current.not_live,
        created_at=current.created_at,
    )
    before, after = binding.applied, current.applied
    is_same = same(kind, (), before, after) and same(kind, (), after, before)
    return reworded != current or not is_same or _manages_more(before, after)


def _manages_more(before: Json, after: Json) -> bool:
    """Whether an applied spec has a key that the other lacks, even an empty one: its field is managed from then on."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    return any(key not in before or _manages_more(before[key], value) for key, value in after.items())


def contains_known_secret(binding: Binding) -> bool:
    """Whether the applied spec contains the value of a secret in a text or number that was not known to be secret."""
    if not redaction.has_known_secrets():
        return False
    in_text = any(map(redaction.contains_unencoded_secret, texts(binding.applied)))
    return in_text or any(redaction.number_contains_secret(leaf) for _, leaf in leaves(binding.applied))


def is_applied(desired: Desired, spec: JsonObject) -> bool:
    """Whether `spec`, as a binding records it, is that of a manifest; it may have a fingerprint in place of a text."""
    current, recorded = (
        source_fingerprint.without_fingerprint(applied(desired)),
        source_fingerprint.without_fingerprint(spec),
    )
    if not any(isinstance(leaf, TextFingerprint) for _, leaf in special_leaves(recorded)):
        return bool(current == recorded)
    return same(desired.kind, (), current, recorded) and same(desired.kind, (), recorded, current)


def _paths_of(binding: Binding, *, hidden: bool) -> set[KeyPath]:
    """The paths in the applied spec of fingerprints (`hidden`), or of readable texts."""
    leaf_type = Fingerprint if hidden else str
    return {path for path, leaf in leaves(binding.applied) if isinstance(leaf, leaf_type)}


def _without_fingerprints(binding: Binding) -> Binding:
    def redacted(document: Mapping[str, Json]) -> JsonObject:
        return map_leaves(dict(document), lambda leaf: REDACTED if isinstance(leaf, Fingerprint) else leaf)

    return replace(binding, applied=redacted(binding.applied), answered=redacted(binding.answered))
