"""What a person reads: nothing is left out of an accuracy without a word."""

import pytest

from treewright.ledger import Ledger
from treewright.metrics import Arm, Metrics
from treewright.table import left_out, print_table


def arm(aggregation: str | None, n: int, unscored: int = 0, ungraded: int = 0) -> Arm:
    return Arm(
        aggregation=aggregation,
        selection="best" if aggregation else "majority",
        n=n,
        accuracy=0.5,
        ci95=(0.25, 0.75),
        problems=20 - unscored - ungraded,
        abstained=0,
        tied=0,
        unscored=unscored,
        ungraded=ungraded,
        policy_tokens=1.0,
        verifier_tokens=1.0,
    )


def test_an_arm_over_fewer_problems_than_the_others_says_so() -> None:
    arms = [arm(None, 1), arm(None, 4, ungraded=1), arm("min", 1), arm("min", 4, 2, 1)]
    assert left_out(arms) == [
        "majority: over 19 problems, not 1 that could not be graded",
        "min best: over 17 problems, not 2 without any score and 1 that could not be graded",
    ]


def test_arms_over_all_problems_need_no_word() -> None:
    assert left_out([arm(None, 4), arm("min", 4)]) == []


def test_a_run_without_a_result_has_a_table_without_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(Metrics(3, 3, (), Ledger.of([])))
    assert "over 3 problems, 3 with failures" in capsys.readouterr().out
