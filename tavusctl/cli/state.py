"""`tavusctl state`: look at the state, rename or forget an object; whole states are in state_store.py."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from msgspec.structs import replace

from tavusctl.cli.completing import address as known_address
from tavusctl.cli.local import LocalSession, local_options, say
from tavusctl.cli.locking import lock_timeout
from tavusctl.cli.output import print_record
from tavusctl.cli.state_rekey import rekey
from tavusctl.cli.state_store import pull, push, store_of, to_write, unlock
from tavusctl.document import plain
from tavusctl.engine.move import renamed
from tavusctl.errors import StateError, UsageError
from tavusctl.journal import recall
from tavusctl.model import Address, Binding
from tavusctl.ports import State
from tavusctl.wording import suggestion

JSON = click.option(
    "-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format."
)


@click.group("state", invoke_without_command=False)
def command() -> None:
    """Look at the state, rename or forget objects, free its lock.  No subcommand changes the account."""


for _whole in (pull, push, rekey, unlock):
    command.add_command(_whole)


@command.command("list")
@JSON
@local_options
def list_(session: LocalSession, *, format_: str) -> int:
    """List what is bound: address and id."""
    state = recall(store_of(session))
    bindings = [state.bindings[address] for address in sorted(state.bindings)]
    if format_ == "json":
        print_record(json.dumps({str(one.address): one.remote_id for one in bindings}, indent=2) + "\n", "the list")
    else:
        width = max((len(str(one.address)) for one in bindings), default=0)
        for one in bindings:
            click.echo(f"{one.address!s:<{width}}  {one.remote_id}")
    return 0


@command.command("show")
@click.argument("address", shell_complete=known_address)
@click.option("-f", "--format", type=click.Choice(["json"]), expose_value=False, help="JSON, which it is anyway.")
@local_options
def show(session: LocalSession, *, address: str) -> int:
    """Show what is known of one object: its id and what was last applied; secrets are not in it."""
    binding = _binding(recall(store_of(session)), address)
    shown = {
        "address": str(binding.address),
        "id": binding.remote_id,
        "prevent_destroy": binding.prevent_destroy,
        "on_remove": binding.on_remove,
        "successor": binding.successor or None,
        "retired": list(binding.retired),
        "applied": plain(binding.applied),
    }
    print_record(json.dumps(shown, indent=2, ensure_ascii=False) + "\n", f"what the state has of {address}")
    return 0


@command.command("rm")
@click.argument("addresses", nargs=-1, required=True, shell_complete=known_address)
@lock_timeout
@local_options
def remove(session: LocalSession, *, addresses: Sequence[str], lock_timeout: float) -> int:
    """Forget objects: they stay in the account and are managed no more."""
    store = store_of(session)
    with store.lock(lock_timeout, "state rm"):
        state, seal = to_write(session, store)
        gone = {_binding(state, address).address for address in addresses}
        left = {address: binding for address, binding in state.bindings.items() if address not in gone}
        store.write(seal(replace(state, serial=state.serial + 1, bindings=left)))
    for address in sorted(gone):
        say(session, f"forgot {address} ({state.bindings[address].remote_id} stays in the account)")
    return 0


@command.command("mv")
@click.argument("old", metavar="FROM")
@click.argument("new", metavar="TO", shell_complete=known_address)
@lock_timeout
@local_options
def move(session: LocalSession, *, old: str, new: str, lock_timeout: float) -> int:
    """Rename an object's address, as its manifest was renamed; the object itself stays as it is.

    \b
    tavusctl state mv persona/coach persona/sales-coach
    """  # noqa: D301
    store = store_of(session)
    with store.lock(lock_timeout, "state mv"):
        state, seal = to_write(session, store)
        binding = _binding(state, old)
        target = _free(state, binding.address, new)
        bindings = renamed(state.bindings, {binding.address: target})
        store.write(seal(replace(state, serial=state.serial + 1, bindings=bindings)))
    say(session, f"{binding.address} is now {target} ({binding.remote_id})")
    return 0


def _free(state: State, old: Address, text: str) -> Address:
    """The new address, if it can be one; errors name what is wrong with it."""
    try:
        new = Address.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if new.kind != old.kind:
        message = f"{old} cannot become {new}: an object stays of its kind"
        raise UsageError(message)
    if new in state.bindings:
        message = f"the state has {new} already, bound to {state.bindings[new].remote_id}"
        raise StateError(message, f"state rm {new} first, if that object is to be managed no more", id="E905")
    return new


def _binding(state: State, text: str) -> Binding:
    binding = next((one for address, one in state.bindings.items() if str(address) == text), None)
    if binding is None:
        message = f"the state has no {text}"
        raise StateError(message, suggestion(text, map(str, state.bindings)), id="E907")
    return binding
