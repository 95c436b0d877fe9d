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
from search.aggregation import Aggregator
from search.core import Problem, Spent, Turn
from search.ports import Policy, Scorer
from treewright.arms.arm import Arm, arms_of
from treewright.arms.graded import Graded
from treewright.arms.solved import Solved
from treewright.caching.identity import asked
from treewright.caching.opening import cached
from treewright.cluster.cluster import Ports, open_cluster
from treewright.config.config import Config
from treewright.config.sources import steered_by_own_code
from treewright.journal.journal import Journal
from treewright.lab.found import Found
from treewright.running.controller import Controller, Failed, Grading
from treewright.running.job import at_work
from treewright.running.memory import JournalMemory
from treewright.running.run_folder import Status
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
    """The question as a problem: the same id, and so the same seeds, for the same words."""
    told = repr((question, [(turn.role, turn.content) for turn in history]))
    digest = sha256((told if history else question).encode()).hexdigest()
    return Problem(f"question-{digest[:8]}", question, history)


@dataclass(frozen=True)
class Answer:
    """What one question got. `shares`: by candidate, the share of the candidates that say the same.

    `ended_by`: the limit that ended the search early. `cut`: how many calls were taken back, whose
    tokens nobody counted.
    """

    kept: Kept
    found: Found
    answers: tuple[str | None, ...]
    scores: tuple[float | None, ...]
    groups: tuple[int | None, ...]
    ended_by: str | None
    cut: int

    @property
    def shares(self) -> tuple[float | None, ...]:
        """By candidate; None where it has no answer."""
        votes = [group for group in self.groups if group is not None]
        return tuple(
            None if group is None else votes.count(group) / len(votes) for group in self.groups
        )


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

    async def answer(self, kept: Kept, deadline: Deadline | None, on_spent: OnSpent) -> Answer:
        """Search the question of a run that has begun; the run ends with it.

        Raises `ApiFault`: the search failed, or nothing was there by its deadline.
        """
        with at_work(kept.folder, None) as journal:
            try:
                work = self._search(kept, journal, deadline, on_spent)
                if deadline is None:
                    solved = await work
                else:
                    async with asyncio.timeout_at(deadline.ends + GRACE_S):
                        solved = await work
            except TimeoutError:
                kept.folder.set_status(Status.INTERRUPTED)
                assert deadline is not None
                raise late(deadline.seconds) from None
            if isinstance(solved, Failed):
                kept.folder.set_status(Status.INCOMPLETE)
                raise failed(solved.failure)
            kept.folder.set_status(Status.COMPLETE)
        return chosen(kept, solved, deadline)

    async def _search(
        self, kept: Kept, journal: Journal, deadline: Deadline | None, on_spent: OnSpent
    ) -> Solved | Failed:
        config, policy, scorer = kept.config, self.policy, self.scorer
        strategy = config.strategy
        grader = self.grader
        if deadline is not None:
            grader = HurriedGrader(self.grader, deadline)
            policy, scorer = PolicyUntil(policy, deadline), ScorerUntil(scorer, deadline)
        controller = Controller(
            strategy=strategy,
            policy=policy,
            scorer=scorer,
            memory=JournalMemory(journal, on_spent),
            journal=journal,
            grading=Grading(config.grading, grader, journal),
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
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(max(now, self.deadline.ends) + GRADING_S):
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


def chosen(kept: Kept, solved: Solved, deadline: Deadline | None) -> Answer:
    """What the run's first configured arm chooses, as its report does; else what most say."""
    config, search = kept.config, solved.search
    arms = [*arms_of(config.aggregate[:1], ["best"]), Arm("majority"), Arm("first")]
    names = [arm.aggregation for arm in arms]
    graded = Graded.of(solved, names, config.missing)
    arm, index = next(
        ((arm, at) for arm in arms if (at := graded.choice(arm).index) is not None),
        (arms[0], _longest(solved)),
    )
    scoring = arms[0].aggregation
    scores = graded.scores[str(Aggregator.parse(scoring))] if scoring else ()
    score = scores[index] if scores and index is not None else None
    answers = tuple(config.grading.answer(each.path) for each in search.result.candidates)
    limit = search.result.exhausted
    cut = deadline.cut if deadline else 0
    ended_by = "deadline" if cut or (limit and limit.limit == "seconds") else None
    return Answer(
        kept,
        Found(
            kept.sample.problem,
            search,
            answer=None if index is None else answers[index],
            score=score,
            chosen=index,
            aggregate=arm.aggregation,
            select=arm.selection,
        ),
        answers,
        tuple(each if isinstance(each, float) else None for each in scores)
        or (None,) * len(answers),
        solved.grades.groups,
        ended_by or (str(limit) if limit else None),
        cut,
    )


def _longest(solved: Solved) -> int | None:
    """Where no candidate has an answer, the one that says most; None where none says anything."""
    lengths = [len(each.path.text) for each in solved.search.result.candidates]
    return lengths.index(max(lengths)) if any(lengths) else None
