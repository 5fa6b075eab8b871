"""The bodies of deleted objects, kept for a while in the project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tavusctl.cli.output import write_private
from tavusctl.model import Address, Document
from tavusctl.records import plain


@dataclass(frozen=True, slots=True)
class Trash:
    """What one run deleted, one file each in `.tavusctl/trash/RUN`; secrets are not in it."""

    root: Path
    run: str

    def keep(self, address: Address, remote_id: str, body: Document) -> None:
        """Put a body aside, before its object is deleted."""
        folder = self.root / ".tavusctl" / "trash" / self.run
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        document = {"address": str(address), "id": remote_id, "body": plain(body)}
        path = folder / f"{address.kind}-{address.name}-{remote_id}.json"
        write_private(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
