"""Seals: signatures, made with a key of the lineage, that show whether tavusctl wrote a state and its journal.

A lineage has a random key.  The state stores it wrapped (encrypted) under each API key that has written the state, so
that only their owners can check and make seals.  Fingerprints of secrets are made with a key derived from it: they stay
comparable when an API key is replaced, and when two people use different API keys.

    new       nothing was ever bound: the first write makes a key and a seal
    sealed    the seal is valid
    unsealed  not written by tavusctl: may only be read
    foreign   sealed with API keys that are not available: may only be read, and secrets cannot be compared

An invalid seal is an error everywhere.  `state rekey` is the one way from `unsealed` and `foreign` to `sealed`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NoReturn

from msgspec import Struct
from msgspec.structs import asdict, replace

from tavusctl.core.binding import DOCUMENTS, Binding
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.errors import StateError
from tavusctl.core.json_tree import canonical, map_leaves, quick_bytes
from tavusctl.core.ports import State, Store
from tavusctl.lib.json_types import Json, JsonObject, special_leaves
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import redaction
from tavusctl.secrets.key_wrapping import derive_key, new_key, slot, unwrap, wrap
from tavusctl.secrets.values import NO_KEY, REDACTED, Fingerprint, FingerprintKey, TextFingerprint
from tavusctl.state.journal import Intent, ReplayResult, replay
from tavusctl.state.serialization import binding_out

REKEY: Final = "check `tavusctl state list`; if all objects are yours, run `tavusctl state rekey`"
_MAC: Final = pattern(rb',"mac":"([0-9a-f]{32})"\}$')
_FORKS: Final = 8  # consecutive records that a store reported as failed, but stored


class Keys(Struct, frozen=True):
    """The available keys.  Both `api_key` and `shared` get access to the states written; `former` only opens states."""

    api_key: str = ""
    shared: str = ""
    former: str = ""
    former_name: str = "TAVUS_API_KEY_OLD"  # the environment variable of `former`

    @property
    def enrolled(self) -> tuple[str, ...]:
        """The keys that can open the state after the next write."""
        return tuple(filter(None, (self.api_key, self.shared)))

    @property
    def all(self) -> tuple[str, ...]:
        """The keys that may open the state now."""
        return tuple(filter(None, (self.api_key, self.shared, self.former)))


class Trust(StrEnum):
    """How far the origin of a state is known; the values are described in the docstring of the module."""

    NEW = "new"
    SEALED = "sealed"
    UNSEALED = "unsealed"
    FOREIGN = "foreign"


class Seals(Struct, frozen=True):
    """The trust in a state, and the key for new seals and fingerprints."""

    trust: Trust = Trust.UNSEALED
    key: bytes = b""  # of the lineage; empty if unknown
    keys: Keys = Keys()

    @property
    def fingerprint_key(self) -> FingerprintKey:
        """The key of fingerprints; empty if the key of the lineage is unknown."""
        return FingerprintKey(derive_key(self.key, "tavusctl fingerprints")) if self.key else NO_KEY

    @property
    def trusted(self) -> bool:
        """Whether a run may write the state and change the account."""
        return self.trust in (Trust.NEW, Trust.SEALED)

    def check_trusted(self) -> None:
        """Raise StateError unless the state is trusted: nothing may be written or changed in the account."""
        if self.trust is Trust.UNSEALED:
            message = "the state has no seal, so tavusctl did not write it; nothing was changed"
            raise StateError(message, REKEY, id="E951")
        if self.trust is Trust.FOREIGN:
            message = "the seal of the state cannot be checked with this API key; nothing was changed"
            hint = f"set {self.keys.former_name} to an API key that has written it; without one, {REKEY}"
            raise StateError(message, hint, id="E952")

    def is_behind(self, state: State) -> bool:
        """Whether a trusted state is not accessible to every enrolled key, or has no seal; the next write adds both."""
        return self.trusted and any(slot(key, state.lineage) not in state.keys for key in self.keys.enrolled)

    def needs_write(self, state: State) -> bool:
        """As `is_behind`, unless a shared key opens the state: then the API key can wait for the next write."""
        opens = bool(self.keys.shared) and slot(self.keys.shared, state.lineage) in state.keys
        return self.is_behind(state) and not opens

    def sealed(self, state: State) -> State:
        """The state with a new seal, accessible to every enrolled key; unchanged if the lineage's key is unknown."""
        if not self.key:
            return state
        names = {slot(key, state.lineage): key for key in self.keys.enrolled}
        wrapped = {name: wrap(self.key, key, state.lineage) for name, key in names.items() if name not in state.keys}
        writer = slot(self.keys.api_key, state.lineage)
        state = replace(state, keys={**state.keys, **wrapped}, key_digest=writer)
        return replace(state, mac=_state_mac(state, self.key))

    def without_secret_values(self, document: JsonObject) -> JsonObject:
        """The document without values of secrets: a fingerprint replaces each text or number that contains one.

        A fingerprint also replaces an object with such a key; from the document itself, such members are left out.
        """
        if not redaction.contains_secret(canonical(document)):
            return document
        return {
            key: self._without_secrets(item) for key, item in document.items() if not redaction.contains_secret(key)
        }

    def binding_without_secret_values(self, binding: Binding) -> Binding:
        """The binding, with its documents changed by `without_secret_values`."""
        return binding.with_documents(self.without_secret_values)

    def _without_secrets(self, value: Json) -> Json:
        if isinstance(value, list):
            return [self._without_secrets(item) for item in value]
        if isinstance(value, str):
            return self.fingerprint_key.text_fingerprint(value) if redaction.contains_secret(value) else value
        if redaction.number_contains_secret(value):
            return self.fingerprint_key.text_fingerprint(canonical(value))
        if not isinstance(value, dict):
            return value
        if any(map(redaction.contains_secret, value)):
            return self.fingerprint_key.text_fingerprint(canonical(value))
        return {key: self._without_secrets(item) for key, item in value.items()}

    def comparable(self, document: JsonObject) -> JsonObject:
        """The document of a record, with its fingerprints of texts made comparable by adding the key."""
        if not any(isinstance(leaf, TextFingerprint) for _, leaf in special_leaves(document)):
            return document
        return map_leaves(document, self._comparable_leaf)

    def comparable_intent(self, intent: Intent) -> Intent:
        """The intent of a call, with its documents changed by `comparable`."""
        before = intent.before and intent.before.with_documents(self.comparable)
        return replace(intent, spec=self.comparable(intent.spec), before=before)

    def _comparable_leaf(self, leaf: Json) -> Json:
        return TextFingerprint(leaf.digest, self.fingerprint_key.value) if isinstance(leaf, TextFingerprint) else leaf

    def append_seal(self, record: bytes, before: str) -> tuple[bytes, str]:
        """A record of the journal with its seal appended, and the seal; it also covers `before`, the previous seal."""
        if not self.key:
            return record, ""
        mac = _record_mac(self.key, before, record)
        return record[:-1] + b',"mac":"' + mac.encode() + b'"}', mac

    def extend(self, lines: Sequence[bytes], records: Sequence[bytes]) -> tuple[bytes, ...]:
        """The records of a journal, followed by further ones with their seals."""
        match = _MAC.search(lines[-1]) if lines else None
        extended, mac = list(lines), match[1].decode() if match else ""
        for record in records:
            line, mac = self.append_seal(record, mac)
            extended.append(line)
        return tuple(extended)

    def seal_document(self, what: Json) -> str:
        """The seal of a document that is kept for `undo`; empty if the key of the lineage is unknown."""
        digest = hmac.digest(
            derive_key(self.key, "tavusctl trash"), canonical(what).encode("utf-8", "surrogatepass"), "sha256"
        )
        return digest.hex() if self.key else ""

    def check_run(self, lines: Sequence[bytes]) -> None:
        """Raise StateError if the records of a run are not as the run wrote them: undo sends what they contain."""
        if not self.key or not _is_chain(lines, self.key):
            message = "the records of that run have an invalid seal: they were modified outside tavusctl"
            raise StateError(message, "revert the manifests and apply them instead", id="E953")

    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings of a plan about the trust in the state."""
        if self.trust is Trust.FOREIGN:
            message = "secrets cannot be compared: the state was last written with another API key"
            hint = (
                f"set {self.keys.former_name} to that key, or run `tavusctl state rekey`; until then nothing is written"
            )
            return (warning("TV307", message, hint),)
        if self.trust is Trust.UNSEALED:
            message = "the state has no seal, so tavusctl did not write it"
            return (warning("TV308", message, f"{REKEY}; until then nothing is written"),)
        return ()


class SealedState(Struct, frozen=True):
    """A state, brought up to date with the journal beside it, with the seals of both."""

    replay: ReplayResult
    lines: tuple[bytes, ...] = ()
    seals: Seals = Seals()


def open_state(store: Store, keys: Keys) -> SealedState:
    """State and journal of a store; StateError if a seal is invalid, or bindings have no seal and no key digest."""
    sealed_state = verify(*store.read_both(), keys)
    state = sealed_state.replay.state
    if sealed_state.seals.trust is Trust.UNSEALED and state.bindings and not state.key_digest:
        message = "the state has objects, but no record of the API key that wrote it, so it is not trusted"
        raise StateError(message, REKEY, id="E951")
    return sealed_state


def verify(state: State, lines: Sequence[bytes], keys: Keys) -> SealedState:
    """A state and a journal with their trust; StateError if a seal is invalid."""
    trust, key = _trust(state, lines, keys)
    replayed = replay(state, lines)
    if trust is Trust.SEALED and lines and not _is_chain(lines, key):
        if lines_digest(lines) != state.accepted:
            _refuse_forged("the journal beside the state")
        replayed = _without_other_prints(replayed, state)
    seals = Seals(trust, key, keys)
    return SealedState(_comparable(replayed, seals), tuple(lines), seals)


def _comparable(replayed: ReplayResult, seals: Seals) -> ReplayResult:
    old_bindings = replayed.state.bindings
    bindings = {address: binding.with_documents(seals.comparable) for address, binding in old_bindings.items()}
    pending = tuple(seals.comparable_intent(intent) for intent in replayed.pending)
    return replace(replayed, state=replace(replayed.state, bindings=bindings), pending=pending)


def accept(state: State, lines: Sequence[bytes], keys: Keys) -> tuple[State, Seals]:
    """A state that its owner has declared trusted, sealed with a new key; its journal is accepted as it is.

    Fingerprints that were made with an unknown key can no longer be compared, and are left out.
    """
    seals = Seals(Trust.SEALED, new_key(), keys)
    state = without_fingerprints(state, lambda _: True)
    return seals.sealed(replace(state, keys={}, accepted=lines_digest(lines))), seals


def lines_digest(lines: Sequence[bytes]) -> str:
    """The digest that identifies the journal records that `state rekey` has accepted; empty if there are none."""
    return hashlib.sha256(b"\n".join(lines)).hexdigest() if lines else ""


def without_fingerprints(state: State, unknown: Callable[[Fingerprint], bool]) -> State:
    """The state without fingerprints that are `unknown`; whatever value is read first then counts as unchanged."""
    forget = _forget_leaf(unknown)

    def change(document: JsonObject) -> JsonObject:
        return map_leaves(document, forget)

    bindings = {address: binding.with_documents(change) for address, binding in state.bindings.items()}
    return replace(state, bindings=bindings)


def _without_other_prints(replayed: ReplayResult, state: State) -> ReplayResult:
    """An accepted journal, without the fingerprints that are not in the state too: an earlier key made them."""
    recorded = {leaf for binding in state.bindings.values() for leaf in _fingerprints_in(binding)}

    def unknown(fingerprint: Fingerprint) -> bool:
        return fingerprint not in recorded

    pending = tuple(replace(call, spec=map_leaves(call.spec, _forget_leaf(unknown))) for call in replayed.pending)
    return replace(replayed, state=without_fingerprints(replayed.state, unknown), pending=pending)


def _forget_leaf(unknown: Callable[[Fingerprint], bool]) -> Callable[[Json], Json]:
    def forget(leaf: Json) -> Json:
        if isinstance(leaf, TextFingerprint):
            return TextFingerprint("") if unknown(Fingerprint(leaf.digest)) else leaf
        return REDACTED if isinstance(leaf, Fingerprint) and unknown(leaf) else leaf

    return forget


def _fingerprints_in(binding: Binding) -> Iterator[Fingerprint]:
    for name in DOCUMENTS:
        for _, leaf in special_leaves(getattr(binding, name)):
            if isinstance(leaf, Fingerprint | TextFingerprint):
                yield Fingerprint(leaf.digest)


def _trust(state: State, lines: Sequence[bytes], keys: Keys) -> tuple[Trust, bytes]:
    if not state.keys and not state.mac:
        if not state.bindings and not lines:
            return Trust.NEW, new_key()
        return Trust.UNSEALED, b""
    if not state.keys or not state.mac:
        _refuse_forged("the state")
    for candidate in keys.all:
        wrapped = state.keys.get(slot(candidate, state.lineage))
        key = unwrap(wrapped, candidate, state.lineage) if wrapped else None
        if wrapped and not (key and _is_sealed(state, key)):
            _refuse_forged("the state")
        if key:
            return Trust.SEALED, key
    return Trust.FOREIGN, b""


def _is_sealed(state: State, key: bytes) -> bool:
    """Whether the seal of a state is valid; the bytes of either JSON encoder are accepted."""
    seals = (_state_mac(state, key, encoded) for encoded in (quick_bytes, _encoded))
    return any(hmac.compare_digest(seal, state.mac) for seal in seals)


def _encoded(value: Json) -> bytes:
    return canonical(value).encode()


def _state_mac(state: State, key: bytes, encoded: Callable[[Json], bytes] = _encoded) -> str:
    """The seal of all fields of a state but `mac`; unset ones are left out, so that newer versions can add fields."""
    content = {
        name: _members(getattr(state, name)) for name in State.__struct_fields__ if name not in ("bindings", "mac")
    }
    digest = hmac.new(derive_key(key, "tavusctl state"), digestmod="sha256")
    digest.update(encoded({name: value for name, value in content.items() if value is False or value}))
    for address in sorted(state.bindings):
        digest.update(f"\n{address} ".encode() + encoded(binding_out(state.bindings[address])))
    return f"hmac-sha256:{digest.hexdigest()}"


def _members(value: Json) -> Json:
    return asdict(value) if isinstance(value, Struct) else value


def _record_mac(key: bytes, before: str, record: bytes) -> str:
    digest = hmac.digest(derive_key(key, "tavusctl journal"), before.encode() + b" " + record, "sha256")
    return digest.hex()[:32]


def _is_chain(lines: Sequence[bytes], key: bytes) -> bool:
    """Whether the seal of each record covers that of an earlier record, and no record occurs twice.

    Usually this is the record just before.  A record that a store reported as failed, but stored, has no successor.
    """
    macs: list[str] = []
    for line in lines:
        match = _MAC.search(line)
        mac = match[1].decode() if match else ""
        record = line[: match.start()] + b"}" if match else line
        matches = (before for before in reversed(macs[-_FORKS:] or [""]) if _record_mac(key, before, record) == mac)
        if mac in macs or next(matches, None) is None:
            return False
        macs.append(mac)
    return True


def _refuse_forged(what: str) -> NoReturn:
    message = f"{what} was modified outside tavusctl: its seal is invalid"
    hint = "restore a backup, or move it away and import the objects again with `tavusctl import --match-names`"
    raise StateError(message, hint, id="E950")
