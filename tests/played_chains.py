"""Chains over the real Qwen vocabulary, and an engine that says one of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

from engines.engine import Request
from engines.scripted_engine import ScriptedEngine
from scorers.readings import ChainReading
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig
from scorers.verdict_ids import VerdictIds
from scorers.verdicts import ChainReader
from search.core import Judgement, Prefix, Problem, Step, StopReason
from search.ports import Failure, ScorerCall, ScorerReply
from thinkprm_tokenizer import TOKENIZER

IDS = VerdictIds.of(TOKENIZER)
READER = ChainReader(TOKENIZER, IDS)
END_OF_THINK, EOS = TOKENIZER.encode_trusted("</think><｜end▁of▁sentence｜>")
SURE = 0.9
"""The probability of each verdict word where it is written."""


def tokens_of(text: str) -> tuple[int, ...]:
    """What the verifier writes: up to the end of its thinking, or of its turn."""
    thought, closed, _ = text.partition("</think>")
    return (*TOKENIZER.encode(thought), END_OF_THINK if closed else EOS)


def odds_at(token: int) -> dict[int, float]:
    """Log-probabilities of the verdict tokens where this token is written."""
    odds = dict.fromkeys(IDS.step, math.log(1e-9))
    if token in odds:
        other = IDS.correct[0] if token in IDS.incorrect else IDS.incorrect[0]
        odds |= {token: math.log(SURE), other: math.log(1 - SURE)}
    return odds


def read(text: str, steps: int, *, early_stop: bool, truncated: bool = False) -> ChainReading:
    """The reading of a whole chain."""
    ids = tokens_of(text)
    return READER.read(
        ids, list(map(odds_at, ids)), steps, truncated=truncated, early_stop=early_stop
    )


class Playing(ScriptedEngine):
    """Says one chain; a request that goes on with it is told by its prompt."""

    def __init__(self, ids: Sequence[int]) -> None:
        super().__init__(self._say, (EOS,), odds=self._odds_of, max_model_len=16384)
        self.ids = tuple(ids)
        self._prompt = 0

    def written(self, request: Request) -> int:
        """How much of the chain stands in a prompt."""
        self._prompt = self._prompt or len(request.prompt)
        return len(request.prompt) - self._prompt

    def _say(self, request: Request) -> Sequence[int]:
        if request.sampling.allowed_ids:
            return IDS.yes[:1]
        return self.ids[self.written(request) :]

    def _odds_of(self, request: Request, ids: tuple[int, ...]) -> Mapping[int, float]:
        if request.sampling.allowed_ids:
            return dict.fromkeys(IDS.whole, math.log(0.01)) | {IDS.yes[0]: math.log(0.9)}
        return odds_at(self.ids[self.written(request) + len(ids)])


def reply_of(engine: Playing, steps: int, **settings: Any) -> ScorerReply | Failure:
    """What the scorer makes of a chain."""
    scorer = ThinkPrm(ThinkPrmConfig("m", retries=0, **settings), engine, TOKENIZER)
    grown = tuple(Step(f"claim {i}", (), StopReason.STEP_END) for i in range(steps))
    (reply,) = asyncio.run(scorer.judge([ScorerCall(Prefix(Problem("p", "?"), grown, (0,)), 1)]))
    return reply


def judged(ids: Sequence[int], steps: int, **settings: Any) -> tuple[Judgement, Playing]:
    """The judgement of one chain, and the engine that said it."""
    engine = Playing(ids)
    reply = reply_of(engine, steps, **settings)
    assert isinstance(reply, ScorerReply)
    return reply.judgement, engine
