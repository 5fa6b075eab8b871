"""`tavusctl github adopt`: live edits as a pull request, one for each environment and folder, kept up to date.

It contains exactly the files that `adopt` has written in this job, byte for byte and with their modes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tavusctl.app.files import file_writer
from tavusctl.app.files.rewritten_files import Rewritten
from tavusctl.app.github.subject import Subject
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import counted
from tavusctl.core.project_settings import FILE
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.integrations.git.worktree import Entry, entries
from tavusctl.integrations.github.actions import Workflow
from tavusctl.integrations.github.rest import File, GitHub, Proposal
from tavusctl.lib.json_types import JsonObject, as_list, as_object
from tavusctl.rewrite.export import secrets_in
from tavusctl.secrets.escape import flat
from tavusctl.secrets.redaction import Record

Say = Callable[[str], None]  # where a notice goes
_SHA1: Final = 40  # hex digits of an object id of git with SHA-1; ids with SHA-256 are longer
_DIGITS: Final = 8  # hex digits of the digest in a branch name, which makes it unique
_PROGRAM: Final = "100755"
_SMALL: Final = 1024  # bytes; a pointer file of Git LFS is smaller
_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_BODY = """\
Somebody changed these in the Tavus portal ({environment}). Merged, the manifests say what the account has; \
closed, the next apply takes the edits back.

{keys}{link}
"""
_KEYS = """\
The account has new keys, which are in no file. Before this is merged, give these variables their values, as secrets \
of the repository that the workflows pass on (`tavusctl init --github` adds them):

{names}

"""


def propose(github: GitHub, step: Workflow, subject: Subject, rewritten: Rewritten, say: Say) -> str:
    """Create or update the pull request with the files of `adopt`, or close it if there are none.

    Return what was done, in one word.
    """
    proposal = _proposal(step, subject, rewritten, say)
    return github.propose(proposal) if proposal.files else github.withdraw(proposal)


def _proposal(step: Workflow, subject: Subject, rewritten: Rewritten, say: Say) -> Proposal:
    try:
        git = Git(subject.root)
        prefix, commit = git.path("rev-parse", "--show-prefix"), git.line("rev-parse", "--verify", "HEAD")
        changed_files = _files(git, commit, prefix, subject, rewritten, say)
        names = _new_names(git, f"{commit}:{prefix}", changed_files)
    except GitError as error:
        message = f"the live edits cannot be compared with the commit: {error}"
        raise UsageError(message, error.advice, id="E1206") from None
    base = os.environ.get("GITHUB_REF_NAME", "")
    if not base or step.pull_request or step.ref.startswith(("refs/tags/", "refs/pull/")):
        message = (
            "`adopt` proposes its files for a branch, and this run is of a pull request or a tag, or has no branch"
        )
        raise UsageError(message, "run it on a schedule or by hand, for a branch", id="E1207")
    files = {f"{prefix}{name}": file for name, file in changed_files.items()}
    place = f" of {subject.name}" if subject.name else ""
    title = f"Adopt live edits{place} in {counted(len(files), 'file')}"
    keys = _KEYS.format(names="\n".join(f"- `{name}`" for name in names)) if names else ""
    body = _BODY.format(environment=subject.environment, keys=keys, link=step.run_url).rstrip() + "\n"
    return Proposal(f"tavusctl/adopt-{_branch(subject)}", base, commit, title, body, files)


def _branch(subject: Subject) -> str:
    """The name of the branch, one for each environment and folder."""
    environment = subject.environment or "default"
    if not subject.folder:
        return environment
    digest = hashlib.sha256(subject.folder.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]
    return f"{environment}-{re.sub(r'[^A-Za-z0-9]+', '-', subject.folder).strip('-')}-{digest}"


def _files(git: Git, commit: str, prefix: str, subject: Subject, rewritten: Rewritten, say: Say) -> dict[str, File]:
    """The files that `adopt` wrote now or earlier in this job, if they differ from the commit, by path in the project.

    GitError if a file was changed after `adopt` wrote it.
    """
    committed = {one.name: one for one in entries(git, f"{commit}:{prefix}")}
    root = Path(os.path.realpath(subject.root))
    record = _record(subject, commit)
    converted = _written_earlier(record, root)
    for path, (before, after) in rewritten.items():
        name = path.relative_to(root).as_posix()
        converted[name] = _is_converted(git, name, before, committed.get(name), say)
        if after != (root / name).read_bytes():
            raise GitError(f"`{name}` was changed again after it was written")
    _remember(record, root, converted)
    files = {}
    for name, is_converted in sorted(converted.items()):
        content, entry = (root / name).read_bytes(), committed.get(name)
        stored = content.replace(b"\r\n", b"\n") if is_converted else content
        if entry is None or _blob_id(stored, len(entry.id)) != entry.id:
            files[name] = File(_mode(root / name, entry), stored)
    return files


def _new_names(git: Git, tree: str, files: Mapping[str, File]) -> list[str]:
    """The names that a proposal adds to `secrets:` of the project file."""
    if FILE not in files:
        return []
    entry = next((one for one in entries(git, tree) if one.name == FILE), None)
    before = next(git.blobs({entry.id: entry.size}))[1] if entry else b""
    old_names = secrets_in(before.decode("utf-8", "replace"))
    return [name for name in secrets_in(files[FILE].content.decode("utf-8", "replace")) if name not in old_names]


def _is_converted(git: Git, name: str, before: bytes, entry: Entry | None, say: Say) -> bool:
    """Whether git has converted the line ends of a file when it was checked out; GitError for a file in Git LFS."""
    if entry is None or _blob_id(before, len(entry.id)) == entry.id:
        return False
    if _blob_id(before.replace(b"\r\n", b"\n"), len(entry.id)) == entry.id:
        return True
    if entry.size < _SMALL and next(git.blobs({entry.id: entry.size}))[1].startswith(_POINTER):
        raise GitError(f"`{name}` is in Git LFS, which is not supported here; adopt it by hand")
    say(f"notice: an earlier step has changed {flat(name)} as well; the pull request has both")
    return False


def _mode(path: Path, entry: Entry | None) -> str:
    """The mode of a file in git: executable as in the commit or, for a new file, as on the disk."""
    can_run = entry.mode == _PROGRAM if entry else bool(path.stat().st_mode & stat.S_IXUSR)
    return _PROGRAM if can_run else "100644"


def _record(subject: Subject, commit: str) -> Path | None:
    """The file with what `adopt` wrote in this job: if the step runs twice, the second `adopt` writes nothing."""
    folder = os.environ.get("RUNNER_TEMP", "")
    key = f"{commit} {subject.root} {_branch(subject)}".encode("utf-8", "surrogateescape")
    return Path(folder, f"tavusctl-adopted-{hashlib.sha256(key).hexdigest()[:16]}.json") if folder else None


def _written_earlier(record: Path | None, root: Path) -> dict[str, bool]:
    """The files that `adopt` wrote earlier in this job and that are unchanged, each with whether git converted it."""
    entries_by_name: JsonObject = {}
    if record is not None:
        with contextlib.suppress(FileNotFoundError):
            entries_by_name = as_object(json.loads(record.read_bytes()))
    written = {name: as_list(entry) for name, entry in entries_by_name.items()}
    return {name: bool(converted) for name, (digest, converted) in written.items() if _digest(root / name) == digest}


def _remember(record: Path | None, root: Path, converted: Mapping[str, bool]) -> None:
    if record is not None and converted:
        content = {name: [_digest(root / name), is_converted] for name, is_converted in converted.items()}
        file_writer.write(record, Record(json.dumps(content)))


def _digest(path: Path) -> str:
    """The SHA-256 of a file in hex; empty if the file does not exist."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _blob_id(content: bytes, digits: int) -> str:
    """The object id of a content in git, with SHA-1 (40 digits) or SHA-256."""
    digest = hashlib.sha1(usedforsecurity=False) if digits == _SHA1 else hashlib.sha256()
    digest.update(b"blob %d\0%b" % (len(content), content))
    return digest.hexdigest()
