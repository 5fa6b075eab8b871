"""The options that shape a plan: what `plan --out` writes into its file, and `apply FILE` plans with again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import click
from msgspec import Struct
from msgspec.structs import asdict

from tavusctl.cli.local import Command
from tavusctl.cli.session import addresses_option, allow_recreate
from tavusctl.engine.plan import Consent
from tavusctl.errors import StateError, UsageError
from tavusctl.model import Address

Addresses = frozenset[Address]


class PlanOptions(Struct, frozen=True):
    """How a plan is made; None stands for an option that was not given."""

    target: Addresses = frozenset()
    overwrite: Addresses = frozenset()
    allow_replace: Addresses = frozenset()
    allow_replica_delete: Addresses = frozenset()
    allow_recreate: int | None = None
    import_existing: bool = False
    destroy: bool = False
    watch: bool | None = None

    @property
    def consent(self) -> Consent:
        """What they allow by name."""
        return Consent(
            self.allow_replace, self.overwrite, self.allow_replica_delete, self.target, recreate=self.allow_recreate
        )

    @property
    def watches(self) -> bool:
        """Whether sources of watched documents are looked at; not where everything is to go."""
        return self.watch is not False and not self.destroy

    @property
    def given(self) -> dict[str, Any]:
        """Those that were given, by name; to look at sources is what happens anyway."""
        return {name: value for name, value in asdict(self).items() if value or (name == "watch" and value is False)}

    def document(self) -> dict[str, Any]:
        """Those that were given, as JSON values."""
        return {name: sorted(map(str, one)) if isinstance(one, frozenset) else one for name, one in self.given.items()}

    def words(self, *names: str) -> str:
        """Some of those that were given, as one types them."""
        return " ".join(word for name in names if name in self.given for word in _words(name, self.given[name]))


def read(document: object) -> PlanOptions:
    """The options of a plan file; StateError when they cannot be any."""
    try:
        if isinstance(document, Mapping):
            return PlanOptions(**{name: _READ[name](value) for name, value in document.items()})
    except (KeyError, ValueError, TypeError):
        pass
    message = "the options in the plan file are none that this version of tavusctl knows"
    raise StateError(message, "make a new one with plan --out", id="E920")


def check(typed: PlanOptions, made: PlanOptions) -> None:
    """Refuse options beside a plan file that was made with others; UsageError tells both."""
    names = [name for name, value in typed.given.items() if value != made.given.get(name, name == "watch")]
    if names:
        there = made.words(*names)
        made_so = f"with {there}" if there else "without"
        message = f"the command line says {typed.words(*names)}, and the plan file was made {made_so}"
        hint = "a plan file brings its options along: leave them out, or make a new plan with them"
        raise UsageError(message, hint, id="E1208")


class _Renamed(click.Option):
    """An option that goes by an older name, too, which its help does not tell."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return (record[0].split(",")[0], record[1]) if record else None


_OPTIONS: Final[tuple[Callable[[Command], Command], ...]] = (
    addresses_option("--target", help="Only this address and what it needs; repeatable."),
    addresses_option("--allow-replace", help="Agree to train this replica anew."),
    addresses_option("--allow-replica-delete", help="Agree to delete this replica."),
    addresses_option("--overwrite", help="Take the manifest's side in a conflict."),
    allow_recreate,
    click.option(
        "--import-existing",
        "--adopt",
        "import_existing",
        cls=_Renamed,
        is_flag=True,
        help="Take over objects that have the name of a planned create.",
    ),
    click.option("--watch/--no-watch", default=None, help="Look at the sources of watched documents, or not."),
)
_DESTROY: Final = click.option("--destroy", is_flag=True, help="Plan to delete everything that is managed.")


def plan_options(command: Command) -> Command:
    """The options themselves, for a command that makes PlanOptions of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def destroy_option(command: Command) -> Command:
    """The one of them that apply does not take: there it is a command of its own."""
    return _DESTROY(command)


def _addresses(value: list[str]) -> Addresses:
    return frozenset(Address.parse(one) for one in value)


def _true(value: object) -> bool:
    if value is not True:
        raise ValueError
    return True


def _false(value: object) -> bool:
    if value is not False:
        raise ValueError
    return False


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("target", "overwrite", "allow_replace", "allow_replica_delete"), _addresses),
    "allow_recreate": _count,
    "import_existing": _true,
    "destroy": _true,
    "watch": _false,
}


def _words(name: str, value: object) -> Iterator[str]:
    if isinstance(value, frozenset):
        yield from (f"{_switch(name)} {one}" for one in sorted(value))
    elif value is False:
        yield f"--no-{name}"
    else:
        yield _switch(name) if value is True else f"{_switch(name)} {value}"


def _switch(name: str) -> str:
    return f"--{name.replace('_', '-')}"
