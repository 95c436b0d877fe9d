"""What a config would run, and what it would cost at most: counted, with no model loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import can_download, is_here, load_dataset, told_size
from engines.engine import EngineConfig
from search.custom import is_import_path
from search.questions import steered_by
from treewright.config.config import Config
from treewright.config.fingerprint import fingerprint
from treewright.config.kinds import engine_of, kind_of

GIB = 2**30
BILLIONS = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)B(?![A-Za-z])", re.IGNORECASE)
"""The size in a model's name: `Qwen2.5-3B-Instruct`."""
QUANTIZED = re.compile(r"awq|gptq|gguf|fp8|int[48]|[48]-?bit|w\da\d+", re.IGNORECASE)
"""What names of models say whose weights take less."""
BYTES_PER_PARAMETER = 2
"""bfloat16."""
CPU_KV_CACHE_GIB = 0.25


@dataclass(frozen=True)
class PlanSide:
    """One of the two models' sides.

    `calls`: solutions or steps to write, or to judge, at most. `tokens`: the most that it may
    generate, 0 of a double, None where it cannot be told: a part of one's own says nothing of it.
    `engine`: whether an engine of ours runs its model; a model of another part may be anywhere.
    `gpus` None: as many as there are, up to one engine's need.
    `weights_gib`, `cache_gib`: of one replica, None where it cannot be told from here; the cache
    of a GPU is what `gpu_memory_utilization` leaves it. `weights_by_name`: nobody has measured
    them, a model's name says its size.
    """

    kind: str
    model: str | None
    calls: int
    tokens: int | None
    replicas: int
    engine: bool
    gpus: float | None
    weights_gib: float | None
    weights_by_name: bool
    cache_gib: float | None


@dataclass(frozen=True)
class RunPlan:
    """The whole.

    `problems` can be asked, `bad_rows` become error records, `excluded` are left out. `steered_by`:
    the aggregation that decides what is drawn, None where none does. Where the data are not on this
    machine (`data_here`), `fingerprint`, `bad_rows` and `excluded` are None: nobody knows them yet.
    `notes`: of the data.
    """

    name: str
    fingerprint: str | None
    problems: int
    data_here: bool
    bad_rows: int | None
    excluded: int | None
    strategy: str
    steered_by: str | None
    candidates: int
    policy: PlanSide
    scorer: PlanSide
    arms: int
    notes: tuple[str, ...]


def make_plan(config: Config) -> RunPlan:
    """Count.

    Data that are not on this machine are downloaded only where their number cannot be told.

    Raises `DatasetError` for data that cannot be used or had.
    """
    told = None if is_here(config.dataset) else told_size(config.dataset)
    dataset = load_dataset(config.dataset) if told is None else None
    problems = told or (len(dataset.samples) if dataset else 0)
    candidates = problems * config.strategy.candidates
    draws = problems * config.strategy.draws
    judged = draws if config.strategy.judges else 0
    return RunPlan(
        name=config.name,
        fingerprint=None if dataset is None else fingerprint(config, dataset.digest),
        problems=problems,
        data_here=dataset is not None,
        bad_rows=None if dataset is None else len(dataset.bad_rows),
        excluded=None if dataset is None else dataset.excluded,
        strategy=kind_of("strategy", config.strategy),
        steered_by=steered_by(config.strategy),
        candidates=candidates,
        policy=_side(config, "policy", draws, _draw_tokens),
        scorer=_side(config, "scorer", judged, _judgement_tokens),
        arms=len(list(_arms(config))),
        notes=dataset.notes if dataset else _lacking(),
    )


def _lacking() -> tuple[str, ...]:
    """What a run will need to get its data."""
    need = "a run needs huggingface-hub to download its data: install treewright[datasets]"
    return () if can_download() else (need,)


def total(counts: Iterable[int | None]) -> int | None:
    """The sum, None where one of them is unknown."""
    listed = list(counts)
    known = [count for count in listed if count is not None]
    return sum(known) if len(known) == len(listed) else None


def _side(
    config: Config, section: str, calls: int, most: Callable[[object], int | None]
) -> PlanSide:
    settings = getattr(config, section)
    engine = engine_of(settings)
    kind, model = kind_of(section, settings), getattr(settings, "model", None)
    each = most(settings) if engine else None if is_import_path(kind) else 0
    weights = weights_gib(model, engine) if engine and isinstance(model, str) else None
    return PlanSide(
        kind=kind,
        model=model if isinstance(model, str) else None,
        calls=calls,
        tokens=0 if calls == 0 else None if each is None else calls * each,
        replicas=getattr(config.cluster, f"{section}_replicas"),
        engine=engine is not None,
        gpus=_gpus(engine, getattr(config.cluster, f"{section}_gpus")),
        weights_gib=weights,
        weights_by_name=weights is not None and not Path(str(model)).is_dir(),
        cache_gib=_cache_gib(engine) if engine else None if is_import_path(kind) else 0.0,
    )


def _draw_tokens(policy: object) -> int | None:
    """The most tokens of one solution, and of one step, where a step has no limit of its own."""
    sampling = getattr(policy, "sampling", None)
    return getattr(sampling, "max_tokens", None)


def _judgement_tokens(scorer: object) -> int | None:
    """All chains to their limit, all retries, and one token to read the final verdict."""
    chain = getattr(scorer, "max_tokens", None)
    if not isinstance(chain, int):
        return None
    attempts = 1 + getattr(scorer, "retries", 0)
    return attempts * getattr(scorer, "chains", 1) * (chain + 1)


def _gpus(engine: EngineConfig | None, said: float | None) -> float | None:
    if said is not None:
        return said
    if engine is None or engine.device == "cpu":
        return 0.0
    return None if engine.device == "auto" else float(engine.tensor_parallel_size)


def _cache_gib(engine: EngineConfig) -> float | None:
    on_cpu = CPU_KV_CACHE_GIB if engine.device == "cpu" else None
    return engine.memory_gib if engine.memory_gib is not None else on_cpu


def weights_gib(model: str, engine: EngineConfig | None = None) -> float | None:
    """The size of a model's weights: of the files in its folder, or told by its name.

    A name tells no size of weights that are not in 16 bits.
    """
    folder = Path(model)
    if folder.is_dir():
        return sum(path.stat().st_size for path in folder.glob("*.safetensors")) / GIB
    named = BILLIONS.search(model)
    if named is None or QUANTIZED.search(model) or (engine and not _in_16_bits(engine)):
        return None
    return float(named[1]) * 1e9 * BYTES_PER_PARAMETER / GIB


def _in_16_bits(engine: EngineConfig) -> bool:
    return engine.dtype in ("auto", "bfloat16", "float16") and engine.quantization is None


def size(gib: float) -> str:
    """`5.6 GiB`, `3.5 MiB`."""
    return f"{gib:.1f} GiB" if gib >= 1 else f"{gib * 1024:.1f} MiB"


def _arms(config: Config) -> Iterator[tuple[str | None, str]]:
    from search.selection import SELECTIONS

    for selection in config.select:
        scored = SELECTIONS[selection].needs_score
        yield from ((name, selection) for name in (config.aggregate if scored else [None]))
