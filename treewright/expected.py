"""What a whole run will take, told from a pilot of a few of its problems: with a range, always.

Tokens. The problems of a pilot are drawn at random, so the mean of their tokens is that of all, and
its 95 % interval is Student's t over the problems: mean ± t × s / √k × √(1 − k / n), the last
factor as k of all n problems are known already. No fewer than the pilot's own are expected.

Time. A pilot of k problems took T seconds, all of them at once or as many as a run has in flight.
A run has p at once. Where the engines were full, more at once are no faster: it takes T × n / k.
Where they were not, p problems may take as long as k did: T × n / p, but no less than full engines
need, T × n / k × b, with b the share for which the busier side was at work. Both ends are then
widened by the interval of the tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160),
    *(2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056),
    *(2.052, 2.048, 2.045, 2.042),
)
"""The 97.5 % point of Student's t by degrees of freedom, from 1; beyond: 1.96 + 2.4 / f."""


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`; `expected` is None where any value between is as good."""

    low: float
    high: float
    expected: float | None = None

    def times(self, factor: float) -> Range:
        """All of it multiplied."""
        middle = None if self.expected is None else self.expected * factor
        return Range(self.low * factor, self.high * factor, middle)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pilot saw.

    `generated`, `prompt`: tokens of both sides by problem that ended, None where they are unknown;
    one of whose paths some could not be judged is among the `failed`: it cost too little.
    `seconds` it searched, after `start_s`. `busy`: the share for which the busier side was at work,
    None where nobody knows. `gpus` that the replicas hold.
    """

    generated: Sequence[int | None]
    prompt: Sequence[int | None]
    failed: int
    seconds: float
    start_s: float
    busy: float | None = None
    gpus: float = 0.0

    @property
    def problems(self) -> int:
        """All that were asked."""
        return len(self.generated) + self.failed


@dataclass(frozen=True, slots=True)
class Expected:
    """Of a whole run; None is unknown.

    `generated`, `prompt`: tokens of both sides. `seconds`: with the start. `gpu_hours`: None where
    there are no GPUs; `cost` of those, None without a price.
    """

    generated: Range | None
    prompt: Range | None
    seconds: Range
    gpu_hours: Range | None = None
    cost: Range | None = field(default=None)


def expected(seen: Seen, problems: int, at_once: int, gpu_hour_price: float | None) -> Expected:
    """Of a run of so many problems, at most `at_once` of them in flight."""
    generated = whole_run(seen.generated, problems)
    seconds = duration(seen, problems, at_once, spread(generated))
    hours = seconds.times(seen.gpus / 3600) if seen.gpus else None
    price = gpu_hour_price
    return Expected(
        generated=generated,
        prompt=whole_run(seen.prompt, problems),
        seconds=seconds,
        gpu_hours=hours,
        cost=None if hours is None or price is None else hours.times(price),
    )


def whole_run(counts: Sequence[int | None], problems: int) -> Range | None:
    """The tokens of all problems, from those of some."""
    known = [count for count in counts if count is not None]
    if not known or len(known) < len(counts):
        return None
    k, mean, seen = len(known), float(np.mean(known)), float(sum(known))
    if k >= problems:
        return Range(seen, seen, seen)
    if k == 1:
        return Range(seen, math.inf, mean * problems)
    error = float(np.std(known, ddof=1)) / math.sqrt(k) * math.sqrt(1 - k / problems)
    reach = student(k - 1) * error * problems
    middle = mean * problems
    return Range(max(seen, middle - reach), middle + reach, middle)


def student(degrees: int) -> float:
    """The 97.5 % point of Student's t."""
    return T_975[degrees - 1] if degrees <= len(T_975) else 1.96 + 2.4 / degrees


def spread(tokens: Range | None) -> Range:
    """How far off the expected tokens may be, as factors; nothing where they are unknown or 0."""
    if tokens is None or not tokens.expected:
        return Range(1.0, 1.0)
    return tokens.times(1 / tokens.expected)


def duration(seen: Seen, problems: int, at_once: int, factors: Range) -> Range:
    """Seconds of the whole run, with the start of its engines."""
    asked = max(1, min(seen.problems, problems))
    as_full = seen.seconds * problems / asked
    width = max(1, min(at_once, problems))
    busy = 1.0 if seen.busy is None else seen.busy
    fastest = as_full if width <= asked else max(seen.seconds * problems / width, as_full * busy)
    if asked >= problems:
        return Range(seen.start_s + seen.seconds, seen.start_s + seen.seconds)
    return Range(
        seen.start_s + max(seen.seconds, fastest * factors.low),
        seen.start_s + max(seen.seconds, as_full * factors.high),
    )
