"""`tavusctl emulator`: run a local emulator of the Tavus API."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from tavusctl.cli.emulator_errors import explain_start_errors
from tavusctl.cli.options import Number, WholeNumber, parsed_behaviors
from tavusctl.lib.json_types import JsonObject


def _known_behavior(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from tavusctl.emulator.control.behaviors import BEHAVIORS

    names = ((f"{name}=", behavior.meaning) for name, behavior in BEHAVIORS.items())
    return [CompletionItem(name, help=meaning) for name, meaning in names if name.startswith(incomplete)]


@click.command("emulator")
@click.option("--host", default="127.0.0.1", help="Address to listen on, default 127.0.0.1.")
@click.option(
    "--port", type=WholeNumber(0, 65535), default=0, help="Port to listen on; 0, the default, picks a free port."
)
@click.option("--db", type=click.Path(dir_okay=False, path_type=Path), help="Persist the account in this file.")
@click.option(
    "--seed", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="JSON file of objects to start with."
)
@click.option(
    "--faults", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="JSON file of faults to inject."
)
@click.option("--latency", type=Number(), default=0.0, metavar="MS", help="Delay every response.")
@click.option(
    "--behavior",
    "behaviors",
    multiple=True,
    callback=parsed_behaviors,
    shell_complete=_known_behavior,
    metavar="NAME=VALUE",
    help="Change a behavior of the emulator; an unknown NAME prints the list.  Repeatable.",
)
@click.option("--switch", "switches", multiple=True, callback=parsed_behaviors, hidden=True)
@click.option(
    "--callback-port",
    "callback_ports",
    multiple=True,
    type=WholeNumber(1, 65535),
    metavar="PORT",
    help="Allow callbacks to this port of this machine.  Repeatable.",
)
@click.option(
    "--allow-origin",
    "allow_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Allow pages of this origin to call the API; those of this machine always may.  Repeatable.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="Accept requests for this host name as well, as in a network of containers.  Repeatable.",
)
@click.option(
    "--killable",
    multiple=True,
    type=WholeNumber(2),
    metavar="PID",
    help="Allow faults of kind `kill` to kill this process.  Repeatable.",
)
def command(
    *,
    host: str,
    port: int,
    db: Path | None,
    seed: Path | None,
    faults: Path | None,
    latency: float,
    behaviors: JsonObject,
    switches: JsonObject,
    callback_ports: tuple[int, ...],
    allow_origins: tuple[str, ...],
    allow_hosts: tuple[str, ...],
    killable: tuple[int, ...],
) -> None:
    """Run a local emulator of the Tavus API until interrupted.

    The first line on stdout is its base URL.  Any API key is accepted.

    \b
    tavusctl emulator --port 8042 --db account.db
    tavusctl emulator --behavior rooms=emulator --callback-port 3000
    TAVUS_BASE_URL=http://127.0.0.1:8042 TAVUS_API_KEY=demo tavusctl plan
    """
    from tavusctl.emulator import serve
    from tavusctl.emulator.http.access import Allowed

    with explain_start_errors(host, port, db):
        serve(
            host=host,
            port=port,
            db=db,
            seed=seed,
            faults=faults,
            latency_ms=latency,
            behaviors=switches | behaviors,
            allowed=Allowed(allow_hosts, allow_origins, callback_ports, killable),
        )
