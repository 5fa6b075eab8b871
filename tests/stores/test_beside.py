"""A reader beside runs that write: it sees the state as it was at one moment, and never an older one afterwards."""

from __future__ import annotations

import threading
import time

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.model import Action
from tavusctl.core.ports import Store
from tavusctl.state.journal import read_current_state
from tavusctl.state.recorder import Recorder
from tavusctl.state.run_records import RunRecords
from tests.stores.servers import opener

pytest_plugins = ["tests.stores.fixtures"]

SECONDS = 3.0


def create(store: Store, *names: str) -> None:
    """A run that creates objects."""
    with store.lock(10.0):
        recorder = Recorder(store, store.read(), archive=RunRecords(store.artifacts).keep)
        recorder.begin({})
        for name in names:
            address = Address("persona", name)
            recorder.bind(Binding(address, f"id-of-{name}"), recorder.record_intent(address, Action.CREATE))
        recorder.checkpoint()


def test_a_reader_beside_runs_never_goes_back_in_time(place: str) -> None:
    """No error either: the state is not "older than its journal", or than the records of runs."""
    again, ended = opener(place), threading.Event()
    create(again(), "first")

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            create(again(), f"p{number}", f"q{number}")

    writer = threading.Thread(target=write)
    writer.start()
    reader, newest, end = again(), 1, time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            seen = len(read_current_state(reader).bindings)
            assert seen >= newest
            newest = seen
    finally:
        ended.set()
        writer.join()
    assert newest > 1
