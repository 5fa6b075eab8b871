"""`tavusctl recrawl`: crawl documents again when they are due."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from tavusctl import duration
from tavusctl.cli import keyring
from tavusctl.cli.completing import address as known_address
from tavusctl.cli.local import say
from tavusctl.cli.progress import reading
from tavusctl.cli.session import Session, SystemClock, addresses, options
from tavusctl.custody import Opened, opened
from tavusctl.engine import move
from tavusctl.engine.recrawl import Manners, Recrawls, look, run
from tavusctl.engine.unknown import HINT, Unknown, of_account
from tavusctl.errors import RefusedError, UsageError, worst
from tavusctl.freshness import AT_ONCE, SHRUNK, Entry, Status, Target, stamp
from tavusctl.kinds import KINDS
from tavusctl.model import Address, Manifest
from tavusctl.reports import view
from tavusctl.reports.json import FORMAT_VERSION, complaint_document
from tavusctl.reports.text import complaint
from tavusctl.unseen import visible
from tavusctl.wording import suggestion

CRAWLED = next(kind for kind in KINDS.values() if kind.crawls)
_COLOURS = {Status.DONE: "green", Status.DUE: "cyan", Status.FAILED: "red", Status.UNKNOWN: "red"}
_UNREACHABLE, _PARTLY = 11, 5
_SPREAD = 4.0  # seconds by which the same job, started twice at one moment, is drawn apart


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float:
    try:
        return duration.seconds(value) if value else 0.0
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("recrawl")
@click.argument("addresses_", metavar="[ADDR]...", nargs=-1, callback=addresses, shell_complete=known_address)
@click.option("--all", "every", is_flag=True, help="Crawl whether due or not, those without `recrawl:` too.")
@click.option("--dry-run", is_flag=True, help="Show what is due, and start nothing.")
@click.option("--wait", callback=_seconds, metavar="DURATION", help="Wait this long for crawls to end, such as 30m.")
@click.option("--reserve", type=click.IntRange(0, AT_ONCE - 1), default=1, help="Slots left for people, default 1.")
@click.option("--strict", is_flag=True, help="With --wait: exit 5 when a crawl found less than half of the pages.")
@click.option("-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@options
def command(
    session: Session,
    *,
    addresses_: frozenset[Address],
    every: bool,
    dry_run: bool,
    wait: float,
    reserve: int,
    strict: bool,
    format_: str,
) -> int:
    """Crawl documents again when their `recrawl:` says so; those at ADDR, or all that have one.

    What is due is decided from the last crawl and the server's clock, so this can run as often as you like.  What is
    not due or busy is deferred to the next run, and that is no error.

    \b
    tavusctl recrawl --dry-run
    tavusctl recrawl document/price-list --all --wait 30m
    """  # noqa: D301
    if strict and not wait:
        message = "--strict looks at what a crawl has found, and without --wait no end of one is seen"
        raise UsageError(message, "add --wait 30m")
    targets = _targets(session, addresses_, every=every, writing=not dry_run)
    if not targets:
        say(session, "no document has `recrawl:`; name one, or use --all")
    unknown = _unknown(session, targets)
    targets = [one for one in targets if one.address not in unknown.there]
    if dry_run or not targets:
        with session.reader() as api, reading(session, api):
            found = look(api, CRAWLED, targets) if targets else Recrawls(())
    else:
        seed = random.SystemRandom().getrandbits(32)
        spread = _SPREAD if os.environ.get("CI") else 0.0
        manners = Manners(reserve, seed, spread, lambda: _turn(session.root))
        with session.client() as api:
            found = run(
                api,
                CRAWLED,
                targets,
                SystemClock(),
                manners=manners,
                patience=wait,
                report=lambda entry: _tell(session, entry, format_),
            )
    lost = tuple(map(_lost, unknown.there, unknown.there.values()))
    found = replace(found, entries=tuple(sorted((*found.entries, *lost), key=lambda one: one.address)))
    for entry in () if dry_run else lost:
        _tell(session, entry, format_)
    click.echo(_document(found) if format_ == "json" else _text(found, listed=dry_run), nl=False)
    shrunk = strict and any(one.id == SHRUNK for one in found.warnings)
    return worst([exit_code(found.entries), _PARTLY if shrunk else 0])


def exit_code(entries: Sequence[Entry]) -> int:
    """The worst of what happened; 0 when all was done or deferred."""
    done = any(entry.status is Status.DONE for entry in entries)
    codes = [_PARTLY if done and one.exit_code == _UNREACHABLE else one.exit_code for one in entries]
    return worst(codes)


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
    manifests, _ = session.load()
    crawlable = {one.address: one for one in manifests if one.address.kind == CRAWLED.name}
    for address in sorted(named):
        if address.kind in KINDS and not KINDS[address.kind].crawls:
            message = f"{address} is not crawled: only a {CRAWLED.name} is"
            raise UsageError(message)
        if address not in crawlable:
            message = f"the project has no {address}"
            raise UsageError(message, suggestion(str(address), map(str, crawlable)))
    found = _opened(session)
    if writing:
        found.custody.check_trusted()
    bindings, _ = move.follow(manifests, found.replay.state.bindings)
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


def _opened(session: Session) -> Opened:
    return opened(session.store(), keyring.keys(session.environment))


def _unknown(session: Session, targets: Sequence[Target]) -> Unknown:
    """Documents that the state does not know and the account has by name; it is asked only where some are not known."""
    free = {one.address for one in targets if not one.remote_id}
    if not free:
        return Unknown()
    manifests, _ = session.load()
    bindings, _ = move.follow(manifests, _opened(session).replay.state.bindings)
    bound = {address: one.remote_id for address, one in bindings.items()}
    with session.reader() as api:
        wanted = [one for one in manifests if one.address in free]
        return of_account(wanted, KINDS, api, bound, session.others().owners)


def _lost(address: Address, ids: Sequence[str]) -> Entry:
    """A document that is there, as far as its name tells, and that nobody here may touch."""
    reason = f"the state does not know it, and the account has its name: {', '.join(ids)}; {HINT}"
    return Entry(address, "", Status.FAILED, reason, exit_code=RefusedError.exit_code)


def _crawl(manifest: Manifest) -> tuple[tuple[str, int], ...]:
    """What a manifest says of the crawl."""
    said = manifest.spec.get(CRAWLED.crawl) or {}
    return tuple(sorted((name, value) for name, value in said.items() if value is not None))


def _tell(session: Session, entry: Entry, format_: str) -> None:
    """One entry as soon as it is known: on stdout as text, on stderr beside a document."""
    if format_ == "text":
        click.echo(_line(entry))
    else:
        say(session, _line(entry))


def _line(entry: Entry) -> str:
    word = click.style(f"{entry.status.value:<8}", fg=_COLOURS.get(entry.status, "yellow"))
    remote_id = f" ({entry.remote_id})" if entry.remote_id else ""
    due = f"; next {stamp(entry.next)}" if entry.next and entry.status is not Status.DUE else ""
    return f"{word} {entry.address}{remote_id}: {visible(entry.reason)}{due}"


def _text(found: Recrawls, *, listed: bool) -> str:
    counts = Counter(entry.status for entry in found.entries)
    words = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status]) or "nothing to do"
    lines = [*(map(_line, found.entries) if listed else ()), *map(complaint, view.complaints(found.warnings))]
    return "\n".join([*lines, click.style(f"Recrawl: {words}", bold=True)]) + "\n"


def _document(found: Recrawls) -> str:
    document = {
        "format_version": FORMAT_VERSION,
        "recrawls": [_entry(entry) for entry in found.entries],
        "warnings": [complaint_document(one) for one in found.warnings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "address": str(entry.address),
        "id": entry.remote_id or None,
        "status": entry.status.value,
        "reason": entry.reason,
        "next": stamp(entry.next) if entry.next else None,
        "last": stamp(entry.last) if entry.last else None,
    }
