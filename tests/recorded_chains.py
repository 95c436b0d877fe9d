"""Verification chains as a verifier wrote them, and an engine that says them again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from engines.byte_tokenizer import END, ByteTokenizer
from engines.engine import Finish, Generation, Refused, Request
from engines.scripted_engine import ScriptedEngine
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import Judgement, Prefix, Problem, Step, StopReason
from search.ports import ScorerCall, ScorerReply


class VerifierTokenizer(ByteTokenizer):
    """Bytes, the verdict words and the marks of R1-Distill's template."""

    def __init__(self) -> None:
        words = ["correct", "incorrect", " Yes", " No", "<think>", "</think>"]
        super().__init__([word.encode() for word in words])

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        return (*super().chat(messages), *self.encode("<think>\n"))


TOKENIZER = VerifierTokenizer()
CORRECT, INCORRECT, YES, NO, THINK, END_OF_THINK = (
    TOKENIZER.encode(word)[0]
    for word in ("correct", "incorrect", " Yes", " No", "<think>", "</think>")
)


@dataclass(frozen=True)
class Recorded:
    """A chain to play: its text and the probability of each verdict word that it writes.

    Unless it closes its thinking, or `finish` says how else it ends, the chain ends its turn. `yes`
    and `mass` are what the closing question gets: P(Yes) of the two, and what both take of all.
    """

    text: str
    sure: tuple[float, ...] = ()
    finish: Finish = Finish.EOS
    yes: float = 0.9
    mass: float = 1.0

    @cached_property
    def ids(self) -> tuple[int, ...]:
        ids = TOKENIZER.encode(self.text)
        whole = self.finish is Finish.EOS and ids[-1:] != (END_OF_THINK,)
        return (*ids, END) if whole else ids

    @cached_property
    def odds(self) -> list[dict[int, float]]:
        sure = iter(self.sure)
        odds = [dict.fromkeys((CORRECT, INCORRECT), -1.0) for _ in self.ids]
        for position, token in enumerate(self.ids):
            if token in (CORRECT, INCORRECT):
                p = next(sure, 0.9)
                other = CORRECT if token == INCORRECT else INCORRECT
                odds[position] = {token: math.log(p), other: math.log(1 - p)}
        return odds


class RecordedEngine(ScriptedEngine):
    """Plays its chains, one to each task that asks: a chain is written and read by one task."""

    def __init__(self, *chains: Recorded, max_model_len: int = 8192) -> None:
        super().__init__(self._say, (END,), odds=self._odds_of, max_model_len=max_model_len)
        self.given: list[Generation] = []
        self.waiting = self.most_waiting = 0
        self._left = iter(chains)
        self._playing: dict[Any, Recorded] = {}

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        self.waiting += len(batch)
        self.most_waiting = max(self.most_waiting, self.waiting)
        answers = [self._as_recorded(answer) for answer in await super().generate(batch)]
        self.waiting -= len(batch)
        self.given += [answer for answer in answers if isinstance(answer, Generation)]
        return answers

    def _say(self, request: Request) -> Sequence[int]:
        chain = self._playing.get(asyncio.current_task()) or next(self._left)
        self._playing[asyncio.current_task()] = chain
        if request.sampling.allowed_ids:
            return (YES if chain.yes > 0.5 else NO,)
        return chain.ids[self._written(request) :]

    def _odds_of(self, request: Request, ids: tuple[int, ...]) -> dict[int, float]:
        chain = self._playing[asyncio.current_task()]
        if request.sampling.allowed_ids:
            yes, no = chain.yes * chain.mass, (1 - chain.yes) * chain.mass
            return {YES: math.log(yes), NO: math.log(no)}
        return chain.odds[self._written(request) + len(ids)]

    def _written(self, request: Request) -> int:
        """How much of its chain stands in the prompt of a request that goes on with it."""
        prompt = request.prompt
        ids = self._playing[asyncio.current_task()].ids
        return next(n for n in range(len(ids), -1, -1) if prompt[len(prompt) - n :] == ids[:n])

    def _as_recorded(self, answer: Generation | Refused) -> Generation | Refused:
        chain = self._playing.get(asyncio.current_task())
        if chain and isinstance(answer, Generation) and answer.token_ids == chain.ids:
            return replace(answer, finish=chain.finish)
        return answer


def path(steps: int = 2, question: str = "What is 1 + 2 + 3?") -> Prefix:
    texts = [f"Step {i}: claim {i}.\n\n" for i in range(1, steps + 1)]
    grown = [Step(text, tuple(text.encode()), StopReason.STEP_END) for text in texts]
    return Prefix(Problem("p7", question), tuple(grown), (0, 3))


def judge(engine: RecordedEngine, *calls: ScorerCall, **settings: Any) -> list[Any]:
    config = ThinkPrmConfig(model="test/prm", **{"case_variants": False, **settings})
    scorer = ThinkPrm(config, engine, TOKENIZER)
    return asyncio.run(scorer.judge(calls or [ScorerCall(path(), 1)]))


def judgement(engine: RecordedEngine, steps: int = 2, **settings: Any) -> Judgement:
    (reply,) = judge(engine, ScorerCall(path(steps), 1), **settings)
    assert isinstance(reply, ScorerReply)
    return reply.judgement


def probabilities(found: Judgement) -> list[float | None]:
    return [verdict.probability for verdict in found.verdicts]


RIGHT = Recorded(
    r"Step 1: The step is \boxed{correct}"
    "\n\n"
    r"Step 2: The step is \boxed{correct}"
    "\n</think>",
    sure=(0.9, 0.8),
)
ENDLESS = Recorded(" ".join(f"Let me think about {n}, or {n * n}." for n in range(40)))
UNSURE = replace(RIGHT, mass=0.4)
PROSE = Recorded(
    "Step 1: not incorrect, never incorrect. The step is \\boxed{correct}\n"
    "Step 2: calling it incorrect is wrong. The step is \\boxed{correct}\n</think>",
    sure=(0.5, 0.5, 0.95, 0.5, 0.85),
)
