"""How a session is told to stop: once drains, twice aborts; both leave the run resumable."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """The state of being told to stop.

    Only while `draining` does the first signal wait for what is in flight.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.asked = asyncio.Event()
        self.draining = False
        self.say = say
        self.task = asyncio.current_task()

    def signalled(self) -> None:
        """The first signal asks, the second cancels the running task."""
        if self.draining and not self.asked.is_set():
            self.say("stopping: finishing the problems in flight; once more aborts, resume goes on")
            self.asked.set()
            return
        self.asked.set()
        if self.task is not None:
            self.task.cancel()


@contextmanager
def listen(say: Callable[[str], None]) -> Iterator[Stopping]:
    """Handle SIGINT and SIGTERM for the running task while the block lasts."""
    stopping = Stopping(say)
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stopping.signalled)
    try:
        yield stopping
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
