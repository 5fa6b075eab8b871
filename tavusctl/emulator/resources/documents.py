"""Documents of the knowledge base: /v2/documents; the pages of the list are numbered from 0."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from tavusctl.emulator.account.clock import in_seconds
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.fields import Field, Fields, diagnostics, flag, mapping, text, texts
from tavusctl.emulator.bodies.paging import all_of, limit_of, list_page, newest_first, page_of, page_response
from tavusctl.emulator.bodies.reading import comma_separated, contains, read_object, texts_in
from tavusctl.emulator.http.messages import Malformed, Object, Response, answer, refuse
from tavusctl.emulator.resources import crawls
from tavusctl.emulator.resources.resource import Missing, Resource, Route

KIND = crawls.KIND
CREATE: Fields = {
    "document_url": Field(text),
    "document_name": Field(text),
    "callback_url": Field(text),
    "tags": Field(texts),
    "crawl": Field(mapping),
    "properties": Field(mapping),
}
PATCH: Fields = {"document_name": Field(text), "tags": Field(texts)}
CREATE_TODAY: Fields = {
    **CREATE,
    "participant_tags": Field(texts),
    "custom_description": Field(text),
    "is_customer_support_document": Field(flag),
    "font_size_aware_extraction": Field(flag),
}
STATUSES = ("started", "processing", "ready", "error", "recrawling")
SORTS = ("ascending", "descending")
# How messages call the types of fields that are not strings.
TYPE_PHRASES = {"tags": "a list of strings", "crawl": "an object", "properties": "an object"}


def read_with_secrets(world: World, stored: StoredObject) -> Object:
    """The document as it is now, as a read shows it."""
    document = {"document_id": stored.id, **crawls.current_document(world, stored)}
    if not world.behaviors["newer_fields"]:
        document.pop("error_message", None)
    participants = document.pop("participant_tags", [])
    if world.is_today:
        document |= {"display_status": document["status"], "participant_tags": participants}
    return document


def _check_fields(fields: Fields, body: Object) -> None:
    for name, problem in diagnostics(fields, body).items():
        if name not in fields:
            raise refuse(f"Invalid request: unknown field {name}: {problem[0]}")
        raise refuse(f"Invalid request: {name} must be {TYPE_PHRASES.get(name, 'a string')}")


def create(call: Call) -> Response:
    """POST /v2/documents: answers the whole document; its processing follows the clock."""
    world, body = call.world, read_object(call)
    if not body.get("document_url"):
        raise refuse("Invalid request: document_url is required")
    _check_fields(CREATE_TODAY if world.is_today else CREATE, body)
    crawl = crawls.validated(call.world, body["crawl"]) if "crawl" in body else None
    if crawl:
        crawls.check_capacity(call, adds_crawl=True)
    body = dict(body)
    patching.apply_write_behaviors(world.behaviors.values, {}, body)
    document = _new_document(body, crawl, world.clock.now())
    run = crawls.begin(world, "create", document["document_url"], crawl)
    extra = {"running_crawls": crawls.running_crawls(world, call.account) + 1} if crawl else {}
    return answer(read_with_secrets(world, RESOURCE.add(call, document, {"run": run}, extra)))


def _new_document(body: Object, crawl: Object | None, now: float) -> Object:
    url = body["document_url"]
    return {
        "document_name": body.get("document_name") or _name_from(url),
        "document_url": url,
        "status": "started",
        "progress": None,
        "error_message": None,
        "created_at": in_seconds(now),
        "updated_at": in_seconds(now),
        "callback_url": body.get("callback_url", ""),
        "tags": body.get("tags", []),
        "participant_tags": body.get("participant_tags", []),
        "crawl_config": crawl,
        "crawled_urls": None,
        "last_crawled_at": None,
        "crawl_count": None,
    }


def _name_from(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "document"
    return parts.path.rstrip("/").rpartition("/")[2] or parts.netloc or "document"


def patch(call: Call) -> Response:
    """PATCH /v2/documents/ID: plain JSON; tags replace the whole list."""
    stored = RESOURCE.find(call)
    body = read_object(call)
    _check_fields(PATCH, body)
    document = stored.document | body | {"updated_at": in_seconds(call.world.clock.now())}
    patching.apply_write_behaviors(call.world.behaviors.values, stored.document, document)
    return answer(read_with_secrets(call.world, call.commit(stored.with_document(document), "update")))


def recrawl(call: Call) -> Response:
    """POST /v2/documents/ID/recrawl: 202; the results of the previous run stay until this one ends."""
    world = call.world
    stored = RESOURCE.find(call)
    requested_crawl = _requested_crawl(call)
    document = crawls.current_document(world, stored)
    crawl = requested_crawl or document["crawl_config"]
    if crawl is None:
        raise refuse("Document was not created with crawl configuration")
    if document["status"] not in ("ready", "error"):
        message = f"Document must be in 'ready' or 'error' state to recrawl, current status: {document['status']}"
        raise refuse(message, 409)
    crawls.check_cooldown(world, stored, document)
    crawls.check_capacity(call, adds_crawl=document["crawl_config"] is None)
    running = crawls.running_crawls(world, call.account)
    document |= {"status": "recrawling", "error_message": None, "updated_at": in_seconds(world.clock.now())}
    if document["crawl_config"] is None:
        document["crawl_config"] = crawl
    changed = stored.with_document(document, run=crawls.begin(world, "recrawl", document["document_url"], crawl))
    call.commit(changed, "recrawl", {"running_crawls": running + 1})
    return answer(read_with_secrets(world, changed), 202)


def _requested_crawl(call: Call) -> Object | None:
    try:
        body = call.request.json(default={})
    except Malformed as error:
        raise refuse("Invalid request: not JSON") from error
    if not isinstance(body, dict):
        raise refuse("Invalid request: not an object")
    return crawls.validated(call.world, body["crawl"]) if body.get("crawl") is not None else None


def list_documents(call: Call) -> Response:
    """GET /v2/documents: page 0 is the first."""
    query, is_today = call.request.query, call.world.is_today
    statuses, sorts = ((*STATUSES, "disabled"), (*SORTS, "asc", "desc")) if is_today else (STATUSES, SORTS)
    _check_query(query, statuses, sorts)
    order = newest_first(call, default=False)
    return page_response(call, list_page(call, RESOURCE, base=0, keep=_filter(call.world, query), newest_first=order))


def _check_query(query: dict[str, str], statuses: tuple[str, ...], sorts: tuple[str, ...]) -> None:
    for name, expected, least in (("limit", "a positive integer", 1), ("page", "a non-negative integer", 0)):
        value = query.get(name)
        if value is not None and not (value.isascii() and value.isdigit() and int(value[:20]) >= least):
            raise refuse(f"Invalid request: {name} must be {expected}")
    for name, allowed in (("sort", sorts), ("status", statuses)):
        if name in query and query[name] not in allowed:
            raise refuse(f"Invalid request: {name} must be one of {', '.join(allowed)}")


def _filter(world: World, query: dict[str, str]) -> Callable[[StoredObject], bool] | None:
    status, name = query.get("status"), query.get("name_or_uuid")
    tags = comma_separated(query.get("tags"))
    participants = comma_separated(query.get("participant_tags")) if world.is_today else set()
    return all_of(
        (status, lambda one: crawls.current_document(world, one)["status"] == status),
        (name, lambda one: one.id == name or contains(one.document["document_name"], str(name))),
        (tags, lambda one: not tags.isdisjoint(texts_in(one.document["tags"]))),
        (participants, lambda one: not participants.isdisjoint(texts_in(one.document.get("participant_tags")))),
    )


def list_tags(call: Call) -> Response:
    """GET /v2/documents/tags: the tags in use, from page 0."""
    search = call.request.query.get("search", "").lower()
    rows = call.world.store.live_objects(call.account, KIND)
    tags = sorted({tag for row in rows for tag in texts_in(row.document["tags"]) if search in tag.lower()})
    limit = limit_of(call, RESOURCE)
    start = page_of(call, 0) * limit
    return answer({"tags": tags[start : start + limit], "total_count": len(tags)})


def chunks(call: Call) -> Response:
    """GET /v2/documents/ID/chunks: always empty, as the emulator indexes nothing."""
    RESOURCE.find(call)
    return answer({"chunks": [], "next_offset": None})


def from_seed(_world: World, body: Object, now: float) -> Object:
    """A document in a seed: ready, unless the seed has another status."""
    crawl = body.get("crawl_config", body.get("crawl"))
    document = _new_document({"document_url": "https://docs.example.com/", **body}, crawl, now) | {"status": "ready"}
    if crawl:
        urls = crawls.crawled_pages(document["document_url"], crawl)
        document |= {"crawled_urls": urls, "last_crawled_at": in_seconds(now), "crawl_count": 1}
    return document | {name: value for name, value in body.items() if name in document}


RESOURCE = Resource(
    name=KIND,
    singular="document",
    prefix="d8-",
    missing=Missing(404, "message", "Document not found"),
    read_with_secrets=read_with_secrets,
    from_seed=from_seed,
    paths={"/v2/documents": ""},
    list=list_documents,
    create=create,
    patch=patch,
    more_routes=(
        Route("POST", "/v2/documents/*/recrawl", recrawl),
        Route("GET", "/v2/documents/tags", list_tags, "today"),
        Route("GET", "/v2/documents/*/chunks", chunks, "today"),
    ),
)
