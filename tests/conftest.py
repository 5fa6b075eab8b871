"""How many examples the laws try: TAVUSCTL_LAWS is small, the default, or as below.  Names of cases; one browser."""

from __future__ import annotations

import gc
import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tavusctl.secrets import redaction

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# No deadline: machines that run tests are busy, and slowness is measured in bench/.
settings.register_profile("small", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("small"), derandomize=True, print_blob=True)
settings.register_profile("many", settings.get_profile("small"), max_examples=100)
settings.register_profile("long", settings.get_profile("small"), max_examples=5000)
# The same examples every time, with nothing kept from one time to the next.
settings.register_profile("steady", settings.get_profile("small"), max_examples=50, derandomize=True, database=None)
settings.load_profile(os.environ.get("TAVUSCTL_LAWS", "small"))


LONGEST_NAME = 200
pytest_plugins = ["tests.sweeps", "tests.needs"]

# Tests keep their states in files, on CI machines, too.
os.environ["TAVUSCTL_LOCAL_STATE"] = "1"
# The key that caches are signed with is made there, and not in the home of whoever runs tests.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parents[1] / "build" / "cache")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A case is not named by a text of pages: workers tell the names of all tests, some of which are megabytes."""
    return f"{len(val)} of {argname}" if isinstance(val, str | bytes) and len(val) > LONGEST_NAME else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules come mixed, and the same way every time; tests that wait come one by one, so that others compute then.

    Folders of external programs come first: each is a long piece of work for one worker.
    """
    items.sort(key=_place)


def _place(item: pytest.Item) -> tuple[bool, int]:
    module, _, case = item.nodeid.partition("::")
    mixed = zlib.crc32((case if item.get_closest_marker("waits") else module).encode())
    return item.get_closest_marker("external") is None, mixed


def pytest_collection_finish() -> None:
    """What was collected stays to the end: nobody looks through it again for what can go."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_secrets() -> Iterator[None]:
    """What a test keeps secret is nothing to the next one: views would hide it, and take longer with every secret."""
    with redaction.of_one_run():
        yield


@pytest.fixture(scope="module")
def quick_scrypt() -> Iterator[None]:
    """Digests of secrets at a thousandth of their cost, for tests of many secrets in this process alone.

    What a digest costs in truth is a matter of tests/unit/secrets/test_values.py.
    """
    costly = hashlib.scrypt
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hashlib, "scrypt", lambda value, **cost: costly(value, **(cost | {"n": 2**4})))
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser; a process can have no second one."""
    from tests import chromium  # noqa: PLC0415 - most tests need none

    with chromium.started() as started:
        yield started
