"""vLLM behind the second protocol: reward models, run by its pooling runner.

vLLM's own pooling of steps reads no prefix cache, for it looks for step tags in the whole prompt.
So all rows are asked for, which come for what was computed, and the wanted ones are taken; where
the cache held one of these too, the request is made once more without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from engines.engine import Refused
from engines.scoring import Head, ScoreRequest, Scores, unscorable
from engines.tokenizer import HfTokenizer
from engines.vllm_config import VllmConfig
from engines.vllm_gpu import OnGpu
from engines.vllm_process import InProcess, Running, start
from engines.vllm_setup import collection_paused, engine_arguments, prepare_environment

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


class VllmScoring(Running[ScoreRequest, Scores]):
    """The second protocol, served by vLLM."""

    @classmethod
    async def start(cls, model: str, config: VllmConfig, head: Head) -> VllmScoring:
        """Load the model. Raises `EngineError`, in one line, why it does not start."""
        return cls(
            *await start(
                model,
                config,
                partial(scoring_arguments, model, config, head=head),
                partial(ScoringCore, head=head),
                partial(GpuScoring, head=head),
            )
        )

    async def score(self, batch: Sequence[ScoreRequest]) -> list[Scores | Refused]:
        """`scores[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        return await self._served(batch, unscorable)


def scoring_arguments(model: str, config: VllmConfig, device: str, head: Head) -> dict[str, object]:
    """The fields of vLLM's `EngineArgs`: as of a model that generates, and what is pooled."""
    from vllm.config import PoolerConfig

    register_models()
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


class ScoringCore(InProcess[ScoreRequest, Scores]):
    """One in this process that scores."""

    def __init__(self, arguments: dict[str, object], head: Head) -> None:
        super().__init__(arguments)
        self._head = head

    def add(self, key: str, request: ScoreRequest) -> Refused | None:
        """Take a request in, or say why not."""
        return self._add(key, request, cached=True)

    def _add(self, key: str, request: ScoreRequest, *, cached: bool) -> Refused | None:
        return self.submit(key, request, lambda: parameters(self._head, cached=cached))

    def step(self) -> Iterator[tuple[str, Scores | Refused]]:
        """Advance all requests. The ones that ended."""
        for output in self._engine.step():
            key = output.request_id
            request = self._requests.pop(key)
            if answer := scores(output, request):
                yield key, answer
            elif refused := self._add(key, request, cached=False):
                yield key, refused


class GpuScoring(OnGpu[ScoreRequest, Scores]):
    """One on a GPU that scores."""

    def __init__(self, llm: Any, head: Head) -> None:
        super().__init__(llm)
        self._head = head
        self._done = 0

    def engine_steps(self) -> int:
        """How many requests have ended: a score is one step, or a few."""
        return self._done

    async def ask(self, request: ScoreRequest) -> Scores | None:
        """See `OnGpu.ask`."""
        for cached in (True, False):
            told = parameters(self._head, cached=cached)
            output = await self.last(self._llm.encode, request, told)
            if output is not None and (answer := scores(output, request)):
                self._done += 1
                return answer
        return None
