"""The descendants of this process."""

from __future__ import annotations

import os
from pathlib import Path


class Family:
    """A container of the ids of all current descendants of this process."""

    def __contains__(self, pid: object) -> bool:
        mine, parent = os.getpid(), _parent(pid)
        while parent not in (mine, 0):
            parent = _parent(parent)
        return parent == mine


def _parent(pid: object) -> int:
    """The id of the parent of a process; 0 if there is no such process."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
