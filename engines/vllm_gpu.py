"""vLLM on a GPU: `AsyncLLM`, whose core has a process of its own."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Generic

from engines.engine import EngineError, Refused, one_line
from engines.vllm_inputs import Asked, Told, adapted, prompt_of
from engines.vllm_stats import VllmStats, listener
from search.gather import gather


def load_async(arguments: dict[str, object], stats: VllmStats | None = None) -> Any:
    """An `AsyncLLM`, which tells `stats` of each step.

    As in vLLM's own server it is made on the event loop, which waits for it.
    """
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine.async_llm import AsyncLLM

    # Without a context a step takes 2048 tokens. This one is for offline work, as ours is: 16384
    # tokens on an H100 and 8192 on smaller GPUs, where vLLM's server takes 8192 and 2048.
    context = UsageContext.LLM_CLASS
    listening = [listener(stats or VllmStats())]
    return AsyncLLM.from_engine_args(
        AsyncEngineArgs(**arguments), usage_context=context, stat_loggers=listening
    )


class OnGpu(ABC, Generic[Asked, Told]):
    """vLLM's `AsyncLLM`. It aborts a request whose awaiting task is cancelled."""

    def __init__(self, llm: Any, adapter: Path | None = None) -> None:
        self._llm = llm
        self._more = adapted(adapter)
        self._keys = count()

    @abstractmethod
    async def ask(self, request: Asked) -> Told | Refused | None:
        """The answer, None where vLLM ended without one. It may raise what vLLM raises."""

    @abstractmethod
    def engine_steps(self) -> int:
        """See `engines.engine.Stepping`."""

    async def generate(self, batch: Sequence[Asked]) -> list[Told | Refused]:
        """`answers[i]` is of `batch[i]`. Raises `EngineError` when the engine is dead."""
        return await gather(self._one(request) for request in batch)

    async def sleep(self) -> None:
        """See `engines.sleeping.Sleeping`: the weights are kept in the machine's memory.

        vLLM's level 2 would not keep them, and they would have to be read from the disk again.
        """
        await self._told_to("sleep", self._llm.sleep(level=1, mode="abort"))

    async def wake(self) -> None:
        """See `engines.sleeping.Sleeping`."""
        awake = await self._told_to("wake", self._llm.wake_up())
        if not awake:
            raise EngineError("the engine does not wake: vLLM says that it still sleeps in part")

    async def _told_to(self, what: str, told: Awaitable[Any]) -> Any:
        """Whatever goes wrong, the memory of the engine is in nobody knows what state."""
        try:
            return await told
        except Exception as error:
            raise EngineError(f"the engine does not {what}: {one_line(error)}") from error

    async def close(self) -> None:
        """Free everything. Idempotent."""
        await asyncio.to_thread(self._llm.shutdown)

    async def last(
        self,
        outputs: Callable[..., AsyncIterator[Any]],
        request: Asked,
        parameters: Any,
    ) -> Any:
        """The final output of a request to a method of vLLM's, None where there was none."""
        final = None
        key = str(next(self._keys))
        async for output in outputs(prompt_of(request), parameters, key, **self._more):
            final = output
        return final

    async def _one(self, request: Asked) -> Told | Refused:
        """Only a dead engine raises.

        vLLM's `EngineGenerateError` is of one request, unless what collects all answers has ended
        with it: then none will ever come.
        """
        from vllm.exceptions import VLLMClientError, VLLMError
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            answer = await self.ask(request)
        except VLLMClientError as error:
            return Refused(one_line(error))
        except EngineDeadError as error:
            raise EngineError(f"the engine died: {one_line(error)}") from error
        except VLLMError as error:
            cause = one_line(error.__cause__ or error)
            if self._llm.errored:
                raise EngineError(f"the engine died: {cause}") from error
            return Refused(f"the engine failed at this request: {cause}", again=True)
        if answer is None:
            return Refused("the engine ended the request without an answer", again=True)
        return answer
