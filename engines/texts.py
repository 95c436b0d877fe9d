"""The port of an engine that knows texts alone: chat turns in, text out.

An API of others gives no token ids. What is asked of it is asked beside the Engine port, and a
policy that can work with texts says so by what it asks of its engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from engines.engine import Finish, Refused
from search.core import Spent
from search.ports import Closing

Turn: TypeAlias = Mapping[str, str]
"""`role` and `content`."""


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One generation: the assistant's turn after `turns`, of which `begun` is said already.

    `max_tokens`, `temperature`, `top_p`, `seed` and `stop` are as in `Sampling`; whether a seed is
    heeded nobody knows.
    """

    turns: tuple[Turn, ...]
    begun: str
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    """Strings that end the turn: whether one of them did, or the model, need not be told."""


@dataclass(frozen=True, slots=True)
class TextGeneration:
    """What came of it: the text after `begun`, with the stop string that ended it.

    Counts are those that the API tells, None where it tells none.
    """

    text: str
    finish: Finish
    stop: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    generated_tokens: int | None = None

    @property
    def spent(self) -> Spent:
        """What it cost. A call that nobody counted has no tokens at all, as the ledger has it."""
        return spent(self.prompt_tokens, self.cached_tokens, self.generated_tokens)


def spent(prompt: int | None, cached: int | None, generated: int | None) -> Spent:
    """What a call cost whose counts may be unknown."""
    if prompt is None or generated is None:
        return Spent(1)
    return Spent(1, prompt, cached or 0, generated, untold=int(cached is None))


class TextEngine(Closing, Protocol):
    """Generates texts. Cancelling the awaiting task closes the request."""

    async def complete(self, batch: Sequence[TextRequest]) -> list[TextGeneration | Refused]:
        """`generations[i]` answers `batch[i]`. Raises `EngineError` when the API is gone."""
        ...


@runtime_checkable
class OpensTexts(Protocol):
    """A config of an engine that knows texts."""

    async def open_texts(self, model: str) -> TextEngine:
        """An engine over the API's model of this name. Raises `EngineError`, `UnfitServer`."""
        ...
