"""`tavusctl export`: from an existing account to manifests."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tavusctl.cli import placing, writing
from tavusctl.cli.exporting import STOCK, Export, Selection, Target, prepare
from tavusctl.cli.interrupt import interruptible
from tavusctl.cli.local import say
from tavusctl.cli.locking import lock_timeout
from tavusctl.cli.progress import reading
from tavusctl.cli.session import Session, addresses, options
from tavusctl.engine.load.project import FILE
from tavusctl.engine.plan import Consent
from tavusctl.engine.takeover import record
from tavusctl.kinds import KINDS
from tavusctl.model import Address
from tavusctl.ports import Store
from tavusctl.redaction import Record
from tavusctl.reports.json import FORMAT_VERSION, complaint_document
from tavusctl.unseen import flat
from tavusctl.writeback.export import UNTOLD, Rendered, with_secrets

_MANY = 12  # names in one message


@click.command("export")
@click.option(
    "-k", "--kind", "kinds", multiple=True, type=click.Choice(sorted(KINDS)), help="Only this kind; repeatable."
)
@click.option(
    "--address", "addresses_", multiple=True, callback=addresses, metavar="ADDR", help="Only this object; repeatable."
)
@click.option("--id", "ids", multiple=True, metavar="ID", help="Only the object of this id; repeatable.")
@click.option(
    "-o", "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder, default the project's manifests."
)
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@lock_timeout
@options
def command(
    session: Session,
    *,
    kinds: Sequence[str],
    addresses_: frozenset[Address],
    ids: Sequence[str],
    out: Path | None,
    dry_run: bool,
    format_: str,
    lock_timeout: float,
) -> int:
    """Write the account, or a part of it, as manifests, and bind them.  The next plan is empty.

    Nothing is sent to the account and no file is overwritten: what has a manifest already keeps it.

    \b
    tavusctl export
    tavusctl export --kind persona --dry-run
    """  # noqa: D301
    manifests = Path(session.project.manifests)
    target = Target(Path(os.path.abspath(out or manifests)), session.root, manifests)  # noqa: PTH100 - links stay
    store = session.store()
    lock = contextlib.nullcontext() if dry_run else store.lock(lock_timeout, "export")
    with lock, session.reader() as api:
        selection = Selection(frozenset(kinds), addresses_, frozenset(ids))
        with reading(session, api):
            export = prepare(session, selection, target, api, store)
        with interruptible() as interruption:  # what is begun is brought to its end: it takes a moment
            new = write(session, export, target, store, dry_run=dry_run)
    report = _document if format_ == "json" else lines
    click.echo(report(export, target, new, dry_run=dry_run), nl=False)
    tell(session, export, target, dry_run=dry_run)
    return interruption.code


def write(session: Session, export: Export, target: Target, store: Store, *, dry_run: bool = False) -> frozenset[str]:
    """Write the files, then bind what they tell of; the paths of those that are new.

    In this order an export that is interrupted leaves manifests that are not bound, which the next one takes up;
    the other way round there would be objects without manifests, which a plan would delete.
    """
    files = {path: text for one in export.made for path, text in one.files.items()}
    new = placing.new_files(target.folder, files)
    if dry_run:
        return frozenset(new)
    if target.is_read:
        export.surveyed.custody.check_trusted()
    manifests = {one.path for one in export.made}
    placing.create(target.folder, {path: content for path, content in new.items() if path not in manifests})
    if target.is_read:
        _list_secrets(session, export)
    placing.create(target.folder, {path: content for path, content in new.items() if path in manifests})
    if target.is_read:
        record(export.surveyed, export.bindings, store, session.request(Consent()))
    return frozenset(new)


def tell(session: Session, export: Export, target: Target, *, dry_run: bool = False) -> None:
    """What a person has to know or to do, on stderr."""
    for line in (*_odd(export), *_left_out(export), *_referred(export), *_stopping(export), *_differing(export)):
        say(session, line)
    missing = [name for name in export.secrets if name not in session.project.secrets]
    if export.secrets:
        say(session, "the manifests read these environment variables, which hold keys that the account has:")
        say(session, "".join(f"  {name}\n" for name in export.secrets).rstrip())
    if missing and (dry_run or not _lists(session, missing)):
        say(session, f"add them to {FILE}: secrets: [{', '.join(missing)}]")
    if not target.is_read:
        say(session, f"{target.folder} is not among the manifests of the project, so nothing is bound")
    elif export.made and not dry_run:
        say(session, "next: " + ("set these variables, then " if export.secrets else "") + "tavusctl plan")


def _list_secrets(session: Session, export: Export) -> None:
    """Add what is missing to `secrets:` of the project file, where it can be done without touching anything else."""
    path = session.root / FILE
    if not export.secrets or not path.is_file():
        return
    before = path.read_bytes().decode()
    after = with_secrets(before, export.secrets)
    if after is not None and after != before:
        writing.write(path, Record(after), root=session.root, keep_rights=True)


def _lists(session: Session, names: Sequence[str]) -> bool:
    """Whether the project file has these secrets now."""
    path = session.root / FILE
    text = path.read_bytes().decode() if path.is_file() else ""
    return with_secrets(text, names) == text


def _odd(export: Export) -> list[str]:
    """Objects that no call can name."""
    return [
        f"not exported: {one.kind.name} {flat(one.remote_id)}, which has no id that can be asked for"
        for one in export.surveyed.odd
    ]


def _left_out(export: Export) -> list[str]:
    """Fields that are not in the manifests, the same one of several objects in one line."""
    made = [one.exported for one in export.made]
    counts = Counter((one.address.kind, pointer, why) for one in made for pointer, why in one.left_out.items())
    return [
        f"left out, and so not managed: {flat(f'{kind} {pointer}')} of {_objects(count)}: {flat(why)}"
        for (kind, pointer, why), count in sorted(counts.items())
    ]


def _referred(export: Export) -> list[str]:
    """Objects that could not be managed, and would be expected to be."""
    made = [one.exported for one in export.made if one.exported.fault not in ("", STOCK, UNTOLD)]
    return [f"{one.address} is referred to (external: true), and not managed: {flat(one.fault)}" for one in made]


def _stopping(export: Export) -> list[str]:
    """What a person has to look at before there is a plan."""
    return [
        f"{one.address}: {flat(one.message)} [{one.id}]; remove it, or keep it with # tavusctl: ignore={one.id}"
        for one in export.stopping
    ]


def _differing(export: Export) -> list[str]:
    if not export.differing:
        return []
    names = " ".join(map(str, export.differing[:_MANY])) + (" ..." if len(export.differing) > _MANY else "")
    verb = "differs" if len(export.differing) == 1 else "differ"
    return [f"{len(export.differing)} {verb} from the account; to take its values: tavusctl adopt {names}"]


def _objects(count: int) -> str:
    return f"{count} object{'s' if count != 1 else ''}"


def lines(export: Export, target: Target, new: frozenset[str], *, dry_run: bool = False) -> str:
    """One line an object."""
    folder = _shown(target.folder)
    told = [
        f"{_verb(one, new, dry_run=dry_run)} {one.exported.address} {flat(one.exported.live.remote_id)}"
        f" {folder}/{one.path}{' (referred to)' if one.exported.fault else ''}\n"
        for one in export.made
    ]
    kept = f"{_objects(len(export.kept))} had a manifest already\n" if export.kept else ""
    return "".join(told) + kept + ("" if told or kept else "nothing to export\n")


def _verb(one: Rendered, new: frozenset[str], *, dry_run: bool) -> str:
    if new.isdisjoint(one.files):
        return "have" if one.exported.fault else "would bind" if dry_run else "bound"
    return "would write" if dry_run else "wrote"


def _document(export: Export, target: Target, new: frozenset[str], *, dry_run: bool = False) -> str:
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "dry_run": dry_run,
        "folder": _shown(target.folder),
        "objects": [_entry(one, new) for one in export.made],
        "kept": [str(one) for one in export.kept],
        "differing": [str(one) for one in export.differing],
        "complaints": [complaint_document(one) for one in export.stopping],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _entry(one: Rendered, new: frozenset[str]) -> dict[str, Any]:
    exported = one.exported
    return {
        "address": str(exported.address),
        "id": exported.live.remote_id,
        "managed": not exported.fault,
        "reason": exported.fault,
        "files": [*one.files],
        "written": [path for path in one.files if path in new],
        "left_out": [{"path": pointer, "reason": why} for pointer, why in exported.left_out.items()],
        "secrets": [{"path": pointer, "name": name} for pointer, name in exported.secrets],
    }


def _shown(folder: Path) -> str:
    """A folder as a person here would call it."""
    relative = os.path.relpath(folder)
    return flat(str(folder) if relative.startswith("..") else relative)
