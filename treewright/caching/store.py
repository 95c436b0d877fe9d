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

from search.fault import Fault

GIB = 2**30
MOST_BYTES = 2 * GIB
"""What is kept at most; then what was not used for longest is forgotten."""
KEPT = 0.9
"""The share of it that is left."""
LOOK = 64
"""After so many replies it is looked how large the store is."""
DAY = 86_400
"""Seconds; when a reply was used last is known to the day, so that a hit is rarely a write."""
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


class StoreError(Fault):
    """A store that cannot be used. One line: file, what is wrong, what to do."""


class StoreDamaged(StoreError):
    """Its file is not what SQLite wrote."""


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
        with self._telling():
            if file is not None:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open(file)

    def close(self) -> None:
        """Idempotent."""
        with suppress(sqlite3.Error):  # all that was put is kept or lost by now
            self._base.close()

    def get(self, key: bytes) -> bytes | None:
        """The value that was put, None where there is none, or not as it was put."""
        with self._telling():
            row = self._base.execute(
                "SELECT used, crc, value FROM reply WHERE key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            used, crc, value = row
            if not isinstance(value, bytes) or crc != crc32(key + value):
                self._base.execute("DELETE FROM reply WHERE key = ?", (key,))
                return None
            if used < now() - DAY:
                self._base.execute("UPDATE reply SET used = ? WHERE key = ?", (now(), key))
            return value

    def put(self, key: bytes, part: StoredPart, value: bytes) -> None:
        """Keep a value. Of two, from two processes say, the first is kept."""
        crc = crc32(key + value)
        with self._telling():
            with self._writing():
                row = (key, self._number(part), now(), crc, value)
                self._base.execute("INSERT OR IGNORE INTO reply VALUES (?, ?, ?, ?, ?)", row)
            self._puts += 1
            if self._puts % LOOK == 0:
                self._forget()

    def holdings(self) -> list[Holding]:
        """What there is of each part, by side, kind and model."""
        with self._telling():
            rows = self._base.execute(
                "SELECT identity, side, kind, model, COUNT(*), SUM(LENGTH(value)), MAX(used) "
                "FROM reply JOIN part ON part.id = reply.part GROUP BY part.id "
                "ORDER BY side, kind, model, part.id"
            ).fetchall()
        return [Holding(StoredPart(*row[:4]), *row[4:]) for row in rows]

    def clear(self, unused_days: int = 0) -> int:
        """Forget what was not used for so many days, 0: all. Returns how many replies that was."""
        with self._telling():
            with self._writing():
                gone = self._base.execute(
                    "DELETE FROM reply WHERE used <= ?", (now() - unused_days * DAY,)
                ).rowcount
                self._base.execute("DELETE FROM part WHERE id NOT IN (SELECT part FROM reply)")
            self._base.execute("VACUUM")
        return gone

    def size(self) -> int:
        """Bytes in use, of the file or of the memory."""
        with self._telling():
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
            raise self._wrong(f"is of format {self._pragma('user_version')}, this is {FORMAT}")
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = NORMAL")

    def _begin(self, file: Path | None) -> None:
        """Make the tables, unless another process is at it; in no other program's file."""
        with self._writing():
            if self._pragma("application_id") == OURS:
                return
            if self._base.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() != (0,):
                raise self._wrong("is no cache of Treewright")
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
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            hint = "see that nobody holds it, its folder can be written and its disk has room"
            raise self._wrong(f"cannot be used: {error}", hint) from error
        except sqlite3.Error as error:
            problem = f"{self.file}: is damaged: {error}"
            where = self.file.parent if self.file else ""
            hint = f"`treewright cache {where} --clear` removes it"
            raise StoreDamaged(problem, hint) from error
        except OSError as error:
            hint = "it must be a folder that can be written"
            raise self._wrong(f"cannot be made: {error.strerror}", hint) from error

    def _wrong(self, problem: str, hint: str = "name another folder") -> StoreError:
        return StoreError(f"{self.file or 'the cache in memory'}: {problem}", hint)


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())
