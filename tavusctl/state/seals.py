"""Whether a state and its journal are what tavusctl wrote: seals made with a key of the lineage.

A lineage has a random key.  The state keeps it wrapped under each API key that has written it, so that any of them can
check and make seals, and nobody else can.  Fingerprints of secrets are made with the same key: they stay comparable
when an API key is replaced, and when two people have a key each.

    new       nothing was ever bound: the first write makes a key and a seal
    sealed    the seal is right
    unsealed  written by a version that made no seals, or not by tavusctl: good for reading only
    foreign   sealed by API keys that are not at hand: good for reading only, and secrets cannot be compared

A seal that is wrong is an error everywhere.  `state rekey` is the one way from `unsealed` and `foreign` to `sealed`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NoReturn

from msgspec import Struct
from msgspec.structs import asdict, replace

from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import StateError
from tavusctl.core.json_tree import canonical, map_leaves, quick_bytes
from tavusctl.core.ports import State, Store
from tavusctl.lib.json_types import Json, JsonObject, special_leaves
from tavusctl.secrets import redaction
from tavusctl.secrets.key_wrapping import derived, new_key, slot, unwrap, wrap
from tavusctl.secrets.values import REDACTED, Fingerprint, FingerprintKey, TextPrint, legacy_key
from tavusctl.state.journal import Intent, ReplayResult, replay
from tavusctl.state.serialization import binding_out

REKEY: Final = "check `tavusctl state list`; if all objects are yours, run `tavusctl state rekey`"
_MAC: Final = re.compile(rb',"mac":"([0-9a-f]{32})"\}$')
_FORKS: Final = 8  # records that a store refused and kept all the same, in a row


class Keys(Struct, frozen=True):
    """The available keys.  `shared` is enrolled like the API key; `former` only opens a state."""

    api_key: str = ""
    shared: str = ""
    former: str = ""
    former_name: str = "TAVUS_API_KEY_OLD"  # of the variable that holds it

    @property
    def enrolled(self) -> tuple[str, ...]:
        """The keys that shall be able to open the state after the next write."""
        return tuple(filter(None, (self.api_key, self.shared)))

    @property
    def all(self) -> tuple[str, ...]:
        """The keys that may open the state now."""
        return tuple(filter(None, (self.api_key, self.shared, self.former)))


class Trust(StrEnum):
    """What is known of the origin of a state."""

    NEW = "new"
    SEALED = "sealed"
    UNSEALED = "unsealed"
    FOREIGN = "foreign"


class Seals(Struct, frozen=True):
    """How far a state is trusted, and what new seals and fingerprints are made with."""

    trust: Trust = Trust.UNSEALED
    key: bytes = b""  # of the lineage; empty: not known
    keys: Keys = Keys()
    prints: FingerprintKey = FingerprintKey()

    @property
    def trusted(self) -> bool:
        """Whether the state may be built on."""
        return self.trust in (Trust.NEW, Trust.SEALED)

    def check_trusted(self) -> None:
        """Refuse to write, or to change the account, by a state of unknown origin."""
        if self.trust is Trust.UNSEALED:
            message = (
                "the state has no seal: an older version of tavusctl or another program wrote it; nothing was changed"
            )
            raise StateError(message, REKEY, id="E951")
        if self.trust is Trust.FOREIGN:
            message = "the seal of the state cannot be checked with this API key; nothing was changed"
            hint = f"set {self.keys.former_name} to an API key that has written it; without one, {REKEY}"
            raise StateError(message, hint, id="E952")

    def is_behind(self, state: State) -> bool:
        """Whether a trusted state on disk lacks what its next write adds: a seal, or a key that may open it."""
        return self.trusted and any(slot(one, state.lineage) not in state.keys for one in self.keys.enrolled)

    def sealed(self, state: State) -> State:
        """A state with a seal, open to every key that is to be enrolled; nothing is sealed without the key."""
        if not self.key:
            return state
        names = {slot(one, state.lineage): one for one in self.keys.enrolled}
        wrapped = {name: wrap(self.key, one, state.lineage) for name, one in names.items() if name not in state.keys}
        writer = slot(self.keys.api_key, state.lineage)
        if state.key_digest not in ("", writer):  # only the key that made them can compare these
            state = without_prints(state, lambda one: one.is_legacy)
        state = replace(state, keys={**state.keys, **wrapped}, key_digest=writer)
        return replace(state, mac=_state_mac(state, self.key))

    def discreet(self, document: JsonObject) -> JsonObject:
        """A document as a record may have it: of a text or number in which the value of a secret stands, a fingerprint.

        So of an object in which it is a key; where that is the document itself, the member is left out.
        """
        if not redaction.stands_in(canonical(document)):
            return document
        return {key: self._discreet(item) for key, item in document.items() if not redaction.stands_in(key)}

    def discreet_binding(self, binding: Binding) -> Binding:
        """A binding as a record may have it."""
        return _with_documents(binding, self.discreet)

    def _discreet(self, value: Json) -> Json:
        if isinstance(value, list):
            return [self._discreet(item) for item in value]
        if isinstance(value, str):
            return self.prints.text_print(value) if redaction.stands_in(value) else value
        if redaction.is_number(value):
            return self.prints.text_print(canonical(value))
        if not isinstance(value, dict):
            return value
        if any(map(redaction.stands_in, value)):
            return self.prints.text_print(canonical(value))
        return {key: self._discreet(item) for key, item in value.items()}

    def comparable(self, document: JsonObject) -> JsonObject:
        """A document from a record whose fingerprints of texts can be compared."""
        if not any(isinstance(leaf, TextPrint) for _, leaf in special_leaves(document)):
            return document
        return map_leaves(document, self._comparable_leaf)

    def comparable_intent(self, intent: Intent) -> Intent:
        """A call on record, likewise."""
        before = intent.before and _with_documents(intent.before, self.comparable)
        return replace(intent, spec=self.comparable(intent.spec), before=before)

    def _comparable_leaf(self, leaf: Json) -> Json:
        return TextPrint(leaf.digest, self.prints.current) if isinstance(leaf, TextPrint) else leaf

    def chained(self, record: bytes, before: str) -> tuple[bytes, str]:
        """A record of the journal with its seal, which covers the seal of the record before."""
        if not self.key:
            return record, ""
        mac = _record_mac(self.key, before, record)
        return record[:-1] + b',"mac":"' + mac.encode() + b'"}', mac

    def mark(self, what: Json) -> str:
        """A seal of something that is kept for `undo`."""
        made = hmac.digest(
            derived(self.key, "tavusctl trash"), canonical(what).encode("utf-8", "surrogatepass"), "sha256"
        )
        return made.hex() if self.key else ""

    def check_run(self, lines: Sequence[bytes]) -> None:
        """Refuse the records of a run that are not what it wrote: they say what undo sends."""
        if not self.key or not _is_chain(lines, self.key):
            message = "the records of that run have an invalid seal: an older version wrote them, or they were modified"
            raise StateError(message, "revert the manifests and apply them instead", id="E953")

    def remarks(self) -> tuple[Diagnostic, ...]:
        """What a plan has to say of the state."""
        if self.trust is Trust.FOREIGN:
            message = "secrets cannot be compared: the state was last written with another API key"
            hint = (
                f"set {self.keys.former_name} to that key, or run `tavusctl state rekey`; until then nothing is written"
            )
            return (Diagnostic("TV307", message, None, hint, severity=Severity.WARNING),)
        if self.trust is Trust.UNSEALED:
            message = "the state has no seal: an older version of tavusctl or another program wrote it"
            return (
                Diagnostic(
                    "TV308", message, None, f"{REKEY}; until then nothing is written", severity=Severity.WARNING
                ),
            )
        return ()


class SealedState(Struct, frozen=True):
    """A state, brought up to date with the journal beside it, and how far both are trusted."""

    replay: ReplayResult
    lines: tuple[bytes, ...] = ()
    custody: Seals = Seals()


def opened(store: Store, keys: Keys, *, older: bool = False) -> SealedState:
    """The state and the journal of a store; StateError when they are not what was written."""
    found = judged(store.read(older=older), store.journal(), keys)
    state = found.replay.state
    if found.custody.trust is Trust.UNSEALED and state.bindings and not state.key_digest:
        message = "the state has objects, but no record of the API key that wrote it, so it is not trusted"
        raise StateError(message, REKEY, id="E951")
    return found


def judged(state: State, lines: Sequence[bytes], keys: Keys) -> SealedState:
    """A state and a journal with what can be told of their origin; StateError when their seal is wrong."""
    trust, key = _trust(state, lines, keys)
    replayed = replay(state, lines)
    if trust is Trust.SEALED and lines and not _is_chain(lines, key):
        if lines_digest(lines) != state.accepted:
            _forged("the journal beside the state")
        replayed = _of_another_key(replayed, state)
    custody = seals_of(state, trust, key, keys)
    return SealedState(_comparable(replayed, custody), tuple(lines), custody)


def _comparable(replayed: ReplayResult, custody: Seals) -> ReplayResult:
    known = replayed.state.bindings
    bindings = {address: _with_documents(one, custody.comparable) for address, one in known.items()}
    pending = tuple(custody.comparable_intent(one) for one in replayed.pending)
    return replace(replayed, state=replace(replayed.state, bindings=bindings), pending=pending)


def _with_documents(binding: Binding, change: Callable[[JsonObject], JsonObject]) -> Binding:
    """A binding whose documents are changed; the same one where nothing is."""
    before = {name: getattr(binding, name) for name in ("applied", "successor_spec", "answered", "unconfirmed")}
    after = {name: change(document) for name, document in before.items()}
    changed = {name: document for name, document in after.items() if document is not before[name]}
    return replace(binding, **changed) if changed else binding


def seals_of(state: State, trust: Trust, key: bytes, keys: Keys) -> Seals:
    """The means for a state whose key is known, or not."""
    owner = next((one for one in keys.all if slot(one, state.lineage) == state.key_digest), "")
    legacy = legacy_key(owner, state.lineage) if owner else b""
    current = derived(key, "tavusctl fingerprints") if key else b""
    return Seals(trust, key, keys, FingerprintKey(current, legacy))


def taken_over(state: State, lines: Sequence[bytes], keys: Keys) -> tuple[State, Seals]:
    """A state that a person has said is ours, with a new key; the journal beside it counts as it is.

    Fingerprints that were made with a key that is not known tell nothing any more, and are left out.
    """
    custody = seals_of(state, Trust.SEALED, new_key(), keys)
    legacy = bool(custody.prints.legacy)
    state = without_prints(state, lambda one: not (one.is_legacy and legacy))
    return custody.sealed(replace(state, keys={}, accepted=lines_digest(lines))), custody


def lines_digest(lines: Sequence[bytes]) -> str:
    """Names the records of a journal that `state rekey` has taken as they are."""
    return hashlib.sha256(b"\n".join(lines)).hexdigest() if lines else ""


def without_prints(state: State, unknown: Callable[[Fingerprint], bool]) -> State:
    """A state that does not say what some secrets were: each stands for what is first seen there."""
    forget = _forget(unknown)

    def forgetting(document: JsonObject) -> JsonObject:
        return map_leaves(document, forget)

    bindings = {address: _with_documents(one, forgetting) for address, one in state.bindings.items()}
    return replace(state, bindings=bindings)


def _of_another_key(replayed: ReplayResult, state: State) -> ReplayResult:
    """What an accepted journal says, without fingerprints that only it has: they were made with an earlier key."""
    said = {leaf for one in state.bindings.values() for leaf in _prints(one)}

    def unknown(one: Fingerprint) -> bool:
        return one not in said

    pending = tuple(replace(one, spec=map_leaves(one.spec, _forget(unknown))) for one in replayed.pending)
    return replace(replayed, state=without_prints(replayed.state, unknown), pending=pending)


def _forget(unknown: Callable[[Fingerprint], bool]) -> Callable[[Json], Json]:
    def forget(leaf: Json) -> Json:
        if isinstance(leaf, TextPrint):
            return TextPrint("") if unknown(Fingerprint(leaf.digest)) else leaf
        return REDACTED if isinstance(leaf, Fingerprint) and unknown(leaf) else leaf

    return forget


def _prints(binding: Binding) -> Iterator[Fingerprint]:
    for document in (binding.applied, binding.successor_spec, binding.answered, binding.unconfirmed):
        for _, leaf in special_leaves(document):
            if isinstance(leaf, Fingerprint | TextPrint):
                yield Fingerprint(leaf.digest)


def _trust(state: State, lines: Sequence[bytes], keys: Keys) -> tuple[Trust, bytes]:
    if not state.keys and not state.mac:
        if not state.bindings and not lines:
            return Trust.NEW, new_key()
        return Trust.UNSEALED, b""
    if not state.keys or not state.mac:
        _forged("the state")
    for one in keys.all:
        wrapped = state.keys.get(slot(one, state.lineage))
        key = unwrap(wrapped, one, state.lineage) if wrapped else None
        if wrapped and not (key and _is_sealed(state, key)):
            _forged("the state")
        if key:
            return Trust.SEALED, key
    return Trust.FOREIGN, b""


def _is_sealed(state: State, key: bytes) -> bool:
    """Whether the seal of a state is right; bytes that are those of another encoder mean what they say all the same."""
    made = (_state_mac(state, key, encoded) for encoded in (quick_bytes, _encoded))
    return any(hmac.compare_digest(one, state.mac) for one in made)


def _encoded(value: Json) -> bytes:
    return canonical(value).encode()


def _state_mac(state: State, key: bytes, encoded: Callable[[Json], bytes] = _encoded) -> str:
    """A seal over everything that a state says; what is not set is left out: newer versions know more."""
    said = {name: _plain(getattr(state, name)) for name in State.__struct_fields__ if name not in ("bindings", "mac")}
    found = hmac.new(derived(key, "tavusctl state"), digestmod="sha256")
    found.update(encoded({name: value for name, value in said.items() if _is_set(value)}))
    for address in sorted(state.bindings):
        found.update(f"\n{address} ".encode() + encoded(binding_out(state.bindings[address])))
    return f"hmac-sha256:{found.hexdigest()}"


def _plain(value: Json) -> Json:
    return asdict(value) if isinstance(value, Struct) else value


def _is_set(value: Json) -> bool:
    return value is False or bool(value)


def _record_mac(key: bytes, before: str, record: bytes) -> str:
    made = hmac.digest(derived(key, "tavusctl journal"), before.encode() + b" " + record, "sha256")
    return made.hex()[:32]


def _is_chain(lines: Sequence[bytes], key: bytes) -> bool:
    """Whether each record follows an earlier one, in the order in which they were written, each once.

    As a rule it is the one just before.  One that a store refused, and kept all the same, has no follower.
    """
    known: list[str] = []
    for line in lines:
        found = _MAC.search(line)
        mac = found[1].decode() if found else ""
        record = line[: found.start()] + b"}" if found else line
        before = (one for one in reversed(known[-_FORKS:] or [""]) if _record_mac(key, one, record) == mac)
        if mac in known or next(before, None) is None:
            return False
        known.append(mac)
    return True


def _forged(what: str) -> NoReturn:
    message = f"{what} was modified outside tavusctl: its seal is invalid"
    hint = "restore a backup, or move it away and import the objects again with `tavusctl import`"
    raise StateError(message, hint, id="E950")
