"""The table from hand-made candidates: every arm worked out by hand."""

import pytest

from benchmarks.estimators import wilson_interval
from benchmarks.grading import Grades, Outcome
from search.aggregation import MissingRule
from search.calls import Costs
from search.core import (
    Candidate,
    Judgement,
    Prefix,
    Problem,
    Result,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.driver import Searched
from treewright.arms.arm import arms_of, powers_of_two
from treewright.arms.measured import Measured
from treewright.arms.metrics import Metrics, measure
from treewright.arms.scored import Scored
from treewright.arms.solved import Solved
from treewright.ledger import Account, summed

RIGHT, WRONG, NONE, SLOW = Outcome.CORRECT, Outcome.INCORRECT, Outcome.ABSTAINED, Outcome.TIMEOUT


def solved(problem_id: str, *rows: tuple[int | None, Outcome, tuple[float, ...] | None]) -> Solved:
    """One candidate per row: answer group, grade, step probabilities (None: failed)."""
    root = Prefix.start(Problem(problem_id, "?"))
    candidates, policy, verifier = [], {}, {}
    for index, (_, _, probabilities) in enumerate(rows):
        steps = [
            Step(f"{index} {n}", (index, n), StopReason.STEP_END)
            for n in range(len(probabilities or ()))
        ]
        steps.append(Step(f"end {index}", (index,), StopReason.EOS))
        path = root.grow(index, steps[1:] if probabilities else steps)
        candidates.append(Candidate(path, judged(probabilities), ()))
        policy[path.id] = Spent(1, 10, 4, 5, 0)
        verifier[path.id] = Spent(2, 20, 0, 7, 1)
    grades = Grades(tuple(row[0] for row in rows), tuple(row[1] for row in rows))
    return Solved(
        problem_id, Searched(Result(tuple(candidates)), Costs(policy, verifier), {}), grades
    )


def judged(probabilities: tuple[float, ...] | None) -> Judgement:
    if probabilities is None:
        return Judgement.missing("verifier down", transient=True)
    verdicts = tuple(StepVerdict(value, VerdictStatus.READ) for value in probabilities)
    return Judgement(verdicts, 0.5, chains=1)


def table(
    *problems: Solved, aggregate: str = "min", select: tuple[str, ...] = ("first", "best")
) -> dict[tuple[str | None, str, int], Measured]:
    return {
        (arm.arm.aggregation, arm.arm.selection, arm.n): arm
        for arm in metrics(*problems, aggregate=aggregate, select=select).arms
    }


def metrics(
    *problems: Solved, aggregate: str = "min", select: tuple[str, ...] = ("first", "best")
) -> Metrics:
    arms = arms_of(aggregate.split(","), select)
    return measure(problems, 0, len(problems), arms, MissingRule.WORST)


def test_what_is_kept_of_searches_gives_the_same_table_and_ledger() -> None:
    scored = [Scored.of(each, ["min", "last", None], MissingRule.WORST) for each in TWO]
    arms = arms_of(["min"], ("first", "best"))
    assert measure(scored, 0, 2, arms, MissingRule.WORST) == metrics(*TWO)


TWO = (
    solved("a", (0, WRONG, (0.9, 0.1)), (1, RIGHT, (0.6, 0.6))),
    solved("b", (0, RIGHT, (0.8, 0.8)), (1, WRONG, (0.1, 0.9))),
)


def test_changing_the_aggregation_changes_the_table() -> None:
    """With `min` the right candidates win (0.6 over 0.1); with `max` the wrong ones do."""
    arms = table(*TWO, aggregate="min,max")
    assert arms[None, "first", 2].accuracy == 0.5
    assert arms["min", "best", 2].accuracy == 1.0
    assert arms["max", "best", 2].accuracy == 0.0


def test_arms_over_the_first_n_candidates_only() -> None:
    arms = table(*TWO)
    assert arms["min", "best", 1].accuracy == 0.5
    assert (arms["min", "best", 1].policy_tokens, arms["min", "best", 2].policy_tokens) == (11, 22)


def test_the_first_candidate_alone_costs_one_candidate_whatever_n() -> None:
    assert table(*TWO)[None, "first", 2].policy_tokens == 11


def test_an_arm_pays_the_verifier_only_where_it_is_asked() -> None:
    arms = table(*TWO)
    assert arms["min", "best", 2].verifier_tokens == 54
    assert arms[None, "first", 2].verifier_tokens == 0


def test_a_tree_search_costs_the_whole_of_itself_whoever_chooses_from_it() -> None:
    """The verifier pruned: also the arm that asks for no score owes it its candidates."""
    tree = solved("a", (0, RIGHT, (0.9,)), (1, WRONG, (0.8,)))
    tree.search.costs.policy["2"] = Spent(1, 10, 4, 5, 0)
    tree.search.costs.verifier["2"] = Spent(2, 20, 0, 7, 1)
    for arm in table(tree, select=("first", "majority", "best")).values():
        assert (arm.policy_tokens, arm.verifier_tokens) == (33, 81)


def test_an_abstention_is_wrong_and_counted() -> None:
    arm = table(solved("c", (None, NONE, (0.9,))), *TWO)[None, "first", 1]
    assert (arm.problems, arm.abstained, arm.accuracy) == (3, 1, 1 / 3)


def test_a_verifier_that_is_down_leaves_problems_out_and_never_scores_them() -> None:
    down = solved("c", (0, RIGHT, None), (0, RIGHT, None))
    arm = table(down, *TWO)["min", "best", 2]
    assert (arm.problems, arm.unscored, arm.accuracy) == (2, 1, 1.0)
    only = table(down, select=("best", "majority"))
    assert only["min", "best", 2].accuracy is None
    assert only["min", "best", 2].ci95 is None
    assert only[None, "majority", 2].accuracy == 1.0


def test_a_grade_that_timed_out_is_neither_right_nor_wrong() -> None:
    arm = table(solved("c", (0, SLOW, (0.9,))), *TWO)[None, "first", 1]
    assert (arm.problems, arm.ungraded, arm.accuracy) == (2, 1, 0.5)


def test_the_order_of_problems_changes_nothing() -> None:
    assert metrics(*TWO) == metrics(*reversed(TWO))


def test_the_ledger_adds_up_and_finds_duplicates() -> None:
    ledger = metrics(*TWO).ledger
    assert (ledger.policy.calls, ledger.policy.generated, ledger.policy.cached) == (4, 20, 16)
    assert (ledger.verifier.calls, ledger.verifier.generated, ledger.verifier.failed) == (8, 28, 4)
    assert (ledger.policy.pruned, ledger.policy.duplicate) == (0, 0)
    root = Prefix.start(Problem("d", "?"))
    twins = [Candidate(root.grow(n, [Step("2", (7,), StopReason.EOS)])) for n in range(2)]
    costs = Costs({"0": Spent(generated=5), "1": Spent(generated=6), "2": Spent(generated=9)}, {})
    twin = Solved("d", Searched(Result(tuple(twins)), costs, {}), Grades((0, 0), (RIGHT, RIGHT)))
    account = metrics(twin).ledger.policy
    assert (account.duplicate, account.pruned) == (6, 9)


def test_what_nobody_counted_is_unknown_and_so_is_every_sum_it_is_part_of() -> None:
    """A call without a prompt was not counted; what asked no model cost nothing."""
    one = solved("c", (0, RIGHT, (0.9,)), (1, WRONG, (0.1,)))
    one.search.costs.policy["1"] = Spent(calls=1, generated=5)
    one.search.costs.verifier.update({"0": Spent(calls=1), "1": Spent()})
    found = metrics(one, *TWO)
    arms = {(arm.arm.selection, arm.n): arm for arm in found.arms}
    assert arms["best", 1].policy_tokens == 11
    assert arms["best", 2].policy_tokens is None
    assert arms["best", 2].verifier_tokens is None
    assert arms["first", 2].verifier_tokens == 0
    policy, verifier = found.ledger.policy, found.ledger.verifier
    assert (policy.calls, policy.prompt, policy.cached, policy.generated) == (6, None, None, 30)
    assert (verifier.calls, verifier.prompt, verifier.generated, verifier.pruned) == (
        (9, None, None, None)
    )


def test_accounts_are_summed_part_by_part_and_the_unknown_stays_unknown() -> None:
    known, told = Account(1, 10, 4, 5, 0, 1, 2), Account(2, None, None, 7, 1, 0, 0)
    assert summed([known, known]) == Account(2, 20, 8, 10, 0, 2, 4)
    assert summed([known, told]) == Account(3, None, None, 12, 1, 1, 2)
    assert summed([]) == Account(0, 0, 0, 0, 0, 0, 0)
    assert (known.whole, told.whole) == (15, None)


def test_no_problem_gives_no_arm_and_no_number() -> None:
    assert metrics().arms == ()


@pytest.mark.parametrize(
    ("largest", "sizes"),
    [(0, []), (1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (16, [1, 2, 4, 8, 16])],
)
def test_n_runs_over_powers_of_two_and_the_whole(largest: int, sizes: list[int]) -> None:
    assert powers_of_two(largest) == sizes


def test_wilson_against_published_values() -> None:
    """Newcombe 1998, table I: 81 of 263, and the extremes of 0 of 20."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(20, 20) == pytest.approx((0.8389, 1.0), abs=5e-5)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 5), (6, 5)])
def test_an_interval_of_nothing_is_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no interval"):
        wilson_interval(successes, trials)
