"""The table of kinds, and which handler answers which request."""

from __future__ import annotations

from typing import NamedTuple

from tavusctl.emulator import conversations, documents, personas, replicas, sets
from tavusctl.emulator.messages import Refusal, Request, refuse_message
from tavusctl.emulator.resource import Handler, Resource

RESOURCES: dict[str, Resource] = {
    resource.name: resource
    for resource in (
        personas.RESOURCE,
        replicas.RESOURCE,
        documents.RESOURCE,
        sets.resource_of(sets.GUARDRAILS),
        sets.resource_of(sets.OBJECTIVES),
        conversations.RESOURCE,
    )
}
# By the parts of the path, the id as `*`: by method.
TABLE: dict[tuple[str, ...], dict[str, Handler]] = {}
for _resource in RESOURCES.values():
    for _route in _resource.routes:
        TABLE.setdefault(tuple(_route.path.strip("/").split("/")), {})[_route.method] = _route.handler
ID_AT = 2


class Match(NamedTuple):
    """Who answers, and the id in the path."""

    handler: Handler
    id: str


def match(request: Request) -> Match:
    """The handler of a request, or a refusal: 404 for a strange path, 405 for a strange method."""
    segments = request.segments()
    ident = segments[ID_AT] if len(segments) > ID_AT else ""
    shape = segments if not ident else (*segments[:ID_AT], "*", *segments[ID_AT + 1 :])
    methods = TABLE.get(shape)
    if methods is None:
        message = "Not Found"
        raise refuse_message(message, 404)
    handler = methods.get(request.method)
    if handler is None:
        raise _not_allowed(methods)
    return Match(handler, ident)


def _not_allowed(methods: dict[str, Handler]) -> Refusal:
    refusal = refuse_message("Method Not Allowed", 405)
    refusal.response.headers.append(("allow", ", ".join(sorted(methods))))
    return refusal


def by_kind(name: str) -> Resource | None:
    """A resource by its name in the plural or in the singular."""
    for resource in RESOURCES.values():
        if name in (resource.name, resource.singular):
            return resource
    return None
