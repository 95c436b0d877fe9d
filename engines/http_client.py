"""JSON over HTTP to one server, and what may go wrong with it. The one module that imports httpx.

Whatever a server says is data of a stranger: it is shortened, on one line, and without the key.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, TypeAlias

import httpx

from engines.address import UnfitServer, is_loopback
from engines.http_fault import HttpFault, Trouble, trouble_of
from engines.http_words import Hiding, elsewhere, is_html, shortened, wait, words

Json: TypeAlias = Mapping[str, Any]
Transport: TypeAlias = httpx.AsyncBaseTransport
"""What carries requests; a test gives one of its own."""

CONNECT_S = 10.0
"""How long a connection may take; all the rest has one deadline, the request's."""
LARGEST = 256 * 2**20
"""Bytes of the longest answer that is read."""
DONE = "[DONE]"
"""What a stream says when all is said."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Environment variables that say how to get to a server, and whom to trust."""


class HttpClient:
    """Speaks to one server. Cancelling the awaiting task closes the connection.

    `transport` is for tests.
    """

    def __init__(self, url: str, key: str | None, transport: Transport | None = None) -> None:
        """Raises `UnfitServer` where no address is, or settings by which none is reached."""
        self.url = url
        self._hiding = Hiding(key)
        mounts = unproxied(url)
        try:
            self._client = httpx.AsyncClient(
                headers={"authorization": f"Bearer {key}"} if key else None,
                timeout=httpx.Timeout(None, connect=CONNECT_S),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
                transport=transport,
                follow_redirects=False,
                trust_env=True,
                mounts=mounts,
            )
        except OSError as error:
            raise unfit(url, "certificates", CERTIFICATES) from error
        except (httpx.InvalidURL, ValueError, ImportError) as error:
            raise unfit(url, "proxies", PROXIES) from error

    async def get(self, path: str) -> Json:
        """The JSON object at a path. Raises `HttpFault`."""
        return await self._ask(self._client.build_request("GET", self.url + path))

    async def post(self, path: str, body: Json) -> Json:
        """The JSON object that answers another. Raises `HttpFault`."""
        return await self._ask(self._posting(path, body))

    async def status(self, path: str, timeout_s: float) -> int:
        """How a path is answered; what is answered is not read. Raises `HttpFault`."""
        try:
            async with asyncio.timeout(timeout_s):
                request = self._client.build_request("GET", self.url + path)
                response = await self._client.send(request, stream=True)
                await response.aclose()
        except (httpx.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        return response.status_code

    async def stream(self, path: str, body: Json) -> AsyncGenerator[Any, None]:
        """What each server-sent event says, as JSON, up to `[DONE]`. Raises `HttpFault`."""
        response = await self._send(self._posting(path, body))
        try:
            if response.status_code != 200:
                self._check(response, self._words(await self._read(response)))
            if "json" in (kind := response.headers.get("content-type", "")) or "html" in kind:
                raise self.garbled(f"it answers {shortened(kind)}, and no stream (engine.stream)")
            async for line in self._lines(response):
                if not line.startswith(b"data:"):
                    continue
                said = self._exactly(line.removeprefix(b"data:").strip())
                if said == DONE:
                    break
                if (event := self._hiding.read(said)) is None:
                    raise self.garbled("an event of its stream is no JSON")
                yield event
        except (httpx.HTTPError, OSError) as error:
            raise self._broken(error) from error
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._client.aclose()

    def hidden(self, text: str) -> str:
        """A text without the key."""
        return self._hiding.text(text)

    def garbled(self, what: str) -> HttpFault:
        """That an answer is none."""
        return HttpFault(Trouble.GARBLED, self._told(what))

    def _told(self, what: str) -> str:
        return f"{self.url}: {self.hidden(what)}"

    def _posting(self, path: str, body: Json) -> httpx.Request:
        """A lone surrogate, which no UTF-8 can hold, is sent as `?`."""
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        content, kind = text.encode("utf-8", "replace"), {"content-type": "application/json"}
        return self._client.build_request("POST", self.url + path, content=content, headers=kind)

    async def _ask(self, request: httpx.Request) -> Json:
        response = await self._send(request)
        try:
            data = await self._read(response)
        except (httpx.HTTPError, OSError) as error:
            raise self._broken(error) from error
        finally:
            await response.aclose()
        self._check(response, self._words(data))
        return self._object(response, data)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request, stream=True)
        except (httpx.HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    async def _parts(self, response: httpx.Response) -> AsyncIterator[bytes]:
        read = 0
        async for part in response.aiter_bytes():
            read += len(part)
            if read > LARGEST:
                raise self.garbled(f"its answer has more than {LARGEST >> 20} MiB")
            yield part

    async def _read(self, response: httpx.Response) -> bytes:
        return b"".join([part async for part in self._parts(response)])

    async def _lines(self, response: httpx.Response) -> AsyncIterator[bytes]:
        held = bytearray()
        async for part in self._parts(response):
            held += part
            if b"\n" in part:
                *lines, held = held.split(b"\n")
                for line in lines:
                    yield bytes(line)
        yield bytes(held)

    def _words(self, data: bytes) -> str:
        """What is shown of an answer that is none."""
        return self.hidden(data.decode("utf-8-sig", "replace"))

    def _exactly(self, data: bytes) -> str:
        """What an answer says, nothing of it replaced. Raises `HttpFault`."""
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise self.garbled("its answer is not UTF-8") from None

    def _check(self, response: httpx.Response, text: str) -> None:
        status = response.status_code
        if status == 200:
            return
        said = words(text, self._hiding)
        if 300 <= status < 400:
            said = f"it leads to {elsewhere(response.headers) or 'nowhere'}: give that address"
        told = f"{status} {shortened(response.reason_phrase)}".rstrip()
        told = self._told(f"{told}: {said}" if said else told)
        raise HttpFault(trouble_of(status), told, status=status, wait_s=wait(response.headers))

    def _object(self, response: httpx.Response, data: bytes) -> Json:
        text, kind = self._exactly(data), response.headers.get("content-type", "")
        if kind.partition(";")[0].strip() == "text/html" or is_html(text):
            raise self.garbled("it answers HTML, not JSON: is this the address of the API?")
        found = self._hiding.read(text)
        if not isinstance(found, dict):
            shown = shortened(self.hidden(text))
            raise self.garbled(f"its answer is no JSON object: {shown!r}")
        return found

    def _unreachable(self, error: Exception) -> HttpFault:
        said = shortened(self.hidden(str(error))) or type(error).__name__
        return HttpFault(Trouble.UNREACHABLE, self._told(f"cannot be reached: {said}"))

    def _broken(self, error: Exception) -> HttpFault:
        said = shortened(self.hidden(str(error))) or type(error).__name__
        return HttpFault(Trouble.UNREACHABLE, self._told(f"the answer broke off: {said}"))


def unproxied(url: str) -> dict[str, None] | None:
    """A proxy leads out of this machine: a server on it is not there. Raises `UnfitServer`."""
    try:
        found = httpx.URL(url)
        place = f"all://{found.netloc.decode()}" if found.host else ""
    except (httpx.InvalidURL, ValueError) as error:
        raise UnfitServer(f"{shortened(url)}: it is no address") from error
    return {place: None} if is_loopback(url) else None


def unfit(url: str, what: str, names: Sequence[str]) -> UnfitServer:
    """That the environment's settings are wrong; not which, for a proxy's may hold a password."""
    named = [each for each in names if os.environ.get(each) or os.environ.get(each.lower())]
    hint = f"see {', '.join(named) or 'them'}"
    if what == "proxies":
        hint += (
            ": http://proxy:3128 say, without brackets; one that begins with socks needs socksio"
        )
    return UnfitServer(f"{url}: the {what} of the environment cannot be used", hint)
