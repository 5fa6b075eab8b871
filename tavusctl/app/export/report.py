"""The report of an export: its objects, and hints about what a person has to know or to do."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tavusctl.app.export.prepare import STOCK, Export
from tavusctl.app.export.write import ExportResult
from tavusctl.app.planning import variables
from tavusctl.app.session.online import Session
from tavusctl.core.diagnostic_ids import CHECKS, label
from tavusctl.core.json_tree import pattern_of
from tavusctl.core.messages import counted, listed
from tavusctl.core.project_settings import FILE
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import join, split
from tavusctl.reports.json import diagnostic_document, result_text
from tavusctl.rewrite.export import SOURCE_NOT_RETURNED, Exported, Rendered
from tavusctl.secrets.escape import flat

_MANY: Final = 12  # names in one message
_WITHOUT_VALUES: Final = ", which needs no values of these variables; apply needs those that it sends"


def hints(session: Session, result: ExportResult) -> Iterator[str]:
    """The lines about what a person has to know or to do."""
    export, target, dry_run = result.export, result.target, result.dry_run
    yield from (
        *_unaddressable(export),
        *_left_out(export),
        *_references(export),
        *_stopping_diagnostics(export),
        *_differing_objects(export),
    )
    missing = [name for name in export.secrets if name not in session.project.secrets]
    yield from variables.instructions(export.secrets)
    if missing and (dry_run or not variables.are_listed(session.root, missing)):
        yield (f"next: add them to {FILE}: `secrets: [{', '.join(missing)}]`")
    if not target.is_read:
        yield (f"`{target.folder}` is outside the manifests folder of the project, so nothing is bound")
    elif export.rendered and not dry_run:
        yield (f"next: {session.command('plan')}" + (_WITHOUT_VALUES if export.secrets else ""))
    if target.is_read and result.new:
        yield from _hints_about_others(session)


def _hints_about_others(session: Session) -> Iterator[str]:
    """The hint that other environments read the new manifests, too, and how to keep a manifest to this one."""
    own = session.environment
    others = [name for name in session.project.environments if name != own.name]
    place = (
        f"`{own.overlay}`, the overlay of `{own.name}`" if own.overlay else f"a folder that is its `overlay:` in {FILE}"
    )
    if others:
        yield flat(
            f"the new manifests also belong to {listed(others)}, where a plan will create their objects; "
            f"to use a manifest in `{own.name}` only, move it into {place}"
        )


def _unaddressable(export: Export) -> list[str]:
    """The lines about objects whose id is not valid in a request."""
    return [
        f"not exported: {one.kind.name} {flat(one.remote_id)}, whose id is not valid in a request"
        for one in export.survey.unsafe_ids
    ]


def _left_out(export: Export) -> list[str]:
    """The lines about fields that are not in the manifests; one line for the same field of several objects."""
    exported = [one.exported for one in export.rendered]
    counts = Counter(
        (one.address.kind, pointer, reason) for one in exported for pointer, reason in sorted(_left_out_of(one))
    )
    return [
        f"skipped and not managed: {flat(f'{kind} {pointer}')} of {counted(count, 'object')}: {flat(reason)}"
        for (kind, pointer, reason), count in sorted(counts.items())
    ]


def _left_out_of(exported: Exported) -> set[tuple[str, str]]:
    """The fields left out of one object, each with the reason; list indices are `*`, so that equal ones are merged."""
    return {(join(pattern_of(split(pointer))), reason) for pointer, reason in exported.left_out.items()}


def _references(export: Export) -> list[str]:
    """The lines about objects that could only be exported as references, for a reason that a person may not expect."""
    references = [one.exported for one in export.rendered if one.exported.fault not in ("", STOCK, SOURCE_NOT_RETURNED)]
    return [f"`{one.address}` is exported as `external: true` and not managed: {flat(one.fault)}" for one in references]


def _stopping_diagnostics(export: Export) -> list[str]:
    """The lines about diagnostics that prevent a plan until a person has looked at them."""
    return [
        f"{one.address}: {flat(one.message)} [{label(one.id)}]; remove it, or keep it with "
        f"`# tavusctl: ignore={CHECKS[one.id].slug}`"
        for one in export.blocking_diagnostics
    ]


def _differing_objects(export: Export) -> list[str]:
    if not export.differing:
        return []
    names = listed(map(str, export.differing[:_MANY]))
    more = f" and {len(export.differing) - _MANY} more" if len(export.differing) > _MANY else ""
    verb = "differs" if len(export.differing) == 1 else "differ"
    ways = "`tavusctl plan` shows how, and `tavusctl adopt --all` takes the edits made in the account"
    return [f"{names}{more} {verb} from the account; {ways}"]


def text(result: ExportResult) -> str:
    """One line for each object."""
    export, target, new, dry_run = result.export, result.target, result.new, result.dry_run
    folder = _folder_name(target.folder)
    lines = [
        f"{_verb(one, new, dry_run=dry_run)} {one.exported.address} {flat(one.exported.live.remote_id)}"
        f" {folder}/{one.path}{' (referred to)' if one.exported.fault else ''}\n"
        for one in export.rendered
    ]
    kept_line = f"{counted(len(export.existing), 'object')} had a manifest already\n" if export.existing else ""
    return "".join(lines) + kept_line + ("" if lines or kept_line else "nothing to export\n")


def _verb(rendering: Rendered, new: frozenset[str], *, dry_run: bool) -> str:
    if new.isdisjoint(rendering.files):
        return "have" if rendering.exported.fault else "would bind" if dry_run else "bound"
    return "would write" if dry_run else "wrote"


def document(result: ExportResult) -> str:
    """The result as JSON."""
    export, target, new = result.export, result.target, result.new
    return result_text(
        dry_run=result.dry_run,
        folder=_folder_name(target.folder),
        objects=[_entry(one, new) for one in export.rendered],
        kept=[str(one) for one in export.existing],
        differing=[str(one) for one in export.differing],
        complaints=[diagnostic_document(one) for one in export.blocking_diagnostics],
    )


def _entry(rendering: Rendered, new: frozenset[str]) -> JsonObject:
    exported = rendering.exported
    return {
        "address": str(exported.address),
        "id": exported.live.remote_id,
        "managed": not exported.fault,
        "reason": exported.fault,
        "files": [*rendering.files],
        "written": [path for path in rendering.files if path in new],
        "left_out": [{"path": pointer, "reason": reason} for pointer, reason in exported.left_out.items()],
        "secrets": [{"path": pointer, "name": name} for pointer, name in exported.secrets],
    }


def _folder_name(folder: Path) -> str:
    """The path of a folder, relative to the working folder if it is inside."""
    relative = os.path.relpath(folder)
    return flat(str(folder) if relative.startswith("..") else relative)
