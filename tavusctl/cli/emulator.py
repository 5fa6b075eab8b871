"""`tavusctl emulator`: a local Tavus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tavusctl.errors import UsageError


def _switches(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, Any]:
    """Values by name; what is JSON is meant as such."""
    wanted: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals:
            message = f"{value!r} is not NAME=VALUE"
            raise click.BadParameter(message)
        try:
            wanted[name] = json.loads(text)
        except ValueError:
            wanted[name] = text
    return wanted


@click.command("emulator")
@click.option("--host", default="127.0.0.1", help="Address to listen on, default 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; 0, the default, takes a free one."
)
@click.option("--db", type=click.Path(dir_okay=False, path_type=Path), help="Keep the account in this file.")
@click.option(
    "--seed", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="Objects to begin with (JSON)."
)
@click.option("--faults", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="Faults to inject (JSON).")
@click.option("--latency", type=click.FloatRange(0), default=0.0, metavar="MS", help="Delay every answer.")
@click.option(
    "--switch",
    "switches",
    multiple=True,
    callback=_switches,
    metavar="NAME=VALUE",
    help="Let it behave otherwise; a NAME that is none lists them.  Repeatable.",
)
@click.option(
    "--callback-port",
    "callback_ports",
    multiple=True,
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Deliver callbacks to this port of this machine; to no other.  Repeatable.",
)
@click.option(
    "--allow-origin",
    "allow_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Let these pages call the API, too; those of this machine may.  Repeatable.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="Answer under this name, too, as in a network of containers.  Repeatable.",
)
@click.option(
    "--killable",
    multiple=True,
    type=click.IntRange(2),
    metavar="PID",
    help="Let faults of kind `kill` end this process; no other.  Repeatable.",
)
def command(
    *,
    host: str,
    port: int,
    db: Path | None,
    seed: Path | None,
    faults: Path | None,
    latency: float,
    switches: dict[str, Any],
    callback_ports: tuple[int, ...],
    allow_origins: tuple[str, ...],
    allow_hosts: tuple[str, ...],
    killable: tuple[int, ...],
) -> int:
    """Run a local Tavus until it is interrupted.  Its base URL is the first line on stdout; any key is accepted.

    \b
    tavusctl emulator --port 8042 --db account.db
    tavusctl emulator --switch rooms=emulator --callback-port 3000
    TAVUS_BASE_URL=http://127.0.0.1:8042 TAVUS_API_KEY=demo tavusctl plan
    """  # noqa: D301
    import sqlite3

    from tavusctl.emulator import serve
    from tavusctl.emulator.border import Allowed

    try:
        serve(
            host=host,
            port=port,
            db=db,
            seed=seed,
            faults=faults,
            latency_ms=latency,
            switches=switches,
            allowed=Allowed(allow_hosts, allow_origins, callback_ports, killable),
        )
    except ImportError as error:  # an extra: everything else works without it
        message = f"the emulator needs {error.name}, which is not installed"
        raise UsageError(message, "pip install 'tavusctl[emulator]'") from None
    except sqlite3.Error as error:
        message = f"the account cannot be kept in {db}: {error}"
        raise UsageError(message, "name a file in a folder that is there, or one that an emulator has made") from None
    except ValueError as error:
        message = f"the emulator cannot begin like this: {error}"
        raise UsageError(message) from None
    except OSError as error:
        message = f"cannot listen on {host}:{port}: {error.strerror}"
        raise UsageError(message, "--port 0 takes a free port") from None
    return 0
