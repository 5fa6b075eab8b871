"""Settings of all tests: profiles of hypothesis (TAVUSCTL_LAWS; default: small), order and names of tests, fixtures."""

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

from tavusctl.lib.strict_json import strict_json
from tavusctl.secrets import redaction

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# No deadline: test machines are busy, and bench/ measures speed.
settings.register_profile("small", max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("small"), derandomize=True, print_blob=True)
settings.register_profile("many", settings.get_profile("small"), max_examples=100)
settings.register_profile("long", settings.get_profile("small"), max_examples=5000)
# The same examples in every run, without a database of earlier failures.
settings.register_profile("steady", settings.get_profile("small"), max_examples=50, derandomize=True, database=None)
settings.load_profile(os.environ.get("TAVUSCTL_LAWS", "small"))


LONGEST_NAME = 200
pytest_plugins = ["tests.sweeps", "tests.needs"]

# Allow tests to keep their state in files on CI machines, too.
os.environ["TAVUSCTL_LOCAL_STATE"] = "1"
# Keep the key that signs caches in build/, not in the home folder of the person who runs the tests.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parents[1] / "build" / "cache")
# Take the system settings of git from a file of the tests, not from the machine.
os.environ["GIT_CONFIG_SYSTEM"] = str(Path(__file__).with_name("gitconfig"))
# A hook of git that runs the tests names its repository: every git that a test starts would change that one.
for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"):
    os.environ.pop(name, None)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Replace a long text in the name of a test case, since workers send all names, some of which are megabytes."""
    return f"{len(val)} of {argname}" if isinstance(val, str | bytes) and len(val) > LONGEST_NAME else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Shuffle the modules, in the same order every time; spread tests that wait, so that others can compute meanwhile.

    Folders with external programs come first: each of them keeps one worker busy for a long time.
    """
    items.sort(key=_sort_key)


def _sort_key(item: pytest.Item) -> tuple[bool, int]:
    module, _, case = item.nodeid.partition("::")
    mixed = zlib.crc32((case if item.get_closest_marker("waits") else module).encode())
    return item.get_closest_marker("external") is None, mixed


def pytest_collection_finish() -> None:
    """Exclude the collected tests from garbage collection, since they stay in memory to the end."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_secrets() -> Iterator[None]:
    """Forget the secrets of a test after it: otherwise every output would be searched for ever more secrets."""
    with redaction.isolated_run():
        yield


@pytest.fixture(autouse=True)
def _documents_stay_as_they_were_read() -> Iterator[None]:
    """All documents share their empty parts, so nothing may be added to one in place."""
    yield
    assert strict_json(b'{"object":{},"list":[]}') == {"object": {}, "list": []}


@pytest.fixture(scope="module")
def quick_scrypt() -> Iterator[None]:
    """Make digests of secrets a thousand times cheaper, for tests with many secrets in this process only.

    tests/unit/secrets/test_values.py tests the true cost of a digest.
    """
    original_scrypt = hashlib.scrypt
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hashlib, "scrypt", lambda value, **cost: original_scrypt(value, **(cost | {"n": 2**4})))
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for all tests, since a process cannot have a second one."""
    from tests import chromium  # noqa: PLC0415 - most tests need no browser

    with chromium.started() as started:
        yield started
