"""A process that runs the command line in children, which are killed where they are told to.

One request per line on standard input: {"args", "env", "cwd", "at", "error", "lasting"}; one answer per line on
standard output: {"code" (negative: a signal), "out", "err", "passed", "label", "after"}.  The product is imported once,
so that a run costs a fork.  With `--warm`, the first run of a command that nothing breaks is in this process: what is
built and compiled then is there for all the others.  Not where a library starts threads of its own, as the client of
object stores does: a child would wait for threads that it does not have.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.crash import boundaries  # noqa: E402 - the path first

COUNTER = boundaries.Counter()
boundaries.wrap(COUNTER)

from tavusctl import cli  # noqa: E402 - what it calls must be wrapped by now


def main() -> None:
    """Answer requests until there are no more."""
    for name in ("apply", "plan", "state"):
        cli.cli.get_command(None, name)  # type: ignore[arg-type]  # the context is not looked at
    known: set[str] = set()
    for line in sys.stdin:
        request = json.loads(line)
        breaks, command = bool(request["at"] or request["error"]), request["args"][0]
        run = _run_here if "--warm" in sys.argv and not breaks and command not in known else _in_a_child
        known.add(command)
        print(json.dumps(_answered(request, run)), flush=True)  # noqa: T201 - that is the answer


def _answered(request: dict[str, Any], run: Callable[[dict[str, Any], int, int], int]) -> dict[str, Any]:
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


def _in_a_child(request: dict[str, Any], out: int, err: int) -> int:
    assert threading.active_count() == 1  # a child has only the thread that forks
    child = os.fork()
    if not child:
        _run(request, out, err)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _run(request: dict[str, Any], out: int, err: int) -> NoReturn:
    """The child: it never returns into the loop above."""
    code = 70
    try:
        code = _run_here(request, out, err)
    finally:
        os._exit(code)


def _run_here(request: dict[str, Any], out: int, err: int) -> int:
    before, folder, kept = dict(os.environ), Path.cwd(), [os.dup(stream) for stream in (0, 1, 2)]
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        for stream, instead in enumerate((nothing, out, err)):
            os.dup2(instead, stream)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        code = cli.run(request["args"])
        sys.stdout.flush()
        sys.stderr.flush()
        return code
    finally:
        for stream, instead in enumerate(kept):
            os.dup2(instead, stream)
        for one in (nothing, *kept):
            os.close(one)
        os.environ.clear()
        os.environ.update(before)
        os.chdir(folder)


if __name__ == "__main__":
    main()
