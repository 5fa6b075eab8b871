"""A process that runs the command line in child processes, which can be killed at a given point.

One request per line on standard input: {"args", "env", "cwd", "at", "error", "lasting"}; one response per line on
standard output: {"code" (negative: a signal), "out", "err", "passed", "label", "after"}.  The product is imported only
once, so a run costs no more than a fork.  With `--warm`, the first unbroken run of each command happens in this
process, so that all children share the caches that it fills.  Do not use `--warm` where a library starts threads, as
the client of object stores does: a forked child has no such threads and would wait for them for ever.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.crash import boundaries  # noqa: E402 - sys.path must be set first

COUNTER = boundaries.Counter()
boundaries.wrap(COUNTER)

import tavusctl  # noqa: E402 - the standard library must be wrapped first
from tavusctl import cli, kinds  # noqa: E402 - as above


def main() -> None:
    """Answer requests until standard input ends."""
    _import_everything()
    warmed_up: set[str] = set()
    for line in sys.stdin:
        request = json.loads(line)
        is_broken, command = bool(request["at"] or request["error"]), request["args"][0]
        run = _run_in_process if "--warm" in sys.argv and not is_broken and command not in warmed_up else _run_in_child
        warmed_up.add(command)
        print(json.dumps(_response(request, run)), flush=True)  # noqa: T201 - the response goes to standard output


def _import_everything() -> None:
    """Import all modules and build all models now, since otherwise each child would do so for itself."""
    for module in pkgutil.walk_packages(tavusctl.__path__, "tavusctl."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for kind in kinds.KINDS.values():
        kind.model.model_rebuild()


def _response(request: dict[str, Any], run: Callable[[dict[str, Any], int, int], int]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        COUNTER.arm(int(request["at"]), int(request["error"]), lasting=bool(request["lasting"]))
        code = run(request, out.fileno(), err.fileno())
        texts = [_content(stream) for stream in (out, err)]
    return {
        "code": code,
        "out": texts[0],
        "err": texts[1],
        "passed": COUNTER.passed,
        "label": COUNTER.label,
        "after": COUNTER.after,
    }


def _content(stream: Any) -> str:
    stream.seek(0)
    content: bytes = stream.read()
    return content.decode()


def _run_in_child(request: dict[str, Any], out: int, err: int) -> int:
    assert threading.active_count() == 1  # a forked child has only the thread that forked it
    child = os.fork()
    if not child:
        _run_and_exit(request, out, err)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _run_and_exit(request: dict[str, Any], out: int, err: int) -> NoReturn:
    """Run a command in the child process and exit, so that the child never returns to the loop of `main`."""
    code = 70
    try:
        code = _run_in_process(request, out, err)
    finally:
        os._exit(code)


def _run_in_process(request: dict[str, Any], out: int, err: int) -> int:
    environment, folder, saved_streams = dict(os.environ), Path.cwd(), [os.dup(stream) for stream in (0, 1, 2)]
    devnull = os.open(os.devnull, os.O_RDONLY)
    try:
        for stream, replacement in enumerate((devnull, out, err)):
            os.dup2(replacement, stream)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        code = cli.run(request["args"])
        sys.stdout.flush()
        sys.stderr.flush()
        return code
    finally:
        for stream, replacement in enumerate(saved_streams):
            os.dup2(replacement, stream)
        for descriptor in (devnull, *saved_streams):
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)


if __name__ == "__main__":
    main()
