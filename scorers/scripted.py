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
from engines.scripted_world import FILLER, is_right_step, lognormal
from engines.traits import DOUBLE, Judges, Traits
from scorers.combining import combine
from scorers.prompt import user_message
from scorers.readings import BoxedVerdict, settle
from search.checks import UNCOUNTED, check_cache, check_count, check_number
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

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        judges = Judges.OUTCOME if self.outcome_only else Judges.STEPS
        return replace(DOUBLE, judges=judges, judges_key="outcome_only", cache=self.cache)


class ScriptedScorer(Scorer):
    """Judges scripted steps. The reported prompt is ThinkPRM's, all but its last step cached."""

    def __init__(self, config: ScriptedScorerConfig) -> None:
        self.config = config

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`.

        Raises:
            EngineError: where the configured faults say so.
        """
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
        rng = Random(call_seed(call.seed, path.problem.question, path.text))
        verdicts, odds = self._verdicts(path, rng)
        generated = sum(len(verdict.critique) for verdict in verdicts)
        if rng.random() < self.config.missing:
            judgement = Judgement.missing("the scripted verification chain cannot be read")
            return ScorerReply(judgement, spent(path, generated, failed=generated))
        reading = settle(verdicts, len(path.steps), len(path.steps), generated, truncated=False)
        judgement = combine([reading], [rng.gauss(min(odds), 0.5)])
        if self.config.outcome_only:
            judgement = replace(judgement, verdicts=())
        return ScorerReply(judgement, spent(path, generated))

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


def spent(path: Prefix, generated: int, failed: int = 0) -> Spent:
    """What judging `path` costs, in bytes: siblings share all but their last step."""
    texts = [step.text for step in path.steps]
    prompt, shared = (
        len(user_message(path.problem.question, steps).encode("utf-8", "surrogatepass"))
        for steps in (texts, texts[:-1])
    )
    return Spent(1, prompt, min(prompt, shared), generated, failed)


async def build(config: ScriptedScorerConfig) -> ScriptedScorer:
    """The scorer of this configuration, ready at once."""
    return ScriptedScorer(config)
