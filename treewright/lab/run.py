"""A recorded run from Python: its arms and its candidates as tables, its trees as graphs."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from benchmarks.datasets import Sample
from search.questions import steered_by
from search.tree import Graph
from treewright.arms.columns import Place
from treewright.arms.metrics import Metrics
from treewright.config.config import Config
from treewright.exchange.recorded_run import RecordedRun
from treewright.exchange.samples import samples_table
from treewright.journal.journal import Journal
from treewright.lab.portal import Portal
from treewright.running.recorded import Recorded, as_trusted
from treewright.running.run_folder import Status
from treewright.running.run_name import find_run
from treewright.running.session import Session
from treewright.running.table import table_text
from treewright.trees.trees import find, tree

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    import pyarrow as pa

T = TypeVar("T")


@dataclass(frozen=True)
class AsyncRun:
    """A run as it was recorded: read once, asking no model, importing no code that it names.

    `config`: what it was made with. `metrics`: every arm, and the ledger.
    """

    config: Config
    metrics: Metrics = field(repr=False)
    _recorded: RecordedRun = field(repr=False)

    @classmethod
    async def open(cls, run: str | Path) -> Self:
        """Read a run: its folder, `quickstart/latest`, or the beginning of its folder's name.

        Raises:
            RunFolderError: there is no such run.
            ConfigError: its config cannot be read.
            DatasetError: its data are gone.
            NotResumable: its data or its questions are no longer those of the run.
            JournalError: its journal is damaged.
        """
        recorded = Recorded.open(find_run(Path(run)))
        with Journal.open(recorded.folder.journal, readonly=True) as journal:
            session = Session(recorded.config, recorded.dataset, journal)
            ending = await session.read(as_trusted(recorded.config.grading))
        recorded.tell()
        told = RecordedRun.of(recorded, session.solved)
        return cls(recorded.config, ending.metrics, told)

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._recorded.folder.path

    @property
    def status(self) -> Status | None:
        """How it ended: `complete`, `incomplete`, …; None where it does not say."""
        return self._recorded.folder.status()

    @property
    def problems(self) -> list[Sample]:
        """The problems that have a result, in the dataset's order, each with its reference."""
        return [sample for sample, _ in self._recorded.solved]

    def arms(self) -> pa.Table:
        """A row per aggregation × selection × n: accuracy, interval, cost, what was left out.

        Each column says what it is, as `about` in the metadata of its field.
        """
        import pyarrow as pa

        made = pa.Table.from_pylist([Place.METRICS.to_json(arm) for arm in self.metrics.arms])
        about = {column.key: {"about": column.about} for column in Place.METRICS.columns}
        return made.cast(pa.schema([each.with_metadata(about[each.name]) for each in made.schema]))

    def candidates(self) -> pa.Table:
        """A row per candidate, as `treewright export` writes: text, verdicts, outcome, cost."""
        return samples_table(self._recorded)

    def tree(self, problem: str | int) -> Graph:
        """The search of a problem, graded: its id, the beginning of it, or its number from 1.

        Raises `ConfigError` for a problem that is not there.
        """
        pairs = {sample.problem.id: (sample, solved) for sample, solved in self._recorded.solved}
        sample = find(self.problems, str(problem))
        return tree(sample.problem, pairs[sample.problem.id][1], self.config)

    def __repr__(self) -> str:
        head = f"run {self.path}: {self.status or 'status unknown'}, {self.config.name}"
        return f"{head}\n{table_text(self.metrics, steered_by(self.config.strategy))}"

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        return f"<pre style='line-height:1.2'>{escape(repr(self))}</pre>"


class Run:
    """`AsyncRun` for code that awaits nothing: a script, and a notebook whose loop is running."""

    def __init__(self, run: str | Path) -> None:
        """As `AsyncRun.open`."""
        self._run = _finished(AsyncRun.open(run))

    @property
    def config(self) -> Config:
        """What it was made with."""
        return self._run.config

    @property
    def metrics(self) -> Metrics:
        """Every arm, and the ledger."""
        return self._run.metrics

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._run.path

    @property
    def status(self) -> Status | None:
        """As `AsyncRun.status`."""
        return self._run.status

    @property
    def problems(self) -> list[Sample]:
        """As `AsyncRun.problems`."""
        return self._run.problems

    def arms(self) -> pa.Table:
        """As `AsyncRun.arms`."""
        return self._run.arms()

    def candidates(self) -> pa.Table:
        """As `AsyncRun.candidates`."""
        return self._run.candidates()

    def tree(self, problem: str | int) -> Graph:
        """As `AsyncRun.tree`."""
        return self._run.tree(problem)

    def __repr__(self) -> str:
        return repr(self._run)

    def _repr_html_(self) -> str:
        return self._run._repr_html_()


def _finished(work: Coroutine[Any, Any, T]) -> T:
    portal = Portal()
    try:
        return portal.run(work)
    finally:
        portal.close()
