"""The processes that this one has started, and theirs."""

from __future__ import annotations

import os
from pathlib import Path


class Family:
    """Contains the id of every process below this one, as they are now."""

    def __contains__(self, pid: object) -> bool:
        mine, parent = os.getpid(), _parent(pid)
        while parent not in (mine, 0):
            parent = _parent(parent)
        return parent == mine


def _parent(pid: object) -> int:
    """The process that has started another; 0 when there is no such process."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
