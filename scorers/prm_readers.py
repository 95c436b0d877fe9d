"""How the verdicts of a discriminative process reward model get out of an engine.

A head gives every token its numbers, so one request reads all steps. A model that says `+` or `-`
is asked for the next token after each step: these requests begin as one another, and are computed
once where the engine has a prefix cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from engines.engine import Engine, EngineError, Refused, Request, Sampling
from engines.scoring import ScoreRequest, ScoringEngine
from scorers.log_odds import CERTAIN, log_odds
from scorers.prm_families import Prompts, Words
from search.core import Spent


@dataclass(frozen=True)
class Read:
    """The log-odds of *correct* at the end of each prompt, and what they cost.

    None where the model gives neither answer any probability.
    """

    odds: tuple[float | None, ...]
    spent: Spent


class Reader(Protocol):
    """Asks an engine what is said at the end of each prompt."""

    async def read(self, prompts: Prompts, cache: str) -> Read | Refused:
        """Of prompts of which the last begins with all others; one or more.

        Raises `EngineError` when the engine is dead.
        """
        ...


@dataclass(frozen=True)
class HeadReader:
    """Of a head with so many classes: two logits, of incorrect and correct, or that of correct."""

    engine: ScoringEngine
    classes: int

    async def read(self, prompts: Prompts, cache: str) -> Read | Refused:
        """See `Reader`: one request."""
        positions = tuple(len(prompt) - 1 for prompt in prompts)
        (scores,) = await self.engine.score([ScoreRequest(prompts[-1], positions, cache)])
        if isinstance(scores, Refused):
            return scores
        spent = Spent(1, scores.prompt_tokens, scores.cached_tokens)
        return Read(tuple(map(self.odds, scores.rows)), spent)

    def odds(self, row: Sequence[float]) -> float | None:
        """The log-odds of a row. Raises `EngineError` where the head is another."""
        if len(row) != self.classes:
            raise EngineError(
                f"the model's head gives {len(row)} numbers, this family's {self.classes}: "
                "see scorer.family"
            )
        return odds_of(row)


def odds_of(row: Sequence[float]) -> float | None:
    """The log-odds of one number, or of two logits; None where they are none."""
    odds = row[-1] - row[0] if len(row) == 2 else row[0]
    return None if math.isnan(odds) else max(-CERTAIN, min(CERTAIN, odds))


@dataclass(frozen=True)
class WordReader:
    """Of a model whose next token is the verdict."""

    engine: Engine
    words: Words

    async def read(self, prompts: Prompts, cache: str) -> Read | Refused:
        """See `Reader`: a request for each prompt, which generates one token."""
        words = (self.words.correct, self.words.incorrect)
        sampling = Sampling(1, temperature=0.0, logprob_ids=words, allowed_ids=words)
        answers = await self.engine.generate([Request(each, sampling, cache) for each in prompts])
        odds: list[float | None] = []
        spent = sum((answer.spent for answer in answers), Spent())
        for answer in answers:
            if isinstance(answer, Refused):
                return replace(answer, spent=spent)
            if not answer.logprobs:
                message = "the engine ended the request without an answer"
                return Refused(message, again=True, spent=spent)
            odds.append(log_odds(answer.logprobs[0], words[:1], words[1:]))
        return Read(tuple(odds), spent)
