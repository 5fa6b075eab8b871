"""`validate --fix`: apply the edits that diagnostics propose."""

from __future__ import annotations

from collections.abc import Sequence

from tavusctl.app.files.rewritten_files import write_files
from tavusctl.app.session.local import LocalSession
from tavusctl.config import files
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.core.address import Address
from tavusctl.core.diagnostic_ids import label
from tavusctl.core.diagnostics import Diagnostic, Edit
from tavusctl.core.errors import RefusedError
from tavusctl.core.model import Manifest
from tavusctl.rewrite.apply_edits import splice
from tavusctl.secrets.escape import flat


def fix(session: LocalSession, manifests: Sequence[Manifest], diagnostics: Sequence[Diagnostic]) -> bool:
    """Apply the edits of diagnostics, all edits of a file at once; return whether any file was written."""
    paths = {one.address: [file.path for file in (one.source, one.overlay) if file] for one in manifests}
    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}
    made: list[tuple[str, Sequence[Edit]]] = []
    for diagnostic in diagnostics:
        named = _path(diagnostic, paths)
        path = files.real_name(session.root / named, session.root) if named else ""
        if diagnostic.fix and path and (path, diagnostic.fix) not in made:  # a file may have several names
            made.append((path, diagnostic.fix))
            before[path] = before.get(path) or files.read_bytes(session.root / path, session.root, MAX_YAML_BYTES)
            try:
                after[path] = splice(after.get(path, before[path]), path, diagnostic.fix)
            except RefusedError as error:
                session.say(f"{label(diagnostic.id)} was not fixed: {flat(error.message)}")
    changed = {path: content for path, content in sorted(after.items()) if content != before[path]}
    write_files(session.root, before, changed)
    for path in changed:
        session.say(f"fixed {flat(path)}")
    return bool(changed)


def _path(diagnostic: Diagnostic, paths: dict[Address, list[str]]) -> str:
    """The file to edit: that of the diagnostic, if it is a file of the manifest, else the first file of the manifest.

    A manifest with errors has no known files; then it is the file of the diagnostic.
    """
    candidates = paths.get(diagnostic.fix[0].address, []) if diagnostic.fix else []
    reported = diagnostic.source.path if diagnostic.source else ""
    return reported if reported in candidates or not candidates else candidates[0]
