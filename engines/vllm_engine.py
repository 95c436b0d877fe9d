"""vLLM behind the Engine port: what it is asked, and its outputs as generations."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from engines.engine import Generation, Refused, Request, refusal
from engines.lora import opened
from engines.sureness import sureness
from engines.tokenizer import HfTokenizer
from engines.vllm_config import VllmConfig
from engines.vllm_gpu import OnGpu
from engines.vllm_process import InProcess, Running, start
from engines.vllm_setup import collection_paused, engine_arguments, prepare_environment
from engines.vllm_wire import ENDS, ending, sampling_fields
from search.core import Spent, Sureness


async def serve(
    model: str, config: VllmConfig, *, chats: bool = True
) -> tuple[HfTokenizer, VllmEngine]:
    """The tokenizer of a checkpoint and an engine that serves it.

    Args:
        model: a folder, or a name on the Hugging Face hub.
        config: how it is served.
        chats: whether it must have a chat template.

    Raises:
        TokenizerError: the folder is missing, or is no chat checkpoint.
        EngineError: the engine does not start.
    """
    prepare_environment(config)
    with collection_paused():
        tokenizer = await asyncio.to_thread(
            HfTokenizer.load,
            model,
            config.revision,
            chats=chats,
            template_args=config.chat_template_args,
        )
        return tokenizer, await VllmEngine.start(model, config, tokenizer.eos_ids)


class VllmEngine(Running[Request, Generation]):
    """The Engine port, served by vLLM."""

    @classmethod
    async def start(cls, model: str, config: VllmConfig, eos_ids: Collection[int]) -> VllmEngine:
        """Load the model.

        Args:
            model: a folder, or a name on the Hugging Face hub.
            config: how it is served.
            eos_ids: every token that ends a turn. They alone do: what the checkpoint's own
                generation_config.json says of sampling and of ends is not used.

        Raises:
            EngineError: in one line, why it does not start.
        """
        ends, adapter, more = frozenset(eos_ids), None, {}
        if config.lora is not None:
            found = opened(config.lora, config.lora_revision, model)
            adapter, more = found.folder, found.arguments
        return cls(
            *await start(
                model,
                config,
                lambda device: engine_arguments(model, config, device) | more,
                partial(InProcessCore, eos_ids=ends, adapter=adapter),
                partial(GpuServer, eos_ids=ends, adapter=adapter),
            )
        )

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        """`generations[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        return await self._served(batch, refusal)


def sampling_parameters(request: Request, max_model_len: int, eos_ids: Collection[int]) -> Any:
    """The `SamplingParams`. Only the final output is asked for, text only for stop strings."""
    from vllm.sampling_params import RepetitionDetectionParams, RequestOutputKind, SamplingParams

    fields = sampling_fields(request, max_model_len, eos_ids)
    if loop := fields["repetition_detection"]:
        fields["repetition_detection"] = RepetitionDetectionParams(**loop)
    return SamplingParams(
        **fields,
        logprobs=request.sampling.likeliest or None,
        flat_logprobs=True,
        output_kind=RequestOutputKind.FINAL_ONLY,
        skip_clone=True,  # made for this request alone
    )


def generation(output: Any, request: Request, eos_ids: Collection[int]) -> Generation | Refused:
    """The port's view of vLLM's final `RequestOutput`.

    A request that vLLM gave up (`error`, "retryable request-level internal error") is refused this
    once; the others go on.
    """
    (completion,) = output.outputs
    token_ids = tuple(completion.token_ids)
    if completion.finish_reason not in ENDS:
        told = f"vLLM ended the request with {completion.finish_reason!r}"
        cached = output.num_cached_tokens or 0
        spent = Spent(1, len(request.prompt), cached, len(token_ids))
        return Refused(told, again=True, spent=spent)
    finish, stop = ending(completion.finish_reason, completion.stop_reason, token_ids, eos_ids)
    logprob_ids, likeliest = request.sampling.logprob_ids, request.sampling.likeliest
    return Generation(
        token_ids,
        finish,
        stop,
        tuple(_logprobs(completion.logprobs, logprob_ids)) if logprob_ids else (),
        completion.cumulative_logprob if logprob_ids or likeliest else None,
        prompt_tokens=len(request.prompt),
        cached_tokens=output.num_cached_tokens or 0,
        sureness=tuple(_sureness(completion.logprobs, likeliest)) if likeliest else (),
    )


def _logprobs(flat: Any, ids: Sequence[int]) -> Iterator[dict[int, float]]:
    """At each position vLLM gives the sampled token first, then `ids` in their order."""
    for first in flat.start_indices:
        values = flat.logprobs[first + 1 : first + 1 + len(ids)]
        yield dict(zip(ids, values, strict=True))


def _sureness(flat: Any, likeliest: int) -> Iterator[Sureness]:
    """At each position vLLM gives the sampled token first, then the likeliest in their order."""
    for first in flat.start_indices:
        chosen, *top = flat.logprobs[first : first + 1 + likeliest]
        yield sureness(chosen, top)


class InProcessCore(InProcess[Request, Generation]):
    """One in this process that generates."""

    def __init__(
        self, arguments: dict[str, object], eos_ids: frozenset[int], adapter: Path | None = None
    ) -> None:
        super().__init__(arguments, adapter)
        self._eos_ids = eos_ids

    def add(self, key: str, request: Request) -> Refused | None:
        """Take a request in, or say why not."""
        return self.submit(
            key, request, lambda: sampling_parameters(request, self.max_model_len, self._eos_ids)
        )

    def step(self) -> Iterator[tuple[str, Generation | Refused]]:
        """Advance all requests by a token. The ones that ended."""
        for output in self._engine.step():
            request = self._requests.pop(output.request_id)
            yield output.request_id, generation(output, request, self._eos_ids)


class GpuServer(OnGpu[Request, Generation]):
    """One on a GPU that generates."""

    def __init__(self, llm: Any, eos_ids: frozenset[int], adapter: Path | None = None) -> None:
        super().__init__(llm, adapter)
        self._eos_ids = eos_ids

    def engine_steps(self) -> int:
        """Tokens of the requests in flight: the core reports them at each step."""
        states = self._llm.output_processor.request_states.values()
        return sum(state.detokenizer.num_output_tokens() for state in states)

    async def ask(self, request: Request) -> Generation | Refused | None:
        """See `OnGpu.ask`."""
        longest = self._llm.model_config.max_model_len
        told = sampling_parameters(request, longest, self._eos_ids)
        final = await self.last(self._llm.generate, request, told)
        return None if final is None else generation(final, request, self._eos_ids)
