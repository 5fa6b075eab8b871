"""What no reader of an account should ever find: a persona that names a document which is not there, or not ready."""

from __future__ import annotations

from collections.abc import Iterator

from tavusctl.emulator.account.journal import Entry
from tavusctl.emulator.account.world import World
from tavusctl.emulator.resources import crawls

RULE = "dangling_reference"
_SERVED = ("ready", "recrawling")  # states in which a document's content is found


def check(world: World, entry: Entry, account: str) -> None:
    """Blame a request after which a persona names a document whose content nobody finds."""
    for text in _dangling(world, account):
        world.journal.blame(entry, RULE, text)


def _dangling(world: World, account: str) -> Iterator[str]:
    for persona in world.store.every(account, "personas"):
        for ident in persona.document.get("document_ids") or []:
            found = world.store.get(account, crawls.KIND, ident)
            status = "missing" if found is None else crawls.settled(world, found)["status"]
            if status not in _SERVED:
                yield f"persona {persona.id} names document {ident}, which is {status}"
