"""What a person reads: nothing is left out of an accuracy without a word."""

from dataclasses import replace

import pytest

from treewright.arms.arm import Arm
from treewright.arms.measured import Measured
from treewright.arms.metrics import Metrics
from treewright.ledger import Account, Ledger
from treewright.running.table import left_out, print_table


def arm(
    aggregation: str | None, n: int, unscored: int = 0, ungraded: int = 0, abstained: int = 0
) -> Measured:
    return Measured(
        arm=Arm("best" if aggregation else "majority", aggregation),
        n=n,
        accuracy=0.5,
        ci95=(0.25, 0.75),
        error=0.0,
        problems=20 - unscored - ungraded,
        abstained=abstained,
        tied=0,
        unscored=unscored,
        ungraded=ungraded,
        policy_tokens=1.0,
        verifier_tokens=1.0,
    )


def test_an_arm_over_fewer_problems_than_the_others_says_so() -> None:
    arms = [arm(None, 1), arm(None, 4, ungraded=1), arm("min", 1), arm("min", 4, 2, 1)]
    assert left_out(Metrics(20, 0, tuple(arms), Ledger.of([]))) == [
        "majority: over 19 problems, not 1 that could not be graded",
        "min best: over 17 problems, not 2 without any score and 1 that could not be graded",
    ]


def test_arms_over_all_problems_need_no_word() -> None:
    arms = (arm(None, 4), arm("min", 4))
    assert left_out(Metrics(20, 0, arms, Ledger.of([]))) == []


def test_where_most_problems_have_no_answer_the_table_says_that_they_were_not_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The arm that abstains least tells: `first` abstains where one solution was cut."""
    cut = [arm(None, 4, abstained=11), arm("min", 4, 9, abstained=11)]
    print_table(Metrics(20, 0, tuple(cut), Ledger.of([])))
    assert "11 of 20 problems have no answer at all" in capsys.readouterr().out
    some = [arm(None, 4, abstained=10), arm("min", 4, abstained=20)]
    print_table(Metrics(20, 0, tuple(some), Ledger.of([])))
    assert "no answer" not in capsys.readouterr().out


def test_searches_without_any_candidate_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(Metrics(3, 1, (), Ledger.of([])))
    assert "No search of 2 has a candidate." in capsys.readouterr().out


def test_a_run_without_a_result_has_a_table_without_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(Metrics(3, 3, (), Ledger.of([])))
    assert "over 3 problems, 3 with failures" in capsys.readouterr().out


def test_what_nobody_counted_is_unknown_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    policy, verifier = Account(2, None, None, 7, 0, 0, 0), Account(2, *[None] * 6)
    top = replace(arm("min", 4), policy_tokens=None)
    print_table(Metrics(1, 0, (top,), Ledger(policy, verifier)))
    told = capsys.readouterr().out
    assert "│    unknown │            1 │" in told
    assert "policy: 2 calls, prompt tokens unknown, 7 generated (0 failed" in told
    assert "verifier: 2 calls, prompt tokens unknown, generated unknown" in told
