"""Options and context of commands that need the account: a project, and the base URL of its API."""

from __future__ import annotations

import functools
from typing import Any

import click

from tavusctl.api import DEFAULT_URL
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.online import Session
from tavusctl.app.session.settings import Settings
from tavusctl.cli.demo_account import base_url_of
from tavusctl.cli.offline_context import local_options
from tavusctl.cli.options import Command


def options(command: Command) -> Command:
    """Add the options of every command that works on an account; passes `session`."""

    @click.option(
        "--base-url", envvar="TAVUS_BASE_URL", default=DEFAULT_URL, help=f"Base URL of the API, default {DEFAULT_URL}."
    )
    @local_options
    @functools.wraps(command)
    def wrapped(*args: Any, session: LocalSession, base_url: str, **rest: Any) -> Any:
        fields = {name: getattr(session, name) for name in LocalSession.__struct_fields__}
        with base_url_of(session.environment, session.root, base_url) as url:
            online = Session(**fields, base_url=url, settings=Settings.from_environ())
            return command(*args, session=online, **rest)

    return wrapped  # type: ignore[return-value]  # the options are added, the rest of the signature stays
