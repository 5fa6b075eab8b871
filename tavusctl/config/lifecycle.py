"""The keys beside `spec:`: `lifecycle`, `recrawl`, `moved_from` and `watch`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Final

from tavusctl.config.collector import DiagnosticCollector
from tavusctl.config.spec import pointers
from tavusctl.core import duration
from tavusctl.core.address import Address
from tavusctl.core.messages import one_of, parted, shown
from tavusctl.core.model import Lifecycle, Recrawl
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import spellings
from tavusctl.kinds import address_in
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.lib.patterns import pattern

CRON_WORDS: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
_CRON_FIELDS: Final = 5
_NO_CRON: Final = "is not a cron expression", "write five fields (minute hour day month weekday)"
_NO_DATE: Final = "never matches a date", "choose a day that the month has"
_TICKS: Final = 100  # due times of a cron expression that are checked
_COOLDOWN: Final = 3600  # seconds that the API requires between two crawls of a document
_EXAMPLE: Final = "write a JSON Pointer such as `/layers/tts`"
_LIFECYCLE: Final = "write its keys, as in `lifecycle: {prevent_destroy: true}`"
_RECRAWL: Final = "write its keys, as in `recrawl: {every: 24h}`"
_LONGEST_CRON: Final = 200
_DEFAULT: Final = Lifecycle()
_POINTER = pattern(r"(?:/(?:[^~/]|~[01])+)+")


def lifecycle(value: Json, spec: JsonObject, kind: ResourceKind, collector: DiagnosticCollector) -> Lifecycle:
    """Parse `lifecycle:`; invalid keys are reported."""
    if value is None or not collector.has_type(value, dict, "/lifecycle", "TV116", _LIFECYCLE):
        return _DEFAULT
    collector.report_unknown_keys(value, ("prevent_destroy", "ignore_changes", "on_remove"), "/lifecycle")
    prevent, on_remove = value.get("prevent_destroy", False), value.get("on_remove", "delete")
    collector.has_type(prevent, bool, "/lifecycle/prevent_destroy", "TV116")
    if on_remove not in ("delete", "retain"):
        message = f"lifecycle.on_remove: expected `delete` or `retain`, found {shown(on_remove)}"
        collector.error("TV116", message, collector.value_at("/lifecycle/on_remove"), "write `delete` or `retain`")
    return Lifecycle(prevent is True, _ignored(value.get("ignore_changes", []), spec, kind, collector), str(on_remove))


def recrawl(value: Json, spec: JsonObject, kind: ResourceKind, collector: DiagnosticCollector) -> Recrawl | None:
    """Parse `recrawl:`; None if it is missing or has no valid schedule.  Problems are reported."""
    if value is None:
        return None
    if not kind.can_recrawl:
        message = f"`recrawl` is not allowed: {one_of(kind.name)} is not crawled"
        collector.error("TV116", message, collector.key_at("/recrawl"), "remove `recrawl`")
        return None
    if not collector.has_type(value, dict, "/recrawl", "TV116", _RECRAWL):
        return None
    collector.report_unknown_keys(value, ("every", "max_age", "cron", "timezone"), "/recrawl")
    if kind.crawl_key and not spec.get(kind.crawl_key):
        message = f"recrawl: `spec` has no `{kind.crawl_key}:`, so there is nothing to crawl again"
        hint = f"add `{kind.crawl_key}: {{depth: 2, max_pages: 25}}` to `spec`, or remove `recrawl`"
        collector.error("TV116", message, collector.key_at("/recrawl"), hint)
    schedule_keys = [key for key in ("every", "max_age", "cron") if key in value]
    if len(schedule_keys) != 1:
        what = " and ".join(f"`{key}`" for key in schedule_keys) or "none of them"
        message = f"recrawl: expected exactly one of `every` and `cron`, found {what}"
        collector.error("TV116", message, collector.key_at("/recrawl"), "write one of them, such as `every: 24h`")
        return None
    (key,) = schedule_keys
    schedule = value[key]
    if key != "cron" and type(schedule) in (int, float):
        schedule = str(schedule)  # which is no duration, and the hint names some
    if not collector.has_type(schedule, str, f"/recrawl/{key}", "TV116"):
        return None
    return (
        _by_cron(schedule, value.get("timezone", "UTC"), collector)
        if key == "cron"
        else _by_period(value, key, schedule, collector)
    )


def moved_from(
    value: Json, kind: ResourceKind, own: Address | None, collector: DiagnosticCollector
) -> tuple[Address, ...]:
    """Parse `moved_from:`, one address or a list: the former addresses of a resource, without unreadable ones."""
    if isinstance(value, list):
        entries = [(entry, f"/moved_from/{index}") for index, entry in enumerate(value)]
    else:
        entries = [] if value is None else [(value, "/moved_from")]
    return tuple(filter(None, (_former(entry, place, kind, own, collector) for entry, place in entries)))


def _former(
    written: Json, pointer: str, kind: ResourceKind, own: Address | None, collector: DiagnosticCollector
) -> Address | None:
    if not collector.has_type(written, str, pointer, "TV118"):
        return None
    example = f"write `{kind.name}/OLD-NAME`"
    try:
        old = address_in(written)
    except ValueError:
        collector.error(
            "TV118", f"moved_from: {shown(written)} is not an address", collector.value_at(pointer), example
        )
        return None
    if old.kind != kind.name:
        message = f"moved_from: `{old}` cannot become {one_of(kind.name)}: an object cannot change its kind"
        collector.error("TV118", message, collector.value_at(pointer), example)
    elif old == own:
        collector.error("TV118", f"moved_from: `{old}` is the current address", collector.value_at(pointer), example)
    return old


def watch(value: Json, spec: JsonObject, kind: ResourceKind, collector: DiagnosticCollector) -> bool:
    """Parse `watch:`: whether a document is replaced when the file at its source URL changes."""
    if value is None or not collector.has_type(value, bool, "/watch", "TV116") or not value:
        return False
    reason = ""
    if not kind.watched_url_key:
        reason = f"`watch` is not allowed: {one_of(kind.name)} has no source URL; remove `watch`"
    elif not spec.get(kind.watched_url_key):
        why = "changes of a local file are always noticed"
        reason = f"`watch` needs `{kind.watched_url_key}`, which is missing ({why}); remove `watch`"
    elif spec.get(kind.crawl_key):
        reason = "`watch` is for a single file; use `recrawl` for a crawled web site"
    if reason:
        message, hint = parted(reason)
        collector.error("TV116", message, collector.key_at("/watch"), hint)
    return not reason


def _ignored(written: Json, spec: JsonObject, kind: ResourceKind, collector: DiagnosticCollector) -> tuple[str, ...]:
    if not collector.has_type(written, list, "/lifecycle/ignore_changes", "TV116"):
        return ()
    ignored = []
    for index, pointer in enumerate(written):
        well_formed = isinstance(pointer, str) and _POINTER.fullmatch(pointer)
        target = spellings.model_pointer(kind, pointer) if well_formed else str(pointer)
        fault = pointers.fault(kind, spec, target) if well_formed else ("is not a JSON Pointer into `spec`", _EXAMPLE)
        if fault:
            message = f"lifecycle.ignore_changes: {shown(pointer)} {fault[0]}"
            source = collector.value_at(f"/lifecycle/ignore_changes/{index}")
            collector.error("TV116", message, source, fault[1])
        ignored.append(target)
    return tuple(ignored)


def _by_period(found: JsonObject, key: str, period: str, collector: DiagnosticCollector) -> Recrawl | None:
    if "timezone" in found:
        message, source = "`recrawl.timezone` is allowed with `cron` only", collector.key_at("/recrawl/timezone")
        collector.error("TV116", message, source, "remove `timezone`")
    try:
        seconds = duration.seconds(period)
    except ValueError as error:
        message, hint = parted(str(error))
        collector.error("TV116", f"recrawl.{key}: {message}", collector.value_at(f"/recrawl/{key}"), hint)
        return None
    if seconds < _COOLDOWN:
        message = (
            f"recrawl.{key}: {shown(period)} is shorter than one "
            "hour, the minimum that the API allows between two crawls"
        )
        collector.error("TV116", message, collector.value_at(f"/recrawl/{key}"), "write `1h` or more")
    return Recrawl(every=seconds)


def _by_cron(expression: str, timezone: Json, collector: DiagnosticCollector) -> Recrawl:
    cron = CRON_WORDS.get(expression, expression)
    if fault := _cron_fault(cron):
        reason, hint = fault
        message = f"recrawl.cron: {shown(expression)} {reason}"
        collector.error("TV116", message, collector.value_at("/recrawl/cron"), f"{hint}, such as `0 3 * * *`")
    if collector.has_type(timezone, str, "/recrawl/timezone", "TV116") and not _is_timezone(timezone):
        message = f"recrawl.timezone: unknown time zone {shown(timezone)}"
        collector.error(
            "TV116",
            message,
            collector.value_at("/recrawl/timezone"),
            "write a name of the IANA database, such as `Europe/Berlin`",
        )
    return Recrawl(cron=cron, timezone=str(timezone))


def _cron_fault(cron: str) -> tuple[str, str] | None:
    """Why a cron expression cannot be used, and what to write instead; None if it can be used."""
    fields = cron.split()
    if len(cron) > _LONGEST_CRON or len(fields) != _CRON_FIELDS:
        return _NO_CRON
    due_times = _due_times(fields)
    if due_times is None:
        minute, hour, day, month, weekday = fields
        without = ([minute, hour, "*", month, weekday], [minute, hour, day, "*", weekday])
        return _NO_CRON if None in map(_due_times, without) else _NO_DATE
    if not due_times:
        return _NO_DATE
    shortest = min((later - sooner for sooner, later in itertools.pairwise(due_times)), default=math.inf)
    if shortest < _COOLDOWN:
        reason = "matches more than once an hour, the minimum that the API allows between two crawls"
        return reason, "schedule at most one crawl an hour"
    return None


def _due_times(fields: Sequence[str]) -> list[float] | None:
    """The first due times of a cron expression, as seconds; None if it is invalid, or names a day that never comes."""
    import datetime as dt  # noqa: PLC0415 - few manifests have a schedule

    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - few manifests have a schedule

    try:
        ticks = CronSim(" ".join(fields), dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
        return [tick.timestamp() for tick in itertools.islice(ticks, _TICKS)]
    except CronSimError:
        return None


def _is_timezone(name: str) -> bool:
    import zoneinfo  # noqa: PLC0415 - few manifests have a schedule

    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True
