"""What a journal holds, and where.

Replies stay on disk and are found by their call; so do grades and results, of which there is one
per problem. Of every other kind the latest payload of each key is held in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from search.core import Spending
from treewright.journal.checking import shown
from treewright.journal.codec import Json, decode_spent
from treewright.journal.damage import JournalCounts
from treewright.journal.notes import GRADE, check_note
from treewright.journal.records import BadRecord, Record
from treewright.journal.reply_places import RecordPlace, ReplyPlaces
from treewright.journal.results import RESULT

__all__ = ["JournalIndex", "RecordPlace"]

POLICY, SCORER, FAILURE = "policy", "scorer", "failure"
REPLIES = (POLICY, SCORER)
ON_DISK = (GRADE, RESULT)
KEY = re.compile(r"(policy|scorer)/[^/]*/.*", re.DOTALL)
"""As `search.keys` makes them: the side, the problem, quoted, and what is asked of it."""


class JournalIndex:
    """Of all records so far; of two replies to one call the first counts.

    `read` gives the record that lies at a place.
    """

    def __init__(self, read: Callable[[RecordPlace], Record]) -> None:
        self.counts = JournalCounts()
        self._read = read
        self._replies = ReplyPlaces(read)
        self._latest: dict[str, dict[str, Json]] = {}
        self._places: dict[str, dict[str, RecordPlace]] = {}
        self._seen: set[int] | None = set()
        """While a journal is opened, what tells one call from another; None afterwards, when who
        records a reply has looked for one before."""
        self.failed: set[str] = set()
        """The problems of which a call, or which as a whole, failed at some time."""
        self._failing: dict[str, Spending] = {}

    def opened(self) -> None:
        """All that was there is taken in."""
        self._seen = None

    def add(self, place: RecordPlace, record: Record) -> None:
        """Take in a record that lies there. Raises `BadRecord` for what is none."""
        self.counts.records += 1
        if record.kind in REPLIES:
            self._add_reply(place, record)
            return
        try:
            data = check_note(record.kind, record.data)
        except ValueError as error:
            raise BadRecord(f"{record.kind} {shown(record.key)}: {error}") from None
        self._places.setdefault(record.kind, {})[record.key] = place
        if record.kind not in ON_DISK:
            self._latest.setdefault(record.kind, {})[record.key] = data
        if record.kind == FAILURE:
            self._add_failure(record.key, data)

    def _add_failure(self, key: str, data: Json) -> None:
        problem = data["problem"]
        self.failed.add(problem)
        if (told := data.get("spent")) is not None:
            cost = decode_spent(told)
            judged = key.startswith(f"{SCORER}/")
            spending = Spending(verifier=cost) if judged else Spending(policy=cost)
            self._failing[problem] = self.spent_failing(problem) + spending

    def spent_failing(self, problem: str) -> Spending:
        """What all calls that failed on a problem are known to have cost."""
        return self._failing.get(problem, Spending())

    def _add_reply(self, place: RecordPlace, record: Record) -> None:
        key, digest = record.key, record.digest
        if digest is None or not KEY.fullmatch(key):
            raise BadRecord(f"its key {shown(key)} or its digest is not that of a reply")
        first = self._replies.add(key, digest, place)
        if self._seen is not None:
            known = len(self._seen)
            self._seen.add(hash((key, digest)))
            first = len(self._seen) > known
        self.counts.duplicates += not first

    def replies(self, key: str) -> Mapping[str, RecordPlace]:
        """The replies that were recorded with a key, by digest."""
        return self._replies.of(key)

    def replies_on(self, problems: Collection[str]) -> Iterator[tuple[str, RecordPlace]]:
        """All replies on some problems, each with its key (`search.keys`), which names both."""
        return self._replies.on(problems)

    def let_go(self, problem: str) -> None:
        """Hold no more what is known of the replies on a problem: its search has ended."""
        self._replies.let_go(problem)

    def place(self, kind: str, key: str) -> RecordPlace:
        """Where the last payload of a key lies."""
        return self._places[kind][key]

    def latest(self, kind: str) -> Mapping[str, Json]:
        """The last payload of each key of a kind that is no reply."""
        if kind in ON_DISK:
            return OnDisk(self._places.get(kind, {}), self._read)
        return self._latest.get(kind, {})


@dataclass(frozen=True, slots=True, eq=False)
class OnDisk(Mapping[str, Json]):
    """Payloads by key, each read when it is asked for."""

    places: Mapping[str, RecordPlace]
    read: Callable[[RecordPlace], Record]

    def __getitem__(self, key: str) -> Json:
        return self.read(self.places[key]).data

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)
