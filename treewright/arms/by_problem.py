"""What an arm is worth and costs by problem, of so many problems that each byte counts."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from benchmarks.estimators.expected import Share
from treewright.arms.graded import Graded
from treewright.ledger import Price

NUMBERS = ("right", "decided", "abstained", "unscored", "ungraded")
"""The fields of a `Share` that are always there."""
_numbers = attrgetter(*NUMBERS)
EXACT = -1
"""In place of the draws of a share that is exact."""


class Shares(Mapping[str, Share]):
    """Shares by problem id: 48 bytes each, of the six numbers."""

    def __init__(self, places: Mapping[str, int], shares: Iterable[Share]) -> None:
        """`places`: by problem id the number of its share, from 0."""
        self._places = places
        self._numbers, self._draws = array("d"), array("q")
        for share in shares:
            self._numbers.extend(_numbers(share))
            self._draws.append(EXACT if share.draws is None else share.draws)

    def __getitem__(self, id: str) -> Share:
        place = self._places[id]
        start, draws = place * len(NUMBERS), self._draws[place]
        right, decided, abstained, unscored, ungraded = self._numbers[start : start + len(NUMBERS)]
        known = None if draws == EXACT else draws
        return Share(right, decided, abstained, unscored, ungraded, known)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)


@dataclass(frozen=True, slots=True, eq=False)
class Prices(Mapping[str, Price]):
    """What the first `n` candidates of each problem cost, as `Graded.price` says when asked.

    `places`: by problem id its number among `problems`, from 0.
    """

    problems: Sequence[Graded]
    places: Mapping[str, int]
    n: int
    judged: bool

    def __getitem__(self, id: str) -> Price:
        return self.problems[self.places[id]].price(self.n, judged=self.judged)

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)
