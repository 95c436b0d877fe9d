r"""Grading: are the answers of one problem right, and which of them are the same?

    async with open_grader(GradingConfig()) as grader:
        grades = await grader.grade("1/2", ["0.5", None, r"\frac{3}{4}"])

What could not be compared is told apart from what is wrong: a failure of the grader is never a
wrong answer. Adding a kind of grading is a class in `benchmarks.equality` and a line in `GRADERS`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.equality import Equality, ExactEquality, MathEquality, NumericEquality
from benchmarks.grading_pool import Compared, Equal, GradingPool
from benchmarks.numerals import normalise
from benchmarks.structured import option_answer
from search.answers import MAX_CHARS, extract_answer
from search.checks import check_choice, check_count, check_number, fault


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
    """How answers are graded.

    `kind`: `math` (equality by algebra, Math-Verify), `numeric` (numbers only), `exact` (the same
    text but for case and typography) or `option` (the index of the option that a structured
    response names in `<output>`; one that breaks the format is an abstention). `option_base`
    (`option` only): the number of the first option, 0 or 1.

    `timeout_s`: the longest comparison. `budget_s`: the most time that the comparisons of one
    problem take together; when half of it is gone, the rest is
    shared out evenly. `workers`: comparing processes. `memory_mib`: what one comparison may hold.
    `tolerance` (`numeric` only): the allowed error, relative to the reference, absolute below 1.
    `cues`: whether `The answer is …` counts where nothing is boxed. `max_answer_chars`: a longer
    answer is an abstention.
    """

    kind: str = "math"
    timeout_s: float = 5.0
    budget_s: float = 60.0
    workers: int = 1
    memory_mib: int = 1024
    tolerance: float = 0.0
    option_base: int = 0
    cues: bool = True
    max_answer_chars: int = MAX_CHARS

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, list(GRADERS))
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
        return extract_answer(text, cues=self.cues, max_chars=self.max_answer_chars)


GRADERS: dict[str, Callable[[GradingConfig], Equality]] = {
    "math": lambda c: MathEquality(GradingPool(c.workers, c.memory_mib), c.timeout_s),
    "numeric": lambda c: NumericEquality(c.tolerance),
    "exact": lambda _: ExactEquality(),
    "option": lambda _: NumericEquality(0.0),  # so that a letter as reference is no wrong answer
}


@dataclass
class Budget:
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

        Groups are found without the reference: an answer must not gain votes by being right.

        Args:
            reference: the right answer.
            answers: any number of them, None for an abstention.

        Raises:
            GradingError: when no comparing process can be started.
        """
        keys = [self._key(answer) for answer in answers]
        first: dict[str, int] = {}
        for index, key in enumerate(keys):
            if key is not None:
                first.setdefault(key, index)
        texts = {key: str(answers[index]) for key, index in first.items()}
        budget = Budget(self._config.budget_s, self._config.timeout_s, 2 * len(texts))
        outcomes = {
            key: OUTCOMES[(await self._compare(reference, text, budget.share(), budget)).equal]
            for key, text in texts.items()
        }
        groups = await self._group(texts, outcomes, budget)
        return Grades(
            tuple(None if key is None else first[groups[key]] for key in keys),
            tuple(Outcome.ABSTAINED if key is None else outcomes[key] for key in keys),
        )

    def _key(self, answer: str | None) -> str | None:
        """The same for answers that differ in typography only; None for an abstention."""
        if answer is None or len(answer) > self._config.max_answer_chars:
            return None
        return normalise(answer) or None

    async def _group(
        self, texts: Mapping[str, str], outcomes: Mapping[str, Outcome], budget: Budget
    ) -> dict[str, str]:
        """Maps each key to the first key whose text is equal."""
        groups = {key: key for key in texts}
        representatives: dict[str, str] = {}
        for key, text in texts.items():
            seconds = budget.share()
            if outcomes[key] not in (Outcome.CORRECT, Outcome.INCORRECT):
                continue  # it would hang in every comparison
            equal, representative = await self._find(text, representatives, seconds, budget)
            if equal is Equal.YES:
                groups[key] = representative
            elif equal is Equal.NO:
                representatives[key] = text
        return groups

    async def _find(
        self, text: str, representatives: Mapping[str, str], seconds: float, budget: Budget
    ) -> tuple[Equal, str]:
        """The first representative that is not told apart from `text`, and why it is not."""
        for key, representative in representatives.items():
            compared = await self._compare(representative, text, seconds, budget, both=True)
            seconds -= compared.seconds
            if compared.equal is not Equal.NO:
                return compared.equal, key
        return Equal.NO, ""

    async def _compare(
        self, left: str, right: str, seconds: float, budget: Budget, *, both: bool = False
    ) -> Compared:
        compared = await self._equality.compare(left, right, seconds, both=both)
        budget.left -= compared.seconds
        return compared


@asynccontextmanager
async def open_grader(config: GradingConfig) -> AsyncIterator[Grader]:
    """A grader; on leaving, its processes are killed. None is started before it is needed."""
    equality = GRADERS[config.kind](config)
    try:
        yield Grader(config, equality)
    finally:
        await equality.close()
