"""How a kind of object is declared: its ids, its reads, its routes, and its refusal of an unknown id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.http.messages import Object, Refusal, Response

Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path and its handler; the first `*` of the path is the id of an object, the second that of a part."""

    method: str
    path: str
    handler: Handler
    era: str = ""  # the era that has the route; empty: both


def persona_and_pal_routes(method: str, path: str, handler: Handler, era: str = "today") -> Sequence[Route]:
    """The routes of a call below /v2/personas and below /v2/pals; `path` has `{}` for the two names."""
    return [Route(method, path.format(name), handler, era) for name in ("personas", "pals")]


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer of the API when there is no such object."""

    status: int
    key: str
    text: str

    def refusal(self, style: str) -> Refusal:
        """The refusal; `style` is the value of the behaviour `not_found`."""
        return Refusal(self.status if style == "documented" else int(style), {self.key: self.text})


@dataclass(frozen=True, slots=True)
class Resource:
    """The declaration of one kind of object."""

    name: str  # the collection, and the kind in the store
    singular: str
    id_key: str
    prefix: str
    digits: int
    missing: Missing
    # What a read shows, secrets hidden.
    view: Callable[[World, StoredObject], Object]
    # What a portal edit patches: like a read, with real secrets.
    read_with_secrets: Callable[[World, StoredObject], Object]
    # Document and hidden part of an object that a seed has or the portal creates, from its body and the time.
    from_seed: Callable[[World, Object, float], tuple[Object, Object]]
    routes: Sequence[Route]
    other_names: Sequence[str] = ()  # further names of the kind

    def new_id(self, world: World) -> str:
        """An id of this kind."""
        return world.store.next_id(self.prefix, self.digits)

    def find(self, call: Call) -> StoredObject:
        """The object whose id is in the path; raises the refusal if there is none."""
        stored = call.world.store.get(call.account, self.name, call.id)
        if stored is None:
            raise self.missing.refusal(call.world.behaviors["not_found"])
        call.record_shown(stored)
        return stored
