"""Environment variables for secret values of the account: the name for a new value, and what the user has to set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from msgspec import Struct

from tavusctl.core.address import Address
from tavusctl.core.project_settings import FILE
from tavusctl.lib.json_types import KeyPath
from tavusctl.rewrite import keys
from tavusctl.rewrite.export import with_secrets
from tavusctl.secrets.values import UnreadSecret


class SecretNames(Struct):
    """Names of variables for secret values: those of the project, and those that a run adds."""

    listed: Collection[str]  # under `secrets:` of the project file
    value_of: Callable[[str], str | UnreadSecret]  # by name; Unread if this run may not read it, empty if it is not set
    used: set[str] = set()  # names that manifests use
    unset: set[str] = set()  # names of this run whose variables are not set yet
    unshown: set[str] = set()  # names for keys that no read shows

    def name_function(self, address: Address, named: list[str]) -> Callable[[KeyPath, str | None], str]:
        """A function that names the secret values of one object, and appends each name to `named`.

        A secret of the project that holds this very value is used again.  A new name is never one that a manifest
        uses, or one whose variable holds another value.  The value of a key that no read shows is None.
        """

        def name(path: KeyPath, value: str | None) -> str:
            matches = (listed for listed in sorted(self.listed) if value is not None and self.value_of(listed) == value)
            chosen = next(matches, "") or next(
                free for free in keys.names(address, path) if free not in named and self._is_free(free, value)
            )
            named.append(chosen)
            self.unshown |= {chosen} if value is None else set()
            return chosen

        return name

    def record(self, names: Iterable[str]) -> None:
        """Record names as used; variables without a known value are also recorded as unset."""
        names = set(names)
        self.used |= names
        self.unset |= {name for name in names if not self._holds(name)}

    def _is_free(self, name: str, value: str | None) -> bool:
        return name not in self.used and (value is None or not self._holds(name) or self.value_of(name) == value)

    def _holds(self, name: str) -> bool:
        """Whether a variable holds a value that this run may read."""
        value = self.value_of(name)
        return isinstance(value, str) and bool(value)


def instructions(names: Collection[str]) -> tuple[str, ...]:
    """Lines that list the variables which the user must set; empty without names."""
    if not names:
        return ()
    head = "the manifests refer to keys of the account by these environment variables:"
    return (head, *(f"  {name}" for name in sorted(names)))


def are_listed(root: Path, names: Collection[str]) -> bool:
    """Whether the project file has these names under `secrets:` now."""
    path = root / FILE
    text = path.read_bytes().decode() if path.is_file() else ""
    return with_secrets(text, tuple(names)) == text
