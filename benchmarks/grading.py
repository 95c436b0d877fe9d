r"""Grading: are the answers of one problem right, and which of them are the same?

    async with open_grader(GradingConfig()) as grader:
        grades = await grader.grade("1/2", ["0.5", None, r"\frac{3}{4}"])

What could not be compared is told apart from what is wrong: a failure of the grader is never a
wrong answer. Adding a kind of grading is a class in `benchmarks.equality` and a line in `GRADERS`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import get_args

from benchmarks.answers.reading import Kind, ParsedAnswer
from benchmarks.answers.typography import normalise, squeezed
from benchmarks.equality import (
    Answer,
    Equality,
    ExactEquality,
    MathEquality,
    NumericEquality,
    Seconds,
    Undecided,
)
from benchmarks.grading_pool import Equal, GradingPool
from benchmarks.structured import option_answer
from search.answers import MAX_CHARS, Fallback, extract_answer
from search.checks import check_choice, check_count, check_number, fault
from search.core import Prefix


class Outcome(StrEnum):
    """How an answer was graded."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    ABSTAINED = "abstained"
    """There is no answer."""
    TIMEOUT = "timeout"
    """Not decided in time: neither right nor wrong."""
    FAILED = "failed"
    """Not decided, the comparison ran out of memory or crashed: neither right nor wrong."""
    UNKNOWN = "unknown"
    """Nobody knows the right answer: there is no reference."""


OUTCOMES = {
    Equal.YES: Outcome.CORRECT,
    Equal.NO: Outcome.INCORRECT,
    Equal.TIMEOUT: Outcome.TIMEOUT,
    Equal.FAILED: Outcome.FAILED,
}


@dataclass(frozen=True, slots=True)
class Grades:
    """The grades of one problem's answers, aligned with them.

    `groups[i]` is the index of the first answer that answer i is equal to (its own for a new
    answer); None for an abstention. An answer that could not be compared is a group of its own.
    """

    groups: tuple[int | None, ...]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class GradingConfig:
    """How answers are graded."""

    kind: str = "math"
    """When an answer is right. `math`: mathematically equal. `numeric`: equal as numbers. `exact`:
    the same text but for case and typography; where the reference is the letter of an option, the
    option named. `option`: the index of the option that a structured response names in `<output>`;
    one that breaks the format is an abstention."""
    timeout_s: float = 5.0
    """Seconds that one comparison may take, 0.05 to 600; an answer whose comparison takes longer is
    neither right nor wrong."""
    budget_s: float = 60.0
    """Seconds that the comparisons of one problem may take together; when half of them are gone,
    the rest is shared out evenly."""
    workers: int = 1
    """How many processes compare at once."""
    memory_mib: int = 1024
    """MiB that one comparing process may hold, 128 or more."""
    tolerance: float = 0.0
    """`numeric` only, 0 to 1: the allowed error, relative to the reference, absolute where that is
    below 1."""
    option_base: int = 0
    """`option` only: the number of the first option, 0 or 1."""
    cues: bool = True
    """Whether `The answer is …` counts where nothing is boxed."""
    fallback: Fallback = "none"
    """What is taken where nothing is boxed and no cue gives a value: `none`, an abstention, or
    `last_number`, as in search-and-learn and in the parser of Qwen2.5-Math."""
    max_answer_chars: int = MAX_CHARS
    """Characters of the longest answer; a longer one is an abstention."""

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, list(GRADERS))
        check_choice("fallback", self.fallback, get_args(Fallback))
        check_number("timeout_s", self.timeout_s, 0.05, 600)
        check_number("budget_s", self.budget_s, self.timeout_s, 86_400, "at least timeout_s")
        check_count("workers", self.workers)
        check_count("memory_mib", self.memory_mib, 128, "Math-Verify alone takes 60")
        check_number("tolerance", self.tolerance, 0, 1, "0.01 accepts an error of 1 %")
        check_count("max_answer_chars", self.max_answer_chars)
        if self.option_base not in (0, 1):
            raise fault("option_base", self.option_base, "0 or 1")

    def extract(self, text: str) -> str | None:
        """The answer in the text of a solution, None for an abstention."""
        if self.kind == "option":
            return option_answer(text, self.option_base)
        return extract_answer(
            text, cues=self.cues, fallback=self.fallback, max_chars=self.max_answer_chars
        )

    def answer(self, path: Prefix) -> str | None:
        """The answer of a solution, None for an abstention: one that was cut, or has none."""
        return self.extract(path.text) if path.finished else None


GRADERS: dict[str, Callable[[GradingConfig], Equality]] = {
    "math": lambda c: MathEquality(GradingPool(c.workers, c.memory_mib), c.timeout_s),
    "numeric": lambda c: NumericEquality(c.tolerance),
    "exact": lambda _: ExactEquality(),
    "option": lambda _: NumericEquality(0.0),  # so that a letter as reference is no wrong answer
}


@dataclass
class TimeLeft:
    """The time left for the comparisons of one problem.

    `limit`: the most for one part. `parts`: how many parts are still to come.
    """

    left: float
    limit: float
    parts: int

    def __post_init__(self) -> None:
        self._reserve = self.left / 2

    def share(self) -> float:
        """The seconds for the next part; an even share once half of the whole is spent.

        So a few hard answers get all the time they may have, and two hundred cannot starve the
        easy answers after them.
        """
        even = self.left / max(self.parts, 1)
        self.parts -= 1
        return min(self.limit, max(self.left - self._reserve, even))


class Grader:
    """Grades problems, any number of them at once. Made by `open_grader`."""

    def __init__(self, config: GradingConfig, equality: Equality) -> None:
        self._config = config
        self._equality = equality

    async def grade(self, reference: str, answers: Sequence[str | None]) -> Grades:
        """Grade the answers of one problem.

        Each answer is read by itself, and answers with the same reading are one group: no vote
        depends on the order of the answers, nor on what is right. Of the reference only the form
        is known to the reading (a letter, a pair, a number).

        Args:
            reference: the right answer.
            answers: any number of them, None for an abstention.

        Raises:
            GradingError: when no comparing process can be started.
        """
        texts = dict.fromkeys(self._text(answer) for answer in answers)
        texts.pop(None, None)
        told = await self._graded(reference, [text for text in texts if text is not None])
        first: dict[object, int] = {}
        groups: list[int | None] = []
        outcomes: list[Outcome] = []
        for index, answer in enumerate(answers):
            text = self._text(answer)
            group, outcome = told[text] if text is not None else (None, Outcome.ABSTAINED)
            outcomes.append(outcome)
            groups.append(None if group is None else first.setdefault((group, outcome), index))
        return Grades(tuple(groups), tuple(outcomes))

    async def group(self, answers: Sequence[str | None]) -> tuple[int | None, ...]:
        """The groups alone, where no reference is known: as `Grades.groups`."""
        first = next((answer for answer in answers if answer is not None), "")
        return (await self.grade(first, answers)).groups

    def _text(self, answer: str | None) -> str | None:
        """The answer, None for an abstention: nothing, or a page."""
        if answer is None or len(answer) > self._config.max_answer_chars:
            return None
        return answer if normalise(answer) else None

    async def grouped(self, answers: Sequence[str | None]) -> Grades:
        """As `grade`, where no reference is known: which are the same, not which are right."""
        groups = await self.group(answers)
        known = (Outcome.ABSTAINED if group is None else Outcome.UNKNOWN for group in groups)
        return Grades(groups, tuple(known))

    async def _graded(
        self, reference: str, texts: Sequence[str]
    ) -> dict[str, tuple[object, Outcome]]:
        """Of every text its group, None for an abstention, and its outcome."""
        if not texts:
            return {}
        budget = TimeLeft(self._config.budget_s, self._config.timeout_s, 2 * len(texts) + 1)
        time = Seconds(budget.share())
        try:
            right: Answer | None = await self._equality.read_reference(reference, time)
        except Undecided:
            right = None
        budget.left -= time.spent
        found = {}
        for text in texts:
            time = Seconds(budget.share() + budget.share())
            found[text] = await self._grade(text, reference, right, time)
            budget.left -= time.spent
        return found

    async def _grade(
        self, text: str, reference: str, right: Answer | None, time: Seconds
    ) -> tuple[object, Outcome]:
        known = right or Answer(reference, ParsedAnswer(Kind.TEXT, squeezed(reference)))
        try:
            answer = await self._equality.read(text, known, time)
        except Undecided as error:
            same = squeezed(text) == squeezed(reference)
            return text, Outcome.CORRECT if same else OUTCOMES[error.why]
        if answer is None:
            return None, Outcome.ABSTAINED
        return answer.reading.same, OUTCOMES[await self._equality.right(answer, known, time)]


@asynccontextmanager
async def open_grader(config: GradingConfig) -> AsyncIterator[Grader]:
    """A grader; on leaving, its processes are killed. None is started before it is needed."""
    equality = GRADERS[config.kind](config)
    try:
        yield Grader(config, equality)
    finally:
        await equality.close()
