"""How many GPUs each replica asks for, and what a cluster config refuses."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from engines.traits import Traits
from engines.vllm_config import VllmConfig
from treewright.cluster.config import ClusterConfig
from treewright.cluster.placement import SharesTooLarge, place_gpus, shares


@dataclass(frozen=True)
class Served:
    """A port config with an engine."""

    engine: VllmConfig = field(default_factory=VllmConfig)

    @property
    def traits(self) -> Traits:
        return Traits(engine=self.engine)


AUTO, CPU, TWO = (
    Served(),
    Served(VllmConfig(device="cpu")),
    Served(VllmConfig(tensor_parallel_size=2)),
)
CUDA = Served(VllmConfig(device="cuda"))
SMALL = Served(VllmConfig(gpu_memory_utilization=0.3))


@pytest.mark.parametrize(
    ("policy", "scorer", "available", "expected"),
    [
        (AUTO, AUTO, 0, (0, 0)),
        (AUTO, AUTO, 2, (1, 1)),
        (SMALL, SMALL, 1, (0.5, 0.5)),
        (AUTO, CPU, 1, (1, 0)),
        (TWO, AUTO, 8, (2, 1)),
        (TWO, AUTO, 2, (2, 1)),
        (CUDA, CUDA, 0, (1, 1)),
        (object(), AUTO, 4, (0, 1)),
    ],
    ids=[
        "a machine without GPUs",
        "one each",
        "one shared",
        "an engine on the CPU needs none",
        "tensor parallel",
        "a replica of two cannot share",
        "a GPU that was asked for is waited for",
        "a port without an engine",
    ],
)
def test_each_replica_asks_for_what_its_engine_needs(
    policy: Any, scorer: Any, available: float, expected: tuple[float, float]
) -> None:
    assert place_gpus(ClusterConfig(), policy, scorer, available) == expected


def test_replicas_that_share_fit() -> None:
    config = ClusterConfig(policy_replicas=3, scorer_replicas=2)
    of_policy, of_scorer = place_gpus(config, SMALL, SMALL, 2)
    assert 3 * of_policy + 2 * of_scorer <= 2


def test_what_the_config_says_is_not_changed() -> None:
    config = ClusterConfig(policy_gpus=0.25, scorer_gpus=2)
    assert place_gpus(config, AUTO, AUTO, 1) == (0.25, 2)


@pytest.mark.parametrize(("available", "given", "advised"), [(1, 5, 0.18), (2, 3, 0.3)])
def test_engines_that_cannot_fit_on_the_gpu_they_share_are_refused_before_they_are_loaded(
    available: int, given: int, advised: float
) -> None:
    config = ClusterConfig(policy_replicas=3, scorer_replicas=2)
    wanted = f"{given} engines share a GPU and want {given * 0.9:g} .* say {advised} for each"
    with pytest.raises(SharesTooLarge, match=wanted):
        place_gpus(config, AUTO, AUTO, available)
    place_gpus(config, AUTO, AUTO, 5)  # one each


def test_an_engine_with_an_explicit_cache_may_take_less_than_its_share() -> None:
    explicit = Served(VllmConfig(memory_gib=1.0))
    assert place_gpus(ClusterConfig(), explicit, explicit, 1) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("port", "gpus", "available", "shared"),
    [
        (AUTO, 0.5, 1, True),
        (AUTO, 0.0, 1, True),
        (AUTO, 1, 1, False),
        (AUTO, 0.5, 0, False),
        (CPU, 0.0, 1, False),
        (object(), 0.0, 1, False),
    ],
)
def test_a_replica_with_less_than_a_gpu_of_its_own_shares(
    port: Any, gpus: float, available: float, shared: bool
) -> None:
    assert shares(port, gpus, available) is shared


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("backend", "rya", "did you mean 'ray'"),
        ("policy_replicas", 0, "must be 1 or more"),
        ("scorer_replicas", -1, "scorer.kind: none"),
        ("problems_in_flight", 0, "must be 1 or more"),
        ("calls_in_flight", 0, "must be 1 or more"),
        ("max_restarts", -1, "must be 0 or more"),
        ("policy_gpus", float("nan"), "finite"),
        ("scorer_gpus", -0.5, "from 0"),
        ("cpus", float("inf"), "finite"),
        ("call_timeout_s", 0.0, "seconds"),
        ("start_timeout_s", float("nan"), "seconds"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: .*{message}"):
        ClusterConfig(**{field: value})
