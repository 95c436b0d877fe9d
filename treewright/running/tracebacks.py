"""errors/<problem>.txt in a run's folder: what a strategy, a port or a grader raised there.

Derived from the journal, as the table is, and written anew whenever a session ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from treewright.files.writing import remove, write_text
from treewright.running.controller import Failed
from treewright.running.file_names import file_name
from treewright.running.run_folder import RunFolder, RunWriteError
from treewright.terminal import clean

FOLDER = "errors"


def write_tracebacks(
    run: RunFolder, failed: Sequence[Failed], before: Collection[str] = ()
) -> None:
    """Write a file for each traceback, and remove those of failures that are no more.

    `before`: the ids of problems that failed at some time; no other file is ours to remove.

    Raises `RunWriteError`, `UnsafeFile`.
    """
    told = {name_of(item.problem_id): item.failure for item in failed if item.failure.traceback}
    try:
        for name in {name_of(id) for id in before} - told.keys():
            remove(run.path, name)
        for name, failure in told.items():
            write_text(run.path, name, clean(failure.traceback))
    except OSError as error:
        problem = f"{error.filename}: cannot be written: {error.strerror}"
        hint = "nothing is lost: mend that, then give the same command again"
        raise RunWriteError(f"{problem}; {hint}") from error


def place(run: Path, item: Failed) -> Path:
    """Where the traceback of a problem lies, if it has one."""
    return run / name_of(item.problem_id)


def name_of(problem_id: str) -> str:
    """The same within the run's folder."""
    return f"{FOLDER}/{file_name(problem_id, '.txt')}"
