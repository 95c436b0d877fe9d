"""Candidates from elsewhere: what an imported run is, and the way there and back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from their_rows import (
    ROWS,
    Imported,
    Treewright,
    a_run,
    accuracies,
    changed,
    exported,
    of,
    samples,
    write,
)

DERIVED = {
    "pred": "So \\boxed{4}",
    "agg_scores": [0.1, 0.2],
    "pred_weighted@1": "\\boxed{3}",
    "completions@2": ["a", "b"],
}


# --- What an imported run is ----------------------------------------------------------------------


def test_an_imported_run_is_complete_and_listed(imported: Imported, treewright: Treewright) -> None:
    run = imported()
    assert run.parent == Path("runs/theirs")
    assert treewright("ls", "runs")[1] == f"{run}  complete\n"


def test_score_aggregates_imported_candidates(imported: Imported, treewright: Treewright) -> None:
    """By hand: of the first problem `min` prefers the right one (0.5), `last` the wrong (0.875)."""
    code, out, _ = treewright(
        "score", imported(), "--aggregate", "min,last", "--select", "first,best", "--json"
    )
    assert code == 0
    assert accuracies(out) == {
        (None, "first", 1): 1.0,
        (None, "first", 2): 1.0,
        ("min", "best", 1): 1.0,
        ("min", "best", 2): 1.0,
        ("last", "best", 1): 1.0,
        ("last", "best", 2): 0.5,
    }


def test_the_tree_of_an_imported_problem_shows_its_steps(
    imported: Imported, treewright: Treewright
) -> None:
    code, out, _ = treewright("tree", imported(), "algebra/1", "--json")
    nodes = {node["id"]: node for node in json.loads(out)["nodes"]}
    assert code == 0
    assert [step["text"] for step in nodes["0"]["steps"]] == ["One and two.\n\n", "So \\boxed{3}"]
    assert [step["probability"] for step in nodes["1"]["steps"]] == [0.25, 0.875]


def test_imported_runs_can_be_compared(imported: Imported, treewright: Treewright) -> None:
    one = imported()
    other = imported(changed(scores=[[0.1, 0.2], [0.3]]), file="others.jsonl")
    code, out, err = treewright("compare", one, other, "--json")
    assert code == 0, err
    assert json.loads(out)


def test_what_nobody_counted_is_null_in_every_figure_of_an_imported_run(
    imported: Imported, treewright: Treewright
) -> None:
    """Table, ledger and comparison; generated tokens are known where the file tells all of them."""
    run = imported(ROWS, "select=first,best")
    scored = json.loads(treewright("score", run, "--json")[1])
    costs = {(a["selection"], a["policy_tokens"], a["verifier_tokens"]) for a in scored["arms"]}
    assert costs == {("first", None, 0), ("best", None, None)}
    policy, verifier = scored["ledger"]["policy"], scored["ledger"]["verifier"]
    assert (policy["prompt"], policy["generated"]) == (None, 7 + 8 + 6 + 3)
    assert (verifier["prompt"], verifier["generated"]) == (None, None)
    rows = json.loads(treewright("compare", run, "--json")[1])["rows"]
    assert {row["cost_ratio"] for row in rows} == {None}
    assert {row["ours"]["policy_tokens"] for row in rows} == {None}
    told = treewright("compare", run)[1]
    assert "A: nobody counted its tokens, so what it cost is unknown" in told
    assert "times the tokens" not in told
    assert "unknown tokens computed" in treewright("tree", run, "1")[1]


def test_resume_of_an_imported_run_asks_nothing(imported: Imported, treewright: Treewright) -> None:
    run = imported()
    before = (run / "journal" / "driver.jsonl").read_bytes()
    code, out, err = treewright("resume", run, "--json")
    assert code == 0
    assert "starting replicas" not in err
    assert (run / "journal" / "driver.jsonl").read_bytes() == before
    assert json.loads(out)["failures"] == 0


def test_overrides_reach_the_run(imported: Imported, treewright: Treewright) -> None:
    run = imported(ROWS, "aggregate=mean", "output_dir=elsewhere", "--name", "mine")
    assert run.parent == Path("elsewhere/mine")
    assert {
        aggregation for aggregation, _, _ in accuracies(treewright("score", run, "--json")[1])
    } == {
        None,
        "mean",
    }


def test_the_manifest_says_where_the_candidates_came_from(imported: Imported) -> None:
    manifest = json.loads((imported() / "manifest.json").read_text())
    facts = manifest["imported"]
    assert (facts["rows"], facts["completions"], facts["uncounted"]) == (2, 4, 0)
    assert Path(facts["file"]) == Path("theirs.jsonl").absolute()
    assert re.fullmatch("[0-9a-f]{64}", facts["sha256"])


def test_the_run_outlives_its_file(imported: Imported, treewright: Treewright) -> None:
    run = imported()
    Path("theirs.jsonl").unlink()
    assert treewright("score", run, "--aggregate", "mean", "--json")[0] == 0
    assert treewright("resume", run)[0] == 0


def test_the_same_file_again_is_the_same_run_and_another_is_another(
    imported: Imported,
) -> None:
    run = imported()
    assert imported() == run
    assert imported(changed(completion_tokens=[9, 9])) != run


def test_an_import_that_was_killed_is_finished_by_the_same_command(
    imported: Imported, treewright: Treewright
) -> None:
    run = imported()
    journal, whole = run / "journal" / "driver.jsonl", (run / "metrics.json").read_bytes()
    journal.write_bytes(journal.read_bytes()[:700])
    code, _, err = treewright("resume", run)
    assert code == 3
    assert "give the same `treewright import` again" in err
    assert imported() == run
    assert (run / "metrics.json").read_bytes() == whole
    assert (run / "STATUS").read_text() == "complete\n"


def test_what_the_file_does_not_tell_is_said(imported: Imported, treewright: Treewright) -> None:
    write("theirs.jsonl", changed(completion_tokens=-1, scores=[[0.1, 0.2, 0.3, 0.4], []]))
    _, _, err = treewright("import", "theirs.jsonl", "grading.kind=numeric")
    assert "1 of 4 completions have no scores" in err
    assert "2 of 4 completions have no token count" in err
    assert "1 of 4 completions have not as many steps as scores" in err
    assert "all count as finished" in err
    assert "nobody counted the prompts and what the verifier spent" in err


# --- There and back -------------------------------------------------------------------------------


def test_completions_come_back_as_they_were(imported: Imported, treewright: Treewright) -> None:
    rows = [{**row, **DERIVED} for row in ROWS]
    back = exported(treewright, imported(rows))
    assert [of([row], ROWS[0])[0] for row in back] == ROWS
    assert "completions@2" not in back[0]


def test_what_search_and_learn_derives_is_derived_with_last(
    imported: Imported, treewright: Treewright
) -> None:
    first, second = exported(treewright, imported())
    assert first["agg_scores"] == [0.75, 0.875]
    assert first["pred"] == ROWS[0]["completions"][1]
    assert (first["pred_naive@1"], first["pred_naive@2"]) == ("\\boxed{3}", "\\boxed{4}")
    assert first["pred_weighted@2"] == "\\boxed{4}"
    assert first["pred_maj@2"] == "\\boxed{3}"
    assert second["pred_maj@2"] == "\\boxed{4}"


@pytest.mark.parametrize(
    ("strategy", "arms"),
    [
        (["strategy.n=5"], "min,product,last"),
        (["strategy.kind=beam"], "min,product,last"),
        (["strategy.kind=majority", "scorer.kind=none", "strategy.n=5"], ""),
    ],
    ids=["best_of_n", "beam", "majority"],
)
def test_a_run_that_goes_out_and_comes_in_has_the_same_accuracies_and_file(
    treewright: Treewright, strategy: list[str], arms: str
) -> None:
    run = a_run(treewright, *strategy)
    exported(treewright, run)
    file = run / "sal_completions.jsonl"
    code, out, err = treewright(
        *("import", file, "--dataset", "data.jsonl", "--name", "back"),
        *("grading.kind=numeric", "--json"),
    )
    assert code == 0, err
    back = Path(json.loads(out)["run"])
    told = ("--aggregate", arms, "--json") if arms else ("--json",)
    assert accuracies(treewright("score", back, *told)[1]) == accuracies(
        treewright("score", run, *told)[1]
    )
    exported(treewright, back)
    assert (back / "sal_completions.jsonl").read_bytes() == file.read_bytes()


def test_problems_may_have_different_numbers_of_completions(
    imported: Imported, treewright: Treewright
) -> None:
    rows = changed(completions=["So \\boxed{4}"], scores=[[0.5]], completion_tokens=[3])
    assert of(exported(treewright, imported(rows)), ROWS[0]) == rows


def test_equal_completions_keep_different_scores(
    imported: Imported, treewright: Treewright
) -> None:
    texts, scores = ["So \\boxed{4}"] * 3, [[0.5], [0.25], [0.5]]
    rows = changed(completions=texts, scores=scores, completion_tokens=[3, 4, 5])
    run = imported(rows)
    assert of(exported(treewright, run), ROWS[0]) == rows
    ledger = json.loads((run / "metrics.json").read_text())["ledger"]
    assert ledger["policy"]["duplicate"] == 5


def test_a_step_without_a_score_and_a_completion_without_any_stay_so(
    imported: Imported, treewright: Treewright
) -> None:
    rows = changed(scores=[[None, 0.25], []])
    run = imported(rows)
    assert of(exported(treewright, run), ROWS[0]) == rows
    third, fourth = samples(treewright, run)[2:]
    assert (third["step_probabilities"], third["step_statuses"]) == (
        [None, 0.25],
        ["missing", "read"],
    )
    assert (fourth["step_probabilities"], fourth["prefix_history"]) == ([], [None])
    assert fourth["unjudged"] == "the file has no scores for it"


def test_a_file_without_any_scores_has_no_aggregations(
    imported: Imported, treewright: Treewright
) -> None:
    rows = [{**row, "scores": [[], []]} for row in ROWS]
    run = imported(rows)
    _, out, _ = treewright("score", run, "--json")
    assert {aggregation for aggregation, _, _ in accuracies(out)} == {None}
    assert of(exported(treewright, run), ROWS[0]) == rows


@pytest.mark.parametrize("uncounted", [-1, [0, 0], [-1, -1], None])
def test_tokens_that_nobody_counted_are_never_zero(
    imported: Imported, treewright: Treewright, uncounted: Any
) -> None:
    run = imported(changed(completion_tokens=uncounted))
    assert exported(treewright, run)[1]["completion_tokens"] == [-1, -1]
    counts = [row["policy_generated"] for row in samples(treewright, run)]
    assert counts == [7, 8, None, None]


def test_a_completion_that_was_cut_stays_cut(imported: Imported, treewright: Treewright) -> None:
    run = imported(changed(stop_reasons=["length", "eos"]))
    assert exported(treewright, run)[1]["stop_reasons"] == ["length", "eos"]
    cut = samples(treewright, run)[2]
    assert (cut["finished"], cut["answer"], cut["outcome"]) == (False, None, "abstained")


ODD = "nul \0 sep \u2028 bidi \u202e emoji \U0001f600 lone \ud800 end\n\nSo \\boxed{4}"


def test_odd_texts_survive_json_and_are_marked_in_parquet(
    imported: Imported, treewright: Treewright
) -> None:
    run = imported(changed(completions=[ODD, "So \\boxed{4}"]))
    assert exported(treewright, run)[1]["completions"][0] == ODD
    row = samples(treewright, run)[2]
    assert row["text"] == ODD.replace("\ud800", "\ufffd")
    assert "".join(row["steps"]) == row["text"]
    assert [row["replaced"] for row in samples(treewright, run)] == [0, 0, 1, 0]


def test_a_text_of_megabytes_survives(imported: Imported, treewright: Treewright) -> None:
    long = "word " * 400_000 + "\n\nSo \\boxed{4}"
    run = imported(changed(completions=[long, "So \\boxed{4}"]))
    assert exported(treewright, run)[1]["completions"][0] == long
    assert samples(treewright, run)[2]["text"] == long
