"""Objects and mutations in SQLite: a file that outlives the server, or memory.

Deleted objects are only marked, so that lists can lag and the history can be read.  The change of an object and its
entry in the append-only list of mutations are one transaction.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tavusctl.emulator.http.messages import Json, Object

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
  created REAL NOT NULL, deleted REAL, document TEXT NOT NULL, hidden TEXT NOT NULL, UNIQUE (account, kind, id));
CREATE INDEX IF NOT EXISTS listed ON objects (account, kind, seq, created, deleted);
CREATE INDEX IF NOT EXISTS ids ON objects (id);
CREATE TABLE IF NOT EXISTS mutations (seq INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY);
"""
COLUMNS = "seq, account, kind, id, created, deleted, document, hidden"
PUT = """
INSERT INTO objects (account, kind, id, created, deleted, document, hidden) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account, kind, id) DO UPDATE SET
  created = excluded.created, deleted = excluded.deleted, document = excluded.document, hidden = excluded.hidden
"""
# The last two parameters are the same time, that of the list.
VISIBLE = "account = ? AND kind = ? AND created <= ? AND (deleted IS NULL OR deleted > ?)"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One stored object: `document` with its real secrets, `hidden` with what no read shows.

    `created` and `deleted` are seconds of the emulated clock; `seq` is the order of creation, 0 before it is stored.
    """

    account: str
    kind: str
    id: str
    created: float
    document: Object
    hidden: Object = field(default_factory=dict)
    deleted: float | None = None
    seq: int = 0

    def with_document(self, document: Object, **hidden: Json) -> StoredObject:
        """The same object with another document; `hidden` is merged into its hidden part."""
        return replace(self, document=document, hidden=self.hidden | hidden)


class Store:
    """The objects of all accounts."""

    def __init__(self, path: str | Path | None) -> None:
        if path is not None:
            _create(Path(path))
        self._db = sqlite3.connect(":memory:" if path is None else str(path), isolation_level=None)
        if path is not None:
            self._refuse_foreign()
            _make_private(Path(path))
        # Enough to survive a killed server.  Only a power cut can lose data, and no test needs that.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _refuse_foreign(self) -> None:
        """Raise sqlite3.DatabaseError for a database of another program, before anything is written to it."""
        tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and not tables >= {"objects", "mutations", "settings"}:
            self._db.close()
            raise sqlite3.DatabaseError("the file is a database of another program")

    def get(self, account: str, kind: str, id: str) -> StoredObject | None:
        """The live object of an id, or None."""
        row = self._db.execute(
            f"SELECT {COLUMNS} FROM objects WHERE account = ? AND kind = ? AND id = ? AND deleted IS NULL",  # noqa: S608
            (account, kind, id),
        ).fetchone()
        return None if row is None else _stored(row)

    def exists(self, account: str, kind: str, id: str) -> bool:
        """Whether there is such a live object."""
        return self.get(account, kind, id) is not None

    def live_objects(self, account: str, kind: str, as_of: float = math.inf) -> Iterator[StoredObject]:
        """All objects of a kind that were live at a time, in order of creation."""
        yield from self.slice(account, kind, 0, -1, as_of)

    def count(self, account: str, kind: str, as_of: float = math.inf) -> int:
        """The number of objects that `live_objects` yields."""
        row = self._db.execute(f"SELECT COUNT(*) FROM objects WHERE {VISIBLE}", (account, kind, as_of, as_of))  # noqa: S608
        return int(row.fetchone()[0])

    def slice(
        self, account: str, kind: str, skip: int, limit: int, as_of: float = math.inf, *, newest_first: bool = False
    ) -> list[StoredObject]:
        """A window of `live_objects`, or of its reverse; a limit of -1 is no limit."""
        order = "DESC" if newest_first else "ASC"
        rows = self._db.execute(
            # The subquery finds the window in the index, so that only the rows of the window are read.
            f"SELECT {COLUMNS} FROM objects WHERE seq IN"  # noqa: S608
            f" (SELECT seq FROM objects WHERE {VISIBLE} ORDER BY seq {order} LIMIT ? OFFSET ?) ORDER BY seq {order}",
            (account, kind, as_of, as_of, limit, skip),
        )
        return [_stored(row) for row in rows]

    def dump(self) -> list[StoredObject]:
        """All objects of all accounts, deleted ones included, in order of creation."""
        return [_stored(row) for row in self._db.execute(f"SELECT {COLUMNS} FROM objects ORDER BY seq")]  # noqa: S608

    def owners(self, kind: str, id: str) -> list[str]:
        """The accounts that have a live object of this kind and id."""
        rows = self._db.execute("SELECT account FROM objects WHERE kind = ? AND id = ? AND deleted IS NULL", (kind, id))
        return [row[0] for row in rows]

    def next_id(self, prefix: str, digits: int) -> str:
        """The id for the next object: `prefix` and as many hexadecimal digits as `digits` says.

        The id depends on how often an object was stored, by creation or by change, so runs that make the same calls of
        `put` in the same order get the same ids.  Two calls with none between return the same id.  It is never one
        that an object of any kind has: a seed may bring ids that were made in another order.
        """
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'objects'").fetchone()
        numbers = itertools.count((row[0] if row else 0) + 1)
        ids = (prefix + hashlib.sha256(f"{prefix}{number}".encode()).hexdigest()[:digits] for number in numbers)
        return next(new_id for new_id in ids if not self._has_id(new_id))

    def _has_id(self, id: str) -> bool:
        return self._db.execute("SELECT 1 FROM objects WHERE id = ?", (id,)).fetchone() is not None

    def put(self, stored: StoredObject, mutation: Object | None = None) -> None:
        """Insert or replace an object and append its mutation, if there is one, in one transaction."""
        with self._db:
            self._db.execute("BEGIN")
            head = stored.account, stored.kind, stored.id, stored.created, stored.deleted
            self._db.execute(PUT, (*head, json.dumps(stored.document), json.dumps(stored.hidden)))
            if mutation is not None:
                self._db.execute("INSERT INTO mutations (entry) VALUES (?)", (json.dumps(mutation),))

    def mutations(self, since: int = 0) -> list[Object]:
        """The committed mutations after a sequence number, oldest first."""
        rows = self._db.execute("SELECT seq, entry FROM mutations WHERE seq > ? ORDER BY seq", (since,))
        return [{"seq": seq, **json.loads(entry)} for seq, entry in rows]

    def add_account(self, account: str) -> bool:
        """Record an account; whether it is new."""
        return self._db.execute("INSERT OR IGNORE INTO accounts VALUES (?)", (account,)).rowcount == 1

    def accounts(self) -> list[str]:
        """Every account that ever called or was seeded."""
        return [row[0] for row in self._db.execute("SELECT name FROM accounts ORDER BY name")]

    def setting(self, name: str) -> Json:
        """A stored setting, or None."""
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def save_setting(self, name: str, value: Json) -> None:
        """Store a setting for the next start."""
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def clear(self) -> None:
        """Delete everything; ids and sequence numbers start again."""
        for table in ("objects", "mutations", "settings", "accounts", "sqlite_sequence"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above


def _create(path: Path) -> None:
    """Create the database file if it is missing; it is private before SQLite writes to it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from None


def _make_private(path: Path) -> None:
    """Let only the owner read the database file: it contains API keys and secrets.

    SQLite gives the files beside a database the permissions of the database; those that an older run has left are made
    private here.  sqlite3.OperationalError if that fails.
    """
    try:
        for file in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))):
            if file.exists():
                file.chmod(0o600)
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from None


def _stored(row: tuple[Json, ...]) -> StoredObject:
    seq, account, kind, ident, created, deleted, document, hidden = row
    return StoredObject(account, kind, ident, created, json.loads(document), json.loads(hidden), deleted, seq)
