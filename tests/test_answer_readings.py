"""Which answers are the same and which are right: the specification by example, and its laws."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.grading import Grades, GradingConfig, Outcome, open_grader
from search.aggregation import Scale
from search.selection import SELECTIONS, Choice, Option

CASES = Path(__file__).with_name("golden") / "grading.tsv"
Case = tuple[str, str, str, str]
"""A kind of grading, a reference, an answer, and `Y` where it is right."""


def cases() -> list[Case]:
    rows = [line.split("\t") for line in CASES.read_text("utf-8").splitlines()[1:]]
    return [(row[2], row[3], row[4], row[5]) for row in rows]


async def graded(problems: Sequence[tuple[str, str, Sequence[str]]]) -> list[Grades]:
    """The grades of problems: kind of grading, reference, answers."""
    configs = {
        kind: GradingConfig(kind=kind, timeout_s=30) for kind in ("math", "numeric", "exact")
    }
    async with (
        open_grader(configs["math"]) as math,
        open_grader(configs["numeric"]) as numeric,
        open_grader(configs["exact"]) as exact,
    ):
        graders = {"math": math, "numeric": numeric, "exact": exact}
        return [await graders[kind].grade(right, answers) for kind, right, answers in problems]


@pytest.fixture(scope="module")
def by_reference() -> dict[tuple[str, str], tuple[list[str], Grades]]:
    """By kind and reference: all answers of the specification to it, and their grades."""
    answers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for kind, reference, answer, _ in cases():
        answers[kind, reference].append(answer)
        if kind == "math":  # graded beside what others say, as candidates are
            answers[kind, reference].append(reference)
    asked = [(kind, reference, said) for (kind, reference), said in answers.items()]
    grades = asyncio.run(graded(asked))
    return {key: (answers[key], told) for key, told in zip(answers, grades, strict=True)}


def test_every_pair_of_the_specification_is_graded_as_it_says(
    by_reference: dict[tuple[str, str], tuple[list[str], Grades]],
) -> None:
    wrong = []
    for kind, reference, answer, equal in cases():
        answers, grades = by_reference[kind, reference]
        outcome = grades.outcomes[answers.index(answer)]
        right = outcome is Outcome.CORRECT
        if right != (equal == "Y") or outcome in (Outcome.TIMEOUT, Outcome.FAILED):
            wrong.append((kind, reference, answer, equal, outcome))
    assert wrong == []


def test_no_group_holds_two_outcomes(
    by_reference: dict[tuple[str, str], tuple[list[str], Grades]],
) -> None:
    for _, grades in by_reference.values():
        told = set(zip(grades.groups, grades.outcomes, strict=True))
        assert len({group for group, _ in told}) == len(told)


CROWDS = [
    ("50", ["0.5", r"50\%", r"50\%", "50", "50.0", "1/2", r"\frac{1}{2}"]),
    ("0.5", ["0.5", r"50\%", r"50\%", "50", "50 percent"]),
    ("(1,2)", ["(1,2)", "1,2", "(2,1)", r"\{1,2\}", "2, 1", "1 and 2"]),
    ("1,2", ["(1,2)", "1,2", "(2,1)", r"\{1,2\}", "2, 1", "1 and 2"]),
    ("1/3", ["0.333333", "0.3333333", "1/3", "0.333", r"0.\overline{3}"]),
    ("1011_2", ["1011_2", "1011", "11", "1011_{10}", "1011_3"]),
    ("A", ["A", "(A)", "A. 3", "B", "A and B", "3"]),
    (r"2\sqrt{3}", [r"\sqrt{12}", r"2\sqrt3", "3.4641016", r"\sqrt{13}", "6/\\sqrt{3}"]),
    ("y=2x+3", ["2x+3", "y=2x+3", "2x-y+3=0", "3+2x", "y-3=2x", "2x-3"]),
    ("0.5000001", ["0.500000", "1/2", "0.5", "0.5000001", "0.5000002"]),
    (
        "18",
        [
            "18",
            "18/",
            r"18 \times",
            "18 squared",
            "18 eggs",
            "17 @ 18",
            "18 million",
            "$18",
            "18%",
            "018",
            "18.0",
        ],
    ),
]
"""Answers that peers put into one group, or into groups that depend on their order."""


def test_the_winner_and_the_groups_are_the_same_in_every_order_of_the_candidates() -> None:
    rng = random.Random(4)
    shuffled: list[tuple[str, str, list[str]]] = []
    for number in range(1000):
        reference, answers = CROWDS[number % len(CROWDS)]
        said = rng.choices(answers, k=8) if number >= len(CROWDS) else answers
        shuffled += [("math", reference, said), ("math", reference, rng.sample(said, len(said)))]
    grades = asyncio.run(graded(shuffled))
    for number in range(0, len(shuffled), 2):
        one = classes(shuffled[number][2], grades[number])
        other = classes(shuffled[number + 1][2], grades[number + 1])
        assert one == other, shuffled[number]
        votes = [voted(shuffled[n][2], grades[n]) for n in (number, number + 1)]
        assert votes[0] == votes[1] or votes[0] is None or votes[1] is None


def classes(answers: Sequence[str], grades: Grades) -> set[tuple[frozenset[str], Outcome]]:
    """The groups as sets of texts, each with its outcome."""
    found: dict[int | None, set[str]] = defaultdict(set)
    for answer, group in zip(answers, grades.groups, strict=True):
        found[group].add(answer)
    outcome = dict(zip(grades.groups, grades.outcomes, strict=True))
    return {(frozenset(texts), outcome[group]) for group, texts in found.items()}


def voted(answers: Sequence[str], grades: Grades) -> frozenset[str] | None:
    """What the majority says, None where several answers have as many votes."""
    options = [Option(group, 0.5) for group in grades.groups]
    choice: Choice = SELECTIONS["majority"].choose(options, Scale.PROBABILITY)
    if choice.tied or choice.index is None:
        return None
    group = grades.groups[choice.index]
    return frozenset(a for a, g in zip(answers, grades.groups, strict=True) if g == group)


def test_an_answer_gains_no_vote_by_being_right() -> None:
    answers = ["0.5", r"50\%", "50", r"\sqrt{4}", "2", "(1,2)", "x=2"]
    answers += ["0.500000", "1/2", "0.333333", r"\frac{333333}{1000000}"]
    references = ("50", "0.5", "2", "7", "0.5000001", "1/3")
    problems = [("math", reference, answers) for reference in references]
    assert len({grades.groups for grades in asyncio.run(graded(problems))}) == 1
