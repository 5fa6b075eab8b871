"""The bodies of deleted objects, kept for a while beside the state."""

from __future__ import annotations

import json
from collections.abc import Callable

from msgspec import Struct

from tavusctl import redaction
from tavusctl.custody import Custody
from tavusctl.model import Address, Document
from tavusctl.ports import Shelf
from tavusctl.records import plain
from tavusctl.stores.shelf import TRASH


class Trash(Struct, frozen=True):
    """What one run deleted, one file each in `trash/RUN`; secrets are not in it."""

    shelf: Shelf
    run: str
    custody: Custody
    tell: Callable[[str], None] = lambda _: None

    def keep(self, address: Address, remote_id: str, body: Document) -> None:
        """Put a body aside, before its object is deleted."""
        document = {"address": str(address), "id": remote_id, "body": plain(body)}
        held = redaction.names_in(json.dumps(document, ensure_ascii=False))
        if held:
            self.tell(f"{address}: undo cannot bring it back: what is kept would hold the value of {', '.join(held)}")
            return
        document["mac"] = self.custody.mark([self.run, document])
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        self.shelf.put(f"{TRASH}/{self.run}/{address.kind}-{address.name}-{remote_id}.json", text.encode())
