from __future__ import annotations

import gzip
import json
import math
import pickle
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from benchmarks.datasets import Dataset, DatasetConfig, DatasetError, load_dataset

ROW = {"id": "a", "problem": "1 + 1?", "answer": "2"}


def write(path: Path, *rows: object, end: str = "\n") -> Path:
    path.write_bytes("".join(json.dumps(row) + end for row in rows).encode())
    return path


def load(path: Path, **config: Any) -> Dataset:
    return load_dataset(DatasetConfig(path=str(path), **config))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.jsonl"


def test_a_row_becomes_a_sample_and_keeps_its_other_columns(file: Path) -> None:
    (sample,) = load(write(file, {**ROW, "subject": "Algebra", "level": 3})).samples
    assert (sample.problem.id, sample.problem.question, sample.answer) == ("a", "1 + 1?", "2")
    assert sample.metadata == {"subject": "Algebra", "level": 3}


@pytest.mark.parametrize(
    "row",
    [
        {"unique_id": "a", "problem": "q", "answer": "2", "solution": "s"},
        {"ID": "a", "Problem": "q", "Solution": "s", "Answer": 2},
        {"Record ID": "a", "Question": "q", "target": "2"},
        {"id": "a", "input": "q", "gold": "2"},
        {"id": "a", "prompt": "q", "final_answer": ["2"]},
        {"id": "a", "problem": "q", "solution": r"So it is $\boxed{1 + \boxed{2}}$."},
        {"id": "a", "question": "q", "answer": "1 + 1 = 2\n#### 2"},
    ],
)
def test_the_columns_of_known_benchmarks_are_found(file: Path, row: dict[str, object]) -> None:
    (sample,) = load(write(file, row)).samples
    assert (sample.problem.id, sample.problem.question, sample.answer) == ("a", "q", "2")


def test_named_columns_win_over_known_ones(file: Path) -> None:
    write(file, {"q": "mine", "problem": "not mine", "answer": "2"})
    (sample,) = load(file, fields={"problem": "q"}).samples
    assert sample.problem.question == "mine"
    assert sample.metadata == {"problem": "not mine"}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (2, "2"),
        (0.5, "0.5"),
        (10**30, str(10**30)),
        (5.0, "5.0"),
        (True, "true"),
        (" 7 ", "7"),
        (r"\boxed{7}", "7"),
    ],
)
def test_answers_become_text_exactly(file: Path, answer: object, text: str) -> None:
    (sample,) = load(write(file, {"problem": "q", "answer": answer})).samples
    assert sample.answer == text


BAD_ROWS = [
    ({"id": "b", "answer": "2"}, "question .* is missing"),
    ({"id": "b", "problem": None, "answer": "2"}, "question .* is missing"),
    ({"id": "b", "problem": "  ", "answer": "2"}, "question .* is empty"),
    ({"id": "b", "problem": ["q"], "answer": "2"}, "question .* is a list"),
    ({"id": "b", "problem": "q"}, "answer .* is missing"),
    ({"id": "b", "problem": "q", "answer": ""}, "answer .* is empty"),
    ({"id": "b", "problem": "q", "answer": ["1", "2"]}, "answer .* is a list"),
    ({"id": "b", "problem": "q", "answer": {"a": 1}}, "answer .* is an object"),
    ({"id": "b", "problem": "q", "answer": math.nan}, "answer .* is nan"),
    ({"id": "b", "problem": "q", "answer": math.inf}, "answer .* is inf"),
    ({"id": "b", "problem": "\ud800", "answer": "2"}, "question .* lone surrogate"),
    ({"id": "b", "problem": "q", "answer": "\udfff"}, "answer .* lone surrogate"),
    ({"id": "b", "problem": "q" * 10_000_000, "answer": "2"}, "10000000 bytes long"),
    ({"id": "b", "problem": "q", "answer": "2" * 10_000_000}, "answer .* 10000000 bytes long"),
    ({"id": ["b"], "problem": "q", "answer": "2"}, "id is a list"),
    ({"id": "b" * 300, "problem": "q", "answer": "2"}, "id is 300 characters"),
    ({"id": "\ud800", "problem": "q", "answer": "2"}, "id has half a character"),
    (["not", "an", "object"], "not an object but a list"),
    (None, "not an object but null"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS, ids=lambda value: str(value)[:40])
def test_a_bad_row_is_reported_and_the_rest_goes_on(file: Path, row: object, reason: str) -> None:
    data = load(write(file, ROW, row, {**ROW, "id": "c"}))
    assert [sample.problem.id for sample in data.samples] == ["a", "c"]
    (bad,) = data.bad_rows
    assert bad.number == 2
    assert re.search(reason, bad.reason)
    assert "\n" not in bad.reason


def test_a_bad_row_keeps_its_own_id_where_it_has_one(file: Path) -> None:
    data = load(write(file, ROW, {"id": "b"}, ["no id"]))
    assert data.bad_rows[0].id == "b"
    assert data.bad_rows[1].id.startswith("row-")


BAD_LINES = [
    (b'{"id": "b", "problem": "q", "answer"', "not JSON: .* at character"),
    (b'{"id": "b", "problem": "\xff", "answer": "2"}', "not UTF-8 at byte 25"),
    (b'{"problem": ' + b"[" * 100_000, "nested too deeply"),
    (b'{"problem": "q", "answer": ' + b"9" * 5000 + b"}", "number of thousands of digits"),
    (b'{"problem": "q', "not JSON: Unterminated string starting at character 13"),
    (
        b'{"problem": "q", "answer": "2", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
        "nested too deeply",
    ),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES, ids=lambda value: str(value)[:40])
def test_a_broken_line_is_a_bad_row(file: Path, line: bytes, reason: str) -> None:
    file.write_bytes(json.dumps(ROW).encode() + b"\n" + line + b"\n")
    data = load(file)
    assert len(data.samples) == 1
    (bad,) = data.bad_rows
    assert bad.number == 2
    assert re.search(reason, bad.reason)


def test_byte_order_mark_windows_newlines_and_blank_lines_do_no_harm(file: Path) -> None:
    write(file, ROW, {**ROW, "id": "b"}, end="\r\n\r\n  \r\n")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert [sample.problem.id for sample in load(file).samples] == ["a", "b"]


def test_a_last_line_without_newline_is_read(file: Path) -> None:
    assert len(load(write(file, ROW, end="")).samples) == 1


def test_unusual_line_separators_stay_inside_their_row(file: Path) -> None:
    question = "a\u2028b\u0085c\rd\x0ce"
    file.write_text(json.dumps({"problem": question, "answer": "2"}, ensure_ascii=False) + "\n")
    (sample,) = load(file).samples
    assert sample.problem.question == question


def test_metadata_holds_nothing_that_json_cannot(file: Path) -> None:
    (sample,) = load(write(file, {**ROW, "score": math.nan, "note": ["\ud800", {"x": 1}]})).samples
    assert sample.metadata == {"score": None, "note": ["?", {"x": 1}]}


def test_a_row_without_id_is_named_by_its_content_wherever_it_stands(file: Path) -> None:
    rows = [{"problem": f"question {i}", "answer": i} for i in range(5)]
    names = {s.problem.question: s.problem.id for s in load(write(file, *rows)).samples}
    again = {s.problem.question: s.problem.id for s in load(write(file, *rows[::-1])).samples}
    assert names == again
    assert len(set(names.values())) == 5


def test_a_question_that_is_asked_twice_without_ids_is_a_bad_row(file: Path) -> None:
    row = {"problem": "q", "answer": "2"}
    data = load(write(file, row, {"problem": "p", "answer": "2"}, row, row))
    assert len(data.samples) == 2
    assert [bad.number for bad in data.bad_rows] == [3, 4]
    assert "the same as row 1" in data.bad_rows[0].reason
    assert len({bad.id for bad in data.bad_rows}) == 2


def bad_files(folder: Path) -> list[tuple[Path, str]]:
    def made(name: str, content: bytes) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    row = json.dumps(ROW).encode()
    return [
        (folder / "missing.jsonl", "no such file"),
        (folder, "is a directory"),
        (Path("/dev/null"), "not a regular file"),
        (folder / ("x" * 300), "cannot be read"),
        (Path("~nobody-of-this-name/x.jsonl"), "no such home folder"),
        (made("empty.jsonl", b""), "is empty"),
        (made("blank.jsonl", b"\n  \n"), "is empty"),
        (made("binary.jsonl", bytes(range(256)) * 8), "is binary"),
        (made("text.txt", b"hello\nworld\n"), "row 1: not JSON"),
        (made("rows.gz", gzip.compress(row)), "is compressed"),
        (made("rows16.jsonl", row.decode().encode("utf-16")), "is UTF-16"),
        (made("array.json", b"[\n" + row + b",\n]"), "is not JSON: .* at line 3"),
        (made("array-utf.json", b'["\xff"]'), "is not UTF-8 at byte 3"),
        (made("array-deep.json", b"[" * 100_000), "is nested too deeply"),
        (made("array-long.json", b"[" + b"9" * 5000 + b"]"), "thousands of digits"),
        (made("array-empty.json", b"[]"), "is empty"),
        (made("open.csv", b'problem,answer\n"q,2\n'), "is no readable CSV"),
        (made("latin.csv", b"problem,answer\nq\xff,2\n"), "is not UTF-8"),
        (made("head.csv", b"problem,answer\n"), "is empty"),
        (made("numbers.jsonl", b"1\n2\n"), "row 1: not an object but a number"),
        (made("fields.jsonl", b"{}\n"), "row 1: has no fields"),
        (made("question.jsonl", b'{"text": "q", "answer": 2}\n'), "has no question column"),
        (made("answer.jsonl", b'{"problem": "q", "level": 2}\n'), "has no answer column"),
        (made("twice.jsonl", (row + b"\n") * 3), "row 2: the id 'a' is row 1's as well"),
        (made("bad.jsonl", b'{"problem": "", "answer": 2}\n'), "row 1: .* is empty"),
        (made("torn.parquet", b"PAR1" + row * 20), "is no readable parquet"),
    ]


def test_a_file_that_cannot_be_used_gets_one_line_with_its_name_and_the_reason(
    tmp_path: Path,
) -> None:
    for path, reason in bad_files(tmp_path):
        with pytest.raises(DatasetError, match=reason) as caught:
            load(path)
        assert str(caught.value).startswith(str(path)[:200])
        assert "\n" not in str(caught.value)
        assert "; " in str(caught.value) or "cannot be read" in reason


def test_a_missing_column_is_answered_with_the_columns_there_are(file: Path) -> None:
    write(file, {"Qestion": "q", "answer": "2"})
    with pytest.raises(DatasetError, match=r"dataset\.fields\.problem.*Qestion, answer"):
        load(file)
    with pytest.raises(DatasetError, match=r"no column 'Question'.*did you mean 'Qestion'"):
        load(file, fields={"problem": "Question"})


def test_a_dataset_error_survives_pickling(file: Path) -> None:
    error = DatasetError(str(file), "is empty", "fill it", 3)
    assert (
        str(pickle.loads(pickle.dumps(error))) == str(error) == f"{file}, row 3: is empty; fill it"
    )


def ten(file: Path) -> Path:
    return write(file, *({"id": i, "problem": f"q{i}", "answer": i} for i in range(10)))


def ids(data: Dataset) -> list[str]:
    return [sample.problem.id for sample in data.samples]


def test_offset_and_limit_select_in_file_order(file: Path) -> None:
    assert ids(load(ten(file), offset=2, limit=3)) == ["2", "3", "4"]


def test_a_shuffle_is_seeded_and_selects_before_offset_and_limit(file: Path) -> None:
    whole = ids(load(ten(file), shuffle_seed=1))
    assert whole == ids(load(file, shuffle_seed=1))
    assert whole != ids(load(file, shuffle_seed=2))
    assert sorted(whole) == [str(i) for i in range(10)]
    assert ids(load(file, shuffle_seed=1, offset=2, limit=3)) == whole[2:5]


def test_a_bad_row_that_was_not_selected_is_not_reported(file: Path) -> None:
    write(file, ROW, {"id": "b"})
    assert load(file, limit=1).bad_rows == []
    assert len(load(file).bad_rows) == 1


def test_an_offset_beyond_the_end_is_an_error(file: Path) -> None:
    with pytest.raises(DatasetError, match=r"has 10 rows to ask, and dataset\.offset skips 10"):
        load(ten(file), offset=10)


def test_the_digest_tells_contents_and_order_apart_and_nothing_else(file: Path) -> None:
    digest = load(ten(file)).digest
    assert load(ten(file)).digest == digest
    assert load(file, limit=9).digest != digest
    assert load(file, shuffle_seed=1).digest != digest
    write(file, *({"id": i, "question": f"q{i}", "gold": str(i), "x": 1} for i in range(10)))
    assert load(file).digest == digest
    write(file, *({"id": i, "problem": f"q{i}", "answer": i + (i == 9)} for i in range(10)))
    assert load(file).digest != digest


def test_parquet_gives_the_same_samples_as_json_lines(file: Path, tmp_path: Path) -> None:
    rows = [{"id": str(i), "problem": f"q{i}", "answer": i, "level": 1} for i in range(3)]
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    assert load(path) == load(write(file, *rows))


def test_a_json_array_gives_the_same_samples_as_json_lines(file: Path, tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "id": "b"}]
    array = tmp_path / "data.json"
    array.write_text(json.dumps(rows, indent=2))
    assert load(array) == load(write(file, *rows))


def test_an_item_of_an_array_that_is_no_object_is_a_bad_row(file: Path) -> None:
    file.write_text(json.dumps([ROW, 7]))
    data = load(file)
    assert [sample.problem.id for sample in data.samples] == ["a"]
    assert (data.bad_rows[0].number, data.bad_rows[0].reason) == (2, "not an object but a number")


def test_csv_cells_may_hold_commas_quotes_and_newlines(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('\ufeffid,Question,answer\na,"1,\n""2""?",3\nb,q\nc,q2,4,5\n')
    data = load(path)
    (sample,) = data.samples
    assert (sample.problem.question, sample.answer) == ('1,\n"2"?', "3")
    assert [bad.number for bad in data.bad_rows] == [2, 3]
    assert re.search("answer .* is missing", data.bad_rows[0].reason)
    assert "more cells" in data.bad_rows[1].reason


def test_parquet_rows_that_are_bad_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = {
        "problem": ["q1", None, "q3", "q4"],
        "answer": [1.5, 2.0, math.nan, None],
        "price": [Decimal("1.10")] * 4,
    }
    parquet.write_table(pa.table(table), path)
    data = load(path)
    (sample,) = data.samples
    assert (sample.answer, sample.metadata) == ("1.5", {"price": "1.10"})
    assert [bad.number for bad in data.bad_rows] == [2, 3, 4]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_embedded_domain_is_a_dataset(split: str) -> None:
    data = load_dataset(DatasetConfig(name="arithmetic", split=split))
    assert len(data.samples) >= 256
    assert data.bad_rows == []
    assert all(str(sample.answer).lstrip("-").isdecimal() for sample in data.samples)


def test_a_split_that_a_dataset_does_not_have_is_an_error() -> None:
    with pytest.raises(DatasetError, match="no split 'tset'; it has train, validation, test"):
        load_dataset(DatasetConfig(name="arithmetic", split="tset"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, r"name: give either a name \(arithmetic, .*\) or a path"),
        ({"name": "arithmetic", "path": "x"}, "name: .*arithmetic.*not both"),
        ({"name": "arithmatic"}, "name: 'arithmatic' .*did you mean 'arithmetic'"),
        ({"path": " "}, "path: ' '"),
        ({"path": "a\0b"}, "path: "),
        ({"path": "x", "split": "train"}, "split: 'train' .*the file is the split"),
        ({"path": "x", "limit": 0}, "limit: 0 .*leave it out"),
        ({"path": "x", "offset": -1}, "offset: -1"),
        ({"path": "x", "shuffle_seed": -1}, "shuffle_seed: -1"),
        ({"path": "x", "fields": {"anwser": "a"}}, "fields: 'anwser' .*did you mean 'answer'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DatasetConfig(**fields)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
cells = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(), scalars, max_size=2)


@given(
    st.lists(st.dictionaries(st.sampled_from(["id", "problem", "answer", "x"]), cells), max_size=5)
)
def test_any_rows_are_loaded_or_refused_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = write(tmp_path_factory.mktemp("any") / "data.jsonl", *rows)
    try:
        data = load(path)
    except DatasetError:
        return
    assert len(data.samples) + len(data.bad_rows) == len(rows)
    for sample in data.samples:
        assert sample.problem.question.encode()
        assert (sample.answer or "").encode()
        json.dumps(sample.metadata, allow_nan=False)
