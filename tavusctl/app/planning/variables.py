"""Variables for keys that the account has: which one stands for a new key, and what a person has to do about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.project_settings import FILE
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.lib.json_types import KeyPath
from tavusctl.rewrite import keys
from tavusctl.rewrite.export import with_secrets
from tavusctl.secrets.values import Unread


class Variables(Struct):
    """Names that stand for keys: those that a project has, and those that a run makes."""

    listed: Collection[str]  # under `secrets:` of the project file
    value_of: Callable[[str], str | Unread]  # of a variable, as far as this run may read it; empty without one
    used: set[str] = field(default_factory=set)  # by manifests
    unset: set[str] = field(default_factory=set)  # names of this run whose variables do not hold the keys yet

    def naming(self, address: Address, named: list[str]) -> Callable[[KeyPath, str], str]:
        """What names the keys of one object, and notes each name.

        A secret of the project that has the very value stands for it.  A name of somebody else is not taken: one that
        a manifest has, or whose variable holds another value.
        """

        def name(path: KeyPath, value: str) -> str:
            known = (one for one in sorted(self.listed) if self.value_of(one) == value)
            found = next(known, "") or next(
                one for one in keys.names(address, path) if one not in named and self._is_free(one, value)
            )
            named.append(found)
            return found

        return name

    def note(self, names: Iterable[str]) -> None:
        """Count names as used; those of variables that hold nothing yet are to be told."""
        names = set(names)
        self.used |= names
        self.unset |= {one for one in names if not self._holds(one)}

    def _is_free(self, name: str, value: str) -> bool:
        return name not in self.used and (not self._holds(name) or self.value_of(name) == value)

    def _holds(self, name: str) -> bool:
        """Whether a variable is known to hold a value."""
        value = self.value_of(name)
        return isinstance(value, str) and bool(value)


def variables_of(prepared: PreparedPlan, listed: Collection[str], value_of: Callable[[str], str | Unread]) -> Variables:
    """The names that a project has."""
    used = {name for one in prepared.desired for names in one.reads.values() for name in names}
    return Variables(listed, value_of, used)


def told(names: Collection[str]) -> tuple[str, ...]:
    """Lines that say which variables must be set, and to what."""
    if not names:
        return ()
    head = "the manifests refer to keys of the account by these environment variables:"
    return (head, *(f"  {name}" for name in sorted(names)))


def are_listed(root: Path, names: Collection[str]) -> bool:
    """Whether the project file has these names under `secrets:` now."""
    path = root / FILE
    text = path.read_bytes().decode() if path.is_file() else ""
    return with_secrets(text, tuple(names)) == text
