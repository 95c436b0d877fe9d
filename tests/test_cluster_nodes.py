"""Placement and connection on a Ray of three nodes: real raylets on this machine, GPUs that are
counters."""

import asyncio
import importlib
import json
import socket
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos import Box
from engines.vllm_config import VllmConfig
from policies.scripted import ScriptedPolicyConfig
from scorers.scripted import ScriptedScorerConfig
from search.core import Prefix, Problem
from search.ports import PolicyCall, PolicyReply
from search.questions import Until
from treewright.cluster.address import (
    ConnectionRefused,
    check_reachable,
    is_address,
    ray_address,
    shows_token,
)
from treewright.cluster.cluster import ClusterError, Ports, load_ray, open_cluster
from treewright.cluster.config import ClusterConfig

pytestmark = pytest.mark.ray

PORT = '''
"""A port that takes GPUs and tells what its actor has."""
import os
from dataclasses import dataclass, field
from engines.traits import Traits
from engines.vllm_config import VllmConfig
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig

@dataclass(frozen=True)
class SeenConfig:
    engine: VllmConfig = field(default_factory=VllmConfig)

    @property
    def traits(self) -> Traits:
        return Traits(engine=self.engine)

class Seen(ScriptedPolicy):
    def describe(self):
        import ray
        names = ("HF_CANARY", "VLLM_CANARY", "CANARY", "TREEWRIGHT_GPU_SHARE", "JOB_CANARY")
        return {
            "node": ray.get_runtime_context().get_node_id(),
            "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
            "file": __file__,
            **{name: os.environ.get(name, "") for name in names},
        }

async def build(config):
    return Seen(ScriptedPolicyConfig())
'''


@pytest.fixture(scope="module")
def cluster(three_nodes: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Nodes with 2, 4 and 4 GPUs, the last in zone b; and a port that can be imported."""
    folder = tmp_path_factory.mktemp("ports")
    (folder / "seen_port.py").write_text(PORT)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield three_nodes.cluster


def seen(**engine: Any) -> Any:
    module = importlib.import_module("seen_port")
    return module.SeenConfig(VllmConfig(device="cuda", **engine))


def run(work: Coroutine[object, object, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(120):
            await work

    asyncio.run(limited())


def infos(config: ClusterConfig, policy: Any, scorer: Any) -> dict[str, list[Mapping[str, Any]]]:
    """What all replicas say of themselves; the policy has answered a call then."""
    told: dict[str, list[Mapping[str, Any]]] = {}

    async def all_ready(ports: Ports) -> None:
        while any(not all(stats.infos) for stats in ports.stats().values()):
            await asyncio.sleep(0.05)

    async def work() -> None:
        async with open_cluster(config, policy, scorer) as ports:
            await all_ready(ports)
            path = Prefix.start(Problem("p", "1 + 2?"))
            (reply,) = await ports.policy.extend([PolicyCall(path, 0, Until.END, 1)])
            assert isinstance(reply, PolicyReply)
            told.update({side: list(stats.infos) for side, stats in ports.stats().items()})
            each = [one for stats in ports.stats().values() for one in stats.each]
            told["spots"] = [{"node": one.node, "gpu": one.gpu, "gpus": one.gpus} for one in each]
            assert (ports.gpus.seconds > 0) is any(one.gpus for one in each)

    run(work())
    return told


def test_replicas_of_four_and_two_gpus_have_them_on_one_node(cluster: Any) -> None:
    config = ClusterConfig(
        address=cluster.address, cpus=0, scorer_replicas=2, scorer_resources={"zone": "b"}
    )
    told = infos(config, seen(tensor_parallel_size=4), seen(tensor_parallel_size=2))
    (policy,) = told["policy"]
    assert sorted(policy["gpus"].split(",")) == ["0", "1", "2", "3"]
    assert [(spot["gpus"], len(spot["gpu"])) for spot in told["spots"]] == [(4, 7), (2, 3), (2, 3)]
    (zone,) = {scorer["node"] for scorer in told["scorer"]}
    assert policy["node"] != zone
    of_scorers = [scorer["gpus"].split(",") for scorer in told["scorer"]]
    assert sorted(gpu for gpus in of_scorers for gpu in gpus) == ["0", "1", "2", "3"]
    assert [len(gpus) for gpus in of_scorers] == [2, 2]


def test_a_policy_and_a_verifier_share_each_gpu_and_have_the_environment_and_the_code(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_CANARY", "hub")
    monkeypatch.setenv("VLLM_CANARY", "engine")
    monkeypatch.setenv("CANARY", "named")
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    config = ClusterConfig(
        cpus=0,
        env=("CANARY",),
        policy_replicas=2,
        scorer_replicas=2,
        policy_gpus=0.5,
        scorer_gpus=0.5,
    )
    told = infos(config, seen(), seen())
    places = {
        side: {(each["node"], each["gpus"]) for each in replicas} for side, replicas in told.items()
    }
    assert places["policy"] == places["scorer"]
    assert len(places["policy"]) == 2
    for each in (*told["policy"], *told["scorer"]):
        assert each["TREEWRIGHT_GPU_SHARE"] == "0.45"
        assert (each["HF_CANARY"], each["VLLM_CANARY"]) == ("hub", "engine")
        assert each["CANARY"] == "named"
        assert "runtime_resources" in each["file"], "the code came with the run"


def test_the_runtime_environment_of_a_job_is_kept(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `ray job submit` sets for its driver; the job server itself is not in Ray's core."""
    theirs = {"PYTHONPATH": "/nowhere", "JOB_CANARY": "job"}
    monkeypatch.setenv(
        "RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": {"env_vars": theirs}})
    )
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    told = infos(ClusterConfig(cpus=0), seen(), ScriptedScorerConfig())
    assert told["policy"][0]["JOB_CANARY"] == "job"


def test_what_waits_for_others_is_told_and_has_its_place_when_they_end(cluster: Any) -> None:
    lines: list[str] = []
    large = ClusterConfig(cpus=0, address=cluster.address, policy_replicas=2)
    four = seen(tensor_parallel_size=4)
    load_ray(None)
    edge = importlib.import_module("treewright.cluster.ray_replica")
    connection = importlib.import_module("treewright.cluster.connection")

    async def work() -> None:
        with connection.connected(cluster.address, 0):  # of both, as the first one to end has it
            async with open_cluster(large, four, ScriptedScorerConfig()) as first:
                while any(not all(stats.infos) for stats in first.stats().values()):
                    await asyncio.sleep(0.05)
                later = open_cluster(large, four, ScriptedScorerConfig(), lines.append)
                opening = asyncio.ensure_future(later.__aenter__())
                while not lines:
                    await asyncio.sleep(0.05)
                assert not opening.done()
            ports = await opening
            assert ports.stats()["policy"].deaths == 0
            await later.__aexit__(None, None, None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge, "WAIT_TOLD_S", 0.3)
        run(work())
    assert lines[0].startswith("policy: a replica waits for a place: it needs 4 GPU")


def test_what_no_node_has_is_told_before_anything_starts(cluster: Any) -> None:
    config = ClusterConfig(cpus=0, address=cluster.address, policy_replicas=3)

    async def work() -> None:
        with pytest.raises(ClusterError, match=r"1 of \d can never be placed: policy needs 4 GPU"):
            async with open_cluster(config, seen(tensor_parallel_size=4), ScriptedScorerConfig()):
                pass

    run(work())


def test_with_an_autoscaler_it_waits_for_the_node_that_it_needs(cluster: Any) -> None:
    lines: list[str] = []
    late = {"late": 1}
    config = ClusterConfig(cpus=0, address=cluster.address, policy_resources=late)
    load_ray(None)
    edge = importlib.import_module("treewright.cluster.ray_replica")

    async def work() -> None:
        ports = ScriptedPolicyConfig(), ScriptedScorerConfig()
        with pytest.raises(ClusterError, match=r"say cluster\.autoscaling=true$"):
            async with open_cluster(config, *ports):
                pass
        opened = open_cluster(replace(config, autoscaling=True), *ports, lines.append)
        opening = asyncio.ensure_future(opened.__aenter__())
        while not lines:
            await asyncio.sleep(0.05)
        assert not opening.done()
        brought = cluster.add_node(num_cpus=1, resources=late)
        try:
            assert (await opening).stats()["policy"].alive == 1
            await opened.__aexit__(None, None, None)
        finally:
            cluster.remove_node(brought)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge, "WAIT_TOLD_S", 0.3)
        run(work())
    assert lines[0].startswith("policy: a replica waits for a place: it needs 1 late")


def test_cores_of_several_nodes_are_no_room_for_one_replica(cluster: Any) -> None:
    """Each node has two, so nowhere are three, though there are six."""
    load_ray(None)
    connection = importlib.import_module("treewright.cluster.connection")
    seats = importlib.import_module("treewright.cluster.seats")
    with connection.connected(cluster.address, 0):
        waits = [seats.Reserved({"num_cpus": n}, {}, "", False, 0.0).waits() for n in (2, 3)]
    assert waits == [False, True]


# Addresses


@pytest.mark.parametrize("listens", [True, False], ids=["another server", "nobody"])
def test_a_wrong_address_fails_in_seconds_by_one_line(listens: bool) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()

        async def work() -> None:
            config = ClusterConfig(address=address)
            with pytest.raises(ClusterError, match=rf"^cluster\.address: {address}: no Ray: "):
                async with open_cluster(config, ScriptedPolicyConfig(), ScriptedScorerConfig()):
                    pass

        run(work())
        assert time.monotonic() - began < 5


def test_another_process_of_a_ray_is_told_from_its_head(cluster: Any) -> None:
    began = time.monotonic()
    with pytest.raises(ConnectionRefused, match="no head of a Ray"):
        check_reachable(f"127.0.0.1:{cluster.head_node.node_manager_port}")
    with pytest.raises(ConnectionRefused, match=f"not its client server; say {cluster.address}$"):
        check_reachable(f"ray://{cluster.address}")
    check_reachable(cluster.address)
    assert time.monotonic() - began < 5


def test_a_replica_that_cannot_have_an_actor_gives_back_its_seat() -> None:
    load_ray(None)
    edge = importlib.import_module("treewright.cluster.ray_replica")
    seats = importlib.import_module("treewright.cluster.seats")
    seat = seats.Reserved({}, {}, "nothing", shares=False, gpus=0.0)
    free = seats.Seats([seat])

    class There:
        async def there(self) -> None: ...

    async def work() -> None:
        for _ in range(3):
            replica = edge.RayReplica(None, free, {}, There())
            with pytest.raises(ValueError, match="no such option"):
                await replica.prepare()
            await replica.stop()

    def unmade(self: object, seat: object) -> object:
        raise ValueError("no such option")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge.RayReplica, "_made", unmade)
        run(work())
    assert free.take() is seat


@pytest.mark.parametrize("address", ["nonsense", "ray://host", "127.0.0.1:http"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConnectionRefused, match="host:port"):
        check_reachable(address)


def test_no_autoscaler_is_waited_for_on_a_ray_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    config = ClusterConfig(autoscaling=True)

    async def work() -> None:
        with pytest.raises(ClusterError, match=r"^cluster\.autoscaling: nobody brings nodes"):
            async with open_cluster(config, ScriptedPolicyConfig(), ScriptedScorerConfig()):
                pass

    run(work())


@pytest.mark.parametrize("port", ["²", "0", "65536", "-1"])
def test_a_port_that_there_cannot_be_is_no_address(port: str) -> None:
    assert not is_address(f"10.0.0.1:{port}")


def test_what_is_said_by_the_environment_is_blamed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    told = r"^RAY_ADDRESS: http://127\.0\.0\.1:8265: no Ray: .* Ray's dashboard"

    async def work() -> None:
        with pytest.raises(ClusterError, match=told):
            async with open_cluster(
                ClusterConfig(), ScriptedPolicyConfig(), ScriptedScorerConfig()
            ):
                pass

    run(work())


@pytest.mark.parametrize(
    ("said", "variable", "expected"),
    [
        (None, "", None),
        (None, "10.0.0.1:6379", "10.0.0.1:6379"),
        ("local", "10.0.0.1:6379", None),
        ("auto", "10.0.0.1:6379", "auto"),
    ],
)
def test_a_config_comes_before_the_environment(
    said: str | None, variable: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    assert ray_address(said) == expected


@pytest.mark.parametrize(
    ("address", "there", "shown"),
    [
        ("ray://10.0.0.1:10001", True, True),
        ("ray://10.0.0.1:10001", False, False),
        ("10.0.0.1:6379", True, False),
        (None, True, False),
    ],
)
def test_rays_client_is_told_to_show_a_token_that_there_is(
    address: str | None, there: bool, shown: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    if there:
        (tmp_path / "token").write_text("0123")
    assert shows_token(address) is shown
