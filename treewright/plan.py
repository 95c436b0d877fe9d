"""What a config would run, and what it would cost at most: counted, with no model loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import load_dataset
from engines.engine import EngineConfig
from treewright.config.config import Config
from treewright.config.fingerprint import fingerprint
from treewright.config.kinds import kind_of

GIB = 2**30
BILLIONS = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)B(?![A-Za-z])", re.IGNORECASE)
"""The size in a model's name: `Qwen2.5-3B-Instruct`."""
BYTES_PER_PARAMETER = 2
"""bfloat16."""
CPU_KV_CACHE_GIB = 0.25


@dataclass(frozen=True)
class Side:
    """One of the two models' sides.

    `calls`: solutions or steps to write, or to judge, at most. `tokens`: the most that it may
    generate, None for a double, which generates none. `gpus` None: as many as there are, up to one
    engine's need.
    `weights_gib`, `cache_gib`: of one replica, None where it cannot be told from here; the cache
    of a GPU is what `gpu_memory_utilization` leaves it.
    """

    kind: str
    model: str | None
    calls: int
    tokens: int | None
    replicas: int
    gpus: float | None
    weights_gib: float | None
    cache_gib: float | None


@dataclass(frozen=True)
class Plan:
    """The whole.

    `problems` can be asked, `bad_rows` become error records, `excluded` are left out.
    """

    name: str
    fingerprint: str
    problems: int
    bad_rows: int
    excluded: int
    strategy: str
    candidates: int
    policy: Side
    scorer: Side
    arms: int


def make_plan(config: Config) -> Plan:
    """Count. Raises `DatasetError` for data that cannot be used."""
    dataset = load_dataset(config.dataset)
    problems = len(dataset.samples)
    candidates = problems * config.strategy.candidates
    draws = problems * config.strategy.draws
    judged = draws if config.strategy.judges else 0
    return Plan(
        name=config.name,
        fingerprint=fingerprint(config, dataset.digest),
        problems=problems,
        bad_rows=len(dataset.bad_rows),
        excluded=dataset.excluded,
        strategy=kind_of("strategy", config.strategy),
        candidates=candidates,
        policy=_side(config, "policy", draws, _draw_tokens(config.policy)),
        scorer=_side(config, "scorer", judged, _judgement_tokens(config.scorer)),
        arms=len(list(_arms(config))),
    )


def _side(config: Config, section: str, calls: int, tokens: int | None) -> Side:
    settings = getattr(config, section)
    engine = getattr(settings, "engine", None)
    model = getattr(settings, "model", None)
    return Side(
        kind=kind_of(section, settings),
        model=model,
        calls=calls,
        tokens=None if tokens is None else calls * tokens,
        replicas=getattr(config.cluster, f"{section}_replicas"),
        gpus=_gpus(engine, getattr(config.cluster, f"{section}_gpus")),
        weights_gib=None if model is None else weights_gib(model),
        cache_gib=_cache_gib(engine),
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


def _cache_gib(engine: EngineConfig | None) -> float | None:
    if engine is None:
        return 0.0
    on_cpu = CPU_KV_CACHE_GIB if engine.device == "cpu" else None
    return engine.memory_gib if engine.memory_gib is not None else on_cpu


def weights_gib(model: str) -> float | None:
    """The size of a model's weights: of the files in its folder, or told by its name."""
    folder = Path(model)
    if folder.is_dir():
        return sum(path.stat().st_size for path in folder.glob("*.safetensors")) / GIB
    named = BILLIONS.search(model)
    return float(named[1]) * 1e9 * BYTES_PER_PARAMETER / GIB if named else None


def size(gib: float) -> str:
    """`5.6 GiB`, `3.5 MiB`."""
    return f"{gib:.1f} GiB" if gib >= 1 else f"{gib * 1024:.1f} MiB"


def _arms(config: Config) -> Iterator[tuple[str | None, str]]:
    from search.selection import SELECTIONS

    for selection in config.select:
        scored = SELECTIONS[selection].needs_score
        yield from ((name, selection) for name in (config.aggregate if scored else [None]))
