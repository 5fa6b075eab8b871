"""What an export will write: objects chosen and named, their files made, and each read back before it counts.

A manifest that would not say exactly what the account has is not written: its object is referred to instead.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field
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
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import ConfigError, RefusedError, StateError, UsageError
from tavusctl.core.json_tree import leaves, map_leaves
from tavusctl.core.messages import shown, suggestion
from tavusctl.core.model import Live, Manifest
from tavusctl.core.ports import Reader, Store
from tavusctl.engine import resolve
from tavusctl.engine.compare.three_way import compare
from tavusctl.engine.import_.survey import AccountSurvey, blind, differing, named, referred, survey
from tavusctl.engine.plan import Approvals
from tavusctl.kinds import KINDS
from tavusctl.lint.core import Subject
from tavusctl.rewrite.export import Rendered, addresses, applied, described, rendered, shared_names
from tavusctl.secrets import redaction

STOCK = "it is a stock object of Tavus"
_MANY = 5  # complaints of one sort that are told in one message


class Selection(Struct, frozen=True):
    """What of the account is exported: everything, some kinds, or some objects."""

    kinds: frozenset[str] = frozenset()
    addresses: frozenset[Address] = frozenset()
    ids: frozenset[str] = frozenset()

    @property
    def read(self) -> frozenset[str]:
        """The kinds to read."""
        of_addresses = frozenset(one.kind for one in self.addresses)
        return self.kinds or (of_addresses if of_addresses and not self.ids else frozenset(KINDS))

    def has(self, address: Address, remote_id: str) -> bool:
        """Whether an object is meant."""
        return not (self.addresses or self.ids) or address in self.addresses or remote_id in self.ids


class Target(Struct, frozen=True):
    """Where files go; outside the manifests nobody reads them, so that nothing is bound there."""

    folder: Path
    root: Path
    manifests: Path

    @property
    def is_read(self) -> bool:
        """Whether the next plan finds what is written here."""
        inside = Path(os.path.realpath(self.folder))
        top = Path(os.path.realpath(self.manifests))
        return inside.is_relative_to(top) and not any(part.startswith(".") for part in inside.relative_to(top).parts)

    @property
    def files_from(self) -> str:
        """How a path in `${file:}` begins."""
        is_top = not self.is_read or os.path.realpath(self.folder) == os.path.realpath(self.manifests)
        return "" if is_top else "../"

    def schemas_from(self, folder: str) -> str:
        """The way from one of the folders to the schemas of the project."""
        return Path(os.path.relpath(self.root / "schemas", self.folder / folder)).as_posix()


class Export(Struct, frozen=True):
    """Everything an export writes, and what is there already."""

    surveyed: AccountSurvey
    made: tuple[Rendered, ...]
    bindings: Mapping[Address, Binding] = field(default_factory=dict)
    stopping: tuple[Diagnostic, ...] = ()  # about the new manifests; plans are refused until a person has looked
    kept: tuple[Address, ...] = ()  # chosen, and told by a manifest
    differing: tuple[Address, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the variables that the manifests read."""
        return tuple(sorted({name for one in self.made for _, name in one.exported.secrets}))


def prepare(session: Session, selection: Selection, target: Target, api: Reader, store: Store) -> Export:
    """Compute the files to write, without writing them.  RefusedError if a manifest exists already."""
    manifests = _manifests(session) if target.is_read else ()
    surveyed = survey(KINDS, selection.read, api, store, session.request(Approvals()))
    scene = _Scene(surveyed, manifests, selection, _elsewhere(session) if target.is_read else frozenset())
    owners = session.others().owners if scene.new else {}
    shared = shared_names(described(one, scene.ids[one.remote_id], scene.ids) for one in scene.new)
    made = tuple(_made(scene, target, one, owners.get(one.remote_id, ""), shared) for one in scene.new)
    if not target.is_read:
        return Export(surveyed, made)
    _refuse_rivals(scene, made, target)
    bindings = surveyed.state.bindings.values()
    chosen = [
        one for one in bindings if one.address.kind in selection.read and selection.has(one.address, one.remote_id)
    ]
    return Export(
        surveyed,
        made,
        {one.exported.address: _binding(one, scene.ids) for one in made if not one.exported.fault},
        _stopping(made),
        scene.kept,
        differing(manifests, KINDS, scene.by_id, chosen, scene.ids),
    )


def _manifests(session: Session) -> tuple[Manifest, ...]:
    """What the project has; ConfigError with every error in it."""
    loaded = loading.read(session.project, session.environment, KINDS)
    if any(one.severity is Severity.ERROR for one in loaded.diagnostics):
        raise ConfigError(loaded.diagnostics)
    return loaded.manifests


def _elsewhere(session: Session) -> frozenset[Address]:
    """Addresses that only overlays of other environments have: a manifest of that name would come to lie below them."""
    project, own = session.project, session.environment
    others = {one.overlay: one for one in project.environments.values() if one.overlay not in ("", own.overlay)}
    found = [loading.read(project, one, KINDS).declared for one in (*others.values(), own)]
    return frozenset().union(*found[:-1]) - found[-1]


class _Scene:
    """Which objects are new, which are told already, and what everything is called."""

    def __init__(
        self,
        surveyed: AccountSurvey,
        manifests: Sequence[Manifest],
        selection: Selection,
        elsewhere: frozenset[Address],
    ) -> None:
        self.manifests = {one.address: one for one in manifests}
        self.bindings = surveyed.state.bindings
        self.by_id = {one.remote_id: one for one in (*surveyed.live, *surveyed.stock)}
        self.stock = frozenset(one.remote_id for one in surveyed.stock)
        known = {one.external_id: one.address for one in manifests if one.external_id}
        known |= {one.remote_id: one.address for one in self.bindings.values()}
        halves = {half for one in self.bindings.values() for half in (one.successor, *one.retired)}
        strangers = [one for key, one in self.by_id.items() if key not in known and key not in halves]
        names = addresses(strangers, frozenset(known.values()) | self.bindings.keys() | elsewhere)
        called = {**known, **{remote_id: address for (_, remote_id), address in names.items()}}
        chosen = _chosen(self.by_id, called, selection, self.stock)
        told = {one.remote_id for one in chosen if one.remote_id in known and called[one.remote_id] in self.manifests}
        self.new = tuple(one for one in chosen if one.remote_id not in told)
        self.kept = tuple(sorted(called[remote_id] for remote_id in told))
        self.ids = {**known, **{one.remote_id: called[one.remote_id] for one in self.new}}


def _chosen(
    live: Mapping[str, Live], called: Mapping[str, Address], selection: Selection, stock: Collection[str]
) -> list[Live]:
    """Objects to export, sorted by address: those that were asked for, and the stock that these refer to."""
    ours = {remote_id: called[remote_id] for remote_id in live if remote_id in called and remote_id not in stock}
    _check_asked(selection, ours)
    chosen = [live[remote_id] for remote_id, address in ours.items() if selection.has(address, remote_id)]
    used = {remote_id for _, remote_id in referred(chosen)}
    chosen += [live[remote_id] for remote_id in stock if remote_id in used]
    return sorted(chosen, key=lambda one: called[one.remote_id])


def _check_asked(selection: Selection, ours: Mapping[str, Address]) -> None:
    for address in sorted(selection.addresses - set(ours.values())):
        message = f"no object of the account would be exported as `{address}`"
        raise UsageError(message, suggestion(str(address), map(str, ours.values())))
    for remote_id in sorted(selection.ids - ours.keys()):
        message = f"the account has no object {shown(remote_id)} to export"
        raise StateError(message, "check the id, and that the API key belongs to the right account", id="E906")


def _made(scene: _Scene, target: Target, live: Live, owner: str, shared: Mapping[str, str]) -> Rendered:
    """The files of one object; a reference to it where a manifest would not read back as what the account has.

    What another environment has bound (`owner`) is referred to as well: it is managed there.
    """
    address, binding = scene.ids[live.remote_id], scene.bindings.get(scene.ids[live.remote_id])
    schemas = target.schemas_from(live.kind.collection.rpartition("/")[2])
    exported = described(live, address, scene.ids, shared)
    if live.remote_id in scene.stock:
        exported = replace(exported, spec={}, left_out={}, fault=STOCK)
    if owner:
        exported = replace(exported, spec={}, left_out={}, fault=f"it is {owner}")
    made = rendered(exported, schemas, files_from=target.files_from, binding=binding)
    fault = _held(made) or _misread(made, scene.ids)
    if not fault:
        return made
    plain = replace(exported, spec={}, left_out={}, fault=fault)
    return rendered(plain, schemas)


def _held(made: Rendered) -> str:
    """Why files may not be written, for the sake of a secret; empty when they may."""
    spec = made.exported.spec  # as it is meant: in the files, what looks like an expression is spelled otherwise
    texts = [text for path, leaf in leaves(spec) for text in (*path, leaf) if isinstance(text, str)]
    names = sorted({name for text in texts for name in redaction.names_in(text)})
    return f"its manifest would contain the value of {', '.join(names)}" if names else ""


def _misread(made: Rendered, ids: Mapping[str, Address]) -> str:
    """Why files do not say what the account has; empty when they do."""
    manifest, wrong = _read_back(made)
    if manifest is None:
        return wrong[0].message if wrong else "it cannot be read back"
    (desired,) = resolve.resolve([manifest], KINDS, secrets=None, ids=ids, declared=frozenset(ids.values()))
    if desired.external_id:
        return "" if desired.external_id == made.exported.live.remote_id else "its id cannot be read back"
    fields = compare(blind(desired, made.exported.values), named(made.exported.live, ids), None).fields
    return f"{fields[0].path} would not read back unchanged" if fields else ""


def _read_back(made: Rendered) -> tuple[Manifest | None, list[Diagnostic]]:
    """The manifest as any command will load it, and its errors."""

    def read_file(name: str) -> FileText:
        return FileText(as_text(made.files[name.removeprefix("../")].encode()), name)

    parsed = yaml12.read(made.files[made.path].encode(), made.path)
    scope = Scope({}, frozenset(name for _, name in made.exported.secrets), read_file, "")

    def at_any(_: Source) -> Scope:
        return scope

    opened = [open_document(node, KINDS, at_any, AttachmentResolver(_no_file), Budget()) for node in parsed.documents]
    diagnostics = [*parsed.diagnostics, *(one for each in opened for one in each.diagnostics)]
    wrong = [one for one in diagnostics if one.severity is Severity.ERROR]
    return (opened[0].manifest if len(opened) == 1 and not wrong else None), wrong


def _no_file(name: str, _: int, __: Source) -> FileDigest:
    message = f"`{name}` is not part of this export"
    raise ValueError(message)


def _stopping(made: Iterable[Rendered]) -> tuple[Diagnostic, ...]:
    manifests = [manifest for one in made if not one.exported.fault and (manifest := _read_back(one)[0])]
    project = lint.Project(manifests)
    subjects = [Subject(one, KINDS[one.address.kind], project) for one in manifests]
    stopping = [rule for rule in lint.RULES if rule.stops]
    return tuple(remark.diagnostic for one in subjects for rule in stopping for remark in rule.remarks(one))


def _binding(made: Rendered, ids: Mapping[str, Address]) -> Binding:
    live = made.exported.live
    base = map_leaves(applied(made.exported), lambda leaf: ids.get(leaf, leaf) if isinstance(leaf, str) else leaf)
    return Binding(made.exported.address, live.remote_id, base, created_at=live.created)


def _refuse_rivals(scene: _Scene, made: Iterable[Rendered], target: Target) -> None:
    """A manifest that is not bound may mean one of the objects: then a person has to say so."""
    unbound = [one for one in scene.manifests.values() if not one.external_id and one.address not in scene.bindings]
    found = [
        f"`{one.address}` is not bound, and may be {each.exported.live.remote_id}"
        for one in unbound
        for each in made
        if _are_rivals(one, each) and not _is_written(each, target)
    ]
    if found:
        more = f", and {len(found) - _MANY} more" if len(found) > _MANY else ""
        message = f"{'; '.join(found[:_MANY])}{more}; nothing was written"
        raise RefusedError(
            message, "import it with `tavusctl import ADDRESS ID` or `tavusctl import --match-names`", id="E423"
        )


def _are_rivals(manifest: Manifest, made: Rendered) -> bool:
    live = made.exported.live
    name = manifest.spec.get(live.kind.name_field)
    same_name = manifest.address.kind == live.kind.name and bool(name) and name == live.name
    return manifest.address == made.exported.address or same_name


def _is_written(made: Rendered, target: Target) -> bool:
    """Whether the manifest is there from an export that was interrupted."""
    try:
        return (target.folder / made.path).read_bytes() == made.files[made.path].encode()
    except OSError:
        return False
