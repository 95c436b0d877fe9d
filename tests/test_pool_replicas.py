"""What a pool does with replicas that do not start, hang or have a bug; how it opens and closes."""

import asyncio

import pytest

from engines.engine import EngineError
from pool_stage import LIMITS, Port, call, reply, run, stage, ticks
from search.ports import Failure, FailureKind
from treewright.cluster import keeper as keeper_module
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy
from treewright.cluster.replica import Info, Outcome


def test_a_pool_whose_replicas_always_die_answers_unavailable_with_the_cause() -> None:
    async def build() -> Port:
        raise EngineError("out of memory")

    async def work() -> None:
        pool = Pool(lambda: InlineReplica(build), 2, PoolLimits(max_restarts=3, backoff_s=0.0))
        await pool.start()
        (failure,) = await PooledPolicy(pool).extend([call("p")])
        assert isinstance(failure, Failure)
        assert failure.kind is FailureKind.UNAVAILABLE
        assert "out of memory" in failure.message
        assert pool.stats().deaths == 2 * 4
        assert pool.extinct is not None
        assert not pool.unfit
        await pool.close()

    run(work())


def test_calls_that_wait_are_answered_when_the_last_replica_is_given_up() -> None:
    class Mortal(Port):
        born = 0

        def __init__(self) -> None:
            super().__init__()
            Mortal.born += 1
            if Mortal.born > 1:
                raise EngineError("the node is gone")

    async def work() -> None:
        async with stage(1, Mortal, PoolLimits(calls_in_flight=1, backoff_s=0.0)) as scene:
            asked = asyncio.create_task(scene.policy.extend([call("hang", i) for i in range(5)]))
            await ticks()
            scene.replicas[0].kill()
            outcomes = await asked
            kinds = {one.kind for one in outcomes if isinstance(one, Failure)}
            assert (len(outcomes), kinds) == (5, {FailureKind.UNAVAILABLE})

    run(work())


def test_a_port_that_cannot_be_built_is_not_built_again() -> None:
    built = 0

    async def build() -> Port:
        nonlocal built
        built += 1
        raise ValueError("no such checkpoint")

    async def work() -> None:
        pool = Pool(lambda: InlineReplica(build), 1, LIMITS)
        await pool.start()
        assert pool.unfit
        assert pool.extinct == "ValueError: no such checkpoint"
        await pool.close()

    run(work())
    assert built == 1


def test_a_replica_that_serves_between_its_deaths_is_replaced_without_end() -> None:
    async def work() -> None:
        async with stage(1, Port, PoolLimits(max_restarts=1, backoff_s=0.0)) as scene:
            for number in range(6):
                assert await scene.policy.extend([call("p", number)]) == [reply(call("p", number))]
                scene.replicas[-1].kill()
                await ticks()
            assert scene.pool.stats().deaths == 6

    run(work())


def test_a_hung_call_is_given_up_after_two_time_outs_and_the_others_are_answered() -> None:
    async def work() -> None:
        limits = PoolLimits(call_timeout_s=0.1, backoff_s=0.0)
        async with stage(1, Port, limits) as scene:
            batch = [call("p", 1), call("hang", 2), call("p", 3)]
            first, hung, last = await scene.policy.extend(batch)
            assert (first, last) == (reply(batch[0]), reply(batch[2]))
            assert isinstance(hung, Failure)
            assert hung.kind is FailureKind.UNAVAILABLE
            assert "within 0.1 s" in hung.message
            assert scene.pool.stats().deaths == 2

    run(work())


def test_a_replica_that_gives_no_sign_is_replaced() -> None:
    class Silent(InlineReplica):
        silent = True

        async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
            if Silent.silent:
                Silent.silent = False
                await asyncio.Event().wait()
            return await super().poll(wait_s)

    async def build() -> Port:
        return Port()

    async def work() -> None:
        limits = PoolLimits(call_timeout_s=0.1, backoff_s=0.0)
        pool = Pool(lambda: Silent(build), 1, limits)
        await pool.start()
        assert await PooledPolicy(pool).extend([call("p")]) == [reply(call("p"))]
        assert pool.stats().deaths == 1
        await pool.close()

    run(work())


def test_a_replica_that_does_not_become_ready_is_given_up() -> None:
    class Slow(InlineReplica):
        async def start(self) -> Info:
            await asyncio.Event().wait()
            raise AssertionError

    async def build() -> Port:
        return Port()

    async def work() -> None:
        limits = PoolLimits(start_timeout_s=0.02, max_restarts=1, backoff_s=0.0)
        pool = Pool(lambda: Slow(build), 1, limits)
        await pool.start()
        assert pool.extinct == "it was not ready within 0.02 s"
        await pool.close()

    run(work())


def test_a_pool_opens_when_its_first_replica_is_ready() -> None:
    async def work() -> None:
        late = asyncio.Event()
        built = 0

        async def build() -> Port:
            nonlocal built
            built += 1
            if built > 1:
                await late.wait()
            return Port()

        pool = Pool(lambda: InlineReplica(build), 2, LIMITS)
        await pool.start()
        assert pool.stats().alive == 1
        late.set()
        await ticks()
        assert pool.stats().alive == 2
        await pool.close()

    run(work())


def test_closing_answers_what_is_in_flight_and_what_is_asked_later() -> None:
    async def work() -> None:
        async with stage(1, Port, PoolLimits(calls_in_flight=1)) as scene:
            asked = asyncio.create_task(scene.policy.extend([call("hang"), call("p")]))
            await ticks()
            await scene.pool.close()
            for outcome in [*await asked, *await scene.policy.extend([call("p")])]:
                assert isinstance(outcome, Failure)
                assert outcome.kind is FailureKind.UNAVAILABLE

    run(work())


def test_a_bug_in_a_replica_ends_in_failures_not_in_silence() -> None:
    class Broken(InlineReplica):
        async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
            raise KeyError("bug")

    async def build() -> Port:
        return Port()

    async def work() -> None:
        pool = Pool(lambda: Broken(build), 1, LIMITS)
        await pool.start()
        (failure,) = await PooledPolicy(pool).extend([call("p")])
        assert isinstance(failure, Failure)
        assert "KeyError" in failure.message
        await pool.close()

    run(work())


def test_the_calls_at_a_replica_with_a_bug_are_asked_elsewhere() -> None:
    class Buggy(InlineReplica):
        async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
            ended = await super().poll(wait_s)
            if ended and not bugs:
                bugs.append("once")
                raise KeyError("bug")
            return ended

    async def build() -> Port:
        return Port()

    async def work() -> None:
        pool = Pool(lambda: Buggy(build), 2, LIMITS)
        await pool.start()
        batch = [call(f"p{i}") for i in range(6)]
        async with asyncio.timeout(5):
            assert await PooledPolicy(pool).extend(batch) == [reply(one) for one in batch]
        assert pool.stats().deaths == 1
        await pool.close()

    bugs: list[str] = []
    run(work())


class HardToClose(Port):
    """Its end fails, or does not come."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__()
        self.hangs = hangs

    async def close(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        raise RuntimeError("no\nend")


@pytest.mark.parametrize("hangs", [True, False])
def test_a_replica_that_cannot_be_closed_costs_its_slot_nothing_and_ends_no_later(
    hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "CLOSE_S", 0.05)
    told: list[str] = []

    async def build() -> Port:
        return HardToClose(hangs=hangs)

    async def work() -> None:
        pool = Pool(lambda: InlineReplica(build), 1, PoolLimits(backoff_s=0.0), tell=told.append)
        await pool.start()
        dies, lives = await asyncio.gather(pool.ask([call("die")]), pool.ask([call("p")]))
        assert isinstance(dies[0], Failure)
        assert lives == [reply(call("p"))]
        await asyncio.wait_for(pool.close(), 2.0)

    run(work())
    closed = [line for line in told if "could not be closed: " in line]
    assert len(closed) == 4 or (
        hangs and closed
    )  # three deaths and the end, unless that came first
    assert all(("within 0.05 s" if hangs else "RuntimeError: no end") in line for line in closed)
