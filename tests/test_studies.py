"""The comparison of strategies: what it measures, what it compares with what, what it writes."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grading import Grades, Outcome
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.calls import Costs
from search.core import (
    Candidate,
    Judgement,
    Missing,
    Prefix,
    Problem,
    Result,
    Score,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.driver import Searched, drive
from search.memory import DictMemory
from search.strategies import STRATEGIES
from search.strategies.best_of_n import BestOfN
from treewright.arms.arm import Arm
from treewright.arms.graded_run import GradedRun
from treewright.arms.marks import Marks
from treewright.arms.solved import Solved
from treewright.errors import ConfigError
from treewright.running.series import engines
from treewright.studies import choose_widths
from treewright.studies.cell_results import CellResult, ladder, nearest, results, same_cost
from treewright.studies.cells import ENTRIES, REFERENCES, cells
from treewright.studies.document import Findings, document
from treewright.studies.levels import Levels
from treewright.studies.page import MARKER, StudyError, write
from treewright.studies.seen import Seen, different_steps
from treewright.studies.strategies import main, together
from treewright.studies.variety import variety
from treewright.studies.widths import SHIPPED, Widths

BUDGETS = Widths.read(SHIPPED).budgets
NOTHING = Findings((), (), Levels({}))
BEST, VOTE = Arm("best", "history.last"), Arm("majority")
RIGHT, WRONG, ABSTAINED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.ABSTAINED
BASE = """
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4}
scorer: {kind: scripted, skill: 0.9}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline}
grading: {kind: numeric}
"""


def solution(problem: str, place: tuple[int, ...], *texts: str) -> Prefix:
    """A path of these steps."""
    last = len(texts) - 1
    ends = [StopReason.EOS if at == last else StopReason.STEP_END for at in range(len(texts))]
    steps = [Step(text, (at,), end) for at, (text, end) in enumerate(zip(texts, ends, strict=True))]
    return Prefix(Problem(problem, "?"), tuple(steps), place)


def candidate(path: Prefix, score: Score) -> Candidate:
    verdict = StepVerdict(0.5, VerdictStatus.READ)
    return Candidate(path, Judgement((verdict,) * len(path.steps), score), (score,))


def solved(problem: str, *drawn: tuple[int | None, Outcome, Score]) -> Solved:
    """One-step candidates, each with its group, its grade and its score.

    Candidate i cost the policy 10 + i tokens and the verifier 20.
    """
    paths = [solution(problem, (at,), f"text {at}") for at in range(len(drawn))]
    costs = Costs(
        {path.id: Spent(1, 10, 10, 10 + at) for at, path in enumerate(paths)},
        {path.id: Spent(1, 15, 5, 10) for path in paths},
    )
    candidates = [candidate(path, score) for path, (_, _, score) in zip(paths, drawn, strict=True)]
    return Solved(
        problem,
        Searched(Result(tuple(candidates)), costs, {path.id: path for path in paths}),
        Grades(tuple(group for group, _, _ in drawn), tuple(grade for _, grade, _ in drawn)),
    )


def seen(*items: Solved) -> list[Seen]:
    """What a study keeps of them."""
    return [Seen.of(item, ["history.last"]) for item in items]


def marks(arm: Arm, *items: Solved) -> Marks:
    """The arm over all candidates of these problems."""
    run = GradedRun.of(items, [arm])
    return run.first(arm, run.largest)


def test_an_answer_is_the_one_that_the_arm_chooses() -> None:
    """Two candidates vote for the wrong answer, the best-scored one is right."""
    item = solved("a", (0, WRONG, 0.3), (0, WRONG, 0.2), (2, RIGHT, 0.9))
    assert marks(BEST, item).right == {"a": 1.0}
    assert marks(VOTE, item).right == {"a": 0.0}
    assert marks(Arm("weighted", "history.last"), item).right == {"a": 1.0}


def test_an_abstention_is_wrong_and_an_answer_without_any_score_is_neither() -> None:
    assert marks(VOTE, solved("a", (None, ABSTAINED, 0.5))).right == {"a": 0.0}
    assert marks(BEST, solved("a", (0, RIGHT, Missing("unread")))).right == {}
    assert marks(VOTE, solved("a", (0, Outcome.TIMEOUT, 0.5))).right == {}


def test_marks_hold_who_was_right_and_what_it_cost() -> None:
    """Policy: (10 + 11) and 10 over two problems; verifier: 40 and 20."""
    two = [solved("a", (0, RIGHT, 0.9), (1, WRONG, 0.1)), solved("b", (0, WRONG, 0.9))]
    found = marks(BEST, *two)
    assert found.right == {"a": True, "b": False}
    figures = found.figures
    assert (figures.policy_tokens, figures.verifier_tokens, figures.tokens) == (15.5, 30.0, 45.5)


def test_a_problem_that_cannot_be_decided_is_left_out_but_was_paid_for() -> None:
    found = marks(BEST, solved("a", (0, RIGHT, 0.9)), solved("b", (0, RIGHT, Missing("unread"))))
    assert found.right == {"a": True}
    assert found.figures.tokens == 30.0


@pytest.mark.parametrize("n", [1, 3, 5])
def test_the_first_n_of_a_run_are_the_run_with_n(n: int) -> None:
    """The first n of best-of-6 have the candidates, the steps and the costs of best-of-n."""
    whole, alone = (
        Solved("p", sampled(size), Grades((None,) * size, (ABSTAINED,) * size)) for size in (6, n)
    )
    assert whole.search.result.candidates[:n] == alone.search.result.candidates
    assert variety(seen(whole), n) == variety(seen(alone))
    (part,), (all_of_it,) = (GradedRun.of([each], [VOTE]).problems for each in (whole, alone))
    assert part.price(n, judged=True) == all_of_it.price(n, judged=True)


def sampled(n: int) -> Searched:
    policy = ScriptedPolicy(ScriptedPolicyConfig(cut=0.2))
    scorer = ScriptedScorer(ScriptedScorerConfig())
    flow = BestOfN(n)(Problem("p", "1 + 2?"))
    return asyncio.run(drive(flow, policy, scorer, DictMemory(), 0))


def test_variety_counts_answers_by_group_and_pass_at_n_by_any_right_candidate() -> None:
    one = solved("a", (0, WRONG, 0.1), (0, WRONG, 0.2), (2, RIGHT, 0.1), (None, ABSTAINED, 0.1))
    found = variety(seen(one, solved("b", (0, WRONG, 0.1))))
    assert (found.pass_at_n, found.candidates, found.answers) == (0.5, 2.5, 1.5)


def test_steps_of_the_same_text_at_the_same_depth_are_one_and_pruned_ones_count() -> None:
    """Depth 0: `a b` twice, `c` once; depth 1: `c`, pruned. Three different steps."""
    paths = [solution("p", (0,), "a b\n"), solution("p", (1,), " a  b"), solution("p", (2,), "c")]
    pruned = solution("p", (2, 0), "c", "c")
    searched = Searched(Result(), Costs(), {path.id: path for path in [*paths, pruned]})
    item = Solved("p", searched, Grades((), ()))
    assert different_steps([*paths, pruned]) == {(0, "a b"), (0, "c"), (1, "c")}
    assert (seen(item)[0].drawn, seen(item)[0].steps) == (3, (0,))


def test_a_ladder_gives_the_number_of_draws_that_costs_what_a_cell_spent() -> None:
    """One candidate costs 30, two 61, three 93."""
    items = [solved("a", (0, WRONG, 0.1), (1, RIGHT, 0.9), (1, RIGHT, 0.8))]
    rungs = ladder(seen(*items), BEST)
    assert [(rung.n, rung.figures.tokens) for rung in rungs] == [(1, 30), (2, 61), (3, 93)]
    assert [rung.right["a"] for rung in rungs] == [False, True, True]
    found = [
        nearest(rung, [*rungs[:place], *rungs[place + 1 :]]) for place, rung in enumerate(rungs)
    ]
    assert [each.n for each in found] == [2, 1, 2]


def versus(ours: CellResult, name: str, rungs: list[Marks]) -> CellResult:
    """The row beside one reference; a row of the other reference's strategy has none."""
    ladders = {(each, ours.cell.budget): rungs for each in REFERENCES}
    (found,) = together([ours], ladders, [], Levels({})).rows
    assert name in found.versus
    return found


def test_a_cell_is_compared_at_its_own_cost_over_the_problems_that_both_decide() -> None:
    cell = replace(cells(["beam"], [3000])[0], draws=None)
    ours = [solved("a", (0, RIGHT, 0.9)), solved("b", (0, RIGHT, 0.9)), solved("c", (0, RIGHT, 1))]
    theirs = [solved("a", (0, WRONG, 0.9), (1, RIGHT, 1.0)), solved("b", (0, RIGHT, 0.9))]
    row, _ = results(cell, seen(*ours), 1)
    other = versus(row, "best_of_n", ladder(seen(*theirs), BEST)).versus["best_of_n"]
    assert other is not None
    assert (other.theirs.figures.n, other.difference, other.problems) == (1, 0.5, 2)
    assert (row.found.accuracy, row.found.problems) == (1.0, 3)
    assert (row.searched, row.failures) == (3, 1)


def test_a_reference_is_not_compared_with_itself() -> None:
    (cell, *_) = cells(["best_of_n"], [3000])
    items = [solved("a", (0, RIGHT, 0.9), (0, RIGHT, 0.5))]
    for row in results(cell, seen(*items)):
        assert versus(row, "best_of_n", ladder(seen(*items), BEST)).versus["best_of_n"] is None


def test_costs_are_the_same_up_to_a_tenth_of_the_reference() -> None:
    (cell,) = cells(["beam"], [3000])
    items = [solved("a", (0, RIGHT, 0.9))]
    row, _ = results(cell, seen(*items))
    found = versus(row, "majority", ladder(seen(*items), BEST)).versus["majority"]
    assert found is not None
    ratios = (0.89, 0.9, 1.0, 1.1, 1.11, None)
    alike = [same_cost(replace(found, cost_ratio=ratio)) for ratio in ratios]
    assert alike == [False, True, True, True, False, False]


def test_where_nothing_could_be_decided_there_is_one_line() -> None:
    (cell,) = cells(["beam"], [3000])
    with pytest.raises(StudyError, match="could be decided"):
        results(cell, seen(solved("a", (0, RIGHT, Missing("unread")))))


def test_references_without_a_common_problem_are_an_error_not_a_number() -> None:
    (cell,) = cells(["beam"], [3000])
    elsewhere = ladder(seen(solved("b", (0, RIGHT, 0.9))), BEST)
    row, _ = results(cell, seen(solved("a", (0, RIGHT, 0.9))))
    with pytest.raises(StudyError, match="no decided problem in common"):
        versus(row, "majority", elsewhere)


def test_every_strategy_is_in_the_table_at_every_budget_and_all_share_engines() -> None:
    assert set(ENTRIES) == set(STRATEGIES)
    table = cells(list(ENTRIES), BUDGETS)
    assert engines([cell.config for cell in table])[1] == table[0].config.scorer
    assert {(cell.strategy, cell.budget) for cell in table} == {
        (name, budget) for name in ENTRIES for budget in (BUDGETS if name != "greedy" else (0,))
    }


def test_a_cell_that_looks_at_part_of_a_run_shares_that_run() -> None:
    table = cells(["best_of_n"], BUDGETS)
    assert len({cell.config.name for cell in table}) == 1
    assert [cell.draws for cell in table] == sorted({cell.draws or 0 for cell in table})
    strategy: Any = table[0].config.strategy
    assert strategy.n >= max(cell.draws or 0 for cell in table)


@pytest.mark.parametrize(
    ("strategies", "budgets", "told"),
    [(["beem"], [3000], "did you mean beam"), (["beam"], [700], "choose from 3000, 6000, 12000")],
)
def test_what_is_not_in_the_table_is_refused_with_what_is(
    strategies: list[str], budgets: list[int], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        cells(strategies, budgets)


@pytest.mark.parametrize(
    ("widths", "runs", "told"),
    [
        (
            "n=31",
            "best_of_n: n=30",
            "n=31: is no number of its run's solutions; its run draws n=30",
        ),
        ("n=8 wave=4", "best_of_n: n=30", "is no number of its run's solutions"),
        ("n=8", "majority: n=30", "runs.best_of_n: missing"),
    ],
)
def test_no_row_is_of_more_solutions_than_its_run_draws(
    tmp_path: Path, widths: str, runs: str, told: str
) -> None:
    file = tmp_path / "widths.yaml"
    file.write_text(f"widths: {{best_of_n: {{3000: {widths}}}}}\nruns: {{{runs}}}\n")
    with pytest.raises(ConfigError, match=told):
        cells(["best_of_n"], [3000], widths=Widths.read(file))


# --- The page -------------------------------------------------------------------------------------


def test_what_a_person_wrote_below_the_marker_stays_and_the_rest_is_replaced(
    tmp_path: Path,
) -> None:
    page = tmp_path / "page.md"
    write(page, document(NOTHING, "stale data", "stale command"))
    with page.open("a", encoding="utf-8") as file:
        file.write("Three sentences.\n")
    write(page, document(NOTHING, "new data", "new command"))
    text = page.read_text("utf-8")
    assert text.endswith(f"{MARKER}\nThree sentences.\n")
    assert "new data" in text
    assert "stale" not in text


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be written: No such file or directory"):
        write(tmp_path / "nowhere" / "page.md", "")


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config of doubles with twelve problems; runs go into a folder beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    data = [{"problem": f"{number} + 1?", "answer": number + 1} for number in range(12)]
    Path("data.jsonl").write_text("\n".join(map(json.dumps, data)))
    Path("base.yaml").write_text(BASE)
    return Path("base.yaml")


def test_one_command_runs_what_is_missing_and_prints_every_row(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["--strategies", "beam,greedy", "--budgets", "3000,6000", "--json"]
    assert main(ask, base) == 0
    out, err = capsys.readouterr()
    assert "5 runs, 5 not complete" in err
    found: list[dict[str, Any]] = json.loads(out)["rows"]
    assert [(row["strategy"], row["budget"]) for row in found] == [
        *[("best_of_n", budget) for budget in (3000, 3000, 6000, 6000)],
        *[("majority", budget) for budget in (3000, 6000)],
        *[("beam", budget) for budget in (3000, 3000, 6000, 6000)],
        ("greedy", 0),
    ]
    assert all(row["tokens"] == row["policy"] + row["verifier"] > 0 for row in found)
    assert main(ask, base) == 0
    again, err = capsys.readouterr()
    assert again == out
    assert "5 runs, 0 not complete" in err


def test_the_page_names_its_command_and_its_data_and_has_a_section_per_budget(
    base: Path,
) -> None:
    ask = ["--strategies", "greedy", "--budgets", "3000", "--limit", "5", "--output", "page.md"]
    assert main(ask, base) == 0
    text = Path("page.md").read_text("utf-8")
    assert f"`python -m treewright.studies.strategies {' '.join(ask)}` from 5 problems" in text
    assert "**Candidates.** In the last table, pass@N" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## What must hold",
        "## One solution, no search",
        "## 3,000 tokens per problem",
    ]


def test_a_run_in_which_nothing_was_solved_is_one_line(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base.write_text(BASE.replace("accuracy: 0.4", "faults: {fail: 1.0}"))
    assert main(["--strategies", "greedy", "--budgets", "3000"], base) == 2
    assert "no problem was solved" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("study", "ask", "told"),
    [
        (main, ["--strategies", "beem"], "did you mean beam"),
        (main, ["--strategies", ","], "names nothing"),
        (main, ["--at-once", "0"], "a whole number from 1 up"),
        (main, ["--rate", "0"], "a whole number from 1 up"),
        (main, ["--budgets", "3000,x"], "a whole number from 1 up"),
        (main, ["--widths", "nowhere"], "choose_widths writes one"),
        (choose_widths.main, ["--strategies", "greedy"], "has no widths"),
        (choose_widths.main, ["--split", "test", "--config", "greedy_arithmetic"], "is measured"),
    ],
)
def test_a_fault_of_the_command_line_is_told_and_has_exit_code_2(
    base: Path, capsys: pytest.CaptureFixture[str], study: Any, ask: list[str], told: str
) -> None:
    try:
        code = study(ask, base)
    except SystemExit as ended:  # of what argparse tells
        code = ended.code
    assert code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
