"""A run as a person says it: its folder, `quickstart/latest`, the beginning of its name."""

from __future__ import annotations

import os
from pathlib import Path

from treewright.running.run_folder import RunFolder, RunFolderError

LATEST = "latest"
SHOWN = 4


def find_run(said: Path) -> Path:
    """The folder of the run that is meant.

    A path that is there is taken as it is. Else `NAME/latest` is the newest run of a name, `latest`
    and `runs/latest` the newest of all, and `NAME/BEGINNING` the one whose folder begins so, or
    whose fingerprint does. A name is looked for below the current folder, then below the output
    folder (TREEWRIGHT_RUNS, or `runs`). What is not found is returned as it is: opening it says
    why.

    Raises:
        RunFolderError: the beginning is that of several runs.
    """
    try:
        if said.exists() or ".." in said.parts:
            return said
    except OSError:  # a name that can be none
        return said
    output = Path(os.environ.get("TREEWRIGHT_RUNS", "runs"))
    here = [] if said.parent == Path() else [said.parent]
    for folder in dict.fromkeys([*here, output / said.parent]):
        runs = _runs(folder, "*")
        if said.name == LATEST:
            if runs := runs or _runs(folder, "*/*"):
                return runs[-1]
            continue
        meant = [run for run in runs if _begins(run, said.name)]
        if len(meant) == 1:
            return meant[0]
        if meant:
            names = ", ".join(run.name for run in meant[-SHOWN:])
            problem = f"{said}: begins {len(meant)} runs"
            raise RunFolderError(problem, f"the newest are {names}; say more, or {LATEST}")
    return said


def _runs(folder: Path, pattern: str) -> list[Path]:
    """The runs in a folder, the newest last: a run's name begins with its time."""
    found = (path for path in folder.glob(pattern) if RunFolder(path).has_manifest)
    return sorted(found, key=lambda run: run.name)


def _begins(run: Path, text: str) -> bool:
    return bool(text) and any(part.startswith(text) for part in (run.name, *run.name.split("-")))
