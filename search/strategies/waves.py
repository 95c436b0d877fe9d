"""Whole solutions drawn a wave at a time, so that a search can stop between two waves."""

from __future__ import annotations

from collections.abc import Generator

from search.budget import Bounded
from search.core import Prefix, Problem
from search.questions import Extend, Extended, Until, extend


class Waves(Bounded):
    """The base of a frozen dataclass that has at least these fields and draws whole solutions.

    `n`: how many solutions at most. `wave`: how many at a time, None for all. `stop`: what ends the
    search between two waves; by `none` all are drawn.
    """

    n: int
    wave: int | None
    stop: str

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most."""
        return self.n

    @property
    def at_once(self) -> int:
        """A wave is in flight together."""
        return min(self.wave or self.n, self.n)

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        return self.n

    @property
    def draws_independently(self) -> bool:
        """Whether any n of its candidates are best-of-n: not where what was seen ended a search."""
        return self.stop == "none"


def draw(
    problem: Problem, drawn: int, wave: int, n: int
) -> Generator[Extend, Extended, tuple[Prefix, ...]]:
    """Ask for the next `wave` solutions after the first `drawn`, or for what is left of `n`."""
    (drafts,) = yield from extend(
        [Prefix.start(problem)], min(wave, n - drawn), Until.END, first=drawn
    )
    return drafts


def check_wave(wave: int | None, n: int, stop: str) -> None:
    """Raise ValueError unless a wave has from 1 to `n` solutions.

    None, all at once, is refused for a search that means to stop between two waves.
    """
    if wave is None and stop != "none":
        raise ValueError(
            f"wave: null draws all {n} at once, and stop {stop} looks between two waves; "
            f"give a number from 1 to {n}, {max(1, n // 8)} say"
        )
    if wave is not None and not 1 <= wave <= n:
        raise ValueError(f"wave: {wave} must be from 1 to n ({n}); nearest {1 if wave < 1 else n}")
