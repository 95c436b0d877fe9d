"""What a judged solution says is wrong, and what is fitted to labels: by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.datasets.labelled import LabelledSolution
from benchmarks.datasets.samples import StepLabels
from benchmarks.estimators.clusters import Estimate
from benchmarks.estimators.first_errors import NO_ERROR, UNREAD
from search.core import Judgement, Missing, Problem, Spent, StepVerdict, VerdictStatus
from treewright.verifying.figures import measure
from treewright.verifying.fitting import (
    first_below,
    fitted,
    halves_of,
    said_of_steps,
    temperature,
    threshold,
)
from treewright.verifying.judged import JudgedSolution, clusters_of

READ, AFTER, LOST = VerdictStatus.READ, VerdictStatus.AFTER_ERROR, VerdictStatus.MISSING


def judged(
    problem: str,
    label: int | None,
    *said: float | None,
    after: float | None = None,
    subset: str = "x",
) -> JudgedSolution:
    """A solution of as many steps as are said of; with `after` one more, behind an error."""
    verdicts = [StepVerdict(p, LOST if p is None else READ) for p in said]
    if after is not None:
        verdicts.append(StepVerdict(after, AFTER))
    steps = tuple(f"step {number}" for number in range(max(1, len(verdicts))))
    labels = StepLabels(Problem(problem, f"{problem}?"), steps, label)
    judgement = Judgement(tuple(verdicts), 0.5) if verdicts else Judgement.missing("cut")
    return JudgedSolution(
        LabelledSolution(problem, subset, labels), judgement, Spent(1, 10, 4, 6, 0)
    )


CASES = [
    judged("right", None, 0.9, 0.8),
    judged("found", 1, 0.9, 0.2, after=0.2),
    judged("missed", 0, 0.7, 0.6),
    judged("unread", 1, 0.9, None),
    judged("read before", 0, 0.1, None),
    judged("cut", None),
]
SAID = [NO_ERROR, 1, NO_ERROR, UNREAD, 0, UNREAD]


def test_the_first_step_below_one_half_is_called_and_what_cannot_be_read_is_told_apart() -> None:
    assert [each.first_below() for each in CASES] == SAID
    assert [each.matches for each in CASES] == [True, True, False, False, True, False]


@pytest.mark.parametrize("line", [0.05, 0.5, 0.65, 0.75, 0.85, 0.95])
def test_all_at_once_are_as_one_by_one(line: float) -> None:
    at_once = first_below(said_of_steps(CASES), line)
    assert list(at_once) == [each.first_below(line) for each in CASES]


def test_steps_behind_the_label_or_behind_the_verifiers_stop_are_not_counted() -> None:
    assert judged("a", 0, 0.7, 0.6).labelled_steps == [(0.7, False)]
    assert judged("b", None, 0.9, 0.2, after=0.2).labelled_steps == [(0.9, True), (0.2, True)]
    assert judged("c", 2, 0.9, None, 0.1).labelled_steps == [(0.9, True), (0.1, False)]


def test_the_figures_of_a_few_solutions_by_hand() -> None:
    found = measure(CASES)
    values = {name: each.value for name, each in found.estimates.items()}
    assert values["subset x error_accuracy"] == 2 / 4
    assert values["subset x correct_accuracy"] == 1 / 2
    assert values["f1"] == 0.5
    assert (values["incorrect_precision"], values["incorrect_recall"]) == (1.0, 0.5)
    # Right steps at .9 .8 .9 .9, wrong ones at .2 .7 .1: all pairs in order.
    assert values["auroc"] == 1.0
    squares = [0.1, 0.2, 0.1, 0.1, 0.2, 0.7, 0.1]
    assert values["brier"] == pytest.approx(sum(each**2 for each in squares) / 7)
    logs = [0.9, 0.8, 0.9, 0.9, 0.8, 0.3, 0.9]
    assert values["nll"] == pytest.approx(-sum(map(np.log, logs)) / 7)
    assert values["tokens"] == 12
    assert (found.counts.unread, found.counts.judged_steps) == (2, 7)
    assert dict(found.counts.reasons) == {"cut": 1}


def test_an_average_over_subsets_is_of_the_same_subsets_in_every_resample() -> None:
    """One that a resample leaves with one kind of solutions has no F1: no reason to go without."""
    few = [judged(f"a{at}", at % 2 or None, 0.9, 0.8, subset="a") for at in range(4)]
    many = [
        judged(f"b{at}", at % 2 or None, 0.9, 0.2 if at % 2 else 0.8, subset="b")
        for at in range(40)
    ]
    alone = [judged(f"c{at}", None, 0.9, subset="c") for at in range(4)]
    found = measure([*few, *many, *alone]).estimates
    assert found["subset a f1"] == Estimate(0.0)
    assert found["subset b f1"] == Estimate(1.0, (1.0, 1.0))
    assert found["subset c f1"] == Estimate(None)
    assert found["f1"] == Estimate(0.5)  # no resample of it is 1, the F1 of b alone


def test_tokens_that_nobody_counted_are_unknown() -> None:
    case = CASES[0]
    uncounted = JudgedSolution(case.solution, case.judgement, Spent(1, 0, 0, 6, 0))
    found = measure([uncounted, CASES[1]])
    assert found.estimates["tokens"].value is None
    assert found.tokens.prompt is None


def test_halves_are_of_problems_and_depend_on_nothing_else() -> None:
    cases = [judged(f"p{number // 2}", None, 0.9) for number in range(40)]
    halves = halves_of(cases)
    assert all(halves[::2] == halves[1::2])
    assert sum(halves) == 20
    assert list(halves_of(cases[::-1])) == list(halves[::-1])


def test_a_problem_of_several_subsets_is_in_one_half_and_is_resampled_as_one() -> None:
    """Else what is fitted on one of its solutions is tried on another, as if it knew nothing."""
    cases = [judged(f"p{at}", None, 0.9, subset=name) for name in "ab" for at in range(9)]
    cases += [judged("alone", None, 0.9, subset="c")]
    halves = halves_of(cases)
    assert list(halves[:9]) == list(halves[9:18])
    clusters = clusters_of(cases)
    assert list(map(len, clusters.strata)) == [9, 1]
    assert list(clusters.rows) == [*range(9), *range(9), 9]
    assert measure(cases).counts.problems == 10


def test_each_half_is_measured_with_what_was_fitted_on_the_other() -> None:
    cases = [judged(f"p{number}", None, 0.9) for number in range(10)]
    halves = halves_of(cases)
    seen: list[set[str]] = []

    def fit(others: object) -> float:
        assert isinstance(others, list)
        seen.append({each.problem for each in others})
        return float(len(seen))

    found = fitted(fit, cases)
    for half, others in enumerate(seen):
        own = {each.problem for each, at in zip(cases, halves, strict=True) if at == half}
        assert own.isdisjoint(others)
        assert own | others == {each.problem for each in cases}
    assert list(found.values) == [float(half + 1) for half in halves]
    assert fitted(lambda others: None, cases).values == ()
    assert fitted(lambda others: 3.0, cases[:2], cases[2:]).values == (3.0, 3.0)


def test_where_all_that_is_fitted_on_failed_nothing_is_fitted() -> None:
    """And not crosswise, on what is measured."""
    cases = [judged(f"p{at}", at % 2 or None, 0.9, 0.4 + at / 30) for at in range(12)]
    assert measure(cases).threshold.found != ()
    found = measure(cases, [])
    assert found.threshold.found == found.temperature.found == ()


def test_the_threshold_is_the_one_of_the_best_f1_and_of_equals_the_nearest_to_one_half() -> None:
    shifted = [
        judged("a", None, 0.95, 0.9),
        judged("b", 1, 0.96, 0.7),
        judged("c", 0, 0.65, 0.9),
        judged("d", None, 0.8),
    ]
    found = threshold(shifted)
    assert found is not None
    assert 0.7 < found < 0.8
    assert threshold(CASES[:2]) == 0.5
    assert threshold([judged("a", None, 0.9, 0.8)]) is None


def test_no_temperature_fits_signs_without_a_fault() -> None:
    assert temperature([judged("a", None, 0.9), judged("b", 0, 0.2)]) is None
    sure = [judged(str(n), 0 if n < 3 else None, 0.999) for n in range(10)]
    found = temperature(sure)
    assert found is not None
    assert found > 1
    assert temperature([CASES[-1]]) is None


def test_what_no_judgement_is_has_no_figures() -> None:
    found = measure([CASES[-1]])
    assert isinstance(CASES[-1].judgement.prefix, Missing)
    assert found.estimates["f1"].value is None
    assert found.estimates["auroc"].value is None
    assert found.tempered is None
