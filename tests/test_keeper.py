"""A slot that was given up is tried again; what is silent, missing or compiled once is told so."""

import asyncio

import pytest

from engines.engine import EngineError
from pool_stage import Port, call, reply, run, ticks
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy
from treewright.cluster.replica import Outcome
from treewright.cluster.start_locks import StartLocks
from treewright.running.replicas import incidents, told


class Spot(InlineReplica):
    """Of two places one has a machine always, the other while `there` says so."""

    def __init__(self, there: list[bool], error: Exception) -> None:
        async def build() -> Port:
            if Spot.living and not there[0]:
                raise error
            Spot.living = True
            return Port()

        super().__init__(build)

    living = False


@pytest.mark.parametrize("error", [EngineError("no GPU"), ValueError("no such checkpoint")])
def test_a_slot_that_was_given_up_is_tried_again_and_told_when_it_is_back(error: Exception) -> None:
    lines: list[str] = []
    there = [False]
    Spot.living = False

    async def work() -> None:
        limits = PoolLimits(max_restarts=1, backoff_s=0.0, again_s=0.02)
        pool = Pool(lambda: Spot(there, error), 2, limits, name="policy", tell=lines.append)
        await pool.start()
        while not lines:
            await asyncio.sleep(0.01)
        assert len([cause for cause in pool.stats().missing if cause]) == 1
        await asyncio.sleep(0.1)
        before = list(lines)
        there[0] = True
        while pool.stats().alive < 2:
            await asyncio.sleep(0.01)
        assert pool.stats().missing == ("", "")
        assert lines == [*before, "policy replica 2 of 2 is back"]
        batch = [call(f"p{i}", i) for i in range(20)]
        assert await PooledPolicy(pool).extend(batch) == [reply(one) for one in batch]
        await pool.close()

    run(work())
    assert sum("no " in line for line in lines) <= 2, "told once, not at each trial"


def test_replicas_that_are_not_to_be_replaced_are_not_tried_again() -> None:
    there = [False]
    Spot.living = False
    made: list[Spot] = []

    def make() -> Spot:
        made.append(Spot(there, EngineError("no GPU")))
        return made[-1]

    async def work() -> None:
        pool = Pool(make, 2, PoolLimits(max_restarts=0, again_s=0.01))
        await pool.start()
        await asyncio.sleep(0.1)
        assert len(made) == 2
        await pool.close()

    run(work())


def test_replicas_that_never_came_are_counted_with_their_cause() -> None:
    there = [False]
    Spot.living = False

    async def work() -> None:
        limits = PoolLimits(max_restarts=0, backoff_s=0.0)
        pool = Pool(lambda: Spot(there, EngineError("no GPU")), 3, limits)
        await pool.start()
        await ticks()
        stats = pool.stats()
        assert list(incidents("policy", stats)) == [
            "policy: 2 of 3 replicas never came: no GPU",
            "policy: 2 deaths of a replica, 0 calls asked again; "
            "the tokens of 0 lost attempts are not in the ledger",
        ]
        figures = told({"policy": stats})["policy"]
        assert isinstance(figures, dict)
        assert (figures["replicas"], figures["came"]) == (3, 1)
        assert figures["never_came"] == {"no GPU": 2}
        await pool.close()

    run(work())


def test_a_replica_that_gives_no_sign_is_told_before_it_is_replaced() -> None:
    lines: list[str] = []

    class Silent(InlineReplica):
        async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
            await asyncio.sleep(0.2)
            return await super().poll(wait_s)

    async def build() -> Port:
        return Port()

    async def work() -> None:
        limits = PoolLimits(silent_s=0.05)
        pool = Pool(lambda: Silent(build), 1, limits, name="policy", tell=lines.append)
        await pool.start()
        assert await PooledPolicy(pool).extend([call("p")]) == [reply(call("p"))]
        assert pool.stats().deaths == 0
        await pool.close()

    run(work())
    assert lines[0].startswith("policy replica 1 of 1 gives no sign for 0.05 s: it is busy, or its")


def test_the_first_start_on_a_node_compiles_and_the_others_wait_for_it() -> None:
    log: list[str] = []

    class Compiled(InlineReplica):
        def __init__(self, node: str) -> None:
            super().__init__(self.load)
            self.node = node

        def compiles(self) -> str | None:
            return self.node

        async def load(self) -> Port:
            log.append(f"{self.node} begins")
            await asyncio.sleep(0.02)
            if log.count(f"{self.node} begins") == 1:
                raise EngineError("it has compiled nothing")
            log.append(f"{self.node} ends")
            return Port()

    async def work() -> None:
        nodes = iter(["a", "b"] * 50)
        limits = PoolLimits(max_restarts=9, backoff_s=0.0)
        pool = Pool(lambda: Compiled(next(nodes)), 6, limits, start_locks=StartLocks())
        await pool.start()
        while pool.stats().alive < 6:
            await asyncio.sleep(0.01)
        await pool.close()

    run(work())
    for node in ("a", "b"):
        mine = [line for line in log if line.startswith(node)]
        assert mine[:3] == [f"{node} begins", f"{node} begins", f"{node} ends"], mine


def test_each_wait_before_another_trial_is_twice_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep
    there = [False]
    Spot.living = False

    async def noted(seconds: float) -> None:
        if seconds:
            waits.append(seconds)
        await sleep(0)

    async def work() -> None:
        pool = Pool(lambda: Spot(there, EngineError("no GPU")), 2, PoolLimits(max_restarts=1))
        monkeypatch.setattr("asyncio.sleep", noted)
        await pool.start()
        while len([wait for wait in waits if wait >= 60]) < 6:
            await sleep(0)
        monkeypatch.undo()
        await pool.close()

    run(work())
    assert [wait for wait in waits if wait >= 60][:6] == [60, 120, 240, 480, 600, 600]
