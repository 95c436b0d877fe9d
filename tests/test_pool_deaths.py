"""A pool answers every call once, whichever replicas die, and finds the call that kills them."""

import asyncio
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pool_stage import LIMITS, Port, Spy, Stage, call, reply, run, stage, ticks
from search.ports import Failure, FailureKind, PolicyCall
from search.questions import Until
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy
from treewright.cluster.quarantine import BELIEVED, CONVICTED, GROUPS
from treewright.cluster.replica import Outcome, ReplicaDied


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_killed_replica_changes_no_reply(size: int) -> None:
    async def work() -> None:
        gate = asyncio.Event()
        async with stage(size, lambda: Port(gate)) as scene:
            batch = [call(f"wait-{i}", i) for i in range(64)]
            asked = asyncio.create_task(scene.policy.extend(batch))
            await ticks()
            lost = scene.pool.stats().load[0]
            scene.replicas[0].kill()
            gate.set()
            assert await asked == [reply(one) for one in batch]
            stats = scene.pool.stats()
            assert (stats.deaths, stats.retries, stats.lost_calls) == (1, lost, lost)
            assert stats.replies == len(batch)

    run(work())


def test_a_few_suspects_are_tried_one_by_one_and_the_poison_is_found_at_its_third_death() -> None:
    async def work() -> None:
        async with stage() as scene:
            batch = [call("die")] + [call(f"p{i}", i) for i in range(GROUPS - 1)]
            outcomes = await scene.policy.extend(batch)
            assert isinstance(outcomes[0], Failure)
            assert outcomes[0].kind is FailureKind.POISON
            assert "segmentation fault" in outcomes[0].message
            assert outcomes[1:] == [reply(one) for one in batch[1:]]
            assert scene.pool.stats().deaths == 3
            assert max(len(seen) for port in scene.ports[2:] for seen in port.together) == 1

    run(work())


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("position", [0, 31, 63])
def test_among_many_suspects_the_poison_is_found_and_the_innocent_are_answered(
    size: int, position: int
) -> None:
    async def work() -> None:
        async with stage(size) as scene:
            batch = [call(f"p{i}", i) for i in range(64)]
            batch[position] = call("die", 4)
            outcomes = await scene.policy.extend(batch)
            assert [type(one) for one in outcomes].index(Failure) == position
            expected = [reply(one) for one in batch]
            del outcomes[position], expected[position]
            assert outcomes == expected
            assert scene.pool.stats().deaths <= 4

    run(work())


def test_several_poisons_are_all_found() -> None:
    async def work() -> None:
        async with stage(2) as scene:
            batch = [call(f"die-{i}" if i % 16 == 3 else f"p{i}", i) for i in range(64)]
            outcomes = await scene.policy.extend(batch)
            poisons = [i for i, one in enumerate(outcomes) if isinstance(one, Failure)]
            assert poisons == [3, 19, 35, 51]

    run(work())


@pytest.mark.parametrize("poisons", [16, 256])
def test_one_problem_whose_every_call_kills_does_not_use_the_replica_up(poisons: int) -> None:
    """As when all candidates of a problem are drawn, or judged, at once by the only replica."""

    async def work() -> None:
        async with stage() as scene:
            killing = scene.policy.extend([call("die", i) for i in range(poisons)])
            for outcome in await killing:
                assert isinstance(outcome, Failure)
                assert outcome.kind is FailureKind.POISON
            assert await scene.policy.extend([call("p")]) == [reply(call("p"))]

    run(work())


def test_once_a_poison_is_found_its_cancelled_siblings_are_not_tried() -> None:
    """The driver cancels the other draws of a problem as soon as one has failed."""

    async def work() -> None:
        async with stage() as scene:
            draws = [scene.policy.extend([call("die", i)]) for i in range(16)]
            tasks = [asyncio.create_task(draw) for draw in draws]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert await scene.policy.extend([call("p")]) == [reply(call("p"))]
            assert scene.pool.stats().deaths == 4

    run(work())


def test_a_replica_on_which_every_problem_dies_is_given_up() -> None:
    async def work() -> None:
        async with stage() as scene:
            outcomes = await scene.policy.extend([call(f"die-{i}") for i in range(64)])
            kinds = Counter(one.kind for one in outcomes if isinstance(one, Failure))
            assert kinds[FailureKind.POISON] == LIMITS.max_restarts - 1
            assert kinds.total() == 64
            assert scene.pool.extinct is not None

    run(work())


def test_one_death_makes_no_suspect_and_its_calls_are_asked_again_at_once() -> None:
    async def work() -> None:
        gate = asyncio.Event()
        async with stage(2, lambda: Port(gate)) as scene:
            batch = [call("wait", i) for i in range(3)]
            asked = asyncio.create_task(scene.policy.extend(batch))
            await ticks()
            scene.replicas[scene.pool.stats().load.index(3)].kill()
            await ticks()
            stats = scene.pool.stats()
            assert (sum(stats.load), stats.waiting) == (3, 0)
            gate.set()
            assert await asked == [reply(one) for one in batch]

    run(work())


def test_suspects_are_tried_on_several_free_replicas_and_other_calls_go_to_the_rest() -> None:
    async def work() -> None:
        gate = asyncio.Event()
        async with stage(4, lambda: Port(gate)) as scene:
            asked = asyncio.create_task(scene.policy.extend([call("wait", i) for i in range(4)]))
            for _ in range(2):
                await ticks()
                scene.replicas[max(range(len(scene.replicas)), key=scene.holds)].kill()
            await ticks()
            assert sorted(scene.pool.stats().load) == [0, 0, 1, 1]
            others = asyncio.create_task(
                scene.policy.extend([call(f"wait-{i}") for i in range(10)])
            )
            await ticks()
            assert sorted(scene.pool.stats().load) == [1, 1, 5, 5]
            gate.set()
            await asyncio.gather(asked, others)

    run(work())


@pytest.mark.parametrize("explained", [True, False])
def test_a_death_that_is_explained_makes_no_suspect(explained: bool) -> None:
    """Three times, at a replica with one call: unexplained, it would be the poison."""

    async def work() -> None:
        gate = asyncio.Event()
        async with stage(1, lambda: Port(gate)) as scene:
            asked = asyncio.create_task(scene.policy.extend([call("wait")]))
            for _ in range(3):
                await ticks()
                scene.replicas[-1].kill("its node died", explained=explained)
            await ticks()
            gate.set()
            (outcome,) = await asked
            assert (outcome == reply(call("wait"))) == explained

    run(work())


def test_a_call_that_loses_its_replica_without_end_is_convicted_whatever_explains_it() -> None:
    class Deadly(Spy):
        """Ray says that the node ran out of memory, each time."""

        async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
            try:
                return await super().poll(wait_s)
            except ReplicaDied as death:
                raise ReplicaDied(str(death), explained=True) from death

    async def build() -> Port:
        return Port()

    async def work() -> None:
        pool = Pool(lambda: Deadly(build), 1, PoolLimits(max_restarts=100, backoff_s=0.0))
        await pool.start()
        (outcome,) = await PooledPolicy(pool).extend([call("die")])
        assert isinstance(outcome, Failure)
        assert outcome.kind is FailureKind.POISON
        assert BELIEVED < pool.stats().deaths <= BELIEVED + CONVICTED
        await pool.close()

    run(work())


def test_replies_given_before_a_death_are_delivered() -> None:
    async def work() -> None:
        async with stage() as scene:
            quick = PolicyCall(call("p").path, 0, Until.STEP, 0)
            slow_death = PolicyCall(call("die").path, 1, Until.STEP, 4)
            good, bad = await scene.policy.extend([quick, slow_death])
            assert good == reply(quick)
            assert isinstance(bad, Failure)
            assert [name for port in scene.ports[1:] for name in port.together] == [
                {("die", 1)}
            ] * 2

    run(work())


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32), size=st.sampled_from([1, 2, 4]), kills=st.integers(0, 6))
def test_under_any_schedule_of_kills_every_call_gets_its_serial_reply(
    seed: int, size: int, kills: int
) -> None:
    """Only a call that was in flight at three deaths may be taken for poison instead."""
    rng = Random(seed)
    batch = [call(f"p{i // 4}", i) for i in range(rng.randrange(1, 60))]

    async def kill_some(scene: Stage) -> None:
        for _ in range(kills):
            await ticks(rng.randrange(1, 12))
            rng.choice(scene.replicas).kill()

    async def work() -> None:
        limits = PoolLimits(calls_in_flight=rng.choice([1, 4, 64]), max_restarts=100, backoff_s=0.0)
        async with stage(size, Port, limits) as scene:
            killer = asyncio.create_task(kill_some(scene))
            outcomes = await scene.policy.extend(batch)
            await killer
            hits = Counter(lost for replica in scene.replicas for lost in replica.lost)
            for asked, outcome in zip(batch, outcomes, strict=True):
                often = hits[asked] >= CONVICTED
                poisoned = isinstance(outcome, Failure) and outcome.kind is FailureKind.POISON
                assert outcome == reply(asked) or (often and poisoned)
            stats = scene.pool.stats()
            assert (stats.replies, stats.in_flight, stats.waiting) == (len(batch), 0, 0)

    run(work())
