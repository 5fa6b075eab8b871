"""The table of kinds, and the handler of each request."""

from __future__ import annotations

from typing import NamedTuple

from tavusctl.emulator.http.messages import Refusal, Request, refuse_message
from tavusctl.emulator.personas import personas
from tavusctl.emulator.registries import connectors, deployments, dictionaries, guardrails, tools, voices
from tavusctl.emulator.resources import conversations, documents, replicas, sets
from tavusctl.emulator.resources.resource import Handler, Resource

RESOURCES: dict[str, Resource] = {
    resource.name: resource
    for resource in (
        personas.RESOURCE,
        replicas.RESOURCE,
        documents.RESOURCE,
        sets.resource_of(sets.GUARDRAILS),
        sets.resource_of(sets.OBJECTIVES),
        conversations.RESOURCE,
        guardrails.RESOURCE,
        tools.RESOURCE,
        voices.RESOURCE,
        dictionaries.RESOURCE,
        deployments.RESOURCE,
        connectors.RESOURCE,
    )
}
# By era, then by the parts of the path, ids as `*`, then by method.
Table = dict[tuple[str, ...], dict[str, Handler]]
TABLES: dict[str, Table] = {"seed": {}, "today": {}}
for _era, _table in TABLES.items():
    for _resource in RESOURCES.values():
        for _route in sorted(_resource.routes(), key=lambda route: route.era):  # routes of one era win
            if _route.era in ("", _era):
                _table.setdefault(tuple(_route.path.strip("/").split("/")), {})[_route.method] = _route.handler
ID_AT, PART_AT = 2, 4


class Match(NamedTuple):
    """The handler of a request, the id of the object in the path, and that of its part; an id not there is empty."""

    handler: Handler
    id: str
    part: str


def match(request: Request, era: str) -> Match:
    """The handler of a request, or a refusal: 404 for an unknown path, 405 for a method that the path does not have."""
    segments = request.segments()
    shape = _shape(TABLES[era], segments)
    if shape is None:
        raise refuse_message("Not Found", 404)
    methods = TABLES[era][shape]
    handler = methods.get(request.method)
    if handler is None:
        raise _not_allowed(methods)
    ident, part = (segments[at] if len(shape) > at and shape[at] == "*" else "" for at in (ID_AT, PART_AT))
    return Match(handler, ident, part)


def _shape(table: Table, segments: tuple[str, ...]) -> tuple[str, ...] | None:
    """The key of a path in the table, or None; words are tried before ids."""
    for ids in ((), (ID_AT,), (ID_AT, PART_AT)):
        shape = tuple("*" if at in ids and part else part for at, part in enumerate(segments))
        if shape in table:
            return shape
    return None


def _not_allowed(methods: dict[str, Handler]) -> Refusal:
    refusal = refuse_message("Method Not Allowed", 405)
    refusal.response.headers.append(("allow", ", ".join(sorted(methods))))
    return refusal


def resource_named(name: str) -> Resource | None:
    """A resource by one of its names, in the plural or in the singular; None if there is none."""
    for resource in RESOURCES.values():
        if name in (resource.name, resource.singular, *resource.other_names):
            return resource
    return None
