"""A family of comparisons worked out by hand, and how an arm is written."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.estimators.expected import Share
from benchmarks.estimators.sample_size import needed_problems
from benchmarks.estimators.significance import mcnemar
from treewright.arms.arm import Arm, arm_named
from treewright.arms.comparison import Comparison, Verdict, compare
from treewright.arms.marks import Marks
from treewright.errors import ConfigError

# --- A family of comparisons ----------------------------------------------------------------------


def marks(
    right: Sequence[float | None], run: str = "A", arm: str = "best", cost: int | None = 10
) -> Marks:
    """Problem i is right with the chance `right[i]`, None where that could not be decided."""
    ids = [f"p{index:03}" for index in range(len(right))]
    shares = {
        id: Share(chance or 0.0, float(decided), 0.0, 0.0, float(not decided))
        for id, chance in zip(ids, right, strict=True)
        for decided in [chance is not None]
    }
    return Marks(run, Arm(arm), 4, shares, dict.fromkeys(ids, (cost, cost)))


def one(ours: Sequence[float | None], theirs: Sequence[float | None]) -> Comparison:
    (row,) = compare([(marks(ours), marks(theirs, arm="first", cost=4))])
    return row


def test_a_difference_is_worked_out_by_hand() -> None:
    """9 problems won, 1 lost, 10 alike: 40 points, McNemar's p is 2 (1 + 10) / 1024."""
    row = one([1.0] * 9 + [0.0] + [1.0] * 10, [0.0] * 9 + [1.0] + [1.0] * 10)
    assert (row.problems, row.won, row.lost) == (20, 9, 1)
    assert row.difference == pytest.approx(0.4)
    assert row.p == row.p_holm == mcnemar(9, 1) == pytest.approx(22 / 1024)
    assert row.verdict is Verdict.BETTER
    assert row.ci95 is not None
    assert 0 < row.ci95[0] < 0.4 < row.ci95[1] < 1
    assert (row.ours.figures.accuracy, row.theirs.figures.accuracy) == pytest.approx((0.95, 0.55))
    assert row.cost_ratio == 2.5
    assert row.problems_needed is None


def test_a_verdict_is_that_of_the_family_not_of_the_row() -> None:
    """p is 0.031 alone; beside another that is 1, Holm makes it 0.0625."""
    better = (marks([1.0] * 6 + [0.0] * 10), marks([0.0] * 16, arm="first"))
    same = (marks([0.0] * 16), marks([0.0] * 16, arm="first"))
    (alone,), (row, other) = compare([better]), compare([better, same])
    assert (alone.verdict, alone.p, alone.p_holm) == (Verdict.BETTER, 2 / 64, 2 / 64)
    assert (row.verdict, row.p, row.p_holm) == (Verdict.NOT_SHOWN, 2 / 64, 4 / 64)
    needed = needed_problems([1.0] * 6 + [0.0] * 10, [0.0] * 16, alpha=0.05 / 2)
    assert row.problems_needed == needed
    assert other.p_holm == 1.0


def test_problems_that_one_arm_could_not_decide_are_in_no_pair() -> None:
    row = one([1.0, 1.0, None, 0.0], [0.0, None, 1.0, 0.0])
    assert (row.problems, row.undecided, row.difference) == (2, 2, 0.5)


def test_where_nothing_is_decided_there_is_no_number_and_no_share_in_the_family() -> None:
    nothing = (marks([None, None]), marks([1.0, 0.0]))
    some = (marks([1.0] * 6), marks([0.0] * 6))
    row, other = compare([nothing, some])
    assert row.verdict is Verdict.NOTHING
    numbers = (
        row.difference,
        row.ci95,
        row.p,
        row.p_holm,
        row.problems_needed,
        row.ours.figures.accuracy,
    )
    assert numbers == (None,) * 6
    assert other.p_holm == other.p == 2 / 64


@pytest.mark.parametrize("count", [1, 5])
def test_problems_that_all_differ_alike_leave_no_interval_and_few_show_nothing(count: int) -> None:
    """Five of five won: the bootstrap would say 100 to 100, the exact test says p = 1/16."""
    row = one([1.0] * count, [0.0] * count)
    assert (row.difference, row.ci95, row.verdict) == (1.0, None, Verdict.NOT_SHOWN)
    assert row.problems_needed is not None
    assert row.problems_needed > count


def test_arms_that_do_the_same_would_need_no_number_of_problems() -> None:
    row = one([1.0, 0.0, 0.5], [1.0, 0.0, 0.5])
    assert (row.difference, row.ci95, row.p, row.problems_needed) == (0.0, None, 1.0, None)


def test_a_reference_that_cost_nothing_has_no_ratio() -> None:
    (row,) = compare([(marks([1.0]), marks([1.0], cost=0))])
    assert (row.cost_ratio, row.cost) == (None, "–")


@pytest.mark.parametrize(("ours", "theirs"), [(None, 10), (10, None), (None, 0)])
def test_where_either_side_was_not_counted_the_cost_is_unknown(
    ours: int | None, theirs: int | None
) -> None:
    (row,) = compare([(marks([1.0], cost=ours), marks([1.0], cost=theirs))])
    assert (row.cost_ratio, row.cost) == (None, "unknown")


chances = st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(0, 1))


@given(pairs=st.lists(st.tuples(chances, chances), min_size=1, max_size=30))
def test_the_other_way_round_it_is_the_other_way_round(
    pairs: list[tuple[float | None, float | None]],
) -> None:
    ours, theirs = [our for our, _ in pairs], [their for _, their in pairs]
    one_way, other_way = one(ours, theirs), one(theirs, ours)
    assert (one_way.won, one_way.lost) == (other_way.lost, other_way.won)
    assert one_way.p == pytest.approx(other_way.p)
    if one_way.difference is not None:
        assert one_way.difference == pytest.approx(-(other_way.difference or 0.0))
        mirrored = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
        assert other_way.verdict is mirrored.get(one_way.verdict, one_way.verdict)


# --- What an arm is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled", ["majority", "first@3", "min+best", "history.last+weighted@8", "sum_logit+best"]
)
def test_an_arm_is_read_as_it_is_written(spelled: str) -> None:
    assert str(arm_named(spelled, "--arm")) == spelled


def test_steps_are_the_default_input_of_an_aggregation() -> None:
    assert arm_named("steps.min+best@2", "--arm") == Arm("best", "min", 2)


@pytest.mark.parametrize(
    ("spelled", "told"),
    [
        ("best", "needs a score; say by which aggregation: min+best"),
        ("min+majority", "looks at no score; say majority alone"),
        ("min+bets", "did you mean best?"),
        ("mni+best", "did you mean min?"),
        ("min+best@0", "no number from 1 after @"),
        ("majority@many", "no number from 1 after @"),
        ("majority@٣", "no number from 1 after @"),
        ("", "no such selection"),
        ("+best", "no such aggregation"),
        ("min", "no such selection"),
        ("my_module", "no such selection"),
    ],
)
def test_a_misspelt_arm_is_one_line(spelled: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        arm_named(spelled, "--arm")
