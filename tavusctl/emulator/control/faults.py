"""Rules that make chosen requests go wrong.

Members of a rule: `match` is a pattern of requests, `kind` what goes wrong, `phase` before or after the change is made,
`skip` how many matching requests pass first, `times` how often it strikes (1; null: for ever), `probability`
that it strikes a match (with the same `seed`, the same matches every time).  The other members
belong to a kind: see `KINDS`.
"""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from tavusctl.emulator.account.journal import Pattern
from tavusctl.emulator.control import forms
from tavusctl.emulator.http.messages import Json, Object, Response, answer

# What each kind does; those marked * send the true response, so the change is always made before they strike.
KINDS = {
    "refuse": "the port is closed for `seconds` (1); before: this call is reset, after: it is answered first",
    "drop": "the connection is closed without an answer",
    "reset": "the connection is reset (RST) without an answer",
    "delay": "`seconds` (1) pass before the change, or between change and answer",
    "status": "`status` (500) with `body` (an object or text) and `headers` instead of the answer",
    "truncate": "* the answer's body is cut after `at` (half) bytes, and the connection closed",
    "html": "a web page with `status` (502) instead of the answer",
    "drip": "* the answer comes byte by byte, `seconds` (0.05) apart",
    "raw": "the bytes of `raw` (text, or base64 when `base64` is true) instead of the answer, then the end",
    "redirect": "`status` (302) to `to`",
    "empty": "`status` (200) without a body",
    "late": "no answer, and the change is made when `seconds` (1) have passed on the emulator's clock",
    "undated": "* the true answer without a Date header",
    "kill": "SIGKILL to the process whose id is in the x-tavusctl-pid header, if it may be killed, and no answer",
}
ANSWERED = {"truncate", "drip", "undated"}
PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"
MEMBERS = {"match", "kind", "phase", "skip", "times", "probability", "seed"}
MEMBERS |= {"status", "headers", "body", "raw", "base64", "to", "at", "seconds"}


class BadRule(ValueError):
    """An invalid rule; the message says why."""


@dataclass(slots=True)
class Fault:
    """One rule and how often it has struck."""

    rule: Object
    pattern: Pattern
    kind: str
    phase: str
    skip: int
    times: int | None
    chance: random.Random
    strike_count: int = 0

    @property
    def before(self) -> bool:
        """Whether it strikes before the change is made."""
        return self.phase == "before" and self.kind not in ANSWERED

    def seconds(self, default: float) -> float:
        """The `seconds` of the rule, or the default."""
        return float(self.rule.get("seconds", default))

    def strikes(self, method: str, path: str) -> bool:
        """Whether the rule strikes a request; counts it as skipped or struck."""
        if not self.pattern.matches(method, path) or (self.times is not None and self.strike_count >= self.times):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.chance.random() >= self.rule.get("probability", 1.0):
            return False
        self.strike_count += 1
        return True

    def substitute(self) -> Response | None:
        """The response in place of the true one; None if the kind of fault has none."""
        rule = self.rule
        headers = [(str(name), str(value)) for name, value in rule.get("headers", {}).items()]
        if self.kind == "status":
            response = _response(rule.get("body", {"message": "Internal Server Error"}), int(rule.get("status", 500)))
        elif self.kind == "html":
            response = Response(int(rule.get("status", 502)), PAGE, [("content-type", "text/html")])
        elif self.kind == "redirect":
            response = Response(int(rule.get("status", 302)), b"", [("location", str(rule["to"]))])
        elif self.kind == "empty":
            response = Response(int(rule.get("status", 200)))
        else:
            return None
        response.headers += headers
        return response

    def raw(self) -> bytes:
        """The bytes that a fault of kind `raw` sends."""
        return _bytes(self.rule.get("raw", ""), encoded=bool(self.rule.get("base64")))

    def as_object(self) -> Object:
        """The rule, and how often it has struck."""
        return {**self.rule, "struck": self.strike_count}


def _response(body: Json, status: int) -> Response:
    if isinstance(body, str):
        return Response(status, body.encode(), [("content-type", "text/plain")])
    return answer(body, status)


def _bytes(text: str, *, encoded: bool) -> bytes:
    return base64.b64decode(text, validate=True) if encoded else text.encode()


def parse(rule: Json) -> Fault:
    """Parse one rule; BadRule if it is invalid."""
    kind = rule.get("kind") if isinstance(rule, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadRule(f"a fault is an object with a kind: {', '.join(KINDS)}")
    try:
        return _checked_fault(rule, kind)
    except forms.BadForm as error:
        raise BadRule(str(error)) from error


def _checked_fault(rule: Object, kind: str) -> Fault:
    forms.check_members(rule, MEMBERS, "a fault")
    phase = rule.get("phase", "before")
    if phase not in ("before", "after"):
        raise BadRule(f"phase is before or after; found {phase!r}")
    forms.headers(rule)
    forms.whole_number(rule, "status", 500, *((300, 399) if kind == "redirect" and "status" in rule else (200, 599)))
    forms.number(rule, "seconds", 1)
    forms.whole_number(rule, "at", 0)
    if kind == "redirect":
        forms.text(rule, "to")
    encoded = forms.flag(rule, "base64")
    try:
        _bytes(forms.text(rule, "raw", ""), encoded=encoded)
    except binascii.Error as error:
        raise BadRule("raw is text, or base64 when `base64` is true") from error
    forms.number(rule, "probability", 1.0, maximum=1)
    times = None if rule.get("times", 1) is None else forms.whole_number(rule, "times", 1, minimum=1)
    pattern = forms.pattern(rule.get("match", "*"))
    skip, seed = forms.whole_number(rule, "skip", 0), forms.whole_number(rule, "seed", 0)
    return Fault(rule, pattern, kind, phase, skip, times, random.Random(seed))


@dataclass(slots=True)
class Faults:
    """The rules in force; the first that strikes wins."""

    rules: list[Fault] = field(default_factory=list)

    def add(self, rules: Iterable[Json]) -> None:
        """Add rules, or none of them and raise BadRule if one is invalid."""
        self.rules += [parse(rule) for rule in rules]

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that strikes a request, or None; counts it."""
        for fault in self.rules:
            if fault.strikes(method, path):
                return fault
        return None
