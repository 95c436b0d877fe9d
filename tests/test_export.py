"""`export`: its schema, what it agrees with, and what it refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from their_rows import (
    Imported,
    Row,
    Treewright,
    a_run,
    exported,
    samples,
    write,
)
from treewright.exchange import export_sal
from treewright.exchange.samples import COLUMNS, VERSION


def test_samples_have_the_stated_schema_and_version(
    imported: Imported, treewright: Treewright
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
    imported: Imported, treewright: Treewright, monkeypatch: pytest.MonkeyPatch
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
    imported: Imported, treewright: Treewright, arguments: list[str], told: str
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
