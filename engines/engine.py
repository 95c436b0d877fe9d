"""The Engine port: token ids in, token ids out.

Who serves it (vLLM, a script) is hidden behind it. What no engine can serve is decided here, so
that every engine refuses the same requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

from engines.sleeping import Sleeping
from engines.stats import EngineStats, stats_of
from search.core import Spent, Sureness
from search.fault import Fault
from search.ports import Closing

MAX_LOGPROB_IDS = 128
"""The most tokens whose log-probabilities a request may ask for (vLLM's limit)."""
MOST_LIKELIEST = 20
"""The most of the likeliest tokens that a request may ask for (vLLM's limit, by default)."""


class Finish(StrEnum):
    """Why a generation ended."""

    EOS = "eos"
    """The model's end-of-sequence token, whether or not it was among the stop tokens."""
    STOP = "stop"
    """A stop token or stop string; `Generation.stop` tells which."""
    LENGTH = "length"
    """`max_tokens`, or the model's context, was used up."""
    LOOP = "loop"
    """The engine's repetition guard ended it."""
    ABORT = "abort"
    """The request was cancelled; the tokens so far are kept."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one request is sampled.

    `max_tokens` from 1 up; an engine lowers it to what the context leaves. `temperature` in [0, 2],
    0 is greedy; `top_p` in (0, 1]; `seed` is this request's own. Of these the likeliest `top_k`
    tokens are drawn, all with 0, and none less likely than `min_p` (in [0, 1]) times the likeliest.
    `repetition_penalty`, above 0 and at most 2, divides the positive logits of tokens that the
    prompt or the generation has, and multiplies the negative ones; 1 is none. Greedy draws heed it.

    `stop_token_ids` end the generation after that token, which is kept. `stop` strings end it
    inside the token that completes them, which is kept whole. `logprob_ids` asks for the raw
    log-probabilities of these tokens at every generated position. `allowed_ids` restricts sampling
    (raw log-probabilities are not renormalised). `likeliest` asks how sure the model is at every
    position, by so many of the likeliest tokens; from 2 up, 0 asks nothing, and not together with
    `logprob_ids`.

    `loop_ngram` and `loop_repeats` (0, or from 2 up; 0 is no guard) end a generation whose tail is
    one pattern said `loop_repeats` times in a row. The pattern has from half of `loop_ngram`
    (rounded up) to `loop_ngram` tokens, so a shorter one counts once enough of it is there: the
    zeros of `1000000` are no loop.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop_token_ids: tuple[int, ...] = ()
    stop: tuple[str, ...] = ()
    logprob_ids: tuple[int, ...] = ()
    allowed_ids: tuple[int, ...] = ()
    loop_ngram: int = 0
    loop_repeats: int = 0
    likeliest: int = 0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    @property
    def shortest_pattern(self) -> int:
        """The fewest tokens of a pattern that the loop guard looks for."""
        return (self.loop_ngram + 1) // 2


@dataclass(frozen=True, slots=True)
class Request:
    """One generation.

    `prompt` holds token ids, special tokens and BOS included; the engine adds none. What the engine
    remembers of prompts is shared by requests with the same `cache` only.
    """

    prompt: tuple[int, ...]
    sampling: Sampling
    cache: str = ""


@dataclass(frozen=True, slots=True)
class Generation:
    """What came of a request.

    `token_ids` are all generated tokens, the stop or end token included. `logprob` is the sum of
    the sampled tokens' raw log-probabilities, None when no log-probabilities were asked.
    `logprobs[t]` maps each of `logprob_ids` to its raw log-probability at position t (empty when
    none were asked); an API that tells those of the likeliest tokens alone leaves out the others.
    `sureness[t]` is of the token at position t alone (empty when it was not asked). Token counts
    are exact; `cached_tokens` is None where nobody tells it.
    """

    token_ids: tuple[int, ...]
    finish: Finish
    stop: int | str | None = None
    logprobs: tuple[Mapping[int, float], ...] = field(default=())
    logprob: float | None = None
    prompt_tokens: int = 0
    cached_tokens: int | None = 0
    sureness: tuple[Sureness, ...] = ()
    generated_tokens: int | None = None
    """Of an API that could not be told where to stop: all that it generated; else None."""

    @property
    def spent(self) -> Spent:
        """What it cost."""
        made = len(self.token_ids) if self.generated_tokens is None else self.generated_tokens
        untold = int(self.cached_tokens is None)
        return Spent(1, self.prompt_tokens, self.cached_tokens or 0, made, untold=untold)


@dataclass(frozen=True, slots=True)
class Refused:
    """The engine does not serve this request; others are not affected. `message` is one line.

    `again` False: it never will (too long a prompt, say). True: it failed at it this once. `spent`:
    what it, and what was asked before for the same end, is known to have cost.
    """

    message: str
    again: bool = False
    spent: Spent = field(default_factory=Spent)

    def after(self, spent: Spent) -> Refused:
        """The same after so much was spent before for the same end."""
        return replace(self, spent=spent + self.spent)


class EngineError(Fault):
    """The engine died or could not start; nothing it was asked will be answered."""


def one_line(error: BaseException) -> str:
    """What an exception says, in one line; its type when it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


@runtime_checkable
class Stepping(Protocol):
    """An engine, or a port that has one, that can tell whether it moves."""

    def engine_steps(self) -> int:
        """A number that changes whenever the engine gets on with what it was asked."""
        ...


Facts: TypeAlias = Mapping[str, str | int | float]
"""What serves, in plain words and numbers: `model`, `device`, `dtype`."""


@runtime_checkable
class Describing(Protocol):
    """An engine, or a port that has one, that can say what it serves and on what."""

    def describe(self) -> Facts:
        """As it was started, on its device and in its number format."""
        ...


class Engine(Closing, Protocol):
    """Generates. Cancelling the awaiting task aborts its requests in the engine."""

    @property
    def max_model_len(self) -> int:
        """The longest prompt plus generation, in tokens."""
        ...

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        """`generations[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        ...


def sleeping(engine: object) -> Sleeping:
    """The same as one that sleeps. Raises `EngineError` where it cannot."""
    if isinstance(engine, Sleeping):
        return engine
    raise EngineError("the engine cannot sleep")


class Served:
    """A port that is served by an engine of its own, of either protocol, which speaks for it."""

    def __init__(self, by: Closing) -> None:
        self._by = by

    def engine_steps(self) -> int:
        """See `Stepping`; 0 where the engine cannot tell."""
        return self._by.engine_steps() if isinstance(self._by, Stepping) else 0

    def engine_stats(self) -> EngineStats | None:
        """See `engines.stats.Metered`; None where the engine cannot tell."""
        return stats_of(self._by)

    def describe(self) -> Facts:
        """See `Describing`; nothing where the engine says nothing."""
        return self._by.describe() if isinstance(self._by, Describing) else {}

    async def sleep(self) -> None:
        """See `Sleeping`."""
        await sleeping(self._by).sleep()

    async def wake(self) -> None:
        """See `Sleeping`."""
        await sleeping(self._by).wake()

    async def close(self) -> None:
        """Free the engine."""
        await self._by.close()


class EnginePort(Served):
    """A port with an engine that generates."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.engine = engine


def refusal(request: Request, max_model_len: int, vocab_size: int) -> Refused | None:
    """Why no engine with this context and vocabulary can serve the request; None when one can."""
    prompt, length = request.prompt, len(request.prompt)
    if not prompt:
        return Refused("the prompt is empty")
    if length >= max_model_len:
        return Refused(f"the prompt has {length} tokens, the model takes {max_model_len} in all")
    sampling = request.sampling
    ids = (*sampling.stop_token_ids, *sampling.logprob_ids, *sampling.allowed_ids)
    for name, tokens in (("prompt", prompt), ("sampling", ids)):
        if tokens and not 0 <= min(tokens) <= max(tokens) < vocab_size:
            wrong = next(token for token in tokens if not 0 <= token < vocab_size)
            return Refused(f"token {wrong} of the {name} is not in the vocabulary of {vocab_size}")
    fault = _fault(sampling)
    return Refused(fault) if fault else None


def _fault(sampling: Sampling) -> str | None:
    checks = {
        "max_tokens must be from 1 up": sampling.max_tokens >= 1,
        "temperature must be in [0, 2]": 0 <= sampling.temperature <= 2,
        "top_p must be in (0, 1]": 0 < sampling.top_p <= 1,
        "top_k must be from 0 up": sampling.top_k >= 0,
        "min_p must be in [0, 1]": 0 <= sampling.min_p <= 1,
        "repetition_penalty must be in (0, 2]": 0 < sampling.repetition_penalty <= 2,
        "a stop string must not be empty": all(sampling.stop),
        f"at most {MAX_LOGPROB_IDS} logprob_ids": len(sampling.logprob_ids) <= MAX_LOGPROB_IDS,
        f"likeliest must be 0, or from 2 to {MOST_LIKELIEST}": sampling.likeliest
        in (0, *range(2, MOST_LIKELIEST + 1)),
        "likeliest and logprob_ids are not asked together": not (
            sampling.likeliest and sampling.logprob_ids
        ),
        "loop_repeats must be from 2 up": sampling.loop_ngram <= 0 or sampling.loop_repeats >= 2,
    }
    return next((message for message, holds in checks.items() if not holds), None)


def room(request: Request, max_model_len: int) -> int:
    """How many tokens the request may generate: its limit, or what the context leaves."""
    return min(request.sampling.max_tokens, max_model_len - len(request.prompt))
