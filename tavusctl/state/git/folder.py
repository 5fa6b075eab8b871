"""The files of a state on two refs of a repository: the lock on one, everything else on the other.

A write is one commit, pushed on the condition that the ref has not moved since it was read (a compare-and-swap); while
the lock is held, also on the condition that its ref has not moved since the last write.  If a push gets no answer, the
ref shows whether it succeeded.  Old commits are dropped from time to time: the history is only for people.

Times are from the clocks of the machines: a commit has that of its author.  If a wrong clock makes another run take the
lock over too early, the holder's run fails, but nothing is damaged, because each push verifies the lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from tavusctl.lib.clock import unix_time
from tavusctl.lib.patterns import pattern
from tavusctl.state.git.project_repository import beside
from tavusctl.state.git.repository import Refusal, Repository, Update
from tavusctl.state.shared.folder import Blob, Version, WriteConflict
from tavusctl.state.shared.lease import NAME as LOCK

KEPT: Final = 200  # commits of a ref, after which the next commit has no parent
_TRIES: Final = 20  # lost races in a row, before an error
_RETRY_PAUSES: Final = (0.3, 1.5)  # seconds before a push that failed without a rejection is retried
_RACE_PAUSE: Final = 0.05  # seconds after a lost race, times the number of lost races
_TIME_MARK: Final = "@"  # between the name of an artifact and the time of its write, in file names
_ARTIFACT_FOLDERS: Final = ("runs/", "trash/")
_STATE_FILES: Final = pattern(r"state\.json|journal|(runs|trash)/.+")  # the only files that the ref of a state has


class _WaitingArtifact(Struct, eq=False):
    """An artifact that waits for a push: any that comes next takes it along."""

    name: str  # with the time of its write
    content: bytes
    commit: str = ""  # the first commit that has it


class GitFolder:
    """A folder of files at a ref; `lock` has a ref of its own."""

    def __init__(self, repository: Repository, ref: str, kept: int = KEPT) -> None:
        self.url, self.is_local = f"{repository.shown} {ref}", repository.is_own
        self._repository, self._ref, self._max_commits = repository, ref, kept
        self._lock_ref = beside(ref, "lock")
        self._guard = threading.RLock()
        self._tips: dict[str, str] = {}  # commits by ref, as last read or written
        self._held = ""  # the commit of the lock ref that this run wrote; empty unless it holds the lock
        self._waiting: list[_WaitingArtifact] = []

    def refresh(self) -> None:
        """List the refs: until the next call, the files are read from these commits, or from those of own writes."""
        with self._guard:
            self._refresh()

    def get(self, name: str) -> Blob | None:
        """A file; None if it does not exist."""
        with self._guard:
            ref = self._lock_ref if name == LOCK else self._ref
            tip = self._tip(ref)
            files = self._repository.files(tip)
            stored = _stored_name(name, files)
            if stored is None and tip and name == LOCK:
                raise self._repository.no_state_error(ref, "a lock: it has no file `lock`")
            if stored is None:
                return None
            modified = _time(self._repository.time_of(tip))
            version = tip if name == LOCK else files[stored]
            return Blob(self._repository.content(files[stored]), Version(version), modified)

    def put(self, name: str, content: bytes, expected: Version | None) -> Version:
        """Write a file if it still has the expected version (None: if it does not exist); else WriteConflict."""
        if name.startswith(_ARTIFACT_FOLDERS):
            return self._put_artifact(name, content)
        with self._guard:
            if name == LOCK:
                return self._put_lock(content, expected)
            tip = self.write({name: content}, {name: expected.e_tag if expected else None})
            return Version(self._repository.files(tip)[name])

    def _put_artifact(self, name: str, content: bytes) -> Version:
        artifact = _WaitingArtifact(f"{name}{_TIME_MARK}{int(time.time())}", content)
        self._waiting.append(artifact)
        try:
            with self._guard:
                if not artifact.commit:
                    self.write({}, {})
                if not artifact.commit:
                    raise WriteConflict
                return Version(self._repository.files(artifact.commit)[artifact.name])
        finally:
            self._waiting.remove(artifact)

    def write(self, changes: Mapping[str, bytes | None], expected: Mapping[str, str | None]) -> str:
        """Write or delete (None) files in one commit; its id.  WriteConflict unless all have the expected versions.

        New artifacts that wait for a push are in the same commit.
        """
        with self._guard:
            for tries in range(_TRIES):
                time.sleep(_RACE_PAUSE * tries)
                tip = self._refresh()[self._ref] if tries else self._tip(self._ref)
                files = self._repository.files(tip)
                if foreign_file := next((file for file in files if not _STATE_FILES.fullmatch(file)), ""):
                    raise self._repository.foreign_files_error(self._ref, foreign_file)
                if any(files.get(_stored_name(name, files) or "") != version for name, version in expected.items()):
                    if tries:
                        raise WriteConflict
                    continue
                if not (deleted := {name for name, content in changes.items() if content is None}) <= files.keys():
                    changes = {name: content for name, content in changes.items() if name not in deleted - files.keys()}
                artifacts = [one for one in self._waiting if not one.commit and _is_new(one.name, files)]
                contents = {**changes, **{artifact.name: artifact.content for artifact in artifacts}}
                if not contents:
                    return tip
                if commit := self._try_commit(tip, contents):
                    for artifact in artifacts:
                        artifact.commit = commit
                    return commit
            raise WriteConflict

    def write_times(self, folder: str) -> dict[str, datetime]:
        """The names of the files in a folder, with the times of their writes."""
        with self._guard:
            files = self._repository.files(self._tip(self._ref))
            stored_names = [file for file in files if file.startswith(f"{folder}/")]
            parts = [file.rpartition(_TIME_MARK) for file in stored_names]
            return {name: _time(stamp) for name, _, stamp in parts if name}

    def delete_unused(self, names: Iterable[str]) -> None:
        """Delete files that are no longer read, in one commit; if another run interferes, they are left."""
        unneeded = set(names)
        if not unneeded:
            return
        with self._guard:
            files = self._repository.files(self._tip(self._ref))
            changes = {stored: None for name in unneeded if (stored := _stored_name(name, files))}
            try:
                self.write(changes, {})
            except WriteConflict:
                return

    def time(self) -> datetime:
        """The clock of this machine."""
        return datetime.now(UTC)

    def check(self) -> None:
        """Accept every repository: a push with a lease is a compare-and-swap in all of them."""

    def _put_lock(self, content: bytes, expected: Version | None) -> Version:
        before = expected.e_tag if expected else ""
        if not self._held and self._tips.get(self._ref) and (own := self._repository.own_refs):
            own.move_aside(self._ref)  # the state was found in the remote
        commit = self._repository.commit("", {LOCK: content}, int(time.time()))
        refusal, now = self._push([Update(self._lock_ref, before, commit)])
        if now[self._lock_ref] == commit:
            self._held = commit
            return Version(commit)
        self._held = ""
        if self._repository.uses_other_format(refusal):  # the first push to an empty repository shows its format
            return self._put_lock(content, expected)
        if now[self._lock_ref] == before:
            raise self._repository.push_refused_error(refusal, self._ref)
        raise WriteConflict

    def _try_commit(self, tip: str, changes: Mapping[str, bytes | None]) -> str:
        """The new commit of the ref; "" if another run has moved the ref first, WriteConflict if one has the lock."""
        is_long, refusal = bool(tip) and self._repository.age(tip) >= self._max_commits, None
        for root in (True, False) if is_long else (False,):  # a repository may refuse to drop commits
            commit = self._repository.commit(tip, changes, int(time.time()), root=root)
            updates = [Update(self._ref, tip, commit)]
            updates += [Update(self._lock_ref, self._held, self._held)] if self._held else []
            refusal, now = self._push(updates)
            if now[self._ref] == commit:
                return commit
            if self._held and now[self._lock_ref] != self._held:
                raise WriteConflict
            if now[self._ref] != tip:
                return ""
        raise self._repository.push_refused_error(refusal, self._ref)

    def _push(self, updates: Sequence[Update]) -> tuple[Refusal | None, dict[str, str]]:
        """Push, retrying some failures; why it failed, None if it did not, and the commits of the refs now."""
        targets = {update.ref: update.after for update in updates}
        refusal, now = self._push_once(updates, targets)
        for pause in _RETRY_PAUSES:
            if not refusal or refusal.final or any(now[update.ref] != update.before for update in updates):
                break
            time.sleep(pause)
            refusal, now = self._push_once(updates, targets)
        self._tips = now
        return refusal, now

    def _push_once(
        self, updates: Sequence[Update], targets: Mapping[str, str]
    ) -> tuple[Refusal | None, dict[str, str]]:
        refusal = self._repository.push(updates)
        return refusal, self._refresh() if refusal else {**self._tips, **targets}

    def _tip(self, ref: str) -> str:
        """The commit of a ref as last listed or written; empty if it has none."""
        return (self._tips or self._refresh())[ref]

    def _refresh(self) -> dict[str, str]:
        """The current commits of the refs, fetched into the local repository."""
        tips = self._repository.tips([self._ref, self._lock_ref])
        if not self._tips and (own := self._repository.own_refs):
            own.check(self._ref, tips[self._ref])
        self._tips = self._repository.fetch(tips)
        return self._tips


def _time(seconds: int | str) -> datetime:
    """The time of a number of seconds; that of 1970 if the clock that it comes from showed a time before or no time."""
    try:
        return unix_time(int(seconds))
    except (ValueError, OverflowError):  # git shows a time before 1970 as a very large number
        return unix_time(0)


def _is_new(stamped_name: str, stored_names: Iterable[str]) -> bool:
    return _stored_name(stamped_name.rpartition(_TIME_MARK)[0], stored_names) is None


def _stored_name(name: str, stored_names: Iterable[str]) -> str | None:
    """The name under which a file is stored, with the time for artifacts; None if it is not among `stored_names`."""
    if not name.startswith(_ARTIFACT_FOLDERS):
        return name if name in stored_names else None
    return next((stored for stored in stored_names if stored.rpartition(_TIME_MARK)[0] == name), None)
