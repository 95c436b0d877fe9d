"""What becomes of stdout and stderr ends no run: its folder and its exit code say it is done."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from own_parts import CONFIG, CONSOLE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, and a run that was made while nothing was open."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "own.yaml").write_text(f"{CONFIG}output_dir: runs\n")
    row = {"id": "café", "problem": "1 + 1?", "answer": "2"}
    (folder / "data.jsonl").write_text(json.dumps(row))
    assert told(folder, "run own.yaml <&- >&- 2>&-") == (0, "", "")
    return folder


def told(folder: Path, command: str, **environment: str) -> tuple[int, str, str]:
    """Exit code of treewright, stdout and stderr of a shell's command with a pipe perhaps."""
    done = subprocess.run(
        ["bash", "-c", f"{CONSOLE} {command}; exit ${{PIPESTATUS[0]}}"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_with_all_streams_closed_a_run_completes_and_its_journal_is_its_own(folder: Path) -> None:
    """A file that got the number of a closed stream would have held what was printed."""
    (run,) = (folder / "runs" / "own").iterdir()
    assert (run / "STATUS").read_text().strip() == "complete"
    (journal,) = (run / "journal").iterdir()
    assert all(line.startswith("{") for line in journal.read_text().splitlines())


def test_a_reader_that_goes_away_is_no_fault(folder: Path) -> None:
    (run,) = (folder / "runs" / "own").iterdir()
    assert told(folder, f"score {run} 2>&1 | true") == (0, "", "")


def test_a_full_disk_under_stdout_is_told_once_the_work_is_done(folder: Path) -> None:
    code, _, err = told(folder, "run own.yaml seed=1 output_dir=full >/dev/full")
    (run,) = (folder / "full" / "own").iterdir()
    assert (run / "STATUS").read_text().strip() == "complete"
    assert code == 1
    told_last = err.splitlines()[-1]
    assert told_last.startswith("error: stdout: No space left on device; what it was to show")
    assert "Traceback" not in err


def test_what_ascii_cannot_show_is_escaped(folder: Path) -> None:
    (run,) = (folder / "runs" / "own").iterdir()
    ascii_only = {"PYTHONIOENCODING": "ascii", "TERM": "dumb"}
    code, out, err = told(folder, f"tree {run} café", LC_ALL="C.UTF-8", **ascii_only)
    assert (code, err) == (0, "")
    assert "caf\\xe9" in out
    assert out.isascii()
