"""One question searched on engines that are up, as `treewright run` searches a problem."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from benchmarks.grading import Grader, Grades, Outcome, open_grader
from engines.traits import contest_of, traits_of
from search.core import Problem, Spent, Turn
from search.ports import Policy, Scorer
from treewright.arms.solved import Solved
from treewright.caching.identity import asked
from treewright.caching.opening import cached
from treewright.cluster.cluster import Ports, open_cluster
from treewright.config.config import Config
from treewright.config.sources import steered_by_own_code
from treewright.hiding import hide
from treewright.journal.journal import Journal
from treewright.running.controller import Controller, Failed, Grading
from treewright.running.job import at_work
from treewright.running.memory import JournalMemory
from treewright.running.run_folder import Status
from treewright.serving.answer import Answer, chosen
from treewright.serving.deadline import Deadline, PolicyUntil, ScorerUntil
from treewright.serving.faults import failed, late
from treewright.serving.store import Kept

GRADING_S = 0.15
"""Seconds after its deadline that telling equal answers may take."""
GRACE_S = 0.35
"""Seconds after its deadline that a search may take to end in order."""
FIRST_GRADE = "1"

OnSpent = Callable[[Spent], None]


def problem_of(question: str, history: tuple[Turn, ...] = ()) -> Problem:
    """The question as a problem: the same id, and so the same seeds, for the same words.

    No secret that is known is in it: no file would keep it, and then its tree could not be opened.
    """
    question = hide(question)
    history = tuple(replace(turn, content=hide(turn.content)) for turn in history)
    told = repr((question, [(turn.role, turn.content) for turn in history]))
    digest = sha256((told if history else question).encode()).hexdigest()
    return Problem(f"question-{digest[:8]}", question, history)


@dataclass(frozen=True)
class Engines:
    """What answers questions: both ports, and who tells which answers are the same."""

    ports: Ports
    policy: Policy
    scorer: Scorer
    grader: Grader

    @property
    def fault(self) -> str | None:
        """Why nothing can be answered any more; None while it can."""
        return self.ports.policy.pool.extinct

    async def answer(self, kept: Kept, deadline: Deadline, on_spent: OnSpent) -> Answer:
        """Search the question of a run that has begun; the run ends with it.

        Raises `ApiFault`: the search failed, or nothing was there by its deadline; and the faults
        of a folder that cannot be written.
        """
        with at_work(kept.folder, None) as journal:
            try:
                async with deadline.heeded(GRACE_S):
                    solved = await self._search(kept, journal, deadline, on_spent)
            except TimeoutError:
                kept.folder.set_status(Status.INTERRUPTED)
                raise late(deadline) from None
            ended = Status.INCOMPLETE if isinstance(solved, Failed) else Status.COMPLETE
            await asyncio.to_thread(kept.folder.set_status, ended)
        if isinstance(solved, Failed):
            raise failed(solved.failure)
        answer = chosen(kept, solved, deadline)
        if answer.ended_by == deadline.why and not answer.found.solution:
            raise late(deadline)
        return answer

    async def _search(
        self, kept: Kept, journal: Journal, deadline: Deadline, on_spent: OnSpent
    ) -> Solved | Failed:
        config, strategy = kept.config, kept.config.strategy
        controller = Controller(
            strategy=strategy,
            policy=PolicyUntil(self.policy, deadline),
            scorer=ScorerUntil(self.scorer, deadline),
            memory=JournalMemory(journal, on_spent),
            journal=journal,
            grading=Grading(config.grading, HurriedGrader(self.grader, deadline), journal),
            seed=config.seed,
            on_done=lambda item: None,
            keep_results=steered_by_own_code(config),
            goes_on=traits_of(config.scorer).goes_on,
            contest=contest_of(config.scorer, strategy),
        )
        return await controller.solve(kept.sample)


@asynccontextmanager
async def open_engines(config: Config, tell: Callable[[str], None]) -> AsyncIterator[Engines]:
    """Engines and a grader that are up while the block lasts. Raises `ClusterError`."""
    async with (
        open_cluster(config.cluster, config.policy, config.scorer, tell) as ports,
        cached(config, asked(config), ports.policy, ports.scorer, tell) as (policy, scorer),
        open_grader(config.grading) as grader,
    ):
        await grader.group([FIRST_GRADE])  # its process starts now, not with the first question
        yield Engines(ports, policy, scorer, grader)


class HurriedGrader(Grader):
    """A grader until a deadline: then answers are the same where their texts are."""

    def __init__(self, grader: Grader, deadline: Deadline) -> None:
        self.grader, self.deadline = grader, deadline  # it compares by itself: no state of its own

    async def grouped(self, answers: Sequence[str | None]) -> Grades:
        """As `Grader.grouped`."""
        try:
            async with self.deadline.heeded(GRADING_S):
                return await self.grader.grouped(answers)
        except TimeoutError:
            groups = [None if answer is None else answers.index(answer) for answer in answers]
            absent, unknown = Outcome.ABSTAINED, Outcome.UNKNOWN
            return Grades(tuple(groups), tuple(absent if g is None else unknown for g in groups))

    async def grade(self, reference: str, answers: Sequence[str | None]) -> Grades:
        """As `Grader.grade`: a question of a server has no reference."""
        return await self.grader.grade(reference, answers)


def timed(config: Config, seconds: float) -> Config:
    """The config with a search of so much time, where its strategy has a budget."""
    budget = getattr(config.strategy, "budget", None)
    if budget is None or (budget.seconds is not None and budget.seconds <= seconds):
        return config
    strategy: Any = config.strategy
    said = dict(config.written["strategy"])
    said["budget"] = {**(said.get("budget") or {}), "seconds": seconds}
    return replace(
        config,
        strategy=replace(strategy, budget=replace(budget, seconds=seconds)),
        written={**config.written, "strategy": said},
    )
