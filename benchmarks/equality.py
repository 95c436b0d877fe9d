"""When are two answers equal? Three ways to tell, behind one method."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

from benchmarks.grading_pool import Compared, Equal, GradingPool
from benchmarks.numerals import normalise, quickly_equal, read_number

REMEMBERED = 100_000
"""Comparisons, a few hundred bytes each."""


class Equality(Protocol):
    """Compares two answers."""

    async def compare(
        self, left: str, right: str, seconds: float, *, both: bool = False
    ) -> Compared:
        """Whether the answer `right` equals the reference `left`.

        Args:
            left: the reference.
            right: the answer.
            seconds: the time limit. What takes no time is decided even when none is left.
            both: neither is a reference: `left` may as well equal `right`.
        """
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


class MathEquality:
    """Mathematical equality: numbers exactly, everything else by Math-Verify in the pool."""

    def __init__(self, pool: GradingPool, timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = timeout_s
        self._known: dict[tuple[str, str, bool], Equal] = {}

    async def compare(
        self, left: str, right: str, seconds: float, *, both: bool = False
    ) -> Compared:
        """See `Equality`."""
        quick = quickly_equal(left, right)
        if quick is not None:
            return Compared(Equal.YES if quick else Equal.NO)
        key = (left, right, both)
        if key in self._known:
            return Compared(self._known[key])
        if seconds <= 0:
            return Compared(Equal.TIMEOUT)
        compared = await self._pool.compare(left, right, seconds, both=both)
        if self._is_final(compared.equal, seconds):
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = compared.equal
        return compared

    async def close(self) -> None:
        """See `Equality`."""
        await self._pool.close()

    def _is_final(self, equal: Equal, seconds: float) -> bool:
        """Whether the same question could get no other reply: after a time-out, with more time."""
        if equal is Equal.TIMEOUT:
            return seconds >= self._timeout_s
        return equal is not Equal.FAILED


class NumericEquality:
    """Equality of numbers, within a tolerance relative to the reference (absolute below 1).

    What is no number equals no number. A reference that is no number can be met by its own text
    only; any other answer to it is undecided.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = Fraction(tolerance)

    async def compare(
        self, left: str, right: str, seconds: float, *, both: bool = False
    ) -> Compared:
        """See `Equality`."""
        del seconds
        if normalise(left) == normalise(right):
            return Compared(Equal.YES)
        a, b = read_number(left), read_number(right)
        if a is None and not both:
            return Compared(Equal.FAILED)
        if a is None or b is None:
            return Compared(Equal.NO)
        near = any(
            abs(x - y) <= self._tolerance * max(Fraction(1), abs(x))
            for x in a.readings
            for y in b.readings
        )
        return Compared(Equal.YES if near or a.equals(b) else Equal.NO)

    async def close(self) -> None:
        """See `Equality`."""


class ExactEquality:
    """The same text, but for letter case and typography."""

    async def compare(
        self, left: str, right: str, seconds: float, *, both: bool = False
    ) -> Compared:
        """See `Equality`."""
        del seconds, both
        same = normalise(left).casefold() == normalise(right).casefold()
        return Compared(Equal.YES if same else Equal.NO)

    async def close(self) -> None:
        """See `Equality`."""
