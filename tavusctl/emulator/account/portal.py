"""Edits made "in the portal": changes that no API client asked for, at once or in the middle of a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tavusctl.emulator.account.journal import Pattern
from tavusctl.emulator.control import forms
from tavusctl.emulator.http.messages import Json, Object


class BadEdit(ValueError):
    """An edit that cannot be made; says why."""


@dataclass(slots=True)
class ArmedEdit:
    """An edit that waits for a request: made when it arrives (before it is carried out), or right after."""

    moment: str  # before, after
    pattern: Pattern
    edit: Object
    skip: int
    times: int
    failures: list[str] = field(default_factory=list)

    def due(self, moment: str, method: str, path: str) -> bool:
        """Whether now is the time; counts it."""
        if moment != self.moment or self.times < 1 or not self.pattern.matches(method, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class Portal:
    """The edits that wait."""

    edits: list[ArmedEdit] = field(default_factory=list)

    def arm(self, when: Json, edit: Object) -> None:
        """Let an edit wait for a request."""
        moments = [moment for moment in ("before", "after") if isinstance(when, dict) and moment in when]
        if len(moments) != 1:
            message = '`when` is {"before": PATTERN} or {"after": PATTERN}'
            raise BadEdit(message)
        moment = moments[0]
        forms.only(when, ("before", "after", "skip", "times"), "`when`")
        pattern = Pattern.parse(forms.pattern(when[moment], moment))
        skip, times = forms.whole(when, "skip", 0), forms.whole(when, "times", 1, least=1)
        self.edits.append(ArmedEdit(moment, pattern, edit, skip, times))

    def due(self, moment: str, method: str, path: str) -> Iterator[ArmedEdit]:
        """The edits to make around a request."""
        return (armed for armed in self.edits if armed.due(moment, method, path))
