"""Options and context of commands that need the account: a project, and the base URL of its API."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from tavusctl.api import DEFAULT_URL
from tavusctl.app.session.keyring import key_location
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.online import Session
from tavusctl.cli.demo_account import base_url_of
from tavusctl.cli.offline_context import local_options
from tavusctl.cli.options import Command
from tavusctl.core.errors import UnauthorisedError

base_url_option = click.option(
    "--base-url", envvar="TAVUS_BASE_URL", default=DEFAULT_URL, help=f"Base URL of the API, default {DEFAULT_URL}."
)


@contextmanager
def open_account(session: LocalSession, base_url: str) -> Iterator[Session]:
    """The session with access to its account; in a demo, an emulator serves the account while the block runs."""
    with base_url_of(session.environment, session.root, base_url) as url:
        yield Session.of(session, url)


def options(command: Command) -> Command:
    """Add the options of every command that works on an account; passes `session`."""

    @base_url_option
    @local_options
    @functools.wraps(command)
    def wrapped(*args: Any, session: LocalSession, base_url: str, **rest: Any) -> Any:
        try:
            with open_account(session, base_url) as online:
                return command(*args, session=online, **rest)
        except UnauthorisedError as error:
            if error.id == UnauthorisedError.id:  # the API refused the key
                error.hint = f"check the API key in {key_location(session)}, or take a new one from the portal"
            raise

    return wrapped  # type: ignore[return-value]  # the options are added, the rest of the signature stays
