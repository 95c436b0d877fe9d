"""The store of a cache: one SQLite file, for several processes at once, that forgets what is old.

A reply lies under a hash of all that decides it (`treewright.caching.keys`), as JSON with a CRC:
data, never code. SQLite's write-ahead log keeps the file whole when a process is killed while it
writes, and lets others read meanwhile; it needs a disk of this machine (sqlite.org/wal.html).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from treewright.caching.faults import telling, unreadable, wrong
from treewright.caching.place import is_anybodys, make

GIB = 2**30
MOST_BYTES = 2 * GIB
"""What is kept at most; then what was not used for longest is forgotten."""
KEPT = 0.9
"""The share of it that is left."""
LOOK = 64
"""Every so many replies it is looked how large the store is."""
DAY = 86_400
"""Seconds; when a reply was used last is known to the day, so that a hit is rarely a write."""
FOREVER = 200_000_000_000
"""Seconds since 1970 at which nobody used anything."""
PATIENCE = 10.0
"""Seconds to wait for another process that writes."""
OURS = 0x54577263
"""Tells our files from those of other programs: `PRAGMA application_id`."""
FORMAT = 1
TABLES = """
CREATE TABLE part (
    id INTEGER PRIMARY KEY, identity TEXT UNIQUE NOT NULL,
    side TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL
);
CREATE TABLE reply (
    key BLOB PRIMARY KEY, part INTEGER NOT NULL REFERENCES part, used INTEGER NOT NULL,
    crc INTEGER NOT NULL, value BLOB NOT NULL
);
CREATE INDEX reply_used ON reply (used);
"""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A policy or a scorer whose replies are kept.

    `identity` is a hash of what its replies follow from. Parts of one kind and model may differ in
    it: in other keys, files or code.
    """

    identity: str
    side: str
    kind: str
    model: str


@dataclass(frozen=True, slots=True)
class Holding:
    """What a store has of a part: how many replies, their bytes, and when one was used last."""

    part: StoredPart
    replies: int
    size: int
    used: int


class ReplyStore:
    """Replies by key. `file` None is kept in memory. Raises `StoreError` from every method."""

    def __init__(self, file: Path | None, most_bytes: int = MOST_BYTES) -> None:
        self.file = file
        self.most_bytes = most_bytes
        self._puts = 0
        with telling(self.file):
            if file is not None:
                make(file)
                if is_anybodys(file):
                    problem = "anybody can write to it, and could put judgements there"
                    raise wrong(file, problem, "remove it, or `chmod o-w` it if nobody did")
            self._open(file)

    def close(self) -> None:
        """Idempotent."""
        with suppress(sqlite3.Error):  # all that was put is kept or lost by now
            self._base.close()

    def get(self, key: bytes) -> bytes | None:
        """The value that was put, None where there is none, or not as it was put."""
        with telling(self.file):
            row = self._base.execute(
                "SELECT used, crc, value FROM reply WHERE key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            used, crc, value = row
            whole = isinstance(value, bytes) and isinstance(used, int)
            if not whole or crc != crc32(key + value):
                self._base.execute("DELETE FROM reply WHERE key = ?", (key,))
                return None
            if used < now() - DAY:
                self._base.execute("UPDATE reply SET used = ? WHERE key = ?", (now(), key))
            return bytes(value)

    def put(self, key: bytes, part: StoredPart, value: bytes) -> None:
        """Keep a value. Of two, from two processes say, the first is kept."""
        crc = crc32(key + value)
        with telling(self.file):
            with self._writing():
                row = (key, self._number(part), now(), crc, value)
                self._base.execute("INSERT OR IGNORE INTO reply VALUES (?, ?, ?, ?, ?)", row)
            if self._puts % LOOK == 0:  # at the first too: a run may put fewer
                self._forget()
            self._puts += 1

    def holdings(self) -> list[Holding]:
        """What there is of each part, by side, kind and model."""
        with telling(self.file):
            rows = self._base.execute(
                "SELECT identity, side, kind, model, COUNT(*), SUM(LENGTH(value)), MAX(used) "
                "FROM reply JOIN part ON part.id = reply.part GROUP BY part.id "
                "ORDER BY side, kind, model, part.id"
            ).fetchall()
            for *_, used in rows:
                if not isinstance(used, int) or not 0 <= used < FOREVER:
                    raise ValueError(f"a reply was used at {used!r}")
        return [Holding(StoredPart(*row[:4]), *row[4:]) for row in rows]

    def clear(self, unused_days: int = 0) -> int:
        """Forget what was not used for so many days, 0: all. Returns how many replies that was."""
        with telling(self.file):
            with self._writing():
                if unused_days:
                    last = (now() - unused_days * DAY,)
                    gone = self._base.execute("DELETE FROM reply WHERE used <= ?", last).rowcount
                else:  # whatever the clock said when it was used
                    gone = self._base.execute("DELETE FROM reply").rowcount
                self._base.execute("DELETE FROM part WHERE id NOT IN (SELECT part FROM reply)")
            self._base.execute("VACUUM")
        return gone

    def size(self) -> int:
        """Bytes in use, of the file or of the memory."""
        with telling(self.file):
            return self._size()

    def _open(self, file: Path | None) -> None:
        self._base = sqlite3.connect(
            ":memory:" if file is None else file,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        self._base.execute("PRAGMA trusted_schema = OFF")  # the file may be another's
        if self._pragma("application_id") != OURS:
            self._begin(file)
        elif self._pragma("user_version") != FORMAT:
            problem = f"is of format {self._pragma('user_version')}, this is {FORMAT}"
            raise unreadable(file, problem)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = NORMAL")

    def _begin(self, file: Path | None) -> None:
        """Make the tables, unless another process is at it; in no other program's file."""
        with self._writing():
            if self._pragma("application_id") == OURS:
                return
            if self._base.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() != (0,):
                raise wrong(file, "is no cache of Treewright")
            for statement in TABLES.strip().split(";\n"):
                self._base.execute(statement)
            self._base.execute(f"PRAGMA application_id = {OURS}")
            self._base.execute(f"PRAGMA user_version = {FORMAT}")
        if file is not None:
            with suppress(OSError):
                file.chmod(0o600)  # what models said of somebody's problems

    def _number(self, part: StoredPart) -> int:
        """The part's number in this file; another process may have cleared it since."""
        told = (part.identity, part.side, part.kind, part.model)
        self._base.execute(
            "INSERT OR IGNORE INTO part (identity, side, kind, model) VALUES (?, ?, ?, ?)", told
        )
        found = self._base.execute("SELECT id FROM part WHERE identity = ?", told[:1]).fetchone()
        return int(found[0])

    def _forget(self) -> None:
        """Where there is too much, forget tenths of it, what was used longest ago first."""
        if self._size() <= self.most_bytes:
            return
        while self._size() > KEPT * self.most_bytes:
            (number,) = self._base.execute("SELECT COUNT(*) FROM reply").fetchone()
            gone = self._base.execute(
                "DELETE FROM reply WHERE rowid IN "
                "(SELECT rowid FROM reply ORDER BY used, rowid LIMIT ?)",
                (max(1, number // 10),),
            ).rowcount
            if gone < 1:
                return

    def _size(self) -> int:
        pages = self._pragma("page_count") - self._pragma("freelist_count")
        return pages * self._pragma("page_size")

    def _pragma(self, name: str) -> int:
        (value,) = self._base.execute(f"PRAGMA {name}").fetchone()
        return int(value)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._base.in_transaction:  # of some errors SQLite has ended it itself
                self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())
