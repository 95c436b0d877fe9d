"""A replica that is merely busy lives; one that does not move is replaced; deaths are told."""

import asyncio

import pytest

from engines.engine import EngineError
from pool_stage import Port, call, reply, run, ticks
from search.ports import Failure, FailureKind, PolicyCall, PolicyReply
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.liveness import poll_in_time
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy
from treewright.cluster.replica import Outcome, ReplicaHung
from treewright.cluster.start_locks import StartLocks

LIMITS = PoolLimits(call_timeout_s=0.1, backoff_s=0.0)


class Busy(Port):
    """Its engine takes a step every few milliseconds, and a call takes 30 of them."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def engine_steps(self) -> int:
        return self.taken

    async def answer(self, asked: PolicyCall) -> PolicyReply | Failure:
        if asked.path.problem.id == "hang":
            await asyncio.Event().wait()
        for _ in range(30):
            await asyncio.sleep(0.01)
            self.taken += 1
        return reply(asked)


async def build() -> Port:
    return Busy()


def test_a_call_that_takes_longer_than_the_limit_does_not_kill_an_engine_that_moves() -> None:
    async def work() -> None:
        pool = Pool(lambda: InlineReplica(build), 1, LIMITS)
        await pool.start()
        assert await PooledPolicy(pool).extend([call("p")]) == [reply(call("p"))]
        assert pool.stats().deaths == 0
        await pool.close()

    run(work())


def test_a_call_that_hangs_alone_is_found_when_the_others_have_ended() -> None:
    told: list[str] = []

    async def work() -> None:
        pool = Pool(lambda: InlineReplica(build), 1, LIMITS, name="policy (m:P)", tell=told.append)
        await pool.start()
        policy = PooledPolicy(pool)
        hung = asyncio.create_task(policy.extend([call("hang")]))
        assert await policy.extend([call("p")]) == [reply(call("p"))]
        assert not told
        (failure,) = await hung
        assert isinstance(failure, Failure)
        assert failure.kind is FailureKind.UNAVAILABLE
        await pool.close()

    run(work())
    why = "no reply and no step within 0.1 s, with 1 call in flight; 1 call lost with it"
    assert told == [f"policy (m:P) replica 1 of 1 died: {why}, it is replaced"] * 2


def test_deaths_are_told_as_they_happen_and_the_last_one_says_so() -> None:
    told: list[str] = []

    async def dead() -> Port:
        raise EngineError("CUDA out of memory")

    async def work() -> None:
        limits = PoolLimits(max_restarts=1, backoff_s=0.0)
        pool = Pool(lambda: InlineReplica(dead), 1, limits, name="scorer", tell=told.append)
        await pool.start()
        await pool.close()

    run(work())
    why = "scorer replica 1 of 1 died: CUDA out of memory; it is"
    last = "given up after 2 deaths in a row, and it was the last"
    assert told == [f"{why} replaced", f"{why} {last}"]


def test_a_replica_that_cannot_be_built_beside_one_that_serves_is_told() -> None:
    told: list[str] = []
    built: list[Port] = []

    async def once() -> Port:
        if built:
            raise ValueError("no such checkpoint")
        built.append(Port())
        return built[0]

    async def work() -> None:
        pool = Pool(lambda: InlineReplica(once), 2, LIMITS, name="policy", tell=told.append)
        await pool.start()
        await ticks()
        await pool.close()

    run(work())
    assert told == ["policy replica 2 of 2 cannot be started: ValueError: no such checkpoint"]


def test_the_time_in_which_this_process_stood_still_is_not_the_replicas() -> None:
    class Late(InlineReplica):
        async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
            loop.call_soon(later)  # the process is stopped, with the poll under way
            await asyncio.sleep(wait_s)
            return [(1, reply(call("p")))]

    def later() -> None:
        clock[0] += 1000.0

    async def work() -> None:
        assert len(await poll_in_time(Late(build), 0.01, 0.5)) == 1

    clock = [0.0]
    loop = asyncio.new_event_loop()
    real = loop.time
    loop.time = lambda: real() + clock[0]  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work())


def test_a_replica_that_does_not_answer_a_poll_is_hung() -> None:
    class Deaf(InlineReplica):
        async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
            await asyncio.Event().wait()
            return []

    async def work() -> None:
        with pytest.raises(ReplicaHung, match=r"no sign for 0\.05 s"):
            await poll_in_time(Deaf(build), 0.01, 0.05)

    run(work())


# --- starting -------------------------------------------------------------------------------------


class Starter(InlineReplica):
    """Notes who starts beside whom. Its place is the name of a GPU, or None."""

    def __init__(self, place: str | None, starting: list[str | None], most: list[int]) -> None:
        super().__init__(self.load)
        self.place, self.starting, self.most = place, starting, most

    async def prepare(self) -> str | None:
        return self.place

    async def load(self) -> Port:
        self.starting.append(self.place)
        self.most.append(self.starting.count(self.place))
        await asyncio.sleep(0.03)
        self.starting.remove(self.place)
        return Port()


@pytest.mark.parametrize(("place", "together"), [("GPU 0 of n1", 1), (None, 4)])
def test_those_that_share_a_gpu_start_one_after_another_and_others_at_once(
    place: str | None, together: int
) -> None:
    """Two pools of two; the start-up limit has room for one start, not for the queue."""

    async def work() -> None:
        limits = PoolLimits(start_timeout_s=0.06, max_restarts=0)
        locks, most = StartLocks(), list[int]()
        starting: list[str | None] = []
        pools = [
            Pool(lambda: Starter(place, starting, most), 2, limits, start_locks=locks)
            for _ in range(2)
        ]
        await asyncio.gather(*(pool.start() for pool in pools))
        while sum(pool.stats().alive for pool in pools) < 4:
            assert not any(pool.extinct for pool in pools)
            await asyncio.sleep(0.005)
        assert max(most) == together
        for pool in pools:
            await pool.close()

    run(work())


def test_one_that_fails_to_start_has_freed_what_it_held_before_the_next_begins() -> None:
    seen: list[str] = []

    class Failing(Starter):
        async def load(self) -> Port:
            seen.append("start")
            raise EngineError("too little memory")

        async def stop(self) -> None:
            if seen[-1] == "start":
                seen.append("stop")
            await super().stop()

    async def work() -> None:
        limits = PoolLimits(max_restarts=0)
        pool = Pool(lambda: Failing("GPU 0", [], []), 2, limits, start_locks=StartLocks())
        await pool.start()
        await pool.close()

    run(work())
    assert seen == ["start", "stop"] * 2
