"""The figures of a report: the table, what it says of the best, the cost."""

import asyncio
import json
import re
from dataclasses import asdict

import pytest

from benchmarks.estimators.expected import Share
from reported_runs import Finish, page, words
from treewright.arms import standing
from treewright.arms.arm import Arm
from treewright.arms.marks import Marks
from treewright.arms.standing import Standing, standings
from treewright.report import reported_run
from treewright.report.chapter import chapter
from treewright.report.report import measured, plots
from treewright.report.reported_run import read


def test_the_table_has_the_figures_of_the_metrics(finish: Finish) -> None:
    """At n = N the estimate over subsets is the run's own table."""
    run = finish()
    told = words(page(run))
    for arm in json.loads((run / "metrics.json").read_text())["arms"]:
        if arm["n"] == 4:
            name = f"{arm['aggregation']}+{arm['selection']}" if arm["aggregation"] else None
            ends = [f"{100 * end:.1f}" for end in arm["ci95"]]
            row = f"{name or arm['selection']} 4 {100 * arm['accuracy']:.1f} {' to '.join(ends)}"
            assert row in told


@pytest.mark.parametrize("strategy", ["strategy.n=6", "strategy={kind: beam, paths: 4}"])
def test_an_arm_costs_at_every_n_what_the_run_s_own_table_says(
    finish: Finish, strategy: str
) -> None:
    run = finish(strategy)
    found = asyncio.run(read("A", run))
    points = {
        (curve.arm.aggregation, curve.arm.selection, each.n): (
            each.policy_tokens,
            each.verifier_tokens,
        )
        for curve in found.graded.curves(found.arms)
        for each in (point.figures for point in curve.points)
    }
    for arm in json.loads((run / "metrics.json").read_text())["arms"]:
        at = arm["aggregation"], arm["selection"], arm["n"]
        if at in points:
            assert points.pop(at) == pytest.approx((arm["policy_tokens"], arm["verifier_tokens"]))
    assert {aggregation for aggregation, _, _ in points} == {"last"}  # of the report alone


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        ("strategy={kind: beam, paths: 4, children: 2}", "of the prefix"),
        ("strategy.n=4", "lowest step so far"),
    ],
)
def test_the_depth_plot_says_which_probability_it_has(
    finish: Finish, strategy: str, told: str
) -> None:
    (plot,) = [
        each
        for each in plots(asyncio.run(measured([finish(strategy, problems=20)])))
        if each.id == "verifier-by-depth"
    ]
    assert told in plot.caption


@pytest.mark.parametrize("processes", [0, 2])
def test_cost_has_what_was_spent_on_problems_that_failed(
    finish: Finish, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    run = finish("strategy={kind: best_of_n, n: 4, wave: 1}", "policy.faults.fail=0.15")
    monkeypatch.setattr(reported_run, "processes_for", lambda _: processes)
    spent = chapter(asyncio.run(read("A", run))).ledger
    metrics = json.loads((run / "metrics.json").read_text())
    assert asdict(spent) == metrics["ledger"]
    assert 0 < metrics["failures"] < 6
    assert spent.policy.failed


def test_the_headline_tells_gain_certainty_and_cost(finish: Finish) -> None:
    told = words(page(finish(problems=20)))
    assert re.search(
        r"right in \d+\.\d % of 20 problems at n = 4 \(95 % CI .+?\), "
        r"for [\d,]+ tokens per problem\. "
        r"Over majority, which needs no verifier: \+\d+\.\d points \(95 % CI .+?\) "
        r"at \d\.\d\d times the tokens, (not )?shown.*?\. "
        r"Of \d+ other arms (none|\d+) (is|are) shown to be worse",
        told,
    ), told[:1500]


def placed(monkeypatch: pytest.MonkeyPatch, p: float, *arms: list[float]) -> list[Standing]:
    """How arms with these marks stand, if every test gives p."""
    monkeypatch.setattr(standing, "sign_flip", lambda *_, **__: p)
    return standings([marks(arm) for arm in arms])


def marks(right: list[float]) -> Marks:
    shares = {str(at): Share(each, 1.0, 0.0, 0.0, 0.0) for at, each in enumerate(right)}
    return Marks("A", Arm("best", "min"), 4, shares, dict.fromkeys(shares, (1, 1)))


@pytest.mark.parametrize(("others", "shown"), [(1, True), (2, False)])
def test_a_gap_to_the_best_is_held_against_all_pairs_of_arms(
    monkeypatch: pytest.MonkeyPatch, others: int, shown: bool
) -> None:
    """One pair of two arms, three pairs of three: 0.02 is below 0.05, and 0.06 is not."""
    best, *rest = placed(monkeypatch, 0.02, [1.0, 1.0, 0.0], *[[0.0, 1.0, 0.0]] * others)
    assert best.best
    assert [each.shown for each in rest] == [shown] * others


def test_an_arm_that_is_ahead_where_both_decided_is_not_shown_to_be_worse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    best, other = placed(monkeypatch, 0.001, [0.0, 1.0, 1.0], [0.5])
    assert (best.best, other.gap, other.shown) == (True, 0.5, False)
