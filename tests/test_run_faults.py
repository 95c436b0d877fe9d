"""Run folders that are broken, full, hostile or not there: one line and the right exit code."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from treewright.cli import main
from treewright.running.lock import LockError, RunLock

Tell = Callable[..., tuple[int, str, str]]

CONFIG = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline}
grading: {kind: numeric}
"""
JUDGED_BY_NOBODY = ["scorer.kind=none", "aggregate=[]", "select=[first,majority]"]


@pytest.fixture
def tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tell:
    """Runs a command in a folder with a config and two problems: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    Path("config.yaml").write_text(CONFIG)
    write_data("2")

    def tell(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return tell


def write_data(answer: str) -> None:
    rows = [{"problem": "1 + 1?", "answer": answer}, {"problem": "2 + 2?", "answer": "4"}]
    Path("data.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


def made(tell: Tell, *overrides: str) -> Path:
    """The folder of a run that just ended well."""
    code, out, err = tell("run", "config.yaml", *overrides, "--json")
    assert code == 0, err
    return Path(json.loads(out)["run"])


@pytest.mark.parametrize("verb", ["score", "resume"])
@pytest.mark.parametrize("manifest", ["{", "[]", "{}", '{"identity": 3}', "\udcff"])
def test_a_broken_manifest_is_one_line_with_what_to_do(
    tell: Tell, verb: str, manifest: str
) -> None:
    run = made(tell)
    (run / "manifest.json").write_bytes(manifest.encode(errors="surrogateescape"))
    code, out, err = tell(verb, str(run))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "manifest.json" in err
    assert "restore the file" in err


def test_score_refuses_other_data_and_names_it(tell: Tell) -> None:
    run = made(tell)
    write_data("3")
    code, out, err = tell("score", str(run))
    assert (code, out) == (4, "")
    assert "made with another dataset" in err


def test_score_refuses_an_edited_strategy_and_names_it(tell: Tell) -> None:
    run = made(tell)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("n: 2", "n: 4"))
    code, out, err = tell("score", str(run))
    assert (code, out) == (4, "")
    assert "strategy.n" in err


@pytest.mark.parametrize("asked", [["--aggregate", "min"], ["--select", "best"]])
def test_score_reports_no_scores_where_nobody_judged(tell: Tell, asked: list[str]) -> None:
    run = made(tell, *JUDGED_BY_NOBODY)
    code, out, err = tell("score", str(run), *asked)
    assert (code, out) == (2, "")
    assert "needs a verifier" in err


def test_score_says_what_is_wrong_with_the_journal(tell: Tell) -> None:
    run = made(tell)
    journal = run / "journal" / "driver.jsonl"
    journal.write_bytes(b"garbage\n" + journal.read_bytes())
    assert "the journal is not whole: 1 corrupt line left out" in tell("score", str(run))[2]


def test_an_output_folder_that_cannot_be_is_one_line(tell: Tell) -> None:
    for folder in ("x" * 300, "config.yaml", "/proc/nowhere"):
        code, out, err = tell("run", "config.yaml", f"output_dir={folder}")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "cannot be made" in err


def test_the_folder_of_a_run_cannot_steer_the_terminal(tell: Tell) -> None:
    _, out, err = tell("run", "config.yaml", "output_dir=a\x1b]0;b\x07")
    assert out.startswith(r"run a\x1b]0;b\x07/doubles/")
    assert "\x1b]" not in out + err


def test_a_status_that_is_no_word_is_listed_as_unknown(tell: Tell) -> None:
    run = made(tell)
    (run / "STATUS").write_bytes(b"\xff\x1b[31m")
    code, out, _ = tell("ls", "runs")
    assert code == 0
    assert out == f"{run}  unknown\n"


def test_a_full_disk_is_told_by_the_file_that_met_it_first(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(tell)
    shutil.rmtree(run / "journal")
    writes = os.write

    def full(fd: int, data: bytes) -> int:
        if Path(f"/proc/self/fd/{fd}").readlink().name == "driver.jsonl":
            monkeypatch.setattr("treewright.running.run_folder.os.fsync", no_space)
            no_space(fd)
        return writes(fd, data)

    monkeypatch.setattr("treewright.journal.appender.os.write", full)
    code, _, err = tell("resume", str(run))
    assert code == 1
    assert "driver.jsonl: cannot be written: No space left" in err.splitlines()[-1]


def no_space(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_lock_that_cannot_be_signed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("treewright.running.lock.os.pwrite", lambda fd, *_: no_space(fd))
    with pytest.raises(LockError, match="LOCK: cannot be written: No space left"):
        RunLock(tmp_path).__enter__()


def test_a_verifier_that_is_down_has_no_running_accuracy(tell: Tell) -> None:
    code, _, err = tell("run", "config.yaml", "scorer.faults.fail=1", "--json")
    assert code == 3
    assert "2/2 problems" in err
    assert "best" not in err
