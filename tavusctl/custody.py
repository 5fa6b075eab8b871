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
from typing import Any, Final, NoReturn

from msgspec import Struct
from msgspec.structs import asdict, replace

from tavusctl.document import canonical, leaves, map_leaves
from tavusctl.errors import StateError
from tavusctl.journal import Replay, replay
from tavusctl.model import Binding, Complaint, Severity, Value
from tavusctl.ports import State, Store
from tavusctl.records import binding_out
from tavusctl.secret import UNSEEN, Fingerprint, FingerprintKey, legacy_key
from tavusctl.wrapping import derived, new_key, slot, unwrap, wrap

REKEY: Final = "look at `tavusctl state list`; if all of it is yours: tavusctl state rekey"
_MAC: Final = re.compile(rb',"mac":"([0-9a-f]{32})"\}$')
_FORKS: Final = 8  # records that a store refused and kept all the same, in a row


class Keys(Struct, frozen=True):
    """The keys at hand.  `shared` is enrolled like the API key; `former` opens a state, and is enrolled no more."""

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


class Custody(Struct, frozen=True):
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
            message = "the state has no seal: an older version wrote it, or somebody else did; nothing was changed"
            raise StateError(message, REKEY, id="E951")
        if self.trust is Trust.FOREIGN:
            message = "the seal of the state cannot be checked with this API key; nothing was changed"
            hint = f"set {self.keys.former_name} to a key that has written it; without one, {REKEY}"
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

    def chained(self, record: bytes, before: str) -> tuple[bytes, str]:
        """A record of the journal with its seal, which covers the seal of the record before."""
        if not self.key:
            return record, ""
        mac = _record_mac(self.key, before, record)
        return record[:-1] + b',"mac":"' + mac.encode() + b'"}', mac

    def mark(self, what: Value) -> str:
        """A seal of something that is kept for `undo`."""
        made = hmac.digest(
            derived(self.key, "tavusctl trash"), canonical(what).encode("utf-8", "surrogatepass"), "sha256"
        )
        return made.hex() if self.key else ""

    def check_run(self, lines: Sequence[bytes]) -> None:
        """Refuse the records of a run that are not what it wrote: they say what undo sends."""
        if not self.key or not _is_chain(lines, self.key):
            message = "the records of that run are not what it wrote: an older version made them, or they were changed"
            raise StateError(message, "change the manifests back and apply them instead", id="E953")

    def remarks(self) -> tuple[Complaint, ...]:
        """What a plan has to say of the state."""
        if self.trust is Trust.FOREIGN:
            message = "secrets cannot be compared with this API key: the state was last written with another"
            hint = (
                f"set {self.keys.former_name} to that one, or see tavusctl state rekey; until then nothing is written"
            )
            return (Complaint("TV307", message, None, hint, severity=Severity.WARNING),)
        if self.trust is Trust.UNSEALED:
            message = "the state has no seal: an older version of tavusctl wrote it, or somebody else did"
            return (
                Complaint("TV308", message, None, f"{REKEY}; until then nothing is written", severity=Severity.WARNING),
            )
        return ()


class Opened(Struct, frozen=True):
    """A state, brought up to date with the journal beside it, and how far both are trusted."""

    replay: Replay
    lines: tuple[bytes, ...] = ()
    custody: Custody = Custody()


def opened(store: Store, keys: Keys, *, older: bool = False) -> Opened:
    """The state and the journal of a store; StateError when they are not what was written."""
    found = judged(store.read(older=older), store.journal(), keys)
    state = found.replay.state
    if found.custody.trust is Trust.UNSEALED and state.bindings and not state.key_digest:
        message = "the state has objects and does not say with which API key it was written: it is not ours"
        raise StateError(message, REKEY, id="E951")
    return found


def judged(state: State, lines: Sequence[bytes], keys: Keys) -> Opened:
    """A state and a journal with what can be told of their origin; StateError when their seal is wrong."""
    trust, key = _trust(state, lines, keys)
    replayed = replay(state, lines)
    if trust is Trust.SEALED and lines and not _is_chain(lines, key):
        if lines_digest(lines) != state.accepted:
            _forged("the journal beside the state")
        replayed = _of_another_key(replayed, state)
    return Opened(replayed, tuple(lines), custody_of(state, trust, key, keys))


def custody_of(state: State, trust: Trust, key: bytes, keys: Keys) -> Custody:
    """The means for a state whose key is known, or not."""
    owner = next((one for one in keys.all if slot(one, state.lineage) == state.key_digest), "")
    legacy = legacy_key(owner, state.lineage) if owner else b""
    current = derived(key, "tavusctl fingerprints") if key else b""
    return Custody(trust, key, keys, FingerprintKey(current, legacy))


def taken_over(state: State, lines: Sequence[bytes], keys: Keys) -> tuple[State, Custody]:
    """A state that a person has said is ours, with a new key; the journal beside it counts as it is.

    Fingerprints that were made with a key that is not known tell nothing any more, and are left out.
    """
    custody = custody_of(state, Trust.SEALED, new_key(), keys)
    legacy = bool(custody.prints.legacy)
    state = without_prints(state, lambda one: not (one.is_legacy and legacy))
    return custody.sealed(replace(state, keys={}, accepted=lines_digest(lines))), custody


def lines_digest(lines: Sequence[bytes]) -> str:
    """Names the records of a journal that `state rekey` has taken as they are."""
    return hashlib.sha256(b"\n".join(lines)).hexdigest() if lines else ""


def without_prints(state: State, unknown: Callable[[Fingerprint], bool]) -> State:
    """A state that does not say what some secrets were: each stands for what is first seen there."""
    forget = _forget(unknown)

    def forgetting(one: Binding) -> Binding:
        return replace(
            one,
            applied=map_leaves(one.applied, forget),
            successor_spec=map_leaves(one.successor_spec, forget),
            answered=map_leaves(one.answered, forget),
            unconfirmed=map_leaves(one.unconfirmed, forget),
        )

    return replace(state, bindings={address: forgetting(one) for address, one in state.bindings.items()})


def _of_another_key(replayed: Replay, state: State) -> Replay:
    """What an accepted journal says, without fingerprints that only it has: they were made with an earlier key."""
    said = {leaf for one in state.bindings.values() for leaf in _prints(one)}

    def unknown(one: Fingerprint) -> bool:
        return one not in said

    pending = tuple(replace(one, spec=map_leaves(one.spec, _forget(unknown))) for one in replayed.pending)
    return replace(replayed, state=without_prints(replayed.state, unknown), pending=pending)


def _forget(unknown: Callable[[Fingerprint], bool]) -> Callable[[Value], Value]:
    return lambda leaf: UNSEEN if isinstance(leaf, Fingerprint) and unknown(leaf) else leaf


def _prints(binding: Binding) -> Iterator[Fingerprint]:
    for document in (binding.applied, binding.successor_spec, binding.answered, binding.unconfirmed):
        yield from (leaf for _, leaf in leaves(document) if isinstance(leaf, Fingerprint))


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
        if wrapped and not (key and hmac.compare_digest(_state_mac(state, key), state.mac)):
            _forged("the state")
        if key:
            return Trust.SEALED, key
    return Trust.FOREIGN, b""


def _state_mac(state: State, key: bytes) -> str:
    """A seal over everything that a state says; what is not set is left out: newer versions know more."""
    said = {name: _plain(getattr(state, name)) for name in State.__struct_fields__ if name not in ("bindings", "mac")}
    found = hmac.new(derived(key, "tavusctl state"), digestmod="sha256")
    found.update(canonical({name: value for name, value in said.items() if _is_set(value)}).encode())
    for address in sorted(state.bindings):
        found.update(f"\n{address} {canonical(binding_out(state.bindings[address]))}".encode())
    return f"hmac-sha256:{found.hexdigest()}"


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Struct) else value


def _is_set(value: Any) -> bool:
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
    message = f"{what} is not what tavusctl wrote: its seal is wrong"
    hint = "somebody has changed it; put a backup back, or move it away and bind the objects again with import"
    raise StateError(message, hint, id="E950")
