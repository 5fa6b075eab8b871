"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar, cast

import click

from tavusctl.cli.completion_values import address as known_address
from tavusctl.core import duration
from tavusctl.core.address import NAME, Address
from tavusctl.lib.json_types import JsonObject

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tavusctl.core.resource_kind import ResourceKind

Command = TypeVar("Command", bound=Callable[..., object])


class Duration(click.ParamType[float]):
    """A duration such as 90m or 1h30m, as seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds; a usage error if the value is not a duration."""
        if isinstance(value, float):
            return value
        try:
            return duration.seconds(str(value)) if value else 0.0
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None


class WholeNumber(click.IntRange):
    """A whole number between bounds; the usage error states the bounds in words."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; a usage error if the value is not a whole number, or outside the bounds."""
        try:
            return int(super().convert(cast("int", value), param, ctx))
        except click.BadParameter:
            bounds = f"of at least {self.min}" if self.max is None else f"from {self.min} to {self.max}"
            message = f"`{value}` is not a whole number {bounds}"
            raise click.BadParameter(message, ctx, param) from None


class Number(click.FloatRange):
    """A number of at least 0."""

    def __init__(self) -> None:
        super().__init__(0)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; a usage error if the value is not a number, or negative."""
        try:
            return float(super().convert(cast("float", value), param, ctx))
        except click.BadParameter:
            message = f"`{value}` is not a number of at least 0"
            raise click.BadParameter(message, ctx, param) from None


def _duration_option(name: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, type=Duration(), default=0.0, metavar="DURATION", help=text)


lock_timeout = _duration_option("--lock-timeout", "Wait up to this long for the lock of another run, such as 10m.")
wait = _duration_option("--wait", "Wait up to this long for processing to finish, such as 15m.")
wait_for_crawls = _duration_option("--wait", "Wait up to this long for crawls to finish, such as 30m.")


def format_choice(
    names: Sequence[str],
    text: str,
    default: str | None = None,
    check: Callable[[click.Context, click.Parameter, str], str] | None = None,
) -> Callable[[Command], Command]:
    """The option for the format of the output, as `format_`."""
    return click.option(
        "-f", "--format", "format_", type=click.Choice(names), help=text, default=default, callback=check
    )


text_or_json = format_choice(["text", "json"], "Output format.", "text")

allow_deletes = click.option("--allow-deletes", type=WholeNumber(min=0), metavar="N", help="Confirm exactly N deletes.")

allow_recreate = click.option(
    "--allow-recreate",
    type=WholeNumber(min=1),
    metavar="N",
    help="Confirm recreating all N managed objects, none of which exists in the account.",
)

allow_lowered = click.option(
    "--allow-lowered",
    type=WholeNumber(min=0),
    metavar="N",
    help="Confirm exactly N lowered protections (prevent_destroy, on_remove, limits of `safety:`).",
)

blame_option = click.option("--blame", is_flag=True, help="Show the git author of the lines behind each change.")


def addresses(_: click.Context, __: click.Parameter, values: Sequence[str]) -> frozenset[Address]:
    """Option values as addresses (click callback)."""
    from tavusctl.kinds import address_in

    try:
        return frozenset(map(address_in, values))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def partner(_: click.Context, __: click.Parameter, value: str | None) -> Address | None:
    """The address of an object that a conversation can be with: a kind with a `partner_key` (click callback)."""
    if value is None:
        return None
    from tavusctl.kinds import KINDS, address_in

    partners = [name for name, kind in KINDS.items() if kind.partner_key]
    try:
        address = address_in(value)
    except ValueError as error:
        suggestions = " or ".join(f"`{name}/{value}`" for name in sorted(partners))
        message = f"{error}; did you mean {suggestions}?" if NAME.fullmatch(value) else str(error)
        raise click.BadParameter(message) from None
    if address.kind not in partners:
        message = f"expected an address of a {' or a '.join(partners)} for the conversation, found `{address}`"
        raise click.BadParameter(message)
    return address


def addresses_option(
    *names: str,
    help: str,  # noqa: A002 - as in click
    affects: Callable[[ResourceKind], bool] = lambda _: True,
) -> Callable[[Command], Command]:
    """An option that takes an address, of a kind that it can affect, and may be repeated."""

    def checked(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> frozenset[Address]:
        found = addresses(context, parameter, values)
        kinds = affected() if found else ()  # to load the kinds takes long
        for address in sorted(found):
            if address.kind not in kinds:
                message = f"expected an address of a {' or a '.join(kinds)}, found `{address}`, which it cannot affect"
                raise click.BadParameter(message, context, parameter)
        return found

    def offered(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        offers = known_address(context, parameter, incomplete)
        return [offer for offer in offers if offer.value.partition("/")[0] in affected()]

    def affected() -> list[str]:
        from tavusctl.kinds import KINDS

        return [name for name, kind in KINDS.items() if affects(kind)]

    return click.option(*names, multiple=True, callback=checked, shell_complete=offered, metavar="ADDR", help=help)


def _has_drafts(kind: ResourceKind) -> bool:
    return bool(kind.publish_collection)


allow_replica_delete = addresses_option(
    "--allow-replica-delete", help="Allow deleting this replica; repeatable.", affects=lambda kind: kind.expensive
)


discard_drafts = addresses_option(
    "--discard-drafts",
    help="Discard unpublished edits in PAL Maker that block this object; repeatable.",
    affects=_has_drafts,
)
publish = addresses_option(
    "--publish", help="Publish the draft of this object, if the update went into one; repeatable.", affects=_has_drafts
)


class RenamedOption(click.Option):
    """An option with a former name as well, which the help does not show."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The current name, and the help text."""
        record = super().get_help_record(ctx)
        return (record[0].split(",")[0], record[1]) if record else None


_OPTIONS: Final[tuple[Callable[[Command], Command], ...]] = (
    addresses_option("--target", help="Plan only this address and what it refers to, directly or not; repeatable."),
    addresses_option(
        "--allow-replace",
        help="Allow replacing this replica by a newly trained one; repeatable.",
        affects=lambda kind: kind.provisioning is not None,  # also one whose processing has failed
    ),
    allow_replica_delete,
    addresses_option("--overwrite", help="Use the value of the manifest in a conflict; repeatable."),
    allow_recreate,
    click.option("--finish", is_flag=True, help="Only finish replacements that an earlier apply has begun."),
    click.option(
        "--import-existing",
        "--adopt",
        "import_existing",
        cls=RenamedOption,
        is_flag=True,
        help="Import existing objects that have the name of a planned create.",
    ),
    click.option(
        "--watch/--no-watch", default=None, help="Check the source URLs of watched documents for changes, or not."
    ),
)
# An option of PlanOptions that apply does not accept, since `destroy` is a command.
destroy_option = click.option("--destroy", is_flag=True, help="Plan to delete all managed objects.")


def plan_options(command: Command) -> Command:
    """Add the options of PlanOptions to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def parsed_behaviors(_: click.Context, __: click.Parameter, values: Sequence[str]) -> JsonObject:
    """Values by name, from NAME=VALUE; a VALUE that is valid JSON is decoded (click callback)."""
    behaviors: JsonObject = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals:
            message = f"expected `NAME=VALUE`, found `{value}`"
            raise click.BadParameter(message)
        try:
            behaviors[name] = json.loads(text)
        except ValueError:
            behaviors[name] = text
    return behaviors
