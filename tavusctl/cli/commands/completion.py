"""`tavusctl completion`: the script that completes commands and options in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    tavusctl completion bash > ~/.local/share/bash-completion/completions/tavusctl
    tavusctl completion zsh > ~/.zfunc/_tavusctl
    """
    completion_class = get_completion_class(shell)
    if completion_class is None:
        ctx.fail(f"no completion script for the shell `{shell}`")
    click.echo(completion_class(ctx.find_root().command, {}, "tavusctl", "_TAVUSCTL_COMPLETE").source())
