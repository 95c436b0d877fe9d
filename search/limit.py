"""The limit that ended a search: a value, and the one place where it is written and read."""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBER = r"([0-9]{1,18}(?:\.[0-9]{1,6})?(?:e\+[0-9]{2})?)"
WRITTEN = re.compile(rf"(\w+): {NUMBER} of {NUMBER}(?: \((.+)\))?")


@dataclass(frozen=True, slots=True)
class LimitReached:
    """Which limit a search reached (`calls`), what was used of it, and the most that it allows.

    `note`: what else there is to say. A search that ended for want of something has that alone, and
    no numbers. As a text it is `calls: 4 of 3`, as `name: used of most (note)` or `name: note`.
    """

    limit: str
    used: float | None = None
    most: float | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.used is None or self.most is None:
            return f"{self.limit}: {self.note}" if self.note else self.limit
        numbers = f"{self.limit}: {_number(self.used, '.1f')} of {_number(self.most, 'g')}"
        return f"{numbers} ({self.note})" if self.note else numbers

    @classmethod
    def read(cls, text: str) -> LimitReached:
        """The inverse of `str`; a text of another kind is the limit's name, and a note on it."""
        if found := WRITTEN.fullmatch(text):
            limit, used, most, note = found.groups()
            value = cls(limit, _read(used), _read(most), note or "")
            if str(value) == text:
                return value
        name, _, note = text.partition(": ")
        return cls(name, note=note) if note else cls(text)


def _number(number: float, digits: str) -> str:
    return str(number) if isinstance(number, int) else format(number, digits)


def _read(text: str) -> float:
    return int(text) if text.isdigit() else float(text)
