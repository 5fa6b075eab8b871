"""What the project file says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from tavusctl.lib.json_types import Json

FILE: Final = "tavusctl.yaml"


class Environment(Struct, frozen=True):
    """One account that the project is applied to."""

    name: str = "default"
    account: str = ""  # a label, bound to the account on first use
    api_key_env: str = "TAVUS_API_KEY"
    state: str = ""  # URL of the store; empty: a file in the project
    vars: Mapping[str, Json] = field(default_factory=dict)
    overlay: str = ""  # folder of manifests laid over those of the project, from its root; empty: there is none
    uploads: str = ""  # URL of the folder for files of documents that name no other
    demo: bool = False  # an emulator on this machine in place of an account
    crawl_limit: int = 0  # objects with a crawl that Tavus has agreed to; 0: as many as everybody may have


class Safety(Struct, frozen=True):
    """Limits on deletes in one run; lifted only by `--allow-deletes N`."""

    max_deletes: int = 5
    max_delete_ratio: float = 0.3  # of the managed objects


class Limit(Struct, frozen=True):
    """A limit of `safety:` that is higher than at the last apply."""

    name: str  # as the project file has it: safety.max_deletes
    before: float
    now: float

    def __str__(self) -> str:
        return f"`{self.name}` is raised from {self.before:g} to {self.now:g}"


def raised(before: Safety | None, now: Safety) -> tuple[Limit, ...]:
    """Which limits allow more than they did at the last apply; none where nothing was applied before."""
    pairs = [(f"safety.{name}", getattr(before or now, name), getattr(now, name)) for name in Safety.__struct_fields__]
    return tuple(Limit(*pair) for pair in pairs if pair[2] > pair[1])


def strictest(before: Safety | None, now: Safety) -> Safety:
    """The limits by which deletes are judged: whoever raises one does not profit from it in the same run."""
    known = before or now
    deletes, ratio = min(known.max_deletes, now.max_deletes), min(known.max_delete_ratio, now.max_delete_ratio)
    return Safety(deletes, ratio)


class Known(Struct, frozen=True):
    """What an environment reads and opens, as somebody has agreed to by an apply or a merge."""

    key: str = ""  # variable with the API key
    secrets: tuple[str, ...] = ()  # variables that manifests may read
    used: tuple[str, ...] = ()  # those that they do read
    uploads: tuple[str, ...] = ()  # where files of documents go


class Output(Struct, frozen=True):
    """What an application finds under one name: the id of an address, the ids of several, or a text as it is."""

    addresses: tuple[str, ...] = ()
    many: bool = False  # written as a list, so it stays one also with a single address
    value: Json = None  # the text, number or boolean that stands there in place of ids
    places: tuple[tuple[int, int], ...] = ()  # line and column of each address in the project file


class Project(Struct, frozen=True):
    """The settings of a project file; `root` and `manifests` are absolute paths."""

    root: str
    manifests: str
    secrets: tuple[str, ...] = ()  # environment variables that manifests may read, and nothing else
    environments: Mapping[str, Environment] = field(default_factory=dict)
    safety: Safety = Safety()
    outputs: Mapping[str, Output] = field(default_factory=dict)  # by the name that applications know
    doubtful: frozenset[str] = frozenset()  # keys that something is wrong with, and that are taken as left out

    @classmethod
    def default(cls, root: Path) -> Project:
        """The project where there is no project file."""
        return cls(str(root), str(root / "manifests"), environments={"default": Environment()})
