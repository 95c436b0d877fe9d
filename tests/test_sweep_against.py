"""Cells of a sweep held against one of them: what the table, the file and the sentence say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scorers.scripted import ScriptedScorerConfig
from swept_doubles import BASE, error, sweeping, watched
from treewright.arms.arm import Arm
from treewright.arms.comparison import Comparison, Side, Verdict
from treewright.arms.measured import Measured
from treewright.cli import main
from treewright.sweeping.cell import load_cells
from treewright.sweeping.held_against import Held, conclusion

GRID = """
  grid:
    strategy: [{kind: best_of_n, n: 4}, {kind: dvts, paths: 4, children: 2}]
    select: [first, majority, weighted]
  exclude: [{strategy.kind: dvts, select: [first, majority]}]
  against: 3
"""
SIDE = Side("", Measured(Arm("best", "last"), 4, 0.5, None, 0.0, 64, 0, 0, 0, 0, 50.0, 50.0))
SHOWN = Comparison(
    SIDE, SIDE, 64, 0, 0.0625, (0.01, 0.115), 5, 1, 0.01, 0.02, Verdict.BETTER, None, 1.02
)
UNSHOWN = replace(SHOWN, difference=-0.03, ci95=(-0.1, 0.04), verdict=Verdict.NOT_SHOWN)


@pytest.fixture(autouse=True)
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight problems and a sweep with a reference."""
    sweeping(tmp_path, monkeypatch)(GRID)
    watched(monkeypatch)


def test_every_other_arm_is_held_against_the_cell_that_the_sweep_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sweep", "sweep.yaml", "aggregate=[last]"]) == 0
    printed = capsys.readouterr().out
    assert "− cell 3" in printed
    assert "Against cell 3 (best_of_n, last+weighted: " in printed
    found: dict[str, Any] = json.loads(Path("runs/swept/sweep.json").read_text())
    rows = found["differences"]
    assert [(row["cell"], row["against"]) for row in rows] == [(1, 3), (2, 3), (4, 3)]
    assert [row["ours"]["arm"] for row in rows] == ["first", "majority", "last+weighted"]
    assert {row["theirs"]["arm"] for row in rows} == {"last+weighted"}
    arms = {cell["cell"]: cell["arms"][-1]["accuracy"] for cell in found["cells"]}
    gaps = [row["difference"] for row in rows]
    assert gaps == pytest.approx([arms[cell] - arms[3] for cell in (1, 2, 4)])


def test_cells_of_one_run_that_are_graded_otherwise_have_differences_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As numbers 3 is 3.0, as texts it is not: by `exact` no answer is right."""
    sweeping(tmp_path, monkeypatch)(
        "{grid: {grading.kind: [numeric, exact], select: [first, majority]}, against: 2}"
    )
    rows = (json.dumps({"problem": f"{at} + 1?", "answer": f"{at + 1}.0"}) for at in range(8))
    Path("data.jsonl").write_text("\n".join(rows))
    assert main(["sweep", "sweep.yaml"]) == 0
    found: dict[str, Any] = json.loads(Path("runs/swept/sweep.json").read_text())
    assert found["generations"] == 1
    arms = {cell["cell"]: cell["arms"][0]["accuracy"] for cell in found["cells"]}
    assert arms[2] > 0
    assert arms[3] == arms[4] == 0
    gaps = {row["cell"]: row["difference"] for row in found["differences"]}
    assert gaps == pytest.approx({at: arms[at] - arms[2] for at in (1, 3, 4)})
    printed = capsys.readouterr().out.splitlines()
    (strict,) = [line.split() for line in printed if line.split()[:2] == ["4", "exact"]]
    assert f"{-100 * arms[2]:.1f}" in strict


def test_the_sentence_has_the_references_own_accuracy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference is over fewer problems where the other arm lacks a score."""
    sweeping(tmp_path, monkeypatch)("{grid: {select: [first, best]}, against: 1}")
    Path("config.yaml").write_text(BASE.replace("n: 4", "n: 1") + "aggregate: [last]\n")
    unread = ScriptedScorerConfig(missing=0.4)
    monkeypatch.setattr("swept_doubles.ScriptedScorerConfig", lambda: unread)
    assert main(["sweep", "sweep.yaml"]) == 0
    found: dict[str, Any] = json.loads(Path("runs/swept/sweep.json").read_text())
    (row,) = found["differences"]
    own = found["cells"][0]["arms"][0]["accuracy"]
    assert row["problems"] < 8
    assert row["theirs"]["accuracy"] != own
    told = f"Against cell 1 (best_of_n, first: {100 * own:.1f} %), cell 2"
    assert told in capsys.readouterr().out


def test_a_sweep_without_a_reference_says_nothing_of_differences() -> None:
    cells = load_cells("sweep.yaml", ["sweep.against=null"])
    assert not any(cell.reference for cell in cells)


@pytest.mark.parametrize("number", ["0", "5", "x", "-1"])
def test_a_reference_that_is_no_cell_is_refused(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = error(capsys, "sweep", "sweep.yaml", f"sweep.against={number}")
    assert "is the number of no cell" in told
    assert "from 1 to 4" in told


def held(cell: int, found: Comparison) -> Held:
    return Held(cell, 3, (1, f"arm {cell}", "", ""), f"arm {cell}", "reference: 50.0 %", found)


def test_the_conclusion_says_better_only_of_what_is_shown() -> None:
    assert conclusion([held(1, UNSHOWN), held(4, SHOWN)]) == (
        "Against cell 3 (reference: 50.0 %), cell 4 (arm 4) is better by 6.2 points (95 % CI +1.0 "
        "to +11.5, 64 problems), at 1.02 times the tokens; cell 1 (arm 1) is not shown to differ: "
        "-3.0 points (95 % CI -10.0 to +4.0, 64 problems), at 1.02 times the tokens."
    )
    assert conclusion([]) == ""


def test_of_many_differences_the_largest_are_told_and_the_others_counted() -> None:
    many = [held(at, replace(SHOWN, difference=at / 100)) for at in range(4, 11)]
    many += [held(at, UNSHOWN) for at in range(11, 17)]
    told = conclusion(many)
    assert "cell 10 (arm 10) is better by 10.0" in told
    assert "3 more differ; 6 others are not shown to differ." in told
    assert "cell 6 " not in told
