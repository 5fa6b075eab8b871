"""Edits made "in the portal": changes that no API client requested, at once or around a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tavusctl.emulator.account.journal import Pattern
from tavusctl.emulator.control import forms
from tavusctl.emulator.http.messages import Json, Object


class BadEdit(ValueError):
    """An edit that cannot be made; the message says why."""


@dataclass(slots=True)
class ArmedEdit:
    """An edit that waits for a matching request: made before the request is carried out, or after its change."""

    moment: str  # before, after
    pattern: Pattern
    edit: Object
    skip: int
    times: int
    failures: list[str] = field(default_factory=list)

    def due(self, moment: str, method: str, path: str) -> bool:
        """Whether to make the edit at this moment of a request; a match uses up one of `skip` or `times`."""
        if moment != self.moment or self.times < 1 or not self.pattern.matches(method, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class Portal:
    """The armed edits."""

    edits: list[ArmedEdit] = field(default_factory=list)

    def arm(self, when: Json, edit: Object) -> None:
        """Arm an edit for the requests that `when` describes; BadEdit or BadForm if `when` is invalid."""
        moments = [moment for moment in ("before", "after") if isinstance(when, dict) and moment in when]
        if len(moments) != 1:
            raise BadEdit('`when` is {"before": PATTERN} or {"after": PATTERN}')
        moment = moments[0]
        forms.check_members(when, ("before", "after", "skip", "times"), "`when`")
        pattern = forms.pattern(when[moment], moment)
        skip, times = forms.whole_number(when, "skip", 0), forms.whole_number(when, "times", 1, minimum=1)
        self.edits.append(ArmedEdit(moment, pattern, edit, skip, times))

    def due(self, moment: str, method: str, path: str) -> Iterator[ArmedEdit]:
        """The edits to make at this moment of a request."""
        return (armed for armed in self.edits if armed.due(moment, method, path))
