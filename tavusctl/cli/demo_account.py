"""The account of a demo: an emulator in this process, which runs for the length of one command.

The account is stored in a file of the project, so the next command finds the objects that this one created.  The
emulator listens on a free port of this machine and ends with the process, however that ends; nobody has to start or
stop it.  Two projects have two files.  The URL of a conversation leads to a page of the emulator.

No command sends the emulator an API key of Tavus, or sends Tavus the key of the emulator: in a demo environment,
neither a base URL nor an API key is read from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from click.core import ParameterSource

from tavusctl.app.files import file_writer
from tavusctl.app.session.base_url import check_base_url
from tavusctl.core.errors import UsageError
from tavusctl.core.project_settings import Environment

FOLDER = Path(".tavusctl/demo")


@contextmanager
def base_url_of(environment: Environment, root: Path, base_url: str) -> Iterator[str]:
    """The base URL of the API of an environment; in a demo, an emulator serves it while the block runs."""
    if not environment.demo:
        yield check_base_url(base_url)
        return
    _check(environment)
    with _running(root / FOLDER / f"{environment.name}.db") as url:
        yield url


@contextmanager
def _running(db: Path | None) -> Iterator[str]:
    from tavusctl.cli.emulator_errors import explain_start_errors

    with ExitStack() as stack:
        with explain_start_errors("127.0.0.1", 0, db):
            from tavusctl.emulator import running

            if db:
                file_writer.make_folder(db.parent, rights=0o700)
            server = stack.enter_context(running(db=db, behaviors={"rooms": "emulator"}))
        yield server.url


def check_installed() -> None:
    """Check that the emulator can start; the UsageError says how to install it."""
    with _running(None):
        pass


def _check(environment: Environment) -> None:
    """Refuse settings that a demo cannot have: a base URL and a `state:`."""
    context = click.get_current_context()
    if context.get_parameter_source("base_url") not in (ParameterSource.DEFAULT, None):
        message = f"the environment `{environment.name}` is a demo: it works with its own emulator only"
        hint = "leave `--base-url` out and unset TAVUS_BASE_URL, or choose another environment with `--env`"
        raise UsageError(message, hint)
    if environment.state:
        message = (
            f"the environment `{environment.name}` is a demo: its account and its state are always on this machine"
        )
        raise UsageError(message, f"remove `environments.{environment.name}.state` from tavusctl.yaml")
