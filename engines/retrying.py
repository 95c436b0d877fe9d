"""How long to wait before a request is sent again, and within which deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from engines.http_fault import HttpFault, Trouble

FIRST_S, LONGEST_S = 0.5, 30.0
"""Seconds of the first wait, which doubles, and of the longest that nobody asked for."""
AGAIN = frozenset({Trouble.UNREACHABLE, Trouble.BUSY, Trouble.GARBLED})
"""What may pass."""

T = TypeVar("T")


class Late(Exception):
    """There was no answer in time. One line: the address, and what."""


@dataclass(frozen=True)
class Patience:
    """Sends a request again, `retries` times at most, all within `timeout_s` seconds."""

    retries: int
    timeout_s: float
    jitter: Random
    address: str
    """Who is asked, as its faults name it."""
    key: str = "engine.timeout_s"
    """What the config calls its deadline."""

    async def persist(self, send: Callable[[], Awaitable[T]]) -> T:
        """What `send` returns in the end.

        Raises:
            HttpFault: the last one, where it cannot pass or too many were had.
            Late: the time is up.
        """
        last: HttpFault | None = None
        try:
            async with asyncio.timeout(self.timeout_s):
                for tried in range(self.retries + 1):
                    try:
                        return await send()
                    except HttpFault as fault:
                        last = fault
                        if fault.trouble not in AGAIN or tried == self.retries:
                            raise
                    if (last.wait_s or 0.0) > self.timeout_s:
                        longer = f"longer than {self.timeout_s:g} s ({self.key})"
                        raise Late(f"{last}; it asks to be left alone for {longer}")
                    await asyncio.sleep(self.pause(tried, last.wait_s))
        except TimeoutError as error:
            before = str(last).removeprefix(f"{self.address}: ")
            told = f"; before that {before}" if last else ""
            message = f"{self.address}: no answer within {self.timeout_s:g} s ({self.key}){told}"
            raise Late(message) from error
        raise AssertionError("the last try returns or raises")

    def told(self, fault: HttpFault) -> str:
        """A fault, and after how many retries it was given up where it might have passed."""
        tried = f" (after {self.retries} retries)" if fault.trouble in AGAIN else ""
        return f"{fault}{tried}"

    def pause(self, tried: int, asked_s: float | None) -> float:
        """Seconds before the next try: what was asked for, else from half of it to the whole."""
        whole: float = min(LONGEST_S, FIRST_S * 2.0**tried)
        own = whole * self.jitter.uniform(0.5, 1.0)
        return own if asked_s is None else asked_s + own / 10
