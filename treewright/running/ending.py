"""How the work on a run ended: the figures, and what failed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from benchmarks.datasets import Dataset
from search.ports import Failure, FailureKind
from treewright.arms.arm import arms_of
from treewright.arms.gpu_time import GpuTime
from treewright.arms.metrics import Metrics, measure
from treewright.arms.tariff import Tariff
from treewright.config.config import Config
from treewright.running.controller import Failed
from treewright.running.replay import Known
from treewright.running.run_folder import Status
from treewright.running.wasted import with_lost


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended: the figures, every failure, and how many problems were not reached.

    `replicas`: see `treewright.running.replicas.told`; empty where it asked none.
    """

    metrics: Metrics
    failed: list[Failed]
    pending: int
    replicas: dict[str, object] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """What STATUS says afterwards."""
        if self.pending:
            return Status.INTERRUPTED
        again = any(not item.failure.kind.final for item in self.failed)
        return Status.INCOMPLETE if again else Status.COMPLETE


def ending(config: Config, dataset: Dataset, known: Known) -> Ending:
    """The figures that a config reports over all that is known of a run."""
    bad_rows = [
        Failed(row.id, Failure(FailureKind.INVALID, f"row {row.number}: {row.reason}"))
        for row in dataset.bad_rows
    ]
    unscored = [Failed(item.problem_id, item.unjudged) for item in known.results if item.unjudged]
    failed = [*bad_rows, *known.failed, *unscored]
    problems = len(dataset.samples) + len(bad_rows)
    arms = arms_of(config.aggregate, config.select)
    metrics = measure(known.results, len(failed), problems, arms, config.missing)
    ledger = with_lost(metrics.ledger, known.lost)
    pending = len(dataset.samples) - len(known.results) - len(known.failed)
    metrics = replace(metrics, ledger=ledger, bills=Tariff.of(config).bills(ledger))
    gpus = GpuTime.of(known.gpu_seconds, config.cluster.gpu_hour_price)
    return Ending(replace(metrics, gpus=gpus), failed, pending)
