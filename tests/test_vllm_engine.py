"""How vLLM is set up and its answers are read; engines that run are in test_engine."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.engine import EngineError, Finish, Generation, Refused, Request, Sampling
from engines.vllm_config import VllmConfig
from engines.vllm_engine import VllmEngine, generation, sampling_parameters
from engines.vllm_process import find_device
from engines.vllm_setup import collection_paused, engine_arguments, prepare_environment
from search.core import Spent

EOS = 2
ASKED = Request((5, 6, 7), Sampling(4))


def output(ids: tuple[int, ...], reason: str, stop: int | str | None = None, **more: Any) -> Any:
    """What vLLM's final `RequestOutput` looks like."""
    measured = {"logprobs": None, "cumulative_logprob": None} | more
    completion = SimpleNamespace(
        token_ids=list(ids), finish_reason=reason, stop_reason=stop, **measured
    )
    return SimpleNamespace(outputs=[completion], num_cached_tokens=0)


def generated(output: Any, request: Request = ASKED) -> Generation:
    read = generation(output, request, {EOS})
    assert isinstance(read, Generation)
    return read


@pytest.mark.parametrize(
    ("reason", "last", "stop_reason", "finish", "stop"),
    [
        ("stop", EOS, EOS, Finish.EOS, None),
        ("stop", EOS, None, Finish.EOS, None),
        ("stop", 9, 9, Finish.STOP, 9),
        ("stop", 9, None, Finish.STOP, 9),
        ("stop", 9, "\n\n", Finish.STOP, "\n\n"),
        ("stop", EOS, "end", Finish.STOP, "end"),
        ("length", EOS, None, Finish.LENGTH, None),
        ("repetition", 9, "repetition_detected", Finish.LOOP, None),
        ("abort", 9, None, Finish.ABORT, None),
    ],
)
def test_every_end_is_told_apart(
    reason: str, last: int, stop_reason: int | str | None, finish: Finish, stop: int | str | None
) -> None:
    read = generated(output((4, last), reason, stop_reason))
    assert (read.token_ids, read.finish, read.stop) == ((4, last), finish, stop)


def test_an_aborted_request_may_have_no_token() -> None:
    assert generated(output((), "abort")).token_ids == ()


@pytest.mark.parametrize("reason", ["error", "a reason of a later vLLM", None])
def test_a_fault_inside_vllm_and_an_unknown_end_fail_that_request_only(reason: Any) -> None:
    told = f"vLLM ended the request with {reason!r}"
    spent = Spent(1, len(ASKED.prompt), 0, 1)
    refused = generation(output((4,), reason), ASKED, {EOS})
    assert isinstance(refused, Refused)
    assert (refused.message, refused.again) == (told, True)
    assert replace(refused.spent, cached=0) == spent


def test_log_probabilities_are_read_behind_the_sampled_token() -> None:
    request = Request((5,), Sampling(2, logprob_ids=(8, 9)))
    flat = SimpleNamespace(start_indices=[0, 3], logprobs=[-0.1, -1.0, -2.0, -0.2, -3.0, -4.0])
    read = generated(output((4, 4), "length", logprobs=flat, cumulative_logprob=-0.3), request)
    assert read.logprobs == ({8: -1.0, 9: -2.0}, {8: -3.0, 9: -4.0})
    assert read.logprob == -0.3


@pytest.mark.engine
def test_vllm_is_told_all_that_was_asked() -> None:
    asked = Sampling(50, 0.7, 0.9, 11, (9,), ("x",), (8, 9), (4, 8), loop_ngram=9, loop_repeats=3)
    told = sampling_parameters(Request((5, 6, 7), asked), 40, [EOS])
    loop = told.repetition_detection
    assert (told.temperature, told.top_p, told.seed, told.max_tokens) == (0.7, 0.9, 11, 37)
    assert set(told.stop_token_ids) == {EOS, 9}
    assert (told.stop, told.detokenize) == (["x"], True)
    assert (told.logprob_token_ids, told.flat_logprobs) == ([8, 9], True)
    assert told.allowed_token_ids == [4, 8]
    assert (loop.min_pattern_size, loop.max_pattern_size, loop.min_count) == (5, 9, 3)


@pytest.mark.engine
def test_vllm_is_asked_for_nothing_that_was_not() -> None:
    from vllm.sampling_params import RequestOutputKind

    told = sampling_parameters(ASKED, 40, [EOS])
    assert told.output_kind is RequestOutputKind.FINAL_ONLY
    assert not told.detokenize
    assert told.num_logprobs is None
    assert told.allowed_token_ids is None
    assert told.repetition_detection is None


def test_a_cpu_engine_has_explicit_memory_and_small_blocks() -> None:
    told = engine_arguments("m", VllmConfig(), "cpu")
    assert (told["block_size"], told["kv_cache_memory_bytes"]) == (32, 1 << 28)
    assert (told["dtype"], told["enforce_eager"]) == ("float32", True)


def test_a_gpu_engine_has_the_models_dtype_and_a_share_of_the_memory() -> None:
    told = engine_arguments("m", VllmConfig(gpu_memory_utilization=0.5), "cuda")
    assert (told["dtype"], told["gpu_memory_utilization"]) == ("auto", 0.5)
    assert "kv_cache_memory_bytes" not in told
    assert "distributed_executor_backend" not in told


def test_what_is_said_goes_first() -> None:
    said = VllmConfig(
        dtype="bfloat16",
        memory_gib=2,
        block_size=64,
        tensor_parallel_size=2,
        max_num_batched_tokens=4096,
    )
    for device in ("cpu", "cuda"):
        told = engine_arguments("m", said, device)
        assert told["max_num_batched_tokens"] == 4096
        assert (told["dtype"], told["block_size"]) == ("bfloat16", 64)
        assert told["kv_cache_memory_bytes"] == 2 << 30
    assert told["distributed_executor_backend"] == "mp"


@pytest.mark.engine
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_engine_arguments_are_vllms(device: str) -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs

    told = engine_arguments("m", VllmConfig(memory_gib=1, tensor_parallel_size=2), device)
    assert told.keys() <= {field.name for field in fields(AsyncEngineArgs)}


def test_the_environment_of_the_caller_goes_before_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", {"VLLM_LOGGING_LEVEL": "INFO"})
    prepare_environment(VllmConfig(threads=3))
    assert os.environ["VLLM_LOGGING_LEVEL"] == "INFO"
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert not logging.getLogger("vllm").isEnabledFor(logging.WARNING)


@pytest.mark.parametrize("collecting", [True, False])
def test_garbage_collection_goes_on_as_before(collecting: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        with collection_paused():
            assert not gc.isenabled()
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.engine
def test_a_device_that_vllm_does_not_serve_is_one_clear_error() -> None:
    found = find_device("auto")
    other = {"cpu": "cuda", "cuda": "cpu"}[found]
    with pytest.raises(EngineError, match=f"engine.device is {other}.*serves {found}"):
        find_device(other)


@pytest.mark.engine
def test_an_engine_that_cannot_start_is_one_clear_error(tmp_path: Any) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["Nonesuch"], "model_type": "qwen2"}')
    with pytest.raises(EngineError, match="the engine does not start") as error:
        asyncio.run(VllmEngine.start(str(tmp_path), VllmConfig(), [EOS]))
    assert str(error.value).startswith(f"{tmp_path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.engine
def test_an_engine_whose_cache_is_too_small_says_so(root: Path) -> None:
    model = str(root / "benchmarks" / "arithmetic" / "policy")
    with pytest.raises(EngineError, match="does not start: To serve at least one request"):
        asyncio.run(VllmEngine.start(model, VllmConfig(memory_gib=0.001), [EOS]))


def test_the_module_alone_imports_no_heavy_library() -> None:
    code = "import sys, engines.vllm_engine; sys.exit(bool({'torch', 'vllm'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
