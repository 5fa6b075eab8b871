"""The option of every command that holds the state."""

from __future__ import annotations

import click

from tavusctl import duration


def seconds(_: click.Context, __: click.Parameter, value: str | None) -> float:
    """An option's value as seconds, 0 without one (click callback)."""
    try:
        return duration.seconds(value) if value else 0.0
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


lock_timeout = click.option(
    "--lock-timeout", callback=seconds, metavar="DURATION", help="Wait this long for another run to end, such as 10m."
)
