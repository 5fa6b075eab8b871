"""Carry values over from one environment to another, as edits of files; no account is read."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.environments import new_documents
from tavusctl.app.environments.carried_fields import Field, Side, differing, pointer_in, target_value
from tavusctl.app.files.manifest_sources import Sources, with_text
from tavusctl.app.files.rewritten_files import difference, write_files
from tavusctl.app.session import named_addresses
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import load
from tavusctl.config import files, loading
from tavusctl.config.interpolation import escape_expressions
from tavusctl.config.loading import LoadResult
from tavusctl.core.address import NOWHERE, Address
from tavusctl.core.diagnostics import Edit, errors_in, written_at
from tavusctl.core.errors import ConfigError, RefusedError, UsageError
from tavusctl.core.json_tree import side_by_side
from tavusctl.core.messages import listed
from tavusctl.core.model import ABSENT, Manifest
from tavusctl.core.project_settings import Environment, Project
from tavusctl.engine.compare.patch_guards import touches
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json
from tavusctl.lib.unwritten_files import as_if_written
from tavusctl.patch.pointer import join
from tavusctl.rewrite.apply_edits import splice
from tavusctl.rewrite.render_value import CannotAdoptError

Manifests = Mapping[Address, Manifest]
_MANY: Final = 12  # fields in one message


class Promotion(Struct, frozen=True):
    """The pointers of the carried fields, each with the file that has it now; and the diff of a dry run."""

    fields: Sequence[tuple[str, str]]
    difference: str = ""


def promote(
    source: LocalSession, target: LocalSession, address: str, chosen: Collection[str] = (), *, dry_run: bool = False
) -> Promotion:
    """Write values of the source into the files of the target; RefusedError if another environment would change.

    `chosen` are fields as people type them; empty for all fields that the source sets for itself.
    """
    source_manifest, target_manifest, target_manifests = _both_sides(source, target, address)
    sources = Sources(target.project)
    others = _load_all(target.project, but=(target.environment.name,))
    strangers = {name: one for name, one in others.items() if name != source.environment.name}
    try:
        if target_manifest is None:
            fields = [("", _copy(source_manifest, target, sources, strangers, chosen))]
        else:
            source_side, target_side = (
                Side(one, sources.document(one), sources.included_path) for one in (source_manifest, target_manifest)
            )
            carrier = _Carrier(
                source_side, target_side, sources, strangers, target.environment.name, target.environment.overlay
            )
            names = f"{source.environment.name} {target.environment.name}"
            fields = [(one.pointer, carrier.carry(one)) for one in _fields(source_side, target_side, chosen, names)]
    except (CannotAdoptError, files.UnreadableFileError) as error:
        message = f"`{source_manifest.address}` cannot be carried over: {error}"
        raise RefusedError(message, "edit the files by hand", id="E433") from None
    with as_if_written(target.root, sources.changed):
        _check(target, others, target_manifests, source_manifest.address, [pointer for pointer, _ in fields])
    if dry_run:
        return Promotion(fields, difference(sources.before, sources.changed))
    write_files(target.root, sources.before, sources.changed)
    return Promotion(fields)


def _fields(source: Side, target: Side, chosen: Collection[str], names: str) -> Sequence[Field]:
    """The fields to carry over; UsageError if none of the chosen fields differs.  `names` are both environments."""
    kind = KINDS[source.manifest.address.kind]
    pointers = [pointer_in(kind, one) for one in chosen]
    if "" in pointers:
        message = "a value of `--field` stands for all fields, not for one"
        raise UsageError(message, "name a field, such as `--field /layers/tts`, or remove the option")
    fields = list(differing(source, target, pointers))
    if pointers and not fields:
        others = [field.pointer for field in differing(source, target, ("",))]
        message = f"`{source.manifest.address}` does not differ at {' or '.join(pointers)}"
        hint_start = f"the differences are at {listed(others)}; " if 0 < len(others) <= _MANY else ""
        raise UsageError(message, f"{hint_start}run `tavusctl diff {names}` to compare both environments")
    return fields


def _copy(
    manifest: Manifest,
    target: LocalSession,
    sources: Sources,
    strangers: Mapping[str, LoadResult],
    chosen: Collection[str],
) -> str:
    """Copy a manifest that only the source has: to the overlay of the target, or to the common folder.

    RefusedError if other environments would get it, too.  Return the path of the copy.
    """
    project, environment, address = target.project, target.environment, manifest.address
    if chosen:
        message = f"`{address}` is new in `{environment.name}`, and is carried as a whole"
        raise UsageError(message, "leave out `--field`")
    folders = [one.overlay for one in project.environments.values() if one.overlay]
    above = next((one for one in folders if manifest.source.path.startswith(f"{one}/")), "")
    if environment.overlay:
        return new_documents.copy_document(sources, environment.overlay, manifest, above)
    if strangers:
        message = f"`{address}` would exist in {listed(list(strangers))}, too; nothing was written"
        raise RefusedError(message, _overlay_hint(environment.name), id="E433")
    folder = Path(project.manifests).relative_to(project.root).as_posix()
    return new_documents.copy_document(sources, folder, manifest, above)


def _overlay_hint(name: str) -> str:
    return f"give the environment a folder of its own: `overlay: overlays/{name}` under `{name}` in tavusctl.yaml"


def _both_sides(
    source: LocalSession, target: LocalSession, address: str
) -> tuple[Manifest, Manifest | None, Manifests]:
    """The manifest of an address in the source and in the target (or None), and all manifests of the target."""
    key = named_addresses.parse(address)
    sides = [{one.address: one for one in load(session)[0]} for session in (source, target)]
    if key not in sides[0]:
        raise named_addresses.undeclared(key, sides[0], source.environment.name)
    return sides[0][key], sides[1].get(key), sides[1]


class _Carrier(Struct):
    """One promotion: both sides, and the other environments that an edit could change."""

    source: Side
    target: Side
    sources: Sources
    others: Mapping[str, LoadResult]  # of the environments that must not change, by name
    name: str  # of the target
    folder: str  # of its overlay; empty where it has none
    new_overlay: str = ""  # the path of a new document in the overlay; empty until it is needed

    def carry(self, field: Field) -> str:
        """Write one field into the new contents of the files; return the file that has it."""
        value, texts = target_value(field, self.source, self.target)
        shared = {path: names for path in texts if (names := self._includers_of(path))}
        if shared and self.folder:
            value, texts = escape_expressions(next(iter(texts.values()))), {}
        elif shared:
            raise self._refusal(field, *next(iter(shared.items())))
        for path, text in texts.items():
            self.sources.after[path] = with_text(self.sources.read(path), text)
        edits = {} if texts else self._edits_for(field, value)
        self.sources.after.update(edits)
        return next(iter([*texts, *edits]), self.target.manifest.source.path)

    def _edits_for(self, field: Field, value: Json) -> Mapping[str, bytes]:
        """The edited files for a field: the overlay of this environment if others would change with the manifest."""
        manifest = self.target.manifest
        edits = self.sources.edit(manifest, field.path, value)
        names = self._readers_of(field) if manifest.source.path in edits else []
        if not names:
            return edits
        if not self.folder:
            raise self._refusal(field, manifest.source.path, names)
        if manifest.overlay is None and not self.new_overlay:
            self.new_overlay = new_documents.add_overlay(self.sources, self.folder, manifest)
        path, new_value = (
            manifest.overlay.path if manifest.overlay else self.new_overlay,
            None if value is ABSENT else value,
        )
        edit = Edit(manifest.address, join(field.path), "set", new_value)
        return {path: splice(self.sources.read(path), path, [edit])}

    def _readers_of(self, field: Field) -> list[str]:
        """The names of other environments that read a field from the common manifest."""
        names = []
        for name, loaded in self.others.items():
            for manifest in loaded.manifests:
                if (
                    manifest.address == self.target.manifest.address
                    and manifest.source.path == self.target.manifest.source.path
                ):
                    place = written_at(self.sources.document(manifest).sources, join(field.path), manifest.source)
                    names += [] if manifest.overlay and place.path == manifest.overlay.path else [name]
        return names

    def _includers_of(self, path: str) -> list[str]:
        """The names of other environments whose manifests include a file."""
        real = os.path.realpath(Path(self.sources.project.root, path))
        return [name for name, one in self.others.items() if real in map(os.path.realpath, one.included_files)]

    def _refusal(self, field: Field, path: str, names: Sequence[str]) -> RefusedError:
        address = self.target.manifest.address
        message = f"{address} {field.pointer}: an edit of {path} would change {listed(names)}, too; nothing was written"
        return RefusedError(message, _overlay_hint(self.name), id="E433")


def _load_all(project: Project, but: Collection[str]) -> dict[str, LoadResult]:
    """The manifests of all environments except some, by name."""
    environments = project.environments.items()
    return {name: loading.read(project, one, KINDS) for name, one in environments if name not in but}


def _check(
    session: LocalSession,
    before: Mapping[str, LoadResult],
    target_manifests: Manifests,
    address: Address,
    carried: Sequence[str],
) -> None:
    """RefusedError if the new files would be invalid, or would change more than the carried fields of one resource."""
    after = _load_all(session.project, ())
    errors = [one for details in after.values() for one in errors_in(details.diagnostics)]
    old_diagnostics = {one for details in before.values() for one in details.diagnostics}
    if new := [one for one in errors if one not in old_diagnostics]:
        message = f"the value does not form a valid manifest here; nothing was written: {new[0].message}"
        raise RefusedError(message, new[0].hint, id="E433")
    try:
        load(replace(session, cache=None))  # without the cache, which has the files as they are on the disk
    except ConfigError as error:  # such as a reference to an object that does not exist here
        first_error = errors_in(error.diagnostics)[0]
        message = (
            f"`{address}` would be invalid in `{session.environment.name}`; nothing was written: {first_error.message}"
        )
        raise RefusedError(message, first_error.hint, id="E433") from None
    own = session.environment.name
    sides = {**{name: one.manifests for name, one in before.items()}, own: tuple(target_manifests.values())}
    for name, manifests in sides.items():
        old_content, new_content = _without_places(manifests), _without_places(after[name].manifests)
        expected = {address} if name == own else set()
        changed = sorted(
            one for one in {*old_content, *new_content} - expected if old_content.get(one) != new_content.get(one)
        )
        if changed:
            details = {one: _changed_fields(old_content.get(one), new_content.get(one)) for one in changed}
            words = ", ".join(f"{one} {' and '.join(fields)}".rstrip() for one, fields in details.items())
            message = f"{words} of `{name}` would change as well; nothing was written"
            raise RefusedError(message, _hint_for_less(session.environment, details, address, carried), id="E433")


def _changed_fields(was: Manifest | None, is_: Manifest | None) -> list[str]:
    """The fields of spec in which two manifests differ; none where one of the two is missing."""
    values = side_by_side(was.spec, is_.spec) if was and is_ else ()
    return [join(path) for path in sorted(path for path, old, new in values if old != new)]


def _hint_for_less(
    environment: Environment, changes: Mapping[Address, Sequence[str]], address: Address, carried: Sequence[str]
) -> str:
    """The hint where too much would change: carry only independent fields, or give the environment an overlay."""
    if set(changes) != {address}:
        return "give each a file of its own, and run the same command again"
    independent = [one for one in carried if not touches(one, changes[address])]
    options = " ".join(f"--field {one}" for one in independent)
    separation = "edit the files by hand" if environment.overlay else _overlay_hint(environment.name)
    if not independent:
        return separation
    return f"use `{options}` for the fields that change nothing else; for the others, {separation}"


def _without_places(manifests: Iterable[Manifest]) -> Manifests:
    """Manifests by address, without their positions in files, so that equal content compares equal."""
    places = {"source": NOWHERE, "sources": {}, "envelope_sources": {}, "passages": {}, "overlay": None}
    return {one.address: replace(one, **places) for one in manifests}
