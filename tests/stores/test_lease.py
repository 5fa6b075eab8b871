"""The lock of a state in real object stores: it lives by its heartbeat, and whoever stalls loses it."""

from __future__ import annotations

import signal
import time

import pytest
from msgspec.structs import replace

from tavusctl.core.errors import LockError, StateError
from tests.stores.other_run import other_run
from tests.stores.servers import opener

pytest_plugins = ["tests.stores.fixtures"]


def test_a_bucket_that_is_missing_is_not_a_state_that_was_never_written(bucket_place: str) -> None:
    missing = opener(bucket_place.replace("://states/", "://no-such-bucket/"))
    with pytest.raises(StateError, match="the bucket or container of the state"):
        missing().read()
    with pytest.raises(StateError, match="the bucket or container of the state"), missing().lock():
        pass


def test_a_heartbeat_keeps_the_lock_longer_than_its_lease(remote_place: str) -> None:
    free = opener(remote_place)
    with free().lock(command="apply"):
        time.sleep(3.6)  # the lease is 2 seconds
        with pytest.raises(LockError, match="is held by"), free().lock():
            pass


def test_a_stopped_holder_is_taken_over_and_fenced_when_it_wakes(remote_place: str) -> None:
    free = opener(remote_place)
    with other_run(remote_place) as stopped:
        assert stopped.order("write 1") == "done"
        assert stopped.order("append before") == "done"
        stopped.signal(signal.SIGSTOP)
        store = free()
        with store.lock(15.0, "apply"):
            assert (store.read().serial, store.journal()) == (1, [b"before"])
            stopped.signal(signal.SIGCONT)
            fenced = [stopped.order(order) for order in ("append after", "write 2", "append more")]
            assert all(answer.startswith("LockError E702 the lock of ") for answer in fenced), fenced
            store.write(replace(store.read(), serial=3))
        assert stopped.order("write 4").startswith("LockError E702")
    assert (free().read().serial, free().journal()) == (3, [b"before"])
    with free().lock():
        assert free().read().serial == 3
