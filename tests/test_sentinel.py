"""What no longer answers is told in seconds, and what must end then ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from pool_stage import run
from treewright.cluster import sentinel as module
from treewright.cluster.sentinel import Address, Answer, NodeGone, Sentinel


class Server:
    """Listens on loopback until it is closed; it can be opened again."""

    def __init__(self) -> None:
        self.server: asyncio.Server | None = None
        self.address: Address = ("127.0.0.1", 0)

    async def open(self) -> None:
        self.server = await asyncio.start_server(lambda _, writer: writer.close(), *self.address)
        self.address = self.server.sockets[0].getsockname()

    async def close(self) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()


@asynccontextmanager
async def listening() -> AsyncIterator[Server]:
    server = Server()
    await server.open()
    yield server
    await server.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.02)


async def until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.01)


def test_a_head_that_is_gone_is_told_and_the_session_ends() -> None:
    told: list[str] = []
    ended: list[str] = []

    async def work() -> None:
        async with listening() as head:
            sentinel = Sentinel({"the head": head.address}, dict, told.append, patience_s=0.2)
            async with sentinel.watching(ended.append):
                await sentinel.there()
                await head.close()
                await until(lambda: sentinel.lost)
                assert len(told) == 1
                assert told[0].startswith("the head does not answer: replicas that are up go on")
                assert not ended
                await until(lambda: ended)

    run(work())
    assert len(told) == len(ended) == 1
    assert ended[0] == "the head did not answer for 0.2 s"
    assert "unless it is back within 0.16 s this session ends" in told[0]


def test_a_head_that_comes_back_is_told_and_nothing_ends() -> None:
    told: list[str] = []
    ended: list[str] = []

    async def work() -> None:
        async with listening() as head:
            sentinel = Sentinel({"the head": head.address}, dict, told.append)
            async with sentinel.watching(ended.append):
                await head.close()
                await until(lambda: sentinel.lost)
                await head.open()
                await sentinel.there()
                await until(lambda: len(told) == 2)

    run(work())
    assert told[1] == "the head answers again"
    assert not ended


def test_what_runs_on_a_node_that_is_gone_is_not_waited_for() -> None:
    async def work() -> None:
        async with listening() as node:
            sentinel = Sentinel({}, lambda: {"n1": node.address}, lambda line: None)
            await sentinel.watch("n1")
            async with sentinel.watching(lambda cause: None):
                assert await sentinel.unless_gone("n1", asyncio.sleep(0.1, "answer")) == "answer"
                assert not await sentinel.is_gone("n1")
                waiting = asyncio.ensure_future(sentinel.unless_gone("n1", asyncio.sleep(60)))
                await node.close()
                with pytest.raises(NodeGone, match="its node died: nothing listens at 127"):
                    await waiting
                assert await sentinel.is_gone("n1")

    run(work())


def test_a_node_that_cannot_be_seen_from_here_is_not_taken_for_dead() -> None:
    async def work() -> None:
        async with listening() as node:
            await node.close()
            sentinel = Sentinel({}, lambda: {"n1": node.address}, lambda line: None)
            await sentinel.watch("n1")
            async with sentinel.watching(lambda cause: None):
                assert await sentinel.unless_gone("n1", asyncio.sleep(0.2, "answer")) == "answer"
                assert not await sentinel.is_gone("n1")
            await node.open()

    run(work())


def test_a_head_that_just_went_is_waited_for_before_it_is_known_to_be_lost() -> None:
    async def work() -> None:
        async with listening() as head:
            sentinel = Sentinel({"the head": head.address}, dict, lambda line: None)
            assert await sentinel.answers()
            await head.close()
            assert not sentinel.lost  # nobody has watched
            assert not await sentinel.answers()
            waiting = asyncio.ensure_future(sentinel.there())
            await asyncio.sleep(0.1)
            assert not waiting.done()
            await head.open()
            await waiting

    run(work())


def test_what_is_silent_once_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process was held up while it asked, say."""
    said = iter([Answer.SILENT, Answer.YES, Answer.SILENT, Answer.SILENT, Answer.REFUSED])

    async def ask(address: Address) -> Answer:
        return next(said)

    monkeypatch.setattr(module, "ask", ask)

    async def work() -> None:
        sentinel = Sentinel({"the head": ("127.0.0.1", 1)}, dict, lambda line: None)
        assert await sentinel.answers()
        assert not await sentinel.answers()
        assert not sentinel.lost
        await sentinel.look()
        assert sentinel.lost

    run(work())


def test_a_silent_head_is_told_as_soon_as_one_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that waits for its answer is no longer a pause before the next."""
    monkeypatch.setattr(module, "EVERY_S", 0.2)
    told: list[str] = []

    async def ask(address: Address) -> Answer:
        await asyncio.sleep(0.2)
        return Answer.SILENT

    monkeypatch.setattr(module, "ask", ask)

    async def work() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        sentinel = Sentinel({"the head": ("127.0.0.1", 1)}, dict, told.append)
        async with sentinel.watching(told.append):
            await until(lambda: told)
        assert loop.time() - began < 0.7  # two rounds of 0.2 s, not of 0.4

    run(work())
