"""The driver: flows by hand, replay, failures, and no barrier where none is meant."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from search.calls import SearchFailed
from search.contract import StrategyError
from search.core import (
    Candidate,
    Feedback,
    Judgement,
    Missing,
    Prefix,
    Problem,
    Result,
    Spending,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.driver import Searched, drive
from search.memory import DictMemory
from search.ports import (
    Failure,
    FailureKind,
    Policy,
    PolicyCall,
    PolicyReply,
    ReplayError,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from search.questions import (
    Extend,
    Extended,
    Flow,
    Fork,
    Judge,
    Judged,
    Until,
    extend,
    fork,
    grow,
    judge,
)
from search.strategies.best_of_n import BestOfN
from search.strategies.greedy import Greedy
from search.strategies.majority import Majority

PROBLEM = Problem("one", "1 + 1?")
ROOT = Prefix.start(PROBLEM)
DOWN = Failure(FailureKind.UNAVAILABLE, "no replica")


def step(text: str, stop: StopReason = StopReason.EOS) -> Step:
    return Step(text, tuple(text.encode()), stop)


def judgement(path: Prefix, probability: float = 0.75) -> Judgement:
    verdict = StepVerdict(probability, VerdictStatus.READ)
    return Judgement((verdict,) * len(path.steps), probability, chains=1)


@dataclass
class ListPolicy(Policy):
    """Writes the seed as the solution; `fails` names the children that get a failure instead."""

    fails: dict[int, Failure] = field(default_factory=dict)
    asked: list[PolicyCall] = field(default_factory=list)

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        self.asked.extend(batch)
        await asyncio.sleep(0)
        return [self.reply(call) for call in batch]

    def reply(self, call: PolicyCall) -> PolicyReply | Failure:
        if call.child in self.fails:
            return self.fails[call.child]
        stop = StopReason.EOS if call.until is Until.END else StopReason.STEP_END
        child = call.path.grow(call.child, [step(f"{call.seed}", stop)])
        return PolicyReply(child, Spent(1, 10, 4, 5, 0))


@dataclass
class ListScorer(Scorer):
    """Gives every step 0.75; `fails` names the paths that get a failure instead."""

    fails: dict[str, Failure] = field(default_factory=dict)
    asked: list[ScorerCall] = field(default_factory=list)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        self.asked.extend(batch)
        await asyncio.sleep(0)
        return [
            self.fails.get(call.path.id) or ScorerReply(judgement(call.path), Spent(1, 20, 0, 7, 0))
            for call in batch
        ]


def search(
    flow: Flow,
    memory: DictMemory | None = None,
    policy: ListPolicy | None = None,
    scorer: ListScorer | None = None,
    seed: int = 0,
) -> Searched:
    return asyncio.run(
        drive(flow, policy or ListPolicy(), scorer or ListScorer(), memory or DictMemory(), seed)
    )


def test_best_of_n_driven_by_hand() -> None:
    """It asks for two drafts, then for a judgement of the one that finished."""
    flow = BestOfN(n=2)(PROBLEM)
    root = Prefix.start(PROBLEM)
    assert next(flow) == Extend((root,), n=2, until=Until.END)
    done, cut = root.grow(0, [step("2")]), root.grow(1, [step("3", StopReason.LENGTH)])
    assert flow.send(Extended(((done, cut),), Spending())) == Judge((done,))
    with pytest.raises(StopIteration) as stop:
        flow.send(Judged((judgement(done),), Spending()))
    first, second = stop.value.value.candidates
    assert (first.path, first.judgement, first.history) == (done, judgement(done), (0.75,))
    assert (second.path, second.judgement, second.history) == (cut, None, ())


def test_greedy_asks_for_one_greedy_solution() -> None:
    flow = Greedy()(PROBLEM)
    assert next(flow) == Extend((Prefix.start(PROBLEM),), n=1, until=Until.END, greedy=True)


def test_majority_never_asks_the_scorer() -> None:
    scorer = ListScorer()
    searched = search(Majority(n=3)(PROBLEM), scorer=scorer)
    assert len(searched.result.candidates) == 3
    assert scorer.asked == []


def test_candidates_and_costs_lie_at_their_places() -> None:
    searched = search(BestOfN(n=3)(PROBLEM))
    assert [candidate.path.id for candidate in searched.result.candidates] == ["0", "1", "2"]
    assert searched.costs.policy == dict.fromkeys("012", Spent(1, 10, 4, 5, 0))
    assert searched.costs.verifier == dict.fromkeys("012", Spent(1, 20, 0, 7, 0))


def test_children_have_their_own_seeds_that_depend_on_the_run_and_the_problem() -> None:
    def seeds(run_seed: int, problem: str) -> list[int]:
        policy = ListPolicy()
        search(BestOfN(n=4)(Problem(problem, "?")), policy=policy, seed=run_seed)
        return [call.seed for call in policy.asked]

    drawn = [*seeds(0, "a"), *seeds(1, "a"), *seeds(0, "b")]
    assert len(set(drawn)) == 12
    assert seeds(0, "a") == seeds(0, "a")


def test_a_replay_asks_nobody_and_gives_the_same_search() -> None:
    memory = DictMemory()
    live = search(BestOfN(n=4)(PROBLEM), memory)
    policy, scorer = ListPolicy(), ListScorer()
    assert search(BestOfN(n=4)(PROBLEM), memory, policy, scorer) == live
    assert (policy.asked, scorer.asked) == ([], [])


@pytest.mark.parametrize("kept", range(9))
def test_a_search_killed_after_any_reply_asks_only_for_the_rest(kept: int) -> None:
    memory = DictMemory()
    live = search(BestOfN(n=4)(PROBLEM), memory)
    half = DictMemory(dict(list(memory.replies.items())[:kept]))
    policy, scorer = ListPolicy(), ListScorer()
    assert search(BestOfN(n=4)(PROBLEM), half, policy, scorer) == live
    assert len(policy.asked) + len(scorer.asked) == 8 - kept
    assert half.replies == memory.replies


def test_another_question_at_a_recorded_place_is_an_error() -> None:
    memory = DictMemory()
    search(BestOfN(n=1)(PROBLEM), memory, seed=1)
    with pytest.raises(ReplayError, match="policy/one//0/end"):
        search(BestOfN(n=1)(PROBLEM), memory, seed=2)


def test_a_larger_n_reuses_the_candidates_of_a_smaller_one() -> None:
    memory = DictMemory()
    small = search(BestOfN(n=2)(PROBLEM), memory)
    policy = ListPolicy()
    large = search(BestOfN(n=5)(PROBLEM), memory, policy)
    assert large.result.candidates[:2] == small.result.candidates
    assert [call.child for call in policy.asked] == [2, 3, 4]


def test_a_policy_failure_ends_the_search_but_keeps_what_the_siblings_said() -> None:
    poison = Failure(FailureKind.POISON, "killed two actors")
    memory = DictMemory()
    with pytest.raises(SearchFailed, match="killed two actors"):
        search(BestOfN(n=3)(PROBLEM), memory, ListPolicy(fails={2: poison}))
    assert sorted(memory.replies) == ["policy/one//0/end", "policy/one//1/end"]


def test_a_scorer_that_is_down_gives_missing_and_is_asked_again_on_resume() -> None:
    memory = DictMemory()
    down = ListScorer(fails={"1": Failure(FailureKind.UNAVAILABLE, "no replica")})
    searched = search(BestOfN(n=2)(PROBLEM), memory, scorer=down)
    assert searched.result.candidates[1].history == (Missing("no replica", transient=True),)
    assert [key.rpartition("/")[0] for key, _ in memory.failures] == ["scorer/one"]
    healed = search(BestOfN(n=2)(PROBLEM), memory)
    assert healed.result.candidates[1].history == (0.75,)


def test_a_call_that_the_scorer_refuses_is_missing_for_good() -> None:
    memory = DictMemory()
    refused = ListScorer(fails={"0": Failure(FailureKind.INVALID, "too long")})
    search(BestOfN(n=1)(PROBLEM), memory, scorer=refused)
    again = search(BestOfN(n=1)(PROBLEM), memory)
    assert again.result.candidates[0].history == (Missing("too long"),)


class Parrot(ListPolicy):
    """Says the same to everybody, the later children sooner."""

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        self.asked.extend(batch)
        for _ in range(5 - batch[0].child):
            await asyncio.sleep(0)
        stops = {Until.STEP: StopReason.STEP_END, Until.END: StopReason.EOS}
        return [
            PolicyReply(call.path.grow(call.child, [step("same", stops[call.until])]), Spent(1))
            for call in batch
        ]


def growing(n: int) -> Flow:
    grown = yield from grow([Prefix.start(PROBLEM)], n)
    spent.append(grown.spent)
    pairs = zip(grown.children[0], grown.judgements[0], strict=True)
    return Result(tuple(Candidate(path, judged, (judged.prefix,)) for path, judged in pairs))


spent: list[Spending] = []


def test_paths_that_say_the_same_are_judged_once_and_all_have_the_judgement() -> None:
    scorer, memory = ListScorer(), DictMemory()
    spent.clear()
    searched = search(growing(3), memory, Parrot(), scorer)
    assert len(scorer.asked) == 1
    assert {path: found.prefix for path, found in searched.judgements.items()} == {
        "0": 0.75,
        "1": 0.75,
        "2": 0.75,
    }
    assert spent[0].verifier == Spent(1, 20, 0, 7, 0)
    assert search(growing(3), memory, Parrot(), ListScorer(fails={"0": DOWN})) == searched


def test_solutions_that_say_the_same_are_judged_once_over_all_waves() -> None:
    scorer = ListScorer()
    searched = search(BestOfN(n=4, wave=2)(PROBLEM), policy=Parrot(), scorer=scorer)
    assert len(scorer.asked) == 1
    assert [candidate.history for candidate in searched.result.candidates] == [(0.75,)] * 4


def test_a_shared_judgement_is_booked_on_the_first_by_place_that_was_kept() -> None:
    def keeping(number: int) -> Flow:
        grown = yield from grow([Prefix.start(PROBLEM)], 3)
        return Result((Candidate(grown.children[0][number]),))

    for kept in range(3):
        searched = search(keeping(kept), policy=Parrot())
        assert searched.costs.verifier == {str(kept): Spent(1, 20, 0, 7, 0)}
    assert set(search(growing(3), policy=Parrot()).costs.verifier) == {"0"}


def test_of_candidates_that_share_a_judgement_the_earliest_pays() -> None:
    """Then the first n candidates have paid for all that they were judged by."""

    def backwards() -> Flow:
        result = yield from growing(3)
        return Result(result.candidates[::-1])

    assert set(search(backwards(), policy=Parrot()).costs.verifier) == {"2"}


def test_searches_side_by_side_pay_each_for_a_judgement_that_they_share() -> None:
    """Whoever is first: so what each may still spend does not depend on the schedule."""

    def one(number: int) -> Flow:
        grown = yield from grow([Prefix.start(PROBLEM)], 1, first=number)
        spent.append(grown.spent)
        again = yield from grow([Prefix.start(PROBLEM)], 1, first=number + 2)
        spent.append(again.spent)
        return Result()

    def both() -> Flow:
        yield from fork([one(0), one(1)])
        spent.append((yield from grow([Prefix.start(PROBLEM)], 1, first=4)).spent)
        return Result()

    scorer = ListScorer()
    spent.clear()
    search(both(), policy=Parrot(), scorer=scorer)
    assert len(scorer.asked) == 1
    assert [each.verifier.calls for each in spent] == [1, 1, 0, 0, 0]


def test_a_child_that_two_flows_ask_for_is_drawn_once() -> None:
    def one() -> Flow:
        ((child,),) = yield from extend([Prefix.start(PROBLEM)], 1)
        return Result((Candidate(child),))

    def both() -> Flow:
        first, second = yield from fork([one(), one()])
        again = yield from fork([one()])
        assert first == second == again[0]
        return first

    policy = ListPolicy()
    searched = search(both(), policy=policy)
    assert len(policy.asked) == 1
    assert searched.costs.policy == {"0": Spent(1, 10, 4, 5, 0)}


@pytest.mark.parametrize(
    "again",
    [{"until": Until.END}, {"greedy": True}, {"feedback": Feedback(ROOT, judgement(ROOT))}],
    ids=lambda said: str(*said),
)
def test_a_child_that_is_asked_for_again_in_another_way_is_refused(again: dict[str, Any]) -> None:
    """It has one place in the tree, one cost and one path."""

    def twice() -> Flow:
        yield from extend([ROOT], 1)
        yield from extend([ROOT], 1, **again)
        return Result()

    with pytest.raises(StrategyError, match="asked twice for child 0 of path ''"):
        search(twice())


def test_a_failed_judgement_is_told_of_every_path_that_says_so() -> None:
    scorer = ListScorer(fails={str(child): DOWN for child in range(3)})
    searched = search(growing(3), policy=Parrot(), scorer=scorer)
    assert searched.failures == {"0": DOWN, "1": DOWN, "2": DOWN}
    assert len(scorer.asked) == 1


def test_a_scorer_with_the_wrong_number_of_verdicts_is_refused() -> None:
    class Short(ListScorer):
        async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
            return [ScorerReply(Judgement((), 0.5), Spent()) for _ in batch]

    class Long(ListScorer):
        async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
            longer = [call.path.grow(0, [step("x")]) for call in batch]
            return [ScorerReply(judgement(path), Spent()) for path in longer]

    (failure,) = search(BestOfN(n=1)(PROBLEM), scorer=Long()).failures.values()
    assert "2 verdicts for 1 steps" in failure.message
    assert search(BestOfN(n=1)(PROBLEM), scorer=Short()).result.candidates[0].history == (0.5,)


def test_grow_judges_each_child_while_its_siblings_still_grow() -> None:
    """The policy holds child 1 back until child 0 was judged: with a barrier this would hang."""
    judged = asyncio.Event()

    class Held(ListPolicy):
        async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
            if batch[0].child == 1:
                await asyncio.wait_for(judged.wait(), 5)
            return await super().extend(batch)

    class Telling(ListScorer):
        async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
            judged.set()
            return await super().judge(batch)

    def flow() -> Flow:
        grown = yield from grow([Prefix.start(PROBLEM)], 2)
        assert [path.id for path in grown.children[0]] == ["0", "1"]
        assert grown.judgements[0] == tuple(judgement(path) for path in grown.children[0])
        return Result()

    search(flow(), policy=Held(), scorer=Telling())


def test_forks_run_side_by_side_and_keep_their_order() -> None:
    def subtree(first: int) -> Flow:
        ((child,),) = (yield from grow([ROOT], 1, first=first)).children
        ((end,),) = yield from extend([child], 1, Until.END)
        return Result((Candidate(end),))

    def flow() -> Flow:
        results = yield from fork([subtree(0), subtree(1)])
        return Result(tuple(result.candidates[0] for result in results))

    candidates = search(flow()).result.candidates
    assert [candidate.path.id for candidate in candidates] == ["0/0", "1/0"]


def test_judging_one_path_twice_asks_once() -> None:
    scorer = ListScorer()

    def flow() -> Flow:
        path = Prefix.start(PROBLEM).grow(0, [step("2")])
        first = yield from judge([path])
        second = yield from judge([path])
        assert first == second
        return Result()

    search(flow(), scorer=scorer)
    assert len(scorer.asked) == 1


def test_what_is_asked_again_costs_nothing() -> None:
    def flow() -> Flow:
        path = Prefix.start(PROBLEM).grow(0, [step("2")])
        first = yield Judge((path, path))
        again = yield Judge((path,))
        assert first.judgements == (judgement(path), judgement(path))
        assert first.spent == Spending(verifier=Spent(1, 20, 0, 7, 0))
        assert again.spent == Spending()
        return Result()

    search(flow())


def test_a_fork_says_what_its_flows_spent() -> None:
    def flow() -> Flow:
        forked = yield Fork((BestOfN(n=2)(PROBLEM), Majority(n=1)(PROBLEM)))
        assert forked.spent == Spending(Spent(3, 30, 12, 15, 0), Spent(2, 40, 0, 14, 0))
        return Result()

    search(flow())


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.1, float("inf")])
def test_what_is_not_a_probability_never_enters_a_judgement(value: float) -> None:
    with pytest.raises(ValueError, match="not a probability"):
        StepVerdict(value, VerdictStatus.READ)
    with pytest.raises(ValueError, match="not a probability"):
        Judgement((), value)


def test_a_verdict_has_a_number_exactly_when_it_was_read() -> None:
    with pytest.raises(ValueError, match="cannot have probability"):
        StepVerdict(None, VerdictStatus.READ)
    with pytest.raises(ValueError, match="cannot have probability"):
        StepVerdict(0.5, VerdictStatus.MISSING)


@pytest.mark.parametrize("n", [0, -4])
@pytest.mark.parametrize("strategy", [BestOfN, Majority])
def test_a_strategy_refuses_to_draw_nothing(strategy: type[BestOfN | Majority], n: int) -> None:
    with pytest.raises(ValueError, match=f"n: {n} must be 1 or more"):
        strategy(n=n)
