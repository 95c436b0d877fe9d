"""The Engine port: token ids in, token ids out. Who serves it (vLLM, a script) is hidden behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Finish(StrEnum):
    """Why a generation ended."""

    EOS = "eos"
    """The model's end-of-sequence token."""
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
    """How one request is sampled. `temperature` 0 is greedy; `top_p` in (0, 1]; `seed` is this request's own.

    `stop_token_ids` end the generation after that token, which is kept. `stop` strings end it inside the token that
    completes them, which is kept whole. `logprob_ids` asks for the raw log-probabilities of these tokens at every
    generated position. `allowed_ids` restricts sampling (raw log-probabilities are not renormalised).
    `loop_ngram` and `loop_repeats`: end when the last `loop_ngram` tokens were said `loop_repeats` times in a row
    (0: no guard).
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


@dataclass(frozen=True, slots=True)
class Request:
    """One generation. `prompt` holds token ids, special tokens and BOS included; the engine adds none."""

    prompt: tuple[int, ...]
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Generation:
    """What came of a request.

    `token_ids` are all generated tokens, the stop or end token included. `logprob` is the sum of the sampled tokens'
    raw log-probabilities, None when no log-probabilities were asked. `logprobs[t]` maps each of `logprob_ids` to its
    raw log-probability at position t (empty when none were asked). Token counts are exact.
    """

    token_ids: tuple[int, ...]
    finish: Finish
    stop: int | str | None = None
    logprobs: tuple[Mapping[int, float], ...] = field(default=())
    logprob: float | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The engine cannot serve this request at all (for example: a prompt longer than the model). One line."""

    message: str


class EngineError(RuntimeError):
    """The engine died or could not start; nothing it was asked will be answered."""


class Engine(Protocol):
    """Generates. Cancelling the awaiting task aborts its requests in the engine."""

    @property
    def max_model_len(self) -> int:
        """The longest prompt plus generation, in tokens."""
        ...

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        """`generations[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        ...

    async def close(self) -> None:
        """Free everything. Idempotent."""
        ...


@dataclass(frozen=True)
class EngineConfig:
    """The `engine:` keys of a policy or scorer. Defaults suit a GPU; `device: auto` finds out what there is.

    `memory_gib` is the KV cache's size in GiB; None lets a GPU use `gpu_memory_utilization` and a CPU take 0.25 GiB.
    `block_size` None is vLLM's own on a GPU and 32 on a CPU. `threads` is OMP threads per CPU engine.
    """

    device: str = "auto"
    dtype: str = "auto"
    max_model_len: int | None = None
    max_num_seqs: int = 256
    memory_gib: float | None = None
    gpu_memory_utilization: float = 0.9
    tensor_parallel_size: int = 1
    block_size: int | None = None
    enforce_eager: bool = False
    threads: int = 1
    quantization: str | None = None
    revision: str | None = None
