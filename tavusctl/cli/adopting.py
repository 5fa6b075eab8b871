"""What `adopt` writes: for each drifted field the edit of the manifest, or the text of the file that owns it."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct, field

from tavusctl import yaml12
from tavusctl.document import is_hidden, leaves
from tavusctl.engine.load import files
from tavusctl.engine.reconcile import Prepared
from tavusctl.errors import RefusedError
from tavusctl.interpolation import FileText, Scope, brought, expressions
from tavusctl.kinds import KINDS
from tavusctl.model import ABSENT, Address, Cause, Change, Desired, Edit, FieldChange, Project, Value
from tavusctl.model import Path as KeyPath
from tavusctl.patch import join, split
from tavusctl.patch.pointer import resolve
from tavusctl.redaction import redacted
from tavusctl.writeback.respell import NEW_SECRET, SECRET, CannotAdoptError, Respelling, is_file, written_at
from tavusctl.writeback.splice import splice


class Verdict(Struct, frozen=True):
    """What becomes of one field: the file it goes to, or why it cannot."""

    address: Address
    pointer: str
    path: str = ""
    reason: str = ""


class Use(Struct, frozen=True):
    """A place that a file is brought to."""

    address: Address
    pointer: str  # into the document
    is_whole: bool  # nothing else is in the text


class Sources(Struct):
    """The files of a project, as they were read and as they are to be."""

    project: Project
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        """The bytes of a file as they are to be, by its path from the root of the project."""
        if path not in self.before:
            root = Path(self.project.root)
            self.before[path] = files.read_bytes(root / path, root, yaml12.MAX_BYTES)
        return self.after.get(path, self.before[path])

    def document(self, manifest: Desired) -> Value:
        """The document of a manifest as it is to be written."""
        path, address = manifest.source.path, manifest.address
        values = [one.value for one in yaml12.read(self.read(path), path).documents]
        named = [one for one in values if isinstance(one, dict) and one.get("name") == address.name]
        return next((one for one in named if one.get("kind") == address.kind), {})

    def brought(self, name: str, manifest: Desired) -> str:
        """The path of a file that a manifest names."""
        root = Path(self.project.root)
        where = files.locate(name, Path(self.project.manifests), root / manifest.source.path)
        return Path(os.path.normpath(where)).relative_to(root).as_posix()

    @property
    def changed(self) -> dict[str, bytes]:
        """The new bytes of every file that changes."""
        return {path: content for path, content in sorted(self.after.items()) if content != self.before[path]}


class Adoption(Struct):
    """What one run takes over, and what became of each field."""

    prepared: Prepared
    sources: Sources
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def manifests(self) -> dict[Address, Desired]:
        """All manifests, by address."""
        return {one.address: one for one in self.prepared.desired}

    def take(self, change: Change) -> None:
        """Take over the fields of a change that moved in the account."""
        for one in adoptable(change, self.prepared):
            try:
                self.verdicts.append(Verdict(change.address, one.path, self._take(change.address, one)))
            except (CannotAdoptError, files.RefusedError) as error:
                self.verdicts.append(Verdict(change.address, one.path, reason=str(error)))
            except RefusedError as error:
                self.verdicts.append(Verdict(change.address, one.path, reason=error.message))

    def _take(self, address: Address, one: FieldChange) -> str:
        """Write one field into the files as they are to be; the path of the one that has it."""
        if one.sensitive:
            raise CannotAdoptError(SECRET if one.desired is None or is_hidden(one.desired) else NEW_SECRET)
        manifest = self.manifests[address]
        path, document = manifest.source.path, self.sources.document(manifest)
        where, raw = written_at(document, split(one.path))
        ids = {known: binding.remote_id for known, binding in self.prepared.state.bindings.items()}
        spelling = Respelling(KINDS[address.kind], self.manifests.keys(), ids, brings=self._brings(manifest))
        new = spelling.value(split(one.path), raw, one.desired, one.live)
        after = {path: splice(self.sources.read(path), path, _edits(address, document, where, raw, new))}
        for name, text in spelling.texts.items():
            file = self.sources.brought(name, manifest)
            self._check_users(file, text, address, one.path)
            after[file] = _with_text(self.sources.read(file), text)
        self._check_secrets(after)
        self.sources.after.update(after)
        return next(reversed(after))

    def _brings(self, manifest: Desired) -> Callable[[str], str | None]:
        """What an expression of a manifest stands for amid other text."""

        def read(name: str) -> FileText:
            path = self.sources.brought(name, manifest)
            self.sources.read(path)
            return FileText(files.as_text(self.sources.before[path]), path)

        scope = Scope(self.prepared.request.environment.vars, (), read)
        return lambda expression: brought(expression, scope)

    def _check_secrets(self, after: Mapping[str, bytes]) -> None:
        """Refuse to put the value of a secret into git, wherever somebody has pasted it."""
        for path, content in after.items():
            old, new = (one.decode("utf-8", "replace") for one in (self.sources.read(path), content))
            if redacted(new) != new and redacted(old) == old:
                message = "the value of a secret stands in it; take it out in the account"
                raise CannotAdoptError(message)

    def _check_users(self, path: str, text: str, address: Address, pointer: str) -> None:
        """Refuse a new text for a file whose other users do not have it in the account."""
        others = [use for use in self._uses(path) if not self._wants(use, text)]
        mine = f"/spec{pointer}/"
        others = [use for use in others if use.address != address or not f"{use.pointer}/".startswith(mine)]
        if others:
            names = ", ".join(sorted({f"{use.address} ({use.pointer.removeprefix('/spec')})" for use in others}))
            message = f"{path} is also used by {names}, where the account has another text; give each a file of its own"
            raise CannotAdoptError(message)

    def _uses(self, path: str) -> Iterator[Use]:
        for address, manifest in self.manifests.items():
            for place, leaf in leaves(self.sources.document(manifest)):
                for one in expressions(leaf) if isinstance(leaf, str) else ():
                    if is_file(one) and self.sources.brought(is_file(one), manifest) == path:
                        yield Use(address, join(place), one == leaf)

    def _wants(self, use: Use, text: str) -> bool:
        """Whether the account has a text at the place of a use."""
        below = use.pointer.removeprefix("/spec").removeprefix("/extra")
        for change in changes(self.prepared):
            for one in change.fields if use.is_whole and change.address == use.address else ():
                if f"{below}/".startswith(f"{one.path}/"):
                    return bool(_value_at(one.live, below.removeprefix(one.path)) == text)
        return False


def changes(prepared: Prepared) -> tuple[Change, ...]:
    """All that differs, refused or not."""
    return (*prepared.plan.steps, *(refusal.change for refusal in prepared.plan.refused))


def adoptable(change: Change, prepared: Prepared) -> list[FieldChange]:
    """Fields whose live side moved; of an object that was bound and never applied, all."""
    binding = prepared.state.bindings.get(change.address)
    is_new = binding is not None and not binding.applied
    return [one for one in change.fields if is_new or one.cause in (Cause.DRIFTED, Cause.BOTH)]


def _edits(address: Address, document: Value, where: KeyPath, raw: Value, new: Value) -> list[Edit]:
    """The edit that writes a value; one that goes takes the mappings with it that would be empty."""
    if new is not ABSENT:
        return [Edit(address, join(where), "set", new)]
    while len(where) > len(("spec", "key")) and len(resolve(document, join(where[:-1]))) == 1:
        where = where[:-1]
    return [Edit(address, join(where), "remove")] if raw is not ABSENT else []


def _with_text(content: bytes, text: str) -> bytes:
    """A file with another text; its mark and the line end at its end stay."""
    if "\0" in text:
        message = "the text has a NUL character in it, which no file of a prompt may have"
        raise CannotAdoptError(message)
    # The first mark of a file is no part of its text: one that is needs another before it.
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) or text.startswith("\ufeff") else b""
    ending = b"\r\n" if content.endswith(b"\r\n") else b"\n" if content.endswith(b"\n") else b""
    if text.endswith("\r"):
        ending = b"\r\n"
    elif text.endswith("\n"):
        ending = ending or b"\n"
    return mark + text.encode() + ending


def _value_at(value: Value, pointer: str) -> Value:
    try:
        return resolve(value, pointer)
    except ValueError:
        return ABSENT
