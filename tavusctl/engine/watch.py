"""Look at the sources of watched documents, before they are compared; what cannot be seen counts as unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from tavusctl import sources
from tavusctl.errors import ApiError
from tavusctl.model import Address, Binding, Complaint, Desired, Document, Severity
from tavusctl.ports import Sources
from tavusctl.secret import revealed

_AT_ONCE = 4


def looked_at(
    desired: Sequence[Desired], bindings: Mapping[Address, Binding], eyes: Sources | None
) -> tuple[tuple[Desired, ...], tuple[Complaint, ...]]:
    """Manifests with what their sources look like, and what could not be seen; without eyes, as at the last look."""

    def look(item: Desired) -> tuple[Desired, tuple[Complaint, ...]]:
        if not item.watch:
            return item, ()
        binding = bindings.get(item.address)
        known: Document = (binding.applied.get(sources.KEY) if binding else None) or {}
        if eyes is None:
            return _with(item, known), ()
        try:
            return _with(item, eyes.look(str(revealed(item.spec[item.kind.watches])), known)), ()
        except ApiError as error:
            return _with(item, known), (_unseen(item, error.message),)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        seen = list(pool.map(look, desired))
    return tuple(item for item, _ in seen), tuple(one for _, complaints in seen for one in complaints)


def _with(item: Desired, look: Document) -> Desired:
    return replace(item, spec={**item.spec, sources.KEY: look}) if look else item


def _unseen(item: Desired, reason: str) -> Complaint:
    message = f"{item.address}: its source was not looked at: {reason}"
    hint = "the document stays as it is; --no-watch looks at none"
    return Complaint("TV305", message, None, hint, item.address, Severity.WARNING)
