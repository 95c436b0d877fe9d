"""Where a call goes: its siblings, its problem, or the least loaded; and what that saves."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest

from benchmarks.speed.affinity import main
from benchmarks.speed.prefix_caches import PrefixCache
from search.core import Place, Prefix, Problem, Step, StopReason
from search.ports import PolicyCall, ScorerCall
from search.questions import Until
from treewright.cluster.affinity import Affinity
from treewright.cluster.slot import Slot, Ticket


def path(*place: int, problem: str = "p") -> Prefix:
    steps = tuple(
        Step(f"{place[: end + 1]}", (7,) * 10, StopReason.STEP_END) for end in range(len(place))
    )
    return Prefix(Problem(problem, "?"), steps, place)


def draw(place: Place, child: int, problem: str = "p") -> PolicyCall:
    return PolicyCall(path(*place, problem=problem), child, Until.STEP, 0)


def loaded(load: int, index: int = 0) -> Slot:
    slot = Slot(index)
    slot.in_flight = dict.fromkeys(range(load), Ticket(0, draw((), 0), None))  # type: ignore[arg-type]
    return slot


@pytest.mark.parametrize(("ahead", "stays"), [(8, True), (9, True), (12, True), (13, False)])
def test_children_of_one_path_stay_together_longer_than_a_problem_does(
    ahead: int, stays: bool
) -> None:
    home, other = loaded(0), loaded(5)
    affinity = Affinity(slack=8, siblings=4)
    assert affinity.choose(draw((0,), 0), [home, other]) is home
    home.in_flight, other.in_flight = loaded(ahead).in_flight, {}
    assert affinity.choose(draw((0,), 1), [home, other]) is (home if stays else other)


def test_another_path_of_a_problem_goes_where_that_went_last_up_to_the_slack() -> None:
    home, other = loaded(0), loaded(5)
    affinity = Affinity(slack=8, siblings=4)
    affinity.choose(draw((0,), 0), [home, other])
    home.in_flight, other.in_flight = loaded(8).in_flight, {}
    assert affinity.choose(draw((1,), 0), [home, other]) is home
    home.in_flight = loaded(9).in_flight
    assert affinity.choose(draw((2,), 0), [home, other]) is other
    assert affinity.choose(draw((0,), 0, "q"), [home, other]) is other


def test_paths_that_are_judged_are_siblings_by_the_path_that_they_go_on_from() -> None:
    home, other = loaded(0), loaded(5)
    affinity = Affinity(slack=0, siblings=4)
    judged = [ScorerCall(path(0, child), 0) for child in range(2)]
    assert affinity.choose(judged[0], [home, other]) is home
    home.in_flight, other.in_flight = loaded(4).in_flight, {}
    assert affinity.choose(judged[1], [home, other]) is home
    assert affinity.choose(judged[1], [other]) is other


def test_a_prefix_cache_has_what_a_prompt_begins_with_and_forgets_the_oldest() -> None:
    cache = PrefixCache(1300)
    assert cache.take(path(0)) == (1210, 0)
    assert cache.take(path(0)) == (1210, 1210)
    assert cache.take(path(0, 1)) == (1220, 1210)
    assert cache.take(path(1, problem="q")) == (1210, 0)
    assert cache.take(path(0)) == (1210, 0)


def test_routing_by_prefix_finds_more_in_the_caches_and_changes_no_search() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        few = ("--strategies", "beam", "--pairs", "2", "--problems", "1")
        assert main(["--json", *few]) == 0
    affine, other = json.loads(out.getvalue())["rows"]
    figures: dict[str, Any] = affine
    assert figures["same"]
    assert figures["prefill"] < other["prefill"] == other["time"] == 1.0
    assert figures["policy_hits"] > other["policy_hits"]
    assert figures["verifier_hits"] > other["verifier_hits"]
    assert figures["together"] > 0.9 > other["together"]
