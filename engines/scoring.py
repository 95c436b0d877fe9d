"""The second protocol of engines: token ids in, the numbers of a classifying head out.

A reward model generates nothing. Its head gives every token of a text a row of numbers, or the text
as a whole one; they come raw, and what they mean is the scorer's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from engines.engine import Refused
from search.ports import Closing


class Head(StrEnum):
    """What a model's head gives numbers to."""

    TOKENS = "tokens"
    """Every token, with those before it in view."""
    TEXT = "text"
    """The text as a whole, at its last token."""


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """One text.

    `prompt`: token ids, special tokens and BOS included. `positions`, ascending: the tokens whose
    rows are wanted; none of a head that is on the whole text. `cache` as in `Request`.
    """

    prompt: tuple[int, ...]
    positions: tuple[int, ...] = ()
    cache: str = ""


@dataclass(frozen=True, slots=True)
class Scores:
    """`rows[i]` is the head's output at `positions[i]`, or the one row of a text: raw, in fp32.

    Token counts are exact.
    """

    rows: tuple[tuple[float, ...], ...]
    prompt_tokens: int = 0
    cached_tokens: int = 0


class ScoringEngine(Closing, Protocol):
    """Scores. Cancelling the awaiting task aborts its requests in the engine."""

    @property
    def max_model_len(self) -> int:
        """The longest text, in tokens."""
        ...

    async def score(self, batch: Sequence[ScoreRequest]) -> list[Scores | Refused]:
        """`scores[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        ...


def unscorable(request: ScoreRequest, max_model_len: int, vocab_size: int) -> Refused | None:
    """Why no engine with this context and vocabulary can score it; None when one can."""
    prompt, length = request.prompt, len(request.prompt)
    if not prompt:
        return Refused("the prompt is empty")
    if length > max_model_len:
        return Refused(f"the prompt has {length} tokens, the model takes {max_model_len} in all")
    if not 0 <= min(prompt) <= max(prompt) < vocab_size:
        wrong = next(token for token in prompt if not 0 <= token < vocab_size)
        return Refused(f"token {wrong} of the prompt is not in the vocabulary of {vocab_size}")
    ascending = all(a < b for a, b in zip(request.positions, request.positions[1:], strict=False))
    inside = all(0 <= position < length for position in request.positions)
    if not (ascending and inside):
        return Refused("positions must ascend, within the prompt")
    return None
