"""`export` for lm-eval, lighteval, inspect_ai and trainers: what each file says of a run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pytest
from pyarrow import parquet

from their_rows import Imported, Treewright, a_run, changed, read, samples
from treewright.exchange.export import FORMATS

BEAM = ("strategy={kind: beam, paths: 4, children: 2}", "select=[first, majority]")


@pytest.fixture
def run(treewright: Treewright) -> Path:
    return a_run(treewright, *BEAM)


def written(treewright: Treewright, run: Path, form: str, *more: str) -> tuple[Path, str]:
    """The file of a format, and what is said of it."""
    code, out, err = treewright("export", run, "--format", form, *more)
    assert code == 0, err
    file = run / FORMATS[form].file
    assert str(file) in out
    return file, err


def table_of(run: Path) -> dict[str, float]:
    """The accuracy of each arm over all candidates."""
    arms = json.loads((run / "metrics.json").read_text())["arms"]
    most = max(arm["n"] for arm in arms)
    named = {arm["selection"]: arm for arm in arms if arm["n"] in (most, 1)}
    return {name: arm["accuracy"] for name, arm in named.items()}


def test_samples_of_lm_eval_have_a_row_per_problem_and_arm(
    treewright: Treewright, run: Path
) -> None:
    rows = read(written(treewright, run, "lm_eval")[0])
    assert Counter(row["filter"] for row in rows) == {"first": 6, "majority": 6}
    ours = samples(treewright, run)
    for row in rows:
        own = [each for each in ours if each["problem_id"] == row["doc"]["id"]]
        assert row["resps"] == [[each["text"] for each in own]]
        assert row["target"] == row["doc"]["answer"] == own[0]["reference"]
        assert row["exact_match"] in (0.0, 1.0)
        right = {each["answer"] for each in own if each["outcome"] == "correct"}
        assert (row["filtered_resps"][0] in right) == (row["exact_match"] == 1.0)
    first = [row["exact_match"] for row in rows if row["filter"] == "first"]
    assert sum(first) / len(first) == pytest.approx(table_of(run)["first"])


def test_details_of_lighteval_have_a_metric_per_arm(treewright: Treewright, run: Path) -> None:
    rows = parquet.read_table(written(treewright, run, "lighteval")[0]).to_pylist()
    texts = [each["text"] for each in samples(treewright, run)]
    assert [text for row in rows for text in row["model_response"]["text"]] == texts
    assert {tuple(row["metric"]) for row in rows} == {("first", "majority")}
    mean = sum(row["metric"]["majority"] for row in rows) / len(rows)
    assert mean == pytest.approx(table_of(run)["majority"])
    for row in rows:
        assert row["doc"]["choices"][row["doc"]["gold_index"][0]] == str(
            int(row["doc"]["query"].split()[2]) + 3
        )


def test_a_log_of_inspect_has_every_problem_and_its_tree(treewright: Treewright, run: Path) -> None:
    with ZipFile(written(treewright, run, "inspect")[0]) as log:
        header = json.loads(log.read("header.json"))
        found = [json.loads(log.read(n)) for n in log.namelist() if n.startswith("samples/")]
        summaries = json.loads(log.read("summaries.json"))
    assert (header["version"], header["status"]) == (2, "success")
    assert [each["id"] for each in summaries] == [each["id"] for each in found]
    told = header["results"]["scores"]
    by_name = {each["name"]: each["metrics"]["accuracy"]["value"] for each in told}
    assert by_name == pytest.approx(table_of(run))
    for sample in found:
        begun = [each["id"] for each in sample["events"] if each["event"] == "span_begin"]
        ended = [each["id"] for each in sample["events"] if each["event"] == "span_end"]
        assert sorted(begun) == sorted(ended)
        assert len(set(begun)) == len(begun) > len(sample["output"]["choices"]) - 1
        assert set(sample["role_usage"]) == {"policy", "verifier"}


def test_a_problem_that_failed_is_in_the_log_with_its_error_and_in_no_other_file(
    treewright: Treewright,
) -> None:
    Path("data.jsonl").write_text('{"problem": "What is 1 + 3?", "answer": "4"}\n')
    Path("config.yaml").write_text(FAILED)
    assert treewright("run", "config.yaml", "--json")[0] == 3
    (run,) = Path("runs/doubles").iterdir()
    with ZipFile(written(treewright, run, "inspect")[0]) as log:
        (sample,) = (json.loads(log.read(n)) for n in log.namelist() if n.startswith("samples/"))
    assert sample["scores"] is None
    assert sample["error"]["message"]
    file, err = written(treewright, run, "lm_eval")
    assert file.read_text() == ""
    assert "not in it, without a result: 1 problem" in err


def test_a_log_of_a_run_whose_manifest_is_damaged_gets_one_line(
    treewright: Treewright, run: Path
) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "created": "once"}))
    code, out, err = treewright("export", run, "--format", "inspect")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "manifest.json: does not say what the run is called, or when it began; restore" in err
    assert not (run / "inspect.eval").exists()


@pytest.mark.parametrize("form", ["lm_eval", "lighteval", "inspect", "trl", "prm"])
def test_half_a_character_spoils_no_file(
    imported: Imported, treewright: Treewright, form: str
) -> None:
    """Of these tools' readers none takes a lone surrogate: they would refuse the whole file."""
    run = imported(changed(completions=["So \ud800.\n\nIt is \\boxed{4}", "So \\boxed{4}"]))
    content = written(treewright, run, form)[0].read_bytes()
    if form == "inspect":
        with ZipFile(run / FORMATS[form].file) as log:
            content = b"".join(log.read(name) for name in log.namelist())
    assert b"ud800" not in content
    if form != "lighteval":  # parquet is compressed
        assert b"So \\ufffd." in content


FAILED = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4, faults: {fail: 1.0}}
scorer: {kind: scripted, skill: 0.9}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline}
grading: {kind: numeric}
"""


# Labelled steps


def test_what_is_not_known_is_no_label(treewright: Treewright, run: Path) -> None:
    """Of the doubles' verdicts some are missing, and steps behind a wrong one are not judged."""
    file, err = written(treewright, run, "prm")
    rows = read(file)
    assert {row["status"] for row in rows} == {"read"}
    assert all(row["label"] == (row["probability"] >= 0.5) for row in rows)
    said = {row["label"] for row in rows}
    assert said == {True, False}
    assert "without a label:" in err
    keys = [(row["problem_id"], row["prefix"], row["step"]) for row in rows]
    assert len(keys) == len(set(keys)), "each prefix once"


def test_rows_of_trl_have_a_label_for_each_step(treewright: Treewright, run: Path) -> None:
    prefixes = read(written(treewright, run, "prm")[0])
    known = {(r["problem_id"], (r["prefix"] + r["step"]).strip()): r["label"] for r in prefixes}
    rows = read(written(treewright, run, "trl")[0])
    assert rows
    covered = set()
    for row in rows:
        assert len(row["completions"]) == len(row["labels"]) == len(row["probabilities"]) > 0
        for size in range(1, len(row["completions"]) + 1):
            key = row["problem_id"], "\n".join(row["completions"][:size])
            assert known[key] == row["labels"][size - 1]
            covered.add(key)
    assert covered == set(known)


def test_by_outcome_a_step_is_correct_where_a_right_solution_goes_through_it(
    treewright: Treewright, run: Path
) -> None:
    rows = read(written(treewright, run, "prm", "--label", "outcome")[0])
    ours = samples(treewright, run)
    for row in rows:
        text = row["prefix"] + row["step"]
        through = [
            each["outcome"]
            for each in ours
            if each["problem_id"] == row["problem_id"] and each["text"].startswith(text)
        ]
        assert row["graded"] == len(through) > 0
        assert row["right"] == through.count("correct")
        assert row["label"] == (row["right"] > 0)


def test_a_threshold_moves_the_labels(treewright: Treewright, run: Path) -> None:
    rows = read(written(treewright, run, "prm", "--threshold", "0.75")[0])
    assert all(row["label"] == (row["probability"] >= 0.75) for row in rows)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "parquet", "--label", "outcome"], "only trl and prm have labels"),
        (["--format", "trl", "--label", "outcom"], "did you mean outcome?"),
        (["--format", "trl", "--threshold", "1.5"], "give a probability from 0 to 1"),
        (["--format", "prm", "--label", "outcome", "--threshold", "0.4"], "say --label verdict"),
        (["--format", "prm", "--output", "data.jsonl"], "is there already; name another file"),
    ],
)
def test_what_labels_cannot_mean_is_told(
    treewright: Treewright, run: Path, arguments: list[str], told: str
) -> None:
    before = Path("data.jsonl").read_text()
    code, out, err = treewright("export", run, *arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert Path("data.jsonl").read_text() == before
    if "--output" in arguments:
        assert treewright("export", run, *arguments, "--force")[0] == 0
        assert Path("data.jsonl").read_text() != before
