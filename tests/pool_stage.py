"""A pool over replicas that a test can look at and kill."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager

from engines.engine import EngineError
from search.core import Prefix, Problem, Spent, Step, StopReason
from search.ports import Failure, FailureKind, Policy, PolicyCall, PolicyReply
from search.questions import Until
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy
from treewright.cluster.replica import Call, Outcome


def call(problem: str, child: int = 0) -> PolicyCall:
    return PolicyCall(Prefix.start(Problem(problem, "?")), child, Until.STEP, 100 + child)


def reply(asked: PolicyCall) -> PolicyReply:
    """What every port of this file replies: a function of the call alone."""
    text = f"{asked.path.problem.id} {asked.child} {asked.seed}"
    step = Step(text, (asked.child,), StopReason.STEP_END)
    return PolicyReply(asked.path.grow(asked.child, [step]), Spent(1))


class Port(Policy):
    """Replies, unless the problem is named after a fault: `die`, `hang`, `raise`, `invalid`.

    A problem named `wait` waits for `gate`.
    """

    def __init__(self, gate: asyncio.Event | None = None) -> None:
        self.gate = gate or asyncio.Event()
        self.running: set[tuple[str, int]] = set()
        self.together: list[set[tuple[str, int]]] = []
        self.cancelled: list[str] = []

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        (asked,) = batch
        name = (asked.path.problem.id, asked.child)
        self.running.add(name)
        self.together.append(set(self.running))
        try:
            return [await self.answer(asked)]
        except asyncio.CancelledError:
            self.cancelled.append(asked.path.problem.id)
            raise
        finally:
            self.running.discard(name)

    async def answer(self, asked: PolicyCall) -> PolicyReply | Failure:
        fault = asked.path.problem.id.split("-")[0]
        for _ in range(1 + asked.seed % 5):
            await asyncio.sleep(0)
        match fault:
            case "die":
                raise EngineError("segmentation fault")
            case "hang":
                await asyncio.Event().wait()
            case "raise":
                raise TypeError("a bug in the port")
            case "invalid":
                return Failure(FailureKind.INVALID, "the prompt is too long")
            case "wait":
                await self.gate.wait()
        return reply(asked)


class Spy(InlineReplica):
    """An inline replica that remembers its submits, aborts and polls."""

    def __init__(self, build: Callable[[], Awaitable[Port]]) -> None:
        super().__init__(build)
        self.submits: list[list[str]] = []
        self.aborts: list[int] = []
        self.polls = 0
        self.most_polls = 0
        self.in_flight: dict[int, Call] = {}
        self.lost: list[Call] = []

    def submit(self, batch: Sequence[tuple[int, Call]]) -> None:
        self.in_flight.update(batch)
        self.submits.append([asked.path.problem.id for _, asked in batch])
        super().submit(batch)

    def abort(self, ids: Sequence[int]) -> None:
        self.aborts.extend(ids)
        super().abort(ids)

    async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
        self.polls += 1
        self.most_polls = max(self.most_polls, self.polls)
        try:
            ended = await super().poll(wait_s)
        finally:
            self.polls -= 1
        for call_id, _ in ended:
            self.in_flight.pop(call_id, None)
        return ended

    async def stop(self) -> None:
        self.lost, self.in_flight = [*self.lost, *self.in_flight.values()], {}
        await super().stop()


class Stage:
    """A pool over replicas that a test can look at and kill."""

    def __init__(self, size: int, port: Callable[[], Port], limits: PoolLimits) -> None:
        self.replicas: list[Spy] = []
        self.ports: list[Port] = []
        self.port = port
        self.pool = Pool(self.make, size, limits)
        self.policy = PooledPolicy(self.pool)

    def holds(self, index: int) -> int:
        """How many calls are in flight at the replica of this number, if it lives."""
        return len(self.replicas[index].in_flight)

    def make(self) -> Spy:
        async def build() -> Port:
            self.ports.append(self.port())
            return self.ports[-1]

        self.replicas.append(Spy(build))
        return self.replicas[-1]


LIMITS = PoolLimits(backoff_s=0.0)


@asynccontextmanager
async def stage(
    size: int = 1, port: Callable[[], Port] = Port, limits: PoolLimits = LIMITS
) -> AsyncIterator[Stage]:
    scene = Stage(size, port, limits)
    await scene.pool.start()
    await asyncio.sleep(0)
    try:
        yield scene
    finally:
        await scene.pool.close()


def run(work: Coroutine[object, object, None]) -> None:
    """To the end, or fail instead of hanging."""

    async def limited() -> None:
        async with asyncio.timeout(20):
            await work

    asyncio.run(limited())


async def ticks(number: int = 50) -> None:
    for _ in range(number):
        await asyncio.sleep(0)
