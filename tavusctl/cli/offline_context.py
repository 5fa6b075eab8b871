"""Options and context of commands that need no network: the project that the command line selects."""

from __future__ import annotations

import functools
from typing import Any, Final

import click

from tavusctl.app.session.opening import check_project_file, open_session, open_sessions
from tavusctl.cli import change_folder, output_paths
from tavusctl.cli.completion_values import environment as known_environment
from tavusctl.cli.options import Command
from tavusctl.cli.report_options import color_setting
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.core.errors import TavusctlError

_NO_CACHE: Final = "no_cache"  # a command without this option does not use the cache


def local_options(command: Command) -> Command:
    """Add the options of every command that works on a project; passes `session`."""

    @environment_options
    @functools.wraps(command)
    def wrapped(*args: Any, environment: str | None, progress: TerminalProgress, **rest: Any) -> Any:
        session = open_session(environment, progress, caches=not rest.pop(_NO_CACHE, True))
        output_paths.check(click.get_current_context(), session.project)
        try:
            return command(*args, session=check_project_file(session), **rest)
        except TavusctlError as error:
            error.hint = session.with_environment(error.hint)
            raise

    return wrapped  # type: ignore[return-value]  # the options are added, the rest of the signature stays


def file_options(command: Command) -> Command:
    """Add the options of a command that reads only files; passes `sessions`.

    They are one session of the environment that was chosen, or else one of each environment.  The command also gets
    them if the project file is invalid, and reports that with the other diagnostics.
    """

    @environment_options
    @functools.wraps(command)
    def wrapped(*args: Any, environment: str | None, progress: TerminalProgress, **rest: Any) -> Any:
        sessions = open_sessions(environment, progress, caches=not rest.pop(_NO_CACHE, True))
        for session in sessions[:1]:  # all sessions have the same project
            output_paths.check(click.get_current_context(), session.project)
        return command(*args, sessions=sessions, **rest)

    return wrapped  # type: ignore[return-value]  # as above


# Goes below the decorator that passes `session` or `sessions`.
cache_option = click.option(
    "--no-cache", _NO_CACHE, is_flag=True, help="Read every manifest afresh, and write no `.tavusctl/cache`."
)


_environment_option = click.option(
    "-e",
    "--env",
    "environment",
    envvar="TAVUSCTL_ENV",
    shell_complete=known_environment,
    help="Environment of tavusctl.yaml to use.",
)


def environment_options(command: Command) -> Command:
    """Add the same options to a command that opens the project itself; passes `environment` and `progress`."""
    return _environment_option(project_options(command))


def project_options(command: Command) -> Command:
    """Add the options of a command that selects its environments in another way; passes `progress`."""

    @click.option("-C", "--chdir", type=click.Path(file_okay=False, exists=True), help="Run in this folder.")
    @click.option("--no-color", is_flag=True, help="Disable colours, as NO_COLOR does.")
    @click.option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
    @click.option("-v", "--verbose", count=True, help="Log each step; twice: each request.")
    @functools.wraps(command)
    def wrapped(*args: Any, chdir: str | None, no_color: bool, quiet: bool, verbose: int, **rest: Any) -> Any:
        _set_up_output(no_color=no_color, verbose=verbose)
        change_folder(chdir)
        return command(*args, progress=TerminalProgress(quiet), **rest)

    return wrapped  # type: ignore[return-value]  # as above


def _set_up_output(*, no_color: bool, verbose: int) -> None:
    click.get_current_context().color = color_setting(no_color=no_color)
    if verbose:  # logging shows warnings without a configuration
        import logging

        logging.basicConfig(format="%(message)s", level=logging.WARNING)
        logging.getLogger("tavusctl").setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
