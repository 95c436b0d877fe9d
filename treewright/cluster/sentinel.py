"""Whether the machines of a Ray answer, known before Ray gives them up.

Ray takes a quarter of a minute to miss a node. A head that is gone it does not tell at all: after a
minute it ends the process. So each is asked for a connection every other second.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, TypeVar

Address: TypeAlias = tuple[str, int]
Value = TypeVar("Value")

EVERY_S = 2.0
"""How often each is asked, and how long it may take to answer."""
TOLD_AT = 2
"""After so many questions in a row without an answer it is told: within six seconds."""


class NodeGone(Exception):
    """Nothing listens any more where Ray listened on this node. One line."""


class Answer(Enum):
    """What came of asking for a connection."""

    YES = "yes"
    REFUSED = "refused"
    """The machine is there, and what listened is not."""
    SILENT = "silent"
    """No answer: the machine or the network is gone, or very busy."""


async def ask(address: Address) -> Answer:
    """Ask for a connection, and close it."""
    try:
        async with asyncio.timeout(EVERY_S):
            _, writer = await asyncio.open_connection(*address)
    except ConnectionRefusedError:
        return Answer.REFUSED
    except OSError:  # a time-out among others
        return Answer.SILENT
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return Answer.YES


@dataclass(eq=False, slots=True)
class Watched:
    """A node: where Ray listens there, and whether that is gone."""

    address: Address
    unanswered: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Sentinel:
    """Watches what a session cannot do without, and the nodes that its replicas are on.

    Args:
        vital: by its name, where it listens: Ray's head, and its part on this machine.
        nodes: where Ray listens on each node, by its id. It may block.
        tell: hears in a line what does not answer, what happens next, and that it is back.
        patience_s: after so many seconds without an answer of what is vital the session ends.
    """

    def __init__(
        self,
        vital: Mapping[str, Address],
        nodes: Callable[[], Mapping[str, Address]],
        tell: Callable[[str], None],
        patience_s: float = 24.0,
    ) -> None:
        self._vital, self._nodes, self._tell = vital, nodes, tell
        self._end_at = max(TOLD_AT + 1, math.ceil(patience_s / EVERY_S))
        self._unanswered = dict.fromkeys(vital, 0)
        self._watched: dict[str, Watched] = {}
        self._there = asyncio.Event()
        self._there.set()

    @property
    def lost(self) -> bool:
        """Whether what is vital is known not to answer: Ray must not be asked, it would block."""
        return not self._there.is_set()

    async def answers(self) -> bool:
        """Whether all that is vital answers now: it may be gone for seconds before it is `lost`.

        What is silent is asked twice, as this process itself may have been held up meanwhile.
        """
        for _ in range(0 if self.lost else 2):
            told = await asyncio.gather(*map(ask, self._vital.values()))
            if Answer.SILENT not in told:
                return all(answer is Answer.YES for answer in told)
        return False

    async def look(self) -> None:
        """See whether all that is vital answers, at the end, when nobody watches any more."""
        if not await self.answers():
            self._there.clear()

    async def there(self) -> None:
        """Wait until all that is vital answers."""
        while not await self.answers():
            await asyncio.sleep(EVERY_S)
            await self._there.wait()

    async def watch(self, node: str) -> None:
        """A replica is on this node from now on."""
        if node not in self._watched:
            await self.there()
            address = (await asyncio.to_thread(self._nodes)).get(node)
            if address and await ask(address) is Answer.YES:  # else it cannot be seen from here
                self._watched[node] = Watched(address)

    async def unless_gone(self, node: str, answer: Awaitable[Value]) -> Value:
        """The answer of something on this node. Raises `NodeGone` where the node goes first."""
        watched = self._watched.get(node)
        if watched is None:
            return await answer
        asked, gone = asyncio.ensure_future(answer), asyncio.ensure_future(watched.gone.wait())
        try:
            await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return asked.result()
            raise NodeGone(told(watched.address))
        finally:
            asked.cancel()
            gone.cancel()

    async def is_gone(self, node: str) -> bool:
        """Whether nothing listens there now: why something on it died."""
        watched = self._watched.get(node)
        return watched is not None and await ask(watched.address) is Answer.REFUSED

    @asynccontextmanager
    async def watching(self, end: Callable[[str], None]) -> AsyncIterator[None]:
        """Watch while the block lasts; `end` hears why all must end."""
        task = asyncio.create_task(self._watch(end))
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self, end: Callable[[str], None]) -> None:
        while True:
            nodes = list(self._watched.values())
            asked = (
                ask(address) for address in (*self._vital.values(), *(n.address for n in nodes))
            )
            _, answers = await asyncio.gather(asyncio.sleep(EVERY_S), asyncio.gather(*asked))
            for node, answer in zip(nodes, answers[len(self._vital) :], strict=True):
                node.unanswered = node.unanswered + 1 if answer is Answer.REFUSED else 0
                if node.unanswered >= TOLD_AT:
                    node.gone.set()
            for name, answer in zip(self._vital, answers, strict=False):
                self._hear(name, answer, end)

    def _hear(self, name: str, answer: Answer, end: Callable[[str], None]) -> None:
        """Take in the answer of something vital."""
        before = self._unanswered[name]
        self._unanswered[name] = now = 0 if answer is Answer.YES else before + 1
        if now == TOLD_AT:
            self._there.clear()
            self._tell(
                f"{name} does not answer: replicas that are up go on, none is replaced; unless it "
                f"is back within {(self._end_at - TOLD_AT) * EVERY_S:g} s this session ends, and "
                "treewright resume goes on"
            )
        elif now == self._end_at:
            end(f"{name} did not answer for {self._end_at * EVERY_S:g} s")
        elif before >= TOLD_AT and not now:
            self._tell(f"{name} answers again")
        if not any(count >= TOLD_AT for count in self._unanswered.values()):
            self._there.set()


def told(address: Address) -> str:
    """`its node died: nothing listens at 10.0.0.3:41391 any more`."""
    return f"its node died: nothing listens at {address[0]}:{address[1]} any more"
