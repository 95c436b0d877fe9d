"""When is an answer right, and which answers are the same? Three ways to tell, behind one shape.

Every answer gets a reading of its own (`benchmarks.answers`): answers with equal readings are the
same answer, and whether one is right depends on the reference and that reading alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from benchmarks.answers.choices import is_option, option_named
from benchmarks.answers.numerals import LONGEST_NUMBER, read_number
from benchmarks.answers.reader import Algebra, Reader
from benchmarks.answers.reading import (
    TUPLE,
    Kind,
    ParsedAnswer,
    accepts,
    number,
    percentage,
)
from benchmarks.answers.typography import normalise, squeezed
from benchmarks.answers.units import without_unit
from benchmarks.grading_pool import Equal, GradingPool, WorkerReply

REMEMBERED = 100_000
"""Readings and comparisons, a few hundred bytes each."""


@dataclass
class Seconds:
    """The time left for what takes some; `spent` so far."""

    left: float
    spent: float = 0.0

    def spend(self, seconds: float) -> None:
        """Book what a piece of work took."""
        self.left -= seconds
        self.spent += seconds


class Undecided(Exception):
    """An answer could not be read in time, or reading it crashed: neither right nor wrong."""

    def __init__(self, why: Equal) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's text and its reading."""

    text: str
    reading: ParsedAnswer


class Equality(Protocol):
    """Reads answers and tells which are right.

    What takes no time is decided even when none is left.
    """

    async def read_reference(self, text: str, time: Seconds) -> Answer:
        """The right answer. Raises `Undecided`."""
        ...

    async def read(self, text: str, reference: Answer, time: Seconds) -> Answer | None:
        """An answer, None for an abstention. Raises `Undecided`.

        Of the reference only its form is looked at: whether it is a letter, a pair, a number.
        """
        ...

    async def right(self, answer: Answer, reference: Answer, time: Seconds) -> Equal:
        """Whether the answer is the right one."""
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


class MathEquality:
    """Mathematical equality: what is understood by its reading, the rest by Math-Verify."""

    def __init__(self, pool: GradingPool, timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = timeout_s
        self._known: dict[tuple[str, ...], WorkerReply] = {}

    async def read_reference(self, text: str, time: Seconds) -> Answer:
        """See `Equality`."""
        if is_option(text):
            letter = option_named(text)
            return Answer(text, ParsedAnswer(Kind.OPTION, letter or ""))
        return Answer(text, await _read(Reader(self._algebra(time), reference=True), text))

    async def read(self, text: str, reference: Answer, time: Seconds) -> Answer | None:
        """See `Equality`."""
        if reference.reading.kind is Kind.OPTION:
            letter = option_named(text, any_case=False)
            if letter is not None:
                return Answer(text, ParsedAnswer(Kind.OPTION, letter))
        form = reference.reading
        valued = form.kind in (Kind.NUMBER, Kind.CONSTANT, Kind.PERCENT)
        reader = Reader(self._algebra(time), ordered=form.shape == TUPLE, valued=valued)
        return Answer(text, await _read(reader, text))

    async def right(self, answer: Answer, reference: Answer, time: Seconds) -> Equal:
        """See `Equality`."""
        if accepts(reference.reading, answer.reading) or same_signs(reference, answer):
            return Equal.YES
        if reference.reading.understood and answer.reading.understood:
            return Equal.NO
        asked = await self._ask(time, "equal", reference.text, answer.text)
        if asked.fault is not None:
            return asked.fault
        return Equal.YES if asked.found else Equal.NO

    async def close(self) -> None:
        """See `Equality`."""
        await self._pool.close()

    def _algebra(self, time: Seconds) -> Algebra:
        async def algebra(text: str) -> Mapping[str, Any] | None:
            asked = await self._ask(time, "read", text)
            if asked.fault is not None:
                raise Undecided(asked.fault)
            found: Mapping[str, Any] | None = asked.found
            return found

        return algebra

    async def _ask(self, time: Seconds, *question: str) -> WorkerReply:
        """Ask the pool, or remember: after a time-out the same is asked again with more time."""
        if question in self._known:
            return self._known[question]
        if time.left <= 0:
            return WorkerReply(fault=Equal.TIMEOUT)
        limit = time.left
        asked = await self._pool.ask(question, limit)
        time.spend(asked.seconds)
        final = asked.fault is None or (asked.fault is Equal.TIMEOUT and limit >= self._timeout_s)
        if final:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[question] = asked
        return asked


class NumericEquality:
    """Equality of numbers, within a tolerance relative to the reference (absolute below 1).

    What is no number equals no number. A reference that is no number can be met by its own text
    only; any other answer to it is undecided.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = Fraction(tolerance)

    async def read_reference(self, text: str, time: Seconds) -> Answer:
        """See `Equality`."""
        del time
        return Answer(text, _number(text))

    async def read(self, text: str, reference: Answer, time: Seconds) -> Answer | None:
        """See `Equality`."""
        del reference, time
        return Answer(text, _number(text))

    async def right(self, answer: Answer, reference: Answer, time: Seconds) -> Equal:
        """See `Equality`."""
        del time
        one, other = reference.reading, answer.reading
        if accepts(one, other) or same_signs(reference, answer):
            return Equal.YES
        if one.value is None:
            return Equal.FAILED
        if other.value is None or one.kind is not other.kind:
            return Equal.NO
        near = abs(one.value - other.value) <= self._tolerance * max(Fraction(1), abs(one.value))
        return Equal.YES if near else Equal.NO

    async def close(self) -> None:
        """See `Equality`."""


class ExactEquality:
    """The same text, but for letter case and typography; of a choice, the same option.

    Where the reference is the letter of an option, an answer that names none is an abstention.
    """

    async def read_reference(self, text: str, time: Seconds) -> Answer:
        """See `Equality`."""
        del time
        if is_option(text):
            return Answer(text, ParsedAnswer(Kind.OPTION, option_named(text) or ""))
        return Answer(text, ParsedAnswer(Kind.VERBATIM, normalise(text).casefold()))

    async def read(self, text: str, reference: Answer, time: Seconds) -> Answer | None:
        """See `Equality`."""
        del time
        if reference.reading.kind is not Kind.OPTION:
            return Answer(text, ParsedAnswer(Kind.VERBATIM, normalise(text).casefold()))
        letter = option_named(text)
        return None if letter is None else Answer(text, ParsedAnswer(Kind.OPTION, letter))

    async def right(self, answer: Answer, reference: Answer, time: Seconds) -> Equal:
        """See `Equality`."""
        del time
        return Equal.YES if answer.reading.same == reference.reading.same else Equal.NO

    async def close(self) -> None:
        """See `Equality`."""


async def _read(reader: Reader, text: str) -> ParsedAnswer:
    """Raises `Undecided` for brackets in brackets beyond all measure."""
    try:
        return await reader.read(normalise(text))
    except RecursionError as error:
        raise Undecided(Equal.FAILED) from error


def same_signs(reference: Answer, answer: Answer) -> bool:
    """Whether an answer is written as the reference is, or as its digits without their base."""
    said = squeezed(answer.text)
    digits = reference.reading.key.partition("_")[0]
    bare = reference.reading.kind is Kind.BASED and said.lower() == digits
    return bare or said == squeezed(reference.text)


def _number(text: str) -> ParsedAnswer:
    bare = without_unit(normalise(text))
    value = read_number(bare.text) if len(text) <= LONGEST_NUMBER else None
    if value is None:
        return ParsedAnswer(Kind.VERBATIM, normalise(text).casefold())
    if bare.percent:
        return percentage(value.value * bare.scale)
    return number(value.value * bare.scale, value.ulp)
