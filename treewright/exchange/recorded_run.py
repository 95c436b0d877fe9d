"""A run as it is exported: replayed from its journal, asking no model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import Sample
from search.core import Candidate, Prefix, Spent, StopReason, place_id
from treewright.arms.solved import Solved
from treewright.config.config import Config
from treewright.journal.journal import Journal
from treewright.running.recorded import Recorded
from treewright.running.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """The problems of a run that have a result, in the dataset's order; `lacking`: how many not."""

    folder: RunFolder
    config: Config
    solved: list[tuple[Sample, Solved]]
    lacking: int

    @classmethod
    def read(cls, path: Path) -> RecordedRun:
        """Replay a run. Raises what `Recorded.open` raises, and `JournalError`."""
        recorded = Recorded.open(path)
        with Journal.open(recorded.folder.journal, readonly=True) as journal:
            if noted := str(journal.counts):
                print(f"journal: {noted}", file=sys.stderr)
            replayed = asyncio.run(recorded.replayed(journal))
        recorded.tell()
        return cls.of(recorded, replayed.solved)

    @classmethod
    def of(cls, recorded: Recorded, found: Sequence[Solved]) -> RecordedRun:
        """The run, of which a replay found these results."""
        dataset = recorded.dataset
        solved = {item.problem_id: item for item in found}
        samples = [sample for sample in dataset.samples if sample.problem.id in solved]
        pairs = [(sample, solved[sample.problem.id]) for sample in samples]
        lacking = len(dataset.samples) + len(dataset.bad_rows) - len(pairs)
        return cls(recorded.folder, recorded.config, pairs, lacking)

    def answer(self, path: Prefix) -> str | None:
        """The answer of a solution as it was graded, None for an abstention."""
        return self.config.grading.extract(path.text) if path.finished else None


def spent_along(costs: Mapping[str, Spent], candidate: Candidate) -> list[Spent]:
    """What one side spent on each of the paths that lead to a candidate, where it spent anything.

    What several candidates share is in the list of each.
    """
    ids = map(place_id, reversed(candidate.path.line))
    return [costs[id] for id in ids if id in costs]


def stop_of(path: Prefix) -> StopReason:
    """Why a solution ended; one without a step did not begin."""
    return path.steps[-1].stop if path.steps else StopReason.ABORT
