"""The journal of a run: append-only, the only truth, and what a resumed search replays.

A folder of files `<writer>.jsonl`, each written by one process (the run folder's lock). On
opening, all are read: a torn last line is dropped, a corrupt one is copied to `<writer>.bad` and
its call is asked again, and the first of two records of one call counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self, TypeVar

from search.core import Missing, Spending
from search.ports import PolicyCall, PolicyReply, ReplayError, ScorerCall, ScorerReply
from treewright.files.opening import UnsafeFile, open_inside
from treewright.files.reading import LONGEST_LINE, files_in, lines_of
from treewright.files.writing import make_folder, write_bytes
from treewright.journal.appender import Appender
from treewright.journal.codec import (
    Json,
    decode_policy_reply,
    decode_scorer_reply,
    decode_spent,
    encode_policy_reply,
    encode_scorer_reply,
)
from treewright.journal.damage import JournalCounts, JournalError
from treewright.journal.index import POLICY, REPLIES, SCORER, JournalIndex, RecordPlace
from treewright.journal.records import (
    VERSION,
    BadRecord,
    CorruptRecord,
    Record,
    UnknownVersion,
    reread,
    seal,
    unseal,
)

__all__ = ["Journal", "JournalError"]

T = TypeVar("T")


class Journal:
    """Implements `search.ports.Memory` and keeps free records beside."""

    def __init__(self, folder: Path, *, readonly: bool, durable: bool = True) -> None:
        self.folder = folder
        self.readonly, self.durable = readonly, durable
        self._index = JournalIndex(self._record_at)
        self._known: dict[str, int] = {}
        self._files: dict[str, int] = {}
        self._good: dict[str, int] = {}
        self._open = ExitStack()
        self._writer = ""
        self._appender: Appender | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        writer: str = "driver",
        *,
        readonly: bool = False,
        durable: bool = True,
    ) -> Journal:
        """Read all that is there, then be ready to append to `<writer>.jsonl`.

        With `readonly` nothing on disk is touched, and another process may be writing. `durable`:
        as of `Appender`.

        Raises:
            JournalError: a file cannot be read or written, or another version wrote it.
        """
        journal = cls(folder, readonly=readonly, durable=durable)
        try:
            journal._load()
            if not readonly:
                journal._start(writer)
        except OSError as error:
            journal.close()
            where = error.filename or folder
            raise JournalError(f"{where}: cannot be opened: {error.strerror}") from error
        except (JournalError, UnsafeFile):
            journal.close()
            raise
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def counts(self) -> JournalCounts:
        """What was found and written so far."""
        return self._index.counts

    @property
    def failed(self) -> Set[str]:
        """The problems of which a call, or which as a whole, failed at some time."""
        return self._index.failed

    def close(self) -> None:
        """Finish the write under way and close all files. Idempotent."""
        self._open.close()

    def recall(
        self, key: str, digest: str, call: PolicyCall | ScorerCall
    ) -> PolicyReply | ScorerReply | None:
        """The recorded reply to `call`, or None.

        Raises:
            ReplayError: the key was recorded with another digest. Not after a failure of the same
                problem: then the search went on without a reply that it may have now, so what
                followed is out of date and is asked again. Nor in a journal with corrupt lines: a
                real engine gives another reply to the call that is asked again.
            JournalError: the record cannot be read any more.
        """
        recorded = self._index.replies(key)
        if (place := recorded.get(digest)) is not None:
            return self._reply(place, call)
        problem = call.path.problem.id
        if recorded and not self.counts.corrupt and problem not in self._index.failed:
            raise ReplayError(key)
        if isinstance(call, PolicyCall):
            self._known[key] = len(call.path.steps)
        return None

    async def record(self, key: str, digest: str, reply: PolicyReply | ScorerReply) -> None:
        """Return once the reply is durable.

        A policy reply is stored without the steps of its call when `recall` saw that call.

        Raises:
            JournalError: it could not be written; nor can anything after it.
            ValueError: a transient `Missing`, which must be asked again, or a number that is none.
        """
        if digest in self._index.replies(key):
            self.counts.duplicates += 1
            return
        if isinstance(reply, PolicyReply):
            kind, data = POLICY, encode_policy_reply(reply, self._known.pop(key, 0))
        else:
            refuse_transient(key, reply)
            kind, data = SCORER, encode_scorer_reply(reply)
        await self._append(kind, key, data, digest)

    async def append(self, kind: str, key: str, payload: Json) -> None:
        """Record any JSON object; return once it is durable.

        A `failure` names its problem in `payload["problem"]`.
        """
        if kind in REPLIES:
            raise ValueError(f"{kind}: is recorded by record(), with a digest")
        await self._append(kind, key, payload, None)

    def let_go(self, problem: str) -> None:
        """Hold no more what was answered on a problem: its search has ended."""
        self._index.let_go(problem)

    def latest(self, kind: str) -> Mapping[str, Json]:
        """The last payload of each key; not for replies."""
        return self._index.latest(kind)

    def spent_on(self, problems: Collection[str]) -> Spending:
        """What all recorded replies on some problems cost, and all calls that failed.

        Raises:
            JournalError: a record cannot be read any more.
        """
        spent = sum(map(self._index.spent_failing, set(problems)), Spending())
        for key, place in self._index.replies_on(problems):
            data = self._read(place)
            with self._placed(place):
                cost = decode_spent(data.get("spent"))
            drawn = key.startswith(f"{POLICY}/")
            spent += Spending(policy=cost) if drawn else Spending(verifier=cost)
        return spent

    async def _append(self, kind: str, key: str, data: Json, digest: str | None) -> None:
        if self._appender is None:
            raise JournalError(f"{self.folder}: is open for reading only")
        line = seal(kind, key, data, digest)
        record = Record(kind, key, digest, b"") if kind in REPLIES else unseal(line)
        if len(line) > LONGEST_LINE:
            raise JournalError(f"{self.folder}: a record of {len(line)} bytes is too long ({key})")
        offset = await self._appender.append(line)
        self._index.add(RecordPlace(self._writer, offset, len(line)), record)

    def _reply(
        self, place: RecordPlace, call: PolicyCall | ScorerCall
    ) -> PolicyReply | ScorerReply:
        data = self._read(place)
        with self._placed(place):
            if isinstance(call, PolicyCall):
                return decode_policy_reply(data, call)
            return decode_scorer_reply(data, len(call.path.steps))

    def _read(self, place: RecordPlace) -> Json:
        return self._line_at(place, reread)

    def _record_at(self, place: RecordPlace) -> Record:
        return self._line_at(place, unseal)

    def _line_at(self, place: RecordPlace, reading: Callable[[bytes], T]) -> T:
        """What a line says that was read before."""
        line = os.pread(self._files[place.writer], place.length, place.offset)
        try:
            with self._placed(place):
                return reading(line)
        except (CorruptRecord, UnknownVersion) as error:
            path = self.folder / f"{place.writer}.jsonl"
            raise JournalError(
                f"{path}: changed on disk at byte {place.offset} while it was in use"
            ) from error

    @contextmanager
    def _placed(self, place: RecordPlace) -> Iterator[None]:
        """What is wrong with a record inside the block is told with its place."""
        try:
            yield
        except (BadRecord, ValueError) as error:
            raise place.not_ours(self.folder, error) from error

    def not_ours(self, kind: str, key: str, problem: Exception) -> JournalError:
        """The error that what is known latest of a key is nothing that Treewright writes."""
        return self._index.place(kind, key).not_ours(self.folder, problem)

    def _load(self) -> None:
        root, name = self.folder.parent, self.folder.name
        if not os.path.lexists(self.folder):
            if self.readonly:
                raise JournalError(f"{self.folder}: there is no journal; has this run begun?")
            root.mkdir(parents=True, exist_ok=True)
            make_folder(root, name)
        for file in files_in(root, name, ".jsonl"):
            self._load_file(self.folder / file)
        self._index.opened()

    def _load_file(self, path: Path) -> None:
        """Take in all whole lines of a file."""
        size, good, bad = self._read_from(path), 0, list[RecordPlace]()
        with os.fdopen(self._files[path.stem], "rb", closefd=False) as file:
            for number, line in enumerate(lines_of(file, path), 1):
                if not line.endswith(b"\n"):
                    break
                place = RecordPlace(path.stem, good, len(line), number)
                if not self._added(place, line):
                    bad.append(place)
                good += len(line)
        self._good[path.stem] = good
        self.counts.torn += size - good
        self.counts.corrupt += len(bad)
        if bad and not self.readonly:
            self._set_aside(path, bad)

    def _added(self, place: RecordPlace, line: bytes) -> bool:
        """Take in a line; whether it is as it was written."""
        try:
            self._index.add(place, unseal(line))
        except CorruptRecord:
            return False
        except BadRecord as error:
            raise place.not_ours(self.folder, error) from error
        except UnknownVersion as error:
            raise JournalError(
                f"{self.folder / place.writer}.jsonl: holds a record of version {error.version}, "
                f"this is version {VERSION}: use the Treewright that wrote it"
            ) from error
        return True

    def _set_aside(self, path: Path, bad: list[RecordPlace]) -> None:
        """Copy the corrupt lines to a file of their own, the same one at every opening."""
        fd = self._files[path.stem]
        lines = [os.pread(fd, place.length, place.offset) for place in bad]
        name = f"{self.folder.name}/{path.stem}.bad"
        write_bytes(self.folder.parent, name, b"".join(lines))

    def _start(self, writer: str) -> None:
        """Cut a torn tail off the writer's own file and open it for appending."""
        path = self.folder / f"{writer}.jsonl"
        self._writer = writer
        self._appender = Appender(path, self._good.get(writer, 0), durable=self.durable)
        self._open.callback(self._appender.close)
        if writer not in self._files:
            self._read_from(path)

    def _read_from(self, path: Path) -> int:
        """Hold a file open; how long it is."""
        name = f"{self.folder.name}/{path.name}"
        fd = open_inside(self.folder.parent, name, os.O_RDONLY)
        self._open.callback(os.close, fd)
        self._files[path.stem] = fd
        return os.fstat(fd).st_size


def refuse_transient(key: str, reply: ScorerReply) -> None:
    """Raise ValueError for a judgement that is missing because infrastructure failed."""
    prefix = reply.judgement.prefix
    if isinstance(prefix, Missing) and prefix.transient:
        raise ValueError(f"{key}: a transient failure is no reply; note it with kind `failure`")
