"""Every way to choose from one set of candidates: measured, priced and compared as one family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

from benchmarks.estimators.calibration import calibration
from scorers.log_odds import probability
from search.aggregation import AGGREGATIONS, Aggregator, Scale
from search.selection import SELECTIONS
from treewright.comparing.arm_name import ArmName
from treewright.comparing.comparison import Comparison, compare
from treewright.comparing.marks import Marks
from treewright.comparing.source import Found
from treewright.ledger import candidate_tokens
from treewright.metrics import mean
from treewright.report.curves import Curve, curves, marks, sizes_of
from treewright.report.differences import is_reference
from treewright.report.problem_summary import summary_of
from treewright.report.reported_run import ReportedRun
from treewright.report.verifier import graded, separation

AGGREGATES = (*AGGREGATIONS, "history.last")
"""All that ship, over steps and over the history. Whole solutions are judged once, so a history has
one entry, and every other aggregation over it orders candidates as `history.last` does."""

SMALLER = (8, 16)
"""Numbers of candidates at which arms are compared, beside all there are."""


Prices: TypeAlias = dict[str, tuple[int | None, int | None]]
"""By problem id tokens of policy and verifier, None where nobody counted them."""


class Against(StrEnum):
    """What an arm is compared with."""

    LAST = "last"
    """The same selection by `last`, over as many candidates."""
    MAJORITY = "majority"
    """The vote without a verifier, over as many candidates."""
    FEWER = "fewer"
    """Itself over the fewest candidates compared: do more of them harm?"""


@dataclass(frozen=True, slots=True)
class Row:
    """A comparison within the family: an arm over `n` candidates against its reference."""

    against: Against
    arm: ArmName
    n: int
    found: Comparison


@dataclass(frozen=True, slots=True)
class Judged:
    """A score against the grades: AUROC within a problem and over all, and ECE; each in [0, 1]."""

    within: float | None
    pooled: float | None
    ece: float | None


@dataclass(frozen=True)
class Choosing:
    """Every arm over a finished run of independent draws.

    `reading`: the run as a report reads it; `curves`: its arms at n = 1, 2, 4, … N.
    """

    found: Found
    reading: ReportedRun
    curves: tuple[Curve, ...]
    _prices: dict[tuple[int, bool], Prices] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Found) -> Choosing:
        """Measure all that ships, whatever the run's own config reports."""
        config = replace(found.source.config, aggregate=AGGREGATES, select=tuple(SELECTIONS))
        source = replace(found.source, run=replace(found.source.run, config=config))
        samples = {sample.problem.id: sample for sample in source.dataset.samples}
        reading = ReportedRun(source, None, AGGREGATES, unjudged="", config="", environment="")
        for item in found.solved:
            unread: list[str | None] = [None] * len(item.search.result.candidates)
            sample = samples[item.problem_id]
            reading.cases.append(summary_of(sample, item, config, AGGREGATES, unread))
        return cls(found, reading, tuple(curves(reading)))

    @property
    def sizes(self) -> list[int]:
        """1, 2, 4, … N."""
        return sizes_of(self.reading)

    @property
    def largest(self) -> int:
        """N."""
        return self.sizes[-1]

    @property
    def compared(self) -> list[int]:
        """The sizes at which arms are compared; N is the last."""
        return [n for n in self.sizes if n in SMALLER or n == self.largest]

    def price(self, n: int, *, judged: bool) -> Prices:
        """By problem id what the first `n` candidates cost: tokens of policy and verifier."""
        if (n, judged) not in self._prices:
            self._prices[n, judged] = {
                item.problem_id: candidate_tokens(item.search, n, judged=judged)
                for item in self.found.solved
            }
        return self._prices[n, judged]

    def mean_price(self, n: int) -> tuple[float | None, float | None]:
        """Of the first n candidates and their judgements, over problems."""
        paid = self.price(n, judged=True).values()
        return mean(policy for policy, _ in paid), mean(verifier for _, verifier in paid)

    def marks(self, curve: Curve, n: int) -> Marks:
        """An arm over n candidates, at the price of the first n, as `treewright compare` has it.

        What looks at one candidate only is taken at n = 1: over every one of them.
        """
        size = min(n, SELECTIONS[curve.arm.selection].reads or n)
        price = self.price(size, judged=curve.arm.aggregation is not None)
        return replace(
            marks(self.reading, curve, self.sizes.index(size)),
            policy={id: policy for id, (policy, _) in price.items()},
            verifier={id: verifier for id, (_, verifier) in price.items()},
        )

    @cached_property
    def judged(self) -> dict[str, Judged]:
        """By aggregation how well its scores tell right from wrong."""
        cases = self.reading.cases
        made = {}
        for name in AGGREGATES:
            apart = separation([case.scores[name] for case in cases], cases)
            pairs = [pair for case in cases for pair in graded(case.scores[name], case)]
            chances = [chance(score, Aggregator.parse(name).scale) for score, _ in pairs]
            ece = calibration(chances, [right for _, right in pairs]).ece
            made[name] = Judged(apart.within, apart.pooled, ece)
        return made

    def rows(self) -> list[Row]:
        """The whole family: one set of p values, adjusted together."""
        asked = list(self._asked())
        pairs = [(self.marks(ours, n), self.marks(theirs, m)) for _, ours, n, theirs, m in asked]
        return [
            Row(against, ours.arm, n, found)
            for (against, ours, n, _, _), found in zip(asked, compare(pairs), strict=True)
        ]

    def _asked(self) -> Iterator[tuple[Against, Curve, int, Curve, int]]:
        """What is compared: an arm at n with a reference at m."""
        last = {curve.arm.selection: curve for curve in self.curves if is_reference(curve)}
        (majority,) = (curve for curve in self.curves if curve.arm.selection == "majority")
        fewest, most = self.compared[0], self.compared[-1]
        for curve in self.curves:
            if curve is majority:
                continue
            selection = curve.arm.selection
            for n in self.compared:
                yield Against.MAJORITY, curve, n, majority, n
                if curve.arm.aggregation and not is_reference(curve):
                    yield Against.LAST, curve, n, last[selection], n
            if selection == "best" and fewest < most:
                yield Against.FEWER, curve, most, curve, fewest


def chance(score: float, scale: Scale) -> float:
    """The score itself, or the probability that log-odds stand for."""
    return score if scale is Scale.PROBABILITY else probability(score)
