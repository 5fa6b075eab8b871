"""Crawl the documents whose next crawl is due."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.session import named_addresses
from tavusctl.app.session.manifests import load
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.core.address import Address
from tavusctl.core.errors import RefusedError, UsageError, worst
from tavusctl.core.messages import moment
from tavusctl.core.model import Manifest
from tavusctl.core.timestamps import format_timestamp
from tavusctl.crawl.runner import RecrawlResult, ThrottleOptions, preview, run
from tavusctl.crawl.status import SHRUNK, Entry, Status, Target
from tavusctl.engine.import_.missing_state import UnboundManifests, of_account, unknown_reason
from tavusctl.engine.renames import Bindings
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject, as_object
from tavusctl.reports.contents import view
from tavusctl.reports.json import diagnostic_document, result_text
from tavusctl.reports.terminal.styling import style
from tavusctl.reports.text import diagnostic
from tavusctl.secrets.escape import escape_invisible

CRAWLED: Final = next(kind for kind in KINDS.values() if kind.can_recrawl)
_COLOURS: Final = {Status.DONE: "green", Status.DUE: "cyan", Status.FAILED: "red", Status.UNKNOWN: "red"}
_PARTLY: Final = 5  # exit code
_SPREAD: Final = 4.0  # seconds of random delay in CI, so that two jobs started together do not collide


class RecrawlOptions(Struct, frozen=True):
    """The documents to crawl, and how to crawl them."""

    addresses: frozenset[Address] = frozenset()
    every: bool = False  # also documents that are not due
    dry_run: bool = False
    wait: float = 0.0  # seconds, for crawls to end
    reserve: int = 1  # crawl slots to leave free for others


def recrawl(session: Session, options: RecrawlOptions, report: Callable[[Entry], None]) -> RecrawlResult:
    """Start the due crawls one after the other; `report` receives each entry as soon as its result is known."""
    manifests, _ = load(session)
    documents = {one.address: one for one in manifests if one.address.kind == CRAWLED.name}
    _check_crawlable(options.addresses, documents)
    crawlable = {address: one for address, one in documents.items() if not one.external_id}
    bindings = session.current_state(manifests, writing=not options.dry_run).bindings
    targets = _targets(crawlable, bindings, options.addresses, every=options.every)
    if not targets:
        none_due = "no document has `recrawl:`; name a document, or use `--all`"
        session.say("there is no document to crawl" if options.every else none_due)
    unknown = _unknown(session, targets, manifests, bindings)
    targets = [one for one in targets if one.address not in unknown.matching_ids]
    if options.dry_run or not targets:
        with session.reader() as api, reading(session.progress, api):
            result = preview(api, CRAWLED, targets) if targets else RecrawlResult(())
    else:
        result = _start_crawls(session, targets, options, report)
    unknown_entries = tuple(map(_unknown_entry, unknown.matching_ids, unknown.matching_ids.values()))
    for entry in () if options.dry_run else unknown_entries:
        report(entry)
    return replace(result, entries=tuple(sorted((*result.entries, *unknown_entries), key=lambda one: one.address)))


def _start_crawls(
    session: Session, targets: Sequence[Target], options: RecrawlOptions, report: Callable[[Entry], None]
) -> RecrawlResult:
    session.check_state_is_kept()
    seed = random.SystemRandom().getrandbits(32)
    spread = _SPREAD if os.environ.get("CI") else 0.0
    throttle = ThrottleOptions(options.reserve, seed, spread, lambda: _machine_lock(session.root))
    with session.client() as api:
        settle = session.settings.settle
        return run(api, CRAWLED, targets, time, throttle=throttle, settle=settle, patience=options.wait, report=report)


def exit_code(result: RecrawlResult, *, strict: bool) -> int:
    """The worst exit code of the entries; 0 if each is done or deferred.  `strict` makes a shrunken crawl an error."""
    shrunk = strict and any(one.id == SHRUNK for one in result.warnings)
    codes = [*(one.exit_code for one in result.entries), _PARTLY if shrunk else 0]
    return worst(codes, changed=any(one.status is Status.DONE for one in result.entries))


@contextlib.contextmanager
def _machine_lock(root: Path) -> Iterator[None]:
    """Hold a lock against other runs on this machine: of two crawls started at once, the API would refuse one.

    Where a file system has no locks, or cannot be written, there is no such lock.
    """
    folder = root / ".tavusctl"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / "recrawl.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    with os.fdopen(descriptor) as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_crawlable(named: frozenset[Address], documents: Mapping[Address, Manifest]) -> None:
    """UsageError for an address that cannot be crawled."""
    for address in sorted(named):
        if address.kind in KINDS and not KINDS[address.kind].can_recrawl:
            message = f"`{address}` cannot be crawled: only a {CRAWLED.name} can"
            raise UsageError(message)
        if address not in documents:
            raise named_addresses.undeclared(address, documents)
        if documents[address].external_id:
            message = f"`{address}` is external, and a crawl would change it: an external object is never written"
            raise UsageError(message, "run `recrawl` in the project that manages it")


def _targets(
    crawlable: Mapping[Address, Manifest], bindings: Bindings, named: frozenset[Address], *, every: bool
) -> list[Target]:
    """The documents that this run may crawl, with their ids."""
    targets = []
    for address, manifest in sorted(crawlable.items()):
        binding = bindings.get(address)
        remote_id, created_at = (binding.remote_id, binding.created_at) if binding else ("", "")
        is_chosen = address in named or (not named and bool(manifest.recrawl))
        # The manifest may not say whether the document is crawled; the account knows.
        may_be_crawled = every and not named and bool(remote_id or manifest.spec.get("crawl"))
        if is_chosen or may_be_crawled:
            crawl = _crawl(manifest)
            targets.append(Target(address, remote_id, manifest.recrawl, every, not is_chosen, crawl, created_at))
    return targets


def _unknown(
    session: Session, targets: Sequence[Target], manifests: Sequence[Manifest], bindings: Bindings
) -> UnboundManifests:
    """Targets that the state does not know but the account has by name; the account is read only if there are any."""
    unbound_addresses = {one.address for one in targets if not one.remote_id}
    if not unbound_addresses:
        return UnboundManifests()
    unbound = [item for item in manifests if item.address in unbound_addresses]
    with session.reader() as api:
        return of_account(unbound, api, bindings, session.others)


def _unknown_entry(address: Address, ids: Sequence[str]) -> Entry:
    """The entry of a document that the account has by name, but that must not be crawled without a binding."""
    return Entry(address, "", Status.FAILED, unknown_reason(ids), exit_code=RefusedError.exit_code)


def _crawl(manifest: Manifest) -> tuple[tuple[str, Json], ...]:
    """The crawl settings of a manifest, sorted by name, without null values."""
    settings = as_object(manifest.spec.get(CRAWLED.crawl_key) or {})
    return tuple((name, settings[name]) for name in sorted(settings) if settings[name] is not None)


def line(entry: Entry) -> str:
    """A line for one document: status, address, id, reason, and the time of the next crawl."""
    word = style(f"{entry.status.value:<8}", fg=_COLOURS.get(entry.status, "yellow"))
    remote_id = f" ({entry.remote_id})" if entry.remote_id else ""
    due = f"; next {moment(entry.next)}" if entry.next and entry.status is not Status.DUE else ""
    return f"{word} {entry.address}{remote_id}: {escape_invisible(entry.reason)}{due}"


def text(result: RecrawlResult, *, listed: bool) -> str:
    """The summary at the end; `listed` puts the lines of all entries before it."""
    counts = Counter(entry.status for entry in result.entries)
    summary = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status]) or "nothing to do"
    lines = [*(map(line, result.entries) if listed else ()), *map(diagnostic, view.diagnostics(result.warnings))]
    return "\n".join([*lines, style(f"Recrawl: {summary}", bold=True)]) + "\n"


def document(result: RecrawlResult) -> str:
    """The result as JSON."""
    return result_text(
        recrawls=[_entry(entry) for entry in result.entries],
        warnings=[diagnostic_document(one) for one in result.warnings],
    )


def _entry(entry: Entry) -> JsonObject:
    return {
        "address": str(entry.address),
        "id": entry.remote_id or None,
        "status": entry.status.value,
        "reason": entry.reason,
        "next": format_timestamp(entry.next) if entry.next else None,
        "last": format_timestamp(entry.last) if entry.last else None,
    }
