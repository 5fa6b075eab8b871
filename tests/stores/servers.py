"""Starts moto's S3 and Azurite as processes on this machine."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import hashlib
import hmac
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tavusctl.core.ports import Store
from tavusctl.state.stores import open_store
from tests import npm
from tests.stores.shared_servers import Started
from tests.web import HTTP

HERE = Path(__file__).parent
AZURITE = HERE / "azurite"
BUCKET = "states"
REMOTE = ["s3", pytest.param("az", marks=pytest.mark.needs("npm"))]  # Azurite is a package of npm
# The key of the default account of every Azurite, from its documentation.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

LEASE = 2.0

Open = Callable[[], Store]
_PROCESSES: list[subprocess.Popen[bytes]] = []  # keeps references: Popen warns if its object is collected too early


def s3_server() -> Started:
    """Start moto's S3, and create the bucket."""
    port = free_port()
    pid = spawn([sys.executable, str(HERE / "s3_server.py"), str(port)])
    wait_for_port(port)
    url = f"http://127.0.0.1:{port}"
    HTTP.put(f"{url}/{BUCKET}").raise_for_status()
    return pid, url


def azure_server() -> Started:
    """Start Azurite, and create the container."""
    port = free_port()
    options = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence"]
    pid = spawn(["node", str(installed_azurite()), *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)])
    url = f"http://127.0.0.1:{port}"
    make_container(url)
    return pid, url


def spawn(command: list[str]) -> int:
    """Start a process that may outlive this one; return its id."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _PROCESSES.append(process)
    return process.pid


def opener(url: str) -> Open:
    """A function that opens the state as a new run does, without cached data."""
    return lambda: open_store(url, Path("/usr"), "default")


def s3_environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }


@contextlib.contextmanager
def variables(added: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the block, in this process and the processes it starts."""
    before = dict(os.environ)
    os.environ.update(added)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def installed_azurite() -> Path:
    """The path of Azurite's program, which is installed at the first use."""
    return npm.installed(AZURITE) / "azurite/dist/src/blob/main.js"


def make_container(url: str) -> None:
    """Create the container once Azurite is ready; the request is signed with the shared key."""
    date = email.utils.formatdate(usegmt=True)
    headers = f"x-ms-date:{date}\nx-ms-version:2021-12-02"
    signed = f"PUT{chr(10) * 12}{headers}\n/devstoreaccount1/devstoreaccount1/{BUCKET}\nrestype:container"
    digest = hmac.new(base64.b64decode(AZURITE_KEY), signed.encode(), hashlib.sha256).digest()
    authorization = f"SharedKey devstoreaccount1:{base64.b64encode(digest).decode()}"
    request_headers = {
        "x-ms-date": date,
        "x-ms-version": "2021-12-02",
        "Authorization": authorization,
        "Content-Length": "0",
    }
    wait_for_port(int(url.rpartition(":")[2]))
    HTTP.put(f"{url}/devstoreaccount1/{BUCKET}?restype=container", headers=request_headers).raise_for_status()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int) -> None:
    """Wait until a server listens on a port."""
    deadline = time.monotonic() + 120  # node needs half a minute for Azurite on a busy machine
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        else:
            return
