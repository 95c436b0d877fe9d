"""Replicas that change sides as the load does: when they do, and that nothing else changes."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from benchmarks.speed.elastic import main
from benchmarks.speed.virtual_time import VirtualTimeLoop
from engines.token_clock import Timing
from policies.simulated import SimulatedPolicyConfig
from scorers.simulated import SimulatedScorerConfig
from search.core import Prefix, Problem
from search.ports import PolicyCall, PolicyReply, ScorerCall, ScorerReply
from search.questions import Until
from treewright.cluster.config import ClusterConfig
from treewright.cluster.elastic import Elastic
from treewright.cluster.in_flight import calls_at_once
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer
from treewright.cluster.pool_stats import State
from treewright.cluster.replica import ReplicaDied, builder
from treewright.cluster.turns import pairs_of
from treewright.running.replicas import advised, told

# --- Pools ----------------------------------------------------------------------------------------

TIMING = Timing(slots=4, wake_seconds=2.0)
POLICY = SimulatedPolicyConfig(timing=TIMING)
WORDY = SimulatedScorerConfig(timing=TIMING, critique_tokens=150)
TERSE = SimulatedScorerConfig(timing=TIMING, critique_tokens=1)
LIMITS = PoolLimits(backoff_s=0.0, max_restarts=1)


class Frail(InlineReplica):
    """It finds no place, dies once instead of waking, or as it sleeps: as `faults` says, once."""

    def __init__(self, config: object, faults: list[str]) -> None:
        super().__init__(builder(config))
        self.faults = faults

    async def prepare(self) -> str | None:
        if "place" in self.faults:
            self.faults.remove("place")
            await asyncio.Event().wait()
        return await super().prepare()

    async def wake(self) -> None:
        if "wake" in self.faults:
            self.faults.remove("wake")
            raise ReplicaDied("no memory is left on the device")
        await super().wake()

    async def sleep(self) -> None:
        await super().sleep()
        if "asleep" in self.faults:
            self.faults.remove("asleep")
            asyncio.get_running_loop().call_later(1.0, partial(self.kill, "out of memory"))


@dataclass
class Scene:
    """Two pools whose replicas take turns, in virtual time; `least`: the fewest of a side awake."""

    policies: Pool
    scorers: Pool
    elastic: Elastic
    lines: list[str]
    least: dict[str, int] = field(default_factory=lambda: {"policy": 99, "scorer": 99})

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            for side in self.least:
                self.least[side] = min(self.least[side], self.elastic.awake(side))
            for one, other in zip(self.policies.slots, self.scorers.slots, strict=True):
                assert one.replica is None or other.replica is None, "both of a pair are awake"

    async def solve(self, problems: range, at_once: int) -> dict[int, Any]:
        """What becomes of problems that are drawn, then judged."""
        policy, scorer = PooledPolicy(self.policies), PooledScorer(self.scorers)
        left, found = iter(problems), {}

        async def work() -> None:
            for number in left:
                path = Prefix.start(Problem(str(number), f"{number}: 1 + 2?"))
                (drawn,) = await policy.extend([PolicyCall(path, 0, Until.END, number)])
                assert isinstance(drawn, PolicyReply)
                (judged,) = await scorer.judge([ScorerCall(drawn.path, number)])
                assert isinstance(judged, ScorerReply)
                found[number] = (drawn, judged)

        await asyncio.gather(*(work() for _ in range(at_once)))
        return found


def play(
    act: Callable[[Scene], Coroutine[Any, Any, None]],
    *,
    scorer: object = WORDY,
    awake: tuple[int, int] = (2, 2),
    faults: tuple[list[str], list[str]] = ([], []),
    limits: PoolLimits = LIMITS,
) -> Scene:
    """Run it in virtual time, so that seconds cost nothing and are the same on any machine."""
    scenes: list[Scene] = []

    async def acted() -> None:
        config = ClusterConfig(elastic=True, policy_replicas=awake[0], scorer_replicas=awake[1])
        lines: list[str] = []
        pairs = pairs_of(config)

        def pool(side: str, part: object, faulty: list[str]) -> Pool:
            turns = [pair.turn(side) for pair in pairs]
            return Pool(
                partial(Frail, part, faulty),
                len(pairs),
                replace(limits, calls_in_flight=calls_at_once(config, 4)),
                name=side,
                tell=lines.append,
                room=4,
                turns=turns,
            )

        pools = pool("policy", POLICY, faults[0]), pool("scorer", scorer, faults[1])
        await asyncio.gather(*(each.start() for each in pools))
        scene = Scene(*pools, Elastic(pairs, *pools, lines.append), lines)
        scenes.append(scene)
        watching = asyncio.create_task(scene.watch())
        try:
            async with scene.elastic.following():
                await act(scene)
            assert not watching.done(), watching.exception()
        finally:
            watching.cancel()
            await asyncio.gather(*(each.close() for each in pools))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(acted())
    return scenes[0]


def test_replicas_follow_the_load_and_none_is_asked_while_it_sleeps() -> None:
    async def act(scene: Scene) -> None:
        await scene.solve(range(100), at_once=32)
        assert (scene.elastic.awake("policy"), scene.elastic.awake("scorer")) == (1, 3)
        assert [each.state for each in scene.policies.stats().each].count(State.ASLEEP) == 3

    scene = play(act)
    assert scene.elastic.changes == 1
    assert scene.lines == [
        line for line in scene.lines if line.startswith("elastic: the policy is busy ")
    ]
    assert scene.lines[0].endswith("100 %: from 2 + 2 to 1 + 3 awake")
    assert (scene.policies.stats().deaths, scene.scorers.stats().deaths) == (0, 0)
    assert min(scene.least.values()) >= 1


def test_the_load_that_turns_is_followed_back_and_sleepers_wake() -> None:
    async def act(scene: Scene) -> None:
        await scene.solve(range(100), at_once=32)
        assert scene.elastic.awake("scorer") == 3
        policy = PooledPolicy(scene.policies)
        paths = [Prefix.start(Problem(str(i), "1 + 2?")) for i in range(800)]
        await policy.extend([PolicyCall(path, 0, Until.END, 1) for path in paths])
        assert scene.elastic.awake("policy") == 3
        assert scene.policies.stats().each[1].state is State.SERVES

    scene = play(act)
    assert (scene.policies.stats().deaths, scene.scorers.stats().deaths) == (0, 0)
    assert min(scene.least.values()) >= 1


def test_a_replica_that_waits_for_a_place_holds_up_no_other() -> None:
    async def act(scene: Scene) -> None:
        await scene.solve(range(100), at_once=32)
        assert (scene.elastic.awake("policy"), scene.elastic.awake("scorer")) == (1, 2)

    play(act, faults=([], ["place"]))


def test_what_is_found_is_the_same_as_with_replicas_that_stay() -> None:
    found: list[dict[int, Any]] = []

    async def act(scene: Scene) -> None:
        found.append(await scene.solve(range(100), at_once=32))

    changing = play(act)
    still = play(act, awake=(1, 1))
    assert (changing.elastic.changes, still.elastic.changes) == (1, 0)
    assert found[0] == found[1]


@pytest.mark.parametrize("fault", ["wake", "asleep"])
def test_a_replica_that_does_not_wake_or_dies_asleep_is_told_and_mended(fault: str) -> None:
    async def act(scene: Scene) -> None:
        await scene.solve(range(100), at_once=32)
        assert scene.elastic.awake("scorer") == 3
        paths = [Prefix.start(Problem(str(i), "1 + 2?")) for i in range(800)]
        replies = await PooledPolicy(scene.policies).extend(
            [PolicyCall(path, 0, Until.END, 1) for path in paths]
        )
        assert all(isinstance(reply, PolicyReply) for reply in replies)
        assert scene.elastic.awake("policy") == 3

    scene = play(act, faults=([fault], []))
    assert scene.policies.stats().deaths == 1
    causes = {
        "wake": "died: no memory is left on the device; it is replaced",
        "asleep": "died: out of memory; it is loaded again when it is to be awake",
    }
    (line,) = [line for line in scene.lines if "died" in line]
    assert line.endswith(causes[fault])
    assert min(scene.least.values()) >= 1


def test_where_a_replica_is_given_up_its_place_goes_to_the_other_side() -> None:
    async def act(scene: Scene) -> None:
        slot = scene.policies.slots[0]
        for _ in range(LIMITS.max_restarts + 1):
            while slot.replica is None:
                await asyncio.sleep(0.1)
            replica: Any = slot.replica
            replica.kill("its GPU is broken")
            while slot.replica is replica:
                await asyncio.sleep(0.1)
        assert slot.given_up
        await asyncio.sleep(10.0)
        # It was the only policy: the other place is a policy's, this one a verifier's.
        assert scene.policies.slots[1].serves
        assert scene.scorers.slots[0].serves

    scene = play(act, awake=(1, 1))
    assert scene.lines[-2:] == [
        "elastic: policy replica 1 was given up: from 1 + 1 to 0 + 2 awake",
        "elastic: no policy is awake: from 0 + 2 to 1 + 1 awake",
    ]


def test_the_last_replica_of_a_side_never_leaves() -> None:
    async def act(scene: Scene) -> None:
        await scene.solve(range(50), at_once=32)

    scene = play(act, awake=(1, 1))
    assert scene.elastic.changes == 0
    assert scene.least == {"policy": 1, "scorer": 1}


def test_sleepers_are_shown_and_nothing_is_advised() -> None:
    shown: list[dict[str, Any]] = []

    async def act(scene: Scene) -> None:
        await scene.solve(range(100), at_once=32)
        stats = {"policy": scene.policies.stats(), "scorer": scene.scorers.stats()}
        shown.append(json.loads(json.dumps(told(stats))))
        assert advised(stats) is None

    play(act)
    (sides,) = shown
    assert (sides["policy"]["asleep"], sides["scorer"]["asleep"]) == (3, 1)
    assert [each["state"] for each in sides["scorer"]["each"]].count("asleep") == 1
    assert "advice" not in sides


def test_the_benchmark_finds_the_same_on_any_split(capsys: pytest.CaptureFixture[str]) -> None:
    said = ["--json", "--strategies", "best_of_n", "--replicas", "3", "--problems", "6"]
    assert main([*said, "--load", "5", "--wake", "1"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["begins"] for row in rows] == ["1 + 2", "2 + 1"]
    assert all(row["same"] and row["gain"] == row["stays"] / row["follows"] for row in rows)
