"""How a run is said on a command line and in Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from treewright.cli import main
from treewright.running.run_folder import RunFolderError
from treewright.running.run_name import find_run

NAMES = ["a/20260101T000000Z-aaaa1111", "a/20260102T000000Z-bbbb2222"]
NAMES += ["b/20260103T000000Z-cccc3333"]
NO_RUNS = ["c/latest", "a/3", "nothing", "a/../b/latest", "a/", "c/d/latest", "x" * 5000]


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs of two names in the output folder; the current folder is empty."""
    output = tmp_path / "out"
    for name in NAMES:
        (output / name).mkdir(parents=True)
        (output / name / "manifest.json").write_text("{}")
    (output / "a" / "20270101T000000Z-no-run").mkdir()
    monkeypatch.setenv("TREEWRIGHT_RUNS", str(output))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return output


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("latest", NAMES[2]),
        ("a/latest", NAMES[1]),
        ("b/latest", NAMES[2]),
        ("a/20260101", NAMES[0]),
        ("a/20260102T", NAMES[1]),
        ("a/bbbb", NAMES[1]),
        ("b/2", NAMES[2]),
    ],
)
def test_a_run_is_said_by_its_name_and_the_beginning_of_its_folder(
    runs: Path, said: str, meant: str
) -> None:
    assert find_run(Path(said)) == runs / meant
    assert find_run(runs / said) == runs / meant


@pytest.mark.parametrize("said", NO_RUNS)
def test_what_is_no_run_is_left_to_be_told(said: str) -> None:
    assert find_run(Path(said)) == Path(said)


def test_a_path_that_is_there_is_taken_as_it_is(runs: Path) -> None:
    Path("a").mkdir()
    (Path("a") / "latest").mkdir()
    assert find_run(Path("a/latest")) == Path("a/latest")


def test_a_beginning_of_several_runs_is_told_with_the_newest() -> None:
    with pytest.raises(RunFolderError, match=r"a/2026: begins 2 runs; .*bbbb2222; say more, or"):
        find_run(Path("a/2026"))


def test_every_verb_that_asks_for_a_run_takes_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    verbs = [["score"], ["tree", "1"], ["report"], ["compare"], ["export"], ["resume"], ["view"]]
    for verb, *rest in verbs:
        assert main([verb, "b/latest", *rest]) == 2
        assert NAMES[2] in capsys.readouterr().err


def test_a_run_from_python_has_its_arms_its_candidates_and_its_trees(tmp_path: Path) -> None:
    import treewright as tw

    config = tmp_path / "doubles.yaml"
    config.write_text(
        "name: doubles\ndataset: {name: arithmetic, limit: 3}\npolicy: {kind: scripted}\n"
        "scorer: {kind: scripted}\nstrategy: {kind: best_of_n, n: 4}\n"
        "cluster: {backend: inline}\ngrading: {kind: numeric}\n"
    )
    assert main(["run", str(config)]) == 0
    run = tw.Run("doubles/latest")
    told = json.loads((run.path / "metrics.json").read_text())
    assert run.status == "complete"
    assert run.arms().to_pylist() == told["arms"]
    candidates = run.candidates()
    assert candidates.num_rows == 12
    assert set(candidates.column("problem_id").to_pylist()) == {
        sample.problem.id for sample in run.problems
    }
    graph = run.tree(1)
    assert graph.graph["problem"] == run.problems[0].problem.id
    assert "Accuracy in % over 3 problems" in repr(run)
    assert run._repr_html_().startswith("<pre")
    with pytest.raises(tw.Fault, match="no such run"):
        tw.Run("doubles/9")
