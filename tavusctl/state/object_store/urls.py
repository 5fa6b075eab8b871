"""Object stores by URL: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.

Regions, endpoints and credentials come from environment variables, which obstore documents.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tavusctl.core.errors import StateError, UploadError, UsageError
from tavusctl.core.messages import site
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import url_credentials
from tavusctl.secrets.redaction import shortened

if TYPE_CHECKING:
    from tavusctl.state.object_store.bucket import Bucket, Remote
    from tavusctl.state.object_store.uploads import Uploads
    from tavusctl.state.shared.store import SharedStore

_ODD: Final = pattern(r"[\s@?#<>\"\\^`{|}]")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ENDPOINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "AZURITE_BLOB_STORAGE_URL"),
}
_PREFIXES: Final = ("AWS_", "AZURE_", "GOOGLE_")


def open_object_store(scheme: str, location: str) -> SharedStore:
    """The state in an object store; nothing is sent yet."""
    bucket = open_bucket(scheme, location)
    from tavusctl.state.object_store.journal import BucketJournal  # noqa: PLC0415 - as above
    from tavusctl.state.shared.lease import timing_from  # noqa: PLC0415 - needs obstore, checked by `open_bucket`
    from tavusctl.state.shared.store import SharedStore  # noqa: PLC0415 - as above

    return SharedStore(bucket, BucketJournal(bucket), timing_from(os.environ))


def open_bucket(scheme: str, location: str) -> Bucket:
    """The folder of an object store, for the state; UsageError if an endpoint is invalid or obstore is missing."""
    container, _, prefix = location.partition("/")
    url = f"{scheme}://{location}".rstrip("/")
    check_endpoints(scheme, os.environ)
    try:
        from tavusctl.state.object_store.bucket import Bucket  # noqa: PLC0415 - `obstore` is optional
    except ModuleNotFoundError:
        message = f"a state in `{scheme}://` needs the package `obstore`, which is not installed"
        raise UsageError(message, "run `pip install 'tavusctl[state]'`", id="E1203") from None
    return Bucket(connect(scheme, container, url), prefix, url)


def open_uploads(url: str) -> Uploads:
    """The upload folder at a URL; nothing is sent yet."""
    scheme, _, location = url.partition("://")
    container, _, prefix = location.partition("/")
    try:
        from tavusctl.state.object_store.uploads import Uploads  # noqa: PLC0415 - `obstore` is optional
    except ModuleNotFoundError:
        message = f"uploads to `{scheme}://` need the package `obstore`, which is not installed"
        raise UsageError(message, "run `pip install 'tavusctl[state]'`", id="E1203") from None
    try:
        # Uploading a file twice does no harm, so requests are retried, unlike those of a state; large files take time.
        return Uploads(connect(scheme, container, url, timeout="300s", retries=3), prefix, url)
    except StateError as error:
        raise UploadError(error.message, error.hint) from None


def check_endpoints(scheme: str, environment: Mapping[str, str]) -> bool:
    """Whether an endpoint without TLS is set; UsageError if it is on another machine, or any endpoint is invalid."""
    endpoints = {name: environment[name] for name in _ENDPOINTS[scheme] if environment.get(name)}
    for name, value in endpoints.items():
        if not _is_endpoint(value):  # it may contain a password, so the message does not show it
            message = f"{name} is not the URL of an endpoint"
            raise UsageError(message, "write it like `https://HOST:PORT`, without a user or a key in it", id="E1203")
    plain = {name: value for name, value in endpoints.items() if value.startswith("http://")}
    for name, value in plain.items():
        if urlsplit(value).hostname not in _LOOPBACK:
            message = f"{name} would send the state and its credentials unencrypted to {site(value)}"
            raise UsageError(
                message, "use `https://`; `http://` is allowed for this machine only (127.0.0.1, localhost)", id="E1203"
            )
    return bool(plain) or (scheme == "az" and bool(environment.get("AZURE_STORAGE_USE_EMULATOR")))


def _is_endpoint(value: str) -> bool:
    """Whether a value is a valid URL of a server; with some invalid ones, obstore would panic."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    is_plain = value.isascii() and value.isprintable() and not _ODD.search(value)
    return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def error_text(error: Exception) -> str:
    """The message of an obstore error in at most 300 characters, without credentials and debugging details."""
    return shortened(url_credentials.without_credentials(" ".join(str(error).split("Debug source")[0].split())), 300)


def connect(scheme: str, container: str, url: str, *, timeout: str = "10s", retries: int = 0) -> Remote:
    """A bucket or container; nothing is sent yet.

    By default there are no retries: obstore would retry a write whose answer was lost, and then report the object that
    it wrote itself as one that another writer has written.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415 - as above
    from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415 - as above

    _forget_empty_variables()
    make: Mapping[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    plain = check_endpoints(scheme, os.environ)
    options = {"timeout": timeout, "connect_timeout": "5s", "allow_http": plain}
    try:
        remote: Remote = make[scheme](container, client_options=options, retry_config={"max_retries": retries})
    except (BaseError, OSError, ValueError, TypeError) as error:  # the stores raise different errors
        message = f"{url} cannot be used: {error_text(error)}"
        raise StateError(message, "check the environment variables for this store", id="E912") from None
    return remote


def _forget_empty_variables() -> None:
    """Take the empty variables of stores out of the environment: a workflow has one for each secret that is not set.

    obstore would take it for a key, and not look for the credentials of the machine.
    """
    for name in [name for name, value in os.environ.items() if name.startswith(_PREFIXES) and not value]:
        del os.environ[name]
