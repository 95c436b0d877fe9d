"""Where requests come in and answers go out: queue, deadline, run folder, engines, figures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from search.core import Spent
from treewright.files.opening import UnsafeFile
from treewright.running.run_folder import RunFolderError, RunWriteError
from treewright.serving.admission import Queue
from treewright.serving.catalogue import Catalogue
from treewright.serving.chat import Chat
from treewright.serving.deadline import Deadline
from treewright.serving.faults import ApiFault, bad, late
from treewright.serving.metrics import Metrics
from treewright.serving.searching import Answer, Engines, problem_of, timed
from treewright.serving.settings import Settings
from treewright.serving.store import Store

OnSpent = Callable[[Spent], None]
TIDY_EVERY = 32


class Desk:
    """Answers chat requests, as many at once as the config says."""

    def __init__(
        self, engines: Engines, catalogue: Catalogue, store: Store, settings: Settings
    ) -> None:
        self.engines, self.catalogue = engines, catalogue
        self.store, self.settings = store, settings
        self.queue = Queue(catalogue.config.cluster.problems_in_flight, settings.queue)
        self.metrics = Metrics(self.queue)
        self._answered = 0

    async def answer(self, chat: Chat, on_spent: OnSpent = lambda spent: None) -> Answer:
        """The answer to a request that has a place in the queue. Raises `ApiFault`.

        Cancelling takes back all that is in flight.
        """
        began = asyncio.get_running_loop().time()
        plan = self.catalogue.plan(chat)
        seconds = self.seconds(chat)
        deadline = Deadline(seconds, began)
        try:
            async with asyncio.timeout_at(deadline.ends):
                turn = await self.queue.turn()
        except TimeoutError:
            raise late(seconds) from None
        with turn:
            plan = replace(plan, config=timed(plan.config, max(0.001, deadline.left)))
            problem = problem_of(chat.question, chat.history)
            try:
                kept = await asyncio.to_thread(self.store.begin, plan, problem)
            except (RunFolderError, RunWriteError, UnsafeFile, OSError) as error:
                raise ApiFault(500, "not_recorded", f"the run cannot be kept: {error}") from None
            answer = await self.engines.answer(kept, deadline, on_spent)
        self._book(answer, asyncio.get_running_loop().time() - began)
        await self._tidy()
        return answer

    def seconds(self, chat: Chat) -> float:
        """How long this request may take. Raises `ApiFault` for more than the server gives."""
        most = self.settings.deadline_s
        if chat.deadline_s is not None and chat.deadline_s > most:
            raise bad("deadline_s", f"{chat.deadline_s:g} s; this server gives {most:g} s at most")
        return chat.deadline_s or most

    def _book(self, answer: Answer, seconds: float) -> None:
        spent = answer.found.spent
        self.metrics.spent("policy", spent.policy)
        self.metrics.spent("verifier", spent.verifier)
        self.metrics.seconds.observe(seconds)
        if answer.ended_by is not None:
            self.metrics.early.inc()

    async def _tidy(self) -> None:
        self._answered += 1
        if self._answered % TIDY_EVERY == 0:
            with suppress(OSError):
                await asyncio.to_thread(self.store.tidy)
