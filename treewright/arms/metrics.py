"""The figures of a run: every arm from one set of searched and graded candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from search.aggregation import MissingRule
from search.limit import LimitReached
from treewright.arms.arm import Arm
from treewright.arms.columns import Place
from treewright.arms.gpu_time import GpuTime
from treewright.arms.graded_run import GradedRun
from treewright.arms.measured import Measured
from treewright.arms.scored import Scored
from treewright.arms.solved import Solved
from treewright.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of a run.

    `problems` counts all that were selected, `failures` those that did not end in order.
    `exhausted` counts the searches that a limit ended, by the limit's name (`total_tokens`,
    `depth`). `bills`: what the tokens of a side cost that has a price, None where unknown. `gpus`:
    what was held of GPUs, None where there was none.
    """

    problems: int
    failures: int
    arms: tuple[Measured, ...]
    ledger: Ledger
    exhausted: dict[str, int] = field(default_factory=dict)
    bills: dict[str, float | None] = field(default_factory=dict)
    gpus: GpuTime | None = None

    def to_json(self) -> dict[str, object]:
        """A plain object; the same figures always give the same bytes."""
        return {
            "problems": self.problems,
            "failures": self.failures,
            "arms": [Place.METRICS.to_json(arm) for arm in self.arms],
            "ledger": asdict(self.ledger),
            "exhausted": self.exhausted,
            **({"bills": self.bills} if self.bills else {}),
            **({"gpus": self.gpus.to_json()} if self.gpus else {}),
        }

    @property
    def tops(self) -> list[Measured]:
        """Every arm over all candidates."""
        return list({arm.arm: arm for arm in self.arms}.values())


def measure(
    solved: Iterable[Solved | Scored],
    failures: int,
    problems: int,
    arms: Sequence[Arm],
    missing: MissingRule,
) -> Metrics:
    """Every arm over the first 1, 2, 4, … candidates. The order of `solved` does not matter."""
    aggregations = [arm.aggregation for arm in arms]
    scored = [
        item if isinstance(item, Scored) else Scored.of(item, aggregations, missing)
        for item in sorted(solved, key=lambda item: item.problem_id)
    ]
    run = GradedRun("", [item.graded for item in scored])
    measured = tuple(run.first(arm, n).figures for arm in arms for n in run.sizes)
    ledger = Ledger.sum([item.ledger for item in scored])
    return Metrics(
        problems, failures, measured, ledger, _counted(each.exhausted for each in scored)
    )


def limits_reached(solved: Sequence[Solved]) -> dict[str, int]:
    """How many searches each limit ended, by the limit's name, sorted."""
    return _counted(item.search.result.exhausted for item in solved)


def _counted(reached: Iterable[LimitReached | None]) -> dict[str, int]:
    names = Counter(each.limit for each in reached if each is not None)
    return dict(sorted(names.items()))
