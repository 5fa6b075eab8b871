"""What commands have in common: options, the project, the key, the client, the store."""

from __future__ import annotations

import functools
import math
import os
import re
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import click
from msgspec.structs import replace

from tavusctl import novelty
from tavusctl.cli import keyring
from tavusctl.cli.completing import address as known_address
from tavusctl.cli.judging import check_values, judged, taken_as_unchanged, tolerated
from tavusctl.cli.local import Command, LocalSession, local_options
from tavusctl.cli.progress import reading
from tavusctl.client import DEFAULT_URL, PARALLEL, Client, ReadClient, Sources
from tavusctl.engine import resolve
from tavusctl.engine.plan import Consent
from tavusctl.engine.reconcile import Prepared, Request, prepare
from tavusctl.errors import RefusedError, TavusctlError, UsageError
from tavusctl.journal import recall
from tavusctl.kinds import KINDS
from tavusctl.model import Address, Complaint, Environment
from tavusctl.passages import located
from tavusctl.ports import Others, Reader, Store
from tavusctl.secret import Unread, outer
from tavusctl.stores import open_store
from tavusctl.wording import site, suggestion

MOST_PARALLEL: Final = 32  # calls at a time
_TEST_SOURCES = "TAVUSCTL_TEST_SOURCES"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Session(LocalSession, frozen=True):
    """One run of a command on one environment of a project, with the account."""

    base_url: str = DEFAULT_URL

    @property
    def api_key(self) -> str:
        """The API key; UnauthorisedError names the variable that should hold it, and never shows what it holds."""
        return keyring.api_key(self.environment)

    @property
    def settle(self) -> float:
        """Seconds after which a create whose answer was lost has surely shown, if it happened."""
        return _seconds_in("TAVUSCTL_SETTLE")

    @property
    def max_wait(self) -> float:
        """The longest pause between two tries of a call, in seconds."""
        return _seconds_in("TAVUSCTL_MAX_WAIT")

    @property
    def parallel(self) -> int:
        """How many calls may be under way at a time; UsageError when it is no such number."""
        text = os.environ.get("TAVUSCTL_PARALLEL") or str(PARALLEL)
        if not text.isdecimal() or not 1 <= int(text) <= MOST_PARALLEL:
            message = f"TAVUSCTL_PARALLEL is not a number of calls from 1 to {MOST_PARALLEL}"
            raise UsageError(message)
        return int(text)

    @property
    def rate(self) -> float:
        """How many calls may begin in a second; UsageError when it is no such number."""
        try:
            rate = float(os.environ.get("TAVUSCTL_RATE") or "inf")
        except ValueError:
            rate = math.nan
        if not rate > 0:
            message = "TAVUSCTL_RATE is not a number of calls per second"
            raise UsageError(message)
        return rate

    def reader(self) -> ReadClient:
        """The API without a way to write."""
        return ReadClient(self.base_url, self.api_key, parallel=self.parallel, rate=self.rate, max_wait=self.max_wait)

    def client(self, parallel: int | None = None) -> Client:
        """The API with writing; for so many steps at a time.  RefusedError where not all may be read that is sent."""
        if self.withheld:
            message = f"a run for a pull request changes nothing with a part unread: {self.withheld[0].message}"
            raise RefusedError(message, "plan it here, and apply it once it is merged", id="E427")
        parallel = max(parallel or 0, self.parallel)
        return Client(self.base_url, self.api_key, parallel=parallel, rate=self.rate, max_wait=self.max_wait)

    def store(self) -> Store:
        """Where this environment's bindings are."""
        return self._store(self.environment)

    def _store(self, environment: Environment) -> Store:
        if self.granted:
            self.granted.check_open(environment)
        return open_store(environment.state, self.root, environment.name)

    def plan(
        self,
        api: Reader,
        *,
        consent: Consent | None = None,
        adopt: bool = False,
        destroy: bool = False,
        base: LocalSession | None = None,
        watch: Sources | None = None,
        check_names: bool = True,
        judges: bool = False,
        needs_values: bool = False,
    ) -> Prepared:
        """Plan this environment, or with `base` what other manifests would make of it; reads only.

        `watch` looks at the sources of watched documents: one for all plans of a run, which have their time together.
        What `judges` refuses to write what cannot work.  What needs the values of secrets is refused when the plan
        sends one that has none; all else takes such a secret as unchanged, and says so once.
        """
        secrets = None if destroy or base else self.secrets
        manifests, warnings = (base or self).load(secrets, needs_values=needs_values)
        warnings = (*warnings, *self.withheld) if base is None else warnings
        unset = () if secrets is None else resolve.unset(manifests, secrets)
        warnings += () if needs_values else taken_as_unchanged(unset)
        request = self.request(consent or Consent(), adopt=adopt, destroy=destroy, warnings=warnings)
        safety = None if destroy else self.project.safety
        reads = None if destroy or base else novelty.known(self.project, self.environment, manifests)
        request = replace(request, sources=watch, safety=safety, reads=reads)
        if self.granted and base is None:
            request = replace(request, former=self.granted.former, reads=self.granted.cut(reads))
        with reading(self, api):
            prepared = replace(prepare(manifests, KINDS, api, self.store(), request), unset=unset)
        prepared = replace(prepared, plan=located(prepared.plan, prepared.desired))
        if base is None and check_names:
            _check_named(request.consent, {m.address for m in manifests} | prepared.state.bindings.keys())
        if needs_values:
            check_values(prepared)
        return judged(prepared) if judges else replace(prepared, plan=tolerated(prepared.plan))

    @property
    def secrets(self) -> dict[str, str | Unread]:
        """The values of the secrets that manifests may read; empty where a variable is not set."""
        return {name: self._secret(name) for name in self.project.secrets}

    def _secret(self, name: str) -> str | Unread:
        if self.granted and name not in self.granted.secrets:
            return self.granted.unread
        return outer(os.environ.get(name, ""))

    def sources(self, *, wanted: bool = True) -> Sources | None:
        """Where watched documents come from; None when nobody wants to look."""
        if not wanted:
            return None
        loopback = os.environ.get(_TEST_SOURCES, "").rstrip("/")
        parts = _parts(loopback) if loopback else None
        if loopback and (parts is None or parts.hostname not in _LOOPBACK or parts.path or parts.scheme != "http"):
            message = (
                f"{_TEST_SOURCES} is for tests: it names one origin on this machine, such as http://127.0.0.1:8000"
            )
            raise UsageError(message)
        return Sources(loopback=loopback)

    def request(
        self,
        consent: Consent,
        *,
        adopt: bool = False,
        destroy: bool = False,
        warnings: tuple[Complaint, ...] = (),
    ) -> Request:
        """What a plan needs to know from outside."""
        keys = keyring.keys(self.environment)
        request = Request(self.environment, self.secrets, keys, consent, adopt, destroy, warnings)
        return replace(request, others=self.others)

    def others(self) -> Others:
        """What the other environments of the project have bound, so that nothing of theirs is taken over here."""
        owners: dict[str, str] = {}
        unread: list[tuple[str, str]] = []
        for name, environment in sorted(self.project.environments.items()):
            if name == self.environment.name:
                continue
            try:
                known = recall(self._store(environment))
            except TavusctlError as error:
                unread.append((name, error.message))
                continue
            for one in known.bindings.values():
                whose = f"{one.address} of the environment {name}"
                owners |= dict.fromkeys(filter(None, (one.remote_id, one.successor, *one.retired)), whose)
        return Others(owners, tuple(unread))


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def _seconds_in(variable: str) -> float:
    """An environment variable as seconds, 120 without one; UsageError when it is no number."""
    try:
        seconds = float(os.environ.get(variable) or "120")
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        message = f"{variable} is not a number of seconds"
        raise UsageError(message)
    return max(0.0, seconds)


def _check_named(consent: Consent, known: AbstractSet[Address]) -> None:
    """Refuse an address that nothing has: a slip of the pen would mean "nothing to do"."""
    named = consent.targets | consent.replace | consent.overwrite | consent.delete_costly
    for address in sorted(named - known):
        message = f"there is no {address}, neither in the manifests nor in the state"
        raise UsageError(message, suggestion(str(address), map(str, known)))


def options(command: Command) -> Command:
    """Options of every command that works on an account; passes `session`."""

    @click.option("--base-url", envvar="TAVUS_BASE_URL", default=DEFAULT_URL, help=f"API host, default {DEFAULT_URL}.")
    @local_options
    @functools.wraps(command)
    def wrapped(*args: Any, session: LocalSession, base_url: str, **rest: Any) -> Any:
        url = check_base_url(base_url)
        known = {name: getattr(session, name) for name in LocalSession.__struct_fields__}
        account = Session(**known, base_url=url)
        return command(*args, session=account, **rest)

    return wrapped  # type: ignore[return-value]  # the options are added, the rest of the signature stays


allow_recreate = click.option(
    "--allow-recreate",
    type=click.IntRange(min=1),
    metavar="N",
    help="Agree to make anew all N objects of the state, which the account has no more.",
)

allow_lowered = click.option(
    "--allow-lowered",
    type=click.IntRange(min=0),
    metavar="N",
    help="Agree to lower exactly this many protections (prevent_destroy, on_remove, limits of safety).",
)

blame_option = click.option(
    "--blame", is_flag=True, help="Say who wrote the lines behind every change, as git knows it."
)


def check_base_url(url: str, named: str = "--base-url") -> str:
    """The API host must be reached over TLS, or be this machine; UsageError otherwise."""
    parts = _parts(url)
    told = f"{named} {site(url)}".rstrip()
    if parts is None or not parts.hostname or "@" in url or parts.query or parts.fragment:
        message = f"{told} is not the address of a host"
        raise UsageError(message, f"write it like {DEFAULT_URL}")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        message = f"{told} would send a key unprotected"
        raise UsageError(message, "use https; http is for this machine only (127.0.0.1, localhost)")
    # The documentation of the API writes the version as a part of its addresses, and every path here begins with it.
    return re.sub(r"(/+v2)?/*$", "", url)


def _parts(url: str) -> SplitResult | None:
    """An address in its parts, or None when it cannot be one."""
    try:
        parts = urlsplit(url)
        usable = parts.port != 0  # raises when it is no number, or too large
    except ValueError:
        return None
    return parts if usable and url.isascii() and url.isprintable() and " " not in url else None


def addresses(_: click.Context, __: click.Parameter, values: Sequence[str]) -> frozenset[Address]:
    """Option values as addresses (click callback)."""
    try:
        return frozenset(Address.parse(value) for value in values)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def addresses_option(*names: str, help: str) -> Callable[[Command], Command]:  # noqa: A002 - as in click
    """An option that takes an address and may be repeated."""
    return click.option(
        *names, multiple=True, callback=addresses, shell_complete=known_address, metavar="ADDR", help=help
    )
