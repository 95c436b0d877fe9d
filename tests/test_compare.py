"""`treewright compare`: what an arm finds, which arms are compared, and degenerate runs."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any
from zlib import crc32

import pytest

from compared_runs import (
    PROBLEMS,
    Run,
    Said,
    Verb,
    refused,
)
from search.aggregation import MissingRule
from treewright.arms.arm import Arm
from treewright.arms.graded import Graded
from treewright.arms.marks import Marks
from treewright.comparing.finished_run import FinishedRun, read
from treewright.running.recorded import RecordedRun

# --- What an arm finds ----------------------------------------------------------------------------


def found(folder: str) -> FinishedRun:
    async def go() -> FinishedRun:
        return await read(await RecordedRun.open(Path(folder), "A"))

    return asyncio.run(go())


def test_over_all_candidates_an_arm_is_as_accurate_and_as_dear_as_in_the_table(
    run: Run,
) -> None:
    run_read = found(run())
    graded = run_read.graded(run_read.source.arms, MissingRule.WORST)
    for arm in run_read.source.arms:
        ours, table = over_subsets(run_read, arm, 5), graded.first(arm, 5)
        assert fmean(ours.right.values()) == pytest.approx(table.figures.accuracy)
        assert len(ours.right) == table.figures.problems
        assert set(ours.right.values()) <= {0.0, 1.0}
        assert ours.figures.tokens == table.figures.tokens


def over_subsets(run_read: FinishedRun, arm: Arm, n: int) -> Marks:
    """The arm over all n-subsets, as it is compared."""
    (marks,) = run_read.graded([arm], MissingRule.WORST).over_subsets(arm, [n])
    return marks


def test_over_n_candidates_it_is_the_mean_over_all_subsets_of_n(run: Run) -> None:
    """By calling the selection on each of the 10 subsets of 3 of 5 candidates."""
    run_read = found(run())
    for arm in run_read.source.arms:
        ours = over_subsets(run_read, arm, 3)
        for item in run_read.solved:
            parts = [cut(item, subset) for subset in combinations(range(5), 3)]
            shares = [
                Graded.of(part, [arm.aggregation], MissingRule.WORST).first(arm, 3)[0]
                for part in parts
            ]
            outcomes = [share.right for share in shares if share.decided]
            expected = fmean(outcomes) if outcomes else None
            assert ours.right.get(item.problem_id) == pytest.approx(expected, abs=1e-9)


def cut(item: Any, kept: Sequence[int]) -> Any:
    """A problem with these candidates only."""
    candidates = tuple(item.search.result.candidates[index] for index in kept)
    result = replace(item.search.result, candidates=candidates)
    grades = replace(
        item.grades,
        groups=tuple(item.grades.groups[index] for index in kept),
        outcomes=tuple(item.grades.outcomes[index] for index in kept),
    )
    return replace(item, search=replace(item.search, result=result), grades=grades)


def test_a_search_that_the_verifier_steers_pays_it_under_every_arm(
    run: Run, compared: Verb
) -> None:
    drawn, steered = run(), run("strategy.kind=beam", "strategy.paths=4", "strategy.children=2")
    (row,) = compared(drawn, steered, "--arm", "majority")["rows"]
    assert row["theirs"]["verifier_tokens"] == 0
    assert row["ours"]["verifier_tokens"] > 0


# --- Which arms are compared ----------------------------------------------------------------------


def pairs(printed: dict[str, Any]) -> list[tuple[str, str]]:
    """`B min+best`, `A min+best` for each row."""
    return [(named(row["ours"]), named(row["theirs"])) for row in printed["rows"]]


def named(side: dict[str, Any]) -> str:
    """`B min+best`."""
    return f"{side['run']} {side['arm']}"


SCORED = ["min+best", "min+weighted", "history.last+best", "history.last+weighted"]


def test_arms_of_one_run_are_compared_with_majority(run: Run, compared: Verb) -> None:
    assert pairs(compared(run())) == [(f"A {arm}", "A majority") for arm in ["first", *SCORED]]


def test_or_with_the_reference_that_was_said(run: Run, compared: Verb) -> None:
    printed = compared(run(), "--reference", "min+best", "--arm", "first,majority@2")
    assert pairs(printed) == [("A first", "A min+best"), ("A majority@2", "A min+best")]


def test_arms_of_several_runs_are_compared_with_the_same_arm_of_the_first(
    run: Run, compared: Verb
) -> None:
    runs = [run(f"seed={seed}") for seed in range(3)]
    printed = compared(*runs, "--arm", "min+weighted,majority")
    arms = ["min+weighted", "majority"]
    assert pairs(printed) == [(f"{label} {arm}", f"A {arm}") for label in "BC" for arm in arms]
    assert [each["differs"] for each in printed["runs"]] == [[], ["seed"], ["seed"]]


def test_without_arms_each_run_answers_as_its_config_says(run: Run, compared: Verb) -> None:
    """The first run asked no verifier: what needs one is compared with its majority."""
    voted = run("strategy.kind=majority", "aggregate=[]", "select=[first,majority]")
    printed = compared(voted, run())
    assert pairs(printed) == [
        ("B first", "A first"),
        ("B majority", "A majority"),
        *[(f"B {arm}", "A majority") for arm in SCORED],
    ]


def test_n_is_for_all_arms_that_do_not_say_their_own(run: Run, compared: Verb) -> None:
    printed = compared(run(), "--n", "2", "--arm", "first,majority@5")
    assert pairs(printed) == [("A first@2", "A majority@2"), ("A majority@5", "A majority@2")]
    assert [(row["ours"]["n"], row["theirs"]["n"]) for row in printed["rows"]] == [(2, 2), (5, 2)]


def test_one_reference_may_be_smaller_than_its_run(run: Run, compared: Verb) -> None:
    beam = run("strategy.kind=beam", "strategy.paths=4", "strategy.children=2")
    printed = compared(run(), beam, "--arm", "min+best", "--reference", "majority@3")
    assert pairs(printed) == [("B min+best", "A majority@3")]


def test_two_comparisons_print_the_same_bytes_and_change_nothing(run: Run, said: Said) -> None:
    folder = Path(run())
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    asked = ("compare", str(folder), "--n", "3", "--json")
    assert said(*asked) == said(*asked)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


# --- Degenerate runs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["strategy.n=1"], "Every problem has one candidate"),
        (["dataset.limit=1"], "no difference shown │ – │"),
        (["scorer.missing=1"], "nothing to compare"),
        (["policy.no_answer=1"], "Differences to majority (0.0 %)"),
        (["policy.cut=1"], "no number of problems would show it"),
        (["policy.faults.fail=0.1"], "failed and left out; `treewright score"),
        (["policy.faults.fail=1.0"], "nothing to compare"),
    ],
)
def test_a_degenerate_run_has_a_defined_result(
    run: Run, said: Said, overrides: list[str], told: str
) -> None:
    code, out, err = said("compare", run(*overrides))
    assert (code, err) == (0, "")
    assert told in " ".join(out.split())
    assert "nan" not in out


def test_without_one_readable_verdict_scored_arms_have_no_number(run: Run, compared: Verb) -> None:
    """Abstentions alone would make an accuracy of 0: they do not count either."""
    silent = run("scorer.missing=1", "policy.no_answer=0.5", "strategy.n=1")
    printed = compared(silent, "--arm", "min+best,first")
    scored, first = printed["rows"]
    assert (scored["problems"], scored["difference"], scored["p"]) == (0, None, None)
    assert scored["undecided"] == first["problems"] == PROBLEMS


def test_an_unfinished_run_is_refused_with_what_is_left(copied: Path, said: Said) -> None:
    journal = copied / "journal" / "driver.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:100]))
    answer = said("compare", str(copied))
    refused(answer, f"of {PROBLEMS} problems have no result", "treewright resume")


def test_a_journal_that_was_tampered_with_is_told_and_refused(copied: Path, said: Said) -> None:
    journal = copied / "journal" / "driver.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"policy"', b'"polizy"', 1))
    told = f"1 of {PROBLEMS} problems have no result (the journal is not whole: 1 corrupt line "
    told += "left out, 1 ended problem without its answers)"
    refused(said("compare", str(copied)), told)


def test_a_manifest_that_was_tampered_with_is_refused(copied: Path, said: Said) -> None:
    manifest = copied / "manifest.json"
    broken = json.loads(manifest.read_text())
    broken["identity"]["seed"] = "0"
    manifest.write_text(json.dumps(broken))
    refused(said("compare", str(copied)), "the run was made with another seed", code=4)


def test_a_journal_of_another_version_is_refused(copied: Path, said: Said) -> None:
    journal = copied / "journal" / "driver.jsonl"
    first, _, rest = journal.read_bytes().partition(b"\n")
    body = first[: first.rindex(b',"crc"')].replace(b'"v":1', b'"v":2')
    assert b'"v":2' in body
    journal.write_bytes(b'%s,"crc":"%08x"}\n' % (body, crc32(body)) + rest)
    refused(said("compare", str(copied)), "holds a record of version 2", code=1)
