"""Sends batches to a server: several calls in one request, with a deadline, retries and a limit.

Every fault of the wire ends as one `Unanswered`, whose line says what happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from scorers.http_protocol import quoted

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may be answered."""
TOO_LARGE = 413
LARGEST_ANSWER = 64 * 2**20
"""Bytes; no longer answer is read."""
LONGEST_PAUSE = 60.0
"""Seconds that a server may bid wait between two attempts."""
HINTS = {
    401: "set scorer.api_key",
    403: "see scorer.api_key",
    404: "is scorer.url whole, its path included?",
    405: "is scorer.url whole, its path included?",
}


class Unanswered(Exception):
    """No answer of use.

    `again`: whether the same request may be answered another time, after `pause` seconds at least.
    `too_large`: whether a smaller one may be.
    """

    def __init__(
        self, message: str, *, again: bool = False, pause: float = 0.0, too_large: bool = False
    ) -> None:
        super().__init__(message)
        self.again, self.pause, self.too_large = again, pause, too_large


@dataclass(frozen=True)
class Limits:
    """How a server is asked: seconds for one attempt, further attempts, the pause before them."""

    timeout_s: float
    retries: int
    backoff_s: float


class Client:
    """One server, of one event loop."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        limits: Limits,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        local = httpx.URL(url).host in ("127.0.0.1", "::1", "localhost")
        self._url = url
        self._limits = limits
        # A proxy of the environment leads out of this machine: a server on it is not there.
        self._http = httpx.AsyncClient(
            headers=headers, transport=transport, trust_env=not local, timeout=None
        )

    async def post(self, content: bytes) -> bytes:
        """The body of a good answer. Raises `Unanswered`."""
        limits = self._limits
        for attempt in range(limits.retries + 1):
            try:
                return await self._attempt(content)
            except Unanswered as error:
                if not error.again or attempt == limits.retries:
                    raise self._told(error, attempt + 1) from error
                await asyncio.sleep(max(error.pause, limits.backoff_s * 2**attempt))
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Give its connections back."""
        await self._http.aclose()

    def _told(self, error: Unanswered, attempts: int) -> Unanswered:
        tried = f" ({attempts} attempts)" if attempts > 1 else ""
        return Unanswered(f"{self._url}: {error}{tried}", too_large=error.too_large)

    async def _attempt(self, content: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return await self._exchange(content)
        except TimeoutError as error:
            message = f"no answer within {self._limits.timeout_s:g} s: see scorer.timeout_s"
            raise Unanswered(message, again=True) from error
        except httpx.HTTPError as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise Unanswered(f"it cannot be reached: {said}", again=True) from error

    async def _exchange(self, content: bytes) -> bytes:
        headers = {"content-type": "application/json"}
        async with self._http.stream(
            "POST", self._url, content=content, headers=headers
        ) as response:
            answer = bytearray()
            async for part in response.aiter_bytes():
                answer += part
                if len(answer) > LARGEST_ANSWER:
                    raise Unanswered(f"its answer is longer than {LARGEST_ANSWER >> 20} MiB")
        if response.status_code == httpx.codes.OK:
            return bytes(answer)
        raise refused(response, bytes(answer))


def refused(response: httpx.Response, answer: bytes) -> Unanswered:
    """What a status says that is not 200."""
    status = response.status_code
    hint = HINTS.get(status, quoted(answer))
    message = f"status {status} {response.reason_phrase}: {hint}"
    return Unanswered(
        message,
        again=status in TRANSIENT,
        pause=pause_of(response.headers.get("retry-after", "")),
        too_large=status == TOO_LARGE,
    )


def pause_of(said: str) -> float:
    """Seconds that a server bids wait; a date, or nonsense, is none."""
    try:
        seconds = float(said)
    except ValueError:
        return 0.0
    return min(seconds, LONGEST_PAUSE) if seconds > 0 else 0.0
