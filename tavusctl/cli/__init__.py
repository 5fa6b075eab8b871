"""The command line.  One lazy group: a command is imported when it is called, so that `--help` stays instant."""

from __future__ import annotations

import importlib
import os
import sys
from contextvars import copy_context
from typing import Any, NoReturn

import click

from tavusctl import __version__
from tavusctl.cli.outlet import close_broken, of_one_run

# Name -> one-line help; the module is tavusctl.cli.<name>, with an underscore where that name is taken.
COMMANDS: dict[str, dict[str, str]] = {
    "Write": {
        "apply": "Bring the account to the manifests.",
        "undo": "Reverse one apply.",
        "destroy": "Delete everything that is managed here.",
        "adopt": "Write live edits back into the files.",
        "import": "Bind an existing object to an address.",
        "export": "Write what the account has as manifests.",
        "init": "Start a project here.",
    },
    "Inspect": {
        "plan": "Show what apply would do.",
        "drift": "Show what was changed in the account since the last apply.",
        "validate": "Check manifests without the network.",
        "fmt": "Tidy manifests, and change nothing they say.",
        "state": "Look at the state, or forget an object.",
        "graph": "Draw what refers to what, or where a conversation may go.",
        "explain": "Say what a kind or a field means, takes and does.",
        "schema": "Print the JSON Schemas of manifests, project file and plan.",
    },
    "Operate": {
        "recrawl": "Crawl documents again when they are due.",
        "github": "Run a command as a step of a GitHub workflow.",
        "verify": "Check that what applications use exists and is ready.",
        "output": "Print ids for applications.",
        "emulator": "Run a local Tavus, for demos, tests and CI without keys.",
        "completion": "Print the shell completion script.",
        "version": "Print the version.",
    },
}
_TAKEN = frozenset({"import", "output"})  # a keyword, and the module of what commands write
# What people type from habit, and what does that here.
_HABITS = {
    **dict.fromkeys(("push", "deploy", "sync", "up", "release", "publish", "update", "create", "run"), "apply"),
    **dict.fromkeys(("pull", "dump", "download", "get", "fetch", "backup"), "export"),
    **dict.fromkeys(("ls", "list", "show", "resources"), "state list"),
    **dict.fromkeys(("status", "diff", "preview", "changes", "dry-run"), "plan"),
    **dict.fromkeys(("check", "lint", "test"), "validate"),
    **dict.fromkeys(("rm", "delete", "down", "remove", "teardown"), "destroy"),
    **dict.fromkeys(("rollback", "revert"), "undo"),
    **dict.fromkeys(("new", "start", "setup", "bootstrap"), "init"),
    **dict.fromkeys(("format", "tidy", "prettier"), "fmt"),
    **dict.fromkeys(("unlock", "force-unlock"), "state unlock"),
    **dict.fromkeys(("docs", "describe"), "explain"),
    **dict.fromkeys(("serve", "mock", "local", "dev"), "emulator"),
    **dict.fromkeys(("env", "outputs"), "output"),
    "refresh": "drift",
    "crawl": "recrawl",
    "help": "--help",
}
_HABITUAL_OPTIONS = {
    "--json": "--format json",
    "--output": "--format",
    "--force": "--yes",
    "--environment": "--env",
    "--cwd": "--chdir",
    "--exit-code": "--detailed-exitcode",
}
_HELP = {name: text for group in COMMANDS.values() for name, text in group.items()}


USAGE = 12
SIGNALS = 128  # codes above this say which signal ended a run


class LazyGroup(click.Group):
    """A group that knows its commands by name and loads one only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, for completion and suggestions."""
        del ctx
        return list(_HELP)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        del ctx
        if cmd_name not in _HELP:
            return None
        module = importlib.import_module(f"tavusctl.cli.{cmd_name}{'_' if cmd_name in _TAKEN else ''}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or say which one was probably meant."""
        if args and args[0] not in _HELP and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0].lower(), _HELP, n=1)
            ours = _HABITS.get(args[0].lower(), close[0] if close else "")
            hint = f" Did you mean {ours}?" if ours else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands by what they are for, without loading any."""
        del ctx
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="tavusctl %(version)s")
@click.option("-C", "--chdir", type=click.Path(file_okay=False), help="Work in this folder.")
def cli(chdir: str | None) -> None:
    """Keep the personas, replicas, documents, guardrails and objectives of a Tavus account in git.

    \b
    tavusctl plan                 what would change
    tavusctl apply                change it
    tavusctl drift                what was changed by hand

    Exit codes: 0 done, 1 internal error, 2 changes exist (--detailed-exitcode), 3 conflict or stale plan,
    4 refused by a safety rule, 5 partly applied, 6 outcome unknown, 7 lock busy, 8 not authorised,
    9 state unusable, 10 configuration invalid, 11 API unreachable, 12 usage, 130/143 interrupted.
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    if chdir:
        try:
            os.chdir(chdir)
        except OSError as error:
            message = f"cannot work in {chdir}: {error.strerror}"
            raise click.UsageError(message) from None


def main() -> NoReturn:
    """The console script: runs a command and turns what happened into an exit code."""
    code = run(sys.argv[1:])
    close_broken()
    if code > SIGNALS:
        # A call may still be under way in a thread; what it was is in the journal, and nobody waits for its answer.
        os._exit(code)
    sys.exit(code)


def run(args: list[str]) -> int:
    """Run one command line; the exit code."""
    return copy_context().run(_run, args)  # what a run learns of what it may read is its own


def _run(args: list[str]) -> int:
    with of_one_run() as outlets:
        code = attempt(args)
        outlets.out.flush()
        if outlets.trouble:
            click.echo(f"error: standard output is not whole: {outlets.trouble}", err=True)
            return code or USAGE
        return code


def attempt(args: list[str]) -> int:
    """Run one command line within a run; the exit code, whatever happens."""
    try:
        result: Any = cli.main(args=args, prog_name="tavusctl", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (click.Abort, KeyboardInterrupt) as interrupt:
        click.echo("interrupted; nothing was changed", err=True)
        # click may have turned the interrupt into an exception of its own
        return getattr(interrupt.__context__ or interrupt, "code", 130)
    except click.ClickException as error:
        return _report_usage(error, args)
    except Exception as error:  # noqa: BLE001 - the last door: everything leaves through it as words and a code
        from tavusctl.cli.failure import report

        return report(error, args)
    return result if isinstance(result, int) else 0


def _report_usage(error: click.ClickException, args: list[str]) -> int:
    if isinstance(error, click.NoSuchOption) and error.option_name in _HABITUAL_OPTIONS:
        error = click.NoSuchOption(error.option_name, None, [_HABITUAL_OPTIONS[error.option_name]], error.ctx)
    from tavusctl.cli.failure import report, wants_json, write_reports
    from tavusctl.cli.local import learn
    from tavusctl.errors import UsageError

    learn(args)
    told = UsageError(error.format_message())
    if wants_json(args):
        return report(told, args)
    error.show()
    write_reports(told, args)
    return USAGE
