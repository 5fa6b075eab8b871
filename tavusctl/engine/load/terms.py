"""The keys around `spec:`: what may happen to a resource, when it is due, which address it had before."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Final

from tavusctl import duration
from tavusctl.engine.load import pointers
from tavusctl.engine.load.notes import Notes
from tavusctl.model import Address, Document, Lifecycle, Recrawl, ResourceKind, Value
from tavusctl.wording import shown

CRON_WORDS: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
_CRON_FIELDS: Final = 5
_TICKS: Final = 100  # of a cron expression that are looked at
_COOLDOWN: Final = 3600  # seconds that the API asks between two crawls of a document
_EXAMPLE: Final = "write /layers/tts, for one"
_LONGEST_CRON: Final = 200
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])+)+")


def lifecycle(found: Value, spec: Document, kind: ResourceKind, notes: Notes) -> Lifecycle:
    """What may happen to a resource; what is wrong is left at its default."""
    if found is None or not notes.typed(found, dict, "/lifecycle", "TV116"):
        return Lifecycle()
    notes.unknown_keys(found, ("prevent_destroy", "ignore_changes", "on_remove"), "/lifecycle")
    prevent, on_remove = found.get("prevent_destroy", False), found.get("on_remove", "delete")
    notes.typed(prevent, bool, "/lifecycle/prevent_destroy", "TV116")
    if on_remove not in ("delete", "retain"):
        message = f"lifecycle.on_remove: expected delete or retain, found {shown(on_remove)}"
        notes.error("TV116", message, notes.value_at("/lifecycle/on_remove"))
    return Lifecycle(prevent is True, _ignored(found.get("ignore_changes", []), spec, kind, notes), str(on_remove))


def recrawl(found: Value, spec: Document, kind: ResourceKind, notes: Notes) -> Recrawl | None:
    """When a crawled document is due."""
    if found is None:
        return None
    if not kind.crawls:
        notes.error("TV116", f"a {kind.name} is not crawled, so it has no recrawl", notes.key_at("/recrawl"))
        return None
    if not notes.typed(found, dict, "/recrawl", "TV116"):
        return None
    notes.unknown_keys(found, ("every", "max_age", "cron", "timezone"), "/recrawl")
    if kind.crawl and not spec.get(kind.crawl):
        message = f"recrawl: there is no {kind.crawl}: in spec, so there is nothing to crawl again"
        hint = f"add {kind.crawl}: {{depth: 2, max_pages: 25}} to spec, or remove recrawl"
        notes.error("TV116", message, notes.key_at("/recrawl"), hint)
    given = [key for key in ("every", "max_age", "cron") if key in found]
    if len(given) != 1:
        what = " and ".join(given) or "none of them"
        message = f"recrawl: expected one of every, max_age (the same) or cron, found {what}"
        notes.error("TV116", message, notes.key_at("/recrawl"))
        return None
    if not notes.typed(found[given[0]], str, f"/recrawl/{given[0]}", "TV116"):
        return None
    return _by_cron(found, notes) if given == ["cron"] else _by_period(found, given[0], notes)


def moved_from(found: Value, kind: ResourceKind, own: Address | None, notes: Notes) -> tuple[Address, ...]:
    """Addresses that a resource had before: one as text, or a list."""
    several = isinstance(found, list)
    places = [f"/moved_from/{index}" for index in range(len(found))] if several else ["/moved_from"]
    entries = zip(found if several else [] if found is None else [found], places, strict=False)
    return tuple(filter(None, (_former(entry, place, kind, own, notes) for entry, place in entries)))


def _former(found: Value, pointer: str, kind: ResourceKind, own: Address | None, notes: Notes) -> Address | None:
    if not notes.typed(found, str, pointer, "TV118"):
        return None
    example = f"write {kind.name}/OLD-NAME"
    try:
        old = Address.parse(found)
    except ValueError:
        notes.error("TV118", f"moved_from: {shown(found)} is not an address", notes.value_at(pointer), example)
        return None
    if old.kind != kind.name:
        message = f"moved_from: {old} cannot become a {kind.name}: an object stays of its kind"
        notes.error("TV118", message, notes.value_at(pointer), example)
    elif old == own:
        notes.error("TV118", f"moved_from: {old} is the address that it has", notes.value_at(pointer), example)
    return old


def watch(found: Value, spec: Document, kind: ResourceKind, notes: Notes) -> bool:
    """Whether a document is replaced when the file at its address changes."""
    if found is None or not notes.typed(found, bool, "/watch", "TV116") or not found:
        return False
    reason = ""
    if not kind.watches:
        reason = f"a {kind.name} has no source that could change"
    elif not spec.get(kind.watches):
        reason = f"watch looks at {kind.watches}, and there is none; a local file is looked at anyway"
    elif spec.get(kind.crawl):
        reason = "watch is for one file; what is crawled has recrawl:"
    if reason:
        notes.error("TV116", reason, notes.key_at("/watch"))
    return not reason


def _ignored(found: Value, spec: Document, kind: ResourceKind, notes: Notes) -> tuple[str, ...]:
    if not notes.typed(found, list, "/lifecycle/ignore_changes", "TV116"):
        return ()
    for index, pointer in enumerate(found):
        well_formed = isinstance(pointer, str) and _POINTER.fullmatch(pointer)
        fault = pointers.fault(kind, spec, pointer) if well_formed else ("is not a JSON Pointer into spec", _EXAMPLE)
        if fault:
            message = f"lifecycle.ignore_changes: {shown(pointer)} {fault[0]}"
            source = notes.value_at(f"/lifecycle/ignore_changes/{index}")
            notes.error("TV116", message, source, fault[1])
    return tuple(str(pointer) for pointer in found)


def _by_period(found: Document, key: str, notes: Notes) -> Recrawl | None:
    if "timezone" in found:
        notes.error("TV116", "recrawl.timezone goes with cron only", notes.key_at("/recrawl/timezone"))
    try:
        seconds = duration.seconds(found[key])
    except ValueError as error:
        notes.error("TV116", f"recrawl.{key}: {error}", notes.value_at(f"/recrawl/{key}"))
        return None
    if seconds < _COOLDOWN:
        message = f"recrawl.{key}: {shown(found[key])} is shorter than the hour that the API asks between two crawls"
        notes.error("TV116", message, notes.value_at(f"/recrawl/{key}"), "write 1h or more")
    return Recrawl(every=seconds)


def _by_cron(found: Document, notes: Notes) -> Recrawl:
    cron, timezone = CRON_WORDS.get(found["cron"], found["cron"]), found.get("timezone", "UTC")
    reason = _cron_fault(cron)
    if reason:
        dense = 'let it come once in an hour at most, such as "0 3 * * *"'
        hint = dense if "twice" in reason else 'five fields: minute hour day month weekday, such as "0 3 * * *"'
        notes.error("TV116", f"recrawl.cron: {shown(found['cron'])} {reason}", notes.value_at("/recrawl/cron"), hint)
    if notes.typed(timezone, str, "/recrawl/timezone", "TV116") and not _is_timezone(timezone):
        message = f"recrawl.timezone: there is no time zone {shown(timezone)}"
        notes.error("TV116", message, notes.value_at("/recrawl/timezone"), "write Europe/Berlin, for one")
    return Recrawl(cron=cron, timezone=str(timezone))


def _cron_fault(cron: str) -> str:
    """Why a cron expression is of no use, or nothing."""
    import datetime as dt  # noqa: PLC0415 - few manifests have a schedule

    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - few manifests have a schedule

    if len(cron) > _LONGEST_CRON or len(cron.split()) != _CRON_FIELDS:
        return "is not a cron expression"
    try:
        due = list(itertools.islice(CronSim(cron, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)), _TICKS))
    except CronSimError:
        return "is not a cron expression"
    if not due:
        return "never comes"
    nearest = min((later - sooner for sooner, later in itertools.pairwise(due)), default=dt.timedelta.max)
    is_dense = nearest.total_seconds() < _COOLDOWN
    return "comes twice within the hour that the API asks between two crawls" if is_dense else ""


def _is_timezone(name: str) -> bool:
    import zoneinfo  # noqa: PLC0415 - few manifests have a schedule

    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True
