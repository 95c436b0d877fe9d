"""What a journal holds, and where.

Replies stay on disk and are found by their call; of every other kind the latest payload of each key
is held in memory.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from search.core import Spending
from treewright.journal.checking import shown
from treewright.journal.codec import Json, decode_spent
from treewright.journal.damage import NOT_OURS, JournalCounts, JournalError
from treewright.journal.notes import check_note
from treewright.journal.records import BadRecord, Record

POLICY, SCORER, FAILURE = "policy", "scorer", "failure"
REPLIES = (POLICY, SCORER)
KEY = re.compile(r"(policy|scorer)/[^/]*/.*", re.DOTALL)
"""As `search.keys` makes them: the side, the problem, quoted, and what is asked of it."""


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


class JournalIndex:
    """Of all records so far; of two replies to one call the first counts."""

    def __init__(self) -> None:
        self.counts = JournalCounts()
        self._replies: dict[str, dict[str, RecordPlace]] = {}
        self._latest: dict[str, dict[str, Json]] = {}
        self._places: dict[tuple[str, str], RecordPlace] = {}
        self.failed: set[str] = set()
        """The problems of which a call, or which as a whole, failed at some time."""
        self._failing: dict[str, Spending] = {}

    def add(self, place: RecordPlace, record: Record) -> None:
        """Take in a record that lies there. Raises `BadRecord` for what is none."""
        self.counts.records += 1
        if record.kind in REPLIES:
            if record.digest is None or not KEY.fullmatch(record.key):
                raise BadRecord(f"its key {shown(record.key)} or its digest is not that of a reply")
            if self._replies.setdefault(record.key, {}).setdefault(record.digest, place) != place:
                self.counts.duplicates += 1
            return
        try:
            data = check_note(record.kind, record.data)
        except ValueError as error:
            raise BadRecord(f"{record.kind} {shown(record.key)}: {error}") from None
        self._latest.setdefault(record.kind, {})[record.key] = data
        self._places[record.kind, record.key] = place
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

    def replies(self, key: str) -> Mapping[str, RecordPlace]:
        """The replies that were recorded with a key, by digest."""
        return self._replies.get(key, {})

    def replies_on(self, problems: Collection[str]) -> Iterator[tuple[str, RecordPlace]]:
        """All replies on some problems, each with its key (`search.keys`), which names both."""
        for key, recorded in self._replies.items() if problems else ():
            _, problem, _ = key.split("/", 2)
            if unquote(problem, errors="surrogatepass") in problems:
                yield from ((key, place) for place in recorded.values())

    def place(self, kind: str, key: str) -> RecordPlace:
        """Where the last payload of a key lies."""
        return self._places[kind, key]

    def latest(self, kind: str) -> Mapping[str, Json]:
        """The last payload of each key of a kind that is no reply."""
        return self._latest.get(kind, {})
