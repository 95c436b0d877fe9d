"""What a strategy may ask and return: who breaks it is told so in one line, others go on."""

from __future__ import annotations

import asyncio
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets import Sample
from benchmarks.grading import GradingConfig, open_grader
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.contract import StrategyError
from search.core import (
    Candidate,
    Judgement,
    Prefix,
    Problem,
    Pruned,
    Result,
    StepVerdict,
    VerdictStatus,
)
from search.driver import drive
from search.memory import DictMemory
from search.ports import FailureKind
from search.questions import (
    Extend,
    Flow,
    Fork,
    Grow,
    Judge,
    Until,
    extend,
    fork,
)
from search.strategies.best_of_n import BestOfN
from treewright.arms.solved import Solved
from treewright.journal.journal import Journal
from treewright.running.controller import Controller, Failed, Grading

ROOT = Prefix.start(Problem("p", "1 + 1?"))
POLICY = ScriptedPolicy(ScriptedPolicyConfig())
SCORER = ScriptedScorer(ScriptedScorerConfig())
Search = Callable[[Problem], Any]


def asks(question: Any) -> Search:
    def flow(problem: Problem) -> Flow:
        yield question
        return Result()

    return flow


def returns(result: Any) -> Search:
    """After one question that is in order."""

    def flow(problem: Problem) -> Flow:
        yield from extend([Prefix.start(problem)], 1, Until.END)
        return result  # type: ignore[no-any-return]  # what a custom strategy may return

    return flow


def exits(error: type[BaseException]) -> Search:
    def flow(problem: Problem) -> Flow:
        yield from extend([Prefix.start(problem)], 1, Until.END)
        raise error

    return flow


def gives(flow: Any) -> Search:
    return lambda problem: flow


WHOLE = "it must be a whole number from"
BROKEN: dict[str, tuple[Search, str]] = {
    "yields a string": (
        asks("go on"),
        "the strategy yielded 'go on' (str); it must be an Extend, a Judge, a Grow or a Fork",
    ),
    "yields nothing": (asks(None), "the strategy yielded None (NoneType); it must be an Extend"),
    "yields a class": (asks(Grow), "Grow'> (type); it must be an Extend"),
    "yields something long": (asks("ha" * 99), f"yielded 'h{'ah' * 28}a… (str); it must be"),
    "no children": (asks(Extend((ROOT,), 0)), f"the strategy asked with n 0 (int); {WHOLE} 1 to"),
    "half a child": (asks(Grow((ROOT,), 0.5)), f"with n 0.5 (float); {WHOLE} 1 to"),  # type: ignore[arg-type]  # as all below: what a custom strategy may ask
    "a number in words": (asks(Extend((ROOT,), "2")), f"with n '2' (str); {WHOLE} 1 to"),  # type: ignore[arg-type]
    "numbers from below 0": (
        asks(Grow((ROOT,), 1, first=-1)),
        f"the strategy asked with first -1 (int); {WHOLE} 0 to",
    ),
    "paths in a list": (asks(Judge([ROOT])), "(list); it must be a tuple"),  # type: ignore[arg-type]
    "one path": (asks(Grow(ROOT, 1)), "(Prefix); it must be a tuple"),  # type: ignore[arg-type]
    "a path twice": (
        asks(Grow((ROOT, ROOT), 1)),
        "the strategy named path '' twice in one question; number its children apart",
    ),
    "a text for a path": (
        asks(Judge(("0/1",))),  # type: ignore[arg-type]
        "the strategy named '0/1' (str) where a Prefix is expected",
    ),
    "a candidate for a path": (
        asks(Extend((Candidate(ROOT),), 1)),  # type: ignore[arg-type]
        "(Candidate) where a Prefix is expected",
    ),
    "returns nothing": (
        returns(None),
        "the strategy returned None (NoneType); it must return a Result",
    ),
    "returns paths": (returns([ROOT]), "(list); it must return a Result"),
    "returns no candidates": (
        returns(Result((ROOT,))),  # type: ignore[arg-type]
        "(Prefix) among the candidates of its Result; each must be a Candidate",
    ),
    "returns one candidate": (
        returns(Result(Candidate(ROOT))),  # type: ignore[arg-type]
        "(Candidate); it must be a tuple",
    ),
    "returns None for candidates": (
        returns(Result(None)),  # type: ignore[arg-type]
        "the strategy returned candidates None (NoneType); it must be a tuple",
    ),
    "a number for a judgement": (
        returns(Result((Candidate(ROOT, 0.5),))),  # type: ignore[arg-type]
        "a candidate with judgement 0.5 (float); it must be Judgement | None",
    ),
    "a text in a history": (
        returns(Result((Candidate(ROOT, None, ("high",)),))),  # type: ignore[arg-type]
        "'high' (str) among the history of a candidate; each must be a probability",
    ),
    "a number above 1 in a history": (
        returns(Result((Candidate(ROOT, None, (0.5, 1.5)),))),
        "the strategy returned 1.5 (float) among the history of a candidate",
    ),
    "another path's judgement": (
        returns(
            Result((Candidate(ROOT, Judgement((StepVerdict(0.5, VerdictStatus.READ),), 0.5)),))
        ),
        "path '' of 0 steps with a judgement of 1; a candidate has the judgement of its path",
    ),
    "a number for an id": (
        returns(Result((), (Pruned(5, "outranked"),))),  # type: ignore[arg-type]
        "returned what it pruned with path_id 5 (int); it must be a str",
    ),
    "true for a number": (asks(Extend((ROOT,), True)), f"with n True (bool); {WHOLE} 1 to"),
    "more children than memory": (
        asks(Grow((ROOT,), 10**12)),
        f"with n 1000000000000 (int); {WHOLE} 1 to 1,048,576",
    ),
    "an id for a pruned path": (
        returns(Result((), ("0/1",))),  # type: ignore[arg-type]
        "'0/1' (str) among the pruned of its Result; each must be a Pruned",
    ),
    "a number for the limit": (
        returns(Result((), (), 5)),  # type: ignore[arg-type]
        "the strategy returned exhausted 5 (int); it must be search.limit.LimitReached | None",
    ),
    "until in words": (
        asks(Extend((ROOT,), 1, "end")),  # type: ignore[arg-type]
        "asked with until 'end' (str); it must be an Until",
    ),
    "greedy in words": (
        asks(Extend((ROOT,), 1, greedy="yes")),  # type: ignore[arg-type]
        "asked with greedy 'yes' (str); it must be a bool",
    ),
    "feedback in words": (
        asks(Grow((ROOT,), 1, feedback="try again")),  # type: ignore[arg-type]
        "asked with feedback 'try again' (str); it must be Feedback | None",
    ),
    "a fork of no tuple": (
        asks(Fork(None)),  # type: ignore[arg-type]
        "asked with flows None (NoneType); it must be a tuple",
    ),
    "ends the program": (exits(SystemExit), "the strategy raised SystemExit, which would end"),
    "cancels itself": (exits(asyncio.CancelledError), "raised CancelledError, which would end"),
    "is no generator": (
        gives(Result()),
        "(Result) when it was called; it must be a generator: yield questions, return a Result",
    ),
    "is nothing": (gives(None), "the strategy gave None (NoneType) when it was called"),
}
broken = pytest.mark.parametrize(("search", "said"), BROKEN.values(), ids=BROKEN)


def run(search: Search) -> Result:
    memory = DictMemory()
    return asyncio.run(drive(search(ROOT.problem), POLICY, SCORER, memory, 0)).result


@broken
def test_what_breaks_the_contract_is_told_in_one_line(search: Search, said: str) -> None:
    with pytest.raises(StrategyError, match=re.escape(said)) as raised:
        run(search)
    assert "\n" not in str(raised.value)


@broken
def test_a_sub_search_is_under_the_same_contract(search: Search, said: str) -> None:
    def parent(problem: Problem) -> Flow:
        healthy = BestOfN(n=2)(problem)
        (result, _) = yield from fork([healthy, search(problem)])
        return result

    with pytest.raises(StrategyError, match=re.escape(said)):
        run(parent)


def elsewhere(problem: Problem) -> Flow:
    """The last step of its candidate is its own."""
    ((path, _),) = yield from extend([Prefix.start(problem)], 2, Until.END)
    own = replace(path.steps[-1], text="The answer is 2.")
    return Result((Candidate(replace(path, steps=(*path.steps[:-1], own))),))


def twice(problem: Problem) -> Flow:
    ((path, _),) = yield from extend([Prefix.start(problem)], 2, Until.END)
    return Result((Candidate(path), Candidate(path)))


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (returns(Result((Candidate(ROOT),))), "returned path '', which this search did not draw"),
        (elsewhere, "returned path '0', which this search did not draw"),
        (twice, "returned path '0' twice; return it once"),
    ],
)
def test_a_candidate_is_a_path_that_was_drawn_and_votes_once(search: Search, said: str) -> None:
    with pytest.raises(StrategyError, match=re.escape(said)):
        run(search)


def test_a_fork_of_nothing_is_in_order() -> None:
    def nothing(problem: Problem) -> Flow:
        forked = yield Fork(())
        assert forked.results == ()
        return Result()

    assert run(nothing) == Result()


def test_its_error_crosses_processes() -> None:
    error = StrategyError("the strategy returned None")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@dataclass
class Moody:
    """Breaks the contract as the problem's id says, and searches where it says nothing."""

    broken: dict[str, Search]
    candidates: int = field(default=2, init=False)
    draws: int = field(default=2, init=False)
    judges: bool = field(default=True, init=False)

    def __call__(self, problem: Problem) -> Flow:
        flow: Flow = self.broken.get(problem.id, BestOfN(n=2))(problem)
        return flow


def raises(problem: Problem) -> Flow:
    raise ZeroDivisionError(f"while {problem.id} was searched")


def controlled(strategy: Moody, ids: list[str], folder: Path) -> dict[str, Solved | Failed]:
    """What became of each problem under a controller, three in flight."""
    ended: dict[str, Solved | Failed] = {}
    samples = [Sample(Problem(id, "1 + 1?"), "2", {}) for id in ids]

    async def run_all(journal: Journal) -> None:
        grading = GradingConfig(kind="numeric")
        async with open_grader(grading) as grader:
            controller = Controller(
                strategy=strategy,
                policy=POLICY,
                scorer=SCORER,
                memory=DictMemory(),
                journal=journal,
                grading=Grading(grading, grader, journal),
                seed=0,
                on_done=lambda item: ended.update({item.problem_id: item}),
            )
            await controller.search_all(samples, in_flight=3, stop=asyncio.Event())

    with Journal.open(folder) as journal:
        asyncio.run(run_all(journal))
    return ended


def test_a_problem_that_broke_is_recorded_with_its_traceback_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    searches = {id: search for id, (search, _) in BROKEN.items()} | {"raises": raises}
    ended = controlled(Moody(searches), ["first", *searches, "last"], tmp_path)
    assert isinstance(ended["first"], Solved)
    assert isinstance(ended["last"], Solved)
    with Journal.open(tmp_path, readonly=True) as journal:
        recorded = dict(journal.latest("failure"))
    assert set(recorded) == {f"problem/{id}" for id in searches}
    said = {id: told for id, (_, told) in BROKEN.items()} | {"raises": "while raises was searched"}
    for id, told in said.items():
        failed = ended[id]
        assert isinstance(failed, Failed)
        assert failed.failure.kind is FailureKind.INTERNAL
        assert failed.failure.message == recorded[f"problem/{id}"]["message"]
        assert failed.failure.traceback == recorded[f"problem/{id}"]["traceback"]
        assert failed.failure.traceback.startswith("Traceback")
        assert told in failed.failure.message
