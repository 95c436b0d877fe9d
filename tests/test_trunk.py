"""The trunk: how far a failure goes back, and from where it goes on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from search.candidates import root
from search.core import (
    Candidate,
    Prefix,
    Problem,
    Step,
    StopReason,
)
from search.strategies.trunk import Trunk

PROBLEM = Problem("p", "1 + 1?")
STEPS = [Step(f"{number}\n", (number,), StopReason.STEP_END) for number in range(6)]


def fail(trunk: Trunk, *wrong: int) -> list[int]:
    """How many steps are kept after each failure of an attempt drawn to the end."""
    kept = []
    for number, step in enumerate(wrong):
        top = trunk.top.path
        trunk.go_back(top.grow(number, STEPS[len(top.steps) :]), step)
        kept.append(len(trunk.top.path.steps))
    return kept


@pytest.mark.parametrize(
    ("patience", "kept"),
    [
        (None, [2, 2, 2, 2, 2]),
        # Right after 2 steps: once; twice, so right after 1: once. Right after 2: once; twice, so
        # right after 1: twice, so nothing is kept. Right after 2: once.
        (2, [2, 1, 2, 0, 2]),
        (3, [2, 2, 1, 2, 2]),
        (1, [0, 0, 0, 0, 0]),
    ],
)
def test_patience_is_how_many_failures_take_a_step_back(
    patience: int | None, kept: Sequence[int]
) -> None:
    assert fail(Trunk([root(PROBLEM)], patience), 2, 2, 2, 2, 2) == kept


def test_failures_are_forgotten_with_the_steps_they_came_after() -> None:
    """The first and the third come after two steps each, but not after the same ones."""
    assert fail(Trunk([root(PROBLEM)], 2), 2, 1, 2) == [2, 1, 2]


def test_failures_after_nothing_never_go_back_further() -> None:
    assert fail(Trunk([root(PROBLEM)], 2), 0, 0, 0, 0) == [0, 0, 0, 0]


def test_what_is_kept_of_a_path_has_the_place_that_the_path_was_drawn_from() -> None:
    """So that no place says that a path is continued of which some steps were dropped."""
    trunk = Trunk([root(PROBLEM)], None)
    fail(trunk, 4, 2)
    assert trunk.top.path == Prefix(PROBLEM, tuple(STEPS[:2]), ())
    assert [len(each.path.steps) for each in trunk.kept] == [0, 2]


def test_a_path_drawn_step_by_step_goes_back_to_where_it_came_through() -> None:
    trunk = Trunk([root(PROBLEM)], None)
    for number in range(3):
        path = trunk.top.path.grow(number, [STEPS[number]])
        trunk.kept.append(Candidate(path, None, (0.5,) * (number + 1)))
    before = trunk.kept[1]
    trunk.go_back(trunk.top.path.grow(3, [STEPS[3]]), 1)
    assert trunk.top is before
    assert (trunk.top.path.place, trunk.top.history) == ((0,), (0.5,))


def test_the_kept_path_stands_where_it_was_drawn_and_the_last_attempt_where_it_was_not() -> None:
    trunk = Trunk([root(PROBLEM)], None)
    assert trunk.standing is None
    attempt = Candidate(trunk.top.path.grow(0, STEPS))
    trunk.drawn.append(attempt)
    assert trunk.standing is attempt
    trunk.go_back(attempt.path, 3)
    assert trunk.standing is attempt
    step = Candidate(trunk.top.path.grow(1, [STEPS[3]]))
    trunk.drawn.append(step)
    trunk.kept.append(step)
    trunk.drawn.append(Candidate(step.path.grow(2, [STEPS[4]])))
    assert trunk.standing is step
