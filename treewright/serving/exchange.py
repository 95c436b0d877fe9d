"""One chat request and its response, whole or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack, aclosing, suppress
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from search.core import Spent
from treewright.serving.answer import Answer
from treewright.serving.chat import read_chat
from treewright.serving.completion import DONE, chunks, comment, completion, event
from treewright.serving.desk import Asked, Desk
from treewright.serving.faults import ApiFault
from treewright.serving.told import unforeseen

BEAT_S = 1.0
"""The longest silence of a stream."""
GONE = 499
"""What the figures call a client that did not wait; nobody hears it."""
CLOSE = {"connection": "close"}


class Exchange:
    """One request. It began when this is made: its head is there, its body not yet."""

    def __init__(self, desk: Desk, request: Request) -> None:
        self.desk, self.request = desk, request
        self.spent = 0
        self.began = asyncio.get_running_loop().time()

    async def response(self) -> Response:
        """The answer. Raises `ApiFault`."""
        try:
            asked = self.desk.read(read_chat(await self._body()))
            with ExitStack() as held:
                held.enter_context(self.desk.queue.place())
                if asked.chat.stream:
                    return Stream(self._events(asked), held.pop_all())
                answer = await self._unless_gone(asked)
        except ApiFault as fault:
            self._count(fault.status)
            raise
        except Exception as error:
            self._count(500)
            raise unforeseen(error) from error
        self._count(200)
        return JSONResponse(completion(asked.chat, answer))

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

    async def _unless_gone(self, asked: Asked) -> Answer:
        """The answer; a client that goes takes its search with it."""
        searching = asyncio.ensure_future(self.desk.answer(asked, self.began))
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

    async def _events(self, asked: Asked) -> AsyncIterator[str]:
        """Progress as comments, then the solution, or what went wrong."""
        status = GONE
        searching = asyncio.ensure_future(self.desk.answer(asked, self.began, self._heard))
        try:
            yield comment("searching")
            while not (await asyncio.wait((searching,), timeout=BEAT_S))[0]:
                yield comment(self._progress())
            answer = searching.result()
            status = 200
            for each in chunks(asked.chat, answer):
                yield each
        except Exception as error:  # noqa: BLE001 - the status is sent already
            fault = error if isinstance(error, ApiFault) else unforeseen(error)
            status = fault.status
            yield event(fault.body)
            yield DONE
        finally:
            self._count(status)
            await _end(searching)

    def _heard(self, spent: Spent) -> None:
        self.spent += spent.computed

    def _progress(self) -> str:
        waiting = self.desk.queue.waiting
        seconds = asyncio.get_running_loop().time() - self.began
        return f"{seconds:.0f} s, {self.spent} tokens computed, {waiting} waiting"

    def _count(self, status: int) -> None:
        self.desk.metrics.requests.labels(str(status)).inc()


class Stream(StreamingResponse):
    """A stream that gives back what it holds, its place in the queue, however it ends."""

    def __init__(self, events: AsyncIterator[str], held: AbstractContextManager[Any]) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._events, self._held = events, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._held:
            async with aclosing(self._events):  # type: ignore[type-var]  # it is a generator
                await super().__call__(scope, receive, send)


async def _end(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task
