"""Engines that sleep, where those that take turns are placed, and who is refused."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest

from engines import vllm_config
from engines.config import EngineConfig
from engines.engine import EngineError, EnginePort, Request, Sampling
from engines.given import BY_TURNS
from engines.scoring import ScoreRequest
from engines.scripted import ScriptedConfig
from engines.scripted_engine import ScriptedEngine
from engines.scripted_scoring import ScriptedScoring
from engines.sleeping import Sleeping
from engines.token_clock import Timing
from engines.traits import Part, Traits, traits_of
from engines.vllm_config import VllmConfig
from engines.vllm_engine import GpuServer, VllmEngine
from engines.vllm_server_config import VllmServerConfig
from engines.vllm_setup import engine_arguments
from policies.scripted import ScriptedPolicyConfig
from policies.simulated import SimulatedPolicy, SimulatedPolicyConfig
from scorers.no_scorer import NoScorerConfig
from scorers.simulated import SimulatedScorerConfig
from search.core import Prefix, Problem
from search.ports import PolicyCall
from search.questions import Until
from treewright.cluster.cluster import ClusterError, open_cluster
from treewright.cluster.config import ClusterConfig
from treewright.cluster.placement import AWAKE, place
from treewright.cluster.room import CannotPlace, Group, Node
from treewright.cluster.turns import unfit
from treewright.config.fingerprint import identity_of
from treewright.config.load import load_config, load_runnable
from treewright.errors import ConfigError
from written_configs import BASE, QWEN

CALL = PolicyCall(Prefix.start(Problem("p", "1 + 2?")), 0, Until.END, 1)
Ask: TypeAlias = Callable[[], Any]


def doubles() -> list[tuple[Any, Ask]]:
    """Every double that sleeps, and something to ask it."""
    policy = SimulatedPolicy(SimulatedPolicyConfig(timing=Timing(wake_seconds=0.0, speed=1000.0)))
    engine = ScriptedEngine(lambda request: (1, 2), [2])
    head = ScriptedScoring(lambda text: (0.0, 1.0))
    request = Request(tuple(range(40)), Sampling(8))
    return [
        (policy, lambda: policy.extend([CALL])),
        (engine, lambda: engine.generate([request])),
        (EnginePort(engine), lambda: engine.generate([request])),
        (head, lambda: head.score([ScoreRequest(tuple(range(40)), (39,))])),
    ]


@pytest.mark.parametrize("which", range(4))
def test_what_a_double_is_asked_while_it_sleeps_is_its_death_and_awake_it_says_the_same(
    which: int,
) -> None:
    async def work() -> None:
        double, ask = doubles()[which]
        assert isinstance(double, Sleeping)
        first = await ask()
        await double.sleep()
        with pytest.raises(EngineError, match="while it slept"):
            await ask()
        await double.wake()
        await double.wake()
        assert await ask() == first, "its prefix cache is forgotten"

    asyncio.run(work())


def test_a_simulated_engine_takes_its_time_to_wake() -> None:
    timing = Timing(wake_seconds=3.0, speed=1.5)
    assert SimulatedPolicy(SimulatedPolicyConfig(timing=timing)).wake_seconds == 2.0


class FakeLlm:
    """An `AsyncLLM` that can only sleep; where `fails`, as vLLM does when the GPU is full."""

    model_config = SimpleNamespace(max_model_len=40)

    def __init__(self, fails: bool = False, awake: bool = True) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.fails, self.awake = fails, awake

    async def sleep(self, level: int = 1, mode: str = "abort") -> None:
        self.told.append(("sleep", level, mode))

    async def wake_up(self, tags: list[str] | None = None) -> bool:
        self.told.append(("wake_up", tags))
        if self.fails:
            raise RuntimeError("CUDA Error:\nout of memory")
        return self.awake


def gpu(llm: FakeLlm) -> VllmEngine:
    return VllmEngine(GpuServer(llm, frozenset({2})), 40, 100)


def test_on_a_gpu_vllm_keeps_the_weights_in_the_machines_memory() -> None:
    llm = FakeLlm()

    async def work() -> None:
        port = EnginePort(gpu(llm))
        await port.sleep()
        await port.wake()

    asyncio.run(work())
    assert llm.told == [("sleep", 1, "abort"), ("wake_up", None)]


@pytest.mark.parametrize(
    ("llm", "message"),
    [
        (FakeLlm(fails=True), "the engine does not wake: CUDA Error: out of memory"),
        (FakeLlm(awake=False), "still sleeps in part"),
    ],
)
def test_a_vllm_that_does_not_wake_is_a_dead_engine(llm: FakeLlm, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        asyncio.run(gpu(llm).wake())


def test_an_engine_on_a_cpu_does_not_sleep() -> None:
    server: Any = object()
    with pytest.raises(EngineError, match="cannot sleep"):
        asyncio.run(VllmEngine(server, 40, 100).sleep())


def test_vllm_can_sleep_where_its_place_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "enable_sleep_mode" not in engine_arguments("m", VllmConfig(), "cuda")
    monkeypatch.setenv(BY_TURNS, "1")
    assert engine_arguments("m", VllmConfig(), "cuda")["enable_sleep_mode"] is True
    assert "enable_sleep_mode" not in engine_arguments("m", VllmConfig(), "cpu")


# --- Placement ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Served:
    """A port config with an engine."""

    engine: EngineConfig = field(default_factory=lambda: VllmConfig(device="cuda"))

    @property
    def traits(self) -> Traits:
        return Traits(engine=self.engine)


SIMULATED, JUDGE = SimulatedPolicyConfig(), SimulatedScorerConfig()


def placed(config: ClusterConfig, policy: Part, scorer: Part, gpus: float) -> list[Group]:
    nodes = [Node("10.0.0.1", {"GPU": gpus, "CPU": 64})]
    return place(config, {"policy": policy, "scorer": scorer}, nodes)


def test_each_pair_has_one_gpu_and_whoever_is_awake_nearly_all_its_memory() -> None:
    config = ClusterConfig(elastic=True, policy_replicas=1, scorer_replicas=3)
    groups = placed(config, Served(), Served(), 4)
    assert [dict(group.bundles[0]) for group in groups] == [{"GPU": 1.0, "CPU": 2.0}] * 4
    for group in groups:
        assert [seat.side for seat in group.seats] == ["policy", "scorer"]
        assert {(seat.gpus, seat.share, seat.by_turns) for seat in group.seats} == {
            (0.5, AWAKE, True)
        }


def test_doubles_take_turns_without_a_gpu() -> None:
    groups = placed(ClusterConfig(elastic=True), SIMULATED, JUDGE, 0)
    assert [dict(group.bundles[0]) for group in groups] == [{"CPU": 2.0}] * 2
    (alone, _) = placed(ClusterConfig(elastic=True), Served(), JUDGE, 2)
    assert [(seat.gpus, seat.share) for seat in alone.seats] == [(1.0, AWAKE), (0.0, AWAKE)]


@pytest.mark.parametrize(
    ("policy", "gpus", "message"),
    [
        (Served(VllmConfig(tensor_parallel_size=2)), 8, "a policy takes 2 GPUs, and only"),
        (Served(VllmConfig()), 0, "there is no GPU, and on a CPU the engine of the policy cannot"),
        (Served(), 1, "1 of 2 can never be placed: policy and scorer need 1 GPU, 2 CPU on one"),
    ],
)
def test_what_cannot_take_turns_on_these_nodes_is_refused(
    policy: Part, gpus: float, message: str
) -> None:
    with pytest.raises(CannotPlace, match=message):
        placed(ClusterConfig(elastic=True), policy, Served(), gpus)


# --- Who is refused -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Several:
    """A part that is made of two, each with an engine."""

    @property
    def traits(self) -> Traits:
        one = Traits(engine=ScriptedConfig())
        return Traits(within={"a": one, "b": one})


@pytest.mark.parametrize(
    ("policy", "scorer", "message"),
    [
        (SIMULATED, JUDGE, "^$"),
        (Served(), Served(ScriptedConfig()), "^$"),
        (Served(VllmConfig(device="cpu")), JUDGE, "policy cannot: engine.kind vllm on a CPU$"),
        (SIMULATED, Served(VllmServerConfig()), "scorer .*kind vllm_server$"),
        (SIMULATED, Several(), "scorer cannot: Several$"),
        (SIMULATED, NoScorerConfig(), "the scorer has nothing to do$"),
    ],
)
def test_only_one_engine_that_sleeps_takes_turns(policy: Part, scorer: Part, message: str) -> None:
    assert re.search(message, unfit(policy, scorer))


def test_vllm_sleeps_where_it_runs_on_a_gpu_as_far_as_can_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sleeps(device: str) -> bool:
        return traits_of(Served(VllmConfig(device=device))).can_sleep

    for cpu_build in (True, False):
        monkeypatch.setattr(vllm_config, "is_cpu_build", lambda found=cpu_build: found)
        assert (sleeps("cuda"), sleeps("cpu")) == (True, False)
        assert sleeps("auto") is not cpu_build


def test_a_cluster_refuses_it_by_one_line_before_anything_starts() -> None:
    async def work() -> None:
        config = ClusterConfig(elastic=True)
        with pytest.raises(ClusterError, match=r"cluster\.elastic: .* nothing to do; leave it out"):
            async with open_cluster(config, ScriptedPolicyConfig(), NoScorerConfig()):
                pass

    asyncio.run(work())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["policy.engine.device=cpu"], "that of the policy cannot: engine.kind vllm on a CPU"),
        (["policy={kind: scripted}", "strategy.kind=majority"], "strategy majority asks none"),
    ],
)
def test_what_cannot_be_elastic_is_no_run_and_can_be_read_all_the_same(
    tmp_path: Path, changes: list[str], message: str
) -> None:
    path = tmp_path / "test.yaml"
    path.write_text(QWEN)
    told = ["cluster.elastic=true", "scorer={kind: scripted}", *changes]
    assert load_config(path, told).cluster.elastic
    with pytest.raises(ConfigError, match=rf"cluster\.elastic: .*{message}; leave it out"):
        load_runnable(path, told)


def test_the_fingerprint_knows_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "test.yaml"
    path.write_text(BASE)
    still, elastic = load_runnable(path), load_runnable(path, ["cluster.elastic=true"])
    assert identity_of(still, "data") == identity_of(elastic, "data")
    waking = ["policy={kind: simulated, timing: {wake_seconds: 9}}"]
    other = load_runnable(path, ["policy={kind: simulated, timing: {wake_seconds: 1}}"])
    assert identity_of(load_runnable(path, waking), "data") == identity_of(other, "data")


def test_parts_of_a_gpu_are_not_said_beside_it() -> None:
    with pytest.raises(ValueError, match=r"policy_gpus: 0\.5 must be null with elastic"):
        ClusterConfig(elastic=True, policy_gpus=0.5)
