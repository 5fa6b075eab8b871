"""`validate --fix`: what complaints say would put them right, done."""

from __future__ import annotations

from collections.abc import Sequence

from tavusctl import yaml12
from tavusctl.cli.local import LocalSession, say
from tavusctl.cli.rewritten import written
from tavusctl.engine.load import files
from tavusctl.errors import RefusedError
from tavusctl.model import Address, Complaint, Manifest
from tavusctl.unseen import flat
from tavusctl.writeback.splice import splice


def fix(session: LocalSession, manifests: Sequence[Manifest], complaints: Sequence[Complaint]) -> bool:
    """Make the edits of complaints, all of a file at once; whether any file was written."""
    paths = {one.address: one.source.path for one in manifests}
    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}
    for complaint in complaints:
        path = _path(complaint, paths)
        if complaint.fix and path:
            before[path] = before.get(path) or files.read_bytes(session.root / path, session.root, yaml12.MAX_BYTES)
            try:
                after[path] = splice(after.get(path, before[path]), path, complaint.fix)
            except RefusedError as error:
                say(session, f"{complaint.id} is not fixed: {flat(error.message)}")
    changed = {path: content for path, content in sorted(after.items()) if content != before[path]}
    with written(session.root, before, changed):
        pass
    for path in changed:
        say(session, f"fixed {flat(path)}")
    return bool(changed)


def _path(complaint: Complaint, paths: dict[Address, str]) -> str:
    """The file of the manifest that an edit is about; a manifest with errors is where the complaint is."""
    known = paths.get(complaint.fix[0].address, "") if complaint.fix else ""
    return known or (complaint.source.path if complaint.source else "")
