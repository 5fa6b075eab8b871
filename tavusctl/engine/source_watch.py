"""Check the sources of watched documents before the comparison; a source that cannot be read counts as unchanged."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.errors import ApiError
from tavusctl.core.model import Desired
from tavusctl.core.ports import Sources
from tavusctl.crawl import source_fingerprint
from tavusctl.fields.equivalence import same
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.json_types import JsonObject, as_object
from tavusctl.secrets.values import revealed


def with_fingerprints(
    desired: Sequence[Desired], bindings: Mapping[Address, Binding], reader: Sources | None
) -> tuple[tuple[Desired, ...], tuple[Diagnostic, ...]]:
    """Manifests with the fingerprints of their sources, and warnings of sources that could not be read.

    Without `reader`, no source is read, and each has its last fingerprint.  Sources are read in a random order: if the
    time is not enough for all, other ones go without at the next time.
    """

    def check(item: Desired, later: int) -> tuple[Desired, tuple[Diagnostic, ...]]:
        last = _last_fingerprint(item, bindings.get(item.address))
        if reader is None:
            return _with_fingerprint(item, last), ()
        url = str(revealed(item.spec[item.kind.watched_url_key]))
        try:
            return _with_fingerprint(item, reader.read(url, last, later=later)), ()
        except ApiError as error:
            return _with_fingerprint(item, last), (_unreadable(item, error.message),)

    watched = [item for item in desired if item.watch]
    if not watched:
        return tuple(desired), ()
    order = random.SystemRandom().sample(watched, len(watched))
    works = [partial(check, item, later) for later, item in zip(range(len(order))[::-1], order, strict=True)]
    checks = run_all(works, reader.at_once if reader else 1)
    results = {item.address: result for item, result in zip(order, checks, strict=True)}
    checked = tuple(results[item.address][0] if item.watch else item for item in desired)
    return checked, tuple(diagnostic for item in watched for diagnostic in results[item.address][1])


def _last_fingerprint(item: Desired, binding: Binding | None) -> JsonObject:
    """The fingerprint that the state has of the source; empty if the document was made from another URL."""
    url_key, applied = item.kind.watched_url_key, binding.applied if binding else {}
    if not same(item.kind, (url_key,), item.spec[url_key], applied.get(url_key)):
        return {}
    return as_object(applied.get(source_fingerprint.KEY) or {})


def _with_fingerprint(item: Desired, fingerprint: JsonObject) -> Desired:
    return replace(item, spec={**item.spec, source_fingerprint.KEY: fingerprint}) if fingerprint else item


def _unreadable(item: Desired, reason: str) -> Diagnostic:
    message = f"{item.address}: the source could not be checked: {reason}"
    hint = "the document is not changed; use `--no-watch` to check no sources"
    return warning("TV305", message, hint, item.address)
