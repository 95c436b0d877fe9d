"""Searches over doubles whose every question, reply and cost is seen."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from engines.faults import Faults
from engines.token_clock import Timing
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from policies.simulated import SimulatedPolicy, SimulatedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from scorers.simulated import SimulatedScorer, SimulatedScorerConfig
from search.core import Candidate, Problem, Result, Spending, StopReason, total
from search.driver import Searched, drive
from search.keys import policy_key, scorer_key
from search.memory import DictMemory
from search.ports import Failure, Policy, PolicyCall, PolicyReply, Scorer, ScorerCall, ScorerReply
from search.questions import Flow, Fork, Question, Strategy
from search.strategies import STRATEGIES
from strategy_spaces import space

T = TypeVar("T")
RUN_SEED = 3
each_kind = pytest.mark.parametrize("kind", STRATEGIES)
few = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])

# --- The ports: scripted, or simulated on a clock that jumps -------------------------------------


@dataclass(frozen=True)
class Case:
    """A strategy, a problem, and what the models are like.

    `voices`: how many different steps may follow a prefix; the fewer, the more is said twice.
    """

    strategy: Strategy
    question: str
    voices: int
    policy: ScriptedPolicyConfig
    scorer: ScriptedScorerConfig

    @property
    def problem(self) -> Problem:
        return Problem(f"of {self.question}", self.question)


def cases(kind: str) -> st.SearchStrategy[Case]:
    """Lengths vary, steps are cut and repeated, judgements are missing, and a scorer fails."""
    policies = st.builds(
        ScriptedPolicyConfig,
        accuracy=st.sampled_from([1.0, 0.6]),
        steps=st.integers(2, 3),
        spread=st.integers(0, 1),
        no_answer=st.sampled_from([0.0, 0.2]),
        cut=st.sampled_from([0.0, 0.3]),
        step_tokens=st.sampled_from([1, 48]),
        length_cv=st.sampled_from([0.0, 0.6]),
    )
    scorers = st.builds(
        ScriptedScorerConfig,
        missing=st.sampled_from([0.0, 0.3, 1.0]),
        length_cv=st.sampled_from([0.0, 0.6]),
        faults=st.sampled_from([Faults(), Faults(fail=0.1)]),
    )
    questions = st.integers(0, 999).map(lambda number: f"{number} + 1?")
    return st.builds(Case, space(kind), questions, st.sampled_from([2, 99]), policies, scorers)


@dataclass
class Counting(Policy, Scorer):
    """Both ports. It counts what was asked and spent; cut steps are cut in all the ways there are.

    Keys in `closed` may not be asked.
    """

    policy: Policy
    scorer: Scorer
    voices: int
    closed: Collection[str] = ()
    drawn: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    spent: Spending = field(default_factory=Spending)

    @classmethod
    def scripted(cls, case: Case, closed: Collection[str] = ()) -> Counting:
        return cls(ScriptedPolicy(case.policy), ScriptedScorer(case.scorer), case.voices, closed)

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        self.drawn += [policy_key(call) for call in batch]
        assert not set(self.drawn) & set(self.closed)
        voiced = [replace(call, seed=call.seed % self.voices) for call in batch]
        replies = [
            cut_somehow(reply, call)
            for reply, call in zip(await self.policy.extend(voiced), voiced, strict=True)
        ]
        self.spent += Spending(policy=total(reply.spent for reply in replies))
        return [*replies]

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        self.judged += [scorer_key(call) for call in batch]
        assert not set(self.judged) & set(self.closed)
        replies = await self.scorer.judge(batch)
        spent = total(reply.spent for reply in replies if isinstance(reply, ScorerReply))
        self.spent += Spending(verifier=spent)
        return replies


def cut_somehow(reply: PolicyReply | Failure, call: PolicyCall) -> PolicyReply:
    """A step that was cut by its length may as well have been a loop, or given up."""
    assert isinstance(reply, PolicyReply), reply
    *before, last = reply.path.steps
    if last.stop is not StopReason.LENGTH:
        return reply
    how = (StopReason.LENGTH, StopReason.LOOP, StopReason.ABORT)[call.seed % 3]
    return replace(reply, path=replace(reply.path, steps=(*before, replace(last, stop=how))))


@dataclass(frozen=True)
class Schedule:
    """Replicas of simulated engines: each call goes to one by chance, after a while by chance."""

    replicas: int
    slots: int
    seed: int


SCHEDULES = st.builds(Schedule, st.integers(1, 3), st.integers(1, 3), st.integers(0, 999))


class Replicas(Policy, Scorer):
    """Both ports, over replicas of the simulated engines."""

    def __init__(self, case: Case, schedule: Schedule) -> None:
        timing = Timing(slots=schedule.slots)
        policy = SimulatedPolicyConfig(**vars(case.policy), timing=timing)
        scorer = SimulatedScorerConfig(**vars(case.scorer), timing=timing)
        self.ports = [
            Counting(SimulatedPolicy(policy), SimulatedScorer(scorer), case.voices)
            for _ in range(schedule.replicas)
        ]
        self.chance = Random(schedule.seed)

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        await asyncio.sleep(self.chance.choice([0.0, 1.0, 9.0]))
        return await self.chance.choice(self.ports).extend(batch)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        await asyncio.sleep(self.chance.choice([0.0, 1.0, 9.0]))
        return await self.chance.choice(self.ports).judge(batch)


class Jumping(selectors.SelectSelector):
    """Waits for nobody: its clock is put forward instead."""

    clock = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing is under way that could wake the search"
        self.clock += max(0.0, timeout)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop in which sleeping takes no time."""

    def __init__(self) -> None:
        self.jumping = Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.clock


def await_it(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)


# --- One search, watched -------------------------------------------------------------------------


@dataclass(frozen=True)
class Answered:
    """A question's cost, and the flows that it ran."""

    spent: Spending
    flows: tuple[list[Answered], ...]


def watched(flow: Flow, log: list[Answered]) -> Flow:
    """The same flow; `log` hears what each of its questions spent."""
    reply: Any = None
    while True:
        try:
            question: Question = flow.send(reply)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        logs: tuple[list[Answered], ...] = ()
        if isinstance(question, Fork):
            logs = tuple([] for _ in question.flows)
            question = Fork(tuple(map(watched, question.flows, logs)))
        reply = yield question
        log.append(Answered(reply.spent, logs))


@dataclass(frozen=True)
class Seen:
    """A search that ended."""

    case: Case
    searched: Searched
    ports: Counting
    log: list[Answered]

    @property
    def result(self) -> Result:
        return self.searched.result

    @property
    def finished(self) -> list[Candidate]:
        return [candidate for candidate in self.result.candidates if candidate.path.finished]

    @property
    def limit(self) -> str:
        """The name of the limit that ended the search, if any did."""
        return getattr(self.result.exhausted, "limit", "")


def search(
    case: Case,
    memory: DictMemory | None = None,
    ports: Counting | Replicas | None = None,
    now: Callable[[], float] = float,
) -> Searched:
    """Run a case; by default everything is asked anew, on the scripted ports."""
    over = ports or Counting.scripted(case)
    flow = case.strategy(case.problem)
    return await_it(drive(flow, over, over, memory or DictMemory(), RUN_SEED, now))


def see(case: Case, now: Callable[[], float] = float) -> Seen:
    """Run a case on the scripted ports, and watch."""
    ports = Counting.scripted(case)
    log: list[Answered] = []
    flow = watched(case.strategy(case.problem), log)
    return Seen(case, await_it(drive(flow, ports, ports, DictMemory(), RUN_SEED, now)), ports, log)
