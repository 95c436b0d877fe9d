"""The thread that steps an engine core."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TypeAlias, TypeVar

import pytest

from engines.engine import EngineError, Finish, Generation, Refused, Request, Sampling
from engines.stepper import Stepper

T = TypeVar("T")
Numbers: TypeAlias = Stepper[Request, Generation]
ENDLESS = 10**9


class Counter:
    """A core that generates the numbers from 0, one a step, up to each request's limit."""

    def __init__(self) -> None:
        self.running: dict[str, tuple[Request, int]] = {}
        self.batches: list[list[int]] = []
        self.aborted: list[str] = []
        self.threads = {threading.get_ident()}
        self.steps = 0
        self.closed = 0
        self.gate = threading.Event()
        self.gate.set()
        self.fault: Exception | None = None

    def add(self, key: str, request: Request) -> Refused | None:
        self.threads.add(threading.get_ident())
        if not request.prompt:
            return Refused("empty")
        self.running[key] = (request, 0)
        return None

    def abort(self, keys: Sequence[str]) -> None:
        self.aborted += keys
        for key in keys:
            del self.running[key]

    def step(self) -> Iterator[tuple[str, Generation]]:
        assert self.gate.wait(10)
        self.threads.add(threading.get_ident())
        self.batches.append([request.prompt[0] for request, _ in self.running.values()])
        self.steps += 1
        if self.fault:
            raise self.fault
        for key, (request, length) in list(self.running.items()):
            self.running[key] = (request, length + 1)
            if length + 1 == request.sampling.max_tokens:
                del self.running[key]
                yield key, Generation(tuple(range(length + 1)), Finish.LENGTH)

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed += 1
        if self.fault:
            raise OSError("a broken core cannot be closed")


def ask(prompt: int, length: int = 1) -> Request:
    return Request((prompt,), Sampling(length))


def drive(
    test: Callable[[Numbers, Counter], Coroutine[None, None, T]],
) -> tuple[T, Counter]:
    """Run a test on a started core, and close it."""

    async def run() -> tuple[T, Counter]:
        stepper, core = await Numbers.start(Counter)
        try:
            return await asyncio.wait_for(test(stepper, core), 20), core
        finally:
            core.gate.set()
            await stepper.close()

    return asyncio.run(run())


def test_answers_are_aligned_whatever_ends_first() -> None:
    async def test(stepper: Numbers, _: Counter) -> list[int]:
        answers = await stepper.generate([ask(0, 3), ask(1, 1), ask(2, 2)])
        return [len(a.token_ids) for a in answers if isinstance(a, Generation)]

    assert drive(test)[0] == [3, 1, 2]


def test_a_batch_enters_the_core_before_its_next_step() -> None:
    async def test(stepper: Numbers, _: Counter) -> None:
        await stepper.generate([ask(0), ask(1), ask(2)])

    assert drive(test)[1].batches == [[0, 1, 2]]


def test_a_refused_request_is_answered_in_its_place() -> None:
    async def test(stepper: Numbers, _: Counter) -> list[Generation | Refused]:
        return await stepper.generate([ask(0), Request((), Sampling(1)), ask(1)])

    first, second, third = drive(test)[0]
    assert second == Refused("empty")
    assert isinstance(first, Generation)
    assert isinstance(third, Generation)


def test_an_empty_batch_has_an_empty_answer() -> None:
    async def test(stepper: Numbers, _: Counter) -> list[Generation | Refused]:
        return await stepper.generate([])

    assert drive(test)[0] == []


def test_everything_of_the_core_happens_in_one_thread() -> None:
    async def test(stepper: Numbers, _: Counter) -> None:
        await stepper.generate([ask(0)])

    threads = drive(test)[1].threads
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_cancelling_aborts_what_is_not_answered_and_nothing_else() -> None:
    async def test(stepper: Numbers, core: Counter) -> None:
        core.gate.clear()
        doomed = asyncio.create_task(stepper.generate([ask(0, ENDLESS)]))
        kept = asyncio.create_task(stepper.generate([ask(1, 3)]))
        await asyncio.sleep(0)
        doomed.cancel()
        core.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await doomed
        (answer,) = await kept
        assert isinstance(answer, Generation)
        await stepper.generate([ask(2)])
        assert core.running == {}

    assert len(drive(test)[1].aborted) == 1


def test_an_idle_core_is_not_stepped() -> None:
    async def test(stepper: Numbers, core: Counter) -> int:
        await stepper.generate([ask(0, 2)])
        steps = core.steps
        await asyncio.sleep(0.05)
        return core.steps - steps

    assert drive(test)[0] == 0


def test_a_core_that_fails_fails_all_that_wait_and_all_that_ask_later() -> None:
    async def test(stepper: Numbers, core: Counter) -> list[EngineError]:
        core.gate.clear()
        waiting = [asyncio.create_task(stepper.generate([ask(i, ENDLESS)])) for i in range(3)]
        await asyncio.sleep(0)
        core.fault = ValueError("out of\nluck")
        core.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        errors = [error for error in results if isinstance(error, EngineError)]
        with pytest.raises(EngineError) as later:
            await stepper.generate([ask(9)])
        return [*errors, later.value]

    errors, core = drive(test)
    assert [str(error) for error in errors] == ["the engine died: ValueError: out of luck"] * 4
    assert all(isinstance(error.__cause__, ValueError) for error in errors)
    assert len({id(error) for error in errors}) == 4
    assert core.closed == 1


def test_an_engine_error_crosses_a_process_border() -> None:
    error = pickle.loads(pickle.dumps(EngineError("the engine died: no luck")))
    assert isinstance(error, EngineError)
    assert str(error) == "the engine died: no luck"


def test_closing_is_idempotent_ends_the_thread_and_fails_what_waits() -> None:
    async def run() -> None:
        stepper, core = await Numbers.start(Counter)
        core.gate.clear()
        waiting = asyncio.create_task(stepper.generate([ask(0, ENDLESS)]))
        await asyncio.sleep(0)
        core.gate.set()
        await asyncio.gather(stepper.close(), stepper.close())
        with pytest.raises(EngineError, match="the engine was closed"):
            await waiting
        with pytest.raises(EngineError, match="the engine was closed"):
            await stepper.generate([ask(0)])
        assert core.closed == 1

    before = set(threading.enumerate())
    asyncio.run(run())
    assert set(threading.enumerate()) <= before


def test_a_core_that_cannot_be_made_raises_its_own_error() -> None:
    def fail() -> Counter:
        raise OSError("no such model")

    with pytest.raises(OSError, match="no such model"):
        asyncio.run(Numbers.start(fail))


def test_a_core_serves_one_event_loop_after_another() -> None:
    stepper, _ = asyncio.run(Numbers.start(Counter))
    answers = [asyncio.run(stepper.generate([ask(0, 2)])) for _ in range(2)]
    assert answers[0] == answers[1]
    asyncio.run(stepper.close())


def test_an_event_loop_that_closes_leaves_the_core_alive() -> None:
    async def walk_away() -> None:
        core.gate.clear()
        waiting = asyncio.ensure_future(stepper.generate([ask(0, 2)]))
        await asyncio.sleep(0)
        waiting.cancel()

    stepper, core = asyncio.run(Numbers.start(Counter))
    asyncio.run(walk_away())
    core.gate.set()
    (answer,) = asyncio.run(stepper.generate([ask(0)]))
    assert isinstance(answer, Generation)
    asyncio.run(stepper.close())
