"""Look at the sources of watched documents, before they are compared; what cannot be seen counts as unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import ApiError
from tavusctl.core.model import Desired
from tavusctl.core.ports import Sources
from tavusctl.crawl import source_fingerprint
from tavusctl.lib.json_types import JsonObject, as_object
from tavusctl.secrets.values import revealed

_AT_ONCE = 4


def looked_at(
    desired: Sequence[Desired], bindings: Mapping[Address, Binding], eyes: Sources | None
) -> tuple[tuple[Desired, ...], tuple[Diagnostic, ...]]:
    """Manifests with what their sources look like, and what could not be seen; without eyes, as at the last look."""

    def look(item: Desired) -> tuple[Desired, tuple[Diagnostic, ...]]:
        binding = bindings.get(item.address)
        known = as_object((binding.applied.get(source_fingerprint.KEY) if binding else None) or {})
        if eyes is None:
            return _with(item, known), ()
        try:
            return _with(item, eyes.look(str(revealed(item.spec[item.kind.watched_url_key])), known)), ()
        except ApiError as error:
            return _with(item, known), (_unseen(item, error.message),)

    watched = [item for item in desired if item.watch]
    if not watched:
        return tuple(desired), ()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        seen = {item.address: found for item, found in zip(watched, pool.map(look, watched), strict=True)}
    looked = tuple(seen[item.address][0] if item.watch else item for item in desired)
    return looked, tuple(one for _, diagnostics in seen.values() for one in diagnostics)


def _with(item: Desired, look: JsonObject) -> Desired:
    return replace(item, spec={**item.spec, source_fingerprint.KEY: look}) if look else item


def _unseen(item: Desired, reason: str) -> Diagnostic:
    message = f"{item.address}: the source could not be checked: {reason}"
    hint = "the document is not changed; use `--no-watch` to check no sources"
    return Diagnostic("TV305", message, None, hint, item.address, Severity.WARNING)
