"""sweep.json: for every cell its overrides, its run, how it stands and its headline figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from search.questions import steered_by
from treewright.arms.columns import Place
from treewright.running.job import Job
from treewright.running.run_folder import RunFolder
from treewright.sweeping.cell import Cell
from treewright.sweeping.held_against import held_against
from treewright.sweeping.shared_run import FAILED, Figures, SharedRun
from treewright.terminal import line

FILE = "sweep.json"


class Index:
    """The runs of a sweep, and the file that follows them. It is old or new, never half."""

    def __init__(self, folder: Path, runs: Sequence[SharedRun]) -> None:
        self.folder = RunFolder(folder)
        self.runs = runs

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder.path / FILE

    async def open(self) -> None:
        """Read what ended earlier, write the file.

        Raises:
            RunWriteError: the file cannot be written.
        """
        for run in self.runs:
            if run.job.complete:
                await run.measure()
        self.write()

    async def hear(self, job: Job, fault: Exception | None) -> None:
        """A job of the series began or ended: write the file, the cells of one that ended read."""
        run = next(each for each in self.runs if each.job.config is job.config)
        run.job, run.fault = job, fault
        if run.ended:
            await run.measure()
        self.write()

    def close(self) -> None:
        """Write how all runs stand, also those that were cut short."""
        for run in self.runs:
            if not run.settled:
                run.job = Job.of(run.job.config, run.job.dataset, run.job.about)
        self.write()

    def write(self) -> None:
        """Replace the file."""
        self.folder.write_json(FILE, self.to_json())

    def to_json(self) -> dict[str, object]:
        """A plain object: the sweep's name and its cells in their order."""
        cells = [row for run in self.runs for row in rows(run)]
        held = [
            {"cell": each.ours, "against": each.theirs, **each.found.to_json()}
            for each in held_against(self.figures())
        ]
        return {
            "name": self.folder.path.name,
            "generations": len(self.runs),
            "cells": sorted(cells, key=lambda row: row["cell"]),
            **({"differences": held} if held else {}),
        }

    def figures(self) -> list[tuple[SharedRun, Cell, Figures]]:
        """Of every cell of an ended run, in the order of the cells."""
        found = [
            (run, cell, run.figures[cell.number])
            for run in self.runs
            for cell in run.cells
            if cell.number in run.figures
        ]
        return sorted(found, key=lambda entry: entry[1].number)

    def faults(self) -> Iterator[tuple[str, Exception]]:
        """What could not be done, with the cells that it stopped."""
        for run in self.runs:
            if run.fault is not None:
                numbers = ", ".join(str(cell.number) for cell in run.cells)
                yield f"cells {numbers}", run.fault
        for _, cell, figures in self.figures():
            if figures.fault is not None:
                yield f"cell {cell.number}", figures.fault


def rows(run: SharedRun) -> Iterator[dict[str, Any]]:
    """What the file says of each cell of a run."""
    folder = run.job.folder
    for cell in run.cells:
        figures = run.figures.get(cell.number, Figures())
        fault = run.fault or figures.fault
        yield {
            "cell": cell.number,
            "overrides": list(cell.overrides),
            "run": str(folder.path) if folder is not None else None,
            "steered_by": steered_by(cell.config.strategy),
            "status": FAILED if fault else run.status,
            "fault": line(str(fault)) if fault else None,
            "problems": figures.metrics and figures.metrics.problems,
            "failures": figures.metrics and figures.metrics.failures,
            "arms": [Place.METRICS.to_json(arm) for arm in figures.tops],
        }
