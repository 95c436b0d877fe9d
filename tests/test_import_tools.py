"""`import` of what lm-eval, lighteval and inspect_ai write, and the way there and back."""

from __future__ import annotations

import json
import struct
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pytest
from pyarrow import parquet

from their_rows import Row, Treewright, a_run, exported, of, samples, write
from treewright.exchange import inspect_log
from treewright.exchange.export import FORMATS

QUESTIONS = ["What is 1 + 2?", "What is 2 + 2?"]
TEXTS = [["One and two.\n\nSo \\boxed{3}", "So \\boxed{4}"], ["So \\boxed{4}", "So \\boxed{5}"]]


def lm_eval(**columns: Any) -> list[Row]:
    """As lm-eval 0.4.13 logs two documents with two filters; the last row with other columns."""
    rows = [
        {
            "doc_id": number,
            "doc": {"question": question, "answer": f"It is.\n#### {number + 3}", "level": number},
            "target": f"It is.\n#### {number + 3}",
            "arguments": {"gen_args_0": {"arg_0": f"Q: {question}\nA:", "arg_1": {"until": []}}},
            "resps": [texts],
            "filtered_resps": ["3"],
            "filter": name,
            "metrics": ["exact_match"],
            "exact_match": 0.0,
        }
        for name in ("maj@2", "first")
        for number, (question, texts) in enumerate(zip(QUESTIONS, TEXTS, strict=True))
    ]
    return [*rows[:-1], {**rows[-1], **columns}]


def lighteval(**response: Any) -> list[Row]:
    """As lighteval 0.13.0 saves details, the columns that matter."""
    rows = [
        {
            "doc": {
                "query": f"Solve the problem.\n\n{question}\nAnswer:",
                "original_query": None,
                "choices": [str(number + 3)],
                "gold_index": 0,
                "id": str(number),
                "specific": {"level": number},
            },
            "metric": {"math_pass@1": 1.0},
            "model_response": {"text": texts, "output_tokens": [[1, 2], [3]]},
        }
        for number, (question, texts) in enumerate(zip(QUESTIONS, TEXTS, strict=True))
    ]
    rows[-1]["model_response"] = {"text": TEXTS[1], "output_tokens": [], **response}
    return rows


def inspect(**columns: Any) -> list[Row]:
    """Samples of a log of inspect_ai 0.3.285, two epochs; the last with other columns."""
    made = [
        {
            "id": f"s{number}",
            "epoch": epoch + 1,
            "input": [{"role": "system", "content": "Solve."}, {"role": "user", "content": asked}],
            "target": str(number + 3),
            "output": {
                "choices": [
                    {
                        "message": {
                            "role": "assistant",
                            "content": [
                                {"type": "reasoning", "reasoning": "…"},
                                {"type": "text", "text": TEXTS[number][epoch]},
                            ],
                        },
                        "stop_reason": "max_tokens" if epoch and number else "stop",
                    }
                ],
                "usage": {"output_tokens": 7},
            },
            "metadata": {"level": number},
        }
        for epoch in (0, 1)
        for number, asked in enumerate(QUESTIONS)
    ]
    return [*made[:-1], {**made[-1], **columns}]


def log(made: list[Row], *, zstandard: bool = False) -> bytes:
    """An `.eval` file; the standard library has no Zstandard, so its entries are marked after."""
    packed = BytesIO()
    with ZipFile(packed, "w") as file:
        file.writestr("header.json", json.dumps({"version": 2, "eval": {}}))
        for number, each in enumerate(made):
            content = json.dumps(each).encode()
            name = f"samples/{number}_epoch_1.json"
            file.writestr(name, bytes(pa.compress(content, "zstd")) if zstandard else content)
    data = bytearray(packed.getvalue())
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)) if zstandard else ():
        place = data.find(mark)
        while place >= 0:
            if data.find(b"samples/", place, place + 60) >= 0:
                data[place + at : place + at + 2] = struct.pack("<H", 93)
            place = data.find(mark, place + 1)
    return bytes(data)


def theirs(form: str) -> str:
    """A file as the tool writes it."""
    made = {"eval": log(inspect()), "zstd": log(inspect(), zstandard=True)}
    if form == "lighteval":
        parquet.write_table(pa.Table.from_pylist(lighteval()), "theirs.parquet")
        return "theirs.parquet"
    if form in made:
        Path("theirs.eval").write_bytes(made[form])
        return "theirs.eval"
    if form == "json":
        Path("theirs.json").write_text(json.dumps({"eval": {}, "samples": inspect()}, indent=2))
        return "theirs.json"
    write("theirs.jsonl", lm_eval())
    return "theirs.jsonl"


@pytest.mark.parametrize("form", ["lm_eval", "lighteval", "eval", "zstd", "json"])
def test_what_another_tool_logged_becomes_a_run(treewright: Treewright, form: str) -> None:
    code, out, err = treewright("import", theirs(form), "grading.kind=numeric", "--json")
    assert code == 0, err
    rows = samples(treewright, Path(json.loads(out)["run"]))
    assert [row["text"] for row in rows] == [text for texts in TEXTS for text in texts]
    assert [row["reference"] for row in rows] == ["3", "3", "4", "4"]
    cut = "abstained" if form in ("eval", "zstd", "json") else "incorrect"
    assert [row["outcome"] for row in rows] == ["correct", "incorrect", "correct", cut]
    assert [row["step_probabilities"] for row in rows] == [[]] * 4
    known = {"lm_eval": [None] * 4, "lighteval": [2, 1, None, None]}.get(form, [7] * 4)
    assert [row["policy_generated"] for row in rows] == known
    assert "4 of 4 completions have no scores" in err


@pytest.mark.parametrize("form", ["lm_eval", "lighteval", "zstd"])
def test_what_was_asked_is_found_in_a_dataset(treewright: Treewright, form: str) -> None:
    """By the column of the document, or in the prompt around it."""
    asked = [{"problem": f"What is {n} + 2?", "answer": str(n + 2)} for n in (1, 2)]
    write("asked.jsonl", asked)
    file = theirs(form)
    code, out, err = treewright("import", file, "--dataset", "asked.jsonl", "--json")
    assert code == 0, err
    rows = samples(treewright, Path(json.loads(out)["run"]))
    assert [row["question"] for row in rows] == [q for q in QUESTIONS for _ in range(2)]


@pytest.mark.parametrize("form", ["lm_eval", "lighteval", "inspect"])
def test_there_and_back_the_candidates_their_scores_and_grades_are_the_same(
    treewright: Treewright, form: str
) -> None:
    run = a_run(treewright)
    assert treewright("export", run, "--format", form)[0] == 0
    file = run / FORMATS[form].file
    code, out, err = treewright("import", file, "grading.kind=numeric", "--json")
    assert code == 0, err
    again = Path(json.loads(out)["run"])
    kept = dict.fromkeys(["problem_id", "question", "reference", "text", "answer", "outcome"])
    assert of(samples(treewright, again), kept) == of(samples(treewright, run), kept)
    columns = dict.fromkeys(["completions", "scores", "completion_tokens", "stop_reasons"])
    assert of(exported(treewright, again), columns) == of(exported(treewright, run), columns)


def test_a_sample_that_failed_is_left_out_and_told(
    treewright: Treewright,
) -> None:
    Path("theirs.eval").write_bytes(log(inspect(output={"choices": []}, error={"message": "no"})))
    code, out, err = treewright("import", "theirs.eval", "--json")
    assert code == 0, err
    assert "left out, they have no output: 1 sample" in err
    assert len(samples(treewright, Path(json.loads(out)["run"]))) == 3


# --- Bad input ------------------------------------------------------------------------------------

JSONL: dict[str, tuple[list[Row], str]] = {
    "choices": (lm_eval(doc_id=7, resps=[[["-1.5", "False"]]]), "only what a model generated"),
    "several requests": (lm_eval(doc_id=7, resps=[["a"], ["b"]]), "2 requests of one document"),
    "other responses": (lm_eval(resps=[["a", "b"]]), "row 4: is about document 1 as row 2 is"),
    "no doc": (lm_eval(doc_id=7, doc=[1]), "row 4: doc is a list, not an object"),
    "no texts": (lighteval(text=[]), "row 2: model_response.text is empty"),
    "no list": (lighteval(text="a"), "row 2: model_response.text is a text, not a list"),
}
LOGS: dict[str, tuple[str, bytes, str]] = {
    "a zip of others": ("a.eval", b"", "is a zip, and no log of inspect_ai"),
    "torn": ("a.eval", log(inspect())[:-40], "is a damaged log"),
    "torn inside": (
        "a.eval",
        log(inspect(), zstandard=True).replace(b"\xb5/\xfd", b"zzz"),
        "damag",
    ),
    "twice": ("a.eval", log(inspect(epoch=1, id="s1")), "is epoch 1 of sample s1"),
    "no epoch": ("a.json", json.dumps({"eval": 1, "samples": [{"id": 1}]}).encode(), "no epoch"),
    "another object": ("a.json", b'{"a":\n1}', "is one JSON object, and no log of inspect_ai"),
    "not JSON": ("a.json", b'{"eval":\n', "is not JSON"),
    "two targets": (
        "a.eval",
        log([{**inspect()[0], "target": ["1", "2"]}]),
        "row 1: the answer (answer) is a list",
    ),
    "all failed": ("a.eval", log([{**inspect()[0], "output": None}]), "no sample with an output"),
}


@pytest.mark.parametrize(("rows", "told"), JSONL.values(), ids=JSONL)
def test_rows_that_cannot_be_completions_get_one_line(
    treewright: Treewright, rows: list[Row], told: str
) -> None:
    write("theirs.jsonl", rows)
    refused(treewright, "theirs.jsonl", told)


@pytest.mark.parametrize(("file", "content", "told"), LOGS.values(), ids=LOGS)
def test_a_log_that_cannot_be_read_gets_one_line(
    treewright: Treewright, file: str, content: bytes, told: str
) -> None:
    if not content:
        with ZipFile(file, "w") as other:
            other.writestr("samples/a.json", "{}")
    else:
        Path(file).write_bytes(content)
    refused(treewright, file, told)


@pytest.mark.parametrize("zstandard", [False, True])
def test_a_small_log_that_swells_is_refused_before_it_fills_the_memory(
    treewright: Treewright, monkeypatch: pytest.MonkeyPatch, zstandard: bool
) -> None:
    """No length that a stranger's zip tells is believed, in either way of packing."""
    monkeypatch.setattr(inspect_log, "LARGEST_SAMPLE", 1 << 20)
    swollen = {**inspect()[0], "input": " " * (1 << 21)}
    Path("a.eval").write_bytes(log([swollen], zstandard=zstandard))
    refused(treewright, "a.eval", "samples/0_epoch_1.json is larger than 1 MiB")


def refused(treewright: Treewright, file: str, told: str) -> None:
    """In one line, and no run was made."""
    code, out, err = treewright("import", file)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith(f"error: {file}")
    assert told in err
    assert not Path("runs").exists()
