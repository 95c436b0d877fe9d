"""The runs of a sweep, each of which serves all cells that ask the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.datasets import Dataset, load_dataset
from search.custom import PartError
from search.fault import Fault
from treewright.arms.arm import arms_of
from treewright.arms.graded_run import GradedRun
from treewright.arms.marks import Marks
from treewright.arms.measured import Measured
from treewright.arms.metrics import Metrics
from treewright.arms.solved import Solved
from treewright.config.config import Config
from treewright.config.fingerprint import fingerprint
from treewright.running.ending import ending
from treewright.running.experiment import too_many
from treewright.running.job import Job
from treewright.running.lock import RunLock
from treewright.running.recorded import RecordedRun
from treewright.running.run_folder import Status
from treewright.sweeping.cell import Cell, reporting_all

PENDING, FAILED = "pending", "failed"
"""A run that has not begun; one that could not be worked on."""


@dataclass(frozen=True)
class Figures:
    """What is known of a cell: its figures, or why there are none.

    `too_many`: it has more failures than its `fail_on_error`. `marks`: its arms over all
    candidates, problem by problem, where cells are held against one.
    """

    metrics: Metrics | None = None
    too_many: bool = False
    fault: Exception | None = None
    marks: tuple[Marks, ...] = ()

    @property
    def tops(self) -> list[Measured]:
        """Its arms over all candidates."""
        return self.metrics.tops if self.metrics else []


@dataclass
class SharedRun:
    """A run, begun or not, and the cells that are read from its candidates.

    `number`: from 1. `datasets`: of all cells of the sweep, by `data_key`; those of one run have
    the same samples, but may not have the same bad rows. `fault`: why it could not be worked on
    this time. `figures`: by number of the cell, once the run ended. `paired`: a cell of the
    sweep is one that others are held against.
    """

    number: int
    cells: list[Cell]
    job: Job
    datasets: Mapping[str, Dataset]
    fault: Exception | None = None
    figures: dict[int, Figures] = field(default_factory=dict)
    paired: bool = False

    @property
    def status(self) -> str:
        """The run's own status, `pending` or `failed`."""
        if self.fault is not None:
            return FAILED
        return (self.job.folder and self.job.folder.status()) or PENDING

    @property
    def ended(self) -> bool:
        """Whether every problem was reached; some may have failed."""
        return self.fault is None and self.job.ended

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be asked of it this time."""
        return self.fault is not None or bool(self.figures)

    async def measure(self) -> None:
        """Read the figures of all its cells, once for each way of grading and each dataset.

        There are none of a run whose journal lacks an answer, whatever its status says: that
        becomes `interrupted`, and it is asked again. One that cannot be read stops no other.
        """
        ways: dict[str, list[Cell]] = {}
        for cell in self.cells:
            ways.setdefault(repr((cell.config.grading, cell.config.dataset)), []).append(cell)
        try:
            for cells in ways.values():
                if not await self._measured(cells):
                    with RunLock(self.job.run.path):
                        self.job.run.set_status(Status.INTERRUPTED)
                    self.figures.clear()
                    return
        except Fault as error:
            self.fault = error

    async def _measured(self, cells: Sequence[Cell]) -> bool:
        """Read the figures of cells that are graded alike. Returns whether every problem ended."""
        config = replace(cells[0].config, aggregate=(), select=())
        run = RecordedRun(self.job.run, config, self.datasets[data_key(config)])
        known = await run.read()
        run.tell(known.damage)
        for cell in cells if not known.pending else ():
            try:
                ended = ending(cell.config, run.dataset, known)
            except PartError as error:  # of its own parts, which stops no other cell
                self.figures[cell.number] = Figures(fault=error)
                continue
            failures = too_many(ended, cell.config.fail_on_error)
            marks = marks_of(cell.config, known.solved) if self.paired else ()
            self.figures[cell.number] = Figures(ended.metrics, failures, marks=marks)
        return not known.pending


def shared_runs(cells: Sequence[Cell]) -> list[SharedRun]:
    """The runs that these cells need, in their order. The same data are read once.

    Raises:
        DatasetError: data that cannot be used.
    """
    datasets: dict[str, Dataset] = {}
    prints: dict[str, str] = {}
    shared: dict[str, list[Cell]] = {}
    for cell in cells:
        config, data = cell.config, data_key(cell.config)
        if data not in datasets:
            datasets[data] = load_dataset(config.dataset)
        asked = repr((config.seed, data, config.policy, config.scorer, config.strategy))
        if asked not in prints:  # it reads the models' files
            prints[asked] = fingerprint(config, datasets[data].digest)
        shared.setdefault(prints[asked], []).append(cell)
    found = []
    for number, group in enumerate(shared.values(), 1):
        config = reporting_all(group)
        job = Job.of(config, datasets[data_key(config)], common(group))
        paired = any(cell.reference for cell in cells)
        found.append(SharedRun(number, group, job, datasets, paired=paired))
    return found


def marks_of(config: Config, solved: Sequence[Solved]) -> tuple[Marks, ...]:
    """The arms that a config reports, over all candidates, problem by problem."""
    arms = arms_of(config.aggregate, config.select)
    run = GradedRun.of(solved, arms, config.missing)
    return tuple(run.first(arm, run.largest) for arm in arms)


def common(cells: Sequence[Cell]) -> str:
    """What was swept and is the same for all of these cells: what tells their run from others."""
    said = [dict.fromkeys(cell.overrides) for cell in cells]
    return " ".join(text for text in said[0] if all(text in other for other in said))


def data_key(config: Config) -> str:
    """What tells datasets apart."""
    return repr(config.dataset)
