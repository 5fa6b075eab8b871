"""The check for dangling references: a persona that names a document which is missing or not ready."""

from __future__ import annotations

from collections.abc import Iterator

from tavusctl.emulator.account.journal import Entry
from tavusctl.emulator.account.world import World
from tavusctl.emulator.resources import crawls

RULE = "dangling_reference"
_SERVED = ("ready", "recrawling")  # statuses in which the content of a document can be retrieved


def check(world: World, entry: Entry, account: str) -> None:
    """Record a violation by a request for every dangling reference that the account has after it."""
    for text in _dangling(world, account):
        world.journal.add_violation(entry, RULE, text)


def _dangling(world: World, account: str) -> Iterator[str]:
    for persona in world.store.live_objects(account, "personas"):
        for ident in persona.document.get("document_ids") or []:
            document = world.store.get(account, crawls.KIND, ident)
            status = "missing" if document is None else crawls.current_document(world, document)["status"]
            if status not in _SERVED:
                yield f"persona {persona.id} names document {ident}, which is {status}"
