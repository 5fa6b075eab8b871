"""Makes a virtual environment with the project: `python3 -I .ci/environment.py FOLDER [PACKAGES]`.

Installs exactly constraints.txt, or another list of packages, checked by hash, and tavusctl itself on top, from this
folder.  An environment that is already there is brought up to date; one that another Python made is made anew.  Needs
nothing but Python.

The folder that it is started in may be a checkout of anybody, and the environment may hold secrets: nothing is run
there, no module is looked for there, and what it starts gets only the variables that Python and pip need.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)
BEGUN = time.monotonic()
KEPT = re.compile(
    r"PATH|HOME|USERPROFILE|LOCALAPPDATA|APPDATA|SYSTEMROOT|COMSPEC|PATHEXT|TMPDIR|TEMP|TMP|LANG|LC_\w+|LD_LIBRARY_PATH"
    r"|PIP_\w+|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(HTTPS?|ALL|NO)_PROXY|XDG_\w+_HOME|SOURCE_DATE_EPOCH",
    re.IGNORECASE,
)


def main(folder: Path, packages: Path = CONSTRAINTS) -> int:
    """Make or mend the environment; the exit code of the step that failed."""
    folder, packages = folder.absolute(), packages.absolute()
    keep_what_is_needed()
    if sys.version_info < OLDEST:
        tell(f"this is Python {sys.version.split()[0]}; tavusctl needs 3.11 or newer: make PYTHON=python3.13,")
        return tell("or in a workflow, put a step with actions/setup-python before this one") or 1
    if not fits(folder):
        tell(f"making {folder} with Python {sys.version.split()[0]}")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = len(re.findall(r"^[a-z0-9]\S*==", packages.read_text("utf-8"), re.MULTILINE))
    tell(f"installing the {wanted} packages of {packages.name}, each checked by hash")
    pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar=off"]
    pip.append("--no-compile")  # most modules are never imported, and Python compiles those that are
    failed = run([*pip, "--require-hashes", "--only-binary=:all:", "-r", str(packages)], wanted, folder)
    if failed:
        return failed
    tell("installing tavusctl from this folder")
    return run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], 1, folder) or tell("ready")


def keep_what_is_needed() -> None:
    """Take every other variable out of the environment: keys and tokens are nothing for what is installed."""
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    os.environ.clear()
    os.environ.update(kept)


def fits(folder: Path) -> bool:
    """Whether the folder is an environment of this very version of Python."""
    try:
        settings = (folder / "pyvenv.cfg").read_text("utf-8")
    except OSError:
        return False
    version = re.search(r"^version\s*=\s*(\S+)", settings, re.MULTILINE)
    return version is not None and version[1] == ".".join(map(str, sys.version_info[:3]))


def run(command: list[str], wanted: int, folder: Path) -> int:
    """Run pip in a folder of ours and say every second how far it is; everything it said when it fails."""
    said = []
    found, shown = 0, time.monotonic()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        for line in lines(pip):
            said.append(line)
            found += line.startswith(("Collecting ", "Processing ", "Requirement already satisfied"))
            if line.startswith("Installing collected packages"):
                found = wanted
                tell(f"  {found} of {wanted} found, unpacking them")
            elif time.monotonic() - shown > 1 and found < wanted:
                shown = time.monotonic()
                tell(f"  {found} of {wanted} found")
    if pip.returncode:
        sys.stderr.write("".join(said))
        tell("pip failed, see above")
    return pip.returncode


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """What a process says, line by line."""
    if process.stdout is not None:
        yield from process.stdout


def tell(text: str) -> int:
    """One line of progress; 0, for the exit code."""
    print(f"    {time.monotonic() - BEGUN:5.1f}s  {text}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
