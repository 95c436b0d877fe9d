"""How the work on a run ended: the figures, and what failed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from benchmarks.datasets import Dataset
from engines.token_price import TokenPrice
from engines.traits import Traits, traits_of
from search.ports import Failure, FailureKind
from treewright.arms.arm import arms_of
from treewright.arms.metrics import Metrics, measure
from treewright.arms.solved import Solved
from treewright.config.config import Config
from treewright.ledger import Ledger
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
    replicas: dict[str, dict[str, object]] = field(default_factory=dict)

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
    unscored = [
        Failed(item.problem_id, failure) for item in known.solved if (failure := unjudged(item))
    ]
    failed = [*bad_rows, *known.failed, *unscored]
    problems = len(dataset.samples) + len(bad_rows)
    arms = arms_of(config.aggregate, config.select)
    metrics = measure(known.solved, len(failed), problems, arms, config.missing)
    ledger = with_lost(metrics.ledger, known.lost)
    pending = len(dataset.samples) - len(known.solved) - len(known.failed)
    metrics = replace(metrics, ledger=ledger, bills=bills(config, ledger))
    return Ending(metrics, failed, pending)


def bills(config: Config, ledger: Ledger) -> dict[str, float | None]:
    """What the tokens of each side cost that has a price, None where a count is unknown."""
    accounts = {"policy": ledger.policy, "verifier": ledger.verifier}
    parts = {"policy": traits_of(config.policy), "verifier": traits_of(config.scorer)}
    return {
        side: None
        if shared(parts[side])
        else price.of(account.prompt, account.cached, account.generated)
        for side, account in accounts.items()
        if (price := priced(parts[side]))
    }


def priced(part: Traits) -> TokenPrice | None:
    """The price of its tokens, or of those of the first in it that has one; None without any."""
    billed = (each.engine.billed for _, each in part.engines() if each.engine)
    return next((price for price in billed if price), None)


def shared(part: Traits) -> bool:
    """Whether several within it have tokens, which are counted together and cost differently."""
    return (
        sum(each.most_tokens != 0 or each.engine is not None for each in part.within.values()) > 1
    )


def unjudged(item: Solved) -> Failure | None:
    """Why a path of this problem was not judged, None where all were.

    Of several failures one that resume asks again, and then the first by path.
    """
    failures = item.search.failures.items()
    told = min(failures, key=lambda pair: (pair[1].kind.final, pair[0]), default=None)
    return told[1] if told else None
