"""Many problems in flight, bounded, with no barrier across them.

Each is searched, graded and done on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.datasets import Sample
from benchmarks.grading import Grader, Grades, GradingConfig, Outcome
from benchmarks.grading_pool import GradingError
from search.calls import SearchFailed
from search.contest import Contest
from search.driver import Searched, drive
from search.gather import gather
from search.ports import Failure, Memory, Policy, ReplayError, Scorer
from search.questions import Strategy
from treewright.arms.solved import Solved
from treewright.journal.journal import Journal, JournalError
from treewright.journal.results import RESULT, encode_result
from treewright.running.memory import failure_payload


@dataclass(frozen=True, slots=True)
class Failed:
    """A problem that has no result, and why."""

    problem_id: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Controller:
    """Searches problems with a strategy over two ports. `on_done` hears each problem as it ends.

    With `keep_results` each search is recorded so that it can be replayed without its strategy.
    `goes_on`, `contest`: as for `search.driver.drive`.
    """

    strategy: Strategy
    policy: Policy
    scorer: Scorer
    memory: Memory
    journal: Journal
    grading: Grading
    seed: int
    on_done: Callable[[Solved | Failed], None]
    keep_results: bool = False
    goes_on: bool = False
    contest: Contest | None = None

    async def search_all(
        self, samples: Sequence[Sample], in_flight: int, stop: asyncio.Event
    ) -> None:
        """Search all, at most `in_flight` at once. After `stop` is set no other is begun."""
        waiting = iter(samples)

        async def work() -> None:
            for sample in waiting:
                if stop.is_set():
                    return
                self.on_done(await self.solve(sample))

        await gather(work() for _ in range(min(in_flight, len(samples))))

    async def solve(self, sample: Sample) -> Solved | Failed:
        """Search and grade one problem.

        Only a fault of the journal, or a grader that does not start, ends the session.
        """
        problem = sample.problem
        try:
            flow = self.strategy(problem)
            ports = self.policy, self.scorer, self.memory
            searched = await drive(
                flow, *ports, self.seed, goes_on=self.goes_on, contest=self.contest
            )
            grades = await self.grading.grade(sample, searched)
            if self.keep_results:
                await self.journal.append(RESULT, problem.id, encode_result(searched))
        except (JournalError, ReplayError, GradingError):
            raise
        except SearchFailed as error:
            return await self.fail(problem.id, error.failure)
        except Exception as error:  # noqa: BLE001 - whatever a strategy or grader raises becomes a record
            return await self.fail(problem.id, Failure.raised(error))
        finally:
            self.journal.let_go(problem.id)
        return Solved(problem.id, searched, grades)

    async def fail(self, problem_id: str, failure: Failure) -> Failed:
        """Record that the problem has no result."""
        await self.journal.append(
            "failure", f"problem/{problem_id}", failure_payload(problem_id, failure)
        )
        return Failed(problem_id, failure)


@dataclass(frozen=True, slots=True)
class Grading:
    """Grades candidates and remembers it: a grade made under other settings is made again."""

    config: GradingConfig
    grader: Grader
    journal: Journal
    readonly: bool = False

    async def grade(self, sample: Sample, searched: Searched) -> Grades:
        """One grade per candidate. A candidate that did not finish, or boxed nothing, abstains."""
        paths = [candidate.path for candidate in searched.result.candidates]
        answers = [self.config.answer(path) for path in paths]
        settings = repr(self.config)
        known = self.journal.latest("grade").get(sample.problem.id)
        if known and (known["grading"], known["answers"]) == (settings, answers):
            return Grades(
                tuple(known["groups"]), tuple(Outcome(outcome) for outcome in known["outcomes"])
            )
        if sample.answer is None:
            grades = await self.grader.grouped(answers)
        else:
            grades = await self.grader.grade(sample.answer, answers)
        if not self.readonly:
            await self.journal.append(
                "grade",
                sample.problem.id,
                {
                    "grading": settings,
                    "answers": answers,
                    "groups": list(grades.groups),
                    "outcomes": [outcome.value for outcome in grades.outcomes],
                },
            )
        return grades
