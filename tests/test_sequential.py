"""Sequential revision: chains worked out by hand, and each rule alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from search.aggregation import MissingRule
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
    Judge,
    Judged,
    Question,
    Until,
)
from search.strategies.sequential import Sequential
from written_trees import ids, play, reasons

PROBLEM = Problem("p", "1 + 2 + 3?")
ONE = Sequential(chains=1, keep="all")


@dataclass
class World:
    """Policy and verifier of attempts that are written down in the order in which they are drawn.

    `9 2` is a solution of two steps judged correct with .9 and .2; `?` has no verdict, all of them:
    no judgement. `~` after it: its last step was cut. The prefix has the lowest probability.
    """

    attempts: Sequence[str]
    told: list[Feedback | None] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)

    def answer(self, question: Question) -> Extended | Judged:
        match question:
            case Extend(paths=(parent,), n=1, until=Until.END):
                assert parent == Prefix.start(PROBLEM)
                assert question.first == len(self.told)
                self.told.append(question.feedback)
                spec = self.attempts[question.first]
                last = StopReason.LENGTH if spec.endswith("~") else StopReason.EOS
                ends = [StopReason.STEP_END] * (len(self.marks(question.first)) - 1) + [last]
                path = parent.grow(question.first, [Step("x\n", (7,), end) for end in ends])
                return Extended(((path,),), Spending(Spent(1)))
            case Judge(paths=(path,)):
                self.judged.append(path.id)
                return Judged((self.judgement(path),), Spending(Spent(1)))
            case _:
                raise AssertionError(question)

    def marks(self, number: int) -> list[str]:
        return self.attempts[number].rstrip("~").split()

    def judgement(self, path: Prefix) -> Judgement:
        verdicts = [
            StepVerdict(None, VerdictStatus.MISSING)
            if mark == "?"
            else StepVerdict(int(mark) / 10, VerdictStatus.READ, f"critique {mark}")
            for mark in self.marks(path.place[0])
        ]
        read = [each.probability for each in verdicts if each.probability is not None]
        return Judgement(tuple(verdicts), min(read)) if read else Judgement.missing("unreadable")


def revise(strategy: Sequential, *attempts: str) -> tuple[World, Result]:
    """The first chain: what it asked, and its result."""
    world = World(attempts)
    return world, play(strategy.chain(PROBLEM, 0), world)


def shown(world: World) -> list[str | None]:
    """The attempt that each draw was shown."""
    return [told.attempt.id if told else None for told in world.told]


# Chains worked out by hand


def test_a_chain_that_revises_the_last_attempt() -> None:
    """Prefixes .2, .4, .3, .9: the fourth is above .5, and the last that there may be."""
    world, result = revise(ONE, "9 2", "4 8", "9 3", "9 9")
    assert shown(world) == [None, "0", "1", "2"]
    assert ids(result) == ["3", "2", "1", "0"]
    assert [each.history for each in result.candidates] == [(0.9,), (0.3,), (0.4,), (0.2,)]
    assert (result.pruned, result.exhausted) == ((), None)


def test_a_chain_that_revises_the_best_attempt() -> None:
    """After .2 and .4 comes .3, so the second is shown twice; none is accepted, so it stands."""
    world, result = revise(replace(ONE, revise="best"), "9 2", "4 8", "9 3", "2 9")
    assert shown(world) == [None, "0", "1", "1"]
    assert ids(result) == ["1", "3", "2", "0"]


# Rules


def test_the_earliest_of_equally_good_attempts_is_the_best() -> None:
    world, _ = revise(replace(ONE, revise="best", revisions=2), "4 9", "9 4", "1")
    assert shown(world) == [None, "0", "0"]


@pytest.mark.parametrize(("accept", "drawn"), [(0.3, 1), (0.31, 2), (0.7, 3), (0.71, 4), (None, 4)])
def test_a_chain_ends_with_the_first_score_as_high_as_accepted(
    accept: float | None, drawn: int
) -> None:
    world, _ = revise(replace(ONE, accept=accept), "3 9", "6", "7", "8 7")
    assert len(world.told) == drawn


def test_the_score_is_that_of_the_field_aggregate() -> None:
    """The prefix is .2, the last step .9."""
    world, _ = revise(replace(ONE, aggregate="last"), "2 9")
    assert len(world.told) == 1


def test_revisions_are_counted_beside_the_first_attempt() -> None:
    world, _ = revise(replace(ONE, revisions=0), "1")
    assert len(world.told) == 1
    world, _ = revise(replace(ONE, revisions=2), *"123")
    assert len(world.told) == 3


def test_what_is_told_follows_the_field_feedback() -> None:
    attempts = ("9 2 3", "9")
    world, _ = revise(ONE, *attempts)
    assert world.told[1] is not None
    assert [each.critique for each in world.told[1].judgement.verdicts] == ["", "critique 2", ""]
    world, _ = revise(replace(ONE, feedback="verdicts"), *attempts)
    assert world.told[1] is not None
    assert [each.critique for each in world.told[1].judgement.verdicts] == ["", "", ""]
    world, _ = revise(replace(ONE, feedback="none"), *attempts)
    assert world.told == [None, None]


@pytest.mark.parametrize("revised", ["last", "best"])
def test_an_attempt_that_was_cut_is_neither_judged_nor_shown(revised: Any) -> None:
    world, result = revise(replace(ONE, revise=revised), "2", "9 9~", "8")
    assert shown(world) == [None, "0", "0"]
    assert world.judged == ["0", "2"]
    assert ids(result) == ["2", "0"]
    assert reasons(result) == {"1": "cut: length"}


def test_an_attempt_without_a_score_is_not_shown_where_another_has_one() -> None:
    world, result = revise(replace(ONE, revisions=2), "2", "? ?", "3")
    assert shown(world) == [None, "0", "0"]
    assert ids(result) == ["2", "1", "0"]


@pytest.mark.parametrize("first", ["? ?", "9~"])
def test_where_there_is_nothing_to_show_the_next_is_drawn_plainly(first: str) -> None:
    world, _ = revise(replace(ONE, revisions=1), first, "2")
    assert world.told == [None, None]


def test_the_field_missing_says_what_a_step_without_a_verdict_does() -> None:
    for missing, drawn in ((MissingRule.WORST, 1), (MissingRule.FAIL, 2)):
        strategy = replace(ONE, aggregate="min", missing=missing, revisions=1)
        world, _ = revise(strategy, "9 ?", "9")
        assert len(world.told) == drawn


def test_only_the_answer_is_kept_where_that_is_asked_for() -> None:
    _, result = revise(replace(ONE, keep="final", revisions=2), "4", "2~", "3")
    assert ids(result) == ["2"]
    assert reasons(result) == {"0": "another attempt stands", "1": "cut: length"}


def test_where_nothing_finished_what_was_cut_last_abstains() -> None:
    _, result = revise(replace(ONE, revisions=1), "9~", "8~")
    assert ids(result) == ["1"]
    assert reasons(result) == {"0": "cut: length"}


def test_a_solution_that_could_not_be_judged_stands_before_what_was_cut() -> None:
    _, result = revise(replace(ONE, revisions=1), "? ?", "9~")
    assert ids(result) == ["0"]
    assert reasons(result) == {"1": "cut: length"}


def test_a_spent_budget_leaves_what_was_drawn_and_an_attempt_without_a_score_behind() -> None:
    """Of three calls the third draws a second attempt, which nobody judges."""
    world = World(["2", "9"])
    result = play(bounded(ONE.chain(PROBLEM, 0), Budget(calls=3)), world)
    assert (world.judged, result.exhausted) == (["0"], LimitReached("calls", 3, 3))
    assert ids(result) == ["0", "1"]


@pytest.mark.parametrize(("feedback", "asks"), [("none", False), ("verdicts", True)])
def test_feedback_needs_a_verifier_of_steps(feedback: Any, asks: bool) -> None:
    assert Sequential(feedback=feedback).judges_prefixes is asks


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"revisions": -1}, "revisions: -1 must be 0 or more; nearest 0"),
        ({"revise": "first"}, "revise: 'first' must be one of last, best"),
        ({"accept": 1.5}, "accept: 1.5 must be from 0 to 1; nearest 1"),
        ({"accept": float("nan")}, "accept: nan must be a finite number, from 0 to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Sequential(**fields)


def test_log_odds_may_be_accepted_from_any_number_on() -> None:
    assert Sequential(aggregate="sum_logit", accept=2.5).accept == 2.5
