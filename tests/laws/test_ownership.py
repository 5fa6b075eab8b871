"""Whatever is managed, handed over, removed, linked away and put back: what others have is never deleted.

Nor is what a file says that could not be read.  What may be deleted is told by what happened, and not by the tool.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tavusctl.emulator import running
from tests.scenarios.everykind import COLLECTIONS, SPECS
from tests.scenarios.project import Account, Body, Project

NAMES = ("a", "b")
KIND = "guardrails"
VERBS = ("manage", "hand over", "remove", "link away", "put back", "import", "apply", "apply", "apply")
Move = tuple[str, str]
MOVES = st.lists(st.tuples(st.sampled_from(VERBS), st.sampled_from(NAMES)), min_size=3, max_size=14)
_accounts = itertools.count()


class World:
    """A project, and what its authors know of who has what."""

    def __init__(self, account: Account, root: Path) -> None:
        self.account = account
        self.project = Project(root, account)
        self.ids: dict[str, str] = {}  # of objects that were made here
        self.others: set[str] = set()  # names whose object others have, as the last apply saw it
        self.hidden: set[str] = set()  # names whose folder is a link
        self.project.manifest(KIND, "rest", {**SPECS[KIND], "name": "Rest"})
        for name in NAMES:
            self.manage(name)
        self.apply()

    def folder(self, name: str) -> Path:
        return self.project.root / "manifests" / name

    def _write(self, name: str, document: Body) -> None:
        if name not in self.hidden:
            self.project.write(f"manifests/{name}/it.yaml", json.dumps({"kind": KIND, "name": name, **document}))

    def manage(self, name: str) -> None:
        self._write(name, {"spec": {**SPECS[KIND], "name": name}})

    def hand_over(self, name: str) -> None:
        if name in self.ids:
            self._write(name, {"external": True, "id": self.ids[name]})

    def remove(self, name: str) -> None:
        if name not in self.hidden:
            (self.folder(name) / "it.yaml").unlink(missing_ok=True)

    def link_away(self, name: str) -> None:
        if name not in self.hidden and self.folder(name).is_dir():
            self.folder(name).rename(self.project.root / f"elsewhere-{name}")
            self.folder(name).symlink_to(f"../elsewhere-{name}")
            self.hidden.add(name)

    def put_back(self, name: str) -> None:
        if name in self.hidden:
            self.folder(name).unlink()
            (self.project.root / f"elsewhere-{name}").rename(self.folder(name))
            self.hidden.remove(name)

    def take_back(self, name: str) -> None:
        """Bind the object knowingly, where its manifest says that it is ours."""
        known = self.said(name)
        imported = known and "spec" in known and name in self.ids
        if imported and self.project.run("import", f"{KIND}/{name}", self.ids[name]).code == 0:
            self.others.discard(name)

    def said(self, name: str) -> Body | None:
        """What the manifest of a name says, wherever it lies."""
        path = self.folder(name) / "it.yaml"
        document: Body | None = json.loads(path.read_text()) if path.is_file() else None
        return document

    def apply(self) -> None:
        """Apply with consent to every delete that is planned, and see what has gone."""
        before = set(self.account.objects(COLLECTIONS[KIND]))
        plan = self.project.run("plan", "--format", "json").document
        count = plan.get("summary", {}).get("delete", 0)
        code = self.project.run("apply", "--yes", "--allow-deletes", str(count)).code
        gone = before - set(self.account.objects(COLLECTIONS[KIND]))
        may_go = {self.ids[name] for name in self.ids if self.said(name) is None and name not in self.others}
        assert gone <= (set() if self.hidden else may_go)
        assert not self.hidden or code == 10
        if not self.hidden:
            self._learn(gone)

    def _learn(self, gone: set[str]) -> None:
        """What an apply saw as external is others' from then on; what it made is ours."""
        for name in NAMES:
            if (self.said(name) or {}).get("external"):
                self.others.add(name)
            if self.ids.get(name) in gone:
                del self.ids[name]
        for remote_id, document in self.account.objects(COLLECTIONS[KIND]).items():
            if document["name"] in NAMES and self.ids.setdefault(document["name"], remote_id) != remote_id:
                pytest.fail(f"a second object called {document['name']}")

    def move(self, verb: str, name: str) -> None:
        verbs: dict[str, Callable[[str], None]] = {
            "manage": self.manage,
            "hand over": self.hand_over,
            "remove": self.remove,
            "link away": self.link_away,
            "put back": self.put_back,
            "import": self.take_back,
            "apply": lambda _: self.apply(),
        }
        verbs[verb](name)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An emulator for all examples, each of which has an account of its own."""
    with running() as server:
        yield server.url


@settings(
    max_examples=min(25, settings().max_examples // 3),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(MOVES)
@example([("hand over", "a"), ("apply", "a"), ("remove", "a"), ("apply", "a")])
@example([("link away", "a"), ("apply", "a"), ("put back", "a"), ("remove", "a"), ("apply", "a")])
@example([("hand over", "a"), ("apply", "a"), ("manage", "a"), ("apply", "a"), ("remove", "a"), ("apply", "a")])
@example([("hand over", "a"), ("apply", "a"), ("manage", "a"), ("import", "a"), ("remove", "a"), ("apply", "a")])
def test_nothing_of_others_and_nothing_unread_is_deleted(url: str, moves: Sequence[Move]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        account = Account(url, f"key-of-ownership-{next(_accounts)}")
        account.reset()
        world = World(account, Path(folder))
        for verb, name in moves:
            world.move(verb, name)
