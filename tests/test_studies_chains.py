"""Several verification chains beside one: what is compared, and what the page says of it."""

import pytest

from search.selection import SELECTIONS
from test_studies import RIGHT, WRONG, solved
from treewright.arms.arm import Arm, arms_of
from treewright.arms.graded_run import GradedRun
from treewright.studies.chains import SeveralChains
from treewright.studies.choosing import AGGREGATES, Against, Choosing
from treewright.studies.choosing_lead import lead


def choosing(right: float, wrong: float, n: int, problems: int) -> Choosing:
    """Problems, the first of n solutions right, with a score for either kind."""
    draws = [(0, RIGHT, right), *[(at, WRONG, wrong) for at in range(1, n)]]
    free = [name for name in SELECTIONS if not SELECTIONS[name].needs_score]
    arms = [*map(Arm, free), *arms_of(AGGREGATES, ["best", "weighted"])]
    run = GradedRun.of([solved(f"{at}", *draws) for at in range(problems)], arms)
    return Choosing(run, tuple(run.curves(arms)), 0)


@pytest.fixture(scope="module")
def both() -> SeveralChains:
    """One chain prefers what is wrong, four what is right."""
    return SeveralChains(choosing(0.1, 0.9, 8, 16), choosing(0.9, 0.1, 4, 12), 4)


def test_several_chains_and_one_look_at_the_solutions_that_both_have(both: SeveralChains) -> None:
    assert both.n == 4
    one, several = (
        [(e.id, e.outcomes, e.prices) for e in side.run.problems] for side in both.alike
    )
    assert one == several
    assert [len(outcomes) for _, outcomes, _ in one] == [4] * 12
    rows = [row for row in both.one.family(both.pairs()) if row.against is Against.ONE_CHAIN]
    best = {row.arm: row.found for row in rows}
    assert set(best) == {Arm(how, name) for how in ("best", "weighted") for name in AGGREGATES}
    assert (best[Arm("best", "history.last")].difference, rows[0].found.problems) == (1.0, 12)


def test_chains_belong_to_the_family_that_holm_adjusts(both: SeveralChains) -> None:
    alone, together = both.one.family(), both.one.family(both.pairs())
    assert len(together) == len(alone) + 2 * len(AGGREGATES)
    for one, other in zip(alone, together, strict=False):
        assert (other.found.p_holm or 0) >= (one.found.p_holm or 0)


def test_the_page_tells_what_chains_cost_and_which_differences_are_shown(
    both: SeveralChains,
) -> None:
    rows = tuple(both.one.family(both.pairs()))
    text = "\n".join(both.page(rows))
    assert "writes 4 chains for each solution" in text
    assert "judge the first 4 solutions of 12 problems" in text
    (line,) = [each for each in text.splitlines() if each.startswith("| `history.last`")]
    assert line.startswith("| `history.last` | **+100.0 (–)** | **+100.0 (–)** | 0.000 | 1.000 |")
    told = lead(both.one, rows, 4)
    assert "With 4 verification chains instead of one" in told
    assert "at n = 4." in told
