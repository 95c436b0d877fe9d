"""vLLM behind the second protocol: reward models, run by its pooling runner.

vLLM's own pooling of steps reads no prefix cache, for it looks for step tags in the whole prompt.
So all rows are asked for, which come for what was computed, and the wanted ones are taken; where
the cache held one of these too, the request is made once more without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, Protocol

from engines.engine import EngineError, Facts, Refused, one_line
from engines.scoring import Head, ScoreRequest, Scores, unscorable
from engines.stepper import Stepper
from engines.tokenizer import HfTokenizer
from engines.vllm_config import VllmConfig
from engines.vllm_engine import InProcess, find_device
from engines.vllm_setup import (
    collection_paused,
    engine_arguments,
    prepare_environment,
    prepare_in_process,
)
from search.gather import gather
from search.ports import Closing

TASKS = {Head.TOKENS: "token_classify", Head.TEXT: "classify"}
MODELS = {"Qwen2ForPrmModel": "engines.vllm_models:Qwen2ForPrmModel"}
"""Classes of models that vLLM does not have, by what a checkpoint's config.json calls them."""


async def serve_scoring(
    model: str, config: VllmConfig, head: Head
) -> tuple[HfTokenizer, VllmScoring]:
    """The tokenizer of a reward model and an engine that serves it.

    Raises:
        TokenizerError: the folder is missing, or has no tokenizer.
        EngineError: the engine does not start.
    """
    prepare_environment(config)
    with collection_paused():
        tokenizer = await asyncio.to_thread(HfTokenizer.load, model, config.revision, chats=False)
        return tokenizer, await VllmScoring.start(model, config, head)


class VllmScoring:
    """The second protocol, served by vLLM."""

    def __init__(self, server: Server, max_model_len: int, vocab_size: int, facts: Facts) -> None:
        self._server = server
        self._max_model_len = max_model_len
        self._vocab_size = vocab_size
        self._facts = facts

    @classmethod
    async def start(cls, model: str, config: VllmConfig, head: Head) -> VllmScoring:
        """Load the model. Raises `EngineError`, in one line, why it does not start."""
        try:
            with collection_paused():
                device = await asyncio.to_thread(find_device, config.device)
                arguments = scoring_arguments(model, config, device, head)
                starting = _start_in_process if device == "cpu" else _start_async
                facts = {"model": model, "device": device, "dtype": str(arguments["dtype"])}
                server, longest, words = await starting(arguments, head)
                return cls(server, longest, words, facts)
        except Exception as error:
            raise EngineError(f"{model}: the engine does not start: {one_line(error)}") from error

    @property
    def max_model_len(self) -> int:
        """The longest text, in tokens."""
        return self._max_model_len

    async def score(self, batch: Sequence[ScoreRequest]) -> list[Scores | Refused]:
        """`scores[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        refused = [unscorable(each, self._max_model_len, self._vocab_size) for each in batch]
        served = [each for each, no in zip(batch, refused, strict=True) if no is None]
        answers = iter(await self._server.generate(served))
        return [no or next(answers) for no in refused]

    def engine_steps(self) -> int:
        """See `engines.engine.Stepping`."""
        return self._server.engine_steps()

    def describe(self) -> Facts:
        """See `engines.engine.Describing`."""
        return self._facts

    async def close(self) -> None:
        """Free everything. Idempotent."""
        await self._server.close()


class Server(Closing, Protocol):
    """What answers requests that are known to be servable."""

    async def generate(self, batch: Sequence[ScoreRequest]) -> list[Scores | Refused]:
        """As the protocol's `score`."""
        ...

    def engine_steps(self) -> int:
        """See `engines.engine.Stepping`."""
        ...


def scoring_arguments(model: str, config: VllmConfig, device: str, head: Head) -> dict[str, object]:
    """The fields of vLLM's `EngineArgs`: as of a model that generates, and what is pooled."""
    from vllm.config import PoolerConfig

    pooled = {Head.TOKENS: {"tok_pooling_type": "ALL"}, Head.TEXT: {"seq_pooling_type": "LAST"}}
    own = {"runner": "pooling", "pooler_config": PoolerConfig(**pooled[head])}
    return {**engine_arguments(model, config, device), **own, **config.extra}


def register_models() -> None:
    """Tell vLLM the classes of models that it does not have; its plugin of this name, too."""
    from vllm import ModelRegistry

    for name, place in MODELS.items():
        if name not in ModelRegistry.models:
            ModelRegistry.register_model(name, place)


def parameters(head: Head, *, cached: bool) -> Any:
    """The `PoolingParams`: raw numbers; `cached`: whether the prefix cache may be read."""
    from vllm.pooling_params import PoolingParams

    return PoolingParams(
        task=TASKS[head], use_activation=False, skip_reading_prefix_cache=not cached
    )


def scores(output: Any, request: ScoreRequest) -> Scores | None:
    """The protocol's view of vLLM's final `PoolingRequestOutput`; None where a row is lacking.

    The rows are those of the last tokens, as many as were computed.
    """
    data = output.outputs.data.float()
    table: list[list[float]] = data.reshape(-1, data.shape[-1]).tolist()
    first = len(request.prompt) - len(table)
    if not request.positions:
        rows = [table[-1]]
    elif request.positions[0] < first:
        return None
    else:
        rows = [table[position - first] for position in request.positions]
    cached = min(output.num_cached_tokens or 0, len(request.prompt))
    return Scores(tuple(map(tuple, rows)), len(request.prompt), cached)


# On a CPU.


async def _start_in_process(
    arguments: dict[str, object], head: Head
) -> tuple[Stepper[ScoreRequest, Scores], int, int]:
    prepare_in_process()
    stepper, core = await Stepper[ScoreRequest, Scores].start(lambda: ScoringCore(arguments, head))
    return stepper, core.max_model_len, core.vocab_size


class ScoringCore(InProcess):
    """vLLM in this process, as a `Stepper` wants it."""

    def __init__(self, arguments: dict[str, object], head: Head) -> None:
        register_models()
        super().__init__(arguments)
        self._head = head
        self._requests: dict[str, ScoreRequest] = {}

    def add(self, key: str, request: ScoreRequest) -> Refused | None:
        """Take a request in, or say why not."""
        return self._add(key, request, cached=True)

    def _add(self, key: str, request: ScoreRequest, *, cached: bool) -> Refused | None:
        from vllm.exceptions import VLLMClientError
        from vllm.inputs.engine import tokens_input

        try:
            prompt = tokens_input(list(request.prompt), cache_salt=request.cache or None)
            self._engine.add_request(key, prompt, parameters(self._head, cached=cached))
        except VLLMClientError as error:
            return Refused(one_line(error))
        self._requests[key] = request
        return None

    def abort(self, keys: Sequence[str]) -> None:
        """Forget these requests."""
        self._engine.abort_request(list(keys))
        for key in keys:
            self._requests.pop(key, None)

    def step(self) -> Iterator[tuple[str, Scores | Refused]]:
        """Advance all requests. The ones that ended."""
        for output in self._engine.step():
            key = output.request_id
            request = self._requests.pop(key)
            if answer := scores(output, request):
                yield key, answer
            elif refused := self._add(key, request, cached=False):
                yield key, refused


# On a GPU.


async def _start_async(arguments: dict[str, object], head: Head) -> tuple[GpuScoring, int, int]:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine.async_llm import AsyncLLM

    register_models()
    # As for an engine that generates: this context takes more tokens in a step.
    llm = AsyncLLM.from_engine_args(
        AsyncEngineArgs(**arguments), usage_context=UsageContext.LLM_CLASS
    )
    server = GpuScoring(llm, head)
    return server, llm.model_config.max_model_len, llm.model_config.get_vocab_size()


class GpuScoring:
    """vLLM's `AsyncLLM`. It aborts a request whose awaiting task is cancelled."""

    def __init__(self, llm: Any, head: Head) -> None:
        self._llm = llm
        self._head = head
        self._keys = count()
        self._done = 0

    async def generate(self, batch: Sequence[ScoreRequest]) -> list[Scores | Refused]:
        """As the protocol's `score`."""
        return await gather(self._one(request) for request in batch)

    def engine_steps(self) -> int:
        """How many requests have ended: a score is one step, or a few."""
        return self._done

    async def close(self) -> None:
        """Free everything. Idempotent."""
        await asyncio.to_thread(self._llm.shutdown)

    async def _one(self, request: ScoreRequest) -> Scores | Refused:
        """Only a dead engine raises."""
        from vllm.exceptions import VLLMClientError, VLLMError
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            for cached in (True, False):
                output = await self._pooled(request, cached=cached)
                if output is not None and (answer := scores(output, request)):
                    self._done += 1
                    return answer
        except VLLMClientError as error:
            return Refused(one_line(error))
        except EngineDeadError as error:
            raise EngineError(f"the engine died: {one_line(error)}") from error
        except VLLMError as error:
            cause = one_line(error.__cause__ or error)
            if self._llm.errored:
                raise EngineError(f"the engine died: {cause}") from error
            return Refused(f"the engine failed at this request: {cause}", again=True)
        return Refused("the engine ended the request without an answer", again=True)

    async def _pooled(self, request: ScoreRequest, *, cached: bool) -> Any:
        from vllm.inputs.engine import tokens_input

        final = None
        prompt = tokens_input(list(request.prompt), cache_salt=request.cache or None)
        told = parameters(self._head, cached=cached)
        async for output in self._llm.encode(prompt, told, str(next(self._keys))):
            final = output
        return final
