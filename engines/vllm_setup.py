"""What vLLM is told before and while it starts: the environment and its engine arguments.

Nothing here imports vllm: it must be done before.
"""

from __future__ import annotations

import gc
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from engines.given import by_turns, gpu_share, over_nodes
from engines.rope import yarn
from engines.tokenizer import read_config
from engines.vllm_config import CPU_KV_CACHE_GIB, VllmConfig

GIB = 1 << 30
CPU_BLOCK_SIZE = 32
"""vLLM's own is 128 on a CPU: a shorter prompt would never hit the prefix cache."""

ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Defaults: what the caller's environment says goes first."""
CPU_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # The first log-probabilities would compile a ranking kernel that nobody reads: 16 s.
    "TORCHDYNAMO_DISABLE": "1",
}
"""What the in-process engine needs: set whatever the caller's environment says."""


def prepare_environment(config: VllmConfig) -> None:
    """Set what torch and vLLM read from the environment when they are imported."""
    os.environ["OMP_NUM_THREADS"] = str(config.threads)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # What vLLM says before it has configured its logging, and makes torch say, is of no use here;
    # nor is the dump of all its requests when it dies.
    logging.getLogger("vllm").setLevel(logging.ERROR)
    logging.getLogger("vllm.logging_utils.dump_input").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "`torch.distributed.reduce_op` is deprecated", FutureWarning)


def prepare_in_process() -> None:
    """Set what the in-process engine needs, once it is known that there will be one."""
    os.environ.update(CPU_ENVIRONMENT)


@contextmanager
def collection_paused() -> Iterator[None]:
    """Collect no garbage while modules are imported: a third of their import is collecting."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def engine_arguments(model: str, config: VllmConfig, device: str) -> dict[str, object]:
    """The fields of vLLM's `EngineArgs` for a `device`, `cpu` or `cuda`."""
    arguments: dict[str, object] = {
        "model": model,
        "revision": config.revision,
        "tokenizer_revision": config.revision,
        "quantization": config.quantization,
        "max_model_len": config.max_model_len,
        "max_num_seqs": config.max_num_seqs,
        "max_num_batched_tokens": config.max_num_batched_tokens,
        "tensor_parallel_size": config.tensor_parallel_size,
        "pipeline_parallel_size": config.pipeline_parallel_size,
        "trust_remote_code": config.trust_remote_code,
        "kv_cache_dtype": config.kv_cache_dtype,
        "enable_prefix_caching": True,
        "generation_config": "vllm",  # not the model's: its sampling defaults stay out
        "disable_log_stats": False,  # they go to `vllm_stats` only
        "use_tqdm_on_load": False,
    }
    if config.yarn_factor is not None:
        arguments["hf_overrides"] = yarn(read_config(model, config.revision), config.yarn_factor)
    arguments |= _cpu_arguments(config) if device == "cpu" else _gpu_arguments(config)
    return arguments | config.extra


def _cpu_arguments(config: VllmConfig) -> dict[str, object]:
    gib = CPU_KV_CACHE_GIB if config.memory_gib is None else config.memory_gib
    return {
        "dtype": "float32" if config.dtype == "auto" else config.dtype,
        "enforce_eager": True,
        # A seeded request whose prompt is cut into chunks kills vLLM 0.32 on a CPU: it would set
        # back a random generator that has no offset.
        "enable_chunked_prefill": False,
        "block_size": config.block_size or CPU_BLOCK_SIZE,
        "kv_cache_memory_bytes": int(gib * GIB),
    }


def _gpu_arguments(config: VllmConfig) -> dict[str, object]:
    arguments: dict[str, object] = {
        "dtype": config.dtype,
        "enforce_eager": config.enforce_eager,
        "block_size": config.block_size,
        "gpu_memory_utilization": (
            gpu_share() if config.gpu_memory_utilization is None else config.gpu_memory_utilization
        ),
    }
    if by_turns():
        arguments["enable_sleep_mode"] = True
    if config.memory_gib is not None:
        arguments["kv_cache_memory_bytes"] = int(config.memory_gib * GIB)
    if config.tensor_parallel_size * config.pipeline_parallel_size > 1:
        # In a placement group vLLM would take Ray, to no use on one node.
        arguments["distributed_executor_backend"] = "ray" if over_nodes() else "mp"
    return arguments
