"""Programs that are packages of npm, which not everybody has: tests say `needs("npm")`.

`python -m tests.npm` installs them all, at the same time: begun early, they are there when a test wants them.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/*/package-lock.json"))
PATH = shutil.which("npm")


def installed(folder: Path) -> Path:
    """The `node_modules` of a folder; filled once, from the versions in its lock file."""
    ready = folder / "node_modules" / ".ready"
    with (folder / "package.json").open() as lock:  # several test processes may want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(["npm", "ci", "--prefix", str(folder), *options], check=True)
            ready.touch()
    return ready.parent


def main() -> None:
    """Install everything."""
    with ThreadPoolExecutor(len(FOLDERS)) as pool:
        list(pool.map(installed, FOLDERS))


if __name__ == "__main__":
    main()
