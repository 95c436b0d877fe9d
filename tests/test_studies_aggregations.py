"""The comparison of aggregations: what it compares with what, and what its page says of it."""

import asyncio
import json
import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from benchmarks.grading import Grades
from search.aggregation import AGGREGATIONS, MissingRule, Scale
from treewright.arms.arm import Arm
from treewright.arms.comparison import Comparison, Side, Verdict
from treewright.arms.graded import Graded
from treewright.arms.measured import Measured
from treewright.arms.solved import Solved
from treewright.comparing.finished_run import FinishedRun, read
from treewright.config.load import load_config
from treewright.running.recorded import RecordedRun
from treewright.running.series import planned, work_off
from treewright.studies.aggregations import main
from treewright.studies.choosing import AGGREGATES, Against, Choosing, HeldArm, chance
from treewright.studies.page import MARKER
from treewright.studies.shown import Family

BASE = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4}
scorer: {kind: scripted, skill: 0.8}
strategy: {kind: best_of_n, n: 16}
aggregate: [last]
select: [best]
cluster: {backend: inline}
grading: {kind: numeric}
"""
PROBLEMS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six problems and a config of doubles; runs go into a folder beside them."""
    place = tmp_path_factory.mktemp("study")
    data = [{"problem": f"{number} + 1?", "answer": number + 1} for number in range(PROBLEMS)]
    (place / "data.jsonl").write_text("\n".join(map(json.dumps, data)))
    (place / "base.yaml").write_text(BASE)
    return place


@pytest.fixture
def base(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The config, with its folder as the current one."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    return Path("base.yaml")


@pytest.fixture(scope="module")
def finished(folder: Path) -> FinishedRun:
    """A finished run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TREEWRIGHT_RUNS", raising=False)

        async def worked() -> FinishedRun:
            (job,) = await work_off(planned([load_config("base.yaml")]), 1)
            return await read(await RecordedRun.open(job.run.path, "A"))

        return asyncio.run(worked())


@pytest.fixture(scope="module")
def found(finished: FinishedRun) -> Choosing:
    """Its arms."""
    return Choosing.of(finished)


@pytest.fixture(scope="module")
def rows(found: Choosing) -> list[HeldArm]:
    """The family compared."""
    return found.family()


# --- What is measured and compared ----------------------------------------------------------------


def test_every_aggregation_that_ships_is_compared_whatever_the_config_reports(
    found: Choosing,
) -> None:
    assert set(AGGREGATES) == {*AGGREGATIONS, "history.last"}
    scored = {curve.arm for curve in found.curves if curve.arm.aggregation}
    assert scored == {Arm(how, name) for how in ("best", "weighted") for name in AGGREGATES}


def test_over_whole_solutions_any_other_history_orders_as_the_last_one(
    finished: FinishedRun,
) -> None:
    rule = MissingRule.WORST
    for item in finished.solved:
        for candidate in item.search.result.candidates:
            assert len(candidate.history) <= 1
        for name in AGGREGATIONS:
            arms = [Arm("best", f"history.{each}") for each in (name, "last")]
            graded = Graded.of(item, [arm.aggregation for arm in arms], rule)
            assert graded.choice(arms[0]) == graded.choice(arms[1]), name


def test_at_all_candidates_an_arm_is_what_the_table_of_the_run_measures(found: Choosing) -> None:
    for curve in found.curves:
        measured = found.run.first(curve.arm, 16).figures
        assert curve.figures.accuracy == pytest.approx(measured.accuracy), curve.arm


def test_over_two_candidates_an_arm_is_its_mean_over_all_pairs(
    finished: FinishedRun, found: Choosing
) -> None:
    """Brute force: every pair of every problem, chosen from and graded one by one."""
    parts = [
        Graded.of(of(item, pair), AGGREGATES, MissingRule.WORST)
        for item in finished.solved
        for pair in combinations(range(16), 2)
    ]
    for curve in found.curves:
        rights = [part.first(curve.arm, 2)[0].right for part in parts]
        assert curve.points[1].figures.accuracy == pytest.approx(fmean(rights), abs=1e-9), curve.arm


def of(item: Solved, members: tuple[int, ...]) -> Solved:
    """A problem as if it had these candidates only."""
    result = item.search.result
    kept = tuple(result.candidates[member] for member in members)
    grades = Grades(
        tuple(item.grades.groups[member] for member in members),
        tuple(item.grades.outcomes[member] for member in members),
    )
    search = replace(item.search, result=replace(result, candidates=kept))
    return replace(item, search=search, grades=grades)


def test_an_arm_costs_what_its_first_candidates_did_and_a_verifier_only_where_it_scores(
    finished: FinishedRun, found: Choosing
) -> None:
    (scored, vote, single) = (
        next(curve for curve in found.curves if curve.arm == arm)
        for arm in (Arm("best", "min"), Arm("majority"), Arm("first"))
    )
    item = finished.solved[0]
    id, costs = item.problem_id, item.search.costs
    kept = [candidate.path.id for candidate in item.search.result.candidates[:8]]
    policy = sum(costs.policy[path].computed for path in kept)
    verifier = sum(costs.verifier[path].computed for path in kept if path in costs.verifier)
    marks = [found.marks(curve, 8) for curve in (scored, vote, single)]
    assert [each.prices[id][0] for each in marks] == [
        policy,
        policy,
        costs.policy[kept[0]].computed,
    ]
    assert [each.prices[id][1] for each in marks] == [verifier, 0, 0]


def test_the_family_holds_each_arm_against_last_against_majority_and_best_against_fewer(
    rows: list[HeldArm],
) -> None:
    """17 arms at n = 8 and 16 against majority, 14 of them against `last`, 8 against n = 8."""
    asked = [(row.against, row.arm, row.n) for row in rows]
    assert len(asked) == len(set(asked))
    counts = {against: sum(each[0] is against for each in asked) for against in Against}
    assert counts == {
        Against.LAST: 28,
        Against.MAJORITY: 34,
        Against.FEWER: 8,
        Against.ONE_CHAIN: 0,
    }
    assert {n for _, _, n in asked} == {8, 16}
    assert not any(
        arm.aggregation == "last" for against, arm, _ in asked if against is Against.LAST
    )


def test_references_are_the_same_selection_by_last_majority_and_fewer_solutions(
    rows: list[HeldArm],
) -> None:
    references = {
        (row.against, row.arm.selection, row.found.theirs.arm, row.found.theirs.figures.n - row.n)
        for row in rows
        if row.arm.aggregation == "min"
    }
    assert references == {
        (Against.LAST, "best", "last+best", 0),
        (Against.LAST, "weighted", "last+weighted", 0),
        (Against.MAJORITY, "best", "majority", 0),
        (Against.MAJORITY, "weighted", "majority", 0),
        (Against.FEWER, "best", "min+best", -8),
    }


@pytest.mark.parametrize(
    ("score", "scale", "meant"),
    [
        (0.3, Scale.PROBABILITY, 0.3),
        (0.0, Scale.LOGIT, 0.5),
        (math.log(4), Scale.LOGIT, 0.8),
        (-4000.0, Scale.LOGIT, 0.0),
        (4000.0, Scale.LOGIT, 1.0),
    ],
)
def test_log_odds_are_held_against_grades_as_the_probability_they_stand_for(
    score: float, scale: Scale, meant: float
) -> None:
    assert chance(score, scale) == pytest.approx(meant)


# --- What it says in words ------------------------------------------------------------------------


def row(
    name: str, n: int, verdict: Verdict, against: Against = Against.LAST, needed: int | None = None
) -> HeldArm:
    """A comparison of `name+best` with this verdict."""
    ours, theirs = (
        Side("A", Measured(Arm("best", each), n, accuracy, None, 0.0, 400, 0, 0, 0, 0, 1, 1))
        for each, accuracy in ((name, 0.5), ("last", 0.4))
    )
    comparison = Comparison(
        ours, theirs, 400, 0, 0.1, (0.05, 0.15), 2, 1, 0.5, 0.5, verdict, needed, 1.0
    )
    return HeldArm(against, Arm("best", name), n, comparison)


BETTER, WORSE, NOT_SHOWN = Verdict.BETTER, Verdict.WORSE, Verdict.NOT_SHOWN


def test_what_is_shown_is_told_by_name_and_size_and_so_is_what_is_not() -> None:
    rows = [
        *(row("min", 8, BETTER), row("min", 64, BETTER)),
        *(row("max", 8, NOT_SHOWN), row("max", 64, WORSE)),
        *(row("mean", 8, NOT_SHOWN, needed=900), row("mean", 64, NOT_SHOWN, needed=700)),
    ]
    counted, block, nearest = Family(tuple(rows), [8, 64]).sentences()
    assert counted == "Of 6 differences, 3 are shown."
    assert block == (
        "`best` against `last`: better: `min` at every n; worse: `max` at n = 64; "
        "no difference shown: `mean`."
    )
    assert "`mean+best@64` minus `last+best@64`" in nearest
    assert "about 700 problems instead of 400" in nearest


def test_arms_without_a_common_decided_problem_are_nothing_to_compare() -> None:
    nothing = row("max", 8, Verdict.NOTHING)
    blank = replace(nothing, found=replace(nothing.found, problems=0))
    (_, block) = Family((row("min", 8, NOT_SHOWN), blank), [8]).sentences()
    told = "no difference shown: `min`; nothing to compare: `max`."
    assert block == f"`best` against `last`: {told}"


@pytest.mark.parametrize(("shown", "told"), [(4, "worse: all at"), (3, "worse: all but `d` at")])
def test_many_names_are_told_as_all_or_all_but_one(shown: int, told: str) -> None:
    names = "abcd"
    rows = [
        row(name, 16, WORSE if at < shown else NOT_SHOWN, Against.FEWER)
        for at, name in enumerate(names)
    ]
    (_, harm) = Family(tuple(rows), [16]).sentences()
    assert told in harm


# --- The command ----------------------------------------------------------------------------------


def test_the_same_command_again_runs_nothing_and_says_the_same(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--limit", "2", "--json"], base) == 0
    before = capsys.readouterr().out
    assert main(["--limit", "2", "--json"], base) == 0
    out, err = capsys.readouterr()
    assert "2 runs, 0 not complete" in err
    assert out == before
    figures: dict[str, Any] = json.loads(out)
    assert len(figures["rows"]) == 70 + 2 * len(AGGREGATES)
    assert (figures["chains"]["chains"], figures["chains"]["n"]) == (4, 16)
    assert {arm["n"] for arm in figures["arms"]} == {1, 2, 4, 8, 16}
    assert set(figures["verifier"]) == set(AGGREGATES)


def test_the_page_has_every_arm_its_pictures_and_room_for_a_person(base: Path) -> None:
    assert main(["--output", "page.md"], base) == 0
    text = Path("page.md").read_text("utf-8")
    assert "`python -m treewright.studies.aggregations --output page.md` from 6 problems" in text
    for name in AGGREGATES:
        assert text.count(f"| `{name}+best` |") == text.count(f"| `{name}+weighted` |") == 1
    assert text.endswith(f"{MARKER}\n")
    assert "## 4 verification chains" in text
    assert "![Chosen against oracle as n grows](page/over-optimisation.png)" in text
    for selection in ("best", "weighted"):
        picture = Path(f"page/accuracy-over-n-{selection}.png")
        assert f"({picture})" in text
        assert picture.stat().st_size < 100_000


def test_a_page_that_could_not_be_written_is_refused_before_anything_runs(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--limit", "1", "--output", "nowhere/page.md"], base)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "nowhere/page.md: its folder is not there" in told
    assert "not complete" not in told


@pytest.mark.parametrize(
    "strategy",
    ["{kind: beam, paths: 4, children: 2}", "{kind: best_of_n, n: 16, wave: 4, stop: weighted}"],
)
def test_solutions_that_are_no_independent_draws_are_refused_before_anything_runs(
    base: Path, capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    other = base.with_name("other.yaml")
    other.write_text(BASE.replace("{kind: best_of_n, n: 16}", strategy))
    assert main([], other) == 2
    err = capsys.readouterr().err
    assert "draws no independent solutions" in err
    assert err.count("\n") == 1


def test_a_verifier_that_nobody_can_read_leaves_dashes_and_says_so(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = base.with_name("other.yaml")
    other.write_text(BASE.replace("skill: 0.8", "missing: 1.0").replace("doubles", "unread"))
    assert main([], other) == 0
    text = capsys.readouterr().out
    assert "* `weighted` against `majority`: nothing to compare: all." in text
    assert "for want of a score or a grade: `min+best` 0," in text
    assert "| `min+best` | – | – | – | – | – | – |" in text
    assert "%; the verifier's vote could not be measured." in text
    assert "Highest of 2 arms at n = 16" in text


def test_where_all_are_right_as_often_no_arm_alone_is_called_the_highest(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = base.with_name("other.yaml")
    other.write_text(BASE.replace("accuracy: 0.4", "accuracy: 1.0").replace("doubles", "right"))
    assert main(["--chains", "1"], other) == 0
    text = capsys.readouterr().out
    assert "picked afterwards: `first`, 100.0 % (61.0 to 100.0), and 17 others as often." in text
    assert "in 100.0 % (0.0 points to the plain vote, not shown)." in text


def test_where_the_first_run_has_several_chains_none_is_called_one(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--limit", "2", "--json"], base) == 0
    assert json.loads(capsys.readouterr().out)["chains"]["chains"] == 4
    other = base.with_name("other.yaml")
    other.write_text(BASE.replace("skill: 0.8", "skill: 0.8, chains: 2").replace("doubles", "two"))
    assert main(["--limit", "2", "--json"], other) == 0
    assert json.loads(capsys.readouterr().out)["chains"] is None


def test_a_run_without_any_solution_is_one_line(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = base.with_name("other.yaml")
    other.write_text(BASE.replace("accuracy: 0.4", "faults: {fail: 1.0}").replace("doubles", "no"))
    assert main([], other) == 2
    assert "no problem has a solution" in capsys.readouterr().err
