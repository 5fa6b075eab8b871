"""The trash: bodies of deleted objects beside the state."""

from __future__ import annotations

import json
from collections.abc import Callable

from msgspec import Struct

from tavusctl.core.address import Address
from tavusctl.core.ports import ArtifactStore
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets import redaction
from tavusctl.state.artifacts import TRASH
from tavusctl.state.seals import Seals
from tavusctl.state.serialization import plain


class Trash(Struct, frozen=True):
    """The trash of one run: a file in `trash/RUN` for the body of each deleted object; without secrets."""

    artifacts: ArtifactStore
    run: str
    seals: Seals
    warn: Callable[[str], None] = lambda _: None

    def keep(self, address: Address, remote_id: str, body: JsonObject) -> None:
        """Store the body of an object before it is deleted, or tell why not: it may contain the value of a secret."""
        document = {"address": str(address), "id": remote_id, "body": plain(body)}
        names = redaction.secret_names_in(json.dumps(document, ensure_ascii=False))
        if names:
            self.warn(f"{address}: undo cannot restore it: its record would contain the value of {', '.join(names)}")
            return
        document["mac"] = self.seals.seal_document([self.run, document])
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        self.artifacts.put(f"{TRASH}/{self.run}/{address.kind}-{address.name}-{remote_id}.json", text.encode())
