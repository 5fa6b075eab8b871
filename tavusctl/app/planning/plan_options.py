"""The options of a plan, which `plan --out FILE` writes into the file and `apply FILE` reads back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec.structs import asdict, replace

from tavusctl.core.address import Address
from tavusctl.core.errors import StateError, UsageError
from tavusctl.engine.plan import Approvals
from tavusctl.lib.json_types import Json, JsonObject, as_boolean, as_integer, as_list, as_text

Addresses = frozenset[Address]


class PlanOptions(Approvals, frozen=True):
    """The options of a plan; None for an option that was not given."""

    watch: bool | None = None

    @property
    def named(self) -> Addresses:
        """All addresses that the options name."""
        return self.target | self.overwrite | self.allow_replace | self.allow_replica_delete

    def check_sense(self) -> None:
        """Raise UsageError for `finish` with `destroy`: a replacement is not finished if all is to be deleted."""
        if self.finish and self.destroy:
            raise UsageError("`--finish` and `--destroy` exclude each other", "use one of the two")

    @property
    def fetches_sources(self) -> bool:
        """Whether the sources of watched documents are fetched; not for a destroy."""
        return self.watch is not False and not self.destroy

    @property
    def non_default_options(self) -> JsonObject:
        """The options with a value, by name; `watch` only if it is False, because True is the default."""
        return {name: value for name, value in asdict(self).items() if value or (name == "watch" and value is False)}

    def document(self) -> JsonObject:
        """The options with a value, as JSON values."""
        return {
            name: sorted(map(str, one)) if isinstance(one, frozenset) else one
            for name, one in self.non_default_options.items()
        }

    def command_line(self, *names: str) -> str:
        """The command line of the named options, without those that have no value."""
        return " ".join(
            option
            for name in names
            if name in self.non_default_options
            for option in _words(name, self.non_default_options[name])
        )


def read(document: object) -> PlanOptions:
    """The options in a plan file; StateError if this version cannot read them."""
    try:
        if isinstance(document, Mapping):
            return replace(PlanOptions(), **{name: _READ[name](value) for name, value in document.items()})
    except (KeyError, ValueError, TypeError):
        pass
    message = "the plan file has options that this version of tavusctl does not know"
    raise StateError(message, "make a new plan file with `tavusctl plan --out FILE`", id="E920")


def check(options: PlanOptions, planned_options: PlanOptions) -> None:
    """Raise UsageError if options on the command line differ from those of the plan file."""
    names = [
        name
        for name, value in options.non_default_options.items()
        if value != planned_options.non_default_options.get(name, name == "watch")
    ]
    if names:
        file_options = planned_options.command_line(*names)
        phrase = f"with {file_options}" if file_options else "without"
        message = f"the command line has `{options.command_line(*names)}`, but the plan file was made {phrase}"
        hint = "remove these options, which the plan file contains, or make a new plan file with them"
        raise UsageError(message, hint, id="E1208")


def _addresses(value: Json) -> Addresses:
    return frozenset(Address.parse(as_text(one)) for one in as_list(value))


_READ: Final[Mapping[str, Callable[[Json], Json]]] = {
    **dict.fromkeys(("target", "overwrite", "allow_replace", "allow_replica_delete"), _addresses),
    "allow_recreate": as_integer,
    **dict.fromkeys(("finish", "import_existing", "destroy", "watch"), as_boolean),
}


def _words(name: str, value: object) -> Iterator[str]:
    if isinstance(value, frozenset):
        yield from (f"{_switch(name)} {address}" for address in sorted(value))
    elif value is False:
        yield f"--no-{name}"
    else:
        yield _switch(name) if value is True else f"{_switch(name)} {value}"


def _switch(name: str) -> str:
    return f"--{name.replace('_', '-')}"
