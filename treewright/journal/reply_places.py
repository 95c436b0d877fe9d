"""Where the replies of a journal lie: some 30 bytes each, however many there are.

They are known by problem. What a problem's replies answer, their keys and digests, is read from
their lines when the problem is first asked about, and held while it is searched.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, unquote

from treewright.journal.damage import NOT_OURS, JournalError
from treewright.journal.records import Record

HELD = 2**18
"""Keys that are held at most, some 300 bytes each; of problems beyond them they are read again."""


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a record lies on disk; `line` from 1, 0 where it was written just now."""

    writer: str
    offset: int
    length: int
    line: int = field(default=0, compare=False)

    def not_ours(self, folder: Path, problem: Exception) -> JournalError:
        """The error that what lies here is nothing that Treewright writes."""
        where = f"line {self.line}" if self.line else f"byte {self.offset}"
        return JournalError(f"{folder / self.writer}.jsonl, {where}: {problem}; {NOT_OURS}")


Keys: TypeAlias = dict[str, dict[str, int]]
"""By key and digest, the number of a reply."""


class ReplyPlaces:
    """The places of all replies; `read` gives the record that lies at one."""

    def __init__(self, read: Callable[[RecordPlace], Record]) -> None:
        self._read = read
        self._writers: list[str] = []
        self._writer, self._offset = array("H"), array("Q")
        self._length, self._line = array("I"), array("I")
        self._of: dict[str, array[int]] = {}
        """By problem, as keys quote it, the numbers of its replies."""
        self._held: dict[str, Keys] = {}
        self._count = 0

    def add(self, key: str, digest: str, place: RecordPlace) -> bool:
        """Take in a reply; whether it is the first to its call, as far as its problem is held."""
        problem = _problem(key)
        if problem not in self._of:
            self._of[problem] = array("I")
        number = self._number(place)
        held = self._held.get(problem)
        if held is not None:
            replies = held.setdefault(key, {})
            self._count += 1
            if replies.setdefault(digest, number) != number:
                return False
        self._of[problem].append(number)
        return True

    def of(self, key: str) -> Mapping[str, RecordPlace]:
        """The replies with a key, by digest; of two to one call the first counts."""
        replies = self._keys(_problem(key)).get(key)
        if replies is None:
            return {}
        return {digest: self._place(number) for digest, number in replies.items()}

    def on(self, problems: Collection[str]) -> Iterator[tuple[str, RecordPlace]]:
        """All replies on some problems, each with its key."""
        for quoted in list(self._of) if problems else ():
            if unquote(quoted, errors="surrogatepass") in problems:
                for key, replies in list(self._keys(quoted).items()):
                    yield from ((key, self._place(number)) for number in replies.values())

    def let_go(self, problem: str) -> None:
        """Hold no more what is known of the replies on a problem: its search has ended."""
        self._drop(quote(problem, safe="", errors="surrogatepass"))

    def _keys(self, problem: str) -> Keys:
        held = self._held.pop(problem, None)
        if held is None:
            held = {}
            for number in self._of.get(problem, ()):
                record = self._read(self._place(number))
                held.setdefault(record.key, {}).setdefault(str(record.digest), number)
                self._count += 1
        self._held[problem] = held  # at the end: what was not asked about for longest comes first
        while self._count > HELD and len(self._held) > 1:
            self._drop(next(iter(self._held)))
        return held

    def _drop(self, problem: str) -> None:
        for replies in self._held.pop(problem, {}).values():
            self._count -= len(replies)

    def _number(self, place: RecordPlace) -> int:
        if place.writer not in self._writers:
            self._writers.append(place.writer)
        self._writer.append(self._writers.index(place.writer))
        self._offset.append(place.offset)
        self._length.append(place.length)
        self._line.append(place.line)
        return len(self._offset) - 1

    def _place(self, number: int) -> RecordPlace:
        writer = self._writers[self._writer[number]]
        return RecordPlace(writer, self._offset[number], self._length[number], self._line[number])


def _problem(key: str) -> str:
    """The problem of a key (`search.keys`), quoted as it is there."""
    _, _, rest = key.partition("/")
    return rest.partition("/")[0]
