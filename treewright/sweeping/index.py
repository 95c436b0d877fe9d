"""sweep.json: for every cell its overrides, its run, how it stands and its headline figures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from search.fault import Fault
from search.questions import steered_by
from treewright.arms.columns import Place
from treewright.running.run_folder import RunFolder, RunFolderError
from treewright.running.series import Run
from treewright.sweeping.cell import Cell
from treewright.sweeping.generation import FAILED, Generation, Result
from treewright.terminal import line

FILE = "sweep.json"


class Index:
    """The generations of a sweep, and the file that follows them. It is old or new, never half."""

    def __init__(self, folder: Path, generations: Sequence[Generation]) -> None:
        self._files = RunFolder(folder)
        self.generations = generations

    @property
    def path(self) -> Path:
        """The file."""
        return self._files.path / FILE

    def make_folder(self) -> Path:
        """The folder that the runs lie in. Raises `RunFolderError` when it cannot be made."""
        path = self._files.path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            hint = "set output_dir or TREEWRIGHT_RUNS to a folder that you may write"
            raise RunFolderError(f"{path}: cannot be made: {error.strerror}; {hint}") from error
        return path

    def open(self) -> None:
        """Read what ended in an earlier session, write the file.

        Raises:
            RunWriteError: the file cannot be written.
        """
        for generation in self.generations:
            if generation.run.complete:
                asyncio.run(measured(generation))
        self.write()

    async def hear(self, run: Run, fault: Exception | None) -> None:
        """A run of the series began or ended: write the file, the cells of one that ended read."""
        generation = next(g for g in self.generations if g.run.config is run.config)
        generation.run, generation.fault = run, fault
        if generation.ended:
            await measured(generation)
        self.write()

    def close(self) -> None:
        """Write how all runs stand, also those that were cut short."""
        for generation in self.generations:
            if not generation.settled:
                run = generation.run
                generation.run = Run.of(run.config, run.dataset, run.about)
        self.write()

    def write(self) -> None:
        """Replace the file."""
        self._files.write_json(FILE, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """A plain object: the sweep's name and its cells in their order."""
        cells = [row for generation in self.generations for row in rows(generation)]
        return {
            "name": self._files.path.name,
            "generations": len(self.generations),
            "cells": sorted(cells, key=lambda row: row["cell"]),
        }

    def results(self) -> list[tuple[Generation, Cell, Result]]:
        """Of every cell of an ended run, in the order of the cells."""
        found = [
            (generation, cell, generation.results[cell.number])
            for generation in self.generations
            for cell in generation.cells
            if cell.number in generation.results
        ]
        return sorted(found, key=lambda entry: entry[1].number)

    def faults(self) -> Iterator[tuple[str, Exception]]:
        """What could not be done, with the cells that it stopped."""
        for generation in self.generations:
            if generation.fault is not None:
                numbers = ", ".join(str(cell.number) for cell in generation.cells)
                yield f"cells {numbers}", generation.fault
        for _, cell, result in self.results():
            if result.fault is not None:
                yield f"cell {cell.number}", result.fault


async def measured(generation: Generation) -> None:
    """Read the results of a generation; a run that cannot be read stops no other."""
    try:
        await generation.measure()
    except Fault as error:
        generation.fault = error


def rows(generation: Generation) -> Iterator[dict[str, Any]]:
    """What the file says of each cell of a generation."""
    folder = generation.run.folder
    for cell in generation.cells:
        result = generation.results.get(cell.number, Result())
        fault = generation.fault or result.fault
        yield {
            "cell": cell.number,
            "overrides": list(cell.overrides),
            "run": str(folder.path) if folder is not None else None,
            "steered_by": steered_by(cell.config.strategy),
            "status": FAILED if fault else generation.status,
            "fault": line(str(fault)) if fault else None,
            "problems": result.metrics and result.metrics.problems,
            "failures": result.metrics and result.metrics.failures,
            "arms": [Place.METRICS.to_json(arm) for arm in result.tops],
        }
