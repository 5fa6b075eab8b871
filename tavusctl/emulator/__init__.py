"""A local Tavus: an independent server with the behaviour of the Tavus API, for demos, tests and CI without keys.

It keeps accounts with their personas, replicas, documents, conversations and all other kinds of objects, and injects
faults on request.  `serve` blocks; `running` serves for the length of a `with` block; both speak plain HTTP.
`tavusctl.emulator.control.channel` describes how to control a running server.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

if TYPE_CHECKING:
    from tavusctl.emulator.http.access import Allowed

__all__ = ["Running", "running", "serve"]

LOCAL = "127.0.0.1"


def announce(url: str) -> None:
    """Print the base URL to stdout and flush, because stdout may be a pipe."""
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Running:
    """A running server: its base URL, without a slash at the end."""

    url: str


class Start(TypedDict, total=False):
    """How the emulated world starts.

    `db` is a SQLite file that outlives the server; None keeps everything in memory.  `seed` and `faults` are JSON files
    (or their content): objects by account, and fault rules, as `control.channel` describes them.  Without `allowed`,
    requests under a foreign host name or from pages of other machines are refused, and no callback is sent.
    """

    db: str | Path | None
    seed: str | Path | Mapping[str, Any] | None
    faults: str | Path | list[dict[str, Any]] | None
    behaviors: Mapping[str, Any] | None
    allowed: Allowed | None


def serve(
    *,
    host: str = LOCAL,
    port: int = 0,
    latency_ms: float = 0.0,
    ready: Callable[[str], object] = announce,
    **start: Unpack[Start],
) -> None:
    """Serve until SIGINT or SIGTERM; call `ready` with the base URL as soon as connections are accepted.

    `port` 0 is any free port; `latency_ms` delays every answer of the API.
    """
    from tavusctl.emulator.control.start import start_world  # noqa: PLC0415 - importing this package must cost nothing
    from tavusctl.emulator.http.server import serve as serve_world  # noqa: PLC0415 - as above

    serve_world(start_world(**start), host, port, latency_ms / 1000, ready)


@contextmanager
def running(*, host: str = LOCAL, port: int = 0, latency_ms: float = 0.0, **start: Unpack[Start]) -> Iterator[Running]:
    """A server in a background thread, for the length of a `with` block; the parameters are those of `serve`."""
    from tavusctl.emulator.control.start import start_world  # noqa: PLC0415 - as above
    from tavusctl.emulator.http.server import serve_in_thread  # noqa: PLC0415 - as above

    with serve_in_thread(lambda: start_world(**start), host, port, latency_ms / 1000) as url:
        yield Running(url)
