"""A recorded run from Python: its arms and its candidates as tables, its trees as graphs."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.datasets import Sample
from search.questions import steered_by
from search.tree import Graph
from treewright.arms.columns import Place
from treewright.arms.metrics import Metrics
from treewright.config.config import Config
from treewright.config.load import PYTHON
from treewright.exchange.samples import samples_table
from treewright.lab.portal import Portal
from treewright.running.ending import ending
from treewright.running.recorded import RecordedRun
from treewright.running.replay import Known
from treewright.running.run_folder import Status
from treewright.running.table import table_text
from treewright.trees.trees import find, tree

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class AsyncRun:
    """A run as it was recorded: read once, asking no model, importing no code that it names.

    `config`: what it was made with. `metrics`: every arm, and the ledger.
    """

    config: Config
    metrics: Metrics = field(repr=False)
    _run: RecordedRun = field(repr=False)
    _known: Known = field(repr=False)

    @classmethod
    async def open(cls, run: str | Path) -> AsyncRun:
        """Read a run: its folder, `quickstart/latest`, or the beginning of its folder's name.

        What is amiss with its journal is said on stderr.

        Raises:
            RunFolderError: there is no such run.
            ConfigError: its config cannot be read.
            DatasetError: its data are gone.
            NotResumable: its data or its questions are no longer those of the run.
            JournalError: its journal cannot be read.
        """
        opened = await RecordedRun.open(Path(run))
        known = await opened.read()
        opened.tell(known.damage)
        metrics = ending(opened.config, opened.dataset, known).metrics
        return AsyncRun(opened.config, metrics, opened, known)

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._run.folder.path

    @property
    def status(self) -> Status | None:
        """How it ended: `complete`, `incomplete`, …; None where it does not say."""
        return self._run.folder.status()

    @property
    def problems(self) -> list[Sample]:
        """The problems that have a result, in the dataset's order, each with its reference."""
        return [sample for sample, _ in self._run.results(self._known)]

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
        return samples_table(self._run, self._known)

    def tree(self, problem: str | int) -> Graph:
        """The search of a problem, graded: its id, the beginning of it, or its number from 1.

        Raises `ConfigError` for a problem that is not there.
        """
        sample = find(self.problems, str(problem), PYTHON)
        solved = {item.problem_id: item for item in self._known.solved}
        return tree(sample.problem, solved[sample.problem.id], self.config)

    def __repr__(self) -> str:
        head = f"run {self.path}: {self.status or 'status unknown'}, {self.config.name}"
        return f"{head}\n{table_text(self.metrics, steered_by(self.config.strategy))}"

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        return f"<pre style='line-height:1.2'>{escape(repr(self))}</pre>"


class Run(AsyncRun):
    """`AsyncRun` for code that awaits nothing: a script, and a notebook whose loop is running."""

    def __init__(self, run: str | Path) -> None:
        """As `AsyncRun.open`."""
        portal = Portal()
        try:
            opened = portal.run(AsyncRun.open(run))
        finally:
            portal.close()
        super().__init__(opened.config, opened.metrics, opened._run, opened._known)
