"""A process that runs the command line in children, which are killed where they are told to.

One request per line on standard input: {"args", "env", "cwd", "at", "error", "lasting"}; one answer per line on
standard output: {"code" (negative: a signal), "out", "err", "passed", "label", "after"}.  The product is imported once,
so that a run costs a fork.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
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
    for line in sys.stdin:
        print(json.dumps(_answered(json.loads(line))), flush=True)  # noqa: T201 - that is the answer


def _answered(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        COUNTER.arm(int(request["at"]), int(request["error"]), lasting=bool(request["lasting"]))
        child = os.fork()
        if not child:
            _run(request, out.fileno(), err.fileno())
        _, status = os.waitpid(child, 0)
        texts = [_content(stream) for stream in (out, err)]
    code = os.waitstatus_to_exitcode(status)
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


def _run(request: dict[str, Any], out: int, err: int) -> NoReturn:
    """The child: it never returns into the loop above."""
    code = 70
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        code = cli.run(request["args"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
