"""Write live edits of the account back: each field into its manifest, or into the file that the manifest includes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.api import ReadClient
from tavusctl.app.files.manifest_sources import Sources, place_of, with_text
from tavusctl.app.files.rewritten_files import difference, write_files
from tavusctl.app.planning.prepare import prepare
from tavusctl.app.planning.variables import SecretNames
from tavusctl.app.session import named_addresses
from tavusctl.app.session.online import Session
from tavusctl.config import files
from tavusctl.config.interpolation import FileText, Scope, inserted_text
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, errors_in
from tavusctl.core.errors import ConfigError, ConflictError, InternalError, RefusedError, StateError
from tavusctl.core.json_tree import leaves, value_at, with_value_of
from tavusctl.core.model import ABSENT, Cause, Change, Desired, FieldChange, Live
from tavusctl.engine.compare.three_way import compare
from tavusctl.engine.import_.missing_state import HINT, UnboundManifests, of_plan
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.fields.spellings import model_pointer
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.lib.unwritten_files import as_if_written
from tavusctl.patch import Pinned, join, split
from tavusctl.rewrite.needed_fields import needed_fields
from tavusctl.rewrite.render_value import CannotAdoptError, ValueRenderer, find_field, included_files, several_texts
from tavusctl.secrets.redaction import secret_names_in
from tavusctl.secrets.values import UnreadSecret


class Verdict(Struct, frozen=True):
    """The result for one field: the file to write, or the reason for a refusal."""

    address: Address
    pointer: str
    path: str = ""
    reason: str = ""
    names: tuple[str, ...] = ()  # of the variables that replace secret values of the field
    unshown: tuple[str, ...] = ()  # those of them that stand for keys that no read shows


class Use(Struct, frozen=True):
    """A place in a manifest that inserts the text of a file (`${file:}`)."""

    address: Address
    pointer: str  # into spec, in the names of the model
    is_whole: bool  # the value is the `${file:}` expression alone


class Adopted(Struct):
    """The result of one `adopt`: the new files, and a verdict for each field."""

    prepared: PreparedPlan
    sources: Sources
    variables: SecretNames
    verdicts: list[Verdict] = []

    @property
    def manifests(self) -> dict[Address, Desired]:
        """All manifests, by address."""
        return {manifest.address: manifest for manifest in self.prepared.desired}

    def adopt_change(self, change: Change, desired: Desired, live: Live) -> None:
        """Adopt the fields of a change that differ in the account, and record a verdict for each."""
        entries = adoptable(change, self.prepared)
        entries += needed_fields(desired, live, entries)
        before = dict(self.sources.after), set(self.variables.used), set(self.variables.unset)
        verdicts = [self._verdict(change.address, entry) for entry in entries]
        unmanaged = self._unmanaged(desired, live, verdicts)
        if unmanaged:
            self.sources.after, self.variables.used, self.variables.unset = before
            reason = f"{', '.join(unmanaged)} cannot be adopted, and would not be managed any more"
            verdicts = [one if one.reason else Verdict(one.address, one.pointer, reason=reason) for one in verdicts]
        self.verdicts.extend(verdicts)

    def _verdict(self, address: Address, entry: FieldChange) -> Verdict:
        try:
            return self._adopt_field(address, entry)
        except (CannotAdoptError, files.UnreadableFileError, RefusedError) as error:
            return Verdict(address, entry.path, reason=str(error))

    def _unmanaged(self, desired: Desired, live: Live, verdicts: Sequence[Verdict]) -> list[str]:
        """Pointers of refused fields that no plan would show any more if the others were adopted."""
        refused = [verdict.pointer for verdict in verdicts if verdict.reason]
        if len(refused) in (0, len(verdicts)):
            return []
        spec = desired.spec
        for verdict in verdicts:
            spec = spec if verdict.reason else with_value_of(spec, split(verdict.pointer), live.body)
        left = compare(replace(desired, spec=spec), live, self.prepared.state.bindings.get(desired.address)).fields
        return [pointer for pointer in refused if not any(f"{one.path}/".startswith(f"{pointer}/") for one in left)]

    def _adopt_field(self, address: Address, entry: FieldChange) -> Verdict:
        """Write one field into the new file contents; the verdict names the file and the variables it reads."""
        self._check_references(entry)
        manifest = self.manifests[address]
        document = self.sources.document(manifest)
        where, raw = find_field(KINDS[address.kind], document.value, split(entry.path))
        if isinstance(entry.live, Pinned) and isinstance(raw, str):
            message = f"no read shows the key of the account; set {raw} to it, and run "
            raise CannotAdoptError(f"{message}`tavusctl apply --overwrite {address}`")
        ids = {bound: binding.remote_id for bound, binding in self.prepared.state.bindings.items()}
        names: list[str] = []
        variable_for = self.variables.name_function(address, names)
        renderer = ValueRenderer(
            KINDS[address.kind],
            self.manifests.keys(),
            ids,
            value_of=self._expanded_at(place_of(document, where)),
            name=variable_for,
        )
        new = renderer.value(split(entry.path), raw, entry.desired, entry.live)
        edits = self.sources.edit(manifest, where, new)
        texts: dict[str, str] = {}
        for file_name, text in (*renderer.texts.items(), *renderer.kept_texts.items()):
            file = self.sources.included_path(file_name, _source_of_file_name(file_name, document, where, raw))
            if texts.setdefault(file, text) != text:
                raise several_texts(file)
            if file_name in renderer.texts:
                self._check_users(file, text, address, entry.path)
                edits[file] = with_text(self.sources.read(file), text)
        self._check_secrets(edits)
        self.sources.after.update({**edits, **self.sources.list_secrets(names)})
        self.variables.record(names)
        unshown = tuple(name for name in names if name in self.variables.unshown)
        return Verdict(address, entry.path, next(reversed(edits), manifest.source.path), "", tuple(names), unshown)

    def _check_references(self, entry: FieldChange) -> None:
        """Refuse to write the id of an object that was deleted in the account, which no manifest can refer to."""
        lost = {one.remote_id: one.address for one in self.prepared.plan.drift if one.cause is Cause.MISSING}
        names = sorted({str(lost[leaf]) for _, leaf in leaves(entry.live) if isinstance(leaf, str) and leaf in lost})
        if names:
            message = f"it refers to {', '.join(names)}, which was deleted in the account"
            raise CannotAdoptError(f"{message}; remove the reference, or run `tavusctl apply` to recreate it")

    def _expanded_at(self, where: Source) -> Callable[[str], str | None]:
        """A function that gives the text an expression at `where` inserts, or None if that is not plain text."""

        def read(name: str) -> FileText:
            path = self.sources.included_path(name, where)
            self.sources.read(path)
            return FileText(files.as_text(self.sources.before[path]), path)

        environment = self.prepared.inputs.environment
        scope = Scope(environment.vars, (), read, environment.name)
        return lambda expression: inserted_text(expression, scope)

    def _check_secrets(self, edits: Mapping[str, bytes]) -> None:
        """Refuse to write the value of a secret into a file; it may have been pasted into any field of the account."""
        for path, content in edits.items():
            old, new = (
                frozenset(secret_names_in(version.decode("utf-8", "replace")))
                for version in (self.sources.read(path), content)
            )
            if new - old:
                message = "it contains the value of a secret; remove the value in the account"
                raise CannotAdoptError(message)

    def _check_users(self, path: str, text: str, address: Address, pointer: str) -> None:
        """Refuse a new text for a file that another place uses as well, if the account has a different text there."""
        others = [use for use in self._uses(path) if not self._has_live_text(use, text)]
        others = [use for use in others if use.address != address or not f"{use.pointer}/".startswith(f"{pointer}/")]
        if others:
            names = ", ".join(sorted({f"{use.address} ({use.pointer})" for use in others}))
            message = (
                f"`{path}` is also used by {names}, where the account has another text; use a separate file for each"
            )
            raise CannotAdoptError(message)

    def _uses(self, path: str) -> Iterator[Use]:
        for address, manifest in self.manifests.items():
            document = self.sources.document(manifest)
            for place, name in included_files(document.value):
                if self.sources.included_path(name, place_of(document, place)) == path:
                    written = join(place).removeprefix("/spec").removeprefix("/extra")
                    is_whole = value_at(document.value, place) == f"${{file:{name}}}"
                    yield Use(address, model_pointer(KINDS[address.kind], written), is_whole)

    def _has_live_text(self, use: Use, text: str) -> bool:
        """Whether the place of a use differs in the account, and the live value there is exactly this text."""
        for change in self.prepared.plan.changes:
            for entry in change.fields if use.is_whole and change.address == use.address else ():
                if f"{use.pointer}/".startswith(f"{entry.path}/"):
                    return bool(value_at(entry.live, split(use.pointer.removeprefix(entry.path)), ABSENT) == text)
        return False


class Adoption(Struct, frozen=True):
    """The verdict of each field; after a dry run, the difference that would be written."""

    verdicts: Sequence[Verdict]
    unset: Collection[str] = ()  # variables that do not hold the secret values of the account yet
    difference: str = ""
    also_read_by: Sequence[str] = ()  # other environments that read a written file

    @property
    def is_complete(self) -> bool:
        """Whether nothing was refused."""
        return not any(verdict.reason for verdict in self.verdicts)


def adopt(session: Session, addresses: Collection[str], *, dry_run: bool = False) -> Adoption:
    """Write live edits of the objects at `addresses`, or of all objects, into the files; the account is only read."""
    requested = frozenset(map(named_addresses.parse, addresses))
    with session.reader() as api:
        prepared = prepare(session, api)
        prepared.seals.check_trusted()
        chosen = _chosen(prepared, requested)
        adopted = _valid_adoption(session, api, prepared, chosen)
    before, after = adopted.sources.before, adopted.sources.changed
    preview = difference(before, after) if dry_run else ""
    if not dry_run:
        write_files(session.root, before, after)
    readers = _other_readers(session, adopted.verdicts)
    return Adoption(adopted.verdicts, adopted.variables.unset, preview, readers)


def _other_readers(session: Session, verdicts: Collection[Verdict]) -> Sequence[str]:
    """The other environments with an account, if a file was written outside the overlay: they read it, too."""
    written = [session.root / verdict.path for verdict in verdicts if not verdict.reason]
    overlay = session.environment.overlay and session.root / session.environment.overlay
    if all(overlay and path.is_relative_to(overlay) for path in written):
        return ()
    others = session.project.environments.values()
    return sorted(one.name for one in others if one.name != session.environment.name and not one.demo)


def _chosen(prepared: PreparedPlan, requested: frozenset[Address]) -> frozenset[Address]:
    """The requested addresses, or all known ones; UsageError for an unknown address."""
    known = {manifest.address for manifest in prepared.desired} | prepared.state.bindings.keys()
    named_addresses.check_known(requested, known)
    return requested or frozenset(known)


def _valid_adoption(session: Session, api: ReadClient, prepared: PreparedPlan, chosen: frozenset[Address]) -> Adopted:
    """The adoption of the chosen objects without those whose live values form no valid manifest, which it refuses.

    RefusedError if nothing else can be adopted.
    """
    refused: dict[Address, Diagnostic] = {}
    while True:
        adopted = _adoption(session, prepared, chosen - refused.keys())
        if refused and not adopted.sources.changed:
            raise _no_manifest(next(iter(refused.values())))
        _refuse_unknown(adopted, prepared, chosen)
        errors = _errors_of_next_plan(session, api, adopted) if adopted.sources.changed else []
        if not errors:
            break
        invalid = {address: error for error in reversed(errors) for address in _concerned(adopted, error)}
        if not invalid:
            raise _no_manifest(errors[0])
        refused |= invalid
    for address, error in sorted(refused.items()):
        advice = f"; {error.hint}" if error.hint else ""
        reason = f"its live values do not form a valid manifest: {error.message}{advice}"
        adopted.verdicts.append(Verdict(address, "", reason=reason))
    return adopted


def _concerned(adopted: Adopted, error: Diagnostic) -> set[Address]:
    """The adopted objects that an error is about, or whose fields are in the file that it is about."""
    path = error.source.path if error.source else ""
    written = [verdict for verdict in adopted.verdicts if not verdict.reason]
    named = {verdict.address for verdict in written if verdict.address == error.address}
    return named or {verdict.address for verdict in written if verdict.path == path}


def _adoption(session: Session, prepared: PreparedPlan, chosen: frozenset[Address]) -> Adopted:
    used = {name for one in prepared.desired for names in one.secret_names.values() for name in names}
    variables = SecretNames(session.project.secrets, session.value_of, used)
    adoption = Adopted(prepared, Sources(session.project), variables)
    for drift in prepared.plan.drift:
        if drift.cause is Cause.MISSING and drift.address in chosen:
            reason = (
                "the object was deleted in the account; remove its manifest, or run `tavusctl apply` to recreate it"
            )
            adoption.verdicts.append(Verdict(drift.address, "", reason=reason))
    for change in sorted(prepared.plan.changes, key=lambda change: change.address):
        if change.address in chosen and change.desired is not None and change.live is not None:
            adoption.adopt_change(change, change.desired, change.live)
    return adoption


def _refuse_unknown(adoption: Adopted, prepared: PreparedPlan, chosen: frozenset[Address]) -> None:
    """Record a refusal for each object that the state does not know; StateError if nothing else can be adopted."""
    unknown = of_plan(prepared.plan, prepared.state.bindings)
    ids_by_address = {address: ids for address, ids in unknown.matching_ids.items() if address in chosen}
    if ids_by_address and not adoption.sources.changed:
        raise StateError(UnboundManifests(ids_by_address).summary, HINT, id="E916")
    for address, ids in sorted(ids_by_address.items()):
        reason = f"the object is not in the state, and the account has objects of its name: {', '.join(ids)}"
        adoption.verdicts.append(Verdict(address, "", reason=reason))


def _errors_of_next_plan(session: Session, api: ReadClient, adoption: Adopted) -> list[Diagnostic]:
    """The errors of the manifests as they would be written; without any, the next plan has no such difference left."""
    try:
        with as_if_written(session.root, adoption.sources.changed):
            _check(adoption, prepare(_with_new(session, adoption), api))
    except ConfigError as error:
        return errors_in(error.diagnostics)
    return []


def _no_manifest(error: Diagnostic) -> RefusedError:
    message = f"the live values do not form a valid manifest; nothing was written: {error.message} ({error.source})"
    return RefusedError(message, error.hint, id="E432")


def _with_new(session: Session, adoption: Adopted) -> Session:
    """The session with the new variables added to `secrets:` of the project, as the next run reads it."""
    new_names = (name for verdict in adoption.verdicts for name in verdict.names if name not in session.project.secrets)
    listed = (*session.project.secrets, *dict.fromkeys(new_names))
    return replace(session, project=replace(session.project, secrets=listed))


def _check(adoption: Adopted, after: PreparedPlan) -> None:
    """Check that no adopted field differs in the plan `after`.

    ConflictError if the account has another value by now, else InternalError.
    """
    # A secret that a run for a pull request may not read, or that no read shows, always counts as different.
    unread_names = {
        name
        for verdict in adoption.verdicts
        for name in verdict.names
        if name in verdict.unshown or isinstance(adoption.variables.value_of(name), UnreadSecret)
    }
    adopted_fields = {
        (verdict.address, verdict.pointer)
        for verdict in adoption.verdicts
        if not verdict.reason and unread_names.isdisjoint(verdict.names)
    }
    adopted_values = _live_values(adoption.prepared)
    for (address, pointer), live in _live_values(after).items():
        if (address, pointer) not in adopted_fields:
            continue
        if live != adopted_values.get((address, pointer), live):
            message = f"{pointer} of `{address}` was edited in the account during this run; nothing was written"
            raise ConflictError(message, f"run `tavusctl adopt {address}` again")
        message = f"{address} would still differ at {pointer}; nothing was written"
        raise InternalError(message, "report this bug of tavusctl, and edit the file by hand")


def _live_values(prepared: PreparedPlan) -> dict[tuple[Address, str], Json]:
    """The live values of the fields that changed in the account, by address and pointer."""
    changes = prepared.plan.changes
    return {(change.address, entry.path): entry.live for change in changes for entry in adoptable(change, prepared)}


def adoptable(change: Change, prepared: PreparedPlan) -> list[FieldChange]:
    """Fields that changed in the account; all fields if the object was imported and never applied."""
    binding = prepared.state.bindings.get(change.address)
    is_new = binding is not None and not binding.applied
    return [entry for entry in change.fields if is_new or entry.cause in (Cause.DRIFTED, Cause.BOTH)]


def _source_of_file_name(name: str, document: Node, where: KeyPath, raw: Json) -> Source:
    """The source of the expression in a value that names a file; of the value itself if none does."""
    paths = (path for path, included in included_files(raw) if included == name)
    return place_of(document, (*where, *next(paths, ())))
