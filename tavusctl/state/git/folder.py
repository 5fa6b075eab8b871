"""The files of a state on two refs of a repository: the lock on one, everything else on the other.

A write is one commit, pushed on the condition that the ref is where it was read (a compare-and-swap); while the lock is
held, on the condition too that the lock is still as it was last written.  A push without an answer is settled by
looking at the ref.  Old commits are dropped from time to time: history is for people to look at, and never needed.

Time is the clocks' of the machines: a commit carries that of who made it.  A lock that a slow clock takes away too
early costs its holder the run and nothing else, for each push asks for the lock.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from tavusctl.state.git.repository import Repository, Update
from tavusctl.state.shared.folder import Blob, Taken, Version
from tavusctl.state.shared.lease import NAME as LOCK

KEPT: Final = 200  # commits of a ref, after which the next one begins anew
_TRIES: Final = 20  # lost races in a row
_PAUSES: Final = (0.3, 1.5)  # seconds before a push that got no answer is tried again
_PAUSE: Final = 0.05  # seconds after a lost race, times how many there were
_STAMP: Final = "@"  # between a name of what is kept beside the state, and when it was written
_STAMPED: Final = ("runs/", "trash/")
_OURS: Final = re.compile(r"state\.json|journal|(runs|trash)/.+")  # what a ref of a state holds, and nothing else


class GitFolder:
    """A folder of files at a ref; `lock` has a ref of its own."""

    def __init__(self, repository: Repository, ref: str, kept: int = KEPT) -> None:
        self.url = f"{repository.shown} {ref}"
        self._repository, self._ref, self._kept = repository, ref, kept
        parent, _, last = ref.rpartition("/")
        self._lock_ref = f"{parent}/lock.{last}"
        self._guard = threading.RLock()
        self._tips: dict[str, str] = {}  # as last seen or written, by ref
        self._held = ""  # the commit of the lock that this run has written, while it holds it

    def get(self, name: str) -> Blob | None:
        """A file, or None."""
        with self._guard:
            ref = self._ref_of(name)
            tip = self._look()[ref]
            found = self._repository.files(tip) if tip else {}
            stored = _stored(name, found)
            if stored is None:
                return None
            modified = datetime.fromtimestamp(self._repository.time_of(tip), UTC)
            version = tip if name == LOCK else found[stored]
            return Blob(self._repository.content(found[stored]), Version(version), modified)

    def put(self, name: str, content: bytes, expected: Version | None) -> Version:
        """Write, if the file is still at the expected version (None: if there is none); Taken when it is not."""
        with self._guard:
            if name == LOCK:
                return self._put_lock(content, expected)
            stamped = f"{name}{_STAMP}{int(time.time())}" if name.startswith(_STAMPED) else name
            wanted = {name: expected.e_tag if expected else None}
            tip = self.write({stamped: content}, wanted)
            return Version(self._repository.files(tip)[stamped])

    def write(self, changes: Mapping[str, bytes | None], expected: Mapping[str, str | None]) -> str:
        """Several files in one commit, while each is at the version that is expected; the commit.  Taken when not."""
        with self._guard:
            for tries in range(_TRIES):
                time.sleep(_PAUSE * tries)
                tip = self._tips.get(self._ref) if not tries else self._look()[self._ref]
                tip = self._look()[self._ref] if tip is None else tip
                found = self._repository.files(tip) if tip else {}
                if strange := next((one for one in found if not _OURS.fullmatch(one)), ""):
                    raise self._repository.foreign(self._ref, strange)
                if any(found.get(_stored(name, found) or "") != version for name, version in expected.items()):
                    if tries:
                        raise Taken
                    continue
                if not (gone := {name for name, content in changes.items() if content is None}) <= found.keys():
                    changes = {name: content for name, content in changes.items() if name not in gone - found.keys()}
                if not changes:
                    return tip
                if made := self._moved(tip, changes):
                    return made
            raise Taken

    def dated(self, folder: str) -> dict[str, datetime]:
        """Names of the files in a folder, and when they were written."""
        with self._guard:
            tip = self._look()[self._ref]
            stored = [one for one in (self._repository.files(tip) if tip else {}) if one.startswith(f"{folder}/")]
            parts = [one.rpartition(_STAMP) for one in stored]
            return {name: datetime.fromtimestamp(int(stamp), UTC) for name, _, stamp in parts if name}

    def sweep(self, names: Iterable[str]) -> None:
        """Delete what nobody reads any more, in one commit; what cannot be deleted is left."""
        wanted = set(names)
        if not wanted:
            return
        with self._guard:
            tip = self._look()[self._ref]
            found = self._repository.files(tip) if tip else {}
            changes = {stored: None for name in wanted if (stored := _stored(name, found))}
            try:
                self.write(changes, {})
            except Taken:
                return

    def time(self) -> datetime:
        """The clock of this machine."""
        return datetime.now(UTC)

    def check(self) -> None:
        """A push is a compare-and-swap wherever git is."""

    def _put_lock(self, content: bytes, expected: Version | None) -> Version:
        before = expected.e_tag if expected else ""
        made = self._repository.commit("", {LOCK: content}, int(time.time()))
        reason, now = self._pushed([Update(self._lock_ref, before, made)])
        if now[self._lock_ref] == made:
            self._held = made
            return Version(made)
        self._held = ""
        if now[self._lock_ref] == before:
            raise self._repository.refused(reason)
        raise Taken

    def _moved(self, tip: str, changes: Mapping[str, bytes | None]) -> str:
        """The commit that the ref was moved to; "" when another run has moved it first."""
        old, reason = bool(tip) and self._repository.age(tip) >= self._kept, ""
        for root in (True, False) if old else (False,):  # a repository may refuse to drop commits
            made = self._repository.commit(tip, changes, int(time.time()), root=root)
            updates = [Update(self._ref, tip, made)]
            updates += [Update(self._lock_ref, self._held, self._held)] if self._held else []
            reason, now = self._pushed(updates)
            if now[self._ref] == made:
                return made
            if self._held and now[self._lock_ref] != self._held:
                raise Taken
            if now[self._ref] != tip:
                return ""
        raise self._repository.refused(reason)

    def _pushed(self, updates: Sequence[Update]) -> tuple[str, dict[str, str]]:
        """Why a push was not carried out, and where the refs are now; what fails in passing is repeated."""
        moved = {one.ref: one.after for one in updates}
        reason, now = self._push_once(updates, moved)
        for pause in _PAUSES:
            if not reason or "rejected" in reason or any(now[one.ref] != one.before for one in updates):
                break
            time.sleep(pause)
            reason, now = self._push_once(updates, moved)
        self._tips = now
        return reason, now

    def _push_once(self, updates: Sequence[Update], moved: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        reason = self._repository.push(updates)
        return reason, self._look() if reason else {**self._tips, **moved}

    def _look(self) -> dict[str, str]:
        """Where the refs are now, and what they hold brought here."""
        for _ in range(_TRIES):
            tips = self._repository.tips([self._ref, self._lock_ref])
            unseen = {ref: tip for ref, tip in tips.items() if tip and tip != self._tips.get(ref)}
            for ref, tip in unseen.items():
                self._repository.fetch(ref, tip)
            if all(map(self._repository.has, unseen.values())):  # else it has moved on meanwhile
                self._tips = tips
                return tips
        raise self._repository.restless()

    def _ref_of(self, name: str) -> str:
        return self._lock_ref if name == LOCK else self._ref


def _stored(name: str, found: Iterable[str]) -> str | None:
    """The name under which a file is kept."""
    if not name.startswith(_STAMPED):
        return name if name in found else None
    return next((one for one in found if one.rpartition(_STAMP)[0] == name), None)
