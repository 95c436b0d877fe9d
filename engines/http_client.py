"""JSON over HTTP to one server, and what may go wrong with it. The one module that imports httpx.

Whatever a server says is data of a stranger: it is shortened, on one line, and without the key.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, TypeAlias

import httpx

from engines.address import is_loopback

Json: TypeAlias = Mapping[str, Any]
Transport: TypeAlias = httpx.AsyncBaseTransport
"""What carries requests; a test gives one of its own."""

CONNECT_S = 10.0
"""How long a connection may take; all the rest has one deadline, the request's."""
SHOWN = 300
"""Characters of a server's own words that are shown."""
LARGEST = 256 * 2**20
"""Bytes of the longest answer that is read."""
GONE = 404
"""The model, or the path, is not there any more: no fault of the request."""
TOO_LARGE = 413
"""A smaller request may be served."""
REDACTED = "<redacted>"


class Trouble(StrEnum):
    """Why there is no answer."""

    UNREACHABLE = "unreachable"
    """No connection, or one that broke: the server may be dead."""
    BUSY = "busy"
    """It cannot now: 429, 5xx."""
    GARBLED = "garbled"
    """It answered what is no answer: half of one, HTML, JSON of another shape."""
    REFUSED = "refused"
    """It does not serve this request, now or ever: 400, 404, 413, 422."""
    UNAUTHORISED = "unauthorised"
    """The key is wrong, or it may not do this: 401, 403."""


class HttpFault(Exception):
    """A request without an answer. One line: the address, what, and the server's own words."""

    def __init__(
        self, trouble: Trouble, message: str, *, status: int = 0, wait_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.status = status
        """What the server answered with; 0 where it did not."""
        self.wait_s = wait_s
        """How long it asks to be left alone, in seconds; None where it says nothing."""


class HttpClient:
    """Speaks to one server. Cancelling the awaiting task closes the connection.

    `transport` is for tests.
    """

    def __init__(self, url: str, key: str | None, transport: Transport | None = None) -> None:
        self.url = url
        self._key = key
        self._client = httpx.AsyncClient(
            headers={"authorization": f"Bearer {key}"} if key else None,
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            transport=transport,
            follow_redirects=False,
            trust_env=True,
            # A proxy leads out of this machine: a server on it is not there.
            mounts={f"all://{httpx.URL(url).netloc.decode()}": None} if is_loopback(url) else None,
        )

    async def get(self, path: str) -> Json:
        """The JSON object at a path. Raises `HttpFault`."""
        return await self._ask(self._client.build_request("GET", self.url + path))

    async def post(self, path: str, body: Json) -> Json:
        """The JSON object that answers another. Raises `HttpFault`."""
        return await self._ask(self._posting(path, body))

    async def status(self, path: str, timeout_s: float) -> int:
        """How a path is answered. Raises `HttpFault`."""
        try:
            return (await self._client.get(self.url + path, timeout=timeout_s)).status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self._unreachable(error) from error

    async def stream(self, path: str, body: Json) -> AsyncIterator[str]:
        """What comes after `data:` in each server-sent event. Raises `HttpFault`."""
        request = self._posting(path, body)
        try:
            response = await self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self._unreachable(error) from error
        try:
            if response.status_code != 200:
                self._check(response, self._text(await response.aread()))
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    yield self._text(line.removeprefix("data:").strip().encode())
        except (httpx.HTTPError, OSError) as error:
            raise self._broken(error) from error
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._client.aclose()

    def hidden(self, text: str) -> str:
        """A text without the key."""
        return text.replace(self._key, REDACTED) if self._key else text

    def garbled(self, what: str) -> HttpFault:
        """That an answer is none."""
        return HttpFault(Trouble.GARBLED, f"{self.url}: {what}")

    def _posting(self, path: str, body: Json) -> httpx.Request:
        """A lone surrogate, which no UTF-8 can hold, is sent as `?`."""
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        content, kind = text.encode("utf-8", "replace"), {"content-type": "application/json"}
        return self._client.build_request("POST", self.url + path, content=content, headers=kind)

    async def _ask(self, request: httpx.Request) -> Json:
        try:
            response = await self._client.send(request, stream=True)
        except (httpx.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        try:
            text = self._text(await self._read(response))
        except (httpx.HTTPError, OSError) as error:
            raise self._broken(error) from error
        finally:
            await response.aclose()
        self._check(response, text)
        return self._object(response, text)

    async def _read(self, response: httpx.Response) -> bytes:
        read = bytearray()
        async for part in response.aiter_bytes():
            read += part
            if len(read) > LARGEST:
                raise self.garbled(f"its answer has more than {LARGEST >> 20} MiB")
        return bytes(read)

    def _text(self, data: bytes) -> str:
        return self.hidden(data.decode("utf-8", "replace"))

    def _check(self, response: httpx.Response, text: str) -> None:
        status = response.status_code
        if status == 200:
            return
        said = words(text)
        told = f"{self.url}: {status} {response.reason_phrase}".rstrip() + (
            f": {said}" if said else ""
        )
        raise HttpFault(trouble_of(status), told, status=status, wait_s=wait(response.headers))

    def _object(self, response: httpx.Response, text: str) -> Json:
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "text/html" or is_html(text):
            raise self.garbled("it answers HTML, not JSON: is this the address of the API?")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self.garbled(f"its answer is no JSON object: {shortened(text)!r}")
        return found

    def _unreachable(self, error: Exception) -> HttpFault:
        said = shortened(self.hidden(str(error))) or type(error).__name__
        return HttpFault(Trouble.UNREACHABLE, f"{self.url}: cannot be reached: {said}")

    def _broken(self, error: Exception) -> HttpFault:
        said = shortened(self.hidden(str(error))) or type(error).__name__
        return HttpFault(Trouble.UNREACHABLE, f"{self.url}: the answer broke off: {said}")


def trouble_of(status: int) -> Trouble:
    """What a status that is not 200 says."""
    if status in (401, 403):
        return Trouble.UNAUTHORISED
    if status in (408, 409, 425, 429) or status >= 500:
        return Trouble.BUSY
    return Trouble.REFUSED if status >= 400 else Trouble.GARBLED


def words(text: str) -> str:
    """What an error says, of the shapes that servers have: OpenAI's, FastAPI's, or a plain text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "" if is_html(text) else shortened(text)
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return shortened(found if isinstance(found, str) else json.dumps(found))


def is_html(text: str) -> bool:
    """Whether a text begins with a tag; a hidden key looks like one."""
    start = text.lstrip()
    return start[:1] == "<" and not start.startswith(REDACTED)


def shortened(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text[: 4 * SHOWN].split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def wait(headers: Mapping[str, str]) -> float | None:
    """The seconds of a `retry-after`, or up to its date; None without one."""
    said = headers.get("retry-after", "").strip()
    if said.replace(".", "", 1).isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except (ValueError, TypeError):
        return None
    zoned = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (zoned - datetime.now(UTC)).total_seconds())
