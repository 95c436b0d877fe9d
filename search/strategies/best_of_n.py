"""Best-of-N: draw whole solutions, judge each, let selection choose (Cobbe et al. 2021)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from search.aggregation import MissingRule, Scale
from search.budget import Budget, Exhausted
from search.candidates import judge_finished
from search.checks import check_choice, check_count
from search.core import Candidate, Problem, Result
from search.questions import Flow
from search.strategies.steered import Steered
from search.strategies.stopping import Poll
from search.strategies.waves import Waves, check_wave, draw

Stop = Literal["none", "majority", "weighted", "best"]


@dataclass(frozen=True)
class BestOfN(Waves, Steered):
    """At most `n` independent solutions; the finished ones are judged.

    Candidates stay in the order of their numbers.
    """

    widths: ClassVar = ("n",)
    n: int = 16
    """How many solutions are drawn at most."""
    stop: Stop = "none"
    """Names a selection: no more is drawn when its answer, by `aggregate` and `missing`, would be
    the same whatever the rest turned out to be. Nothing is promised for other selections and
    aggregations. Few draws are saved when answers disagree; `best` is settled by the highest score
    there is only, 1.0, which a verifier hardly ever gives. Answers are compared as texts: where
    grading counts two spellings as one answer, the votes for both could have beaten a settled one.
    `none` draws all."""
    wave: int | None = None
    """How many are drawn, then judged, at a time; `stop` and the budget are looked at between
    waves. `null` is all at once, which `stop` forbids."""
    aggregate: str = "history.last"
    """How the verdicts on a solution become the score that `stop` looks at; with `none` or
    `majority` it changes nothing."""
    missing: MissingRule = MissingRule.WORST
    """What a step without a verdict does to that score, as in other strategies: `skip` it, let it
    take the lowest probability read beside it (`worst`), or `fail` to score."""
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        check_count("n", self.n, 1)
        check_choice("stop", self.stop, Stop)
        check_wave(self.wave, self.n, self.stop)
        if self.steering.aggregator.scale is Scale.LOGIT and self.stop == "best":
            raise ValueError(
                f"aggregate: {self.aggregate} has no highest score, so stop best would never stop; "
                "nearest history.last"
            )

    @property
    def judges_prefixes(self) -> bool:
        """Only finished solutions are judged."""
        return False

    @property
    def keeps(self) -> int:
        """One candidate is selected."""
        return 1

    @property
    def steered_by(self) -> str | None:
        """The aggregation, where a score stops it; without `stop`, or by votes alone, none."""
        return self.aggregate if self.stop in ("weighted", "best") else None

    def search(self, problem: Problem) -> Flow:
        """Wave by wave: draw, then judge those that finished, until all are drawn or it is settled.

        An unfinished solution has no answer to select.
        """
        drawn: list[Candidate] = []
        poll = None if self.stop == "none" else Poll(self.stop, self.steering)
        with suppress(Exhausted):
            while (left := self.n - len(drawn)) and not (poll and poll.settled(left)):
                start = len(drawn)
                wave = yield from draw(problem, start, self.wave or self.n, self.n)
                drawn += map(Candidate, wave)
                drawn[start:] = yield from judge_finished(drawn[start:])
                if poll:
                    poll.add(drawn[start:])
        return Result(tuple(drawn))
