"""The driver.

It alone awaits. It answers a flow's questions from memory first, then from the ports.

A question is split into calls (`search.calls`), one per child or per judged path. Each call has a
key, a digest of its content and a seed, and each reply is remembered the moment it arrives, so a
search that was killed inside a question resumes with what was already paid for.
"""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeVar

from search.calls import Calls, Costs
from search.contest import Contest
from search.contract import (
    StrategyError,
    check_drawn,
    check_flow,
    check_question,
    check_result,
)
from search.core import (
    Feedback,
    Judgement,
    Place,
    Prefix,
    Result,
    Spending,
    Spent,
)
from search.flow_history import FlowHistory
from search.further import FurtherChains
from search.gather import gather
from search.keys import clock_key
from search.ports import (
    Earlier,
    Failure,
    Memory,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerReply,
)
from search.questions import (
    Clock,
    Clocked,
    Extend,
    Extended,
    Flow,
    Fork,
    Forked,
    Grow,
    Grown,
    Judge,
    Judged,
    Question,
    Reply,
    Until,
)
from search.stopwatch import Stopwatch

T = TypeVar("T")
FIGURES = attrgetter(*Spent.__slots__)


@dataclass(frozen=True, slots=True)
class Searched:
    """What a finished search leaves.

    Its result; by path id what each path cost, every path that was drawn, why the scorer gave no
    reply for it, how it was judged, the call that drew it, the path from whose judgement that of it
    could go on, and how many chains were written for it where some were added; and all that was
    answered, each draw and each judged path, in the order in which it was. (A path that the scorer
    refuses as invalid has a reply: it is Missing.)
    """

    result: Result
    costs: Costs
    paths: dict[str, Prefix]
    failures: dict[str, Failure] = field(default_factory=dict)
    judgements: dict[str, Judgement] = field(default_factory=dict)
    asked: dict[str, PolicyCall] = field(default_factory=dict)
    earlier: dict[str, Prefix] = field(default_factory=dict)
    chains: dict[str, int] = field(default_factory=dict)
    order: Sequence[PolicyCall | Prefix] = field(default=(), repr=False, compare=False)


async def drive(
    flow: Flow,
    policy: Policy,
    scorer: Scorer,
    memory: Memory,
    run_seed: int,
    now: Callable[[], float] = time.monotonic,
    *,
    goes_on: bool = False,
    contest: Contest | None = None,
) -> Searched:
    """Run `flow` to its result.

    `now` tells the seconds since some moment, for a search that asks for the time. `goes_on`:
    whether the scorer is told of earlier judgements (`engines.traits.Traits.goes_on`). `contest`:
    how chains are added to its judgements, where they are (`engines.traits.Traits.contest`).

    Raises `SearchFailed` when the policy fails, `ReplayError` when the journal holds another
    question at the same place, `StrategyError` when the flow asks or returns what it may not. A
    scorer that fails gives `Missing` judgements and the search goes on.
    """
    calls = Calls(policy, scorer, memory, run_seed)
    search = _Search(calls, memory, Stopwatch(now), contest)
    result, _ = await search.run(flow, FlowHistory(goes_on))
    check_drawn(result.candidates, calls.paths)
    ranks: dict[Place, int] = {}
    for rank, candidate in enumerate(result.candidates):
        for place in candidate.path.line:
            ranks.setdefault(place, rank)
    costs = calls.costs(ranks)
    drawn = calls.paths, calls.failures, calls.judgements, calls.asked, calls.earlier, calls.chains
    return Searched(result, costs, *drawn, calls.order)


class _Search:
    """Answers the questions of one problem's search."""

    def __init__(
        self, calls: Calls, memory: Memory, stopwatch: Stopwatch, contest: Contest | None
    ) -> None:
        self.calls = calls
        self.further = FurtherChains(calls, contest) if contest else None
        self.memory = memory
        self.stopwatch = stopwatch

    async def run(self, flow: Flow, history: FlowHistory) -> tuple[Result, Spending]:
        """The flow's result and what its own questions spent; what it has paid for is free."""
        check_flow(flow)
        reply: Reply | None = None
        spent = Spending()
        while True:
            try:
                question = flow.send(reply)
            except StopIteration as stop:
                return check_result(stop.value), spent
            except (SystemExit, CancelledError) as error:
                problem = f"the strategy raised {type(error).__name__}, which would end the program"
                raise StrategyError(f"{problem}; raise an error of its own") from error
            check_question(question)
            reply = await self.answer(question, history)
            spent += reply.spent

    async def answer(self, question: Question, history: FlowHistory) -> Reply:
        match question:
            case Extend():
                return await self.extend(question, history)
            case Judge():
                return await self.judge(question, history)
            case Grow():
                return await self.grow(question, history)
            case Fork():
                return await self.fork(question, history)
            case Clock():
                return await self.clock(question)

    async def extend(self, question: Extend, history: FlowHistory) -> Extended:
        replies = await gather(
            self.calls.draw(
                path,
                child,
                question.until,
                history.charged,
                greedy=question.greedy,
                feedback=question.feedback,
            )
            for path, child in places(question)
        )
        children = rows([reply.path for reply in replies], question.n)
        return Extended(children, Spending(policy=total(reply.spent for reply in replies)))

    async def judge(self, question: Judge, history: FlowHistory) -> Judged:
        asked = list(zip(question.paths, self.earlier(question, history), strict=True))
        replies = await gather(
            self.calls.judge(path, history.charged, earlier) for path, earlier in asked
        )
        if self.further:
            replies = await self.further.judged(asked, replies, history, question.chains)
        judgements = tuple(reply.judgement for reply in replies)
        history.hear(question.paths, judgements)
        return Judged(judgements, Spending(verifier=total(reply.spent for reply in replies)))

    def earlier(self, question: Judge, history: FlowHistory) -> Iterable[Earlier | None]:
        """What the judgement of each path may go on from."""
        if question.earlier is None:
            return list(map(history.earlier, question.paths))
        return [None if path is None else self.judged(path) for path in question.earlier]

    def judged(self, path: Prefix) -> Earlier:
        """How a path was judged. Raises `StrategyError` where it was not."""
        judgement = self.calls.judgements.get(path.id)
        if judgement is None:
            raise StrategyError(f"the strategy goes on from path {path.id!r}, which was not judged")
        return Earlier(path, judgement)

    async def grow(self, question: Grow, history: FlowHistory) -> Grown:
        replies = await gather(
            self.draw_and_judge(path, child, question.feedback, history)
            for path, child in places(question)
        )
        children = [drawn.path for drawn, _, _ in replies]
        judged = [reply for _, _, reply in replies]
        if self.further:
            asked = [(drawn.path, earlier) for drawn, earlier, _ in replies]
            judged = await self.further.judged(asked, judged, history)
        judgements = [reply.judgement for reply in judged]
        history.hear(children, judgements)
        return Grown(
            rows(children, question.n),
            rows(judgements, question.n),
            Spending(
                total(drawn.spent for drawn, _, _ in replies),
                total(reply.spent for reply in judged),
            ),
        )

    async def draw_and_judge(
        self, path: Prefix, child: int, feedback: Feedback | None, history: FlowHistory
    ) -> tuple[PolicyReply, Earlier | None, ScorerReply]:
        charged = history.charged
        drawn = await self.calls.draw(path, child, Until.STEP, charged, feedback=feedback)
        earlier = history.earlier(drawn.path)
        return drawn, earlier, await self.calls.judge(drawn.path, charged, earlier)

    async def fork(self, question: Fork, history: FlowHistory) -> Forked:
        """All flows at once; what two of them ask is charged to both, whichever was first."""
        histories = [history.fork() for _ in question.flows]
        ended = await gather(
            self.run(flow, own) for flow, own in zip(question.flows, histories, strict=True)
        )
        history.join(histories)
        spent = sum((spent for _, spent in ended), Spending())
        return Forked(tuple(result for result, _ in ended), spent)

    async def clock(self, question: Clock) -> Clocked:
        """The reading that is remembered, or one made now."""
        key = clock_key(question.name)
        seconds = self.memory.elapsed(key)
        if seconds is None:
            seconds = self.stopwatch.seconds()
            await self.memory.note_elapsed(key, seconds)
        self.stopwatch.at_least(seconds)
        return Clocked(seconds)


def places(question: Extend | Grow) -> list[tuple[Prefix, int]]:
    """Each path with the number of each child."""
    numbers = range(question.first, question.first + question.n)
    return [(path, child) for path in question.paths for child in numbers]


def rows(items: Sequence[T], width: int) -> tuple[tuple[T, ...], ...]:
    """Cut a flat sequence into rows of `width`."""
    return tuple(tuple(items[start : start + width]) for start in range(0, len(items), width))


def total(spent: Iterable[Spent]) -> Spent:
    """The sum, zero for nothing."""
    return Spent(*map(sum, zip(*map(FIGURES, spent), strict=True)))
