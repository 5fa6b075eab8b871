"""`tavusctl github`: run a command as a step of a GitHub workflow.

Its report goes to outputs, summary, annotations, comment and issue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click

from tavusctl import cli
from tavusctl.app.github.publish import Comment
from tavusctl.app.github.step import COMMANDS, Writing, run_step
from tavusctl.cli import wrapped_output
from tavusctl.cli.error_report import report
from tavusctl.cli.report_options import print_commands
from tavusctl.core.errors import TavusctlError
from tavusctl.lib.json_types import Json, JsonObject


@click.command("github", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--comment",
    type=click.Choice(["always", "on-changes", "never"]),
    envvar="TAVUSCTL_COMMENT",
    default="on-changes",
    help="When to comment on the pull request, or to open an issue about drift.",
)
@click.option(
    "--one-comment",
    is_flag=True,
    envvar="TAVUSCTL_ONE_COMMENT",
    help="Use one comment for all environments of the project, with a section for each.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the requests to GitHub without sending them; adopt and recrawl write nothing, and apply is refused.",
)
@click.argument("name", metavar="COMMAND", type=click.Choice(COMMANDS))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(*, comment: Comment, one_comment: bool, dry_run: bool, name: str, args: tuple[str, ...]) -> int:
    """Run a command as a step of a GitHub workflow.

    The report goes to the job summary, to annotations, to one comment on the pull request, which is updated, and for
    drift to one issue, which is closed when the drift is gone; `adopt` maintains one pull request.  After a merge the
    comment on the pull request tells what apply did; `link URL` adds the page of a plan to it.  The step sets the
    outputs `changes`, `drift`, `fingerprint`, `plan-file` and `exit-code`.  Further arguments come from TAVUSCTL_ARGS.
    Only runs for push, schedule, dispatch, merge queue and pull requests of this repository read the account; all other
    runs only validate.  For a pull request, the names of API keys, secrets and the state come from its base branch:
    checkout needs `fetch-depth: 0`.

    \b
    tavusctl github plan --base origin/main
    tavusctl github --dry-run drift
    """
    return run_step(name, args, Writing(comment, one_comment, dry_run), _CommandLine())


class _CommandLine:
    """The command line of this program, called again in this process; its output goes to the log of the step."""

    def run(self, line: Sequence[str]) -> int:
        return cli.attempt(list(line))

    def fail(self, error: TavusctlError, line: Sequence[str]) -> int:
        return report(error, line)

    def options(self, name: str, args: Sequence[str]) -> Mapping[str, Json]:
        context = cli.cli.make_context("tavusctl", [], resilient_parsing=True)
        command = cli.cli.get_command(context, name)
        if command is None:
            return {}
        command_context = click.Context(
            command, context, resilient_parsing=True, ignore_unknown_options=True, allow_interspersed_args=True
        )
        values, _, _ = command.make_parser(command_context).parse_args(list(args))
        return values

    def is_interrupted(self, code: int) -> bool:
        return code > cli.SIGNALS

    def say(self, text: str) -> None:
        wrapped_output.say(text)

    def command(self, text: str) -> None:
        print_commands(text)

    def preview(self, write: tuple[str, str, JsonObject]) -> None:
        method, path, body = write
        click.echo(f"would send {method} {path}")
        text = str(body.get("body") or json.dumps(body))
        click.echo("".join(f"    {line}\n" for line in text.splitlines()), nl=False)
