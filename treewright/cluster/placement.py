"""How many GPUs each replica asks the cluster for."""

from __future__ import annotations

import math

from engines.engine import EngineConfig
from treewright.cluster.config import ClusterConfig


def place_gpus(
    config: ClusterConfig, policy: object, scorer: object, available: float
) -> tuple[float, float]:
    """GPUs of one policy replica and of one scorer replica, given the GPUs of the cluster.

    Each gets what the config says, else its engine's `tensor_parallel_size`. Where there are too
    few GPUs and no replica needs more than one, each gets an equal part of one.
    """
    of_policy = gpus(policy, config.policy_gpus, available)
    of_scorer = gpus(scorer, config.scorer_gpus, available)
    total = of_policy * config.policy_replicas + of_scorer * config.scorer_replicas
    said = config.policy_gpus is not None or config.scorer_gpus is not None
    if said or not 0 < available < total or max(of_policy, of_scorer) > 1:
        return of_policy, of_scorer
    part = 1.0 / math.ceil(total / available)
    return of_policy * part, of_scorer * part


def gpus(port: object, said: float | None, available: float) -> float:
    """GPUs of one replica of this port config, were there enough."""
    if said is not None:
        return said
    engine = getattr(port, "engine", None)
    if not isinstance(engine, EngineConfig) or engine.device == "cpu":
        return 0.0
    if engine.device == "auto" and not available:
        return 0.0
    return float(engine.tensor_parallel_size)
