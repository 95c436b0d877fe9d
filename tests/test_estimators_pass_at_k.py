"""pass@k against all subsets, and against the published formula."""

from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.estimators.pass_at_k import none_of, pass_at_k


@st.composite
def problems(draw: st.DrawFn, most: int = 9) -> tuple[int, int, int]:
    """Candidates, how many are right, and a k."""
    total = draw(st.integers(1, most))
    return total, draw(st.integers(0, total)), draw(st.integers(0, total))


@given(problems())
def test_pass_at_k_is_the_share_of_subsets_with_a_right_candidate(
    problem: tuple[int, int, int],
) -> None:
    total, correct, k = problem
    subsets = list(combinations(range(total), k))
    share = sum(any(index < correct for index in subset) for subset in subsets) / len(subsets)
    assert pass_at_k(total, correct, k) == pytest.approx(share, abs=1e-12)


@given(problems(most=600))
def test_pass_at_k_is_the_quotient_of_binomials_for_many_candidates(
    problem: tuple[int, int, int],
) -> None:
    total, correct, k = problem
    exact = 1 - comb(total - correct, k) / comb(total, k)
    assert pass_at_k(total, correct, k) == pytest.approx(exact, abs=1e-12)


def test_pass_at_k_is_not_the_plug_in_estimate() -> None:
    """3 right of 256 at k = 16: 0.1767; 1 − (1 − 3/256)^16 would give 0.1719."""
    assert pass_at_k(256, 3, 16) == pytest.approx(0.1767, abs=5e-5)


def test_pass_at_1_is_the_share_of_right_candidates_and_pass_at_n_whether_one_is() -> None:
    assert pass_at_k(8, 3, 1) == pytest.approx(3 / 8)
    assert [pass_at_k(8, correct, 8) for correct in (0, 1, 8)] == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(("total", "correct", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 5), (4, 2, -1)])
def test_counts_that_make_no_sense_are_refused(total: int, correct: int, k: int) -> None:
    with pytest.raises(ValueError, match="candidates"):
        pass_at_k(total, correct, k)


def test_what_is_remembered_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        none_of(4, 2)[0] = 7.0
