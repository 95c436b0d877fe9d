"""What the verifier thought of a problem's candidates at each depth."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNKNOWN = -1.0
"""In place of a probability that is not known."""


@dataclass(frozen=True, slots=True)
class Deepening:
    """Probabilities in [0, 1] or `UNKNOWN`, of a candidate one per depth from 1.

    They stand one candidate after the other, of which `ends` has the ends: a large run has so many
    that a list of lists of them would fill the memory.
    """

    odds: array[float]
    ends: array[int]

    @classmethod
    def of(cls, rows: Iterable[Sequence[float | None]]) -> Deepening:
        """A row per candidate."""
        odds, ends = array("d"), array("I")
        for row in rows:
            odds.extend(UNKNOWN if each is None else each for each in row)
            ends.append(len(odds))
        return cls(odds, ends)

    @property
    def deepest(self) -> int:
        """How deep a candidate was judged at most."""
        return max((end - start for start, end in self._spans), default=0)

    def at(self, depth: int) -> list[float | None]:
        """Per candidate the probability at a depth, from 1."""
        found = [
            self.odds[start + depth - 1] if start + depth <= end else UNKNOWN
            for start, end in self._spans
        ]
        return [None if each == UNKNOWN else each for each in found]

    @property
    def _spans(self) -> Iterable[tuple[int, int]]:
        return zip((0, *self.ends), self.ends, strict=False)
