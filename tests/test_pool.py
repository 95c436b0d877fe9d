"""A pool answers every call once, aligned, and sends it where it belongs."""

import asyncio
from collections.abc import Sequence

import pytest

from pool_stage import LIMITS, Port, Spy, call, reply, run, stage, ticks
from search.core import Judgement, Prefix, Problem, Spent
from search.ports import (
    Failure,
    FailureKind,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from search.questions import Until
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer
from treewright.cluster.replica import Outcome

# --- answers --------------------------------------------------------------------------------------


def test_replies_are_aligned_with_their_batch() -> None:
    async def work() -> None:
        async with stage(2) as scene:
            batch = [call(f"p{i}", i) for i in range(40)]
            assert await scene.policy.extend(batch) == [reply(asked) for asked in batch]

    run(work())


def test_a_call_is_answered_while_another_is_still_running() -> None:
    async def work() -> None:
        gate = asyncio.Event()
        async with stage(1, lambda: Port(gate)) as scene:
            slow = asyncio.create_task(scene.policy.extend([call("wait")]))
            assert await scene.policy.extend([call("p")]) == [reply(call("p"))]
            assert not slow.done()
            gate.set()
            assert await slow == [reply(call("wait"))]

    run(work())


def test_a_port_that_raises_costs_that_call_only() -> None:
    async def work() -> None:
        async with stage() as scene:
            raised, good = await scene.policy.extend([call("raise"), call("p")])
            assert isinstance(raised, Failure)
            assert raised.kind is FailureKind.INTERNAL
            assert raised.message == "TypeError: a bug in the port"
            assert "in answer\n" in raised.traceback
            assert good == reply(call("p"))
            assert scene.pool.stats().deaths == 0

    run(work())


def test_an_invalid_call_is_not_tried_again() -> None:
    async def work() -> None:
        async with stage() as scene:
            (refused,) = await scene.policy.extend([call("invalid")])
            assert refused == Failure(FailureKind.INVALID, "the prompt is too long")
            assert scene.pool.stats().retries == 0

    run(work())


def test_an_empty_batch_is_answered_at_once() -> None:
    async def work() -> None:
        async with stage() as scene:
            assert await scene.policy.extend([]) == []

    run(work())


@pytest.mark.parametrize(
    "outcome",
    [
        PolicyReply(Prefix.start(Problem("p", "?")), Spent()),
        PolicyReply(Prefix.start(Problem("p", "?")).grow(0, []), Spent()),
        ScorerReply(Judgement.missing("x"), Spent()),
    ],
)
def test_a_reply_that_does_not_continue_the_path_is_a_failure(outcome: Outcome) -> None:
    class Wrong(Port):
        async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
            return [outcome]  # type: ignore[list-item]  # that is the fault

    async def work() -> None:
        async with stage(1, Wrong) as scene:
            (failure,) = await scene.policy.extend([call("p")])
            assert isinstance(failure, Failure)
            assert failure.kind is FailureKind.INTERNAL

    run(work())


def test_the_steps_of_a_call_are_shared_with_its_reply() -> None:
    """A reply that came over the wire repeats the steps of its call; one copy is enough."""

    async def work() -> None:
        path = reply(call("p")).path
        async with stage() as scene:
            (child,) = await scene.policy.extend([PolicyCall(path, 0, Until.STEP, 1)])
            assert isinstance(child, PolicyReply)
            assert child.path.steps[0] is path.steps[0]

    run(work())


def test_the_calls_of_a_run_among_others_name_its_cache() -> None:
    heard: list[str] = []

    class Listener(Port):
        async def answer(self, asked: PolicyCall) -> PolicyReply | Failure:
            heard.append(asked.cache)
            return reply(asked)

    async def work() -> None:
        async with stage(port=Listener) as scene:
            await PooledPolicy(scene.pool, "run 3").extend([call("p")])
            await scene.policy.extend([call("p")])

    run(work())
    assert heard == ["run 3", ""]


@pytest.mark.parametrize(("verdicts", "fails"), [(0, False), (1, True)], ids=["none", "too many"])
def test_a_judgement_has_a_verdict_per_step_or_none(verdicts: int, fails: bool) -> None:
    class Verifier(Scorer):
        async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
            judgement = Judgement.missing("unread")
            object.__setattr__(judgement, "verdicts", (None,) * verdicts)
            return [ScorerReply(judgement, Spent())]

    async def build() -> Verifier:
        return Verifier()

    async def work() -> None:
        pool = Pool(lambda: InlineReplica(build), 1, LIMITS)
        await pool.start()
        (judged,) = await PooledScorer(pool).judge([ScorerCall(call("p").path, 1)])
        assert isinstance(judged, Failure) == fails
        await pool.close()

    run(work())


# --- routing --------------------------------------------------------------------------------------


def test_calls_of_one_tick_travel_in_one_submit_per_replica() -> None:
    async def work() -> None:
        async with stage(2) as scene:
            problems = [f"p{i}" for i in range(10)]
            await asyncio.gather(*(scene.policy.extend([call(p)]) for p in problems))
            assert [len(replica.submits) for replica in scene.replicas] == [1, 1]

    run(work())


def test_one_poll_is_outstanding_per_replica() -> None:
    async def work() -> None:
        async with stage(2) as scene:
            await scene.policy.extend([call(f"p{i}", i) for i in range(30)])
            assert [replica.most_polls for replica in scene.replicas] == [1, 1]

    run(work())


def test_problems_spread_over_the_least_loaded() -> None:
    async def work() -> None:
        gate = asyncio.Event()
        async with stage(4, lambda: Port(gate)) as scene:
            asked = asyncio.create_task(scene.policy.extend([call(f"wait-{i}") for i in range(12)]))
            await ticks()
            assert scene.pool.stats().load == (3, 3, 3, 3)
            gate.set()
            await asked

    run(work())


def test_siblings_stay_together_until_the_load_is_too_uneven() -> None:
    async def work() -> None:
        gate = asyncio.Event()
        limits = PoolLimits(slack=8, siblings=4)
        async with stage(2, lambda: Port(gate), limits) as scene:
            first = asyncio.create_task(scene.policy.extend([call("wait", i) for i in range(9)]))
            await ticks()
            assert sorted(scene.pool.stats().load) == [0, 9]
            more = asyncio.create_task(scene.policy.extend([call("wait", i) for i in range(9, 40)]))
            await ticks()
            low, high = sorted(scene.pool.stats().load)
            assert high - low <= 8 + 4 + 1
            gate.set()
            await asyncio.gather(first, more)

    run(work())


def test_no_replica_has_more_in_flight_than_allowed() -> None:
    async def work() -> None:
        limits = PoolLimits(calls_in_flight=3)
        async with stage(2, Port, limits) as scene:
            batch = [call("p", i) for i in range(50)]
            assert await scene.policy.extend(batch) == [reply(asked) for asked in batch]
            assert max(len(seen) for port in scene.ports for seen in port.together) == 3

    run(work())


def test_a_cancelled_call_is_aborted_and_makes_room() -> None:
    async def work() -> None:
        async with stage(1, Port, PoolLimits(calls_in_flight=1)) as scene:
            task = asyncio.create_task(scene.policy.extend([call("hang"), call("p-queued")]))
            await ticks()
            task.cancel()
            assert await scene.policy.extend([call("p")]) == [reply(call("p"))]
            assert scene.ports[0].cancelled == ["hang"]
            assert scene.replicas[0].aborts == [0]
            assert scene.replicas[0].submits == [["hang"], ["p"]]
            stats = scene.pool.stats()
            assert (stats.lost_calls, stats.in_flight, stats.waiting) == (1, 0, 0)

    run(work())


def test_a_reply_that_comes_twice_is_counted_and_ignored() -> None:
    class Twice(InlineReplica):
        async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
            return [item for item in await super().poll(wait_s) for _ in range(2)]

    async def build() -> Port:
        return Port()

    async def work() -> None:
        pool = Pool(lambda: Twice(build), 1, LIMITS)
        await pool.start()
        batch = [call("p", i) for i in range(5)]
        assert await PooledPolicy(pool).extend(batch) == [reply(asked) for asked in batch]
        assert pool.stats().duplicates == 5
        assert pool.stats().replies == 5
        await pool.close()

    run(work())


def test_a_reply_to_a_cancelled_call_is_counted_and_ignored() -> None:
    class Deaf(Spy):
        def abort(self, ids: Sequence[int]) -> None:
            """Too late: the reply is on its way."""

    async def work() -> None:
        gate = asyncio.Event()

        async def build() -> Port:
            return Port(gate)

        pool = Pool(lambda: Deaf(build), 1, LIMITS)
        await pool.start()
        task = asyncio.create_task(PooledPolicy(pool).extend([call("wait")]))
        await ticks()
        task.cancel()
        gate.set()
        await PooledPolicy(pool).extend([call("p", 4)])
        assert pool.stats().duplicates == 1
        await pool.close()

    run(work())
