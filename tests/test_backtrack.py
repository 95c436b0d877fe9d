"""Backtracking: lines worked out by hand, and each rule alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from search.budget import Budget, bounded
from search.core import (
    Feedback,
    Judgement,
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
from search.limit import LimitReached
from search.questions import (
    Extend,
    Extended,
    Grow,
    Grown,
    Judge,
    Judged,
    Question,
    Until,
)
from search.strategies.backtrack import Backtrack
from written_trees import ids, play, reasons

PROBLEM = Problem("p", "1 + 2 + 3?")
ONE = Backtrack(chains=1)
STEPWISE = Backtrack(chains=1, until="step", depth=9)
ENDS = {"": StopReason.EOS, "~": StopReason.LENGTH, "+": StopReason.STEP_END}


@dataclass
class World:
    """Policy and verifier of paths that are written down, by their ids.

    `9 8 1 >` is a path of four steps: the first two judged correct with .9 and .8, the third
    incorrect with .1, the last not judged for that reason. `?` has no verdict; all of them: no
    judgement. `~` after it: the last step was cut; `+`: the path goes on. Of the steps that the
    path continues only the verdicts are new. The prefix has the lowest of the probabilities.
    """

    paths: Mapping[str, str]
    asked: list[tuple[int, str]] = field(default_factory=list)
    """How many steps each drawn path continues, and its id."""
    judged: list[str] = field(default_factory=list)
    told: list[Feedback | None] = field(default_factory=list)

    def answer(self, question: Question) -> Extended | Judged | Grown:
        match question:
            case Extend(until=Until.END):
                return Extended(((self.draw(question),),), Spending(Spent(1)))
            case Judge(paths=(path,)):
                return Judged((self.judge(path),), Spending(Spent(1)))
            case Grow():
                path = self.draw(question)
                return Grown(((path,),), ((self.judge(path),),), Spending(Spent(2)))
            case _:
                raise AssertionError(question)

    def draw(self, question: Extend | Grow) -> Prefix:
        ((parent,), number) = question.paths, question.first
        assert question.n == 1
        id = "/".join(map(str, (*parent.place, number)))
        spec = self.paths[id]
        new = len(spec.rstrip("~+").split()) - len(parent.steps)
        ends = [StopReason.STEP_END] * (new - 1) + [ENDS[spec[-1] if spec[-1] in "~+" else ""]]
        self.asked.append((len(parent.steps), id))
        self.told.append(question.feedback)
        return parent.grow(number, [Step(f"{id}\n", (7,), end) for end in ends])

    def judge(self, path: Prefix) -> Judgement:
        self.judged.append(path.id)
        verdicts = [verdict(mark) for mark in self.paths[path.id].rstrip("~+").split()]
        read = [each.probability for each in verdicts if each.probability is not None]
        return Judgement(tuple(verdicts), min(read)) if read else Judgement.missing("unreadable")


def verdict(mark: str) -> StepVerdict:
    if mark == "?":
        return StepVerdict(None, VerdictStatus.MISSING)
    if mark == ">":
        return StepVerdict(0.1, VerdictStatus.AFTER_ERROR)
    return StepVerdict(int(mark) / 10, VerdictStatus.READ, f"critique {mark}")


def line(strategy: Backtrack, *attempts: str) -> tuple[World, Result]:
    """The first chain of a search that draws to the end: what was asked, and its result."""
    world = World({str(number): spec for number, spec in enumerate(attempts)})
    return world, play(strategy.chain(PROBLEM, 0), world)


# Lines worked out by hand


def test_a_line_drawn_to_the_end() -> None:
    """Four attempts, patience 2.

    0 from nothing: step 3 incorrect, keep 2. 1 from these 2 steps: step 3 again, the second failure
    right after them, so step 2 is taken back too: keep 1. 2 from 1 step: gets to step 4, keep 3.
    3 from these 3: nothing incorrect.
    """
    world, result = line(ONE, "9 8 2 >", "9 8 1 >", "9 7 8 3", "9 7 8 9")
    assert world.asked == [(0, "0"), (2, "1"), (1, "2"), (3, "3")]
    assert ids(result) == ["3"]
    assert reasons(result) == {
        "0": "step 3 judged incorrect (0.20)",
        "1": "step 3 judged incorrect (0.10)",
        "2": "step 4 judged incorrect (0.30)",
    }
    assert [told and told.attempt.id for told in world.told] == [None, "0", "1", "2"]
    assert [step.text for step in result.candidates[0].path.steps] == ["0\n", "2\n", "2\n", "3\n"]
    assert result.candidates[0].history == (0.7,)
    assert result.exhausted is None


# Draw 2 is the first failure right after two steps, draw 3 the second: 0/1 is taken back.
STEPS = {
    **{"0": "9+", "0/1": "9 8+", "0/1/2": "9 8 3+", "0/1/3": "9 8 2+"},
    **{"0/4": "9 9+", "0/4/5": "9 9 8"},
}


def test_a_line_drawn_step_by_step() -> None:
    world = World(STEPS)
    result = play(STEPWISE.chain(PROBLEM, 0), world)
    assert world.asked == [(len(id.split("/")) - 1, id) for id in STEPS]
    assert ids(result) == ["0/4/5"]
    assert result.candidates[0].history == (0.9, 0.9, 0.8)
    assert reasons(result) == {
        "0/1/2": "step 3 judged incorrect (0.30)",
        "0/1/3": "step 3 judged incorrect (0.20)",
        "0/1": "all its continuations were given up",
    }
    told = [told and told.attempt.id for told in world.told]
    assert told == [None, None, None, "0/1/2", "0/1/3", "0/1/3"]


# Where to go back to


def test_a_kept_step_that_is_judged_incorrect_later_is_taken_back() -> None:
    world, _ = line(ONE, "9 8 7 2", "9 3 > >", "9 9")
    assert world.asked == [(0, "0"), (3, "1"), (1, "2")]


def test_step_by_step_too() -> None:
    world = World({"0": "9+", "0/1": "9 9+", "0/1/2": "2 > >+", "3": "9"})
    result = play(STEPWISE.chain(PROBLEM, 0), world)
    assert ids(result) == ["3"]
    assert reasons(result) == {
        "0/1/2": "step 1 judged incorrect (0.20)",
        "0": "all its continuations were given up",
        "0/1": "all its continuations were given up",
    }


@pytest.mark.parametrize(
    ("threshold", "kept"), [(0.5, [0, 2]), (0.51, [0, 1]), (0.9, [0, 0]), (0.2, [0])]
)
def test_incorrect_is_below_the_threshold(threshold: float, kept: list[int]) -> None:
    world, _ = line(replace(ONE, threshold=threshold, backtracks=1), "8 5 2 >", "9 9 9 9")
    assert [steps for steps, _ in world.asked] == kept


@pytest.mark.parametrize("spec", ["9 ? 9", "? ? 9", "9 9 ?", "9 > >", "? ? ?"])
def test_a_step_without_a_verdict_of_its_own_is_not_incorrect(spec: str) -> None:
    world, result = line(ONE, spec)
    assert len(world.asked) == 1
    assert ids(result) == ["0"]


def test_a_path_that_was_cut_is_not_judged_and_failed_where_it_was_drawn_from() -> None:
    """It counts: after two of them the only kept step is taken back. Told is the last verdict."""
    world, result = line(ONE, "9 2", "9 9 9~", "9 9", "9 9 9 9~")
    assert world.asked == [(0, "0"), (1, "1"), (0, "2")]
    assert world.judged == ["0", "2"]
    assert [told and told.attempt.id for told in world.told] == [None, "0", "0"]
    assert reasons(result) == {"0": "step 2 judged incorrect (0.20)", "1": "cut: length"}


def test_a_step_that_was_cut_failed_whatever_its_verdict() -> None:
    world = World({"0": "9+", "0/1": "9 9~", "0/2": "9 9"})
    result = play(STEPWISE.chain(PROBLEM, 0), world)
    assert ids(result) == ["0/2"]
    assert reasons(result) == {"0/1": "cut: length"}


# What is returned


def test_when_it_may_not_go_back_any_more_the_best_finished_attempt_stands() -> None:
    """Prefixes .2, .4, .3: the second. The last failure goes back nowhere."""
    strategy = replace(ONE, backtracks=2)
    _, result = line(strategy, "9 2", "9 4", "3 >")
    assert ids(result) == ["1"]
    assert set(reasons(result)) == {"0", "2"}
    assert result.exhausted == LimitReached("backtracks", 2, 2)
    _, result = line(replace(strategy, keep="all"), "9 2", "9 4", "3 >")
    assert ids(result) == ["1", "2", "0"]
    assert reasons(result) == {}


def test_without_backtracks_the_first_attempt_stands() -> None:
    _, result = line(replace(ONE, backtracks=0), "9 2")
    assert (ids(result), result.exhausted) == (["0"], LimitReached("backtracks", 0, 0))


def test_an_accepted_solution_stands_whatever_scored_better_before() -> None:
    """`last` prefers the first attempt, whose last step has .9, to the second's .6."""
    strategy = replace(ONE, aggregate="last", keep="all")
    _, result = line(strategy, "9 2 9", "9 5 6")
    assert ids(result) == ["1", "0"]


def test_the_field_aggregate_says_which_attempt_is_best() -> None:
    attempts = ("2 9", "4 5")
    for aggregate, best in (("last", "0"), ("min", "1"), ("history.last", "1")):
        _, result = line(replace(ONE, backtracks=1, aggregate=aggregate), *attempts)
        assert ids(result) == [best]


def test_a_solution_that_could_not_be_judged_ends_the_line_but_stands_behind_a_score() -> None:
    world, result = line(ONE, "9 2", "? ?")
    assert len(world.asked) == 2
    assert ids(result) == ["0"]
    assert reasons(result) == {"1": "it has no score"}


def test_where_nothing_finished_what_was_cut_last_abstains() -> None:
    _, result = line(replace(ONE, backtracks=1), "9~", "9 9~")
    assert ids(result) == ["1"]
    assert reasons(result) == {"0": "cut: length"}


def test_step_by_step_the_kept_path_abstains_where_nothing_finished() -> None:
    world = World({"0": "9+", "0/1": "9 2+"})
    result = play(replace(STEPWISE, backtracks=0).chain(PROBLEM, 0), world)
    assert ids(result) == ["0"]
    assert reasons(result) == {"0/1": "step 2 judged incorrect (0.20)"}


def test_a_line_ends_at_its_depth() -> None:
    world = World({"0": "9+", "0/1": "9 9+"})
    result = play(replace(STEPWISE, depth=2).chain(PROBLEM, 0), world)
    assert (ids(result), result.exhausted) == (["0/1"], LimitReached("depth", 2, 2))


# What the policy is told, budgets and bad fields


def test_the_critique_that_is_told_is_of_the_step_taken_back() -> None:
    world, _ = line(replace(ONE, threshold=0.8), "9 7 2", "9 9")
    assert world.told[1] is not None
    assert [each.critique for each in world.told[1].judgement.verdicts] == ["", "critique 7", ""]


def test_an_attempt_that_there_is_no_budget_to_judge_is_kept_apart() -> None:
    """Of three calls the third draws an attempt; it stands behind one that has a score."""
    strategy = replace(ONE, backtracks=9, budget=Budget(calls=3))
    world = World({"0": "9 2", "1": "9 9"})
    result = play(bounded(strategy.chain(PROBLEM, 0), strategy.budget), world)
    assert (world.judged, result.exhausted) == (["0"], LimitReached("calls", 3, 3))
    assert ids(result) == ["0"]
    assert reasons(result) == {"1": "budget spent"}


def test_the_open_path_is_given_up_where_the_budget_ends_after_a_worse_solution() -> None:
    """Two calls each: 0 finished and failed, 1 goes on when there is nothing left to spend."""
    world = World({"0": "2", "1": "9+"})
    result = play(bounded(STEPWISE.chain(PROBLEM, 0), Budget(calls=4)), world)
    assert ids(result) == ["0"]
    assert reasons(result) == {"1": "budget spent"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"backtracks": -1}, "backtracks: -1 must be 0 or more; nearest 0"),
        ({"patience": 0}, "patience: 0 must be 1 or more"),
        ({"until": "ends"}, "until: 'ends' must be one of end, step"),
        ({"threshold": 1.5}, "threshold: 1.5 must be from 0 to 1; nearest 1"),
        ({"depth": 0}, "depth: 0 must be 1 or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Backtrack(**fields)
