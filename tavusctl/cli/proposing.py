"""`tavusctl github adopt`: live edits as a pull request, one for each environment, kept up to date."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tavusctl.cli.basis import git
from tavusctl.cli.workflow import Workflow
from tavusctl.errors import UsageError

if TYPE_CHECKING:
    from tavusctl.client.github import GitHub, Proposal

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

    top = Path(git(Path.cwd(), "rev-parse", "--show-toplevel"))
    changed = git(Path.cwd(), "diff", "--name-only", "--relative", "-z", "HEAD").split("\0")
    prefix = git(Path.cwd(), "rev-parse", "--show-prefix")
    files = {f"{prefix}{name}": (top / prefix / name).read_text(encoding="utf-8") for name in changed if name}
    environment = os.environ.get("TAVUSCTL_ENV") or "default"
    words = re.sub(r"[^A-Za-z0-9._-]", "-", f"{environment}-{prefix.strip('/')}" if prefix else environment)
    base = os.environ.get("GITHUB_REF_NAME", "")
    if not base:
        message = "GITHUB_REF_NAME names no branch that a pull request could be for"
        raise UsageError(message, id="E1207")
    count = len(files)
    title = f"Adopt live edits in {count} file{'' if count == 1 else 's'}"
    body = _BODY.format(link=step.run_url).rstrip() + "\n"
    return Proposal(f"tavusctl/adopt-{words}", base, git(Path.cwd(), "rev-parse", "HEAD"), title, body, files)
