"""vLLM on a GPU, read and not seen: its server on a stand-in for `AsyncLLM`, its own defaults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.engine import EngineError, Generation, Refused, Request, Sampling
from engines.vllm_config import VllmConfig
from engines.vllm_engine import GpuServer, VllmEngine
from engines.vllm_gpu import load_async
from engines.vllm_setup import engine_arguments
from test_vllm_engine import ASKED, EOS, output


class FakeLlm:
    """Answers after a turn of the event loop, or does what `act` does."""

    model_config = SimpleNamespace(max_model_len=40)
    output_processor: Any = None
    errored = False

    def __init__(self, act: Callable[[], object] = lambda: None) -> None:
        self.act = act
        self.keys: list[str] = []
        self.ended: list[str] = []
        self.shut = 0

    async def generate(self, prompt: Any, parameters: Any, key: str) -> AsyncIterator[Any]:
        self.keys.append(key)
        try:
            await asyncio.sleep(0.01 * parameters.max_tokens)
            self.act()
            yield output((9,) * parameters.max_tokens, "length")
        finally:
            self.ended.append(key)

    def shutdown(self) -> None:
        self.shut += 1


def gpu(llm: FakeLlm) -> VllmEngine:
    return VllmEngine(GpuServer(llm, frozenset({EOS})), 40, 100)


def fail(error: Exception) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


@pytest.mark.engine
def test_answers_are_aligned_and_keys_differ() -> None:
    llm = FakeLlm()
    batch = [Request((5,), Sampling(n)) for n in (3, 1, 2)]
    answers = asyncio.run(gpu(llm).generate([batch[0], Request((), Sampling(1)), *batch[1:]]))
    lengths = [len(a.token_ids) if isinstance(a, Generation) else None for a in answers]
    assert lengths == [3, None, 1, 2]
    assert len(set(llm.keys)) == 3


@pytest.mark.engine
def test_what_vllm_refuses_is_refused() -> None:
    from vllm.exceptions import VLLMValidationError

    llm = FakeLlm(fail(VLLMValidationError("not\nthis")))
    assert asyncio.run(gpu(llm).generate([ASKED])) == [Refused("not this")]


@pytest.mark.engine
def test_a_dead_engine_is_an_engine_error() -> None:
    from vllm.v1.engine.exceptions import EngineDeadError

    with pytest.raises(EngineError, match="the engine died"):
        asyncio.run(gpu(FakeLlm(fail(EngineDeadError()))).generate([ASKED, ASKED]))


def first(act: Callable[[], object]) -> Callable[[], object]:
    """Does it the first time, and nothing afterwards."""
    acts = iter([act])
    return lambda: next(acts, lambda: None)()


def generate_error() -> Exception:
    from vllm.v1.engine.exceptions import EngineGenerateError

    error: Exception = EngineGenerateError()
    error.__cause__ = KeyError("block")
    return error


@pytest.mark.engine
def test_a_request_that_fails_inside_vllm_fails_alone() -> None:
    from vllm.exceptions import QueueOverflowError, RetryableRequestError

    errors = [generate_error(), RetryableRequestError(), QueueOverflowError()]

    async def run() -> None:
        for error in errors:
            llm = FakeLlm(first(fail(error)))
            bad, *good = await gpu(llm).generate([ASKED] * 3)
            assert isinstance(bad, Refused)
            assert bad.again
            assert bad.message.startswith("the engine failed at this request: ")
            assert [type(answer) for answer in good] == [Generation] * 2

    asyncio.run(run())


@pytest.mark.engine
def test_a_request_that_took_the_collector_of_answers_along_is_the_end() -> None:
    llm = FakeLlm(fail(generate_error()))
    llm.errored = True
    with pytest.raises(EngineError, match="the engine died: 'block'"):
        asyncio.run(gpu(llm).generate([ASKED]))


@pytest.mark.engine
def test_cancelling_reaches_every_request() -> None:
    async def run() -> None:
        task = asyncio.create_task(gpu(llm).generate([Request((5,), Sampling(30))] * 3))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert llm.ended == llm.keys

    llm = FakeLlm()
    asyncio.run(run())
    assert len(llm.keys) == 3


def test_closing_shuts_vllm_down() -> None:
    llm = FakeLlm()
    asyncio.run(gpu(llm).close())
    assert llm.shut == 1


@pytest.mark.engine
def test_vllm_is_told_that_the_work_is_offline(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    from vllm.engine import arg_utils
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine.async_llm import AsyncLLM
    from vllm.v1.metrics.loggers import PrometheusStatLogger

    told: dict[str, Any] = {}
    sizes = SimpleNamespace(max_model_len=40, get_vocab_size=lambda: 100)

    def from_engine_args(arguments: Any, **more: Any) -> Any:
        told.update(more)
        return SimpleNamespace(model_config=sizes)

    monkeypatch.setattr(AsyncLLM, "from_engine_args", from_engine_args)
    model = str(root / "benchmarks" / "arithmetic" / "policy")
    arguments = engine_arguments(model, VllmConfig(), "cuda")
    load_async(arguments)
    (hears,) = told.pop("stat_loggers")
    assert issubclass(hears, PrometheusStatLogger)  # in place of vLLM's own
    assert told == {"usage_context": UsageContext.LLM_CLASS}

    # What vLLM makes of it, on GPUs that are not here.
    tokens = []
    for name, gib in (("NVIDIA H100", 80), ("NVIDIA A100", 80), ("NVIDIA L4", 24)):
        gpu = SimpleNamespace(
            get_device_total_memory=lambda gib=gib: gib << 30,
            get_device_name=lambda name=name: name,
            is_cpu=lambda: False,
            is_tpu=lambda: False,
        )
        monkeypatch.setattr(arg_utils, "current_platform", gpu)
        tokens.append(arg_utils.EngineArgs.get_batch_defaults(1)[0][told["usage_context"]])
    assert tokens == [16384, 8192, 8192]


@pytest.mark.engine
def test_the_tokens_of_requests_in_flight_tell_that_vllm_moves() -> None:
    from vllm.v1.engine.detokenizer import IncrementalDetokenizer

    llm = FakeLlm()
    states = [SimpleNamespace(detokenizer=IncrementalDetokenizer()) for _ in range(2)]
    llm.output_processor = SimpleNamespace(request_states=dict(enumerate(states)))
    assert gpu(llm).engine_steps() == 0
    states[0].detokenizer.update([4, 5, 6], stop_terminated=False)
    states[1].detokenizer.update([4], stop_terminated=False)
    assert gpu(llm).engine_steps() == 4
