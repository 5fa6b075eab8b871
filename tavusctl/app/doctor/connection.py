"""Check the connection to the account: address, key, a request, and the clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from tavusctl.api import DEFAULT_URL, ReadClient
from tavusctl.app.doctor.finding import Finding, ok, warning
from tavusctl.app.session import keyring
from tavusctl.app.session.local import LocalSession
from tavusctl.core.messages import site
from tavusctl.core.project_settings import Environment
from tavusctl.kinds import KINDS

_SECONDS: Final = 10.0  # for one attempt
_PAUSE: Final = 1.0  # seconds between attempts, at most
_SKEW: Final = timedelta(minutes=1)
_NEAR: Final = 2  # seconds: a server returns whole seconds, and its response takes a moment


def address(environment: Environment, url: str) -> Finding:
    """The address of the API, and whether it is reached with TLS."""
    if environment.demo:
        return ok("address", "an emulator on this machine, which each command starts: this is a demo")
    secure = "TLS" if url.startswith("https:") else "without TLS, on this machine"
    if url == DEFAULT_URL:
        return ok("address", f"{site(url)} ({secure})")
    return warning(
        "address", f"{site(url)} ({secure}), not Tavus", "check `--base-url` or TAVUS_BASE_URL, which sets this URL"
    )


def key(session: LocalSession) -> Iterator[Finding]:
    """Whether there is an API key, and where it comes from; the key itself is not shown."""
    keyring.api_key(session)
    yield ok("key", f"found in {keyring.key_location(session)}")


def account(session: LocalSession, url: str) -> Iterator[Finding]:
    """Whether the API accepts the key, and the difference between its clock and the local one."""
    key = keyring.api_key(session)
    kind = next(one for one in KINDS.values() if not one.optional)  # which every account has
    with ReadClient(url, key, seconds=_SECONDS, max_wait=_PAUSE) as api:
        api.get(kind.collection, {"limit": "1"})
        label = session.environment.account
        yield ok("account", f"{f'{label} ' if label else ''}answers, and accepts the key")
        yield _clock(api.skew)


def _clock(skew: timedelta | None) -> Finding:
    if skew is None:
        return warning("clock", "the server does not send its time")
    seconds = round(skew.total_seconds())
    difference = f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} the server's clock"
    if abs(skew) > _SKEW:
        return warning("clock", f"the clock of this machine is {difference}", "set the clock, for example with NTP")
    return ok("clock", "the same as the server's" if abs(seconds) <= _NEAR else difference)
