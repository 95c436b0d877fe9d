"""Two engines, each in a process of its own, that are sent requests: no Ray, no pool, no search."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from time import perf_counter
from typing import TypeAlias

from benchmarks.speed.recording import Noted
from engines.config import EngineConfig
from engines.engine import Engine, Generation, Request

SIDES = ("policy", "scorer")
Model: TypeAlias = tuple[EngineConfig, str]
"""How a model is served, and its folder."""
LONGEST_START_S = 300


@dataclass(frozen=True)
class Sent:
    """A request, which of both engines it is for, and the number of the one that it waits for."""

    side: str
    request: Request
    after: int | None


@dataclass(frozen=True)
class Replayed:
    """Seconds from the first request to the last answer, and the tokens of each answer."""

    seconds: float
    generated: Mapping[int, int]


def graph(noted: Mapping[str, Sequence[Noted]]) -> list[Sent]:
    """What was noted of both engines, each request after the one whose answer it goes on from.

    That is an earlier one of the same call whose prompt it begins with, else the last of the draw
    that made its path.
    """
    sent: list[Sent] = []
    of: dict[str, list[int]] = {}
    for side in SIDES:
        for each in noted[side]:
            same, drawn = of.get(each.call, []), of.get(each.after or "", [])
            begun = [n for n in same if begins(sent[n].request.prompt, each.request.prompt)]
            before = begun or drawn
            after = before[-1] if before else None
            of.setdefault(each.call, []).append(len(sent))
            sent.append(Sent(side, each.request, after))
    return sent


def begins(prompt: tuple[int, ...], longer: tuple[int, ...]) -> bool:
    """Whether a prompt is the beginning of a longer one."""
    return len(prompt) < len(longer) and longer[: len(prompt)] == prompt


@contextmanager
def engines(models: Mapping[str, Model], sent: Sequence[Sent]) -> Iterator[Engines]:
    """New engines that have the requests, and wait for the word."""
    with ExitStack() as stack:
        ends = {side: stack.enter_context(_process(model)) for side, model in models.items()}
        for side, end in ends.items():
            if not end.poll(LONGEST_START_S):
                raise RuntimeError(f"the {side} engine did not start in {LONGEST_START_S} s")
            end.recv()
            own = {n: each.request for n, each in enumerate(sent) if each.side == side}
            end.send(own)
        yield Engines(ends, sent)


class Engines:
    """Both, and what they may be asked."""

    def __init__(self, ends: Mapping[str, Connection], sent: Sequence[Sent]) -> None:
        self._ends = ends
        self._sent = sent

    def pipelined(self) -> Replayed:
        """Each request is sent the moment that its predecessor ended, to whichever engine."""
        began = perf_counter()
        return Replayed(*self._all(range(len(self._sent)), began))

    def two_batches(self) -> Replayed:
        """First all of the policy; when they have ended, all of the scorer."""
        began, generated = perf_counter(), dict[int, int]()
        for side in SIDES:
            own = [number for number, each in enumerate(self._sent) if each.side == side]
            seconds, made = self._all(own, began)
            generated |= made
        return Replayed(seconds, generated)

    def _all(self, numbers: Sequence[int], began: float) -> tuple[float, dict[int, int]]:
        """Ask these, in their order; none waits for one that is not among them."""
        asked, generated = set(numbers), dict[int, int]()
        following: dict[int | None, list[int]] = {}
        for number in numbers:
            after = self._sent[number].after
            following.setdefault(after if after in asked else None, []).append(number)
        self._send(following.get(None, []))
        while len(generated) < len(numbers):
            ended = [number for end in wait(list(self._ends.values())) for number in _read(end)]
            generated |= dict(ended)
            self._send([n for number, _ in ended for n in following.get(number, [])])
        return perf_counter() - began, generated

    def _send(self, numbers: Sequence[int]) -> None:
        for side, end in self._ends.items():
            if own := [number for number in numbers if self._sent[number].side == side]:
                end.send(own)


def _read(end: object) -> list[tuple[int, int]]:
    """All that an engine has answered by now."""
    assert isinstance(end, Connection)
    read = [end.recv()]
    while end.poll():
        read.append(end.recv())
    return read


@contextmanager
def _process(model: Model) -> Iterator[Connection]:
    """An engine in a process; it ends with the block."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, *model), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(end: Connection, config: EngineConfig, model: str) -> None:
    asyncio.run(_served(end, config, model))


async def _served(end: Connection, config: EngineConfig, model: str) -> None:
    """Answer requests by their numbers until the other end is closed."""
    _, engine = await config.open(model)
    end.send(None)
    requests: dict[int, Request] = await asyncio.to_thread(end.recv)
    loop, asked = asyncio.get_running_loop(), asyncio.Queue[list[int] | None]()

    def listen() -> None:
        try:
            while True:
                loop.call_soon_threadsafe(asked.put_nowait, end.recv())
        except (EOFError, OSError):
            loop.call_soon_threadsafe(asked.put_nowait, None)

    threading.Thread(target=listen, daemon=True).start()
    tasks = set()
    while (numbers := await asked.get()) is not None:
        for number in numbers:
            tasks.add(asyncio.create_task(_answer(end, engine, number, requests[number])))
    await asyncio.gather(*tasks)
    await engine.close()


async def _answer(end: Connection, engine: Engine, number: int, request: Request) -> None:
    (made,) = await engine.generate([request])
    end.send((number, len(made.token_ids) if isinstance(made, Generation) else 0))
