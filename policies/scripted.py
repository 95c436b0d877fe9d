r"""A policy without a model: a deterministic function of the question, the path and the seed.

For tests, dry runs and demonstrations of everything around a model. It writes

    Step 1: amber the value so far is 417.
    Step 2: willow the value so far is 903.
    Step 3: kite the answer is \boxed{22}.

What is right is told by `engines.scripted_world`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp, log
from random import Random

from engines.byte_tokenizer import END
from engines.faults import Faults
from engines.scripted_sleep import ScriptedSleep
from engines.scripted_world import FILLER, is_right_step, lognormal, right_answer, right_value
from engines.traits import DOUBLE, Traits
from policies.feedback import TEMPLATE, feedback_turns
from policies.measuring import check_confidence, measured
from search.checks import UNCOUNTED, UNSAID, check_cache, check_count, check_number
from search.core import Feedback, Prefix, Spent, Step, StopReason, Sureness
from search.gather import gather
from search.ports import ENDED, Failure, FailureKind, Policy, PolicyCall, PolicyReply
from search.questions import Until
from search.seeds import call_seed


@dataclass(frozen=True)
class ScriptedPolicyConfig:
    """Solutions made by chance, without a model: a double for tests and trials."""

    accuracy: float = 0.5
    """Chance in [0, 1] that a solution that is not cut has no wrong step."""
    steps: int = 4
    """How many steps a solution has in the mean."""
    spread: int = 1
    """A solution has from `steps - spread` to `steps + spread` steps, each number equally likely;
    below `steps`."""
    wrong_answers: int = 4
    """How many different wrong answers a question has."""
    no_answer: float = 0.0
    """Chance in [0, 1] that a solution ends without an answer."""
    cut: float = 0.0
    """Chance in [0, 1] that a solution is cut by length."""
    heeds: float = 0.5
    """Chance in [0, 1] that a step is right for sure because the feedback has a critique of that
    step."""
    step_tokens: int = 48
    """Mean length of a step in tokens, which are bytes; a step is never shorter than what it has to
    say."""
    length_cv: float = 0.0
    """Coefficient of variation of the length of a step, which is lognormal; 0 is always the
    mean."""
    confidence: int = field(default=0, metadata=UNSAID)
    """As many likeliest tokens as there would be, 2 to 20, for how sure a model was of each token;
    it is surer of right steps. 0 records nothing."""
    faults: Faults = field(default_factory=Faults)
    """How calls fail, for tests."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where greedy draws are kept, so that none is made twice: `off`; `run`, in memory while the
    run is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""

    def __post_init__(self) -> None:
        check_cache("cache", self.cache)
        check_confidence(self.confidence)
        for name in ("accuracy", "no_answer", "cut", "heeds"):
            check_number(name, getattr(self, name), high=1.0)
        for name in ("steps", "wrong_answers", "step_tokens"):
            check_count(name, getattr(self, name))
        check_number("length_cv", self.length_cv)
        check_number("spread", self.spread, high=self.steps - 1, hint="below steps")

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        return replace(DOUBLE, cache=self.cache, sureness=self.confidence > 0, sleeps=True)


class ScriptedPolicy(ScriptedSleep, Policy):
    """Draws scripted steps. With one seed, drawing to the end equals drawing step by step.

    The reported prompt is the question, the feedback and the path; the path counts as cached.
    """

    def __init__(self, config: ScriptedPolicyConfig) -> None:
        self.config = config

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """`replies[i]` answers `batch[i]`.

        Raises:
            EngineError: where the configured faults say so, and while it sleeps.
        """
        self.check_awake()
        await asyncio.sleep(0)
        return await gather(self.reply(call) for call in batch)

    async def reply(self, call: PolicyCall) -> PolicyReply | Failure:
        """The child, or the failure that the configured faults give it."""
        struck = await self.config.faults.strike(call.path.problem.question, call.seed)
        return struck or self._draw(call)

    def _draw(self, call: PolicyCall) -> PolicyReply | Failure:
        path = call.path
        if path.stopped:
            return Failure.about(path, FailureKind.INVALID, ENDED)
        question = path.problem.question
        steps = list(path.steps)
        while len(steps) == len(path.steps) or (
            call.until is Until.END and steps[-1].stop is StopReason.STEP_END
        ):
            seed = 0 if call.greedy else call.seed
            text = "".join(step.text for step in steps)
            heeds = self._heeds(call.feedback, len(steps), Random(call_seed(seed, text, "heeds")))
            rng = Random(call_seed(seed, question, text))
            steps.append(self._step(question, steps, rng, heeds=heeds))
            if self.config.confidence:
                steps[-1:] = self._measured(question, steps)
        child = path.grow(call.child, steps[len(path.steps) :])
        return PolicyReply(child, spent(path, child, call.feedback), sampled=not call.greedy)

    def _heeds(self, feedback: Feedback | None, index: int, rng: Random) -> bool:
        """Whether step `index` is right because of what was said of it."""
        verdicts = feedback.judgement.verdicts[index : index + 1] if feedback else ()
        return any(verdict.critique for verdict in verdicts) and rng.random() < self.config.heeds

    def _step(self, question: str, steps: Sequence[Step], rng: Random, *, heeds: bool) -> Step:
        config, index = self.config, len(steps)
        fewest, most = config.steps - config.spread, config.steps + config.spread
        # Uniform over fewest..most; errors and cuts fall on the first `fewest` steps, which all
        # solutions have, so that their chances hold whatever the length.
        last = index + 1 >= fewest and rng.random() < 1 / max(1, most - index)
        risky = index < fewest
        wrong = rng.random() >= config.accuracy ** (1 / fewest) and risky and not heeds
        cut = rng.random() >= (1 - config.cut) ** (1 / fewest) and risky
        silent = last and rng.random() < config.no_answer
        if last:
            wrong = wrong or not all(is_right_step(question, steps, i) for i in range(index))
            claim = self._conclusion(question, wrong, rng)
        else:
            claim = f"the value so far is {self._value(question, index, wrong, rng)}.\n"
        text = self._worded(index, "that is all." if silent else claim, rng)
        if cut:
            return _step(text[: len(text) // 2], StopReason.LENGTH)
        return _step(text, StopReason.EOS if last else StopReason.STEP_END)

    def _measured(self, question: str, steps: Sequence[Step]) -> tuple[Step, ...]:
        """The last step, and how sure a model may have been of it: by what it says, not by seed."""
        rng = Random(call_seed(0, question, "".join(step.text for step in steps), "sureness"))
        sure = 2.0 if is_right_step(question, steps, len(steps) - 1) else 1.0
        tokens = []
        for _ in steps[-1].token_ids:
            certainty = abs(rng.gauss(sure, 1.0))
            confidence = log(self.config.confidence) + certainty
            tokens.append(Sureness(1, -exp(-certainty), confidence, certainty))
        return measured(steps[-1:], tokens)

    def _conclusion(self, question: str, wrong: bool, rng: Random) -> str:
        offset = 1 + rng.randrange(self.config.wrong_answers) if wrong else 0
        return rf"the answer is \boxed{{{int(right_answer(question)) + offset}}}."

    def _value(self, question: str, index: int, wrong: bool, rng: Random) -> int:
        offset = 1 + rng.randrange(899) if wrong else 0
        return 100 + (right_value(question, index) - 100 + offset) % 900

    def _worded(self, index: int, claim: str, rng: Random) -> str:
        """The step's text, filled up to a drawn length."""
        words = [f"Step {index + 1}:", rng.choice(FILLER)]
        length = len(" ".join([*words, claim]))
        target = lognormal(self.config.step_tokens, self.config.length_cv, rng)
        while length < target:
            words.append(rng.choice(FILLER))
            length += len(words[-1]) + 1
        return " ".join([*words, claim])


def spent(path: Prefix, child: Prefix, feedback: Feedback | None = None) -> Spent:
    """What drawing `child` from `path` costs, in tokens of `ByteTokenizer`."""
    before = len(path.token_ids)
    shown = [path.problem.question]
    if feedback:
        shown += [turn["content"] for turn in feedback_turns(feedback, TEMPLATE)]
    prompt = len("".join(shown).encode("utf-8", "surrogatepass"))
    return Spent(1, prompt + before, before, len(child.token_ids) - before)


def _step(text: str, stop: StopReason) -> Step:
    end = (END,) if stop is StopReason.EOS else ()
    return Step(text, (*text.encode("ascii"), *end), stop)


async def build(config: ScriptedPolicyConfig) -> ScriptedPolicy:
    """The policy of this configuration, ready at once."""
    return ScriptedPolicy(config)
