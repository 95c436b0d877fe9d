r"""A scorer without a model: a deterministic function of the path and the seed.

For tests, dry runs and demonstrations. It knows which steps of the scripted policy are right, tells
so with a chosen skill, and answers as ThinkPRM does: a critique per step that ends in
`\boxed{correct}` or `\boxed{incorrect}`, nothing read after the first incorrect step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from engines.faults import Faults
from engines.scripted_sleep import ScriptedSleep
from engines.scripted_world import FILLER, is_right_step, lognormal
from engines.traits import DOUBLE, Judges, Traits
from scorers.combining import combine, votes, with_further
from scorers.prompt import user_message
from scorers.readings import BoxedVerdict, ChainReading, settle
from search.checks import UNCOUNTED, UNSAID, check_cache, check_count, check_number
from search.contest import AdaptiveChains
from search.core import Judgement, Prefix, Spent
from search.gather import gather
from search.ports import Failure, FailureKind, Scorer, ScorerCall, ScorerReply
from search.seeds import call_seed

MARGIN = 2.0
"""Mean of the exponential absolute log-odds of a verdict."""


@dataclass(frozen=True)
class ScriptedScorerConfig:
    """Judgements made by chance, without a model: a double for tests and trials."""

    skill: float = 0.9
    """Chance in [0, 1] that a step is judged as what it is."""
    missing: float = 0.0
    """Chance in [0, 1] that a judgement cannot be read."""
    critique_tokens: int = 64
    """Mean length of a critique in tokens, which are bytes; it is never shorter than its
    verdict."""
    length_cv: float = 0.0
    """Coefficient of variation of the length of a critique, which is lognormal; 0 is always the
    mean."""
    chains: int | AdaptiveChains = field(default=1, metadata=UNSAID)
    """How many chains make a judgement, each by a chance of its own; or `{least, most, until}`."""
    outcome_only: bool = False
    """Behave as an outcome reward model, which scores finished solutions as a whole and knows
    nothing of steps."""
    faults: Faults = field(default_factory=Faults)
    """How calls fail, for tests."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where judgements are kept, so that none is made twice: `off`; `run`, in memory while the run
    is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""

    def __post_init__(self) -> None:
        check_cache("cache", self.cache)
        check_number("skill", self.skill, high=1.0)
        check_number("missing", self.missing, high=1.0)
        check_count("critique_tokens", self.critique_tokens)
        check_number("length_cv", self.length_cv)
        if isinstance(self.chains, int):
            check_count("chains", self.chains)

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        judges = Judges.OUTCOME if self.outcome_only else Judges.STEPS
        chains = self.chains if isinstance(self.chains, AdaptiveChains) else None
        told = replace(DOUBLE, cache=self.cache, sleeps=True)
        return replace(told, judges=judges, judges_key="outcome_only", chains=chains)


@dataclass(frozen=True, slots=True)
class Written:
    """One chain: what it says, its cost, and whether it cannot be read."""

    reading: ChainReading
    prefix: float
    generated: int
    missing: bool


class ScriptedScorer(ScriptedSleep, Scorer):
    """Judges scripted steps. The reported prompt is ThinkPRM's, all but its last step cached."""

    def __init__(self, config: ScriptedScorerConfig) -> None:
        self.config = config

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`.

        Raises:
            EngineError: where the configured faults say so, and while it sleeps.
        """
        self.check_awake()
        await asyncio.sleep(0)
        return await gather(self.reply(call) for call in batch)

    async def reply(self, call: ScorerCall) -> ScorerReply | Failure:
        """The judgement, or the failure that the configured faults give it."""
        failure = await self.config.faults.strike(call.path.problem.question, call.seed)
        return failure or self._judge(call)

    def _judge(self, call: ScorerCall) -> ScorerReply | Failure:
        path = call.path
        if not path.steps:
            return Failure.about(path, FailureKind.INVALID, "it has no steps to judge")
        if self.config.outcome_only and not path.finished:
            return Failure.about(
                path, FailureKind.INVALID, "it is unfinished, this scorer judges ends"
            )
        if call.further:
            written = [self._chain(call, call.further.drawn)]
        else:
            chains = self.config.chains
            first = chains.least if isinstance(chains, AdaptiveChains) else chains
            written = [self._chain(call, k) for k in range(first)]
        read = [chain for chain in written if not chain.missing]
        return ScorerReply(self._judgement(call, read), spent(path, written))

    def _judgement(self, call: ScorerCall, read: Sequence[Written]) -> Judgement:
        """Of these chains; or of those before, and of one more if it can be read."""
        if call.further:
            judgement = call.further.judgement
            for chain in read:
                judgement = with_further(judgement, chain.reading, chain.prefix)
            return judgement
        if not read:
            return Judgement.missing("the scripted verification chain cannot be read")
        readings, prefixes = [each.reading for each in read], [each.prefix for each in read]
        judgement = combine(readings, prefixes)
        if isinstance(self.config.chains, AdaptiveChains):
            judgement = replace(judgement, votes=votes(readings, prefixes))
        return judgement

    def _chain(self, call: ScorerCall, k: int) -> Written:
        """Chain number k."""
        path = call.path
        others = (k,) if k else ()
        rng = Random(call_seed(call.seed, path.problem.question, path.text, *others))
        verdicts, odds = self._verdicts(path, rng)
        generated = sum(len(verdict.critique) for verdict in verdicts)
        missing = rng.random() < self.config.missing
        reading = settle(verdicts, len(path.steps), len(path.steps), generated, truncated=False)
        if self.config.outcome_only:
            reading = replace(reading, steps=())
        prefix = 0.0 if missing else rng.gauss(min(odds), 0.5)
        return Written(reading, prefix, generated, missing)

    def _verdicts(self, path: Prefix, rng: Random) -> tuple[list[BoxedVerdict], list[float]]:
        """A verdict for each step up to the first that is judged incorrect, and its log-odds."""
        verdicts: list[BoxedVerdict] = []
        all_odds: list[float] = []
        for index in range(len(path.steps)):
            right = is_right_step(path.problem.question, path.steps, index)
            incorrect = (rng.random() < self.config.skill) != right
            margin = rng.expovariate(1 / MARGIN)
            critique = self._critique(index + 1, incorrect, rng)
            odds = -margin if incorrect else margin
            verdicts.append(BoxedVerdict(index + 1, odds, incorrect, critique, tokens=0))
            all_odds.append(odds)
            if incorrect:
                break
        return verdicts, all_odds

    def _critique(self, number: int, incorrect: bool, rng: Random) -> str:
        """The critique's text, filled up to a drawn length."""
        word = "incorrect" if incorrect else "correct"
        start, end = f"Step {number}:", rf"the step is \boxed{{{word}}}"
        target = lognormal(self.config.critique_tokens, self.config.length_cv, rng)
        while len(start) + 1 + len(end) < target:
            start += f" {rng.choice(FILLER)}"
        return f"{start} {end}"


def spent(path: Prefix, written: Sequence[Written]) -> Spent:
    """What judging `path` costs, in bytes: siblings share all but their last step."""
    texts = [step.text for step in path.steps]
    prompt, shared = (
        len(user_message(path.problem.question, steps).encode("utf-8", "surrogatepass"))
        for steps in (texts, texts[:-1])
    )
    cached = min(prompt, shared)
    each = [
        Spent(1, prompt, cached, chain.generated, chain.generated if chain.missing else 0)
        for chain in written
    ]
    return sum(each, Spent())


async def build(config: ScriptedScorerConfig) -> ScriptedScorer:
    """The scorer of this configuration, ready at once."""
    return ScriptedScorer(config)
