"""The calls of one search: each is remembered or made once, and its cost is booked once.

Drawing belongs to a place of the tree, judging to what a path says: two paths that say the same,
step by step, are judged by one call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeAlias, TypeVar

from search.contract import StrategyError
from search.core import Feedback, Judgement, Place, Prefix, Spending, Spent, total
from search.flow_history import Charged
from search.gather import gather, settled
from search.keys import content, policy_digest, policy_key, scorer_digest, scorer_key
from search.ports import (
    Earlier,
    Failure,
    FailureKind,
    Further,
    Memory,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from search.questions import Until
from search.replies import policy_reply, scorer_reply
from search.seeds import call_seed

Answer: TypeAlias = tuple[ScorerReply, Failure | None]
Wanted: TypeAlias = tuple[Prefix, Earlier | None, Further | None]
"""A path that is to be judged, what that may go on from, and the further chain that it is."""
T = TypeVar("T")


class SearchFailed(Exception):
    """The policy gave no reply, so the search of this problem cannot go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return self.failure.message


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A call that is remembered, made, or on its way, and the key that it is paid for under."""

    key: str
    answer: asyncio.Future[T]


@dataclass(frozen=True, slots=True)
class Costs:
    """What each call spent, by the id of the path it drew (policy) or judged (verifier)."""

    policy: dict[str, Spent] = field(default_factory=dict)
    verifier: dict[str, Spent] = field(default_factory=dict)

    @property
    def spent(self) -> Spending:
        """The sums."""
        return Spending(total(self.policy.values()), total(self.verifier.values()))


@dataclass(frozen=True, slots=True)
class Given:
    """A judgement that a path was given, and what it could go on from.

    `chains`: of how many chains it is where some were added, else 0.
    """

    path: Prefix
    judgement: Judgement
    earlier: Earlier | None
    chains: int = 0


class Calls:
    """Asks the ports for one search."""

    def __init__(self, policy: Policy, scorer: Scorer, memory: Memory, run_seed: int) -> None:
        self.policy = policy
        self.scorer = scorer
        self.memory = memory
        self.run_seed = run_seed
        self.paths: dict[str, Prefix] = {}
        self.asked: dict[str, PolicyCall] = {}
        """By the id of a drawn path, the call that drew it."""
        self.order: list[PolicyCall | Given] = []
        """What was answered, in its order: each draw, and each judgement, with each chain anew."""
        self.judgements: dict[str, Judgement] = {}
        self.earlier: dict[str, Prefix] = {}
        """By the id of a judged path, the one whose judgement its own could go on from."""
        self.failures: dict[str, Failure] = {}
        self._drawn: dict[str, Spent] = {}
        self._draws: dict[Place, tuple[str, asyncio.Future[PolicyReply]]] = {}
        """By the child's place, with the digest of its call: a place has one path."""
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._judged: dict[str, dict[str, Prefix]] = {}
        """By key, the paths that say the same, by id."""

    def draw(
        self,
        path: Prefix,
        child: int,
        until: Until,
        *,
        greedy: bool = False,
        feedback: Feedback | None = None,
    ) -> Asked[PolicyReply]:
        """The child, remembered or on its way; awaiting it raises `SearchFailed` without a reply.

        Raises `StrategyError` where the same child was asked for in another way.
        """
        seed = call_seed(self.run_seed, path.problem.id, path.id, child)
        call = PolicyCall(path, child, until, seed, greedy, feedback)
        key, digest = policy_key(call), policy_digest(call)
        place = (*path.place, child)
        known, drawing = self._draws.get(place, (digest, None))
        if known != digest:
            raise StrategyError(
                f"the strategy asked twice for child {child} of path {path.id!r}, and not for the "
                "same (until, greedy, feedback, the path's steps); number the children apart"
            )
        if drawing is None:
            recalled = self.memory.recall(key, digest, call)
            if recalled is None:
                drawing = asyncio.ensure_future(self._draw(key, digest, call))
            else:
                drawing = settled(self._keep(call, recalled))
            self._draws[place] = (digest, drawing)
        return Asked(key, drawing)

    async def _draw(self, key: str, digest: str, call: PolicyCall) -> PolicyReply:
        drawn = policy_reply(call, await self.policy.extend([call]))
        if isinstance(drawn, Failure):
            raise SearchFailed(drawn)
        await self.memory.record(key, digest, drawn)
        return self._keep(call, drawn)

    def _keep(self, call: PolicyCall, reply: PolicyReply | ScorerReply) -> PolicyReply:
        assert isinstance(reply, PolicyReply)
        id = reply.path.id
        self.paths[id], self.asked[id], self._drawn[id] = reply.path, call, reply.spent
        self.order.append(call)
        return reply

    async def judge_all(self, wanted: Iterable[Wanted], charged: Charged) -> list[ScorerReply]:
        """The judgements; `Missing` when the scorer failed. What a flow has paid for is free."""
        asked: list[tuple[Wanted, str]] = []

        def begun() -> Iterator[asyncio.Future[Answer]]:
            for each in wanted:
                call = self.judge(*each)
                asked.append((each, call.key))
                yield call.answer

        answers = await gather(begun())
        return [
            self.judged(each, key, answer, charged)
            for (each, key), answer in zip(asked, answers, strict=True)
        ]

    def judge(
        self, path: Prefix, earlier: Earlier | None = None, further: Further | None = None
    ) -> Asked[Answer]:
        """The judgement, remembered or on its way: `judged` is told when it is there.

        A path that the policy rejects costs the scorer nothing: it is `Missing` at once. With
        `further`, that of all chains so far and one more.
        """
        if path.invalid:
            rejected = Judgement.missing("the policy rejects it")
            return Asked("", settled((ScorerReply(rejected, Spent()), None)))
        said = content(path)
        seed = call_seed(self.run_seed, path.problem.id, said, "judge")
        call = ScorerCall(path, seed, earlier=earlier, further=further)
        key, id = scorer_key(call, said), path.id
        if earlier:
            self.earlier[id] = earlier.path
        if key not in self._answers:
            self._answers[key] = self._answer(key, scorer_digest(call, said), call)
        self._judged.setdefault(key, {})[id] = path
        return Asked(key, self._answers[key])

    def judged(self, wanted: Wanted, key: str, answer: Answer, charged: Charged) -> ScorerReply:
        """Take in an answer; the reply as the flow pays for it."""
        (path, earlier, further), (reply, failure) = wanted, answer
        given = Given(path, reply.judgement, earlier, further.drawn + 1 if further else 0)
        if self.judgements.get(path.id) is not given.judgement:
            self.judgements[path.id] = given.judgement
            self.order.append(given)
        if failure:
            self.failures[path.id] = failure
        spent = charge(key, reply.spent, charged)
        return reply if spent is reply.spent else ScorerReply(reply.judgement, spent)

    def name(self, path: Prefix, earlier: Earlier | None) -> str:
        """What a judgement is about: paths of one name share it."""
        return scorer_key(ScorerCall(path, 0, earlier=earlier))

    def _answer(self, key: str, digest: str, call: ScorerCall) -> asyncio.Future[Answer]:
        recalled = self.memory.recall(key, digest, call)
        if recalled is None:
            return asyncio.ensure_future(self._ask(key, digest, call))
        assert isinstance(recalled, ScorerReply)
        return settled((recalled, None))

    async def _ask(self, key: str, digest: str, call: ScorerCall) -> Answer:
        judged = scorer_reply(call, await self.scorer.judge([call]))
        if isinstance(judged, Failure):
            return await self._unjudged(key, digest, call, judged)
        await self.memory.record(key, digest, judged)
        return judged, None

    async def _unjudged(self, key: str, digest: str, call: ScorerCall, failure: Failure) -> Answer:
        """A failed judgement is Missing. A refusal is remembered as the reply, all else noted."""
        transient = not failure.kind.final
        reply = ScorerReply(Judgement.missing(failure.message, transient=transient), failure.spent)
        if failure.kind is FailureKind.INVALID:
            await self.memory.record(key, digest, reply)
            return reply, None
        await self.memory.fail(key, call.path.problem.id, failure)
        return reply, failure

    def costs(self, ranks: Mapping[Place, int]) -> Costs:
        """What every call spent.

        A judgement that paths share is booked on the one of the lowest rank, those without a rank
        after all others, and of equals on the first by place: so it does not depend on which of
        them asked first.
        """
        verifier: dict[str, Spent] = {}
        for key, paths in self._judged.items():
            payer = min(paths.values(), key=lambda path: (ranks.get(path.place, inf), path.place))
            reply, _ = self._answers[key].result()
            verifier[payer.id] = verifier.get(payer.id, Spent()) + reply.spent
        return Costs(self._drawn, verifier)


def charge(key: str, spent: Spent, charged: Charged) -> Spent:
    """What the flow pays now: nothing for a key that it has paid for."""
    if key in charged:
        return Spent()
    charged.add(key)
    return spent
