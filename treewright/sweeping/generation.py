"""Generations: the runs of a sweep, each of which serves all cells that ask the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.datasets import Dataset, load_dataset
from search.custom import PartError
from treewright.arms.measured import Measured
from treewright.arms.metrics import Metrics
from treewright.config.config import Config
from treewright.config.fingerprint import fingerprint
from treewright.journal.journal import Journal
from treewright.running.experiment import too_many
from treewright.running.lock import RunLock
from treewright.running.run_folder import Status
from treewright.running.series import Run
from treewright.running.session import Session
from treewright.sweeping.cell import Cell, reporting_all

PENDING, FAILED = "pending", "failed"
"""A run that has not begun; one that could not be worked on."""
ENDED = (Status.COMPLETE, Status.INCOMPLETE)


@dataclass(frozen=True)
class Result:
    """What is known of a cell: its figures, or why there are none.

    `too_many`: it has more failures than its `fail_on_error`.
    """

    metrics: Metrics | None = None
    too_many: bool = False
    fault: Exception | None = None

    @property
    def tops(self) -> list[Measured]:
        """Its arms over all candidates."""
        return self.metrics.tops if self.metrics else []


@dataclass
class Generation:
    """A run, and the cells that are read from its candidates.

    `number`: from 1. `datasets`: of all cells of the sweep, by `data_key`; those of one generation
    have the same samples, but may not have the same bad rows. `fault`: why it could not be worked
    on in this session. `results`: by number of the cell, once the run ended.
    """

    number: int
    cells: list[Cell]
    run: Run
    datasets: Mapping[str, Dataset]
    fault: Exception | None = None
    results: dict[int, Result] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The run's own status, `pending` or `failed`."""
        if self.fault is not None:
            return FAILED
        return (self.run.folder and self.run.folder.status()) or PENDING

    @property
    def ended(self) -> bool:
        """Whether every problem was reached; some may have failed."""
        return self.status in ENDED

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be asked of it in this session."""
        return self.fault is not None or bool(self.results)

    async def measure(self) -> None:
        """Read the results of all its cells, once for each way of grading and each dataset.

        There are none of a run whose journal lacks an answer, whatever its status says: that
        becomes `interrupted`, and it is asked again.

        Raises:
            JournalError, ReplayError, LockError: the run cannot be read, or is in use.
        """
        assert self.run.folder is not None
        ways: dict[str, list[Cell]] = {}
        for cell in self.cells:
            ways.setdefault(repr((cell.config.grading, cell.config.dataset)), []).append(cell)
        with Journal.open(self.run.folder.journal, readonly=True) as journal:
            for cells in ways.values():
                config = replace(cells[0].config, aggregate=(), select=())
                session = Session(config, self.datasets[data_key(config)], journal)
                if (await session.read()).pending:
                    with RunLock(self.run.folder.path):
                        self.run.folder.set_status(Status.INTERRUPTED)
                    self.results.clear()
                    return
                for cell in cells:
                    self.results[cell.number] = result(session, cell)


def result(session: Session, cell: Cell) -> Result:
    """What a session that was read says of a cell; a fault of its own parts is told instead."""
    try:
        ending = replace(session, config=cell.config).ending()
    except PartError as error:
        return Result(fault=error)
    return Result(ending.metrics, too_many(ending, cell.config.fail_on_error))


def generations(cells: Sequence[Cell]) -> list[Generation]:
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
        run = Run.of(config, datasets[data_key(config)], common(group))
        found.append(Generation(number, group, run, datasets))
    return found


def common(cells: Sequence[Cell]) -> str:
    """What was swept and is the same for all of these cells: what tells their run from others."""
    said = [dict.fromkeys(cell.overrides) for cell in cells]
    return " ".join(text for text in said[0] if all(text in other for other in said))


def data_key(config: Config) -> str:
    """What tells datasets apart."""
    return repr(config.dataset)
