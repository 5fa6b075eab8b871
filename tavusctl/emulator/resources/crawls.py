"""Processing and crawling of documents: statuses that follow the clock, limits, cooldown, dangling references."""

from __future__ import annotations

import math

from tavusctl.emulator.account.clock import in_seconds, time_in
from tavusctl.emulator.account.journal import Entry
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies.fields import Field, Fields, diagnostics, integer
from tavusctl.emulator.bodies.reading import ids_in
from tavusctl.emulator.http.messages import Json, Object, refuse

KIND = "documents"
SERVED = ("ready", "recrawling")  # statuses in which the content of a document can be retrieved
CRAWL: Fields = {"depth": Field(integer(1, 10)), "max_pages": Field(integer(1, 100))}
# The share of its processing time for which a new document is "started", before it is "processing".
STARTED_SHARE = 0.1


def validated(world: World, crawl: Json) -> Object:
    """The crawl configuration of a body, or a refusal if it is invalid; today it may lack limits."""
    if not isinstance(crawl, dict):
        raise refuse("Invalid request: crawl must be an object")
    missing = [name for name in CRAWL if name not in crawl and not world.is_today]
    problems = diagnostics(CRAWL, crawl)
    if missing or problems:
        name, why = next(iter(problems.items())) if problems else (missing[0], ["is required"])
        raise refuse(f"Invalid request: crawl.{name}: {why[0]}")
    return {name: crawl[name] for name in CRAWL if name in crawl}


def begin(world: World, kind: str, url: str, crawl: Object | None) -> Object:
    """A processing run that starts now, for the hidden part of a document; `kind` is `create` or `recrawl`."""
    error = world.next_outcome(KIND)
    if error is None and not url.startswith(("http://", "https://")):
        error = "invalid_file_url"
    return {
        "kind": kind,
        "began": world.clock.now(),
        "seconds": world.behaviors["processing_seconds"],
        "error": error,
        "crawl": crawl,
    }


def is_running(world: World, stored: StoredObject) -> bool:
    """Whether the document is being processed."""
    run = stored.hidden.get("run")
    return run is not None and world.clock.now() < run["began"] + run["seconds"]


def current_document(world: World, stored: StoredObject) -> Object:
    """The document as it is now, with the progress or the results of its run."""
    run = stored.hidden.get("run")
    document = dict(stored.document)
    if run is None:
        return document
    elapsed = world.clock.now() - run["began"]
    if elapsed >= run["seconds"]:
        return document | _results(document, run)
    if run["kind"] == "create" and elapsed >= run["seconds"] * STARTED_SHARE:
        document["status"] = "processing"
        if world.behaviors["newer_fields"]:
            document["progress"] = int(100 * elapsed / run["seconds"])
    return document


def _results(document: Object, run: Object) -> Object:
    ended = run["began"] + run["seconds"]
    # The document may have been renamed after the end of the run.
    ended_at = max(in_seconds(ended), document["updated_at"])
    if run["error"]:
        return {"status": "error", "error_message": run["error"], "progress": None, "updated_at": ended_at}
    members: Object = {"status": "ready", "error_message": None, "progress": None, "updated_at": ended_at}
    if run["crawl"]:
        members |= {
            "crawled_urls": crawled_pages(document["document_url"], run["crawl"]),
            "last_crawled_at": in_seconds(ended),
            "crawl_count": (document["crawl_count"] or 0) + 1,
        }
    return members


def crawled_pages(url: str, crawl: Object) -> list[str]:
    """The URLs that a crawl finds: the start page and three on every level, but at most `max_pages`."""
    base, depth = url.rstrip("/"), crawl.get("depth", 1)
    urls = [url] + [f"{base}/level-{level}/page-{page}" for level in range(1, depth + 1) for page in (1, 2, 3)]
    return urls[: crawl.get("max_pages")]


def running_crawls(world: World, account: str) -> int:
    """How many crawls of the account are under way."""
    documents = world.store.live_objects(account, KIND)
    return sum(1 for stored in documents if is_running(world, stored) and stored.hidden["run"]["crawl"])


def check_capacity(call: Call, *, adds_crawl: bool) -> None:
    """Refuse a crawl beyond the limits of the account; `adds_crawl` if its document was not crawled before."""
    world = call.world
    limit = world.behaviors["crawl_documents"]
    if adds_crawl and limit is not None:
        crawled_documents = sum(
            1 for stored in world.store.live_objects(call.account, KIND) if stored.document["crawl_config"]
        )
        if crawled_documents >= limit:
            text = f"Crawl document limit reached ({limit}). Contact support@tavus.io to increase your limit."
            raise refuse(text, 429)
    at_once = world.behaviors["crawls_at_once"]
    if at_once is not None and running_crawls(world, call.account) >= at_once:
        raise refuse(f"Concurrent crawl limit reached ({at_once}). Please wait for a running crawl to finish.", 429)


def check_cooldown(world: World, stored: StoredObject, document: Object) -> None:
    """Refuse a recrawl too soon after the last crawl."""
    run = stored.hidden.get("run")
    last = time_in(document["last_crawled_at"])
    moments = [] if last is None else [last]
    if run and run["kind"] == "recrawl":
        moments.append(run["began"])
    wait = max(moments, default=-math.inf) + world.behaviors["crawl_cooldown"] - world.clock.now()
    if wait > 0:
        minutes = math.ceil(wait / 60)
        raise refuse(f"Recrawl cooldown: please wait {minutes} minutes before recrawling this document.", 429)


def check_references(world: World, entry: Entry, account: str) -> None:
    """Record a violation by a request for every persona that names a document which is missing or not ready."""
    for persona in world.store.live_objects(account, "personas"):
        for ident in ids_in(persona.document, "document_ids"):
            document = world.store.get(account, KIND, ident)
            status = "missing" if document is None else current_document(world, document)["status"]
            if status not in SERVED:
                text = f"persona {persona.id} names document {ident}, which is {status}"
                world.journal.add_violation(entry, "dangling_reference", text)
