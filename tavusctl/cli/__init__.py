"""The command line: a lazy click group, which imports a command only when it is called, so that `--help` stays fast."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextvars import copy_context
from typing import Final, NoReturn

import click

from tavusctl import __version__
from tavusctl.cli.redacting_stream import close_broken, redact_streams

# Name -> one-line help; the module is tavusctl.cli.commands.<name>, with an underscore if Python reserves that name.
COMMANDS: dict[str, dict[str, str]] = {
    "Write": {
        "apply": "Apply the manifests to the account.",
        "undo": "Undo one apply.",
        "destroy": "Delete all managed objects.",
        "adopt": "Write live edits back into the manifests.",
        "promote": "Carry values from one environment to another, in the files.",
        "import": "Import an existing object under an address.",
        "export": "Write the objects of the account as manifests.",
        "init": "Create a project.",
    },
    "Inspect": {
        "list": "List the objects of the account.",
        "plan": "Show the changes that apply would make.",
        "diff": "Compare two environments, or one with its account.",
        "drift": "Show changes made in the account since the last apply.",
        "validate": "Check manifests offline.",
        "fmt": "Format manifests without changing their meaning.",
        "state": "Inspect and edit the state.",
        "graph": "Draw the references, or the flow of a conversation.",
        "explain": "Explain a kind or a field.",
        "schema": "Print the JSON Schemas of manifests, project file and plan.",
    },
    "Operate": {
        "talk": "Start a conversation with a persona.",
        "recrawl": "Crawl the documents that are due again.",
        "github": "Run a command as a step of a GitHub workflow.",
        "doctor": "Check key, address, account, state, git, versions and clock.",
        "verify": "Check that all managed objects exist and are ready.",
        "output": "Print object ids for applications.",
        "emulator": "Run a local emulator of the Tavus API.",
        "completion": "Print a shell completion script.",
        "version": "Print the version.",
    },
}
_RESERVED_NAMES = frozenset({"import"})  # a keyword
# What people type who know other tools, such as Terraform or kubectl, and what does the same here.
_COMMAND_ALIASES: Final = {
    **dict.fromkeys(("push", "deploy", "sync", "up", "release", "publish", "update", "create", "run"), "apply"),
    **dict.fromkeys(("pull", "dump", "download", "get", "fetch", "backup"), "export"),
    **dict.fromkeys(("ls", "show", "resources", "inventory"), "list"),
    **dict.fromkeys(("status", "preview", "changes", "dry-run"), "plan"),
    **dict.fromkeys(("check", "lint", "test"), "validate"),
    **dict.fromkeys(("down", "teardown"), "destroy"),
    **dict.fromkeys(("rollback", "revert"), "undo"),
    **dict.fromkeys(("new", "start", "setup", "bootstrap"), "init"),
    **dict.fromkeys(("format", "tidy", "prettier"), "fmt"),
    **dict.fromkeys(("unlock", "force-unlock"), "state unlock"),
    **dict.fromkeys(("docs", "describe"), "explain"),
    **dict.fromkeys(("serve", "mock", "local", "dev"), "emulator"),
    **dict.fromkeys(("env", "outputs"), "output"),
    **dict.fromkeys(("call", "chat", "converse", "conversation"), "talk"),
    **dict.fromkeys(("login", "whoami"), "doctor"),
    "refresh": "drift",
    "crawl": "recrawl",
    "help": "--help",
}
_DELETE_ONE: Final = "to delete one object, remove its manifest and run `tavusctl apply`"
# `destroy` deletes everything, so it is no answer to these.
_DELETES: Final = frozenset({"rm", "delete", "remove", "del"})
_OPTION_ALIASES: Final = {
    "--json": "--format json",
    "--output": "--format",
    "--force": "--yes",
    "--environment": "--env",
    "--cwd": "--chdir",
    "--exit-code": "--detailed-exitcode",
}
_COMMANDS_FOR_OPTIONS: Final = {
    ("apply", "--dry-run"): "tavusctl plan",
    ("destroy", "--dry-run"): "tavusctl plan --destroy",
}
_PLAN_DIFFERS: Final = "to see what an apply would change, run `tavusctl plan`"
_ADDRESS_ARGUMENT: Final = {
    "plan": "to plan one object and what it refers to, use `--target ADDR`",
    "destroy": _DELETE_ONE,
}
_HELP = {name: text for group in COMMANDS.values() for name, text in group.items()}


USAGE = 12
SIGNALS = 128  # an exit code above this is this number plus that of the signal that ended the run


class LazyGroup(click.Group):
    """A group that lists its commands by name, and imports a command only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, for completion and suggestions."""
        del ctx
        return list(_HELP)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is no command of that name."""
        del ctx
        if cmd_name not in _HELP:
            return None
        module = importlib.import_module(
            f"tavusctl.cli.commands.{cmd_name}{'_' if cmd_name in _RESERVED_NAMES else ''}"
        )
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; for an unknown name, fail with a suggestion."""
        if args and args[0] not in _HELP and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], f"unknown command `{args[0]}`", ctx=ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if command:
            _refuse_single_dashes(click.Context(command, ctx, name), rest)
        return name, command, rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command."""
        _refuse_single_dashes(ctx, args)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by purpose, without importing any."""
        del ctx
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


def _refuse_single_dashes(ctx: click.Context, args: list[str]) -> None:
    """Fail for a long option with one dash, as in Terraform: click would read `-out=FILE` as `-o ut=FILE`."""
    command = ctx.command
    if args and isinstance(command, click.Group) and (inner := command.commands.get(args[0])):
        _refuse_single_dashes(click.Context(inner, ctx, args[0]), args[1:])
    names = {name for param in command.params for name in param.opts} | {"--help"}
    for arg in args[: args.index("--") if "--" in args else None]:
        name = f"-{arg.partition('=')[0]}"
        if name in names and len(name) > len("--x"):
            raise click.NoSuchOption(arg.partition("=")[0], None, [name], ctx)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="tavusctl %(version)s")
@click.option("-C", "--chdir", type=click.Path(file_okay=False), help="Run in this folder.")
def cli(chdir: str | None) -> None:
    """Keep a Tavus account in git.

    Personas, replicas, documents, guardrails, objectives, tools, voices, dictionaries and deployments are files.

    \b
    tavusctl plan                 show what would change
    tavusctl apply                change it
    tavusctl drift                show what was changed by hand

    Exit codes: 0 done, 1 internal error, 2 changes exist (--detailed-exitcode), 3 conflict or stale plan,
    4 refused by a safety rule, 5 partly applied, 6 outcome unknown, 7 lock busy, 8 not authorised,
    9 state unusable, 10 configuration invalid, 11 API unreachable, 12 usage, 129/130/143 interrupted.
    """
    change_folder(chdir)


def change_folder(chdir: str | None) -> None:
    """Change to the folder of the option `--chdir`, if it is given; click.UsageError if that is impossible."""
    if chdir:
        from tavusctl.lib.command_line import change_folder

        try:
            change_folder(chdir)
        except OSError as error:
            message = f"cannot change to the folder `{chdir}`: {error.strerror}"
            raise click.UsageError(message) from None


def main() -> NoReturn:
    """The console script: run a command and exit with its code."""
    code = run(sys.argv[1:])
    close_broken()
    if code > SIGNALS:
        # A thread may still have an API call in flight.  The journal has it, so exit without waiting for the response.
        os._exit(code)
    gc.freeze()  # at exit, the interpreter would look through all objects for cycles, only to free them
    sys.exit(code)


def run(args: list[str]) -> int:
    """Run one command line and return its exit code."""
    return copy_context().run(_run, args)  # context variables, such as what a run may read, end with the run


def _run(args: list[str]) -> int:
    with redact_streams() as streams:
        code = attempt(args)
        streams.out.flush()
        if streams.write_error:
            click.echo(f"error: standard output is incomplete: {streams.write_error}", err=True)
            return code or USAGE
        return code


def attempt(args: list[str]) -> int:
    """Run one command line inside a run that has been set up; returns the exit code and never raises an Exception."""
    try:
        result: object = cli.main(args=args, prog_name="tavusctl", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (click.Abort, KeyboardInterrupt) as interrupt:
        # click turns an interrupt into click.Abort; exit code and notes are those of the original exception
        return _report_interrupt(interrupt.__context__ or interrupt, args)
    except click.ClickException as error:
        return _report_usage(error, args)
    except Exception as error:  # noqa: BLE001 - the last handler: every error becomes a message and an exit code
        from tavusctl.cli.error_report import report

        return report(error, args)
    return result if isinstance(result, int) else 0


def _report_interrupt(interrupt: BaseException, args: list[str]) -> int:
    from tavusctl.cli.error_report import report, wants_json
    from tavusctl.cli.wrapped_output import say
    from tavusctl.core.errors import Interrupted

    # Only a command that watches what it writes knows the code, and that nothing was changed.
    code: int | None = getattr(interrupt, "code", None)
    message = "interrupted" if code is None else "interrupted; nothing was changed"
    notes = "; ".join(getattr(interrupt, "__notes__", ()))
    say("\n".join(filter(None, (message, notes))))
    error = Interrupted(message, notes, exit_code=code)
    return report(error, args) if wants_json(args) else error.exit_code


def _report_usage(error: click.ClickException, args: list[str]) -> int:
    from tavusctl.cli.error_report import report, wants_json
    from tavusctl.cli.wrapped_output import say
    from tavusctl.core.errors import UsageError
    from tavusctl.secrets.escape import escape_invisible

    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        if not wants_json(args):
            say(error.format_message())
            return USAGE
        error = click.UsageError("the name of a command is missing", error.ctx)
    # In a workflow, the arguments may come from others.
    return report(UsageError(escape_invisible(_usage_message(error)), escape_invisible(_usage_hint(error))), args)


def _usage_message(error: click.ClickException) -> str:
    """The message of click in the form of all others: one clause, without the names that it proposes."""
    unknown = isinstance(error, click.NoSuchOption | click.exceptions.NoSuchCommand)
    message = error.message if unknown else error.format_message()
    return f"{message[:1].lower()}{message[1:]}".removesuffix(".")


def _usage_hint(error: click.ClickException) -> str:
    """What to type in place of an invalid command line; without an idea, the help that says what is valid."""
    if not isinstance(error, click.UsageError):
        return ""
    command = (error.ctx.info_name if error.ctx else None) or ""
    hint = ""
    if isinstance(error, click.NoSuchOption):
        # click proposes only what looks like the option.
        meant = _COMMANDS_FOR_OPTIONS.get((command, error.option_name)) or _option_meant(error)
        hint = _proposal([meant] if meant else error.possibilities)
    elif isinstance(error, click.exceptions.NoSuchCommand):
        hint = _proposal(error.possibilities) or _command_hint(error.command_name)
    elif isinstance(error, click.MissingParameter) and command == "diff":
        hint = _PLAN_DIFFERS
    elif error.message.startswith("Got unexpected extra argument"):
        hint = _ADDRESS_ARGUMENT.get(command, "")
    return hint or (f"run `{error.ctx.command_path} --help` to see what it accepts" if error.ctx else "")


def _proposal(names: Sequence[str] | None) -> str:
    return f"did you mean {' or '.join(f'`{name}`' for name in names)}?" if names else ""


def _command_hint(name: str) -> str:
    """What to type in place of an unknown command; empty if there is no idea."""
    import difflib

    name = name.lower()
    if name in _DELETES:
        return _DELETE_ONE
    similar = difflib.get_close_matches(name, _HELP, n=1)
    meant = _COMMAND_ALIASES.get(name, similar[0] if similar else "")
    return _proposal([meant] if meant else [])


def _option_meant(error: click.NoSuchOption) -> str:
    """The option of this command that does the same, for a known name or one that is nearly it; else empty."""
    import difflib

    similar = difflib.get_close_matches(error.option_name, _OPTION_ALIASES, n=1, cutoff=0.85)
    meant = _OPTION_ALIASES[similar[0]] if similar else ""
    names = {name for param in error.ctx.command.params for name in param.opts} if error.ctx else set()
    return meant if meant.split(" ")[0] in names else ""
