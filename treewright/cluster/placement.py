"""How many GPUs each replica asks the cluster for, and whether those that share one fit on it."""

from __future__ import annotations

import math

from engines.config import Machine
from engines.traits import Part, traits_of
from treewright.cluster.config import ClusterConfig


class SharesTooLarge(Exception):
    """The engines that must share a GPU do not fit. One line."""


def place_gpus(
    config: ClusterConfig, policy: Part, scorer: Part, available: float
) -> tuple[float, float]:
    """GPUs of one policy replica and of one scorer replica, given the GPUs of the cluster.

    Each gets what the config says, else what it says that it needs. Where there are too
    few GPUs and no replica needs more than one, each gets an equal part of one.

    Raises `SharesTooLarge`.
    """
    of_policy = gpus(policy, config.policy_gpus, available)
    of_scorer = gpus(scorer, config.scorer_gpus, available)
    total = of_policy * config.policy_replicas + of_scorer * config.scorer_replicas
    said = config.policy_gpus is not None or config.scorer_gpus is not None
    if not said and 0 < available < total and max(of_policy, of_scorer) <= 1:
        part = 1.0 / math.ceil(total / available)
        of_policy, of_scorer = of_policy * part, of_scorer * part
    sharers = [config.policy_replicas * [policy] if shares(policy, of_policy, available) else []]
    sharers += [config.scorer_replicas * [scorer] if shares(scorer, of_scorer, available) else []]
    check_shares([needs for side in sharers for port in side if (needs := on_gpu(port))], available)
    return of_policy, of_scorer


def gpus(port: Part, said: float | None, available: float) -> float:
    """GPUs of one replica of this port config, were there enough."""
    if said is not None:
        return said
    needs = on_gpu(port)
    return 0.0 if needs is None or (needs.optional and not available) else needs.gpus


def shares(port: Part, gpus: float, available: float) -> bool:
    """Whether a replica with so many GPUs may be on one with others."""
    return available > 0 and gpus < 1 and on_gpu(port) is not None


def check_shares(needs: list[Machine], available: float) -> None:
    """Refuse, before anything is loaded, engines that surely do not fit on the GPUs they share.

    vLLM does not start unless the share `gpu_memory_utilization` of the GPU is free. Some GPU gets
    as many engines as there are for each; where even the smallest shares of that many are more than
    1 together, the last to start finds too little. An engine with `memory_gib` takes less than its
    share, nobody knows how much.

    Raises `SharesTooLarge`.
    """
    wanted = sorted(each.share for each in needs if each.share is not None)
    together = wanted[: math.ceil(len(wanted) / available)] if wanted else []
    if len(together) > 1 and sum(together) > 1:
        raise SharesTooLarge(
            f"engine.gpu_memory_utilization: {len(together)} engines share a GPU and want "
            f"{sum(together):g} of its memory together; at most 1 is there, so say "
            f"{math.floor(90 / len(together)) / 100:g} for each of policy and scorer"
        )


def on_gpu(port: Part) -> Machine | None:
    """What a replica of this port config takes; None where it takes no GPU, or nobody knows."""
    needs = traits_of(port).needs
    return needs if needs and needs.gpus else None
