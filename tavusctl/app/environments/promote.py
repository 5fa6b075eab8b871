"""Carry what one environment says over to another, as an edit of files; no account is asked."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.environments.carried_fields import Field, Side, differing, written
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
from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.messages import listed, suggestion
from tavusctl.core.model import ABSENT, Manifest
from tavusctl.core.project_settings import Project
from tavusctl.kinds import KINDS, address_in
from tavusctl.lib.json_types import Json
from tavusctl.patch.pointer import join
from tavusctl.rewrite.apply_edits import splice
from tavusctl.rewrite.render_value import CannotAdoptError

Manifests = Mapping[Address, Manifest]


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
    left, right = (Side(one, sources.document(one), sources.brought) for one in (mine, theirs))
    others = _loaded(target.project, but=(target.environment.name,))
    strangers = {name: one for name, one in others.items() if name != source.environment.name}
    carrier = _Carrier(left, right, sources, strangers)
    fields = list(differing(left, right, chosen))
    if chosen and not fields:
        message = f"no field of `{mine.address}` that differs is {' or '.join(chosen)}"
        raise UsageError(message, "`tavusctl diff` shows those that do")
    try:
        told = [(field.pointer, carrier.carry(field)) for field in fields]
    except (CannotAdoptError, files.RefusedError) as error:
        message = f"`{mine.address}` cannot be carried over: {error}"
        raise RefusedError(message, "edit the files by hand", id="E433") from None
    if dry_run:
        return Promotion(told, difference(sources.before, sources.changed))
    with files_written(target.root, sources.before, sources.changed):
        _check(target, others, old, mine.address)
    return Promotion(told)


def _chosen(source: LocalSession, target: LocalSession, address: str) -> tuple[Manifest, Manifest, Manifests]:
    """The manifest of an address in both environments, and all of the second."""
    try:
        wanted = address_in(address)
    except ValueError as error:
        raise UsageError(str(error)) from None
    sides = [{one.address: one for one in load(session)[0]} for session in (source, target)]
    if wanted not in sides[0]:
        message = f"`{wanted}` is not in the manifests of `{source.environment.name}`"
        raise UsageError(message, suggestion(str(wanted), map(str, sides[0])))
    if wanted not in sides[1]:
        path = sides[0][wanted].source.path
        message = f"`{wanted}` exists in `{source.environment.name}` only, in {path}"
        folder = target.environment.overlay or target.project.manifests.removeprefix(f"{target.project.root}/")
        raise UsageError(message, f"move or copy the file to `{folder}`: a new object is a file")
    return sides[0][wanted], sides[1][wanted], sides[1]


class _Carrier(Struct):
    """One promotion: both sides, and who else would notice an edit."""

    source: Side
    target: Side
    sources: Sources
    others: Mapping[str, LoadResult]  # of the environments that are to stay as they are

    def carry(self, field: Field) -> str:
        """Write one field into the files as they are to be; the file that says it."""
        value, texts = written(field, self.source, self.target)
        shared = {path: names for path in texts if (names := self._bringing(path))}
        if shared and self.target.manifest.overlay:
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
        if manifest.overlay is None:
            raise self._refused(field, manifest.source.path, names)
        path, new = manifest.overlay.path, None if value is ABSENT else value
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
        hint = f"add a document with `kind: {address.kind}` and `name: {address.name}` to an overlay of the environment"
        return RefusedError(message, hint, id="E433")


def _loaded(project: Project, but: Collection[str]) -> dict[str, LoadResult]:
    """What environments are to be, but some."""
    environments = project.environments.items()
    return {name: loading.read(project, one, KINDS) for name, one in environments if name not in but}


def _check(session: LocalSession, before: Mapping[str, LoadResult], old: Manifests, address: Address) -> None:
    """See that nothing but what was to change has changed; ConfigError where the files are not right any more."""
    after = _loaded(session.project, ())
    wrong = [one for found in after.values() for one in found.diagnostics if one.severity is Severity.ERROR]
    told = {one for found in before.values() for one in found.diagnostics}
    if new := [one for one in wrong if one not in told]:
        message = f"the value does not form a valid manifest here; nothing was written: {new[0].message}"
        raise RefusedError(message, new[0].hint, id="E433")
    own = session.environment.name
    sides = {**{name: one.manifests for name, one in before.items()}, own: tuple(old.values())}
    for name, manifests in sides.items():
        was, is_ = _meant(manifests), _meant(after[name].manifests)
        expected = {address} if name == own else set()
        changed = sorted(str(one) for one in {*was, *is_} - expected if was.get(one) != is_.get(one))
        if changed:
            message = f"{', '.join(changed)} of `{name}` would change as well; nothing was written"
            raise RefusedError(message, "give each a file of its own, and run `tavusctl promote` again", id="E433")


def _meant(manifests: Iterable[Manifest]) -> Manifests:
    """Manifests without their places."""
    nowhere = Source("", 0, 0)
    return {one.address: replace(one, source=nowhere, sources={}, passages={}, overlay=None) for one in manifests}
