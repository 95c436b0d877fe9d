"""What the page of strategies claims: each sentence and each line from results made by hand."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.datasets import Dataset, Sample
from search.budget import Budget
from search.calls import Costs
from search.core import Missing, Problem, Spent
from test_studies import BEST, RIGHT, WRONG, marks, seen, solved
from treewright.arms.comparison import Comparison, Verdict, compare
from treewright.studies.cell_results import CellResult, ladder, nearest, results
from treewright.studies.cells import ENTRIES, WEIGHTED, cells
from treewright.studies.choose_widths import chosen, line, quantile, widest, within_shares
from treewright.studies.claims import Claim, searches, votes
from treewright.studies.command import estimate
from treewright.studies.document import Findings, document
from treewright.studies.lead import lead
from treewright.studies.levels import Levels
from treewright.studies.strategies import together
from treewright.studies.widths import Widths

LEVELS = Levels({f"{level}-{at}": level for level in (1, 3, 5) for at in range(20)})
HARD = [id for id in LEVELS.by_id if not id.startswith("1")]


def rights(right: set[str], *, n: int = 1) -> list[Any]:
    """Every problem with n equal candidates, all right or all wrong."""
    return [solved(id, *[(0, RIGHT if id in right else WRONG, 0.9)] * n) for id in LEVELS.by_id]


def row(strategy: str, right: set[str]) -> CellResult:
    """A cell at 3,000 tokens whose searches got these problems right."""
    (cell,) = cells([strategy], [3000])
    return results(replace(cell, arms=(WEIGHTED,)), seen(*rights(right)))[0]


def found(right: set[str], reference: set[str]) -> Findings:
    """Beam with these right answers, best-of-n and majority with those of the reference."""
    rungs = ladder(seen(*rights(reference)), WEIGHTED)
    beam = row("beam", right)
    claims = list(searches([beam], {3000: rungs}, LEVELS))
    return together([beam], {("best_of_n", 3000): rungs, ("majority", 3000): rungs}, claims, LEVELS)


def test_a_search_is_held_against_best_of_n_on_the_hard_levels_only() -> None:
    (claim,) = searches(
        [row("beam", set(HARD))], {3000: ladder(seen(*rights(set())), BEST)}, LEVELS
    )
    (compared,) = compare([(claim.ours, claim.theirs)])
    assert (compared.problems, compared.difference) == (len(HARD), 1.0)
    assert (claim.where, claim.budget, claim.asked) == ("levels 3 to 5", 3000, "at least +5")


def test_without_levels_a_search_is_held_against_best_of_n_over_all_problems() -> None:
    rungs = {3000: ladder(seen(*rights(set())), BEST)}
    (claim,) = searches([row("beam", set(HARD))], rungs, Levels({}))
    assert (len(claim.ours.shares), claim.where) == (60, "all problems")


def test_where_one_level_is_hard_it_is_named_and_not_all_problems() -> None:
    """Levels 1 and 3: beam is held against best-of-n on the twenty of level 3."""
    one = Levels({id: level for id, level in LEVELS.by_id.items() if level < 5})
    rungs = {3000: ladder(seen(*rights(set())), BEST)}
    (claim,) = searches([row("beam", set(HARD))], rungs, one)
    assert (len(claim.ours.shares), claim.where) == (20, "level 3")
    told = together([], {}, [claim], one)
    assert "On level 3, beside best-of-n" in lead(told.claims, one)


def test_votes_are_means_over_all_choices_of_the_same_draws() -> None:
    """Of four draws one is right: pass@1 0.25, the vote over all four wrong, the score right."""
    item = solved("a", (0, WRONG, 0.1), (0, WRONG, 0.1), (1, RIGHT, 0.9), (2, WRONG, 0.1))
    greedy = marks(WEIGHTED, solved("a", (0, RIGHT, 1.0)))
    claims = list(votes(greedy, seen(item), seen(item)))
    assert [claim.name for claim in claims] == [
        "greedy − pass@1", "majority@4 − pass@1", "weighted best-of-4 − majority@4"
    ]  # fmt: skip
    gaps = [each.difference for each in compare([(c.ours, c.theirs) for c in claims])]
    assert gaps == [0.75, -0.25, 1.0]


@pytest.mark.parametrize(
    ("gap", "ci95", "held"),
    [(0.06, (0.01, 0.11), True), (0.06, (-0.01, 0.13), False), (0.04, (0.01, 0.07), False)],
)
def test_a_gain_is_held_where_it_is_large_enough_and_its_interval_lies_above_0(
    gap: float, ci95: tuple[float, float], held: bool
) -> None:
    claim = list(votes(None, seen(*rights(set())), seen(*rights(set()))))[1]
    (base,) = compare([(claim.ours, claim.theirs)])
    assert claim.held(replace(base, difference=gap, ci95=ci95)) is held


def test_a_gain_without_an_interval_is_held_only_where_it_is_shown() -> None:
    """One problem more is nothing; forty that all differ alike have no interval either."""
    one = Levels({HARD[0]: 3})
    rungs = {3000: ladder(seen(*rights(set())), BEST)}
    (single,) = searches([row("beam", set(HARD))], rungs, one)
    (compared,) = compare([(single.ours, single.theirs)])
    assert (compared.problems, compared.difference, compared.ci95) == (1, 1.0, None)
    assert not single.held(compared)
    ((claim, many),) = found(set(HARD), set()).claims
    assert many.ci95 is None
    assert claim.held(many)


def test_greedy_may_be_better_by_so_many_points_and_no_more() -> None:
    claim = next(votes(marks(BEST, *rights(set())), *[seen(*rights(set()))] * 2))
    (base,) = compare([(claim.ours, claim.theirs)])
    assert claim.held(replace(base, difference=0.12))
    assert not claim.held(replace(base, difference=0.125))


def test_the_lead_calls_a_search_better_only_where_that_is_shown() -> None:
    text = lead(found(set(HARD), set()).claims, LEVELS)
    assert "more often right are beam at 3,000 tokens (+100.0 points" in text
    assert "no difference" not in text
    silent = lead(found(set(HARD[:2]), set()).claims, LEVELS)
    assert "more often" not in silent
    assert "no difference is shown for beam at 3,000" in silent
    assert "may be there all the same: 40 problems do not tell." in silent
    assert "less often right are beam" in lead(found(set(), set(HARD)).claims, LEVELS)


def test_the_lead_says_where_no_best_of_n_costs_the_same() -> None:
    ((claim, compared),) = found(set(HARD), set()).claims
    dear = replace(compared, cost_ratio=1.5)
    assert lead([(claim, replace(dear, cost_ratio=1.1))], LEVELS).endswith("points).")
    assert lead([(claim, dear)], LEVELS).endswith(
        "Not at the same tokens as any best-of-n, but nearest to it: beam at 3,000 (× 1.50)."
    )


def test_the_lead_of_one_problem_is_in_the_singular_and_has_no_interval() -> None:
    item = solved("a", (0, RIGHT, 0.9))
    claims = list(votes(None, seen(item), seen(solved("a", (0, WRONG, 0.9)))))
    told = together([], {}, claims, Levels({}))
    assert lead(told.claims, told.levels) == (
        "The vote of 1 solution is right in 100.0 % and a solution drawn by chance in 100.0 % "
        "(0.0 points, not shown). The vote of 1 weighted by the verifier is right in 0.0 % "
        "and the vote of 1 solution in 0.0 % (0.0 points, not shown). What is not shown may be "
        "there all the same: 1 problem does not tell."
    )


def test_the_lead_says_where_accuracies_are_over_fewer_problems_than_a_table_has() -> None:
    """Greedy is right in 1 of 4; the draws of two of these failed, and of the others 1 of 2."""
    greedy = [solved(id, (0, RIGHT if id == "a" else WRONG, 0.9)) for id in "abcd"]
    draws = seen(*(solved(id, (0, WRONG, 0.9)) for id in "ab"))
    claims = list(votes(marks(BEST, *greedy), draws, draws))
    first, second, *_ = lead(together([], {}, claims, Levels({})).claims, Levels({})).split(". ")
    assert first == (
        "The likeliest solution (greedy) is right in 50.0 % and a solution drawn by chance in 0.0 "
        "% (+50.0 points, 95 % interval 0.0 to +100.0, not shown, over the 2 problems that both "
        "decided)"
    )
    assert "over the" not in second


def test_a_search_that_shares_no_decided_problem_with_best_of_n_has_nothing_to_compare() -> None:
    blind = [solved(id, (0, RIGHT, Missing("unread"))) for id in LEVELS.by_id]
    rungs = {3000: ladder(seen(*blind), BEST)}
    claims = list(searches([row("beam", set(HARD))], rungs, LEVELS))
    told = together([], {}, claims, LEVELS)
    assert lead(told.claims, LEVELS) == (
        "On levels 3 to 5, beside best-of-n at the same tokens: nothing to compare for beam at "
        "3,000."
    )


def test_a_problem_that_failed_in_one_run_makes_no_reference_cheaper_or_dearer() -> None:
    """`b` cost 93 and is not in the reference: over `a` alone both cost 30, at n = 1."""
    long = solved("b", (0, RIGHT, 0.9), (0, RIGHT, 0.9), (0, RIGHT, 0.9))
    ours = marks(BEST, solved("a", (0, RIGHT, 0.9)), long)
    rungs = ladder(seen(solved("a", (0, WRONG, 0.1), (1, RIGHT, 0.9))), BEST)
    assert nearest(ours, rungs).n == 1


def test_the_page_has_a_line_for_each_claim_and_the_accuracy_on_each_level() -> None:
    text = document(found(set(HARD), set()), "data", "command")
    (claim,) = [each for each in text.splitlines() if each.startswith("| beam − best-of-n")]
    assert "levels 3 to 5 (40 problems) | 3,000 | **+100.0 (–)** |" in claim
    assert claim.endswith("| 1.00 | at least +5 | yes |")
    assert "| right % | answer | level 1 (20) | level 3 (20) | level 5 (20) |" in text
    assert "| beam | weighted of history.last | 0.0 | 100.0 | 100.0 |" in text
    assert "after Holm over all 3 differences" in text


def test_a_dataset_without_levels_has_no_columns_of_them() -> None:
    without = replace(found(set(HARD), set()), levels=Levels({}))
    assert "level 1" not in document(without, "data", "command")


@pytest.mark.parametrize(
    ("said", "level"), [(3, 3), ("3", 3), ("Level 5", 5), ("hard", None), (True, None)]
)
def test_a_level_is_read_as_math_writes_it(said: object, level: int | None) -> None:
    data = Dataset([Sample(Problem("a", "?"), "1", {"level": said})], [], "")
    assert Levels.of(data).by_id == ({} if level is None else {"a": level})


# --- Caps, widths, and time ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cap", "drawn", "spent"), [(29, 0, 29), (30, 1, 30), (60, 1, 60), (61, 2, 61), (93, 3, 93)]
)
def test_under_a_hard_cap_the_draw_that_goes_beyond_is_lost_and_all_is_spent(
    cap: int, drawn: int, spent: int
) -> None:
    """One candidate costs 30, two 61, three 93; only the second is right."""
    items = [solved("a", (0, WRONG, 0.1), (1, RIGHT, 0.9), (0, WRONG, 0.8))]
    top = ladder(seen(*items), BEST, cap)[-1]
    assert top.figures.tokens == spent
    assert top.right["a"] == (drawn > 1)
    assert ladder(seen(*items), BEST, 94)[-1].figures.tokens == 93


def test_a_row_of_draws_counts_the_problems_that_its_budget_ended() -> None:
    (cell, *_) = cells(["best_of_n"], [3000])
    cell = replace(cell, budget=50, draws=3)
    long = solved("a", (0, WRONG, 0.1), (1, RIGHT, 0.9), (1, RIGHT, 0.8))
    row, _ = results(cell, seen(long, solved("b", (0, RIGHT, 0.9))))
    assert (row.capped, row.tokens, row.searched) == (1, (50 + 30) / 2, 2)


def test_what_a_search_computed_beyond_its_budget_is_not_counted() -> None:
    (cell, *_) = cells(["beam"], [3000])
    assert cell.config.strategy.budget == Budget(total_tokens=3000, hard=True)  # type: ignore[attr-defined]  # beam has one
    row, _ = results(replace(cell, budget=50), seen(solved("a", (0, RIGHT, 0.9), (0, RIGHT, 0.9))))
    assert (row.found.policy_tokens, row.found.verifier_tokens) == (17, 33)  # of 21 and 40


def test_a_width_is_the_widest_that_nine_of_ten_searches_stay_within() -> None:
    """Width w costs 100 w, but one search in ten ten times as much."""
    costs = {width: [100 * width] * 9 + [1000 * width] for width in (1, 3, 8)}
    assert quantile(costs[1]) == 100
    assert [widest(costs, budget, 1, 5000) for budget in (101, 499, 800, 2000)] == [1, 4, 8, 20]
    assert line([(1, 100.0), (3, 300.0)], 2) == 200.0


def test_what_a_pilot_that_was_ended_would_have_cost_is_not_taken_for_known() -> None:
    """Width 8 costs 1,600 and was ended at 1,000: a line to there would call 5 wide enough."""
    costs = {1: [200] * 10, 3: [600] * 10, 8: [1000] * 10}
    assert widest(costs, 800, 1, 1000) == 4
    assert widest({1: [200], 3: [1000]}, 600, 1, 1000) == 3
    assert widest({2: [1000], 6: [1000]}, 600, 2, 1000) is None


def test_shares_of_a_budget_are_enough_where_the_dearest_sub_search_has_its_own() -> None:
    """Of three subtrees of dvts the last costs 11, so 33 is enough for all; all cost 23."""
    costs = Costs({str(at): Spent(1, 1, 1, at + 1) for at in range(6)}, {"2/0": Spent(1, 1, 1, 2)})
    dvts, beam = ENTRIES["dvts"], ENTRIES["beam"]
    assert [within_shares(costs, dvts, 3), within_shares(costs, beam, 3)] == [33, 23]
    assert within_shares(costs, ENTRIES["sequential"], 2) == 2 * 12


def test_chosen_widths_are_written_and_read_again(tmp_path: Any) -> None:
    costs = {name: {1: [100] * 10, 3: [300] * 10, 8: [800] * 10} for name in ("best_of_n", "beam")}
    made = chosen(costs, [500, 1000], "on doubles")
    assert made.of("beam", 500) == "paths=10 children=2"
    assert made.runs == {"best_of_n": "n=16"}
    (tmp_path / "widths.yaml").write_text(made.yaml())
    assert Widths.read(tmp_path / "widths.yaml") == made


def test_a_least_width_that_goes_beyond_its_budget_is_said_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A beam of width 1 costs 100: it is taken at 50 and at 90, and nobody calls it within them."""
    costs = {name: {1: [100] * 10, 3: [300] * 10, 8: [800] * 10} for name in ("best_of_n", "beam")}
    costs["best_of_n"] = {width: [10 * width] * 10 for width in (1, 3, 8)}
    made = chosen(costs, [50, 90, 100], "on doubles")
    assert [made.of("beam", budget) for budget in (50, 90)] == ["paths=2 children=2"] * 2
    assert made.chosen.endswith("by a line; the least, although more do: beam at 50, 90")
    assert "even the least width goes beyond: beam at 50, 90\n" in capsys.readouterr().err
    assert "the least" not in chosen(costs, [100], "on doubles").chosen


def test_a_reference_draws_as_many_as_its_widest_row_has() -> None:
    """One search in ten is a hundred times as dear: 50 are within 500 in nine of ten, 6 of all."""
    costs = {width: [10 * width] * 9 + [1000 * width] for width in (1, 3, 8)}
    made = chosen({"majority": costs}, [500], "on doubles")
    assert (made.of("majority", 500), made.runs["majority"]) == ("n=50", "n=50")


def test_the_estimate_counts_what_is_left_only() -> None:
    told = estimate([(400, 6000.0)], rate=1000.0)
    assert "400 searches, up to about 2,400,000 tokens, 40:00 at 1,000 tokens" in told
    assert "nothing" in estimate([])


def test_nothing_that_could_not_be_compared_is_called_a_difference() -> None:
    claim = Claim("a − b", marks(BEST), marks(BEST), "all", at_least=5, budget=1, strategy="beam")
    (nothing,) = compare([(claim.ours, claim.theirs)])
    assert nothing.verdict is Verdict.NOTHING
    assert not claim.held(nothing)
    both: tuple[tuple[Claim, Comparison], ...] = ((claim, nothing),)
    assert Findings((), both, Levels({})).compared == []
