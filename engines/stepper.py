"""One thread that steps an engine core and answers those who await it.

vLLM's in-process engine blocks while it steps and may be called by one thread only. So a core is
made, fed, stepped and closed in a thread of its own, and results cross to the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any, Generic, Protocol, TypeVar

from engines.engine import EngineError, Refused, one_line

Asked = TypeVar("Asked")
AskedOf = TypeVar("AskedOf", contravariant=True)
Told = TypeVar("Told")
ToldBy = TypeVar("ToldBy", covariant=True)


class Core(Protocol[AskedOf, ToldBy]):
    """What is stepped. Every request that it takes must come out of `step` unless aborted."""

    def add(self, key: str, request: AskedOf) -> Refused | None:
        """Take a request in, or say why not."""
        ...

    def abort(self, keys: Sequence[str]) -> None:
        """Forget these requests; one that has ended is ignored."""
        ...

    def step(self) -> Iterable[tuple[str, ToldBy | Refused]]:
        """Advance all requests by a token. The ones that ended."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


C = TypeVar("C", bound=Core[Any, Any])


class Stepper(Generic[Asked, Told]):
    """Runs a core in a thread, which sleeps while there is nothing to do.

    An exception of the core ends the thread: all that was asked, and all that is asked later,
    raises `EngineError` with the cause.
    """

    def __init__(self, make: Callable[[], Core[Asked, Told]]) -> None:
        self._make = make
        self._keys = count()
        self._steps = 0
        # Guards the rest, which the thread and the event loops share.
        self._wake = threading.Condition()
        self._answers: dict[str, asyncio.Future[Told | Refused]] = {}
        self._asked: list[tuple[str, Asked]] = []
        self._cancelled: list[str] = []
        self._closing = False
        self._end: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @classmethod
    async def start(cls, make: Callable[[], C]) -> tuple[Stepper[Asked, Told], C]:
        """Make the core in its thread and wait for it.

        Raises:
            Exception: what `make` raised.
        """
        ready: asyncio.Future[C] = asyncio.get_running_loop().create_future()

        def make_and_tell() -> C:
            try:
                core = make()
            except BaseException as error:
                _settle(ready, error=error)
                raise
            _settle(ready, core)
            return core

        stepper = cls(make_and_tell)
        stepper._thread.start()
        try:
            return stepper, await ready
        except asyncio.CancelledError:
            stepper._stop()
            raise

    async def generate(self, batch: Sequence[Asked]) -> list[Told | Refused]:
        """`answers[i]` answers `batch[i]`; all enter the core before its next step.

        Raises:
            EngineError: the core died, or was closed.
        """
        loop = asyncio.get_running_loop()
        asked = [(str(next(self._keys)), request) for request in batch]
        answers: dict[str, asyncio.Future[Told | Refused]] = {
            key: loop.create_future() for key, _ in asked
        }
        with self._wake:
            if self._end is not None:
                raise _engine_error(self._end)
            self._answers |= answers
            self._asked += asked
            self._wake.notify()
        try:
            return await asyncio.gather(*answers.values())
        except asyncio.CancelledError:
            self._cancel(answers)
            raise

    def engine_steps(self) -> int:
        """How many steps the core has taken."""
        return self._steps

    async def close(self) -> None:
        """Free the core and end the thread. Idempotent; what is still awaited raises."""
        self._stop()
        await asyncio.to_thread(self._thread.join)

    def _cancel(self, keys: Iterable[str]) -> None:
        with self._wake:
            self._cancelled += [key for key in keys if self._answers.pop(key, None)]
            self._wake.notify()

    def _stop(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify()

    # The rest runs in the thread.

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # noqa: BLE001 - recorded: all who wait or ask are told
            self._end = self._end or error
        with self._wake:
            self._end = end = self._end or EngineError("the engine was closed")
            answers = list(self._answers.values())
            self._answers.clear()
        for answer in answers:
            _settle(answer, error=_engine_error(end))

    def _serve(self) -> None:
        core = self._make()
        try:
            while self._take_orders(core):
                for key, generation in core.step():
                    self._answer(key, generation)
                self._steps += 1
        except BaseException as error:
            self._end = error  # the cause, whatever closing a broken core makes of it
            raise
        finally:
            core.close()

    def _take_orders(self, core: Core[Asked, Told]) -> bool:
        """Wait until there is something to step. False: there never will be."""
        while True:
            with self._wake:
                self._wake.wait_for(self._has_work)
                asked, self._asked = self._asked, []
                cancelled, self._cancelled = self._cancelled, []
            if self._closing:
                return False
            for key, request in asked:
                if refused := core.add(key, request):
                    self._answer(key, refused)
            if cancelled:
                core.abort(cancelled)
            if self._answers:
                return True

    def _has_work(self) -> bool:
        return bool(self._answers or self._cancelled or self._closing)

    def _answer(self, key: str, answer: Told | Refused) -> None:
        with self._wake:
            future = self._answers.pop(key, None)
        if future is not None:
            _settle(future, answer)


def _engine_error(cause: BaseException) -> EngineError:
    """A fresh error for each who waits: an exception that is raised twice mixes its tracebacks."""
    if isinstance(cause, EngineError):
        return EngineError(str(cause))
    error = EngineError(f"the engine died: {type(cause).__name__}: {one_line(cause)}")
    error.__cause__ = cause
    return error


def _settle(future: asyncio.Future[Any], result: Any = None, error: Any = None) -> None:
    def settle() -> None:
        if future.done():  # cancelled meanwhile
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    with contextlib.suppress(RuntimeError):  # its event loop was closed: nobody waits any more
        future.get_loop().call_soon_threadsafe(settle)
