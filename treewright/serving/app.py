"""The HTTP side: four addresses, and an OpenAI error object for whatever cannot be answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from search.core import Spent
from treewright.hiding import hide
from treewright.serving.catalogue import OWNER
from treewright.serving.chat import Chat, read_chat
from treewright.serving.completion import DONE, chunks, comment, completion, event
from treewright.serving.desk import Desk
from treewright.serving.faults import ApiFault, draining
from treewright.serving.keys import Keys
from treewright.serving.metrics import CONTENT_TYPE
from treewright.serving.searching import Answer

BEAT_S = 1.0
"""The longest silence of a stream."""
NAMES = ("localhost", "127.0.0.1", "[::1]")
GONE = 499
"""What the figures call a client that did not wait; nobody hears it."""

Next = Callable[[Request], Awaitable[Response]]


def app_of(desk: Desk, keys: Keys) -> FastAPI:
    """The application over a desk."""
    app = FastAPI(openapi_url=None)
    _guard(app, desk, keys)
    _tell_faults(app)
    _answer(app, desk)
    return app


def _guard(app: FastAPI, desk: Desk, keys: Keys) -> None:
    """Let in who may ask."""

    @app.middleware("http")
    async def guard(request: Request, answer: Next) -> Response:
        try:
            _addressed(request, desk)
            if request.url.path != "/health":
                keys.check(request.headers.get("authorization"))
            return await answer(request)
        except ApiFault as fault:
            return told(fault)


def _tell_faults(app: FastAPI) -> None:
    """Whatever goes wrong is an error object."""

    @app.exception_handler(ApiFault)
    async def fault(request: Request, error: ApiFault) -> Response:
        return told(error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = "method_not_allowed" if error.status_code == 405 else "not_found"
        what = f"{request.method} {request.url.path[:80]}: {error.detail}"
        return told(ApiFault(error.status_code, code, what, headers=error.headers or {}))

    @app.exception_handler(Exception)
    async def internal(request: Request, error: Exception) -> Response:
        return told(unforeseen(error))


def _answer(app: FastAPI, desk: Desk) -> None:
    """The four addresses."""
    started = int(time.time())

    @app.get("/health")
    async def health() -> Response:
        if desk.queue.draining:
            return told(draining())
        if why := desk.engines.fault:
            return told(ApiFault(503, "engines_unavailable", why))
        return JSONResponse({"status": "ok"})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(desk.metrics.text(), headers={"content-type": CONTENT_TYPE})

    @app.get("/v1/models")
    async def models() -> Response:
        listed = [model(name, started) for name in desk.catalogue.names()]
        return JSONResponse({"object": "list", "data": listed})

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        return await Exchange(desk, request).response()


class Exchange:
    """One chat request and its response."""

    def __init__(self, desk: Desk, request: Request) -> None:
        self.desk, self.request = desk, request
        self.spent = 0
        self.began = time.monotonic()

    async def response(self) -> Response:
        """The answer, whole or as a stream. Raises `ApiFault`."""
        try:
            chat = read_chat(await self._body())
            self.desk.catalogue.plan(chat)
            self.desk.seconds(chat)
            if chat.stream:
                place = self.desk.queue.place()
                place.__enter__()
                return Stream(self._stream(chat), lambda: place.__exit__(None, None, None))
            with self.desk.queue.place():
                answer = await self._unless_gone(chat)
        except ApiFault as fault:
            self._count(fault.status)
            raise
        except Exception as error:
            self._count(500)
            raise unforeseen(error) from error
        self._count(200)
        return JSONResponse(completion(chat, answer))

    async def _body(self) -> bytes:
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            problem = f"content-type {kind[:60]!r} is not application/json"
            raise ApiFault(415, "unsupported_media_type", problem)
        settings = self.desk.settings
        most, body = settings.body_kib * 1024, bytearray()
        try:
            async with asyncio.timeout(settings.body_s):
                async for part in self.request.stream():
                    body += part
                    if len(body) > most:
                        problem = f"the body is longer than {settings.body_kib} KiB"
                        raise ApiFault(413, "request_too_large", problem, headers=CLOSE)
        except TimeoutError:
            problem = f"the body did not come within {settings.body_s:g} s"
            raise ApiFault(408, "request_timeout", problem, headers=CLOSE) from None
        return bytes(body)

    async def _unless_gone(self, chat: Chat) -> Answer:
        """The answer; a client that goes takes its search with it."""
        searching = asyncio.ensure_future(self.desk.answer(chat))
        leaving = asyncio.ensure_future(self._left())
        try:
            await asyncio.wait((searching, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not searching.done():
                raise ApiFault(GONE, "client_gone", "the client did not wait")
            return searching.result()
        finally:
            await _end(leaving)
            await _end(searching)

    async def _left(self) -> None:
        while (await self.request.receive())["type"] != "http.disconnect":
            pass

    async def _stream(self, chat: Chat) -> AsyncIterator[str]:
        """Progress as comments, then the solution."""
        status = GONE
        searching = asyncio.ensure_future(self.desk.answer(chat, self._heard))
        try:
            yield comment("searching")
            while not (await asyncio.wait((searching,), timeout=BEAT_S))[0]:
                yield comment(self._progress())
            answer = searching.result()
            status = 200
            for each in chunks(chat, answer):
                yield each
        except ApiFault as fault:
            status = fault.status
            yield event(fault.body)
            yield DONE
        except Exception as error:  # noqa: BLE001 - the status is sent already
            status = 500
            yield event(unforeseen(error).body)
            yield DONE
        finally:
            self._count(status)
            await _end(searching)

    def _heard(self, spent: Spent) -> None:
        self.spent += spent.prompt - spent.cached + spent.generated

    def _progress(self) -> str:
        waiting = self.desk.queue.waiting
        seconds = time.monotonic() - self.began
        return f"{seconds:.0f} s, {self.spent} tokens computed, {waiting} waiting"

    def _count(self, status: int) -> None:
        self.desk.metrics.requests.labels(str(status)).inc()


CLOSE = {"connection": "close"}


class Stream(StreamingResponse):
    """A stream that gives its place in the queue back however it ends."""

    def __init__(self, content: AsyncIterator[str], leave: Callable[[], object]) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(content, media_type="text/event-stream", headers=headers)
        self._events, self._leave = content, leave

    async def __call__(self, *asgi: object) -> None:
        """Send it."""
        try:
            await super().__call__(*asgi)  # type: ignore[arg-type]  # as the server passes them
        finally:
            close = getattr(self._events, "aclose", None)
            try:
                if close is not None:
                    await asyncio.shield(close())
            finally:
                self._leave()


def model(name: str, created: int) -> dict[str, object]:
    """One entry of the list."""
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}


def told(fault: ApiFault) -> Response:
    """The response that tells a fault."""
    return JSONResponse(fault.body, fault.status, headers=dict(fault.headers))


def unforeseen(error: Exception) -> ApiFault:
    """What nobody foresaw."""
    return ApiFault(500, "internal_error", hide(f"{type(error).__name__}: {error}"))


def _addressed(request: Request, desk: Desk) -> None:
    """Without keys no page elsewhere may ask, under another name of this machine."""
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if desk.settings.api_keys is None and name not in NAMES:
        raise ApiFault(421, "misdirected_request", f"host {host[:80]!r}: ask for 127.0.0.1")


async def _end(
    task: asyncio.Future[object] | asyncio.Future[Answer] | asyncio.Future[None],
) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task
