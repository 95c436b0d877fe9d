"""The host of a port: calls that run, polls, and how it ends."""

import asyncio

import pytest

from pool_stage import Port, call, reply, run, stage, ticks
from search.ports import Failure, PolicyCall, PolicyReply
from treewright.cluster.replica import PortHost, ReplicaDied


def test_a_call_that_is_running_is_not_started_again() -> None:
    async def work() -> None:
        port = Port()
        host = PortHost(port)
        for _ in range(2):
            host.submit([(1, call("p", 4))])
        await ticks()
        assert len(port.together) == 1
        assert await host.poll(1) == [(1, reply(call("p", 4)))]

    run(work())


def test_a_poll_without_news_returns_empty_in_time() -> None:
    async def work() -> None:
        assert await PortHost(Port()).poll(0.01) == []

    run(work())


def test_a_condemned_host_delivers_what_ended_and_then_says_why() -> None:
    async def work() -> None:
        host = PortHost(Port())
        host.submit([(1, call("p", 0)), (2, call("die", 4))])
        await ticks()
        assert await host.poll(1) == [(1, reply(call("p", 0)))]
        with pytest.raises(ReplicaDied, match="segmentation fault"):
            await host.poll(1)

    run(work())


def test_a_port_that_cancels_its_own_call_answers_with_a_failure() -> None:
    class Fickle(Port):
        async def answer(self, asked: PolicyCall) -> PolicyReply | Failure:
            raise asyncio.CancelledError

    async def work() -> None:
        host = PortHost(Fickle())
        host.submit([(1, call("p"))])
        ((_, outcome),) = await host.poll(1)
        assert isinstance(outcome, Failure)

    run(work())


def test_a_port_that_can_be_closed_is_closed() -> None:
    closed: list[str] = []

    class Closing(Port):
        async def close(self) -> None:
            closed.append("closed")

    async def work() -> None:
        async with stage(2, Closing):
            pass

    run(work())
    assert closed == ["closed", "closed"]
