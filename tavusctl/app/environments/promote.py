"""Carry what one environment says over to another, as an edit of files; no account is asked."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.environments import new_documents
from tavusctl.app.environments.carried_fields import Field, Side, differing, pointer_in, written
from tavusctl.app.files.manifest_sources import Sources, with_text
from tavusctl.app.files.rewritten_files import difference
from tavusctl.app.files.rewritten_files import written as files_written
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import load
from tavusctl.config import files, loading
from tavusctl.config.interpolation import literally
from tavusctl.config.loading import LoadResult
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Edit, Severity, written_at
from tavusctl.core.errors import ConfigError, RefusedError, UsageError
from tavusctl.core.messages import listed, suggestion
from tavusctl.core.model import ABSENT, Manifest
from tavusctl.core.project_settings import Environment, Project
from tavusctl.kinds import KINDS, address_in
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.lib.unwritten_files import unwritten
from tavusctl.patch.pointer import join
from tavusctl.rewrite.apply_edits import splice
from tavusctl.rewrite.render_value import CannotAdoptError

Manifests = Mapping[Address, Manifest]
_MANY: Final = 12  # fields in one message


class Promotion(Struct, frozen=True):
    """The fields that were carried, each with the file that says it now; and the difference of a dry run."""

    fields: Sequence[tuple[str, str]]
    difference: str = ""


def promote(
    source: LocalSession, target: LocalSession, address: str, chosen: Collection[str] = (), *, dry_run: bool = False
) -> Promotion:
    """Make the files say in the target what they say in the source; every other environment stays as it is."""
    mine, theirs, old = _chosen(source, target, address)
    sources = Sources(target.project)
    others = _loaded(target.project, but=(target.environment.name,))
    strangers = {name: one for name, one in others.items() if name != source.environment.name}
    try:
        if theirs is None:
            told = [("", _copied(mine, target, sources, strangers, chosen))]
        else:
            left, right = (Side(one, sources.document(one), sources.brought) for one in (mine, theirs))
            carrier = _Carrier(left, right, sources, strangers, target.environment.name, target.environment.overlay)
            told = [(field.pointer, carrier.carry(field)) for field in _fields(left, right, chosen)]
    except (CannotAdoptError, files.RefusedError) as error:
        message = f"`{mine.address}` cannot be carried over: {error}"
        raise RefusedError(message, "edit the files by hand", id="E433") from None
    with unwritten(target.root, sources.changed):
        _check(target, others, old, mine.address, [pointer for pointer, _ in told])
    if dry_run:
        return Promotion(told, difference(sources.before, sources.changed))
    with files_written(target.root, sources.before, sources.changed):
        return Promotion(told)


def _fields(left: Side, right: Side, chosen: Collection[str]) -> Sequence[Field]:
    """What is to be carried; UsageError where none of the fields that were chosen differs."""
    kind = KINDS[left.manifest.address.kind]
    wanted = [pointer_in(kind, one) for one in chosen]
    if "" in wanted:
        message = "a `--field` names no field, but all of them"
        raise UsageError(message, "name one, such as `--field /layers/tts`, or leave the option out")
    fields = list(differing(left, right, wanted))
    if wanted and not fields:
        others = [field.pointer for field in differing(left, right, ("",))]
        message = f"no field of `{left.manifest.address}` that differs is {' or '.join(wanted)}"
        told = f"those that do are {listed(others)}; " if 0 < len(others) <= _MANY else ""
        raise UsageError(message, f"{told}`tavusctl diff` shows what both environments say")
    return fields


def _copied(
    manifest: Manifest,
    target: LocalSession,
    sources: Sources,
    strangers: Mapping[str, LoadResult],
    chosen: Collection[str],
) -> str:
    """Give the target an object that only the source has: in its overlay, or where all environments read it."""
    project, environment, address = target.project, target.environment, manifest.address
    if chosen:
        message = f"`{address}` is new in `{environment.name}`, and is carried as a whole"
        raise UsageError(message, "leave out `--field`")
    folders = [one.overlay for one in project.environments.values() if one.overlay]
    above = next((one for one in folders if manifest.source.path.startswith(f"{one}/")), "")
    if environment.overlay:
        return new_documents.copied(sources, environment.overlay, manifest, above)
    if strangers:
        message = f"`{address}` would exist in {listed(list(strangers))}, too; nothing was written"
        raise RefusedError(message, _overlay_hint(environment.name), id="E433")
    folder = Path(project.manifests).relative_to(project.root).as_posix()
    return new_documents.copied(sources, folder, manifest, above)


def _overlay_hint(name: str) -> str:
    return f"give the environment a folder of its own: `overlay: overlays/{name}` under `{name}` in tavusctl.yaml"


def _chosen(source: LocalSession, target: LocalSession, address: str) -> tuple[Manifest, Manifest | None, Manifests]:
    """The manifest of an address in both environments, None where the second has none, and all of the second."""
    try:
        wanted = address_in(address)
    except ValueError as error:
        raise UsageError(str(error)) from None
    sides = [{one.address: one for one in load(session)[0]} for session in (source, target)]
    if wanted not in sides[0]:
        message = f"`{wanted}` is not in the manifests of `{source.environment.name}`"
        raise UsageError(message, suggestion(str(wanted), map(str, sides[0])))
    return sides[0][wanted], sides[1].get(wanted), sides[1]


class _Carrier(Struct):
    """One promotion: both sides, and who else would notice an edit."""

    source: Side
    target: Side
    sources: Sources
    others: Mapping[str, LoadResult]  # of the environments that are to stay as they are
    name: str  # of the target
    folder: str  # of its overlay; empty where it has none
    begun: str = ""  # the path of a document that is new there

    def carry(self, field: Field) -> str:
        """Write one field into the files as they are to be; the file that says it."""
        value, texts = written(field, self.source, self.target)
        shared = {path: names for path in texts if (names := self._bringing(path))}
        if shared and self.folder:
            value, texts = literally(next(iter(texts.values()))), {}
        elif shared:
            raise self._refused(field, *next(iter(shared.items())))
        for path, text in texts.items():
            self.sources.after[path] = with_text(self.sources.read(path), text)
        edits = {} if texts else self._edited(field, value)
        self.sources.after.update(edits)
        return next(iter([*texts, *edits]), self.target.manifest.source.path)

    def _edited(self, field: Field, value: Json) -> Mapping[str, bytes]:
        """The manifest that says a field, edited: for this environment alone where others would change with it."""
        manifest = self.target.manifest
        edits = self.sources.edited(manifest, field.path, value)
        names = self._reading(field) if manifest.source.path in edits else []
        if not names:
            return edits
        if not self.folder:
            raise self._refused(field, manifest.source.path, names)
        if manifest.overlay is None and not self.begun:
            self.begun = new_documents.begun(self.sources, self.folder, manifest)
        path, new = manifest.overlay.path if manifest.overlay else self.begun, None if value is ABSENT else value
        edit = Edit(manifest.address, join(field.path), "set", new)
        return {path: splice(self.sources.read(path), path, [edit])}

    def _reading(self, field: Field) -> list[str]:
        """Other environments that take a field from the manifest that all have."""
        found = []
        for name, loaded in self.others.items():
            for one in loaded.manifests:
                if one.address == self.target.manifest.address and one.source.path == self.target.manifest.source.path:
                    place = written_at(self.sources.document(one).sources, join(field.path), one.source)
                    found += [] if one.overlay and place.path == one.overlay.path else [name]
        return found

    def _bringing(self, path: str) -> list[str]:
        """Other environments that bring a file."""
        real = os.path.realpath(Path(self.sources.project.root, path))
        return [name for name, one in self.others.items() if real in map(os.path.realpath, one.brought)]

    def _refused(self, field: Field, path: str, names: Sequence[str]) -> RefusedError:
        address = self.target.manifest.address
        message = f"{address} {field.pointer}: an edit of {path} would change {listed(names)}, too; nothing was written"
        return RefusedError(message, _overlay_hint(self.name), id="E433")


def _loaded(project: Project, but: Collection[str]) -> dict[str, LoadResult]:
    """What environments are to be, but some."""
    environments = project.environments.items()
    return {name: loading.read(project, one, KINDS) for name, one in environments if name not in but}


def _check(
    session: LocalSession,
    before: Mapping[str, LoadResult],
    old: Manifests,
    address: Address,
    carried: Sequence[str],
) -> None:
    """See that nothing but what was to change changes; RefusedError where the files would not be right any more."""
    after = _loaded(session.project, ())
    wrong = [one for found in after.values() for one in found.diagnostics if one.severity is Severity.ERROR]
    told = {one for found in before.values() for one in found.diagnostics}
    if new := [one for one in wrong if one not in told]:
        message = f"the value does not form a valid manifest here; nothing was written: {new[0].message}"
        raise RefusedError(message, new[0].hint, id="E433")
    try:
        load(replace(session, cache=None))  # which knows files as they are on the disk
    except ConfigError as error:  # such as a reference to what does not exist here
        told_first = next(one for one in error.diagnostics if one.severity is Severity.ERROR)
        message = f"`{address}` is not right in `{session.environment.name}`; nothing was written: {told_first.message}"
        raise RefusedError(message, told_first.hint, id="E433") from None
    own = session.environment.name
    sides = {**{name: one.manifests for name, one in before.items()}, own: tuple(old.values())}
    for name, manifests in sides.items():
        was, is_ = _meant(manifests), _meant(after[name].manifests)
        expected = {address} if name == own else set()
        changed = sorted(one for one in {*was, *is_} - expected if was.get(one) != is_.get(one))
        if changed:
            found = {one: _changed_fields(was.get(one), is_.get(one)) for one in changed}
            words = ", ".join(f"{one} {' and '.join(fields)}".rstrip() for one, fields in found.items())
            message = f"{words} of `{name}` would change as well; nothing was written"
            raise RefusedError(message, _way_out(session.environment, found, address, carried), id="E433")


def _changed_fields(was: Manifest | None, is_: Manifest | None) -> list[str]:
    """The fields of spec in which two manifests differ; none where one of the two is missing."""
    return [join(path) for path in _differing((), was.spec, is_.spec)] if was and is_ else []


def _differing(path: KeyPath, was: Json, is_: Json) -> Iterator[KeyPath]:
    if isinstance(was, dict) and isinstance(is_, dict):
        for key in sorted({*was, *is_}):
            yield from _differing((*path, key), was.get(key, ABSENT), is_.get(key, ABSENT))
    elif was != is_:
        yield path


def _way_out(
    environment: Environment, found: Mapping[Address, Sequence[str]], address: Address, carried: Sequence[str]
) -> str:
    """What to do where more than was meant would change: leave that out, or keep the environments apart."""
    if set(found) != {address}:
        return "give each a file of its own, and run `tavusctl promote` again"
    free = [one for one in carried if not any(_overlap(one, other) for other in found[address])]
    options = " ".join(f"--field {one}" for one in free)
    apart = "edit the files by hand" if environment.overlay else _overlay_hint(environment.name)
    return f"`{options}` carries what changes nothing else; for the rest, {apart}" if free else apart


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _meant(manifests: Iterable[Manifest]) -> Manifests:
    """Manifests without their places."""
    nowhere = Source("", 0, 0)
    return {one.address: replace(one, source=nowhere, sources={}, passages={}, overlay=None) for one in manifests}
