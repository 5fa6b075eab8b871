"""Write what was changed in the account back: for each field the edit of its manifest, or of the file that has it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.api import ReadClient
from tavusctl.app.files.manifest_sources import Sources, place_of, with_text
from tavusctl.app.files.rewritten_files import difference, written
from tavusctl.app.planning.prepare import prepare
from tavusctl.app.planning.variables import Variables, variables_of
from tavusctl.app.session.online import Session
from tavusctl.config import files
from tavusctl.config.interpolation import FileText, Scope, brought, expressions
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Severity
from tavusctl.core.errors import ConfigError, InternalError, RefusedError, StateError, UsageError
from tavusctl.core.json_tree import leaves
from tavusctl.core.messages import suggestion
from tavusctl.core.model import ABSENT, Cause, Change, Desired, FieldChange
from tavusctl.engine.import_.missing_state import HINT, Unknown, of_plan
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.kinds import KINDS, address_in
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.patch import join, split
from tavusctl.patch.pointer import resolve
from tavusctl.rewrite.render_value import CannotAdoptError, ValueRenderer, is_file, written_at
from tavusctl.secrets.redaction import redacted
from tavusctl.secrets.values import Unread


class Verdict(Struct, frozen=True):
    """The result for one field: the file to write, or the reason for a refusal."""

    address: Address
    pointer: str
    path: str = ""
    reason: str = ""
    names: tuple[str, ...] = ()  # of variables that stand for keys in it


class Use(Struct, frozen=True):
    """A place that a file is brought to."""

    address: Address
    pointer: str  # into the document
    is_whole: bool  # nothing else is in the text


class Adopted(Struct):
    """The result of one `adopt`: the new files, and a verdict for each field."""

    prepared: PreparedPlan
    sources: Sources
    variables: Variables
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def manifests(self) -> dict[Address, Desired]:
        """All manifests, by address."""
        return {one.address: one for one in self.prepared.desired}

    def take(self, change: Change) -> None:
        """Take over the fields of a change that moved in the account."""
        for one in adoptable(change, self.prepared):
            try:
                self.verdicts.append(self._take(change.address, one))
            except (CannotAdoptError, files.RefusedError) as error:
                self.verdicts.append(Verdict(change.address, one.path, reason=str(error)))
            except RefusedError as error:
                self.verdicts.append(Verdict(change.address, one.path, reason=error.message))

    def _take(self, address: Address, one: FieldChange) -> Verdict:
        """Write one field into the files as they are to be; where it is now, and which variables it reads."""
        manifest = self.manifests[address]
        document = self.sources.document(manifest)
        where, raw = written_at(KINDS[address.kind], document.value, split(one.path))
        ids = {known: binding.remote_id for known, binding in self.prepared.state.bindings.items()}
        names: list[str] = []
        naming = self.variables.naming(address, names)
        spelling = ValueRenderer(
            KINDS[address.kind], self.manifests.keys(), ids, brings=self._brings(place_of(document, where)), name=naming
        )
        new = spelling.value(split(one.path), raw, one.desired, one.live)
        after = self.sources.edited(manifest, where, new)
        for name, text in spelling.texts.items():
            file = self.sources.brought(name, _named_at(name, document, where, raw))
            self._check_users(file, text, address, one.path)
            after[file] = with_text(self.sources.read(file), text)
        self._check_secrets(after)
        self.sources.after.update({**after, **self.sources.listing(names)})
        self.variables.note(names)
        return Verdict(address, one.path, next(reversed(after), manifest.source.path), names=tuple(names))

    def _brings(self, where: Source) -> Callable[[str], str | None]:
        """What an expression that is written at a place stands for amid other text."""

        def read(name: str) -> FileText:
            path = self.sources.brought(name, where)
            self.sources.read(path)
            return FileText(files.as_text(self.sources.before[path]), path)

        environment = self.prepared.request.environment
        scope = Scope(environment.vars, (), read, environment.name)
        return lambda expression: brought(expression, scope)

    def _check_secrets(self, after: Mapping[str, bytes]) -> None:
        """Refuse to put the value of a secret into git, wherever somebody has pasted it."""
        for path, content in after.items():
            old, new = (one.decode("utf-8", "replace") for one in (self.sources.read(path), content))
            if redacted(new) != new and redacted(old) == old:
                message = "it contains the value of a secret; remove the value in the account"
                raise CannotAdoptError(message)

    def _check_users(self, path: str, text: str, address: Address, pointer: str) -> None:
        """Refuse a new text for a file whose other users do not have it in the account."""
        others = [use for use in self._uses(path) if not self._wants(use, text)]
        mine = f"/spec{pointer}/"
        others = [use for use in others if use.address != address or not f"{use.pointer}/".startswith(mine)]
        if others:
            names = ", ".join(sorted({f"{use.address} ({use.pointer.removeprefix('/spec')})" for use in others}))
            message = (
                f"`{path}` is also used by {names}, where the account has another text; use a separate file for each"
            )
            raise CannotAdoptError(message)

    def _uses(self, path: str) -> Iterator[Use]:
        for address, manifest in self.manifests.items():
            document = self.sources.document(manifest)
            for place, leaf in leaves(document.value):
                for one in expressions(leaf) if isinstance(leaf, str) else ():
                    if is_file(one) and self.sources.brought(is_file(one), place_of(document, place)) == path:
                        yield Use(address, join(place), one == leaf)

    def _wants(self, use: Use, text: str) -> bool:
        """Whether the account has a text at the place of a use."""
        below = use.pointer.removeprefix("/spec").removeprefix("/extra")
        for change in changes(self.prepared):
            for one in change.fields if use.is_whole and change.address == use.address else ():
                if f"{below}/".startswith(f"{one.path}/"):
                    return bool(_value_at(one.live, below.removeprefix(one.path)) == text)
        return False


class Adoption(Struct, frozen=True):
    """What became of each field, and what would be written, where nothing was."""

    verdicts: Sequence[Verdict]
    unset: Collection[str] = ()  # variables that are to hold keys that the account has
    difference: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was refused."""
        return not any(one.reason for one in self.verdicts)


def adopt(session: Session, addresses: Collection[str], *, dry_run: bool = False) -> Adoption:
    """Write live edits of some objects, or of all, into the files; nothing is sent to the account."""
    with session.reader() as api:
        prepared = prepare(session, api)
        chosen = _chosen(prepared, addresses)
        adopted = _adoption(session, prepared, chosen)
        _refuse_unknown(adopted, prepared, chosen)
        if dry_run:
            shown = difference(adopted.sources.before, adopted.sources.changed)
            return Adoption(adopted.verdicts, adopted.variables.unset, shown)
        _write(session, api, adopted)
    return Adoption(adopted.verdicts, adopted.variables.unset)


def _chosen(prepared: PreparedPlan, addresses: Collection[str]) -> frozenset[Address]:
    """The addresses that were named, or all."""
    known = {one.address for one in prepared.desired} | prepared.state.bindings.keys()
    try:
        named = frozenset(map(address_in, addresses))
    except ValueError as error:
        raise UsageError(str(error)) from None
    for address in sorted(named - known):
        message = f"`{address}` is neither in the manifests nor in the state"
        raise UsageError(message, suggestion(str(address), map(str, known)))
    return named or frozenset(known)


def _adoption(session: Session, prepared: PreparedPlan, chosen: frozenset[Address]) -> Adopted:
    variables = variables_of(prepared, session.project.secrets, session.value_of)
    adoption = Adopted(prepared, Sources(session.project), variables)
    for drift in prepared.plan.drift:
        if drift.cause is Cause.MISSING and drift.address in chosen:
            reason = (
                "the object was deleted in the account; remove its manifest, or run `tavusctl apply` to recreate it"
            )
            adoption.verdicts.append(Verdict(drift.address, "", reason=reason))
    for change in sorted(changes(prepared), key=lambda change: change.address):
        if change.address in chosen and change.desired is not None:
            adoption.take(change)
    return adoption


def _refuse_unknown(adoption: Adopted, prepared: PreparedPlan, chosen: frozenset[Address]) -> None:
    """Say of what the state does not know that it cannot be adopted; StateError where there is nothing else."""
    unknown = of_plan(prepared.plan, prepared.state.bindings)
    there = {address: ids for address, ids in unknown.there.items() if address in chosen}
    if there and not adoption.sources.changed:
        raise StateError(Unknown(there).told, HINT, id="E916")
    for address, ids in sorted(there.items()):
        reason = f"the object is not in the state, and the account has objects of its name: {', '.join(ids)}"
        adoption.verdicts.append(Verdict(address, "", reason=reason))


def _write(session: Session, api: ReadClient, adoption: Adopted) -> None:
    """Write the files, and see that the next plan finds nothing left; what does not make valid manifests is undone."""
    changed = adoption.sources.changed
    try:
        with written(session.root, adoption.sources.before, changed):
            if changed:
                _check(adoption, prepare(_with_new(session, adoption), api))
    except ConfigError as error:
        found = next(one for one in error.diagnostics if one.severity is Severity.ERROR)
        message = f"the live values do not form a valid manifest; nothing was written: {found.message} ({found.source})"
        raise RefusedError(message, found.hint, id="E432") from None


def _with_new(session: Session, adoption: Adopted) -> Session:
    """The session with the new names among the secrets that manifests may read, as the next run finds them."""
    new = (name for one in adoption.verdicts for name in one.names if name not in session.project.secrets)
    listed = (*session.project.secrets, *dict.fromkeys(new))
    return replace(session, project=replace(session.project, secrets=listed))


def _check(adoption: Adopted, after: PreparedPlan) -> None:
    """See that what was adopted is settled."""
    # What a run for a pull request does not read differs from everything.
    unread = {
        name for one in adoption.verdicts for name in one.names if isinstance(adoption.variables.value_of(name), Unread)
    }
    done = {(one.address, one.pointer) for one in adoption.verdicts if not one.reason and unread.isdisjoint(one.names)}
    for change in changes(after):
        left = [one.path for one in adoptable(change, after) if (change.address, one.path) in done]
        if left:
            message = f"{change.address} would still differ at {', '.join(left)}; nothing was written"
            raise InternalError(message, "report this bug of tavusctl, and edit the file by hand")


def changes(prepared: PreparedPlan) -> tuple[Change, ...]:
    """All that differs, refused or not."""
    return (*prepared.plan.steps, *(refusal.change for refusal in prepared.plan.refused))


def adoptable(change: Change, prepared: PreparedPlan) -> list[FieldChange]:
    """Fields whose live side moved; of an object that was bound and never applied, all."""
    binding = prepared.state.bindings.get(change.address)
    is_new = binding is not None and not binding.applied
    return [one for one in change.fields if is_new or one.cause in (Cause.DRIFTED, Cause.BOTH)]


def _named_at(name: str, document: Node, where: KeyPath, raw: Json) -> Source:
    """Where a value names a file."""
    named = (path for path, leaf in leaves(raw) if isinstance(leaf, str) and name in map(is_file, expressions(leaf)))
    return place_of(document, (*where, *next(named, ())))


def _value_at(value: Json, pointer: str) -> Json:
    try:
        return resolve(value, pointer)
    except ValueError:
        return ABSENT
