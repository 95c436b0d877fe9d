"""The speed benchmarks: simulated time, the barrier, and what `Grow` gains over it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from statistics import fmean, pstdev
from typing import Any

import pytest

from benchmarks.speed import overlap
from benchmarks.speed.barrier import with_barrier
from benchmarks.speed.overlap import BASE, SETTINGS, as_it_is, main, problem, row, search
from benchmarks.speed.setting import BYTES_PER_TOKEN, STEP_TOKENS, Setting
from benchmarks.speed.virtual_time import VirtualTimeLoop
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.budget import Budget
from search.core import Judgement, Prefix, Problem, Result, Spending, Spent, Step, StopReason
from search.driver import Searched, drive
from search.limit import LimitReached
from search.memory import DictMemory
from search.questions import (
    Extend,
    Extended,
    Flow,
    Fork,
    Forked,
    Grow,
    Grown,
    Judge,
    Judged,
    Strategy,
    Until,
    fork,
    grow,
)
from search.strategies.beam import Beam
from search.strategies.dvts import Dvts
from search.strategies.rebase import Rebase

ROOT = Prefix.start(Problem("sum", "What is 3 + 4?"))
LEFT, RIGHT = (ROOT.grow(child, [Step("so\n", (1,), StopReason.STEP_END)]) for child in (0, 1))
POLICY, VERIFIER = Spending(policy=Spent(1, 2)), Spending(verifier=Spent(3, 4))


# Simulated time


def test_simulated_time_jumps_to_each_timer_exactly() -> None:
    async def wake(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return asyncio.get_running_loop().time()

    async def wake_all() -> list[float]:
        return list(await asyncio.gather(wake(5000.0), wake(0.25), wake(5000.25)))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(wake_all()) == [5000.0, 0.25, 5000.25]


def test_simulated_time_stands_while_there_is_work() -> None:
    async def work() -> float:
        for _ in range(1000):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(work()) == 0.0


def test_a_simulation_in_which_all_tasks_wait_is_an_error_and_not_a_hang() -> None:
    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with (
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
        pytest.raises(RuntimeError, match="no timer is left"),
    ):
        runner.run(wait())


# The barrier


def grow_twice() -> Flow:
    """Grows the root, then its first child; returns nothing but what it was told as the reason."""
    grown = yield from grow([ROOT], 2, first=4)
    yield from grow([grown.children[0][0]], 1)
    return Result(exhausted=LimitReached(repr(grown)))


def no_verdict(reason: str) -> Judgement:
    return Judgement.missing(reason)


def test_a_grow_becomes_an_extend_and_one_judge_of_all_children() -> None:
    flow = with_barrier(grow_twice())
    assert next(flow) == Extend((ROOT,), 2, Until.STEP, 4)
    children = ((LEFT, RIGHT),)
    assert flow.send(Extended(children, POLICY)) == Judge((LEFT, RIGHT))
    judgements = (no_verdict("left"), no_verdict("right"))
    assert flow.send(Judged(judgements, VERIFIER)) == Extend((LEFT,), 1)
    flow.send(Extended(((LEFT,),), POLICY))
    with pytest.raises(StopIteration) as stop:
        flow.send(Judged((no_verdict("end"),), VERIFIER))
    told = Grown(children, (judgements,), POLICY + VERIFIER)
    assert stop.value.value.exhausted == LimitReached(repr(told))


def test_a_grow_inside_a_fork_becomes_two_rounds_as_well() -> None:
    def forked() -> Flow:
        (result,) = yield from fork([grow_twice()])
        return result

    flow = with_barrier(forked())
    question = next(flow)
    assert isinstance(question, Fork)
    assert isinstance(next(question.flows[0]), Extend)
    result = Result(exhausted=LimitReached("of the sub-search"))
    with pytest.raises(StopIteration) as stop:
        flow.send(Forked((result,), Spending()))
    assert stop.value.value == result


@pytest.mark.parametrize("question", [Extend((ROOT,), 3, Until.END, 1, True), Judge((LEFT,))])
def test_other_questions_pass_as_they_are(question: Extend | Judge) -> None:
    def ask() -> Flow:
        reply = yield question
        return Result(exhausted=reply)

    flow = with_barrier(ask())
    assert next(flow) is question
    with pytest.raises(StopIteration) as stop:
        flow.send("the reply")
    assert stop.value.value.exhausted == "the reply"


def searched(flow: Flow) -> Searched:
    policy = ScriptedPolicy(ScriptedPolicyConfig(length_cv=0.6))
    scorer = ScriptedScorer(ScriptedScorerConfig(missing=0.1))
    return asyncio.run(drive(flow, policy, scorer, DictMemory(), 1))


@pytest.mark.parametrize(
    "strategy", [Beam(8, 2), Beam(8, 4, score_every=2), Dvts(8, 4), Rebase(8)], ids=repr
)
def test_a_barrier_changes_neither_tree_nor_judgements_nor_cost(strategy: Strategy) -> None:
    assert searched(strategy(ROOT.problem)) == searched(with_barrier(strategy(ROOT.problem)))


@pytest.mark.parametrize("strategy", [Beam, Dvts])
def test_a_budget_ends_a_search_with_barriers_at_the_same_place(
    strategy: Callable[..., Strategy],
) -> None:
    limited = strategy(8, 4, budget=Budget(total_tokens=2000))
    ended = searched(with_barrier(limited(ROOT.problem)))
    assert ended.result.exhausted is not None
    assert ended == searched(limited(ROOT.problem))


# What Grow gains


def test_one_problem_is_searched_a_tenth_faster_without_a_barrier_and_to_the_same_tree() -> None:
    """The goal of the design: length CV 0.6, one problem, N=16, M=4. Exact: time is simulated."""
    assert (BASE.paths, BASE.children, BASE.length_cv, BASE.at_once) == (16, 4, 0.6, 1)
    measured = row(BASE, problems=6)
    assert measured.same_trees
    assert measured.ratio_min >= 1.1


def test_equal_lengths_gain_nothing() -> None:
    measured = row(Setting("equal", paths=4, length_cv=0.0), problems=2)
    assert measured.same_trees
    assert 1.0 <= measured.ratio < 1.01


def test_a_verifier_with_nearly_all_the_work_leaves_less_to_gain() -> None:
    quick, slow = (row(Setting("", verifier_pace=pace), problems=2) for pace in (0.25, 1.0))
    assert slow.verifier_work == pytest.approx(4 * quick.verifier_work)
    assert 1.0 < slow.ratio < quick.ratio


def test_the_work_of_other_problems_fills_the_gaps_of_a_barrier() -> None:
    lone = row(Setting("", slots=8), problems=4)
    crowd = row(Setting("", slots=8, at_once=4), problems=4)
    assert (len(lone.races), len(crowd.races)) == (4, 1)
    assert 1.0 < crowd.ratio < lone.ratio_min


def test_simulated_times_are_the_same_each_time() -> None:
    narrow = Setting("narrow", paths=4)
    assert row(narrow, problems=2) == row(narrow, problems=2)


def test_steps_are_as_long_and_as_varied_as_the_setting_says() -> None:
    (found,), _ = search(Setting("", paths=64), [problem(0)], as_it_is, real=False)
    lengths = [len(path.steps[-1].token_ids) / BYTES_PER_TOKEN for path in found.paths.values()]
    assert fmean(lengths) == pytest.approx(STEP_TOKENS, rel=0.1)
    assert pstdev(lengths) / fmean(lengths) == pytest.approx(0.6, abs=0.08)


def test_the_order_of_the_two_searches_alternates(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[object] = []

    def watched(setting: Setting, problems: Any, way: Any, real: bool) -> Any:
        ways.append(way)
        return search(setting, problems, way, real)

    monkeypatch.setattr(overlap, "search", watched)
    row(Setting("", paths=4), problems=2, repetitions=2)
    grow_first, barrier_first = [as_it_is, with_barrier], [with_barrier, as_it_is]
    assert ways == grow_first + barrier_first + barrier_first + grow_first


# The command


@pytest.fixture
def _only_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "BASE", Setting("base", paths=4))
    monkeypatch.setattr(overlap, "SETTINGS", (Setting("base", paths=4),))
    monkeypatch.setattr(overlap, "REAL_SPEED", 1000.0)


def test_every_setting_has_a_name_of_its_own() -> None:
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


@pytest.mark.usefixtures("_only_the_base")
def test_json_is_one_object_with_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "--problems", "2", "--real", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["rows"]
    virtual, real = told["rows"]
    assert (virtual["clock"], real["clock"]) == ("virtual", "real")
    assert virtual["setting"]["paths"] == 4
    assert [race["problems"] for race in virtual["races"]] == [["sum-0"], ["sum-1"]]
    for race in virtual["races"] + real["races"]:
        assert race["same_trees"] is True
        assert race["ratio"] == race["barrier_seconds"] / race["grow_seconds"]


@pytest.mark.usefixtures("_only_the_base")
def test_the_table_has_a_line_per_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--problems", "1"]) == 0
    out = capsys.readouterr().out
    assert out.count("│ base ") == 1
    assert "yes" in out


@pytest.mark.usefixtures("_only_the_base")
def test_trees_that_differ_are_told_and_fail_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def elsewhere(flow: Flow) -> Flow:
        question = next(flow)
        assert isinstance(question, Grow)
        reply = yield Grow(question.paths, question.n, first=100)
        while True:
            try:
                reply = yield flow.send(reply)
            except StopIteration as stop:
                result: Result = stop.value
                return result

    monkeypatch.setattr(overlap, "with_barrier", elsewhere)
    assert main(["--problems", "1"]) == 1
    assert "NO" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--problems", "0"], ["--real", "-1"]])
def test_counts_that_make_no_sense_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "--problems must be 1 or more and --real 0 or more" in capsys.readouterr().err
