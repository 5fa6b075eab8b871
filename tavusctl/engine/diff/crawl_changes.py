"""A changed crawl of a document: a recrawl that overrides it where the API takes one, else a new document.  Pure."""

from __future__ import annotations

from msgspec.structs import replace

from tavusctl.core.binding import Binding
from tavusctl.core.model import Action, Cause, Change, Desired, Live
from tavusctl.engine.compare.three_way import Difference
from tavusctl.lib.json_types import as_object


def can_override(item: Desired, live: Live, difference: Difference) -> bool:
    """Whether all that is fixed and changed is the crawl, of a document that was made with one and keeps one."""
    key = item.kind.crawl_key
    fixed = [path for path in difference.replaces if path.split("/")[1] != key]
    return bool(key and difference.replaces and not fixed and item.spec.get(key) and live.body.get(key))


def override(item: Desired, live: Live, difference: Difference) -> Change:
    """The recrawl that brings a document to its manifest's crawl."""
    key = item.kind.crawl_key
    fields = tuple(one for one in difference.fields if one.path in difference.replaces)
    given = {name: value for name, value in as_object(item.spec[key]).items() if value is not None}
    causes = {one.cause for one in fields}
    cause = next((one for one in (Cause.BOTH, Cause.EDITED) if one in causes), Cause.DRIFTED)
    return Change(
        Action.RECRAWL,
        cause,
        item.address,
        live.remote_id,
        fields=fields,
        patch=({"op": "replace", "path": f"/{key}", "value": {**as_object(live.body[key]), **given}},),
        reason="the document is crawled again with the new settings, and keeps its id",
        source=min((item.sources[one.path] for one in fields if one.path in item.sources), default=item.source),
        desired=item,
        live=live,
    )


def without(item: Desired, binding: Binding) -> Desired:
    """A manifest with the crawl that was applied last: what else has changed is another step's."""
    key = item.kind.crawl_key
    rest = {name: value for name, value in item.spec.items() if name != key}
    spec = {**rest, **({key: binding.applied[key]} if key in binding.applied else {})}
    ignored = (*item.lifecycle.ignore_changes, f"/{key}")
    return replace(item, spec=spec, lifecycle=replace(item.lifecycle, ignore_changes=ignored))
