"""Where requests come in and answers go out: queue, deadline, run folder, engines, figures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from search.core import Problem, Spent
from search.fault import Fault
from treewright.config.config import Config
from treewright.running.session import problems_at_once
from treewright.serving.admission import Queue
from treewright.serving.answer import Answer
from treewright.serving.catalogue import Catalogue, Plan
from treewright.serving.chat import Chat
from treewright.serving.deadline import Deadline
from treewright.serving.faults import bad, late, unkept
from treewright.serving.metering import MeteredPolicy, MeteredScorer
from treewright.serving.metrics import Metrics
from treewright.serving.searching import Engines, problem_of, timed
from treewright.serving.settings import Settings
from treewright.serving.store import Kept, Store

OnSpent = Callable[[Spent], None]
TIDY_EVERY = 32


@dataclass(frozen=True, eq=False)
class Asked:
    """A request that can be answered: how it is searched, and the seconds that it may take."""

    chat: Chat
    plan: Plan
    seconds: float


class Desk:
    """Answers chat requests, as many at once as the config says. `tell` hears what goes wrong."""

    def __init__(
        self,
        engines: Engines,
        catalogue: Catalogue,
        store: Store,
        settings: Settings,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.catalogue, self.store, self.settings, self.tell = catalogue, store, settings, tell
        self.queue = Queue(problems_at_once(catalogue.config), settings.queue)
        self.metrics = Metrics(self.queue)
        policy = MeteredPolicy(engines.policy, self.metrics)
        scorer = MeteredScorer(engines.scorer, self.metrics)
        self.engines = replace(engines, policy=policy, scorer=scorer)
        self._deadlines: set[Deadline] = set()
        self._begun = 0

    def read(self, chat: Chat) -> Asked:
        """The request, checked against what there is here. Raises `ApiFault`."""
        most = self.settings.deadline_s
        if chat.deadline_s is not None and chat.deadline_s > most:
            raise bad("deadline_s", f"{chat.deadline_s:g} s; this server gives {most:g} s at most")
        return Asked(chat, self.catalogue.plan(chat), chat.deadline_s or most)

    async def answer(
        self, asked: Asked, began: float, on_spent: OnSpent = lambda spent: None
    ) -> Answer:
        """The answer to a request that has a place in the queue. Raises `ApiFault`.

        `began`: when it came, in the event loop's time. Cancelling takes back all that is in
        flight.
        """
        deadline = Deadline(asked.seconds, began)
        self._deadlines.add(deadline)
        try:
            answer = await self._in_turn(asked, deadline, on_spent)
        except Fault as fault:  # of a folder, a file, the journal: their places are not the world's
            self.tell(str(fault))
            raise unkept() from None
        finally:
            self._deadlines.discard(deadline)
        self.metrics.seconds.observe(asyncio.get_running_loop().time() - began)
        if answer.ended_by is not None:
            self.metrics.early.inc()
        return answer

    def hurry(self) -> None:
        """Whoever is searched gives the best so far now; whoever waits is refused."""
        for deadline in list(self._deadlines):
            deadline.hasten("shutdown")

    async def _in_turn(self, asked: Asked, deadline: Deadline, on_spent: OnSpent) -> Answer:
        try:
            async with deadline.heeded():
                turn = await self.queue.turn()
        except TimeoutError:
            raise late(deadline) from None
        with turn:
            config = timed(asked.plan.config, max(0.001, deadline.left))
            problem = problem_of(asked.chat.question, asked.chat.history)
            kept = await self._begin(config, problem)
            describing = asyncio.ensure_future(self._describe(kept, asked.plan.identity))
            try:
                return await self.engines.answer(kept, deadline, on_spent)
            finally:
                await asyncio.shield(describing)

    async def _begin(self, config: Config, problem: Problem) -> Kept:
        self._begun += 1
        if self._begun % TIDY_EVERY == 0:
            with suppress(OSError):
                await asyncio.to_thread(self.store.tidy)
        return await asyncio.to_thread(self.store.begin, config, problem)

    async def _describe(self, kept: Kept, identity: Mapping[str, str]) -> None:
        """Beside the search: what it writes the search does not need."""
        await asyncio.to_thread(self.store.describe, kept, identity)
