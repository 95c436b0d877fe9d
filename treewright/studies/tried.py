"""A strategy with a way to verify, and what it came to beside the naive way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from search.core import Origin
from treewright.arms.comparison import Comparison
from treewright.arms.marks import Marks
from treewright.ledger import Account, Ledger, summed
from treewright.studies.agreement import Agreement
from treewright.studies.judged_again import Sampled
from treewright.studies.ways import NAIVE, Trial


@dataclass(frozen=True)
class Tried:
    """A trial and its figures; none of one that was skipped.

    `ledgers`: of each problem with a result by its id; `naive`: those of the naive way. `origins`
    counts judgements by how they came about. `sampled`: judgements that were not made whole.
    `agreement`: theirs with whole ones; `itself`: of whole ones with whole ones of another seed, on
    the same paths. `versus`: its accuracy against the naive way's. `replicas`: of the policy and of
    the verifier, of its last session; None where that is not known.
    """

    trial: Trial
    marks: Marks | None = None
    ledgers: Mapping[str, Ledger] = field(default_factory=dict)
    failures: int = 0
    origins: Mapping[Origin, int] = field(default_factory=dict)
    sampled: Sequence[Sampled] = ()
    agreement: Agreement | None = None
    itself: Agreement | None = None
    versus: Comparison | None = None
    naive: Mapping[str, Ledger] = field(default_factory=dict)
    replicas: tuple[int, int] | None = None

    @property
    def problems(self) -> int:
        """How many have a result."""
        return len(self.ledgers)

    @property
    def generated(self) -> float | None:
        """Tokens that the verifier wrote, as a ratio to the naive way; None where unknown.

        Over the problems that both have a result of.
        """
        return self._ratio(lambda side: side.generated)

    @property
    def computed(self) -> float | None:
        """The same of all that went through it, prompt tokens that were not cached included."""
        return self._ratio(computed)

    def _ratio(self, of: Callable[[Account], int | None]) -> float | None:
        both = self.ledgers.keys() & self.naive.keys()
        ours, theirs = (
            of(summed([side[id].verifier for id in both])) for side in (self.ledgers, self.naive)
        )
        return ours / theirs if ours is not None and theirs else None

    @property
    def sides(self) -> tuple[float | None, float | None, float | None]:
        """Per problem: policy's computed tokens, the verifier's, and those that it generated."""
        if not self.problems:
            return None, None, None
        whole = Ledger.sum(list(self.ledgers.values()))
        told = (computed(whole.policy), computed(whole.verifier), whole.verifier.generated)
        policy, all_of_it, written = (
            None if each is None else each / self.problems for each in told
        )
        return policy, all_of_it, written

    def to_json(self) -> dict[str, object]:
        """A plain object."""
        policy, verifier, written = self.sides
        figures = self.marks.figures if self.marks else None
        return {
            "strategy": self.trial.strategy,
            "way": self.trial.way,
            "skipped": self.trial.skipped or None,
            "accuracy": figures and figures.accuracy,
            "ci95": figures and figures.ci95,
            "problems": self.problems,
            "failures": self.failures,
            "policy": policy,
            "verifier": verifier,
            "verifier_generated": written,
            "ratio_generated": self.generated,
            "ratio_computed": self.computed,
            "origins": {str(origin): count for origin, count in self.origins.items()},
            "agreement": self.agreement and asdict(self.agreement),
            "itself": self.itself and asdict(self.itself),
            "versus": self.versus and self.versus.to_json(),
            "replicas": self.replicas,
        }


@dataclass(frozen=True)
class Verified:
    """All rows of the study, and seconds by way: of beam over so many problems each."""

    rows: tuple[Tried, ...]
    seconds: Mapping[str, list[float]]
    timed: int

    def faster(self, way: str) -> float | None:
        """The ratio of median seconds to the naive way's; None where one is not known."""
        ours, theirs = self.seconds.get(way), self.seconds.get(NAIVE)
        return median(ours) / median(theirs) if ours and theirs else None

    def to_json(self) -> dict[str, object]:
        """A plain object."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "seconds": {**self.seconds},
            "timed_problems": self.timed,
        }


def computed(side: Account) -> int | None:
    """Prompt tokens that were not cached, and generated ones; None where unknown."""
    if side.prompt is None or side.cached is None or side.generated is None:
        return None
    return side.prompt - side.cached + side.generated
