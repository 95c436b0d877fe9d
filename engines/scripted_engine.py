"""An engine without a model: it says what a script says, and ends as a real engine ends.

For tests of policies and scorers. What it answers depends on the request alone; it obeys the same
laws as the real engine, and can be held, killed, and made to refuse.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from engines.engine import (
    EngineError,
    Finish,
    Generation,
    Refused,
    Request,
    Sampling,
    refusal,
    room,
)
from engines.loop_guard import is_loop
from engines.scripted_sleep import ScriptedSleep
from engines.sureness import sureness
from search.core import Sureness

Script: TypeAlias = Callable[[Request], Sequence[int] | Refused]
"""What the model would say to a request if nothing stopped it. It may raise `EngineError`: the
engine dies."""
Odds: TypeAlias = Callable[[Request, tuple[int, ...]], Mapping[int, float]]
"""Raw log-probabilities after the tokens generated so far, by token; what is not named is
impossible."""


class ScriptedEngine(ScriptedSleep):
    """The Engine port, scripted.

    A generation ends as vLLM ends it: at an end token, a stop token, a stop string, the limit, a
    loop. A script that runs out is cut: its finish is LENGTH. Only the prefix cache depends on what
    was asked before.

    Args:
        script: what is said; or a table of it by prompt.
        eos_ids: the tokens that end a turn.
        odds: log-probabilities; without it the token that is said has probability 0.9 and all
            others share the rest.
        decode: text of tokens; needed for stop strings only.
        vocab_size: tokens from there on are refused.
        max_model_len: the longest prompt plus generation.
        block_size: the prefix cache holds whole blocks.
    """

    def __init__(
        self,
        script: Script | Mapping[tuple[int, ...], Sequence[int]],
        eos_ids: Collection[int] = (),
        *,
        odds: Odds | None = None,
        decode: Callable[[Sequence[int]], str] | None = None,
        vocab_size: int = 1 << 18,
        max_model_len: int = 4096,
        block_size: int = 32,
    ) -> None:
        self.requests: list[Request] = []
        """All that was asked, in order."""
        self.aborted: list[Request] = []
        """What was cancelled before it was answered."""
        self._script = script
        self._eos_ids = frozenset(eos_ids)
        self._odds = odds
        self._decode = decode
        self._vocab_size = vocab_size
        self._max_model_len = max_model_len
        self._block_size = block_size
        self._cached: dict[str, set[tuple[int, ...]]] = {}
        self._end: str | None = None
        self._going = asyncio.Event()
        self._going.set()

    @property
    def max_model_len(self) -> int:
        """The longest prompt plus generation, in tokens."""
        return self._max_model_len

    def hold(self) -> None:
        """Answer nothing until `go` or `die`."""
        self._going.clear()

    def go(self) -> None:
        """Answer what was held."""
        self._going.set()

    def die(self, reason: str = "killed by the script") -> None:
        """All that is held, and all that is asked from now on, raises `EngineError`."""
        self._end = self._end or f"the engine died: {reason}"
        self._going.set()

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        """`generations[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        self._check_alive()
        self.requests += batch
        try:
            await asyncio.sleep(0)  # as on a real engine, others get their turn
            await self._going.wait()
        except asyncio.CancelledError:
            self.aborted += batch
            raise
        self._check_alive()
        return [self._answer(request) for request in batch]

    async def sleep(self) -> None:
        """See `ScriptedSleep`; the prefix cache is forgotten."""
        self._cached.clear()
        await super().sleep()

    async def close(self) -> None:
        """Free everything. Idempotent."""
        self._end = self._end or "the engine was closed"
        self._going.set()

    def _check_alive(self) -> None:
        if self._end is not None:
            raise EngineError(self._end)
        self.check_awake()

    def _answer(self, request: Request) -> Generation | Refused:
        if refused := refusal(request, self._max_model_len, self._vocab_size):
            return refused
        try:
            said = self._said(request)
        except EngineError as error:
            self.die(str(error))
            self._check_alive()
        if isinstance(said, Refused):
            return said
        return self._spoken(request, said)

    def _said(self, request: Request) -> Sequence[int] | Refused:
        if isinstance(self._script, Mapping):
            return self._script.get(request.prompt) or Refused("the script has no such prompt")
        return self._script(request)

    def _spoken(self, request: Request, said: Sequence[int]) -> Generation:
        asked = request.sampling
        ids: tuple[int, ...] = ()
        chosen: list[float] = []
        logprobs: list[dict[int, float]] = []
        sure: list[Sureness] = []
        finish, stop = Finish.LENGTH, None
        for token in said[: room(request, self._max_model_len)]:
            odds = self._odds_at(request, ids, token)
            if asked.allowed_ids and token not in asked.allowed_ids:
                token = max(asked.allowed_ids, key=odds)
            ids = (*ids, token)
            chosen.append(odds(token))
            logprobs.append({label: odds(label) for label in asked.logprob_ids})
            if asked.likeliest:
                sure.append(sureness(odds(token), self._top(request, ids[:-1], asked.likeliest)))
            if ended := self._ended(ids, asked):
                finish, stop = ended
                break
        cached = self._cache(request, ids)
        measured = bool(asked.logprob_ids or asked.likeliest)
        return Generation(
            ids,
            finish,
            stop,
            tuple(logprobs) if asked.logprob_ids else (),
            math.fsum(chosen) if measured else None,
            prompt_tokens=len(request.prompt),
            cached_tokens=cached,
            sureness=tuple(sure),
        )

    def _odds_at(self, request: Request, ids: tuple[int, ...], said: int) -> Callable[[int], float]:
        if self._odds is not None:
            table = self._odds(request, ids)
            return lambda token: table.get(token, -math.inf)
        rest = math.log(0.1 / (self._vocab_size - 1))
        return lambda token: math.log(0.9) if token == said else rest

    def _top(self, request: Request, ids: tuple[int, ...], k: int) -> list[float]:
        """The log-probabilities of the k likeliest tokens after `ids`."""
        if self._odds is None:
            return [math.log(0.9), *[math.log(0.1 / (self._vocab_size - 1))] * (k - 1)]
        values = sorted(self._odds(request, ids).values(), reverse=True)
        return [*values, *[-math.inf] * k][:k]

    def _ended(
        self, ids: tuple[int, ...], asked: Sampling
    ) -> tuple[Finish, int | str | None] | None:
        last = ids[-1]
        if last in self._eos_ids:
            return Finish.EOS, None
        if last in asked.stop_token_ids:
            return Finish.STOP, last
        if asked.stop and (found := self._stop_string(ids, asked.stop)):
            return Finish.STOP, found
        loops = is_loop(ids, asked.loop_ngram, asked.loop_repeats)
        if loops and len(ids) < asked.max_tokens:
            return Finish.LOOP, None
        return None

    def _stop_string(self, ids: tuple[int, ...], stops: Sequence[str]) -> str | None:
        if self._decode is None:
            raise ValueError("a stop string was asked for: give ScriptedEngine a decode")
        text = self._decode(ids)
        return next((stop for stop in stops if stop in text), None)

    def _cache(self, request: Request, ids: tuple[int, ...]) -> int:
        """How much of the prompt was cached, all but its last token at best; caches the whole."""
        size, prompt = self._block_size, request.prompt
        remembered = self._cached.setdefault(request.cache, set())
        ends = range(size, len(prompt), size)
        cached = max((end for end in ends if prompt[:end] in remembered), default=0)
        # The last token that was generated never ran through the model.
        known = (prompt + ids)[:-1]
        remembered |= {known[:end] for end in range(size, len(known) + 1, size)}
        return cached
