"""Lessons on reading: what is asked of each section and what stands there, at many places another.

A critique ends at its first difference, so that it teaches little to see one; these chains go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from benchmarks.arithmetic.checker import Claim
from benchmarks.arithmetic.corpus import Lesson, Piece, verifier_prompt
from benchmarks.arithmetic.critique import GIVEN, LEAD, READ
from benchmarks.arithmetic.errors import LARGEST, wrong_result
from benchmarks.arithmetic.lessons import CUT_SHARE
from benchmarks.arithmetic.problems import SYMBOLS, LevelProblem, Operation, draw_problem
from benchmarks.arithmetic.reading import (
    DIFFERENT_SHARES,
    UNRELATED_SHARE,
    WRONG_SHARE,
    any_number,
    differing,
    is_right,
    judged,
    near_number,
    shown,
)
from benchmarks.arithmetic.structured.checker import SectionCheck
from benchmarks.arithmetic.structured.choices import OPTIONS, ChoiceProblem
from benchmarks.arithmetic.structured.critique import (
    agreement,
    examined,
    first,
    lead,
    sentence,
    weighed,
)
from benchmarks.arithmetic.structured.reasoning import (
    END,
    VERBS,
    decided,
    lettered,
    listed,
    sought,
)

MOVED_SHARE = 0.2
"""Share of the sections in which an operation is left out or repeated: all after it is moved."""
LARGEST_FACTOR = 99
"""Of a product or quotient that is worked out."""


@dataclass(frozen=True)
class Section:
    """What a section should say, what it says, and what is asked after it.

    `written`: its text, where that is not its sentences one by one.
    """

    expected: Sequence[str]
    said: Sequence[str]
    after: str
    written: str = ""

    @property
    def held(self) -> list[SectionCheck]:
        """Both side by side, as far as both go."""
        pairs = zip(self.expected, self.said, strict=False)
        return [SectionCheck(expected, said) for expected, said in pairs]

    def text(self, index: int) -> str:
        """The section as step `index` (from 0)."""
        told = " ".join(f"{sentence(index, said)}." for said in self.said if said != END)
        return self.written or told


def reading_lesson(rng: Random, problem: LevelProblem, kind: str) -> Lesson:
    """Returns a lesson on sections of which many places say something else than is asked.

    Args:
        rng: draws all of it.
        problem: what the sections should answer.
        kind: `read`: what is asked is in the prompt. `quote`: it is not, so it is given. `copy`: as
            there, with numbers that follow from nothing, so that there is no other way to them.
    """
    if kind == "copy":
        problem = scrambled(rng, problem)
    options, sections = misled(rng, problem, kind == "copy")
    if rng.random() < CUT_SHARE:
        sections = sections[: rng.randint(1, len(sections))]
    texts = [section.text(index) for index, section in enumerate(sections)]
    given, known = shown(rng, len(texts)), READ if kind == "read" else GIVEN
    asked: list[Piece] = [(f"{LEAD} asked{first(problem)}.", GIVEN)]
    pieces = list(lead(problem)) if kind == "read" else asked
    for index, section in enumerate(sections):
        put = f" {texts[index]}" if index >= given else ""
        pieces.append((f"\n\nStep {index + 1}:{put}", GIVEN))
        pieces += examined(index, section.held, known)
        pieces += concluded(section, pieces[-1] == agreement(False), known)
    question = ChoiceProblem(problem, options).question if kind == "read" else ""
    return Lesson(verifier_prompt(question, texts[:given]), tuple(pieces))


def concluded(section: Section, differs: bool, known: float) -> list[Piece]:
    """Returns the verdict and what is asked next; `differs`: whether the section ended so.

    Behind a difference further up, where a critique would have ended, nothing tells the verdict.
    """
    right = all(each.right for each in section.held)
    *verdict, last = judged(right, section.after, known)
    if right or differs:
        return [*verdict, last]
    return [*((text, GIVEN) for text, _ in verdict), last]


def misled(
    rng: Random, problem: LevelProblem, random: bool
) -> tuple[tuple[int, ...], list[Section]]:
    """Returns options and the sections of a response; `random`: its results follow from nothing."""
    share = rng.choice(DIFFERENT_SHARES)
    planning = Section(*planned(rng, problem, share), first(problem))
    calculations, result = calculated(rng, problem, share, random)
    options = offered(rng, result)
    monitoring = Section(*calculations, weighed(options, result))
    evaluation = evaluated(rng, options, result, share)
    output = Section(*answered(rng, options, result, share), " none")
    return options, [planning, monitoring, evaluation, output]


def scrambled(rng: Random, problem: LevelProblem) -> LevelProblem:
    """Returns a chain of as many operations with any numbers, and no text."""
    symbols = [rng.choice(SYMBOLS) for _ in problem.operations]
    operations = [
        Operation(symbol, any_number(rng) + 1 if symbol in "+-" else rng.randint(1, LARGEST_FACTOR))
        for symbol in symbols
    ]
    return replace(problem, start=any_number(rng) + 1, operations=tuple(operations), question="")


def planned(rng: Random, problem: LevelProblem, share: float) -> tuple[list[str], list[str]]:
    """Returns what a planning section should say and what it says."""
    start = near_number(rng, problem.start) if rng.random() < share else problem.start
    said = [told(operation) for operation in operations(rng, problem, share)]
    expected = [told(operation) for operation in problem.operations]
    return [f"start {problem.start}", *expected, END], [f"start {start}", *said, END]


def told(operation: Operation) -> str:
    """Returns an operation as the checker says it."""
    return f"{VERBS[operation.symbol].lower()} {operation.operand}"


def operations(rng: Random, problem: LevelProblem, share: float) -> list[Operation]:
    """Returns what a section makes of the operations: other ones, moved, of another problem."""
    if rng.random() < UNRELATED_SHARE:
        return list(draw_problem(rng, problem.level).operations)
    asked = problem.operations
    said = [differing(rng, Claim(0, each, 0, None), share, asked).operation for each in asked]
    if rng.random() < MOVED_SHARE:
        at = rng.randrange(len(said))
        said[at : at + 1] = rng.choice(([], [said[at]] * 2, [rng.choice(asked), said[at]]))
    return said


def calculated(
    rng: Random, problem: LevelProblem, share: float, random: bool
) -> tuple[tuple[list[str], list[str]], int]:
    """Returns what the calculations should be and are, and the last result.

    Each is asked to go on from the result before it, which mostly follows from what is said: one
    that followed from what was asked would tell it, and spare a look at the plan.
    """
    expected, said, value = list[str](), list[str](), problem.start
    for index, operation in enumerate(operations(rng, problem, share)):
        if index < len(problem.operations):
            expected.append(right_claim(value, problem.operations[index]))
        value = near_number(rng, value) if rng.random() < share / 2 else value
        result = claimed(rng, value, operation, random)
        said.append(operation.claim(value, result))
        value = result
    more = problem.operations[len(said) : len(said) + 1]
    expected += [right_claim(value, operation) for operation in more]
    return ([*expected, END], [*said, END]), value


def right_claim(value: int, operation: Operation) -> str:
    """Returns a calculation with its result, `none` where that is no whole number above 0."""
    result = operation.apply(value)
    exact = result > 0 and is_right(Claim(value, operation, result, None))
    return operation.claim(value, result) if exact else f"{operation.claim(value, 0)[:-1]}none"


def claimed(rng: Random, value: int, operation: Operation, random: bool) -> int:
    """Returns a result: by the calculation, wrong by `WRONG_SHARE`, or `random`."""
    result = operation.apply(value)
    if random or not 0 < result <= LARGEST:
        return any_number(rng) + 1
    return wrong_result(rng, operation, value) if rng.random() < WRONG_SHARE else result


def offered(rng: Random, result: int) -> tuple[int, ...]:
    """Returns options, one of them the result and the others mostly near it."""
    options = [result]
    while len(options) < OPTIONS:
        other = near_number(rng, result)
        if other not in options:
            options.append(other)
    rng.shuffle(options)
    return tuple(options)


def evaluated(rng: Random, options: Sequence[int], result: int, share: float) -> Section:
    """Returns an evaluation that may say another result, other options or another number."""
    right = options.index(result)
    expected = [f"result {result}", *as_read(options), f"answer {decided(right)}", END]
    value = near_number(rng, result) if rng.random() < share else result
    read = misread(rng, options, share)
    named = rng.randrange(OPTIONS) if rng.random() < share else right
    said = [f"result {value}", *as_read(read), f"answer {decided(named)}", END]
    weighing = f"Options: {listed(read)}. {sought(read, value)}"
    text = f"The result is {value}. {weighing} So it is {decided(named)}."
    return Section(expected, said, f" {right} {result}", text)


def as_read(options: Sequence[int]) -> list[str]:
    """Returns options as the checker says them."""
    return [f"read {each}" for each in lettered(options)]


def misread(rng: Random, options: Sequence[int], share: float) -> list[int]:
    """Returns the options as an evaluation may read them.

    Each is another value with probability `share`; by `MOVED_SHARE` one is left out.
    """
    read = [
        rng.choice((near_number(rng, value), rng.choice(options)))
        if rng.random() < share
        else value
        for value in options
    ]
    if rng.random() < MOVED_SHARE * share:
        del read[rng.randrange(len(read))]
    return read


def answered(
    rng: Random, options: Sequence[int], result: int, share: float
) -> tuple[list[str], list[str]]:
    """Returns what the output should say, as a sentence, and what it says."""
    right = (options.index(result), result)
    said = rng.choice(list(enumerate(options))) if rng.random() < 2 * share else right
    return [f"option {right[0]} is {right[1]}", END], [f"option {said[0]} is {said[1]}", END]
