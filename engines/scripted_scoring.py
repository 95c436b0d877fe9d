"""A classifying head without a model: its numbers are what a script says. For tests and trials."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from engines.engine import EngineError, Refused
from engines.scoring import ScoreRequest, Scores, unscorable
from engines.scripted_sleep import ScriptedSleep

Rows: TypeAlias = Callable[[tuple[int, ...]], Sequence[float]]
"""The head's row at the last of these tokens."""


class ScriptedScoring(ScriptedSleep):
    """The second protocol, scripted.

    What it answers depends on the request alone; only the prefix cache, whole blocks of it, depends
    on what was asked before.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        vocab_size: int = 1 << 18,
        max_model_len: int = 4096,
        block_size: int = 32,
    ) -> None:
        self.requests: list[ScoreRequest] = []
        """All that was asked, in order."""
        self._rows = rows
        self._vocab_size = vocab_size
        self._max_model_len = max_model_len
        self._block_size = block_size
        self._cached: dict[str, set[tuple[int, ...]]] = {}
        self._end: str | None = None

    @property
    def max_model_len(self) -> int:
        """The longest text, in tokens."""
        return self._max_model_len

    def die(self, reason: str = "killed by the script") -> None:
        """All that is asked from now on raises `EngineError`."""
        self._end = self._end or f"the engine died: {reason}"

    async def score(self, batch: Sequence[ScoreRequest]) -> list[Scores | Refused]:
        """`scores[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        await asyncio.sleep(0)  # as on a real engine, others get their turn
        if self._end is not None:
            raise EngineError(self._end)
        self.check_awake()
        self.requests += batch
        return [self._answer(request) for request in batch]

    async def sleep(self) -> None:
        """See `ScriptedSleep`; the prefix cache is forgotten."""
        self._cached.clear()
        await super().sleep()

    async def close(self) -> None:
        """Free everything. Idempotent."""
        self._end = self._end or "the engine was closed"

    def _answer(self, request: ScoreRequest) -> Scores | Refused:
        if refused := unscorable(request, self._max_model_len, self._vocab_size):
            return refused
        prompt = request.prompt
        ends = [position + 1 for position in request.positions] or [len(prompt)]
        rows = tuple(tuple(self._rows(prompt[:end])) for end in ends)
        return Scores(rows, len(prompt), self._cache(request, ends[0] - 1))

    def _cache(self, request: ScoreRequest, first: int) -> int:
        """How much was cached: nothing from the first wanted position on, nor the last token."""
        size, prompt = self._block_size, request.prompt
        remembered = self._cached.setdefault(request.cache, set())
        ends = range(size, len(prompt) + 1, size)
        known = (end for end in ends if end < len(prompt) and prompt[:end] in remembered)
        cached = max(known, default=0)
        remembered |= {prompt[:end] for end in ends}
        return cached if cached <= first else 0
