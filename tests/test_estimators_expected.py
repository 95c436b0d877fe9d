"""Expected accuracies over problems: as the table measures at n = N, and with honest intervals."""

from collections.abc import Sequence
from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.estimators.expected import Expected, Share, expected
from benchmarks.estimators.paired import paired_difference
from benchmarks.estimators.subsets import subset_chances
from benchmarks.estimators.wilson import wilson_interval
from benchmarks.grading import Grades, Outcome
from search.aggregation import MissingRule, Scale
from search.calls import Costs
from search.core import (
    Candidate,
    Judgement,
    Missing,
    Prefix,
    Result,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.core import Problem as Question
from search.driver import Searched
from search.selection import SELECTIONS, Option
from treewright.arms.arm import Arm
from treewright.arms.graded import Graded
from treewright.arms.graded_run import GradedRun
from treewright.arms.solved import Solved

RIGHT, WRONG, UNDECIDED = "right", "wrong", "undecided"

Problem = list[tuple[Option, str]]

candidates = st.tuples(
    st.builds(
        Option,
        st.one_of(st.none(), st.integers(0, 2)),
        st.one_of(st.floats(0, 1), st.just(Missing("unread"))),
    ),
    st.sampled_from([RIGHT, WRONG, UNDECIDED]),
)
problems = st.lists(st.lists(candidates, min_size=4, max_size=5), min_size=1, max_size=4)


def share(name: str, problem: Problem, n: int, seed: int = 0, draws: int = 512) -> Share:
    options = [option for option, _ in problem]
    (chances,) = subset_chances(name, options, Scale.PROBABILITY, [n], seed=seed, draws=draws)
    grades = [grade for _, grade in problem]
    marks = [[grade == wanted for grade in grades] for wanted in (RIGHT, UNDECIDED)]
    return Share.of(chances, *marks)


def exact(name: str, problem: Problem, n: int) -> tuple[float, float]:
    """The shares of subsets that are right, and that are decided."""
    right = decided = 0
    subsets = list(combinations(problem, n))
    for subset in subsets:
        choice = SELECTIONS[name].choose([option for option, _ in subset], Scale.PROBABILITY)
        grade = WRONG if choice.index is None else subset[choice.index][1]
        right += grade == RIGHT
        decided += not choice.unscored and grade != UNDECIDED
    return right / len(subsets), decided / len(subsets)


def binary(right: int, wrong: int) -> list[Share]:
    return [Share(1, 1, 0, 0, 0)] * right + [Share(0, 1, 0, 0, 0)] * wrong


@pytest.mark.parametrize("name", ["first", "best", "majority", "weighted"])
@pytest.mark.parametrize("n", [1, 2, 4])
@given(problems)
def test_accuracy_is_right_over_decided_in_all_subsets_of_all_problems(
    name: str, n: int, given_problems: list[Problem]
) -> None:
    found = expected([share(name, problem, n) for problem in given_problems])
    shares = [exact(name, problem, n) for problem in given_problems]
    right, decided = (sum(values) for values in zip(*shares, strict=True))
    if found.accuracy is not None:
        assert found.accuracy == pytest.approx(right / decided, abs=1e-9)
        assert found.problems == pytest.approx(decided, abs=1e-9)
        assert found.error == 0.0


def solved(problem_id: str, problem: Problem) -> Solved:
    """The problem as a search leaves it: every score is the verdict on the only step."""
    root = Prefix.start(Question(problem_id, "?"))
    found = []
    for index, (option, _) in enumerate(problem):
        path = root.grow(index, [Step(str(index), (index,), StopReason.EOS)])
        found.append(Candidate(path, judged(option.score)))
    outcomes = {RIGHT: Outcome.CORRECT, WRONG: Outcome.INCORRECT, UNDECIDED: Outcome.TIMEOUT}
    grades = Grades(
        tuple(option.group for option, _ in problem), tuple(outcomes[mark] for _, mark in problem)
    )
    return Solved(problem_id, Searched(Result(tuple(found)), Costs({}, {}), {}), grades)


def judged(score: float | Missing) -> Judgement:
    if isinstance(score, Missing):
        return Judgement.missing(score.reason)
    return Judgement((StepVerdict(score, VerdictStatus.READ),), score, chains=1)


@pytest.mark.parametrize("name", ["first", "best", "majority", "weighted"])
@given(problems)
def test_at_n_of_all_candidates_it_is_the_row_of_the_table(
    name: str, given_problems: list[Problem]
) -> None:
    found = expected([share(name, problem, len(problem)) for problem in given_problems])
    items = [solved(str(index), problem) for index, problem in enumerate(given_problems)]
    graded = [Graded.of(item, ["last"], MissingRule.WORST) for item in items]
    scored = "last" if SELECTIONS[name].needs_score else None
    arm = GradedRun("", graded).first(Arm(name, scored), 5).figures
    assert found.accuracy == pytest.approx(arm.accuracy)
    assert found.ci95 == (None if arm.ci95 is None else pytest.approx(arm.ci95))
    assert (found.problems, found.unscored) == (arm.problems, arm.unscored)
    assert (found.abstained, found.ungraded) == (arm.abstained, arm.ungraded)


@given(st.integers(0, 60), st.integers(0, 60))
def test_problems_that_are_all_or_nothing_have_the_wilson_interval(right: int, wrong: int) -> None:
    if right + wrong:
        found = expected(binary(right, wrong))
        assert found.ci95 == pytest.approx(wilson_interval(right, right + wrong), abs=1e-12)


def test_an_abstention_is_wrong_and_what_cannot_be_told_is_left_out() -> None:
    """One right, one abstained, one without any score, one that the grader could not decide."""
    seen = [
        share("best", [(Option(0, 0.5), RIGHT)], 1),
        share("best", [(Option(None, 0.5), WRONG)], 1),
        share("best", [(Option(0, Missing("unread")), RIGHT)], 1),
        share("best", [(Option(0, 0.5), UNDECIDED)], 1),
    ]
    found = expected(seen)
    assert found.accuracy == 0.5
    assert (found.problems, found.abstained, found.unscored, found.ungraded) == (2, 1, 1, 1)


def test_without_one_score_abstentions_alone_are_no_accuracy() -> None:
    seen = [
        share("best", [(Option(None, 0.5), WRONG)], 1),
        share("best", [(Option(0, Missing("unread")), RIGHT)], 1),
    ]
    assert expected(seen) == Expected(None, None, 0.0, 0.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize("shares", [[], [Share(0, 0, 0, 0, 1)]])
def test_nothing_decided_is_no_accuracy(shares: list[Share]) -> None:
    found = expected(shares)
    assert found.accuracy is None
    assert found.ci95 is None


def test_a_single_problem_does_not_look_certain() -> None:
    low, high = expected([Share(0.5, 1, 0, 0, 0)]).ci95 or (0, 0)
    assert low < 0.15
    assert high > 0.85


def test_the_stated_error_is_the_spread_over_drawings() -> None:
    """12 problems, one candidate in 4 undecided; 400 times all subsets are drawn anew."""
    rng = np.random.default_rng(2)
    given_problems = [random_problem(rng, 16) for _ in range(12)]
    numbers = range(400)
    found = [
        expected(
            [
                share("weighted", problem, 6, 100 * number + index, draws=50)
                for index, problem in enumerate(given_problems)
            ]
        )
        for number in numbers
    ]
    spread = np.std([each.accuracy or 0 for each in found])
    assert sqrt(np.mean([each.error**2 for each in found])) == pytest.approx(spread, rel=0.12)


def random_problem(rng: np.random.Generator, total: int) -> Problem:
    rows = zip(rng.integers(3, size=total), rng.random(total), strict=True)
    grades: Sequence[str] = [RIGHT, WRONG, UNDECIDED, WRONG]
    return [
        (Option(int(group), float(score)), grades[int(rng.integers(4))]) for group, score in rows
    ]


def test_paired_intervals_of_shares_cover_the_truth_in_93_to_97_of_100_experiments() -> None:
    """2,000 experiments of 200 problems, solved with chance p ~ Beta(2, 2) by one arm, p² by one.

    16 attempts each; the difference of the means is 1/2 − 3/10.
    """
    rng = np.random.default_rng(0)
    chances = rng.beta(2, 2, (2_000, 200))
    ours, theirs = rng.binomial(16, chances) / 16, rng.binomial(16, chances**2) / 16
    found = [
        paired_difference(one, other, seed=number, resamples=500)
        for number, (one, other) in enumerate(zip(ours.tolist(), theirs.tolist(), strict=True))
    ]
    assert 0.93 <= np.mean([each.low <= 0.2 <= each.high for each in found]) <= 0.97


@pytest.mark.parametrize(
    ("alpha", "beta", "per_problem"), [(2.0, 2.0, 16), (0.5, 0.5, 8), (8.0, 4.0, 64), (1.0, 6.0, 1)]
)
def test_the_interval_covers_the_truth_in_93_to_97_of_100_experiments(
    alpha: float, beta: float, per_problem: int
) -> None:
    """2,000 experiments of 150 problems whose chance to be solved is drawn from a Beta."""
    rng = np.random.default_rng(0)
    chances = rng.beta(alpha, beta, (2_000, 150))
    values = rng.binomial(per_problem, chances) / per_problem
    truth, covered = alpha / (alpha + beta), 0
    for row in values.tolist():
        low, high = expected([Share(value, 1, 0, 0, 0) for value in row]).ci95 or (0, 0)
        covered += low <= truth <= high
    assert 0.93 <= covered / 2_000 <= 0.97
