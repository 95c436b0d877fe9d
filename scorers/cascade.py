"""A cheap scorer first, and a thorough one for the paths that it leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from engines.traits import Traits
from scorers.ensemble import own_call
from scorers.members import (
    Calibration,
    Member,
    Members,
    check_members,
    examine_members,
    start,
    traits_together,
)
from search.checks import UNCOUNTED, check_cache, fault
from search.core import Judgement, Missing, is_probability
from search.findings import Finding
from search.gather import gather
from search.ports import Failure, Scorer, ScorerCall, ScorerReply


@dataclass(frozen=True)
class CascadeConfig:
    """A cheap scorer first, a thorough one where its answer lies in between.

    Both scales meet in one search: a path that the cheap one settles is compared with one that the
    thorough one judged. `calibration` brings the first onto the scale of the second.
    """

    first: Member
    """The cheap scorer, asked about every path: its `kind` and that kind's keys."""
    then: Member
    """The thorough one, asked about the contested paths, and where the first has no judgement."""
    between: tuple[float, float] = (0.1, 0.9)
    """From where to where a path is contested: the first one's probability for the whole of it,
    corrected, ends included. `[0, 1]` asks the second about all."""
    calibration: Calibration = field(default_factory=Calibration)
    """How the first one's probabilities are corrected, those on steps too."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where judgements are kept, so that none is made twice: `off`; `run`, in memory while the run
    is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""

    def __post_init__(self) -> None:
        check_cache("cache", self.cache)
        check_members({"first": self.first, "then": self.then})
        low, high = self.between
        if not (is_probability(low) and is_probability(high) and low <= high):
            raise fault("between", list(self.between), "two probabilities in ascending order")

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        together = traits_together((self.first, self.then), ("first", "then"))
        return replace(together, cache=self.cache)

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`."""
        return examine_members((self.first, self.then), questions, feedback=feedback)

    def is_contested(self, judgement: Judgement) -> bool:
        """Whether the first one's corrected judgement leaves the path open."""
        low, high = self.between
        return isinstance(judgement.prefix, Missing) or low <= judgement.prefix <= high

    def corrected(self, judgement: Judgement) -> Judgement:
        """The first one's judgement on the scale of the second."""
        if isinstance(judgement.prefix, Missing):
            return judgement
        verdicts = tuple(
            each
            if each.probability is None
            else replace(each, probability=self.calibration(each.probability))
            for each in judgement.verdicts
        )
        return replace(
            judgement, verdicts=verdicts, prefix=self.calibration(judgement.prefix), starts=()
        )


class Cascade(Members):
    """Asks the first, and the second about what is contested."""

    def __init__(self, config: CascadeConfig, ports: Sequence[Scorer]) -> None:
        super().__init__(ports)
        self.config = config

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises `EngineError` when an engine is dead."""
        return await gather(self._judge(call) for call in batch)

    async def _judge(self, call: ScorerCall) -> ScorerReply | Failure:
        first, then = self.ports
        (cheap,) = await first.judge([own_call(call, 0)])
        if isinstance(cheap, ScorerReply):
            judgement = self.config.corrected(cheap.judgement)
            if not self.config.is_contested(judgement):
                return replace(cheap, judgement=judgement)
        (thorough,) = await then.judge([own_call(call, 1)])
        if isinstance(thorough, Failure):
            return thorough.after(cheap.spent)
        spent = cheap.spent + thorough.spent
        if isinstance(cheap, Failure):
            return replace(thorough, spent=spent)
        sampled = cheap.sampled or thorough.sampled
        if isinstance(thorough.judgement.prefix, Missing):
            spent = spent.as_failed()
        return ScorerReply(replace(thorough.judgement, starts=(), votes=()), spent, sampled)


async def build(config: CascadeConfig) -> Cascade:
    """Start both. Raises what the first raises that cannot start."""
    return Cascade(config, await start((config.first, config.then)))
