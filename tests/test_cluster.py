"""The pools over real Ray actors: one Ray for the whole file, and a few processes of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from engines.faults import Faults
from engines.token_clock import Timing
from engines.vllm_config import VllmConfig
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from policies.simulated import SimulatedPolicyConfig
from scorers.no_scorer import NoScorerConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from scorers.simulated import SimulatedScorerConfig
from search.core import Prefix, Problem
from search.driver import drive
from search.memory import DictMemory
from search.ports import Failure, FailureKind, PolicyCall, PolicyReply, ScorerCall
from search.questions import Until
from search.strategies.beam import Beam
from treewright.cluster.balance import Balancer
from treewright.cluster.cluster import ClusterError, Ports, load_ray, open_cluster
from treewright.cluster.config import ClusterConfig
from treewright.cluster.pool_stats import State
from treewright.cluster.slot import Slot
from treewright.cluster.turns import Pair

MORTAL = '''
"""Ports that cannot be built, each in its own way, and one that takes a while."""
import os, subprocess, sys, time
from dataclasses import dataclass
from engines.engine import EngineError
from engines.traits import Traits
from engines.vllm_config import VllmConfig
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig

@dataclass(frozen=True)
class LoadedConfig:
    log: str
    engine: VllmConfig

    @property
    def traits(self) -> Traits:
        return Traits(engine=self.engine)

async def load(config):
    with open(config.log, "a") as log:
        for word in ("begins", "ends"):
            print(os.environ["CUDA_VISIBLE_DEVICES"], word, file=log, flush=True)
            time.sleep(0.2)
    return ScriptedPolicy(ScriptedPolicyConfig())

@dataclass(frozen=True)
class MortalConfig:
    how: str

async def build(config):
    if isinstance(config, LoadedConfig):
        return await load(config)
    if config.how == "exit":
        os._exit(3)
    if config.how == "engine":
        code = "raise MemoryError('the cause in a child')"
        subprocess.run([sys.executable, "-c", code])
        raise EngineError("Engine core initialization failed. See root cause above.")
    raise ValueError("no such checkpoint")
'''
POLICY = ScriptedPolicyConfig()
SCORER = ScriptedScorerConfig()


@pytest.fixture(scope="module")
def running_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Ray that this process started; its address."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "mortal_port.py").write_text(MORTAL)
    sys.path.insert(0, str(folder))
    edge = load_ray(None)
    init = edge.ray.init
    edge.ray.init = partial(init, num_gpus=2)  # counters: there is no GPU
    with import_module("treewright.cluster.connection").connected(None, 4):
        edge.ray.init = init
        yield edge.ray.get_runtime_context().gcs_address
    sys.path.remove(str(folder))


def call(problem: str, child: int = 0) -> PolicyCall:
    return PolicyCall(Prefix.start(Problem(problem, f"{problem}: 1 + 2?")), child, Until.END, child)


def policy_alone(batch: list[PolicyCall]) -> list[PolicyReply | Failure]:
    """What the policy replies without a cluster."""
    return asyncio.run(ScriptedPolicy(POLICY).extend(batch))


def run(work: Coroutine[object, object, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await work

    asyncio.run(limited())


def pids(ports: Ports, name: str) -> list[int]:
    return [int(info["pid"]) for info in ports.stats()[name].infos]


@pytest.mark.usefixtures("running_ray")
def test_replies_through_actors_are_those_of_the_ports_themselves() -> None:
    batch = [call(f"p{i % 5}", i) for i in range(40)]
    alone = policy_alone(batch)
    judged = [ScorerCall(one.path, 3) for one in alone if isinstance(one, PolicyReply)]

    async def work() -> None:
        config = ClusterConfig(policy_replicas=2)
        async with open_cluster(config, POLICY, SCORER) as ports:
            assert await ports.policy.extend(batch) == alone
            expected = await ScriptedScorer(SCORER).judge(judged)
            assert await ports.scorer.judge(judged) == expected
            infos = ports.stats()["policy"].infos
            assert len({info["pid"] for info in infos}) == 2
            assert all(Path(str(info["log"])).exists() for info in infos)

    run(work())


@pytest.mark.usefixtures("running_ray")
def test_an_actor_that_is_killed_in_the_middle_changes_no_reply() -> None:
    batch = [call(f"p{i % 5}", i) for i in range(200)]
    alone = policy_alone(batch)

    async def work() -> None:
        config = ClusterConfig(calls_in_flight=16)
        async with open_cluster(config, POLICY, NoScorerConfig()) as ports:
            asked = asyncio.create_task(ports.policy.extend(batch))
            while ports.stats()["policy"].replies < 20:
                await asyncio.sleep(0)
            os.kill(pids(ports, "policy")[0], signal.SIGKILL)
            assert await asked == alone
            stats = ports.stats()["policy"]
            assert stats.deaths == 1
            assert stats.retries == stats.lost_calls > 0

    run(work())


@pytest.mark.usefixtures("running_ray")
@pytest.mark.parametrize("fault", [Faults(exit_on="poison"), Faults(die_on="poison")])
def test_a_poisonous_call_is_quarantined_and_the_rest_is_answered(fault: Faults) -> None:
    batch = [call("poison" if i == 3 else f"p{i}", i) for i in range(8)]
    alone = policy_alone(batch)

    async def work() -> None:
        policy = ScriptedPolicyConfig(faults=fault)
        async with open_cluster(ClusterConfig(), policy, NoScorerConfig()) as ports:
            outcomes = await ports.policy.extend(batch)
            poison = outcomes.pop(3)
            assert isinstance(poison, Failure)
            assert poison.kind is FailureKind.POISON
            assert "problem poison" in poison.message
            assert outcomes == alone[:3] + alone[4:]
            assert ports.stats()["policy"].deaths == 3

    run(work())


@pytest.mark.usefixtures("running_ray")
def test_engines_that_share_a_gpu_start_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "starts"
    replica = load_ray(None).RayReplica
    prepare = replica.prepare

    async def work() -> None:
        all_are_there = asyncio.Barrier(4)

        async def prepared(self: object) -> object:
            place = await prepare(self)
            await all_are_there.wait()
            return place

        monkeypatch.setattr(replica, "prepare", prepared)
        engine = VllmConfig(device="cuda", gpu_memory_utilization=0.4)
        port = import_module("mortal_port").LoadedConfig(str(log), engine)
        async with open_cluster(
            ClusterConfig(policy_replicas=2, scorer_replicas=2), port, port
        ) as ports:
            while sum(stats.alive for stats in ports.stats().values()) < 4:
                await asyncio.sleep(0.05)

    run(work())
    starts = [line.split() for line in log.read_text().splitlines()]
    for gpu in ("0", "1"):
        assert [word for on, word in starts if on == gpu] == ["begins", "ends"] * 2


@pytest.mark.usefixtures("running_ray")
def test_actors_that_change_sides_find_what_those_that_stay_find(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("treewright.cluster.elastic.EVERY_S", 0.05)
    monkeypatch.setattr("treewright.cluster.elastic.Balancer", partial(Balancer, window_s=0.2))
    strategy = Beam(paths=4, children=2)
    problems = [Problem(f"p{number}", f"{number}: 1 + 2?") for number in range(4)]
    lines: list[str] = []

    async def found(elastic: bool) -> tuple[list[str], dict[str, object]]:
        timing = Timing(slots=2, speed=25.0 if elastic else 1000.0)
        policy = SimulatedPolicyConfig(timing=timing)
        scorer = SimulatedScorerConfig(timing=timing, critique_tokens=200)
        config = ClusterConfig(cpus=0.1, policy_replicas=2, elastic=elastic)
        memory = DictMemory()
        async with open_cluster(config, policy, scorer, lines.append) as ports:
            searched = await asyncio.gather(
                *(
                    drive(strategy(each), ports.policy, ports.scorer, memory, 0, time.monotonic)
                    for each in problems
                )
            )
            each = [one for stats in ports.stats().values() for one in stats.each]
            assert sum(stats.deaths for stats in ports.stats().values()) == 0
        assert any(one.state is State.ASLEEP for one in each) is elastic
        return [repr(one.result) for one in searched], dict(memory.replies)

    async def work() -> None:
        assert await found(elastic=True) == await found(elastic=False)

    run(work())
    assert [line for line in lines if line.endswith("from 2 + 1 to 1 + 2 awake")] == lines[:1]


@pytest.mark.usefixtures("running_ray")
def test_an_actor_sleeps_wakes_and_one_that_dies_asleep_is_loaded_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairs = [Pair("policy"), Pair("policy"), Pair("scorer")]
    monkeypatch.setattr("treewright.cluster.cluster.pairs_of", lambda config: pairs)
    monkeypatch.setattr("treewright.cluster.elastic.EVERY_S", 1000.0)
    batch = [call(f"p{i % 5}", i) for i in range(40)]
    alone = policy_alone(batch)
    lines: list[str] = []

    async def work() -> None:
        config = ClusterConfig(cpus=0.1, policy_replicas=2, elastic=True)
        async with open_cluster(config, POLICY, SCORER, lines.append) as ports:
            policies, scorers = ports.policy.pool.slots, ports.scorer.pool.slots

            async def given(side: str, slots: Sequence[Slot]) -> None:
                pairs[1].give(side)
                while not slots[1].serves:
                    await asyncio.sleep(0.05)
                assert await ports.policy.extend(batch) == alone

            await given("policy", policies)
            first = int(policies[1].info["pid"])
            await given("scorer", scorers)
            assert (policies[1].stats().state, policies[1].asleep) == (State.ASLEEP, True)
            await given("policy", policies)
            assert int(policies[1].info["pid"]) == first, "it woke"
            assert ports.stats()["policy"].deaths == 0
            await given("scorer", scorers)
            os.kill(first, signal.SIGKILL)
            while not lines:
                await asyncio.sleep(0.05)
            assert lines[0].endswith("it is loaded again when it is to be awake")
            await given("policy", policies)
            assert int(policies[1].info["pid"]) != first

    run(work())
    assert len(lines) == 1


@pytest.mark.usefixtures("running_ray")
def test_a_cancelled_call_is_aborted_in_the_actor() -> None:
    async def work() -> None:
        policy = ScriptedPolicyConfig(faults=Faults(hang=1.0))
        config = ClusterConfig(calls_in_flight=1)
        async with open_cluster(config, policy, NoScorerConfig()) as ports:
            for child in range(3):  # each finds room only if the one before was given up
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(ports.policy.extend([call("p", child)]), 0.1)
            stats = ports.stats()["policy"]
            assert (stats.in_flight, stats.lost_calls, stats.deaths) == (0, 3, 0)

    run(work())


@pytest.mark.usefixtures("running_ray")
def test_a_scorer_that_always_dies_is_unavailable_and_the_policy_goes_on() -> None:
    async def work() -> None:
        mortal = import_module("mortal_port").MortalConfig("exit")
        config = ClusterConfig(max_restarts=1)
        async with open_cluster(config, POLICY, mortal) as ports:
            (drawn,) = await ports.policy.extend([call("p")])
            assert isinstance(drawn, PolicyReply)
            (judged,) = await ports.scorer.judge([ScorerCall(drawn.path, 1)])
            assert isinstance(judged, Failure)
            assert judged.kind is FailureKind.UNAVAILABLE
            assert "The actor is dead because" in judged.message
            assert ports.stats()["scorer"].deaths == 2

    run(work())


@pytest.mark.usefixtures("running_ray")
@pytest.mark.parametrize(
    ("how", "restarts", "message"),
    [
        ("exit", 0, r"policy cannot be started: The actor is dead.* \(node .*, log /.*err\)"),
        ("raise", 3, r"no such checkpoint \(node .*, log /.*err\)"),
        ("engine", 0, r"failed; it said last: MemoryError: the cause .* \(node .*, log /.*err\)"),
    ],
)
def test_a_policy_that_cannot_be_had_ends_the_start_with_its_cause(
    how: str, restarts: int, message: str
) -> None:
    async def work() -> None:
        mortal = import_module("mortal_port").MortalConfig(how)
        with pytest.raises(ClusterError, match=message):
            async with open_cluster(ClusterConfig(max_restarts=restarts), mortal, SCORER):
                pass

    run(work())


@pytest.mark.usefixtures("running_ray")
def test_actors_are_gone_when_the_block_ends() -> None:
    seen: list[int] = []

    async def work() -> None:
        async with open_cluster(ClusterConfig(), POLICY, SCORER) as ports:
            seen.extend(pids(ports, "policy") + pids(ports, "scorer"))
            raise KeyError("in the middle")

    with pytest.raises(KeyError):
        run(work())
    assert len(seen) == 2
    assert soon(lambda: not any(Path(f"/proc/{pid}").exists() for pid in seen))


def test_no_ray_at_the_address_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = import_module("ray")
    if ray.is_initialized():
        monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**_: object) -> None:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(ray, "init", refuse)

    async def work() -> None:
        config = ClusterConfig(address="127.0.0.1:1")
        with pytest.raises(ClusterError, match=r"cluster\.address: 127\.0\.0\.1:1: no Ray"):
            async with open_cluster(config, POLICY, SCORER):
                pass

    run(work())


def test_the_inline_backend_gives_the_same_replies_without_ray() -> None:
    batch = [call(f"p{i % 5}", i) for i in range(40)]
    alone = policy_alone(batch)

    async def work() -> None:
        config = ClusterConfig(backend="inline", policy_replicas=3)
        async with open_cluster(config, POLICY, SCORER) as ports:
            assert await ports.policy.extend(batch) == alone

    run(work())


@dataclass(frozen=True)
class LoadingConfig:
    """A port that never finishes loading."""


async def build(config: LoadingConfig) -> ScriptedPolicy:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_scorer_that_cannot_be_built_ends_the_start_before_the_policy_is_loaded() -> None:
    async def work() -> None:
        config = ClusterConfig(backend="inline")
        with pytest.raises(ClusterError, match=r"scorer cannot be started: .*no attribute 'build'"):
            async with open_cluster(config, LoadingConfig(), config):
                pass

    run(work())


def test_a_ray_that_is_up_too_late_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is very busy: Ray gives its node 30 s, then raises a bare Exception."""
    load_ray(None)
    connection = import_module("treewright.cluster.connection")

    def late(cpus: float) -> None:
        raise Exception("The current node timed out during startup.")

    async def work() -> None:
        with pytest.raises(ClusterError, match=r"this machine: no Ray: .*timed out during startup"):
            async with open_cluster(ClusterConfig(), POLICY, SCORER):
                pass

    monkeypatch.setattr(connection.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connection, "start", late)
    run(work())


@pytest.mark.parametrize(
    ("said", "tries"),
    [
        ("The current node timed out during startup. …", 2),
        ("Initialization failure from server: Starting Ray client server failed. See …", 2),
        ("no such option", 1),
    ],
)
def test_what_passes_in_rays_start_is_begun_once_more(said: str, tries: int) -> None:
    load_ray(None)
    unless_passing = import_module("treewright.cluster.connection").unless_passing
    replies = [Exception(said), Exception(said), "up"]
    with pytest.raises(Exception, match=said):
        unless_passing(lambda: raised(replies.pop(0)))
    assert len(replies) == 3 - tries
    if tries == 2:
        replies.insert(0, Exception(said))
        assert unless_passing(lambda: raised(replies.pop(0))) == "up"


def raised(reply: object) -> object:
    if isinstance(reply, Exception):
        raise reply
    return reply


def test_importing_the_cluster_does_not_import_ray(root: Path) -> None:
    modules = "treewright.cluster.cluster, treewright.journal.journal"
    code = f"import sys, {modules}; sys.exit('ray' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


# --- processes ------------------------------------------------------------------------------------

DRIVER = """
import asyncio, signal, sys
from policies.scripted import ScriptedPolicyConfig
from scorers.scripted import ScriptedScorerConfig
from search.core import Prefix, Problem
from search.questions import Until
from search.ports import PolicyCall, PolicyReply
from treewright.cluster.cluster import open_cluster
from treewright.cluster.config import ClusterConfig

async def main(address):
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = ClusterConfig(address=address)
    async with open_cluster(config, ScriptedPolicyConfig(), ScriptedScorerConfig()) as ports:
        import ray
        print("ready", ray.get_runtime_context().gcs_address, flush=True)
        await stop.wait()
        call = PolicyCall(Prefix.start(Problem("p", "1 + 1?")), 0, Until.END, 1)
        (reply,) = await ports.policy.extend([call])
        assert isinstance(reply, PolicyReply), reply
        assert ports.stats()["policy"].deaths == 0
        sys.exit(7)

asyncio.run(main(*sys.argv[1:] or [None]))
"""


class Driver:
    """A process that opens a cluster; `family` finds all processes that it left behind."""

    def __init__(self, root: Path, *address: str) -> None:
        self.mark = f"TREEWRIGHT_TEST={uuid.uuid4()}".encode()
        name, _, value = self.mark.decode().partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=root,
            env={**os.environ, name: value},
            start_new_session=True,
        )
        assert self.process.stdout is not None
        ready, _, self.address = self.process.stdout.readline().partition(" ")
        assert ready == "ready", self.process.communicate()

    def family(self) -> list[str]:
        """Command lines of the processes that inherited the mark."""
        return [cmdline(pid) for pid in processes() if self.mark in environ(pid)]


def processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]


def environ(pid: Path) -> bytes:
    try:
        return (pid / "environ").read_bytes()
    except OSError:
        return b""


def cmdline(pid: Path) -> str:
    try:
        return (pid / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def soon(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it becomes true within that time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.ray
def test_actors_outlive_a_ctrl_c_that_drains_and_nothing_outlives_the_driver(
    root: Path,
) -> None:
    """A Ctrl-C goes to the whole process group, the Ray processes among it."""
    driver = Driver(root)
    assert len(driver.family()) > 3
    assert driver.address.startswith("127.0.0.1:")
    os.killpg(driver.process.pid, signal.SIGINT)
    output = driver.process.communicate(timeout=60)
    assert driver.process.returncode == 7, output
    assert output == ("", "")
    assert soon(lambda: driver.family() == [])


@pytest.mark.ray
def test_no_engine_outlives_a_killed_driver(root: Path) -> None:
    """Ray's own two agents go later: they look for their parent from time to time."""
    driver = Driver(root)
    assert any("PortActor" in line for line in driver.family())
    driver.process.kill()
    driver.process.communicate()
    assert soon(lambda: all("Agent" in line for line in driver.family())), driver.family()


def test_a_ray_that_runs_already_is_used_and_left_running(root: Path, running_ray: str) -> None:
    driver = Driver(root, running_ray)
    assert driver.address.strip() == running_ray
    assert len(driver.family()) == 1
    driver.process.send_signal(signal.SIGTERM)
    _, errors = driver.process.communicate(timeout=60)
    assert driver.process.returncode == 7, errors
    ray = import_module("ray")
    assert ray.cluster_resources()["CPU"] == 4
    assert soon(lambda: ray.available_resources().get("CPU") == 4)
