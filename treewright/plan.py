"""What a config would run, and what it would cost at most: counted, with no model loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import can_download, is_here, load_dataset, told_size
from engines.config import Machine
from engines.traits import Part, traits_of
from search.questions import steered_by
from treewright.arms.arm import arms_of
from treewright.cluster.in_flight import in_flight
from treewright.config.config import Config
from treewright.config.fingerprint import fingerprint
from treewright.config.kinds import kind_of


@dataclass(frozen=True)
class PlanSide:
    """One of the two models' sides.

    `calls`: solutions or steps to write, or to judge, at most. `tokens`: the most that it may
    generate, 0 of a double, None where it cannot be told: a part of one's own says nothing of it.
    `engine`: whether an engine of ours runs its model. `remote`: whether its model runs on another
    machine, None where nobody knows.
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
    remote: bool | None
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
    `in_flight`: how many are searched at once at most.
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
    in_flight: int
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
        policy=_side(config, "policy", config.policy, draws),
        scorer=_side(config, "scorer", config.scorer, judged),
        arms=len(arms_of(config.aggregate, config.select)),
        in_flight=in_flight(config.cluster, config.policy, config.scorer, config.strategy),
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


def _side(config: Config, section: str, part: Part, calls: int) -> PlanSide:
    traits = traits_of(part)
    engine, model, needs = traits.engine, traits.model, traits.needs
    weights = engine.weights_gib(model) if engine and model else None
    most = traits.most_tokens
    return PlanSide(
        kind=kind_of(section, part),
        model=model,
        calls=calls,
        tokens=0 if calls == 0 else None if most is None else calls * most,
        replicas=getattr(config.cluster, f"{section}_replicas"),
        engine=engine is not None,
        remote=engine.remote if engine else traits.remote,
        gpus=_gpus(needs, getattr(config.cluster, f"{section}_gpus")),
        weights_gib=weights,
        weights_by_name=weights is not None and not Path(str(model)).is_dir(),
        cache_gib=needs.cache_gib if needs else None,
    )


def _gpus(needs: Machine | None, said: float | None) -> float | None:
    if said is not None:
        return said
    if needs is None or not needs.gpus:
        return 0.0
    return None if needs.optional else needs.gpus
