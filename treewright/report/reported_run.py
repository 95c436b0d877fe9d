"""A run as it is read for a report: replayed from its journal, one problem in memory at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from search.aggregation import Aggregator
from search.core import Spending
from search.ports import Failure, FailureKind
from treewright.arms.arm import Arm, arms_of
from treewright.arms.gpu_time import GpuTime
from treewright.arms.graded_run import GradedRun
from treewright.config.checks import unjudged as no_verifier
from treewright.files.opening import UnsafeFile
from treewright.files.reading import read_inside
from treewright.report.problem_summary import ProblemSummary
from treewright.report.shard import replayed
from treewright.report.tree_files import Trees
from treewright.running.controller import Failed
from treewright.running.processes import processes_for
from treewright.running.recorded import RecordedRun
from treewright.running.run_folder import RunFolder, Status

REFERENCE = "last"
"""The aggregation that the others are held against (Snell et al. 2024 found it best)."""


@dataclass
class ReportedRun:
    """What a run was, and what its journal holds now.

    `aggregations`: those of its config, and `last` to hold them against; none where no verifier was
    asked, and `unjudged` says why. `config`, `environment`: files of the run, as text. `trees`:
    aligned with `cases`. `pending`: problems without a result yet. `lost`: what was spent on
    problems that failed, and before a reply that failed was had. `gpus`: what all its sessions held
    of them. `damage`: what is amiss with the journal, empty when nothing is. `called`: the config's
    name and, beside runs of the same name, what differs.
    """

    source: RecordedRun
    status: Status | None
    aggregations: tuple[str, ...]
    unjudged: str
    config: str
    environment: str
    cases: list[ProblemSummary] = field(default_factory=list)
    trees: Trees = field(default_factory=Trees)
    failed: list[Failed] = field(default_factory=list)
    pending: int = 0
    lost: Spending = field(default_factory=Spending)
    damage: str = ""
    gpus: GpuTime | None = None
    called: str = ""

    @property
    def graded(self) -> GradedRun:
        """Its problems as arms see them."""
        return GradedRun(self.source.label, self.cases, self.source.draws_independently)

    @property
    def largest(self) -> int:
        """How many candidates a problem has at most."""
        return self.graded.largest

    @property
    def arms(self) -> list[Arm]:
        """Those that need no score first; then by selection, one per aggregation.

        Beside those of its config are `first` and `majority`, which others are held against.
        """
        known = dict.fromkeys(("first", "majority", *self.source.config.select))
        arms = [arm for name in known for arm in arms_of(self.aggregations, [name])]
        return sorted(arms, key=lambda arm: arm.aggregation is not None)

    @property
    def problems(self) -> int:
        """All that were asked for."""
        return len(self.source.dataset.samples) + len(self.source.dataset.bad_rows)

    @property
    def name(self) -> str:
        """The run as a person tells it from others: its letter, its name, what differs."""
        return f"{self.source.label} {self.called or self.source.config.name}"


async def read(label: str, path: Path) -> ReportedRun:
    """Read a run, finished or not, asking nobody and writing nothing.

    Raises:
        RunFolderError: there is no such run.
        ConfigError: its config cannot be read.
        NotResumable: its data or its questions are no longer those of the run.
        JournalError: its journal cannot be read, or another version wrote it.
    """
    source = await RecordedRun.open(path, label)
    why = no_verifier(source.config)
    scored = [str(Aggregator.parse(name)) for name in source.config.aggregate]
    names = () if why else tuple(dict.fromkeys((*scored, REFERENCE)))
    reading = ReportedRun(
        source=source,
        status=RunFolder(path).status(),
        aggregations=names,
        unjudged=why,
        config=text_of(path / "config.resolved.yaml"),
        environment=text_of(path / "env.json"),
    )
    found = await replayed(source, names, processes_for(path))
    reading.cases, reading.trees = found.cases, found.trees
    reading.failed = found.failed + [
        Failed(row.id, Failure(FailureKind.INVALID, f"row {row.number}: {row.reason}"))
        for row in source.dataset.bad_rows
    ]
    reading.pending, reading.lost = found.pending, found.lost
    reading.gpus = GpuTime.of(found.gpu_seconds, source.config.cluster.gpu_hour_price)
    reading.damage = source.damage(found.counts, found.pending)
    return reading


def text_of(file: Path) -> str:
    """A file of the run, or why there is none: it decides no figure."""
    try:
        return read_inside(file.parent, file.name).decode("utf-8", "replace")
    except OSError as error:
        return f"{file.name} cannot be read: {error.strerror}"
    except UnsafeFile as error:
        return f"{file.name} is not shown: it {error.problem}"
