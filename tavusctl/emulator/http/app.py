"""From a request to its response: account, portal edits, handler, journal; independent of sockets."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field

from tavusctl.emulator.account.clock import in_microseconds
from tavusctl.emulator.account.journal import Entry
from tavusctl.emulator.account.portal import BadEdit
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.control import channel, maker, seeding
from tavusctl.emulator.control.faults import Fault
from tavusctl.emulator.http.access import AccessPolicy
from tavusctl.emulator.http.messages import Refusal, Request, Response, answer
from tavusctl.emulator.resources import crawls, rooms, routes

UNAUTHORISED = {"message": "Invalid access token"}
OK = 200
BAD_REQUEST = 400


@dataclass(slots=True)
class Exchange:
    """One request being answered: its entry in the journal, and the fault that will strike it."""

    request: Request
    refusal: Response | None = None  # the response to a sender that may not call
    account: str | None = None
    entry: Entry | None = None
    fault: Fault | None = None


@dataclass(slots=True)
class App:
    """Answers requests, one at a time."""

    world: World
    access_policy: AccessPolicy
    _greeted: set[str] = field(default_factory=set)

    def open(self, request: Request) -> Exchange:
        """Record a request and choose its fault; not for refused ones, the control side, rooms and preflights."""
        is_control = channel.is_control_request(request)
        exchange = Exchange(request, self.access_policy.refusal(request, control=is_control))
        if exchange.refusal:
            return exchange
        self.world.catch_up()
        if is_control or rooms.is_room_request(request) or request.method == "OPTIONS":
            return exchange
        exchange.account = self._account(request)
        exchange.entry = self.world.journal.open(request, in_microseconds(self.world.clock.now()), exchange.account)
        self.world.history.record("call", exchange.entry)
        exchange.fault = self.world.faults.take(request.method, request.path)
        if exchange.fault is not None:
            exchange.entry.fault = exchange.fault.kind
        return exchange

    def allows_large_body(self, request: Request) -> bool:
        """Whether the body of a request may be as large as a seed: whether it is an allowed control request."""
        return channel.is_control_request(request) and self.access_policy.refusal(request, control=True) is None

    def answer_late(self, exchange: Exchange, seconds: float) -> None:
        """Carry out a request when `seconds` have passed on the emulated clock; the answer is not sent."""
        self.world.late_requests.append((self.world.clock.now() + seconds, lambda: self.answer(exchange)))

    def answer(self, exchange: Exchange) -> Response:
        """Carry out a request; returns its response."""
        entry = exchange.entry
        if exchange.refusal:
            return exchange.refusal
        if entry is None:
            return self._answer_outside_api(exchange.request)
        try:
            response = self._handle(exchange, entry)
        except Refusal as refusal:
            response = refusal.response
        except Exception as error:  # noqa: BLE001 - a defect of the emulator must show, not hang the client
            text = "".join(traceback.format_exception(error))
            response = answer({"error": "the emulator failed", "traceback": text}, 500)
        self.world.history.record("handled", entry)
        entry.status = response.status
        if entry.committed and exchange.account and self.world.behaviors["check_references"]:
            crawls.check_references(self.world, entry, exchange.account)
        if entry.committed:
            self._make_armed_edits("after", entry)
        response.headers += self.access_policy.grant(exchange.request)
        return response

    def _answer_outside_api(self, request: Request) -> Response:
        """The response to a request outside the API: to the control side, to a room, or a preflight."""
        if channel.is_control_request(request):
            self._greeted.clear()  # a control request may reset the accounts
            return channel.answer_control(self.world, request)
        if rooms.is_room_request(request):
            return rooms.answer_room(self.world, request)
        return self.access_policy.preflight(request)

    def _handle(self, exchange: Exchange, entry: Entry) -> Response:
        if exchange.account is None:
            return answer(UNAUTHORISED, 401)
        if exchange.account not in self._greeted:
            seeding.seed_new_account(self.world, exchange.account)
            self._greeted.add(exchange.account)
        self._make_armed_edits("before", entry)
        match = routes.match(exchange.request, self.world.behaviors["era"])
        commits_before = self.world.commits
        try:
            return match.handler(Call(self.world, exchange.request, entry, exchange.account, match.id, match.part))
        finally:
            entry.committed = self.world.commits != commits_before

    def _account(self, request: Request) -> str | None:
        key = request.headers.get("x-api-key", "")
        keys = self.world.behaviors["keys"]
        if key in keys:
            account = keys[key]
            return None if account is None else str(account)
        return key if key and self.world.behaviors["unknown_keys"] == "account" else None

    def _make_armed_edits(self, moment: str, entry: Entry) -> None:
        for armed in self.world.portal.due(moment, entry.method, entry.path):
            try:
                maker.carry_out(self.world, armed.edit, request=entry.seq)
            except BadEdit as error:
                armed.failures.append(str(error))
