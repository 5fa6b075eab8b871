"""Crawl the documents that are due again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.session import keyring
from tavusctl.app.session.manifests import load
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.core.address import Address
from tavusctl.core.errors import RefusedError, UsageError, worst
from tavusctl.core.messages import suggestion
from tavusctl.core.model import Manifest
from tavusctl.crawl.runner import RecrawlResult, ThrottleOptions, look, run
from tavusctl.crawl.status import SHRUNK, Entry, Status, Target, stamp
from tavusctl.engine import renames
from tavusctl.engine.import_.missing_state import HINT, Unknown, of_account
from tavusctl.kinds import KINDS
from tavusctl.lib.clock import SystemClock
from tavusctl.lib.json_types import Json, JsonObject, as_object
from tavusctl.reports import view
from tavusctl.reports.json import FORMAT_VERSION, diagnostic_document
from tavusctl.reports.terminal.styling import style
from tavusctl.reports.text import diagnostic
from tavusctl.secrets.escape import escape_invisible
from tavusctl.state.seals import SealedState, opened

CRAWLED: Final = next(kind for kind in KINDS.values() if kind.can_recrawl)
_COLOURS: Final = {Status.DONE: "green", Status.DUE: "cyan", Status.FAILED: "red", Status.UNKNOWN: "red"}
_UNREACHABLE, _PARTLY = 11, 5
_SPREAD: Final = 4.0  # seconds by which the same job, started twice at one moment, is drawn apart


class RecrawlOptions(Struct, frozen=True):
    """Which documents, and how."""

    addresses: frozenset[Address] = frozenset()
    every: bool = False  # whether due or not
    dry_run: bool = False
    wait: float = 0.0  # seconds, for crawls to end
    reserve: int = 1  # slots left for people
    strict: bool = False  # a crawl that has lost half of the pages is an error


def recrawl(session: Session, asked: RecrawlOptions, tell: Callable[[Entry], None]) -> RecrawlResult:
    """Start the crawls that are due, one after the other; each entry is told as soon as it is known."""
    targets = _targets(session, asked.addresses, every=asked.every, writing=not asked.dry_run)
    if not targets:
        session.say("no document has `recrawl:`; name a document, or use `--all`")
    unknown = _unknown(session, targets)
    targets = [one for one in targets if one.address not in unknown.there]
    if asked.dry_run or not targets:
        with session.reader() as api, reading(session.progress, api):
            found = look(api, CRAWLED, targets) if targets else RecrawlResult(())
    else:
        found = _crawled(session, targets, asked, tell)
    lost = tuple(map(_lost, unknown.there, unknown.there.values()))
    for entry in () if asked.dry_run else lost:
        tell(entry)
    return replace(found, entries=tuple(sorted((*found.entries, *lost), key=lambda one: one.address)))


def _crawled(
    session: Session, targets: Sequence[Target], asked: RecrawlOptions, tell: Callable[[Entry], None]
) -> RecrawlResult:
    session.check_state_is_kept()
    seed = random.SystemRandom().getrandbits(32)
    spread = _SPREAD if os.environ.get("CI") else 0.0
    throttle = ThrottleOptions(asked.reserve, seed, spread, lambda: _turn(session.root))
    with session.client() as api:
        return run(api, CRAWLED, targets, SystemClock(), manners=throttle, patience=asked.wait, report=tell)


def exit_code(found: RecrawlResult, *, strict: bool) -> int:
    """The worst of what happened; 0 when all was done or deferred."""
    done = any(entry.status is Status.DONE for entry in found.entries)
    codes = [_PARTLY if done and one.exit_code == _UNREACHABLE else one.exit_code for one in found.entries]
    shrunk = strict and any(one.id == SHRUNK for one in found.warnings)
    return worst([*codes, _PARTLY if shrunk else 0])


@contextlib.contextmanager
def _turn(root: Path) -> Iterator[None]:
    """Start crawls one by one with other runs on this machine; without it, the API would refuse one of two."""
    folder = root / ".tavusctl"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / "recrawl.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    with os.fdopen(descriptor) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _targets(session: Session, named: frozenset[Address], *, every: bool, writing: bool) -> list[Target]:
    """The documents that this run is about, with their ids."""
    manifests, _ = load(session)
    crawlable = {one.address: one for one in manifests if one.address.kind == CRAWLED.name}
    for address in sorted(named):
        if address.kind in KINDS and not KINDS[address.kind].can_recrawl:
            message = f"`{address}` cannot be crawled: only a {CRAWLED.name} can"
            raise UsageError(message)
        if address not in crawlable:
            message = f"`{address}` is not in the manifests"
            raise UsageError(message, suggestion(str(address), map(str, crawlable)))
    found = _opened(session)
    if writing:
        found.custody.check_trusted()
    bindings, _ = renames.follow(manifests, found.replay.state.bindings)
    targets = []
    for address, manifest in sorted(crawlable.items()):
        bound = bindings.get(address)
        remote_id = manifest.external_id or (bound.remote_id if bound else "")
        if address in named or (not named and manifest.recrawl):
            target = Target(address, remote_id, manifest.recrawl, every, crawl=_crawl(manifest))
        elif every and not named and (remote_id or manifest.spec.get("crawl")):
            # Whether it is crawled may not stand in the manifest; the account knows.
            target = Target(address, remote_id, None, asked=True, if_crawled=True, crawl=_crawl(manifest))
        else:
            continue
        if bound and bound.remote_id == remote_id:
            target = replace(target, created_at=bound.created_at)
        targets.append(target)
    return targets


def _opened(session: Session) -> SealedState:
    return opened(session.store(), keyring.keys(session))


def _unknown(session: Session, targets: Sequence[Target]) -> Unknown:
    """Documents that the state does not know and the account has by name; it is asked only where some are not known."""
    free = {one.address for one in targets if not one.remote_id}
    if not free:
        return Unknown()
    manifests, _ = load(session)
    bindings, _ = renames.follow(manifests, _opened(session).replay.state.bindings)
    bound = {address: one.remote_id for address, one in bindings.items()}
    with session.reader() as api:
        wanted = [one for one in manifests if one.address in free]
        return of_account(wanted, KINDS, api, bound, session.others().owners)


def _lost(address: Address, ids: Sequence[str]) -> Entry:
    """A document that is there, as far as its name tells, and that nobody here may touch."""
    reason = f"the object is not in the state, and the account has objects of its name: {', '.join(ids)}; {HINT}"
    return Entry(address, "", Status.FAILED, reason, exit_code=RefusedError.exit_code)


def _crawl(manifest: Manifest) -> tuple[tuple[str, Json], ...]:
    """What a manifest says of the crawl."""
    said = as_object(manifest.spec.get(CRAWLED.crawl_key) or {})
    return tuple((name, said[name]) for name in sorted(said) if said[name] is not None)


def line(entry: Entry) -> str:
    """One document, what became of it, and why."""
    word = style(f"{entry.status.value:<8}", fg=_COLOURS.get(entry.status, "yellow"))
    remote_id = f" ({entry.remote_id})" if entry.remote_id else ""
    due = f"; next {stamp(entry.next)}" if entry.next and entry.status is not Status.DUE else ""
    return f"{word} {entry.address}{remote_id}: {escape_invisible(entry.reason)}{due}"


def text(found: RecrawlResult, *, listed: bool) -> str:
    """The sum at the end; with all lines where none was told before."""
    counts = Counter(entry.status for entry in found.entries)
    words = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status]) or "nothing to do"
    lines = [*(map(line, found.entries) if listed else ()), *map(diagnostic, view.diagnostics(found.warnings))]
    return "\n".join([*lines, style(f"Recrawl: {words}", bold=True)]) + "\n"


def document(found: RecrawlResult) -> str:
    """All of it as JSON."""
    known = {
        "format_version": FORMAT_VERSION,
        "recrawls": [_entry(entry) for entry in found.entries],
        "warnings": [diagnostic_document(one) for one in found.warnings],
    }
    return json.dumps(known, indent=2, ensure_ascii=False) + "\n"


def _entry(entry: Entry) -> JsonObject:
    return {
        "address": str(entry.address),
        "id": entry.remote_id or None,
        "status": entry.status.value,
        "reason": entry.reason,
        "next": stamp(entry.next) if entry.next else None,
        "last": stamp(entry.last) if entry.last else None,
    }
