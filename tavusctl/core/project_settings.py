"""The settings of the project file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from tavusctl.lib.json_types import Json

FILE: Final = "tavusctl.yaml"


class Environment(Struct, frozen=True):
    """One account that the project is applied to."""

    name: str = "default"
    account: str = ""  # a label, bound to the account on first use
    api_key_env: str = "TAVUS_API_KEY"
    state: str = ""  # URL of the store; empty: a file in the project
    vars: Mapping[str, Json] = {}
    overlay: str = ""  # folder of manifests that lie over the others, relative to the root; empty: none
    uploads: str = ""  # URL of the folder for files of documents that name no other folder
    demo: bool = False  # an emulator on this machine in place of an account
    crawl_limit: int = 0  # crawled objects that Tavus has agreed to; 0: as many as any account may have
    key_file_variable: str = ""  # of this run, if the API key comes from the file that this variable names

    @property
    def key_source(self) -> str:
        """Where the API key comes from, in words; it names an account that has no label."""
        return "the local emulator" if self.demo else self.key_file_variable or self.api_key_env


class Safety(Struct, frozen=True):
    """Limits on deletes in one run; lifted only by `--allow-deletes N`."""

    max_deletes: int = 5
    max_delete_ratio: float = 0.3  # of the managed objects


class Limit(Struct, frozen=True):
    """A limit of `safety:` that is higher than at the last apply."""

    name: str  # its key in the project file: safety.max_deletes
    before: float
    now: float

    def __str__(self) -> str:
        return f"{self.name} is raised from {self.before:g} to {self.now:g}"


def raised_limits(before: Safety | None, now: Safety) -> tuple[Limit, ...]:
    """The limits that are higher than at the last apply; none if nothing was applied before."""
    pairs = [(f"safety.{name}", getattr(before or now, name), getattr(now, name)) for name in Safety.__struct_fields__]
    return tuple(Limit(*pair) for pair in pairs if pair[2] > pair[1])


def strictest_limits(before: Safety | None, now: Safety) -> Safety:
    """The limits on deletes for this run: a limit that is raised in a run takes effect after it."""
    previous = before or now
    deletes, ratio = min(previous.max_deletes, now.max_deletes), min(previous.max_delete_ratio, now.max_delete_ratio)
    return Safety(deletes, ratio)


class ApprovedInputs(Struct, frozen=True):
    """The variables and stores that an environment uses, as approved by an apply or a merge."""

    key: str = ""  # environment variable with the API key
    secrets: tuple[str, ...] = ()  # environment variables that manifests may read
    used: tuple[str, ...] = ()  # those of them that manifests do read
    uploads: tuple[str, ...] = ()  # URLs of the folders for files of documents


class Output(Struct, frozen=True):
    """The output that an application gets under one name: the id of an address, a list of ids, or a literal value."""

    addresses: tuple[str, ...] = ()
    many: bool = False  # written as a list: it stays a list, also with a single address
    value: Json = None  # a literal text, number or boolean in place of ids
    places: tuple[tuple[int, int], ...] = ()  # line and column of each address in the project file


class Project(Struct, frozen=True):
    """The settings of a project file; `root` and `manifests` are absolute paths."""

    root: str
    manifests: str
    secrets: tuple[str, ...] = ()  # the only environment variables that manifests may read
    environments: Mapping[str, Environment] = {}
    safety: Safety = Safety()
    outputs: Mapping[str, Output] = {}  # by the name under which applications get them
    doubtful: frozenset[str] = frozenset()  # keys with errors, which count as left out

    @classmethod
    def default(cls, root: Path) -> Project:
        """The project of a folder without a project file."""
        return cls(str(root), str(root / "manifests"), environments={"default": Environment()})
