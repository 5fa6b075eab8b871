"""Write the files of an export, in an order in which an interruption loses nothing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from msgspec import Struct

from tavusctl.app.export.prepare import Export, Selection, Target, prepare
from tavusctl.app.files import file_writer
from tavusctl.app.files.file_writer import new_files
from tavusctl.app.planning.execution import Interruption
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.config import manifest_files
from tavusctl.core.errors import UsageError
from tavusctl.core.ports import Store
from tavusctl.core.project_settings import FILE
from tavusctl.engine.import_.survey import record
from tavusctl.engine.plan import Approvals
from tavusctl.lib import atomic_files
from tavusctl.rewrite.export import with_secrets
from tavusctl.secrets.redaction import Record


class ExportResult(Struct, frozen=True):
    """What an export has written, or would write."""

    export: Export
    target: Target
    new: frozenset[str]  # the paths of files that did not exist before
    dry_run: bool = False


def export(
    session: Session,
    selection: Selection,
    out: Path | None,
    lock_timeout: float,
    interruption: Interruption,
    *,
    dry_run: bool,
) -> ExportResult:
    """Write the account, or a part of it, as manifests, and bind them."""
    manifests = Path(session.project.manifests)
    target = Target(Path(os.path.abspath(out or manifests)), session.root, manifests)  # noqa: PTH100 - links stay
    file_writer.real_path(target.folder, session.root)
    _refuse_overlay(session, target)
    store = session.store()
    lock = contextlib.nullcontext() if dry_run else store.lock(lock_timeout, "export")
    with lock, session.reader() as api:
        with reading(session.progress, api):
            prepared = prepare(session, selection, target, api, store)
        interruption.writing = not dry_run  # Ctrl-C does not stop the writing, which takes a moment
        new = write(session, prepared, target, store, dry_run=dry_run)
    session.warn(prepared.survey.recovered.warnings)
    return ExportResult(prepared, target, new, dry_run)


def _refuse_overlay(session: Session, target: Target) -> None:
    """UsageError if the target is in an overlay: export writes base manifests, which all environments read."""
    folder = os.path.realpath(target.folder)
    for overlay in manifest_files.folders(session.project)[1:]:
        if Path(folder).is_relative_to(os.path.realpath(overlay)):
            message = f"`{target.folder}` is in the overlay `{manifest_files.shown_path(overlay, session.project)}`"
            raise UsageError(message, "leave out `--out`: export writes the manifests that overlays are laid over")


def write(session: Session, export: Export, target: Target, store: Store, *, dry_run: bool = False) -> frozenset[str]:
    """Write the files, then bind their objects; return the paths of the files that are new.

    In this order, an interrupted export leaves manifests that are not bound, which the next export binds.  In the other
    order, it would leave bindings without manifests, whose objects a plan would delete.
    """
    files = {path: text for one in export.rendered for path, text in one.files.items()}
    new = new_files(target.folder, files)
    if dry_run:
        return frozenset(new)
    if target.is_read:
        export.survey.sealed.seals.check_trusted()
    project_file = _with_secrets(session, export) if target.is_read else None
    manifests = {one.path for one in export.rendered}
    for path in sorted(new.keys() - manifests):
        file_writer.create(target.folder / path, new[path], root=session.root)
    if project_file is not None:
        file_writer.write(session.root / FILE, project_file, root=session.root, keep_rights=True)
    for path in sorted(new.keys() & manifests):
        file_writer.create(target.folder / path, new[path], root=session.root)
    atomic_files.drop_abandoned(*{(target.folder / path).parent for path in new})
    if target.is_read:
        record(export.survey, export.bindings, store, session.plan_inputs(Approvals()))
    return frozenset(new)


def _with_secrets(session: Session, export: Export) -> Record | None:
    """The project file with the missing names in `secrets:`; None if it has them all, or cannot be edited."""
    path = session.root / FILE
    if not export.secrets or not path.is_file():
        return None
    before = path.read_bytes().decode()
    after = with_secrets(before, export.secrets)
    return None if after is None or after == before else Record(after)
