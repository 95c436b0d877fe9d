"""How hard the problems of a dataset are, where it says so."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from benchmarks.datasets import Dataset

COLUMN = "level"
WRITTEN = re.compile(r"(?:Level )?([0-9]{1,2})")
HARD = 3
"""From this level on a problem is a hard one."""


@dataclass(frozen=True)
class Levels:
    """By problem id its level, a whole number; nothing where the data have none."""

    by_id: Mapping[str, int]

    @classmethod
    def of(cls, data: Dataset) -> Levels:
        """As MATH has them, `Level 3` or `3`: every problem has one, or none."""
        found = {each.problem.id: _level(each.metadata.get(COLUMN)) for each in data.samples}
        known = {id: level for id, level in found.items() if level is not None}
        return cls(known if len(known) == len(found) else {})

    @property
    def known(self) -> list[int]:
        """Ascending."""
        return sorted(set(self.by_id.values()))

    def at(self, level: int) -> Collection[str]:
        """The problems of a level."""
        return {id for id, each in self.by_id.items() if each == level}

    @property
    def hard(self) -> Collection[str]:
        """The problems from level `HARD` on."""
        return {id for id, each in self.by_id.items() if each >= HARD}

    @property
    def told(self) -> str:
        """Which are hard: `levels 3 to 5`, `level 3`; `all problems` where no level says so."""
        hard = [level for level in self.known if level >= HARD]
        if not hard:
            return "all problems"
        return f"levels {hard[0]} to {hard[-1]}" if len(hard) > 1 else f"level {hard[0]}"


def _level(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    found = WRITTEN.fullmatch(str(value))
    return int(found[1]) if found else None
