"""Results of runs in a folder: a page is made of them without the runs, and of nothing else."""

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search.core import Missing
from test_studies import ABSTAINED, RIGHT, WRONG, base, seen, solved
from treewright.running.job import Job
from treewright.running.series import planned
from treewright.studies.cells import cells
from treewright.studies.kept import Kept, SeenRun
from treewright.studies.page import StudyError
from treewright.studies.strategies import main

assert base  # a fixture
RUN = SeenRun(
    seen(
        solved("a", (0, RIGHT, 0.1), (1, WRONG, Missing("unread")), (None, ABSTAINED, 1 / 3)),
        solved("b"),
    ),
    failures=1,
)


@pytest.fixture
def job(base: Path) -> Job:
    (cell,) = cells(["beam"], [3000], base=base)
    return planned([cell.config])[0]


def test_what_is_kept_is_read_back_as_it_was(job: Job, tmp_path: Path) -> None:
    kept = Kept(tmp_path / "results")
    assert kept.read(job) is None
    kept.write(job, RUN)
    assert kept.read(job) == RUN


def test_the_same_results_make_the_same_bytes(job: Job, tmp_path: Path) -> None:
    for name in ("one", "two"):
        Kept(tmp_path / name).write(job, RUN)
    file = f"{job.config.name}.jsonl.gz"
    assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_results_of_another_config_are_refused_and_stay(job: Job, tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(job, RUN)
    with pytest.raises(StudyError, match="of another config, data, model, version or grading"):
        kept.read(replace(job, config=replace(job.config, seed=1)))
    assert kept.read(job) == RUN


@pytest.mark.parametrize("damage", ["cut", "no_field", "not_aligned", "no_json", "a_word"])
def test_a_damaged_file_is_one_line(job: Job, tmp_path: Path, damage: str) -> None:
    kept = Kept(tmp_path)
    kept.write(job, RUN)
    (file,) = tmp_path.glob("*.gz")
    lines = gzip.decompress(file.read_bytes()).splitlines()
    problem: dict[str, Any] = json.loads(lines[1])
    if damage == "no_field":
        del problem["groups"]
    elif damage == "not_aligned":
        problem["groups"].pop()
    elif damage == "a_word":
        problem["prices"][0] = ["many", "few"]
    lines[1] = b"{" if damage == "no_json" else json.dumps(problem).encode()
    packed = gzip.compress(b"\n".join(lines))
    file.write_bytes(packed[: len(packed) // 2] if damage == "cut" else packed)
    with pytest.raises(StudyError, match="remove it, and it is made anew"):
        kept.read(job)


def test_a_page_is_made_of_kept_results_alone_and_of_budgets_that_were_run_apart(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two budgets one after the other, then both without any run: as if they were run together."""
    ask = ["--strategies", "beam,greedy", "--json"]
    assert main([*ask, "--budgets", "3000,6000"], base) == 0
    together = capsys.readouterr().out
    shutil.rmtree("runs")
    for budget in ("3000", "6000"):
        assert main([*ask, "--budgets", budget, "--results", "kept"], base) == 0
        told = capsys.readouterr().err
    assert "1 runs, 1 not complete" in told  # beam; what it is compared with is kept
    shutil.rmtree("runs")
    assert main([*ask, "--budgets", "3000,6000", "--results", "kept"], base) == 0
    assert capsys.readouterr().out == together
    assert not Path("runs").exists()


def test_results_that_were_graded_otherwise_are_refused(job: Job, tmp_path: Path) -> None:
    """Grading is no part of a run's fingerprint, and decides what a kept answer is."""
    kept, grading = Kept(tmp_path), job.config.grading
    kept.write(job, RUN)
    exact = replace(job, config=replace(job.config, grading=replace(grading, kind="exact")))
    with pytest.raises(StudyError, match="version or grading"):
        kept.read(exact)
    faster = replace(grading, workers=2)
    assert kept.read(replace(job, config=replace(job.config, grading=faster))) == RUN


def test_results_that_do_not_say_how_they_were_graded_are_read(job: Job, tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(job, RUN)
    (file,) = tmp_path.glob("*.gz")
    header, *rest = gzip.decompress(file.read_bytes()).splitlines()
    said = {key: value for key, value in json.loads(header).items() if key != "grading"}
    file.write_bytes(gzip.compress(b"\n".join([json.dumps(said).encode(), *rest])))
    assert kept.read(job) == RUN
