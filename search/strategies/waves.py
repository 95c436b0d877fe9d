"""Whole solutions drawn a wave at a time, so that a search can stop between two waves."""

from __future__ import annotations

from collections.abc import Generator

from search.core import Prefix, Problem
from search.questions import Extend, Extended, Until, extend


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
