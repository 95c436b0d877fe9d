"""errors/<problem>.txt in a run's folder: what a strategy, a port or a grader raised there.

Derived from the journal, as the table is, and written anew whenever a session ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from treewright.running.controller import Failed
from treewright.running.file_names import file_name
from treewright.running.run_folder import RunFolder, RunWriteError
from treewright.terminal import clean

FOLDER = "errors"


def write_tracebacks(run: RunFolder, failed: Sequence[Failed]) -> None:
    """Write a file for each traceback, and remove those of failures that are no more.

    Raises `RunWriteError`.
    """
    told = {place(run.path, item): item.failure for item in failed if item.failure.traceback}
    try:
        for file in (run.path / FOLDER).glob("*.txt"):
            if file not in told:
                file.unlink()
        for file, failure in told.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(clean(failure.traceback), encoding="utf-8")
    except OSError as error:
        problem = f"{error.filename}: cannot be written: {error.strerror}"
        hint = "nothing is lost: mend that, then give the same command again"
        raise RunWriteError(f"{problem}; {hint}") from error


def place(run: Path, item: Failed) -> Path:
    """Where the traceback of a problem lies, if it has one."""
    return run / FOLDER / file_name(item.problem_id, ".txt")
