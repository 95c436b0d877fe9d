"""The driver.

It alone awaits. It answers a flow's questions from memory first, then from the ports.

A question is split into calls (`search.calls`), one per child or per judged path. Each call has a
key, a digest of its content and a seed, and each reply is remembered the moment it arrives, so a
search that was killed inside a question resumes with what was already paid for.
"""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from search.calls import Answer, Asked, Calls, Costs, Given, charge
from search.contest import Contest
from search.contract import (
    StrategyError,
    check_drawn,
    check_flow,
    check_question,
    check_result,
)
from search.core import (
    Judgement,
    Place,
    Prefix,
    Result,
    Spending,
    total,
)
from search.flow_history import FlowHistory
from search.further import FurtherChains
from search.gather import gather, settled
from search.keys import clock_key
from search.ports import (
    Earlier,
    Failure,
    Memory,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
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


@dataclass(frozen=True, slots=True)
class Searched:
    """What a finished search leaves.

    Its result; by path id what each path cost, every path that was drawn, why the scorer gave no
    reply for it, how it was judged, the call that drew it, and the path from whose judgement that
    of it could go on; and all that was answered, each draw and each judgement, in the order in
    which it was. (A path that the scorer refuses as invalid has a reply: it is Missing.)
    """

    result: Result
    costs: Costs
    paths: dict[str, Prefix]
    failures: dict[str, Failure] = field(default_factory=dict)
    judgements: dict[str, Judgement] = field(default_factory=dict)
    asked: dict[str, PolicyCall] = field(default_factory=dict)
    earlier: dict[str, Prefix] = field(default_factory=dict)
    order: Sequence[PolicyCall | Given] = field(default=(), repr=False, compare=False)


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
    drawn = calls.paths, calls.failures, calls.judgements, calls.asked, calls.earlier
    return Searched(result, costs, *drawn, calls.order)


@dataclass(frozen=True, slots=True)
class _Child:
    """A child that was drawn, what its judgement could go on from, and the answer under its key."""

    drawn: PolicyReply
    earlier: Earlier | None
    key: str
    answer: Answer


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
        until, greedy, feedback = question.until, question.greedy, question.feedback
        asked: list[Asked[PolicyReply]] = []

        def begun() -> Iterator[Awaitable[PolicyReply]]:
            for path, child in places(question):
                asked.append(self.calls.draw(path, child, until, greedy=greedy, feedback=feedback))
                yield asked[-1].answer

        replies = await gather(begun())
        paid = (
            charge(call.key, reply.spent, history.charged)
            for call, reply in zip(asked, replies, strict=True)
        )
        children = rows([reply.path for reply in replies], question.n)
        return Extended(children, Spending(policy=total(paid)))

    async def judge(self, question: Judge, history: FlowHistory) -> Judged:
        asked = list(zip(question.paths, self.earlier(question, history), strict=True))
        wanted = [(path, earlier, None) for path, earlier in asked]
        replies = await self.calls.judge_all(wanted, history.charged)
        if self.further:
            replies = await self.further.judged(asked, replies, history, question.chains)
        judgements = tuple(reply.judgement for reply in replies)
        history.hear(question.paths, judgements)
        return Judged(judgements, Spending(verifier=total(reply.spent for reply in replies)))

    def earlier(self, question: Judge, history: FlowHistory) -> Iterable[Earlier | None]:
        """What the judgement of each path may go on from."""
        if question.earlier is None:
            return list(map(history.earlier, question.paths))
        return question.earlier

    async def grow(self, question: Grow, history: FlowHistory) -> Grown:
        charged = history.charged
        draws: list[Asked[PolicyReply]] = []

        def begun() -> Iterator[Awaitable[_Child | PolicyReply]]:
            for path, child in places(question):
                draws.append(self.calls.draw(path, child, Until.STEP, feedback=question.feedback))
                yield draws[-1].answer
            for draw in draws:  # each on its own: none waits for another's draw
                yield self.child(draw, history)

        done = await gather(begun())
        grown = [each for each in done if isinstance(each, _Child)]
        children = [each.drawn.path for each in grown]
        judged = [
            self.calls.judged((each.drawn.path, each.earlier, None), each.key, each.answer, charged)
            for each in grown
        ]
        if self.further:
            asked = [(each.drawn.path, each.earlier) for each in grown]
            judged = await self.further.judged(asked, judged, history)
        judgements = [reply.judgement for reply in judged]
        history.hear(children, judgements)
        policy = (
            charge(draw.key, each.drawn.spent, charged)
            for draw, each in zip(draws, grown, strict=True)
        )
        return Grown(
            rows(children, question.n),
            rows(judgements, question.n),
            Spending(
                total(policy),
                total(reply.spent for reply in judged),
            ),
        )

    def child(self, draw: Asked[PolicyReply], history: FlowHistory) -> Awaitable[_Child]:
        """A child with its judgement: at once where both are remembered."""
        if draw.answer.done():
            drawn = draw.answer.result()
            earlier = history.earlier(drawn.path)
            asked = self.calls.judge(drawn.path, earlier)
            if asked.answer.done():
                return settled(_Child(drawn, earlier, asked.key, asked.answer.result()))
        return self.child_later(draw, history)

    async def child_later(self, draw: Asked[PolicyReply], history: FlowHistory) -> _Child:
        """A child, judged the moment it is drawn."""
        drawn = await draw.answer
        earlier = history.earlier(drawn.path)
        asked = self.calls.judge(drawn.path, earlier)
        return _Child(drawn, earlier, asked.key, await asked.answer)

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
