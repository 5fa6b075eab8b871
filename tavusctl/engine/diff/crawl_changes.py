"""Changed crawl settings of a document: a recrawl with them if the API accepts one, else a new document.  Pure."""

from __future__ import annotations

from msgspec.structs import replace

from tavusctl.core.binding import Binding
from tavusctl.core.model import Action, Cause, Change, Desired, Live
from tavusctl.engine.compare.three_way import Difference
from tavusctl.lib.json_types import as_object


def can_override(item: Desired, live: Live, difference: Difference) -> bool:
    """Whether the crawl is the only fixed field that changes, and the document had one and still has one."""
    key = item.kind.crawl_key
    other_fixed = [path for path in difference.replaces if path.split("/")[1] != key]
    return bool(key and difference.replaces and not other_fixed and item.spec.get(key) and live.body.get(key))


def override(item: Desired, live: Live, difference: Difference) -> Change:
    """The recrawl that applies the manifest's crawl settings to a document."""
    key = item.kind.crawl_key
    fields = tuple(field for field in difference.fields if field.path in difference.replaces)
    settings = {name: value for name, value in as_object(item.spec[key]).items() if value is not None}
    causes = {field.cause for field in fields}
    cause = next((cause for cause in (Cause.BOTH, Cause.EDITED) if cause in causes), Cause.DRIFTED)
    return Change(
        Action.RECRAWL,
        cause,
        item.address,
        live.remote_id,
        fields=fields,
        patch=({"op": "replace", "path": f"/{key}", "value": {**as_object(live.body[key]), **settings}},),
        reason="the document is crawled again with the new settings, and keeps its id",
        source=min((item.sources[field.path] for field in fields if field.path in item.sources), default=item.source),
        desired=item,
        live=live,
    )


def with_applied_crawl(item: Desired, binding: Binding) -> Desired:
    """A manifest with the crawl that was applied last, to plan all other changes as a step of their own."""
    key = item.kind.crawl_key
    other_fields = {name: value for name, value in item.spec.items() if name != key}
    spec = {**other_fields, **({key: binding.applied[key]} if key in binding.applied else {})}
    ignored = (*item.lifecycle.ignore_changes, f"/{key}")
    return replace(item, spec=spec, lifecycle=replace(item.lifecycle, ignore_changes=ignored))
