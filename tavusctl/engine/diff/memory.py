"""What a binding remembers of a manifest.  Pure."""

from __future__ import annotations

from msgspec.structs import replace

from tavusctl.document import map_leaves
from tavusctl.model import Binding, Desired, Document
from tavusctl.secret import Secret


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
