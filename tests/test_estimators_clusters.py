"""Figures of weighed rows, their bootstrap over clusters, and the swap test: by hand and by law."""

from __future__ import annotations

import math
from itertools import islice
from random import Random

import numpy as np
import pytest

from benchmarks.estimators.calibration import auroc, calibration
from benchmarks.estimators.clusters import Clusters, difference, estimates, interval, swap_test
from benchmarks.estimators.first_errors import UNREAD, called, counts, matched
from benchmarks.estimators.weighing import (
    auroc_of,
    average_of,
    ece_of,
    harmonic_of,
    mean_of,
    over,
    ratio_of,
)

NONE = -1
LABELS = np.array([2, 0, 1, 3, NONE, NONE, NONE])
SAID = np.array([2, 0, NONE, 4, NONE, 1, UNREAD])
ONES = np.ones(7)


def test_processbench_f1_is_the_harmonic_mean_of_its_two_accuracies_by_hand() -> None:
    found = {name: each(ONES) for name, each in matched(LABELS, SAID).items()}
    assert found["error_accuracy"] == 2 / 4
    assert found["correct_accuracy"] == pytest.approx(1 / 3)  # what cannot be read is no match
    assert found["f1"] == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))


def test_processbench_f1_is_0_where_nothing_matches_and_undefined_without_one_kind() -> None:
    assert matched(LABELS, np.full(7, UNREAD))["f1"](ONES) == 0.0
    only_wrong = matched(LABELS[:4], SAID[:4])["f1"](np.ones(4))
    assert math.isnan(only_wrong)


def test_precision_recall_and_f1_of_incorrect_count_a_call_elsewhere_as_alarm_and_miss() -> None:
    found = {name: each(ONES) for name, each in called(LABELS, SAID).items()}
    assert found["precision"] == 2 / 4  # called: 2, 0, 4, 1
    assert found["recall"] == 2 / 4
    assert found["f1"] == 2 * 2 / (4 + 4)
    assert counts([2, 0, 1, 3, None], [2, 0, None, 4, None]) == (2, 3, 4)


def test_a_harmonic_mean_and_an_average_of_figures_by_hand() -> None:
    half, third = mean_of(np.array([1.0, 0.0])), mean_of(np.array([1.0, -1 / 3]))
    weights = np.ones(2)
    assert harmonic_of(half, third)(weights) == pytest.approx(0.4)
    undefined = ratio_of(np.zeros(2), np.zeros(2))
    assert average_of([half, third])(weights) == pytest.approx(5 / 12)
    assert math.isnan(average_of([half, undefined, third])(weights))
    assert math.isnan(average_of([])(weights))


@pytest.mark.parametrize("seed", range(5))
def test_with_equal_weights_auroc_and_ece_are_the_plain_ones(seed: int) -> None:
    rng = Random(seed)
    scores = [round(rng.random(), 1) for _ in range(40)]
    right = [rng.random() < score for score in scores]
    values, marks, ones = np.array(scores), np.array(right), np.ones(40)
    assert auroc_of(values, marks)(ones) == pytest.approx(auroc(scores, right))
    assert ece_of(values, marks)(ones) == pytest.approx(calibration(scores, right).ece)


def test_a_weight_of_two_is_a_row_that_is_there_twice() -> None:
    values, marks = np.array([0.1, 0.4, 0.8, 0.9]), np.array([False, True, False, True])
    rows = np.array([0, 0, 1, 2, 3, 3])
    weights = np.array([2.0, 1.0, 1.0, 2.0])
    for make in (auroc_of, ece_of):
        repeated = make(values[rows], marks[rows])(np.ones(6))
        assert make(values, marks)(weights) == pytest.approx(repeated)


def test_finer_rows_weigh_what_their_row_weighs() -> None:
    steps = over(mean_of(np.array([1.0, 0.0, 0.0])), np.array([0, 0, 1]))
    assert steps(np.array([1.0, 0.0])) == 0.5
    assert steps(np.array([1.0, 2.0])) == 0.25


def test_clusters_are_resampled_whole_and_within_their_strata() -> None:
    clusters = Clusters.of(["p", "p", "q", "p"], ["easy", "easy", "easy", "hard"])
    assert clusters.count == 3  # p of easy and p of hard are two
    for weights in islice(clusters.resamples(0), 50):
        assert weights[0] == weights[1]
        assert weights[0] + weights[2] == 2
        assert weights[3] == 1


def test_the_interval_of_a_mean_over_single_rows_is_that_of_the_binomial() -> None:
    rng = Random(1)
    values = np.array([float(rng.random() < 0.3) for _ in range(400)])
    found = estimates({"x": mean_of(values)}, Clusters.of(range(400), [0] * 400))["x"]
    mean = values.mean()
    half = 1.96 * math.sqrt(mean * (1 - mean) / 400)
    assert found.value == pytest.approx(mean)
    assert found.ci95 == pytest.approx((mean - half, mean + half), abs=0.006)


def test_rows_of_one_cluster_are_not_counted_as_independent() -> None:
    values = np.repeat([1.0, 0.0] * 25, 8)
    apart = estimates({"x": mean_of(values)}, Clusters.of(range(400), [0] * 400))["x"]
    together = estimates(
        {"x": mean_of(values)}, Clusters.of([row // 8 for row in range(400)], [0] * 400)
    )["x"]
    assert apart.ci95 is not None
    assert together.ci95 is not None
    wide, narrow = (ends[1] - ends[0] for ends in (together.ci95, apart.ci95))
    assert wide == pytest.approx(narrow * math.sqrt(8), rel=0.1)


def test_a_figure_that_is_often_undefined_has_no_interval() -> None:
    assert interval([0.5] * 90 + [math.nan] * 10) is None
    assert interval([0.5] * 98 + [math.nan] * 2) == (0.5, 0.5)


def test_nothing_is_known_of_how_a_single_problem_varies() -> None:
    values = mean_of(np.array([0.0, 1.0]))
    one = estimates({"": values}, Clusters.of(["p", "p"], ["x", "x"]))[""]
    assert (one.value, one.ci95) == (0.5, None)


def test_the_difference_of_two_is_paired_and_the_swap_test_finds_it_or_not() -> None:
    rng = Random(2)
    theirs = np.array([float(rng.random() < 0.5) for _ in range(200)])
    ours = np.maximum(theirs, np.array([float(rng.random() < 0.3) for _ in range(200)]))
    clusters = Clusters.of(range(200), [0] * 200)

    def p(one: np.typing.NDArray[np.float64], other: np.typing.NDArray[np.float64]) -> float:
        both = mean_of(np.concatenate([one, other]))
        found = swap_test(lambda a, b: both(np.concatenate([a, b])), clusters)
        assert found is not None
        return found

    gap = difference(mean_of(ours), mean_of(theirs), clusters)
    assert gap.value == pytest.approx((ours - theirs).mean())
    assert gap.ci95 is not None
    assert gap.ci95[0] > 0
    assert p(ours, theirs) < 0.01
    assert p(ours, ours) == 1.0


def test_the_swap_test_of_a_mean_has_the_p_of_all_signs() -> None:
    ours, theirs = np.array([1.0, 1.0, 1.0, 1.0]), np.zeros(4)
    both = mean_of(np.concatenate([ours, theirs]))
    clusters = Clusters.of(range(4), [0] * 4)
    found = swap_test(lambda a, b: both(np.concatenate([a, b])), clusters)
    assert found == pytest.approx(2 / 16, abs=0.02)  # all four to one side


def test_no_p_where_a_figure_is_not_defined() -> None:
    clusters = Clusters.of(range(2), [0] * 2)
    assert swap_test(lambda a, b: math.nan, clusters) is None
