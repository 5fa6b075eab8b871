"""The emulated world: all data that a handler of a request can read or change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tavusctl.emulator.account.clock import Clock, in_microseconds
from tavusctl.emulator.account.history import History
from tavusctl.emulator.account.journal import Entry, Journal, redact
from tavusctl.emulator.account.portal import Portal
from tavusctl.emulator.account.store import Store, StoredObject
from tavusctl.emulator.control import forms
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

    def as_of(self) -> float | None:
        """The time whose objects lists show; None if lists do not lag."""
        lag = float(self.behaviors["list_lag"])
        return self.clock.now() - lag if lag else None

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
        self.behaviors.change(
            {**(self.store.setting("behaviors") or self.store.setting("switches") or {}), **self.first_behaviors}
        )
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

    def commit(self, stored: StoredObject, action: str, extra: Object | None = None) -> None:
        """Make a change on behalf of this request."""
        self.world.commit(stored, action, by="api", request=self.entry.seq, body=self.entry.body, extra=extra)

    def delete(self, stored: StoredObject) -> None:
        """Delete an object on behalf of this request."""
        self.commit(replace(stored, deleted=self.world.clock.now()), "delete")

    def record_shown(self, stored: StoredObject) -> None:
        """Record the version of an object that the answer to this request shows."""
        self.entry.shown[stored.id] = self.world.history.version(stored)

    def has_flag(self, name: str) -> bool:
        """Whether a query parameter is `true`."""
        return self.request.query.get(name, "").lower() == "true"


def build(
    *,
    db: str | Path | None,
    seed: str | Path | Mapping[str, Json] | None,
    faults: str | Path | list[Object] | None,
    behaviors: Mapping[str, Json] | None = None,
    allowed: Allowed | None = None,
) -> World:
    """A world from the arguments of `serve`; must run in the thread that serves.  BadForm if a file is invalid."""
    first_seed, rules = _load(seed), _load(faults)
    with in_file(seed):
        first_seed = _seed_accounts({} if first_seed is None else first_seed)
    with in_file(faults):
        rules = _fault_rules(rules or [])
        Faults().add(rules)
    store, start_behaviors = Store(db), dict(behaviors or {})
    with ExitStack() as cleanup:
        cleanup.callback(store.close)  # a failed start leaves no file open
        world = World(
            store, allowed or Allowed(), first_seed=first_seed, first_behaviors=start_behaviors, first_faults=rules
        )
        world.start()
        cleanup.pop_all()
    return world


def _load(source: str | Path | Json) -> Json:
    """The content of a JSON file, or the value that was given in its place."""
    if not isinstance(source, str | Path):
        return source
    try:
        return json.loads(Path(source).read_text(encoding="utf-8"))
    except OSError as error:
        message = f"the file `{source}` cannot be read: {error.strerror}"
    except (ValueError, RecursionError) as error:  # invalid UTF-8 is a ValueError, too
        message = f"the file `{source}` is not valid JSON: {error}"
    raise forms.BadForm(message)


@contextmanager
def in_file(source: str | Path | Json) -> Iterator[None]:
    """Raise a ValueError about the content of a file as BadForm that names the file."""
    try:
        yield
    except ValueError as error:
        if not isinstance(source, str | Path):
            raise
        message = f"`{source}`: {error}"
        raise forms.BadForm(message) from error


def _seed_accounts(seed: Json) -> Object:
    if not isinstance(seed, Mapping):
        message = "the seed is an object of accounts"
        raise forms.BadForm(message)
    return dict(seed)


def _fault_rules(rules: Json) -> list[Json]:
    """The fault rules of a file: a list, an object with `faults` as GET faults returns it, or a single rule."""
    fault_rules = rules["faults"] if isinstance(rules, dict) and set(rules) == {"faults"} else rules
    if not isinstance(fault_rules, list | dict):
        message = "faults are a list of rules"
        raise forms.BadForm(message)
    return fault_rules if isinstance(fault_rules, list) else [fault_rules]
