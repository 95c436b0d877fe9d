"""The figures of a run: every arm from one set of searched and graded candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from search.aggregation import MissingRule
from treewright.arms.arm import Arm
from treewright.arms.columns import Place
from treewright.arms.graded_run import GradedRun
from treewright.arms.measured import Measured
from treewright.arms.solved import Solved
from treewright.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of a run.

    `problems` counts all that were selected, `failures` those that did not end in order.
    `exhausted` counts the searches that a limit ended, by the limit's name (`total_tokens`,
    `depth`). `bills`: what the tokens of a side cost that has a price, None where unknown.
    """

    problems: int
    failures: int
    arms: tuple[Measured, ...]
    ledger: Ledger
    exhausted: dict[str, int] = field(default_factory=dict)
    bills: dict[str, float | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """A plain object; the same figures always give the same bytes."""
        return {
            "problems": self.problems,
            "failures": self.failures,
            "arms": [Place.METRICS.to_json(arm) for arm in self.arms],
            "ledger": asdict(self.ledger),
            "exhausted": self.exhausted,
            **({"bills": self.bills} if self.bills else {}),
        }

    @property
    def tops(self) -> list[Measured]:
        """Every arm over all candidates."""
        return list({arm.arm: arm for arm in self.arms}.values())


def measure(
    solved: Sequence[Solved],
    failures: int,
    problems: int,
    arms: Sequence[Arm],
    missing: MissingRule,
) -> Metrics:
    """Every arm over the first 1, 2, 4, … candidates. The order of `solved` does not matter."""
    ordered = sorted(solved, key=lambda item: item.problem_id)
    run = GradedRun.of(ordered, arms, missing)
    measured = tuple(run.first(arm, n).figures for arm in arms for n in run.sizes)
    ledger = Ledger.of([item.search for item in ordered])
    return Metrics(problems, failures, measured, ledger, limits_reached(ordered))


def limits_reached(solved: Sequence[Solved]) -> dict[str, int]:
    """How many searches each limit ended, by the limit's name, sorted."""
    reached = [item.search.result.exhausted for item in solved]
    names = Counter(each.limit for each in reached if each is not None)
    return dict(sorted(names.items()))
