"""`tavusctl github adopt`: live edits as a pull request, one for each environment, kept up to date."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tavusctl.cli.basis import entries
from tavusctl.cli.git import Git, GitError
from tavusctl.cli.workflow import Workflow
from tavusctl.errors import UsageError
from tavusctl.redaction import redacted

if TYPE_CHECKING:
    from tavusctl.client.github import GitHub, Proposal

_SHA1: Final = 40  # hex digits of its ids; a repository of SHA-256 has longer ones
_BODY = """\
Somebody changed these in the Tavus portal. Merged, the manifests say what the account has; closed, the next apply \
takes the edits back.

{link}
"""


def propose(github: GitHub, step: Workflow) -> str:
    """Bring the pull request to what `adopt` has changed in the working tree; what was done."""
    proposal = _proposal(step)
    return github.propose(proposal) if proposal.files else github.withdraw(proposal)


def _proposal(step: Workflow) -> Proposal:
    from tavusctl.client.github import Proposal

    try:
        git = Git(Path.cwd())
        prefix, commit = git.line("rev-parse", "--show-prefix"), git.line("rev-parse", "--verify", "HEAD")
        files = {f"{prefix}{name}": text for name, text in _changed(git, f"{commit}:{prefix}")}
    except GitError as error:
        message = f"the live edits cannot be compared with what is committed: {error}"
        raise UsageError(message, id="E1206") from None
    environment = redacted(os.environ.get("TAVUSCTL_ENV") or "default")
    words = re.sub(r"[^A-Za-z0-9._-]", "-", f"{environment}-{prefix.strip('/')}" if prefix else environment)
    base = os.environ.get("GITHUB_REF_NAME", "")
    if not base:
        message = "GITHUB_REF_NAME names no branch that a pull request could be for"
        raise UsageError(message, id="E1207")
    count = len(files)
    title = f"Adopt live edits in {count} file{'' if count == 1 else 's'}"
    body = _BODY.format(link=step.run_url).rstrip() + "\n"
    return Proposal(f"tavusctl/adopt-{words}", base, commit, title, body, files)


def _changed(git: Git, tree: str) -> Iterator[tuple[str, str]]:
    """Texts of the folder that are not what a tree has; looked at without git, which would run filters for them."""
    for entry in entries(git, tree):
        path = git.folder / entry.name
        if path.is_file() and path.resolve() == git.folder.resolve() / entry.name:
            content = path.read_bytes()
            same = {_blob(one, len(entry.id)) for one in (content, content.replace(b"\r\n", b"\n"))}
            with contextlib.suppress(UnicodeDecodeError):  # nothing that adopt writes
                if entry.id not in same:
                    yield entry.name, content.decode()


def _blob(content: bytes, digits: int) -> str:
    """The id that git gives a content."""
    made = hashlib.sha1(usedforsecurity=False) if digits == _SHA1 else hashlib.sha256()
    made.update(b"blob %d\0%b" % (len(content), content))
    return made.hexdigest()
