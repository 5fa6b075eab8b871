"""The holder of a lock, as a run sees it that cannot have the lock, and how long that run waits for it."""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Iterator, Mapping

from msgspec import Struct, convert, field
from msgspec.structs import asdict

from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.secrets.redaction import redacted

_MAX_LENGTH = 200  # characters of a part of a message: anyone may have written the lock


class Holder(Struct, frozen=True):
    """The run that holds a lock: its machine, process, URL at GitHub, and command."""

    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    host: str = field(default_factory=platform.node)
    pid: int = field(default_factory=os.getpid)
    run: str = field(default_factory=lambda: run_url(os.environ))
    command: str = ""

    @property
    def name(self) -> str:
        """The name HOST:PID, which a user passes to `--holder-is-dead` to confirm that this holder is dead."""
        return f"{printable(self.host)}:{self.pid}"

    @property
    def has_ended(self) -> bool:
        """Whether this is the holder's machine, and no process has its number any more."""
        if self.host != platform.node() or self.pid <= 0:
            return False
        try:
            os.kill(self.pid, 0)  # sends nothing
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):  # of another user, or no number of a process
            return False
        return False

    def describe(self, age: float) -> str:
        """A description of the holder for messages; `age` is how long it has held the lock, in seconds."""
        doing = f" (tavusctl {printable(self.command)})" if self.command else ""
        where = f", {printable(self.run)}" if self.run else ""
        return f"process {self.pid} on {printable(self.host)}{doing}{where}, for {duration_text(age)}"

    def to_json(self) -> JsonObject:
        """The holder as members of a JSON object."""
        return asdict(self)


def from_json(document: Mapping[str, Json]) -> Holder:
    """The holder in a JSON object; ValueError when it is not one."""
    if not document.keys() >= {*Holder.__struct_fields__}:  # the defaults are those of this process
        raise ValueError("not a holder")
    return convert(document, Holder)


def run_url(environment: Mapping[str, str]) -> str:
    """The URL of the GitHub Actions run of this process; empty outside GitHub Actions."""
    parts = [environment.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return "{}/{}/actions/runs/{}".format(*parts) if all(parts) else ""


def duration_text(seconds: float) -> str:
    """A duration for people: 12s, 3m05s, 2h07m."""
    whole = max(0, int(seconds))
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole}s"
    if whole < 3600:  # noqa: PLR2004 - an hour
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def printable(text: str) -> str:
    """Text of another run, safe for a message: redacted, without control characters, at most 200 characters."""
    safe = redacted("".join(char if char.isprintable() else "?" for char in text))
    return safe if len(safe) <= _MAX_LENGTH else safe[: _MAX_LENGTH - 1] + "…"


_FIRST, _LONGEST = 1.0, 16.0


def pauses(timeout: float) -> Iterator[float]:
    """Seconds to sleep before each retry: 1, 2, 4, 8, 16, 16, ... until `timeout` seconds have passed."""
    end = time.monotonic() + timeout
    pause = _FIRST
    while (remaining := end - time.monotonic()) > 0:
        yield min(pause, remaining)
        pause = min(pause * 2, _LONGEST)
