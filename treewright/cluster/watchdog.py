"""Watches the event loop that inline ports run in: one that blocks would stop the session, unheard.

A thread asks the loop for a sign of life. Where none comes for as long as a call may take, and the
stack shows that a port holds the loop, the port is interrupted, as its code allows: then its
replica counts as hung. Code that nothing interrupts ends the process, which can be resumed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

INTERRUPT = signal.SIGUSR2
CALLED_BY_THE_LOOP = asyncio.Handle._run.__code__
"""What runs further out in the stack runs the loop, and may be in a port's file as well."""
INTERRUPTED = 130
"""The exit code of a run that can be resumed."""
GRACE_S = 5.0
"""How long an interrupted port has to give the loop back."""


class PortBlocked(BaseException):
    """Raised inside a port that holds the event loop. Not an `Exception`: a port catches those."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A port, and for how long it may hold the loop."""

    name: str
    limit_s: float


@dataclass(frozen=True, slots=True)
class Blocked:
    """A port that has the loop: where it is now, and the outermost call of its code."""

    guard: Guard
    at: FrameType
    call: FrameType


class Watch:
    """Knows ports by the files of their code. For one event loop."""

    def __init__(self, tell: Callable[[str], None], limits: tuple[float, float]) -> None:
        """`limits`: seconds of a start and of a call."""
        self._tell = tell
        self._start_s, self._call_s = limits
        self._tick = min(1.0, min(limits) / 4)
        self._guards: dict[str, Guard] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._beat, self._end = threading.Event(), threading.Event()

    def expect(self, side: str, config: object) -> None:
        """The port of this config (`policy` or `scorer`) is going to be built."""
        guard = Guard(port_name(side, config), max(self._start_s, self._call_s))
        self._guards[code_of(type(config))] = guard

    def ready(self, side: str, config: object, port: object) -> None:
        """It is built, and answers calls from now on."""
        guard = Guard(port_name(side, config), self._call_s)
        for kind in (type(config), type(port)):
            self._guards[code_of(kind)] = guard

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block lasts. Only the main thread can be interrupted."""
        main = self._thread == threading.main_thread().ident
        before = signal.signal(INTERRUPT, self._interrupt) if main else None
        watcher = threading.Thread(target=self._watch, args=(main,), name="watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._end.set()
            watcher.join()
            if main:
                signal.signal(INTERRUPT, before or signal.SIG_DFL)

    def _watch(self, interruptible: bool) -> None:
        stalled = 0.0
        accused: FrameType | None = None
        self._ask()
        while not self._end.wait(self._tick):
            if self._beat.is_set():
                self._beat.clear()
                stalled, accused = 0.0, None
                self._ask()
                continue
            stalled += self._tick  # not by a clock: this process may have been stopped
            held = self._held(sys._current_frames().get(self._thread))
            if held is None:
                continue
            if accused is not None and held.call is not accused:
                stalled, accused = 0.0, None  # interrupted; now another call holds the loop
            elif accused is None and stalled >= held.guard.limit_s:
                stalled, accused = 0.0, held.call
                self._accuse(held, interruptible)
            elif accused is not None and interruptible and stalled >= GRACE_S:
                self._tell("it cannot be interrupted: the session ends here, and resume goes on")
                os._exit(INTERRUPTED)

    def _ask(self) -> None:
        with suppress(RuntimeError):  # the loop was closed: the watch ends with it
            self._loop.call_soon_threadsafe(self._beat.set)

    def _accuse(self, held: Blocked, interruptible: bool) -> None:
        self._tell(
            f"{held.guard.name} blocks the session: {place(held)}; an inline port awaits what "
            "takes long (asyncio.to_thread), or use cluster.backend: ray"
        )
        if interruptible:
            signal.pthread_kill(self._thread, INTERRUPT)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler: in the loop's thread, wherever that is now."""
        if held := self._held(frame):
            raise PortBlocked(f"it blocked: {place(held)}")

    def _held(self, frame: FrameType | None) -> Blocked | None:
        """The port whose code runs in this stack, called by the loop."""
        frames: list[FrameType] = []
        while frame is not None and frame.f_code is not CALLED_BY_THE_LOOP:
            if frame.f_code.co_filename in self._guards:
                frames.append(frame)
            frame = frame.f_back
        if not frames:
            return None
        return Blocked(self._guards[frames[0].f_code.co_filename], frames[0], frames[-1])


def place(held: Blocked) -> str:
    """Where the port is, and for how long."""
    code = held.at.f_code
    where = f"{code.co_filename}:{held.at.f_lineno} in {code.co_name}"
    return f"{where} held the event loop for {held.guard.limit_s:g} s"


def port_name(side: str, config: object) -> str:
    """`policy (my_module:MyConfig)`."""
    kind = type(config)
    return f"{side} ({kind.__module__}:{kind.__qualname__})"


def code_of(kind: type) -> str:
    """The file that a class is written in, as its frames name it; empty where there is none."""
    return getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
