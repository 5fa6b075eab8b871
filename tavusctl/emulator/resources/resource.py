"""How a kind of object is declared: its ids, its reads, its routes, and its refusal of an unknown id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tavusctl.emulator.account.clock import time_of_change
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.http.messages import Object, Refusal, Response, answer, empty

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


def find(call: Call, kind: str, missing: Missing) -> StoredObject:
    """The object of a kind whose id is in the path; raises the refusal if there is none."""
    stored = call.world.store.get(call.account, kind, call.id)
    if stored is None:
        raise missing.refusal(call.world.behaviors["not_found"])
    call.record_shown(stored)
    return stored


@dataclass(frozen=True, slots=True)
class Resource:
    """The declaration of one kind of object."""

    name: str  # the collection, and the kind in the store
    singular: str
    prefix: str  # of ids
    missing: Missing
    # What a portal edit patches: like a read, with real secrets.
    read_with_secrets: Callable[[World, StoredObject], Object]
    # The document of an object that a seed has or the portal creates, from its body and the time.
    from_seed: Callable[[World, Object, float], Object]
    paths: Mapping[str, str]  # the paths of the collection, each with the era that has it; empty: both
    list: Handler
    create: Handler
    patch: Handler | None = None
    get: Handler | None = None  # by default, the answer is `view`
    delete: Handler | None = None  # by default, the object is deleted
    more_routes: Sequence[Route] = ()
    hide_secrets: Callable[[World, StoredObject], Object] | None = None  # what a read shows, if there are secrets
    stock: Callable[[World], Mapping[str, StoredObject]] = lambda _: {}  # the objects that every account has, by id
    other_names: Sequence[str] = ()  # further names of the kind
    id_key: str = ""  # the member of a read that has the id; by default the singular and `_id`
    digits: int = 12  # of an id, behind its prefix
    page_size: int = 10  # of the list, by default
    max_page_size: int | None = None  # in the era `today`

    def routes(self) -> Iterator[Route]:
        """All routes of the kind."""
        for path, era in self.paths.items():
            yield Route("GET", path, self.list, era)
            yield Route("POST", path, self.create, era)
            yield Route("GET", f"{path}/*", self.get or self._get, era)
            yield Route("DELETE", f"{path}/*", self.delete or self._delete, era)
            if self.patch:
                yield Route("PATCH", f"{path}/*", self.patch, era)
        yield from self.more_routes

    def view(self, world: World, stored: StoredObject) -> Object:
        """What a read shows, secrets hidden."""
        return (self.hide_secrets or self.read_with_secrets)(world, stored)

    def _get(self, call: Call) -> Response:
        return answer(self.view(call.world, self.find_or_stock(call)))

    def _delete(self, call: Call) -> Response:
        call.delete(self.find_own(call))
        return empty(204)

    def new_id(self, world: World) -> str:
        """An id of this kind."""
        return world.store.next_id(self.prefix, self.digits)

    def add(
        self, call: Call, document: Object, hidden: Object | None = None, extra: Object | None = None
    ) -> StoredObject:
        """Store a new object on behalf of a request; returns it.  `extra` is added to its mutation."""
        now = call.world.clock.now()
        stored = StoredObject(call.account, self.name, self.new_id(call.world), now, document, hidden or {})
        return call.commit(stored, "create", extra)

    def commit_patch(
        self, call: Call, stored: StoredObject, document: Object, form: Callable[[float], str], step: float = 0
    ) -> StoredObject | None:
        """Store the result of a JSON Patch, and the time of the change in its form; None if a read shows no change."""
        world = call.world
        before = self.read_with_secrets(world, stored)
        patching.apply_write_behaviors(world.behaviors.values, before, document)
        times = {name: stored.document[name] for name in ("created_at", "updated_at") if name in stored.document}
        if self.read_with_secrets(world, stored.with_document(document | times)) == before:
            return None
        if "updated_at" in times:
            times["updated_at"] = form(time_of_change(world.clock, times["updated_at"], step))
        return call.commit(stored.with_document(document | times), "update")

    def find(self, call: Call) -> StoredObject:
        """The object whose id is in the path; raises the refusal if there is none."""
        return find(call, self.name, self.missing)

    def find_or_stock(self, call: Call) -> StoredObject:
        """The object in the path, or the stock object of its id."""
        return self.stock(call.world).get(call.id) or self.find(call)

    def find_own(self, call: Call) -> StoredObject:
        """The object in the path, to be changed; a violation if it is a stock object."""
        if call.id in self.stock(call.world):
            text = f"a stock {self.singular} was to be changed"
            call.world.journal.add_violation(call.entry, "stock_written", text)
        return self.find(call)
