"""Another run in its own process, which holds the lock of a state and executes orders.

Started with the URL of a state, it takes the lock and prints "held".  Then it reads one order per line from standard
input: `write SERIAL`, `append TEXT` or `end`; it answers "done", or the class, id and message of the error.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tavusctl.core.errors import TavusctlError
from tavusctl.core.ports import State, Store
from tavusctl.state.stores import open_store


class OtherRun:
    """The interface of a test to the process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def say(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def order(self, text: str) -> str:
        assert self.process.stdin
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()
        return self.say()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


@contextlib.contextmanager
def other_run(url: str) -> Iterator[OtherRun]:
    """A process that holds the lock of a state; it is killed at the end of the block."""
    command = [sys.executable, "-m", "tests.stores.other_run", url]
    folder = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            run = OtherRun(process)
            assert run.say() == "held"
            yield run
        finally:
            process.kill()


def obey(store: Store, order: str) -> str:
    verb, _, text = order.partition(" ")
    try:
        if verb == "append":
            store.queue(text.encode())()
        else:
            state = State("lineage-of-the-other", int(text))
            store.write(state)
    except TavusctlError as error:
        return f"{type(error).__name__} {error.id} {error.message}"
    return "done"


if __name__ == "__main__":
    held = open_store(sys.argv[1], Path("/usr"), "default")
    with held.lock(command="apply"):
        sys.stdout.write("held\n")
        sys.stdout.flush()
        for line in sys.stdin:
            if line.strip() == "end":
                break
            sys.stdout.write(obey(held, line.strip()) + "\n")
            sys.stdout.flush()
