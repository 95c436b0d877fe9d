"""Candidates from elsewhere and for elsewhere: `import`, `export`, and the way there and back."""

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from treewright.cli import main
from treewright.exchange import export_sal
from treewright.exchange.samples import COLUMNS, VERSION
from treewright.exchange.steps import split_steps

Row = dict[str, Any]
Told = tuple[int, str, str]
Treewright = Callable[..., Told]

ROWS: list[Row] = [
    {
        "problem": "What is 1 + 2?",
        "answer": "3",
        "unique_id": "algebra/1",
        "solution": "It is $\\boxed{3}$.",
        "level": 2,
        "completions": ["One and two.\n\nSo \\boxed{3}", "Let me see.\n\nSo \\boxed{4}"],
        "scores": [[0.5, 0.75], [0.25, 0.875]],
        "completion_tokens": [7, 8],
    },
    {
        "problem": "What is 2 + 2?",
        "answer": "4",
        "unique_id": "algebra/2",
        "solution": "It is $\\boxed{4}$.",
        "level": 1,
        "completions": ["Two twos.\n\nSo \\boxed{4}", "So \\boxed{4}"],
        "scores": [[0.5, 0.25], [0.125]],
        "completion_tokens": [6, 3],
    },
]
DERIVED = {
    "pred": "So \\boxed{4}",
    "agg_scores": [0.1, 0.2],
    "pred_weighted@1": "\\boxed{3}",
    "completions@2": ["a", "b"],
}
RUN = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4, cut: 0.1, no_answer: 0.1}
scorer: {kind: scripted, skill: 0.9, missing: 0.1}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline}
grading: {kind: numeric}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the shell in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    return tmp_path


@pytest.fixture
def treewright(here: Path, capsys: pytest.CaptureFixture[str]) -> Treewright:
    """Runs a command; returns its exit code, stdout and stderr."""

    def run(*arguments: object) -> Told:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def imported(treewright: Treewright) -> Callable[..., Path]:
    """Imports rows, or a file's text; returns the folder of the run."""

    def make(rows: list[Row] | str = ROWS, *arguments: str, file: str = "theirs.jsonl") -> Path:
        write(file, rows)
        code, out, err = treewright("import", file, *arguments, "grading.kind=numeric", "--json")
        assert code == 0, err
        return Path(json.loads(out)["run"])

    return make


def write(file: str, rows: list[Row] | str) -> None:
    text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    Path(file).write_text(text)


def read(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def exported(treewright: Treewright, run: Path) -> list[Row]:
    code, _, err = treewright("export", run, "--format", "sal")
    assert code == 0, err
    return read(run / "sal_completions.jsonl")


def samples(treewright: Treewright, run: Path) -> list[Row]:
    code, _, err = treewright("export", run)
    assert code == 0, err
    rows: list[Row] = parquet.read_table(run / "samples.parquet").to_pylist()
    return rows


def of(rows: list[Row], keys: Row) -> list[Row]:
    return [{key: row[key] for key in keys} for row in rows]


def changed(**columns: Any) -> list[Row]:
    """The rows, the second with other columns; None takes one away."""
    second = {key: value for key, value in {**ROWS[1], **columns}.items() if value is not None}
    return [ROWS[0], second]


def accuracies(out: str) -> dict[tuple[str | None, str, int], float]:
    arms = json.loads(out)["arms"]
    return {(arm["aggregation"], arm["selection"], arm["n"]): arm["accuracy"] for arm in arms}


def a_run(treewright: Treewright, *overrides: str, problems: int = 6) -> Path:
    """A run with the doubles over sums."""
    sums = [{"problem": f"What is {n} + 3?", "answer": str(n + 3)} for n in range(problems)]
    write("data.jsonl", sums)
    Path("config.yaml").write_text(RUN)
    code, out, err = treewright("run", "config.yaml", *overrides, "--json")
    assert code == 0, err
    return Path(json.loads(out)["run"])


# --- What an imported run is ----------------------------------------------------------------------


def test_an_imported_run_is_complete_and_listed(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    run = imported()
    assert run.parent == Path("runs/theirs")
    assert treewright("ls", "runs")[1] == f"{run}  complete\n"


def test_score_aggregates_imported_candidates(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
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
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    code, out, _ = treewright("tree", imported(), "algebra/1", "--json")
    nodes = {node["id"]: node for node in json.loads(out)["nodes"]}
    assert code == 0
    assert [step["text"] for step in nodes["0"]["steps"]] == ["One and two.\n\n", "So \\boxed{3}"]
    assert [step["probability"] for step in nodes["1"]["steps"]] == [0.25, 0.875]


def test_imported_runs_can_be_compared(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    one = imported()
    other = imported(changed(scores=[[0.1, 0.2], [0.3]]), file="others.jsonl")
    code, out, err = treewright("compare", one, other, "--json")
    assert code == 0, err
    assert json.loads(out)


def test_what_nobody_counted_is_null_in_every_figure_of_an_imported_run(
    imported: Callable[..., Path], treewright: Treewright
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


def test_resume_of_an_imported_run_asks_nothing(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    run = imported()
    before = (run / "journal" / "driver.jsonl").read_bytes()
    code, out, err = treewright("resume", run, "--json")
    assert code == 0
    assert "starting replicas" not in err
    assert (run / "journal" / "driver.jsonl").read_bytes() == before
    assert json.loads(out)["failures"] == 0


def test_overrides_reach_the_run(imported: Callable[..., Path], treewright: Treewright) -> None:
    run = imported(ROWS, "aggregate=mean", "output_dir=elsewhere", "--name", "mine")
    assert run.parent == Path("elsewhere/mine")
    assert {
        aggregation for aggregation, _, _ in accuracies(treewright("score", run, "--json")[1])
    } == {
        None,
        "mean",
    }


def test_the_manifest_says_where_the_candidates_came_from(imported: Callable[..., Path]) -> None:
    manifest = json.loads((imported() / "manifest.json").read_text())
    facts = manifest["imported"]
    assert (facts["rows"], facts["completions"], facts["uncounted"]) == (2, 4, 0)
    assert Path(facts["file"]) == Path("theirs.jsonl").absolute()
    assert re.fullmatch("[0-9a-f]{64}", facts["sha256"])


def test_the_run_outlives_its_file(imported: Callable[..., Path], treewright: Treewright) -> None:
    run = imported()
    Path("theirs.jsonl").unlink()
    assert treewright("score", run, "--aggregate", "mean", "--json")[0] == 0
    assert treewright("resume", run)[0] == 0


def test_the_same_file_again_is_the_same_run_and_another_is_another(
    imported: Callable[..., Path],
) -> None:
    run = imported()
    assert imported() == run
    assert imported(changed(completion_tokens=[9, 9])) != run


def test_an_import_that_was_killed_is_finished_by_the_same_command(
    imported: Callable[..., Path], treewright: Treewright
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


def test_what_the_file_does_not_tell_is_said(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    write("theirs.jsonl", changed(completion_tokens=-1, scores=[[0.1, 0.2, 0.3, 0.4], []]))
    _, _, err = treewright("import", "theirs.jsonl", "grading.kind=numeric")
    assert "1 of 4 completions have no scores" in err
    assert "2 of 4 completions have no token count" in err
    assert "1 of 4 completions have not as many steps as scores" in err
    assert "all count as finished" in err
    assert "nobody counted the prompts and what the verifier spent" in err


# --- There and back -------------------------------------------------------------------------------


def test_completions_come_back_as_they_were(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    rows = [{**row, **DERIVED} for row in ROWS]
    back = exported(treewright, imported(rows))
    assert [of([row], ROWS[0])[0] for row in back] == ROWS
    assert "completions@2" not in back[0]


def test_what_search_and_learn_derives_is_derived_with_last(
    imported: Callable[..., Path], treewright: Treewright
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
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    rows = changed(completions=["So \\boxed{4}"], scores=[[0.5]], completion_tokens=[3])
    assert of(exported(treewright, imported(rows)), ROWS[0]) == rows


def test_equal_completions_keep_different_scores(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    texts, scores = ["So \\boxed{4}"] * 3, [[0.5], [0.25], [0.5]]
    rows = changed(completions=texts, scores=scores, completion_tokens=[3, 4, 5])
    run = imported(rows)
    assert of(exported(treewright, run), ROWS[0]) == rows
    ledger = json.loads((run / "metrics.json").read_text())["ledger"]
    assert ledger["policy"]["duplicate"] == 5


def test_a_step_without_a_score_and_a_completion_without_any_stay_so(
    imported: Callable[..., Path], treewright: Treewright
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
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    rows = [{**row, "scores": [[], []]} for row in ROWS]
    run = imported(rows)
    _, out, _ = treewright("score", run, "--json")
    assert {aggregation for aggregation, _, _ in accuracies(out)} == {None}
    assert of(exported(treewright, run), ROWS[0]) == rows


@pytest.mark.parametrize("uncounted", [-1, [0, 0], [-1, -1], None])
def test_tokens_that_nobody_counted_are_never_zero(
    imported: Callable[..., Path], treewright: Treewright, uncounted: Any
) -> None:
    run = imported(changed(completion_tokens=uncounted))
    assert exported(treewright, run)[1]["completion_tokens"] == [-1, -1]
    counts = [row["policy_generated"] for row in samples(treewright, run)]
    assert counts == [7, 8, None, None]


def test_a_completion_that_was_cut_stays_cut(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    run = imported(changed(stop_reasons=["length", "eos"]))
    assert exported(treewright, run)[1]["stop_reasons"] == ["length", "eos"]
    cut = samples(treewright, run)[2]
    assert (cut["finished"], cut["answer"], cut["outcome"]) == (False, None, "abstained")


ODD = "nul \0 sep \u2028 bidi \u202e emoji \U0001f600 lone \ud800 end\n\nSo \\boxed{4}"


def test_odd_texts_survive_json_and_are_marked_in_parquet(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    run = imported(changed(completions=[ODD, "So \\boxed{4}"]))
    assert exported(treewright, run)[1]["completions"][0] == ODD
    row = samples(treewright, run)[2]
    assert row["text"] == ODD.replace("\ud800", "\ufffd")
    assert "".join(row["steps"]) == row["text"]
    assert [row["replaced"] for row in samples(treewright, run)] == [0, 0, 1, 0]


def test_a_text_of_megabytes_survives(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    long = "word " * 400_000 + "\n\nSo \\boxed{4}"
    run = imported(changed(completions=[long, "So \\boxed{4}"]))
    assert exported(treewright, run)[1]["completions"][0] == long
    assert samples(treewright, run)[2]["text"] == long


# --- Steps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "scores", "steps"),
    [
        ("a\n\nb", 2, ["a\n\n", "b"]),
        ("a\n\nb\n\n", 2, ["a\n\n", "b\n\n"]),
        ("a\n\nb\n\n", 3, ["a\n\n", "b\n\n", ""]),
        ("a\nb\n\nc", 2, ["a\nb\n\n", "c"]),
        ("a\nb\n\nc", 3, ["a\n", "b\n\n", "c"]),
        ("a\nb\n\nc", 4, ["a\n", "b\n", "\n", "c"]),
        ("\n\na\n\nb", 2, ["\n\na\n\n", "b"]),
        ("a\n\nb", 1, ["a\n\nb"]),
        ("a\n\nb", 0, ["a\n\n", "b"]),
        ("", 1, [""]),
    ],
)
def test_steps_are_split_as_the_verifiers_split_them(
    text: str, scores: int, steps: list[str]
) -> None:
    assert split_steps(text, scores) == (steps, True)


def test_where_no_rule_fits_the_boundaries_are_a_guess() -> None:
    assert split_steps("a\n\nb\n\nc\n\nd", 3) == (["a\n\n", "b\n\n", "c\n\nd"], False)
    assert split_steps("a", 3) == (["a", "", ""], False)


@given(st.text(alphabet="ab \n"), st.integers(0, 6))
def test_steps_join_to_their_text_and_are_one_per_score(text: str, scores: int) -> None:
    steps, _ = split_steps(text, scores)
    assert "".join(steps) == text
    assert len(steps) == scores or scores == 0


# --- Which problem a row is about -----------------------------------------------------------------


def test_rows_find_their_problem_by_id_or_by_question(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    asked = [
        {"id": "algebra/2", "problem": "What is 2 + 2?", "answer": "4"},
        {"id": "other", "problem": "What  is 1 + 2?", "answer": "3"},
    ]
    write("asked.jsonl", asked)
    run = imported(ROWS, "--dataset", "asked.jsonl")
    found = {row["problem_id"]: row["text"] for row in samples(treewright, run)}
    assert found == {"algebra/2": ROWS[1]["completions"][1], "other": ROWS[0]["completions"][1]}


def test_a_problem_without_completions_is_a_failure_and_no_wrong_answer(
    treewright: Treewright,
) -> None:
    asked = [*ROWS, {"problem": "What is 5 + 5?", "answer": "10", "unique_id": "algebra/3"}]
    write("asked.jsonl", asked)
    write("theirs.jsonl", ROWS)
    code, out, err = treewright(
        *("import", "theirs.jsonl", "--dataset", "asked.jsonl"),
        *("grading.kind=numeric", "--json"),
    )
    assert code == 3
    assert "algebra/3: the file has no completions" in err
    printed = json.loads(out)
    assert (printed["problems"], printed["failures"]) == (3, 1)
    assert {arm["problems"] for arm in printed["arms"]} == {2}
    assert "without a result: 1 problem" in treewright("export", printed["run"])[2]


def test_named_datasets_are_found_and_misspelt_ones_told(treewright: Treewright) -> None:
    write("theirs.jsonl", ROWS)
    assert (
        "asks what no problems of the dataset ask"
        in treewright("import", "theirs.jsonl", "--dataset", "arithmetic")[2]
    )
    code, _, err = treewright("import", "theirs.jsonl", "--dataset", "arithmetik")
    assert code == 2
    assert "did you mean arithmetic?" in err


# --- Bad input ------------------------------------------------------------------------------------

BAD: dict[str, tuple[list[Row] | str, str]] = {
    "empty": ("", "is empty"),
    "not JSON": (json.dumps(ROWS[0]) + "\n{oops\n", "row 2: not JSON"),
    "not an object": ("[1]\n", "not an object but a number"),
    "no problem": (changed(problem=None), "row 2: has no problem"),
    "no answer": (changed(answer=None), "row 2: the answer (answer) is missing"),
    "no completions": (changed(completions=None), "row 2: has no completions"),
    "no completion": (changed(completions=[], scores=[]), "row 2: has no completions"),
    "no scores": (changed(scores=None), "row 2: has no scores"),
    "a text for completions": (changed(completions="a"), "completions is a text, not a list"),
    "a number among them": (changed(completions=["a", 1]), "completions[1] is a number"),
    "scores not aligned": (changed(scores=[[0.5]]), "has 1 scores for 2 completions"),
    "flat scores": (changed(scores=[0.5, 0.5]), "scores[0] is a number, not a list"),
    "above one": (changed(scores=[[0.5], [0.5, 1.5]]), "scores[1][1] is 1.5, not a probability"),
    "negative": (changed(scores=[[0.5], [-0.5]]), "scores[1][0] is -0.5, not a probability"),
    "NaN": (changed(scores=[[0.5], [math.nan]]), "scores[1][0] is nan, not a probability"),
    "a flag": (changed(scores=[[0.5], [True]]), "scores[1][0] is a boolean, not a number"),
    "tokens not aligned": (changed(completion_tokens=[1]), "1 completion_tokens for 2 completions"),
    "half a token": (changed(completion_tokens=[1, 2.5]), "completion_tokens[1] is 2.5"),
    "unknown stop": (changed(stop_reasons=["eos", "tired"]), "'tired' is not a valid StopReason"),
    "the same id": (changed(unique_id="algebra/1"), "row 2: the id 'algebra/1' is row 1's as well"),
}


@pytest.mark.parametrize(("rows", "told"), BAD.values(), ids=BAD)
def test_a_bad_file_gets_one_line_and_no_run(
    treewright: Treewright, rows: list[Row] | str, told: str
) -> None:
    write("theirs.jsonl", rows)
    code, out, err = treewright("import", "theirs.jsonl")
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: theirs.jsonl")
    assert told in err
    assert not Path("runs").exists()


def test_a_problem_twice_without_ids_is_told(treewright: Treewright) -> None:
    rows = [{key: value for key, value in ROWS[0].items() if key != "unique_id"}] * 2
    write("theirs.jsonl", rows)
    code, _, err = treewright("import", "theirs.jsonl")
    assert code == 2
    assert "row 2: asks the same as row 1" in err


def test_two_rows_about_one_problem_of_a_dataset_are_told(treewright: Treewright) -> None:
    write("asked.jsonl", [{"id": "one", "problem": "What is 1 + 2?", "answer": "3"}])
    write("theirs.jsonl", [ROWS[0], {**ROWS[0], "unique_id": "again"}])
    code, _, err = treewright("import", "theirs.jsonl", "--dataset", "asked.jsonl")
    assert code == 2
    assert "row 2: is about the same problem as row 1: one" in err


def test_an_id_with_another_question_is_told(treewright: Treewright) -> None:
    write("asked.jsonl", [{"id": "algebra/1", "problem": "What is 9 + 9?", "answer": "18"}])
    write("theirs.jsonl", ROWS)
    code, _, err = treewright("import", "theirs.jsonl", "--dataset", "asked.jsonl")
    assert code == 2
    assert "row 1: asks something else than problem algebra/1" in err


# --- Export ---------------------------------------------------------------------------------------


def test_samples_have_the_stated_schema_and_version(
    imported: Callable[..., Path], treewright: Treewright
) -> None:
    run = imported()
    samples(treewright, run)
    schema = parquet.read_schema(run / "samples.parquet")
    assert schema.names == list(COLUMNS)
    assert schema.metadata[b"treewright.samples"] == str(VERSION).encode()
    assert schema.field("steps").metadata[b"about"].decode() == COLUMNS["steps"].about


def test_every_column_is_documented(root: Path) -> None:
    text = (root / "docs" / "exchange.md").read_text()
    told = {name: column.about for name, column in COLUMNS.items()}
    assert [name for name in told if not re.search(rf"\| `{name}` \| .* \| ", text)] == []
    assert [name for name, about in told.items() if f" | {about} |" not in text] == []


def test_samples_of_best_of_n_agree_with_the_ledger_and_the_table(treewright: Treewright) -> None:
    run = a_run(treewright)
    rows, metrics = samples(treewright, run), json.loads((run / "metrics.json").read_text())
    ledger = metrics["ledger"]
    assert len(rows) == 24
    for side in ("policy", "verifier"):
        for part in ("prompt", "cached", "generated"):
            booked = [row[f"{side}_{part}"] or 0 for row in rows]
            assert sum(booked) == ledger[side][part], (side, part)
    right = [row["outcome"] == "correct" for row in rows if row["candidate"] == 0]
    (first,) = (arm for arm in metrics["arms"] if (arm["selection"], arm["n"]) == ("first", 1))
    assert sum(right) / len(right) == first["accuracy"]
    assert {row["stop"] for row in rows if not row["finished"]} == {"length"}
    assert all("".join(row["steps"]) == row["text"] for row in rows)


def test_a_file_is_written_whole_or_not_at_all(
    imported: Callable[..., Path], treewright: Treewright, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = imported()
    exported(treewright, run)
    before = sorted(run.iterdir()), (run / "sal_completions.jsonl").read_bytes()

    def broken(solved: object) -> Row:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_sal, "_results", broken)
    code, _, err = treewright("export", run, "--format", "sal")
    assert code == 1
    assert "cannot be written: No space left on device" in err
    assert (sorted(run.iterdir()), (run / "sal_completions.jsonl").read_bytes()) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "parket"], "did you mean parquet?"),
        (["--output", "nowhere/samples.parquet"], "lies in no folder that is there"),
        (["--output", "."], "is a folder"),
    ],
)
def test_what_cannot_be_exported_to_is_told(
    imported: Callable[..., Path], treewright: Treewright, arguments: list[str], told: str
) -> None:
    code, out, err = treewright("export", imported(), *arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_a_run_over_other_data_is_not_exported(treewright: Treewright) -> None:
    run = a_run(treewright)
    write("data.jsonl", [{"problem": "What is 7 + 7?", "answer": "14"}])
    code, _, err = treewright("export", run)
    assert code == 4
    assert "another dataset" in err


def test_neither_verb_imports_a_heavy_library(root: Path) -> None:
    program = (
        "import sys; import treewright.exchange.import_sal, treewright.exchange.export; "
        "print({'ray', 'vllm', 'torch', 'transformers', 'pyarrow'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
