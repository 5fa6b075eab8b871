"""The emulated world: all data that a handler of a request can read or change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tavusctl.emulator.account.clock import Clock, in_microseconds
from tavusctl.emulator.account.history import History
from tavusctl.emulator.account.journal import Entry, Journal, redact
from tavusctl.emulator.account.portal import Portal
from tavusctl.emulator.account.store import Store, StoredObject
from tavusctl.emulator.control.behaviors import Behaviors, defaults
from tavusctl.emulator.control.faults import Faults
from tavusctl.emulator.http.access import Allowed
from tavusctl.emulator.http.callbacks import Callbacks
from tavusctl.emulator.http.messages import Json, Object, Request


@dataclass(slots=True)
class World:
    """One emulated Tavus: all accounts, and everything that controls its behaviour."""

    store: Store
    allowed: Allowed = field(default_factory=Allowed)
    clock: Clock = field(default_factory=Clock)
    behaviors: Behaviors = field(default_factory=defaults)
    journal: Journal = field(default_factory=Journal)
    history: History = field(default_factory=History)
    faults: Faults = field(default_factory=Faults)
    portal: Portal = field(default_factory=Portal)
    callbacks: Callbacks = field(init=False)
    # By kind: how the next processings end, each an error, or None for success.
    outcomes: dict[str, list[str | None]] = field(default_factory=dict)
    seed: Object = field(default_factory=dict)
    first_seed: Object = field(default_factory=dict)
    first_behaviors: Object = field(default_factory=dict)
    first_faults: list[Json] = field(default_factory=list)
    commits: int = 0
    # Requests to carry out late: the time by the emulated clock, and the function that does it.
    late_requests: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.callbacks = Callbacks(self.allowed.callback_ports)

    @property
    def is_today(self) -> bool:
        """Whether the served API is that of today (the behaviour `era`)."""
        return bool(self.behaviors["era"] == "today")

    def catch_up(self) -> None:
        """Carry out the late requests that are due."""
        now = self.clock.now()
        due = [carry_out for moment, carry_out in self.late_requests if moment <= now]
        self.late_requests = [late_request for late_request in self.late_requests if late_request[0] > now]
        for carry_out in due:
            carry_out()

    def as_of(self) -> float:
        """The time whose objects lists show; infinite if lists do not lag."""
        lag = float(self.behaviors["list_lag"])
        return self.clock.now() - lag if lag else math.inf

    def next_outcome(self, kind: str) -> str | None:
        """How a processing that starts now will end: an error, or None for success.  Uses up an outcome of the kind."""
        outcomes = self.outcomes.get(kind)
        return outcomes.pop(0) if outcomes else None

    def commit(
        self,
        stored: StoredObject,
        action: str,
        *,
        by: str,
        request: int | None = None,
        body: Json = None,
        extra: Object | None = None,
    ) -> None:
        """Store an object and record the change; the object and its mutation are one transaction."""
        mutation = {
            "time": in_microseconds(self.clock.now()),
            "account": stored.account,
            "kind": stored.kind,
            "id": stored.id,
            "action": action,
            "by": by,
            "request": request,
            "body": redact(body),
            **(extra or {}),
        }
        before = self.store.get(stored.account, stored.kind, stored.id)
        self.store.put(stored, mutation)
        self.history.commit(before, stored, mutation)
        self.commits += 1

    def save_settings(self) -> None:
        """Store clock and behaviours for the next start."""
        self.store.save_setting("clock", [self.clock.offset, self.clock.frozen_at])
        self.store.save_setting("behaviors", self.behaviors.changed())

    def start(self) -> None:
        """Restore the stored clock and behaviours; behaviours of the start take precedence.  Add its fault rules."""
        clock_setting = self.store.setting("clock")
        if clock_setting is not None:
            self.clock.offset, self.clock.frozen_at = clock_setting
        self.seed = dict(self.first_seed)
        self.behaviors.change({**(self.store.setting("behaviors") or {}), **self.first_behaviors})
        self.faults.add(self.first_faults)

    def reset(self) -> None:
        """Delete everything and start again with the seed, the behaviours and the fault rules of the start."""
        self.store.clear()
        self.journal.clear()
        self.history = History()
        self.portal.edits.clear()
        self.outcomes.clear()
        self.callbacks = Callbacks(self.allowed.callback_ports)
        self.faults.rules.clear()
        self.late_requests.clear()
        self.behaviors.restore()
        self.clock = Clock()
        self.start()


@dataclass(slots=True)
class Call:
    """One request of one account to one handler.

    `id` is the id of the object in the path, `part` the name or the id below it, such as a skill.
    """

    world: World
    request: Request
    entry: Entry
    account: str
    id: str = ""
    part: str = ""

    def commit(self, stored: StoredObject, action: str, extra: Object | None = None) -> StoredObject:
        """Make a change on behalf of this request; returns the changed object."""
        self.world.commit(stored, action, by="api", request=self.entry.seq, body=self.entry.body, extra=extra)
        return stored

    def delete(self, stored: StoredObject) -> None:
        """Delete an object on behalf of this request."""
        self.commit(replace(stored, deleted=self.world.clock.now()), "delete")

    def change_personas(self, change: Callable[[Object], Object]) -> None:
        """Change personas of the account; `change` returns, for the document of each, the members that change."""
        for persona in self.world.store.live_objects(self.account, "personas"):
            if members := change(persona.document):
                self.commit(persona.with_document(persona.document | members), "update")

    def detach_from_personas(self, name: str, ident: str) -> None:
        """Remove an id from the list of this name of every persona that has it there."""

        def without(persona: Object) -> Object:
            ids = persona.get(name)  # a seed may have something else than ids there
            others = [one for one in ids if isinstance(one, str) and one != ident] if isinstance(ids, list) else []
            return {name: others} if isinstance(ids, list) and ident in ids else {}

        self.change_personas(without)

    def record_shown(self, stored: StoredObject) -> None:
        """Record the version of an object that the answer to this request shows."""
        self.entry.shown[stored.id] = self.world.history.version(stored)

    def has_flag(self, name: str) -> bool:
        """Whether a query parameter is `true`."""
        return self.request.query.get(name, "").lower() == "true"
