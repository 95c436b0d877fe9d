"""Several scorers, and what they say together: a calibrated mean, a vote, or a mean of ranks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from typing import Literal, TypeAlias

from engines.traits import Traits
from scorers.members import (
    Calibration,
    Member,
    Members,
    check_members,
    check_quantiles,
    examine_members,
    start,
    traits_together,
)
from search.checks import UNCOUNTED, check_cache, check_choice, check_number, fault
from search.core import Judgement, Missing, Spent, StepVerdict, VerdictStatus
from search.findings import Finding
from search.gather import gather
from search.ports import Failure, Scorer, ScorerCall, ScorerReply
from search.seeds import call_seed

Combine: TypeAlias = Literal["mean", "vote", "rank"]
UNREAD = StepVerdict(None, VerdictStatus.MISSING)


@dataclass(frozen=True)
class EnsembleConfig:
    """Several scorers, combined: the mean of their calibrated probabilities, a vote, or ranks.

    All are asked about every path; what they cost is added up. One of them at most has an engine of
    its own: others are served elsewhere, or have none.
    """

    members: tuple[Member, ...]
    """The scorers, two or more, each with its `kind` and that kind's keys."""
    combine: Combine = "mean"
    """`mean`, of their probabilities, each corrected by its `calibration`; `vote`, the share of
    them whose corrected probability is `threshold` or more; `rank`, the mean of the places that
    their probabilities take among those of its `quantiles`."""
    weights: tuple[float, ...] = ()
    """What each member counts, in their order; none: all the same."""
    calibration: tuple[Calibration, ...] = ()
    """How each member's probabilities are corrected; none: not at all."""
    quantiles: tuple[tuple[float, ...], ...] = ()
    """`rank` only: for each member, probabilities that it gave to a sample of solutions, ascending:
    a path's rank is the share of these that are lower, and half of those that are equal."""
    threshold: float = 0.5
    """`vote` only: from 0 to 1."""
    missing: Literal["fail", "skip"] = "fail"
    """Where a member has no judgement there is none (`fail`), or the others decide (`skip`)."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where judgements are kept, so that none is made twice: `off`; `run`, in memory while the run
    is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""

    def __post_init__(self) -> None:
        check_cache("cache", self.cache)
        if len(self.members) < 2:
            raise fault("members", len(self.members), "two scorers or more")
        check_members({f"members[{index}]": each for index, each in enumerate(self.members)})
        check_choice("combine", self.combine, Combine)
        check_choice("missing", self.missing, ("fail", "skip"))
        check_number("threshold", self.threshold, high=1.0)
        for name in ("weights", "calibration", "quantiles"):
            given = len(getattr(self, name))
            if given not in (0, len(self.members)):
                raise fault(name, given, f"{len(self.members)}, one for each member")
        if self.combine == "rank" and not self.quantiles:
            raise fault("quantiles", [], "given with combine: rank", "see docs/scorers.md")
        for index, values in enumerate(self.quantiles):
            check_quantiles(f"quantiles[{index}]", values)
        for index, value in enumerate(self.weights):
            check_number(f"weights[{index}]", value)
        if self.weights and not sum(self.weights):
            raise fault("weights", list(self.weights), "not all 0")

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        names = [f"members[{index}]" for index in range(len(self.members))]
        return replace(traits_together(self.members, names), cache=self.cache)

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`."""
        return examine_members(self.members, questions, feedback=feedback)

    def together(self, said: Sequence[float | None]) -> float | None:
        """Of each member's probability, None where it has none; None where nobody has one."""
        weights = self.weights or (1.0,) * len(self.members)
        counted = [
            (self._one(index, value), weights[index])
            for index, value in enumerate(said)
            if value is not None
        ]
        total = fsum(weight for _, weight in counted)
        if not total:
            return None
        mean = fsum(value * weight for value, weight in counted) / total
        return min(1.0, max(0.0, mean))

    def _one(self, index: int, value: float) -> float:
        """What one member's probability counts as, from 0 to 1."""
        if self.combine == "rank":
            sample = self.quantiles[index]
            below, upto = bisect_left(sample, value), bisect_right(sample, value)
            return (below + upto) / (2 * len(sample))
        corrected = self.calibration[index](value) if self.calibration else value
        return float(corrected >= self.threshold) if self.combine == "vote" else corrected


class Ensemble(Members):
    """Asks all members about every path."""

    def __init__(self, config: EnsembleConfig, ports: Sequence[Scorer]) -> None:
        super().__init__(ports)
        self.config = config

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises `EngineError` when a member's engine is dead."""
        columns = await gather(
            port.judge([own_call(call, index) for call in batch])
            for index, port in enumerate(self.ports)
        )
        return [
            self._reply(replies, len(call.path.steps))
            for call, replies in zip(batch, zip(*columns, strict=True), strict=True)
        ]

    def _reply(self, replies: Sequence[ScorerReply | Failure], steps: int) -> ScorerReply | Failure:
        """Of one path; a member that failed has no judgement, and where all must, the path none."""
        spent = sum((reply.spent for reply in replies), Spent())
        failed = [reply for reply in replies if isinstance(reply, Failure)]
        if failed and (self.config.missing == "fail" or len(failed) == len(replies)):
            # One that fails for good decides where all must judge, and none where one is enough.
            decides = self.config.missing == "fail"
            why = min(failed, key=lambda each: each.kind.final != decides)
            return replace(why, spent=spent.as_failed())
        judgements = [
            Judgement.missing(reply.message) if isinstance(reply, Failure) else reply.judgement
            for reply in replies
        ]
        told = [reply for reply in replies if isinstance(reply, ScorerReply)]
        judgement = self._judgement(judgements, steps)
        if isinstance(judgement.prefix, Missing):
            spent = spent.as_failed()
        return ScorerReply(judgement, spent, any(reply.sampled for reply in told))

    def _judgement(self, judgements: Sequence[Judgement], steps: int) -> Judgement:
        lacking = [each.prefix for each in judgements if isinstance(each.prefix, Missing)]
        prefixes = [None if isinstance(p := each.prefix, Missing) else p for each in judgements]
        whole = self.config.together(prefixes)
        if whole is None or (lacking and self.config.missing == "fail"):
            return Judgement.missing(lacking[0].reason if lacking else "no member counts")
        if not any(each.verdicts for each in judgements):
            return Judgement((), whole, chains=1)
        verdicts = tuple(self._verdict(judgements, index) for index in range(steps))
        return Judgement(verdicts, whole, chains=1)

    def _verdict(self, judgements: Sequence[Judgement], index: int) -> StepVerdict:
        """Of one step: of the members that have a probability for it."""
        said = [each.verdicts[index] if each.verdicts else UNREAD for each in judgements]
        value = self.config.together([verdict.probability for verdict in said])
        if value is None:
            return UNREAD
        critique = "\n\n".join(verdict.critique for verdict in said if verdict.critique)
        return StepVerdict(value, VerdictStatus.READ, critique)


def own_call(call: ScorerCall, index: int) -> ScorerCall:
    """The call to member `index`, with a seed of its own."""
    seed = call_seed(call.seed, "member", index)
    return replace(call, seed=seed, earlier=None, further=None)


async def build(config: EnsembleConfig) -> Ensemble:
    """Start all members. Raises what the first raises that cannot start."""
    return Ensemble(config, await start(config.members))
