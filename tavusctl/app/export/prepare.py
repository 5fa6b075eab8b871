"""Prepare an export: choose objects, give them addresses, render their files, and read each manifest back.

An object whose manifest would not read back as exactly what the account has is exported as a reference
(`external: true`) instead.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import lint
from tavusctl.app.session.online import Session
from tavusctl.config import loading, yaml12
from tavusctl.config.attachments import AttachmentResolver, FileDigest
from tavusctl.config.envelope import open_document
from tavusctl.config.files import as_text
from tavusctl.config.interpolation import FileText, Scope
from tavusctl.config.limits import Budget
from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, errors_in
from tavusctl.core.errors import ConfigError, RefusedError, StateError, UsageError
from tavusctl.core.json_tree import leaves, pattern_of, with_addresses
from tavusctl.core.messages import shown, suggestion
from tavusctl.core.model import Live, Manifest
from tavusctl.core.ports import Reader, Store
from tavusctl.engine import resolve
from tavusctl.engine.compare.three_way import compare
from tavusctl.engine.import_.survey import (
    AccountSurvey,
    addressed,
    differing,
    referenced_objects,
    survey,
    without_unknown_secrets,
)
from tavusctl.engine.plan import Approvals
from tavusctl.fields import secret_fields
from tavusctl.kinds import KINDS
from tavusctl.lib.private_files import read_regular
from tavusctl.lint.core import Subject
from tavusctl.patch import split
from tavusctl.rewrite.export import Rendered, addresses, export_manifest, recorded_base, render, shared_names
from tavusctl.secrets import redaction

STOCK = "it is a stock object of Tavus"
_MANY = 5  # problems that one message lists


class Selection(Struct, frozen=True):
    """Which objects of the account are exported: all, those of some kinds, or single ones."""

    kinds: frozenset[str] = frozenset()
    addresses: frozenset[Address] = frozenset()
    ids: frozenset[str] = frozenset()

    @property
    def kinds_to_read(self) -> frozenset[str]:
        """The kinds to read."""
        of_addresses = frozenset(one.kind for one in self.addresses)
        return self.kinds or (of_addresses if of_addresses and not self.ids else frozenset(KINDS))

    def includes(self, address: Address, remote_id: str) -> bool:
        """Whether an object is among the selected addresses or ids; True if there are none."""
        return not (self.addresses or self.ids) or address in self.addresses or remote_id in self.ids


class Target(Struct, frozen=True):
    """The folder of the new files; outside the manifests folder no command reads them, so nothing is bound."""

    folder: Path
    root: Path
    manifests: Path

    @property
    def is_read(self) -> bool:
        """Whether the next plan reads files in this folder."""
        inside = Path(os.path.realpath(self.folder))
        top = Path(os.path.realpath(self.manifests))
        return inside.is_relative_to(top) and not any(part.startswith(".") for part in inside.relative_to(top).parts)

    @property
    def file_prefix(self) -> str:
        """The prefix of a path in `${file:}`: empty, or `../` in a folder below the manifests folder."""
        is_top = not self.is_read or os.path.realpath(self.folder) == os.path.realpath(self.manifests)
        return "" if is_top else "../"

    def schemas_from(self, folder: str) -> str:
        """The relative path to the schemas of the project from a folder below the target folder."""
        return Path(os.path.relpath(self.root / "schemas", self.folder / folder)).as_posix()


class Export(Struct, frozen=True):
    """Everything that an export writes, and what exists already."""

    survey: AccountSurvey
    rendered: tuple[Rendered, ...]
    bindings: Mapping[Address, Binding] = {}
    # About the new manifests; plans are refused until a person has looked.
    blocking_diagnostics: tuple[Diagnostic, ...] = ()
    existing: tuple[Address, ...] = ()  # selected, but a manifest exists already
    differing: tuple[Address, ...] = ()  # selected and bound, but the manifest differs from the account

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the variables that the new manifests read secrets from, sorted."""
        return tuple(sorted({name for one in self.rendered for _, name in one.exported.secrets}))


def prepare(session: Session, selection: Selection, target: Target, api: Reader, store: Store) -> Export:
    """Compute the files to write, without writing them.  RefusedError if a manifest exists already."""
    manifests = _manifests(session) if target.is_read else ()
    inputs = replace(session.plan_inputs(Approvals()), settle=session.settings.settle)
    surveyed = survey(selection.kinds_to_read, api, store, inputs)
    naming = _Naming(surveyed, manifests, selection, _addresses_of_others(session) if target.is_read else frozenset())
    owners = session.others().owners if naming.new else {}
    shared = shared_names(export_manifest(one, naming.ids[one.remote_id], naming.ids) for one in naming.new)
    renderings = tuple(_render(naming, target, one, owners.get(one.remote_id, ""), shared) for one in naming.new)
    if not target.is_read:
        return Export(surveyed, renderings)
    _refuse_rivals(naming, renderings, target, owners)
    bindings = surveyed.recovered.state.bindings.values()
    selected_bindings = [
        one
        for one in bindings
        if one.address.kind in selection.kinds_to_read and selection.includes(one.address, one.remote_id)
    ]
    return Export(
        surveyed,
        renderings,
        {one.exported.address: _binding(one, naming) for one in renderings if not one.exported.fault},
        _stopping_diagnostics(renderings),
        naming.kept,
        differing(manifests, naming.by_id, selected_bindings, naming.ids),
    )


def _manifests(session: Session) -> tuple[Manifest, ...]:
    """The manifests of the project; ConfigError with all diagnostics if one is an error."""
    loaded = loading.read(session.project, session.environment, KINDS)
    if errors_in(loaded.diagnostics):
        raise ConfigError(loaded.diagnostics)
    return loaded.manifests


def _addresses_of_others(session: Session) -> frozenset[Address]:
    """The addresses that only overlays of other environments have: they would overlay a new manifest of that name."""
    project, own = session.project, session.environment
    others = {one.overlay: one for one in project.environments.values() if one.overlay not in ("", own.overlay)}
    addresses_by_environment = [loading.read(project, one, KINDS).declared for one in (*others.values(), own)]
    return frozenset().union(*addresses_by_environment[:-1]) - addresses_by_environment[-1]


class _Naming:
    """The objects to export, those that have a manifest already, and the address of every object by id."""

    def __init__(
        self,
        surveyed: AccountSurvey,
        manifests: Sequence[Manifest],
        selection: Selection,
        elsewhere: frozenset[Address],
    ) -> None:
        self.manifests = {one.address: one for one in manifests}
        self.bindings = surveyed.recovered.state.bindings
        self.by_id = {one.remote_id: one for one in (*surveyed.live, *surveyed.stock)}
        self.stock = frozenset(one.remote_id for one in surveyed.stock)
        known_addresses = {one.external_id: one.address for one in manifests if one.external_id}
        known_addresses |= {one.remote_id: one.address for one in self.bindings.values()}
        replacement_ids = {id_ for one in self.bindings.values() for id_ in one.other_versions}
        unmanaged = [
            one for key, one in self.by_id.items() if key not in known_addresses and key not in replacement_ids
        ]
        names = addresses(unmanaged, frozenset(known_addresses.values()) | self.bindings.keys() | elsewhere)
        addresses_by_id = {**known_addresses, **{remote_id: address for (_, remote_id), address in names.items()}}
        declared_ids = frozenset(key for key, address in known_addresses.items() if address in self.manifests)
        chosen = _objects_to_export(self.by_id, addresses_by_id, selection, self.stock, declared_ids)
        kept_ids = {one.remote_id for one in chosen} & declared_ids
        self.new = tuple(one for one in chosen if one.remote_id not in kept_ids)
        self.kept = tuple(sorted(addresses_by_id[remote_id] for remote_id in kept_ids))
        self.ids = {**known_addresses, **{one.remote_id: addresses_by_id[one.remote_id] for one in self.new}}


def _objects_to_export(
    live: Mapping[str, Live],
    addresses_by_id: Mapping[str, Address],
    selection: Selection,
    stock: Collection[str],
    declared: Collection[str],
) -> list[Live]:
    """The objects to export, sorted by address: the selected ones, and the stock objects to which they refer.

    `declared` are the ids of objects that have a manifest.  That may name a stock object by its id.
    """
    own_addresses = {
        remote_id: addresses_by_id[remote_id]
        for remote_id in live
        if remote_id in addresses_by_id and remote_id not in stock
    }
    _check_selection(selection, own_addresses)
    chosen = [live[remote_id] for remote_id, address in own_addresses.items() if selection.includes(address, remote_id)]
    referenced = {remote_id for _, remote_id in referenced_objects(chosen)} & set(declared)
    referenced |= {id_ for _, id_ in referenced_objects(one for one in chosen if one.remote_id not in declared)}
    chosen += [live[remote_id] for remote_id in stock if remote_id in referenced]
    return sorted(chosen, key=lambda one: addresses_by_id[one.remote_id])


def _check_selection(selection: Selection, own_addresses: Mapping[str, Address]) -> None:
    for address in sorted(selection.addresses - set(own_addresses.values())):
        message = f"no object of the account would be exported as `{address}`"
        raise UsageError(message, suggestion(str(address), map(str, own_addresses.values())))
    for remote_id in sorted(selection.ids - own_addresses.keys()):
        message = f"the account has no object {shown(remote_id)} to export"
        raise StateError(message, "check the id, and that the API key belongs to the right account", id="E906")


def _render(naming: _Naming, target: Target, live: Live, owner: str, shared: Mapping[str, str]) -> Rendered:
    """The files of one object, or of an external reference if the manifest would not read back as the live object.

    An object that another environment has bound (`owner` describes it) becomes a reference, too: it is managed there.
    """
    address, binding = naming.ids[live.remote_id], naming.bindings.get(naming.ids[live.remote_id])
    schemas = target.schemas_from(live.kind.collection.rpartition("/")[2])
    exported = export_manifest(live, address, naming.ids, shared)
    if live.remote_id in naming.stock:
        exported = replace(exported, spec={}, left_out={}, fault=STOCK)
    if owner:
        exported = replace(exported, spec={}, left_out={}, fault=f"it is {owner}")
    rendering = render(exported, schemas, files_from=target.file_prefix, binding=binding)
    fault = _secret_fault(rendering) or _read_back_fault(rendering, naming.ids)
    if not fault:
        return rendering
    plain = replace(exported, spec={}, left_out={}, fault=fault)
    return render(plain, schemas)


def _secret_fault(rendering: Rendered) -> str:
    """The fault of files that would contain the value of a secret; empty if they would not."""
    spec, kind = rendering.exported.spec, rendering.exported.live.kind
    for pointer, _ in rendering.exported.secrets:
        if not secret_fields.allows_secret_reference(kind, pattern_of(split(pointer))):
            return f"the account has a key in {pointer}, where a manifest cannot have a secret"
    # Not the files: there, texts that look like expressions are escaped.
    texts = [text for path, leaf in leaves(spec) for text in (*path, leaf) if isinstance(text, str)]
    names = sorted({name for text in texts for name in redaction.secret_names_in(text)})
    return f"its manifest would contain the value of {', '.join(names)}" if names else ""


def _read_back_fault(rendering: Rendered, ids: Mapping[str, Address]) -> str:
    """The fault of a manifest that does not read back as the live object; empty if it does."""
    manifest, errors = _read_back(rendering)
    if manifest is None:
        return errors[0].message if errors else "it cannot be read back"
    (desired,) = resolve.resolve([manifest], secrets=None, ids=ids, declared=frozenset(ids.values()))
    if desired.external_id:
        return "" if desired.external_id == rendering.exported.live.remote_id else "its id cannot be read back"
    fields = compare(
        without_unknown_secrets(desired, rendering.exported.values), addressed(rendering.exported.live, ids), None
    ).fields
    return f"{fields[0].path} would not read back unchanged" if fields else ""


def _read_back(rendering: Rendered) -> tuple[Manifest | None, list[Diagnostic]]:
    """The manifest as any command will load it, None if it is invalid; and its errors."""

    def read_file(name: str) -> FileText:
        return FileText(as_text(rendering.files[name.removeprefix("../")].encode()), name)

    parsed = yaml12.read(rendering.files[rendering.path].encode(), rendering.path)
    scope = Scope({}, frozenset(name for _, name in rendering.exported.secrets), read_file, "")
    attachments = AttachmentResolver(_no_file)
    documents = [open_document(node, KINDS, lambda _: scope, attachments, Budget()) for node in parsed.documents]
    diagnostics = [*parsed.diagnostics, *(one for document in documents for one in document.diagnostics)]
    errors = errors_in(diagnostics)
    return (documents[0].manifest if len(documents) == 1 and not errors else None), errors


def _no_file(name: str, _: int, __: Source) -> FileDigest:
    raise ValueError(f"`{name}` is not part of this export")


def _stopping_diagnostics(renderings: Iterable[Rendered]) -> tuple[Diagnostic, ...]:
    manifests = [manifest for one in renderings if not one.exported.fault and (manifest := _read_back(one)[0])]
    project = lint.Project(manifests)
    subjects = [Subject(one, KINDS[one.address.kind], project) for one in manifests]
    stopping = [rule for rule in lint.RULES if rule.blocks_plan]
    return tuple(remark.diagnostic for one in subjects for rule in stopping for remark in rule.remarks(one))


def _binding(rendering: Rendered, naming: _Naming) -> Binding:
    """The binding of an exported object; one that it has already keeps its protection and the other versions."""
    address, live = rendering.exported.address, rendering.exported.live
    base = with_addresses(recorded_base(rendering.exported), naming.ids)
    binding = naming.bindings.get(address) or Binding(address, live.remote_id)
    return replace(binding, applied=base, answered={}, unconfirmed={}, not_live={}, created_at=live.created)


def _refuse_rivals(naming: _Naming, renderings: Iterable[Rendered], target: Target, owners: Mapping[str, str]) -> None:
    """RefusedError if a manifest that is not bound may mean one of the objects.

    A person has to import that object first, or to rename the manifest if another environment has bound the object.
    """
    unbound = [
        manifest
        for manifest in naming.manifests.values()
        if not manifest.external_id and manifest.address not in naming.bindings
    ]
    conflicts = [
        (manifest.address, rendering.exported.live.remote_id)
        for manifest in unbound
        for rendering in renderings
        if _are_rivals(manifest, rendering) and not _is_written(rendering, target)
    ]
    taken = [f"{one} is {owners[one]}, and has the name of `{address}`" for address, one in conflicts if one in owners]
    if taken:
        hint = "use another name here, for example with a variable that each environment sets: `${var:NAME}`"
        raise RefusedError(_nothing_written(taken), hint, id="E425")
    if conflicts:
        unclear = [f"`{address}` is not bound, and may be {remote_id}" for address, remote_id in conflicts]
        each = "each" if len(conflicts) > 1 else "it"
        hint = f"import {each} with `tavusctl import ADDRESS ID` or `tavusctl import --match-names`"
        raise RefusedError(_nothing_written(unclear), hint, id="E423")


def _nothing_written(conflicts: Sequence[str]) -> str:
    """A message with the first conflicts, and how many more there are."""
    more = f", and {len(conflicts) - _MANY} more" if len(conflicts) > _MANY else ""
    return f"{'; '.join(conflicts[:_MANY])}{more}; nothing was written"


def _are_rivals(manifest: Manifest, rendering: Rendered) -> bool:
    live = rendering.exported.live
    name = manifest.spec.get(live.kind.name_field)
    same_name = manifest.address.kind == live.kind.name and bool(name) and name == live.name
    return manifest.address == rendering.exported.address or same_name


def _is_written(rendering: Rendered, target: Target) -> bool:
    """Whether an interrupted export has written exactly this manifest already."""
    try:
        return read_regular(target.folder / rendering.path) == rendering.files[rendering.path].encode()
    except OSError:
        return False
