"""Programs that are npm packages: tests that use them are marked `needs("npm")`, since not every machine has npm.

`python -m tests.npm` installs all of them in parallel, so that they are ready when a test needs them.
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
    """The `node_modules` of a folder; filled at the first call, with the versions of its lock file."""
    ready = folder / "node_modules" / ".ready"
    with (folder / "package.json").open() as lock:  # several test processes may need it at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(["npm", "ci", "--prefix", str(folder), *options], check=True)
            ready.touch()
    return ready.parent


def main() -> None:
    """Install the packages of all folders."""
    with ThreadPoolExecutor(len(FOLDERS)) as pool:
        list(pool.map(installed, FOLDERS))


if __name__ == "__main__":
    main()
