"""What a format is to `export`: a writer that is told of a run's problems, one after the other.

It writes each of them as it comes, so a run of any size is never in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from benchmarks.datasets import Sample
from treewright.arms.solved import Solved
from treewright.exchange.step_labels import Labelling
from treewright.running.controller import Failed
from treewright.running.recorded import RecordedRun


@dataclass(frozen=True)
class Ordered:
    """What is to be written, and where.

    `labels`: how steps are labelled. `most`: how many candidates a problem has at most; 0 for a
    format that need not know.
    """

    run: RecordedRun
    file: BinaryIO
    labels: Labelling = field(default_factory=Labelling)
    most: int = 0


class RunWriter:
    """Base of the writers. `written` counts what `Format.unit` names."""

    def __init__(self, ordered: Ordered) -> None:
        self.run, self.file = ordered.run, ordered.file
        self.written = 0

    def add(self, number: int, sample: Sample, solved: Solved) -> None:
        """A problem with its result; `number`: its place in the dataset, from 0."""
        raise NotImplementedError

    def add_failed(self, number: int, sample: Sample, failed: Failed) -> None:
        """A problem that failed; most formats have no place for one."""

    def finish(self) -> None:
        """Write what comes last. Not called where something went wrong."""

    def close(self) -> None:
        """Let go of what it holds, whatever went wrong."""

    def notes(self) -> Sequence[str]:
        """What a person should hear of it, a line each."""
        return ()


@dataclass(frozen=True, slots=True)
class Format:
    """A format.

    `file`: its name in the run's folder. `unit`: what is counted. `labelled`: whether it has labels
    of steps. `sized`: whether it must know how many candidates a problem has at most.
    `has_failed`: whether problems without a result are in it.
    """

    file: str
    open: Callable[[Ordered], RunWriter]
    unit: str = "candidate"
    labelled: bool = False
    sized: bool = False
    has_failed: bool = False
