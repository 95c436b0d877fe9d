"""Monte Carlo tree search: trees worked out by hand, and what holds for every tree."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.aggregation import MissingRule
from search.budget import Budget
from search.core import (
    Judgement,
    Prefix,
    Problem,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.driver import Searched, drive
from search.limit import LimitReached
from search.memory import DictMemory
from search.ports import (
    Failure,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from search.questions import Until
from search.strategies.mcts import Mcts
from search.strategies.mcts_select import Widening

PROBLEM = Problem("p", "What is 3 + 4 + 15?")


@dataclass
class Table(Policy, Scorer):
    """Both ports. A path stops as `stops` says, by id, and has the probability that `odds` says.

    A path that `odds` does not name has 0.5; None makes its judgement Missing.
    """

    odds: Mapping[str, float | None]
    stops: Mapping[str, StopReason] = field(default_factory=dict)
    drawn: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        return [self.draw(call) for call in batch]

    def draw(self, call: PolicyCall) -> PolicyReply:
        id = Prefix(PROBLEM, place=(*call.path.place, call.child)).id
        self.drawn.append(f"{id}{'*' if call.greedy else ''}")
        usual = StopReason.STEP_END if call.until is Until.STEP else StopReason.EOS
        step = Step(id, tuple(id.encode()), self.stops.get(id, usual))
        return PolicyReply(call.path.grow(call.child, [step]), Spent(1, 10, 0, 5))

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        return [ScorerReply(self.judgement(call.path), Spent(1, 10, 0, 5)) for call in batch]

    def judgement(self, path: Prefix) -> Judgement:
        self.judged.append(path.id)
        odds = self.odds.get(path.id, 0.5)
        if odds is None:
            return Judgement.missing("no verdict")
        verdict = StepVerdict(odds, VerdictStatus.READ)
        return Judgement((verdict,) * len(path.steps), odds, chains=1)


def run(mcts: Mcts, policy: Policy, scorer: Scorer) -> Searched:
    return asyncio.run(drive(mcts(PROBLEM), policy, scorer, DictMemory(), 0))


def order(mcts: Mcts, table: Table) -> list[str]:
    """The ids of the paths in the order in which they were drawn."""
    run(mcts, table, table)
    return table.drawn


judging = partial(Mcts, value="judge", finish=0)


# --- Golden trees -------------------------------------------------------------------------------

GOLDEN = {"0": 0.75, "1": 0.5, "0/0": 0.25, "1/0": 0.5, "0/1": 0.875, "1/1": 0.25, "0/0/0": 0.5}
FINISHED = {"0/1": StopReason.EOS}
ONE_BY_ONE = judging(simulations=7, parallel=1, children=2, exploration=1.0)


def test_uct_draws_the_tree_worked_out_by_hand() -> None:
    """Q + √(ln N / n); the root's N counts the values backed up so far.

    1, 2  the root may have two children: 0 (0.75) and 1 (0.5). N = 2
    3     0: 0.75 + √(ln 2 / 1) = 1.583    1: 0.5 + √(ln 2 / 1) = 1.333    -> 0/0 (0.25)
    4     0: 0.5  + √(ln 3 / 2) = 1.241    1: 0.5 + √(ln 3 / 1) = 1.548    -> 1/0 (0.5)
    5     0: 0.5  + √(ln 4 / 2) = 1.333    1: 0.5 + √(ln 4 / 2) = 1.333    tie -> 0/1 (0.875)
    6     0: 0.625 + √(ln 5 / 3) = 1.357   1: 0.5 + √(ln 5 / 2) = 1.397    -> 1/1 (0.25)
    7     0: 0.625 + √(ln 6 / 3) = 1.398   1: 0.417 + √(ln 6 / 3) = 1.189  -> below 0; 0/1 has
          finished, so 0/0 is next whatever its bound                      -> 0/0/0 (0.5)
    """
    table = Table(GOLDEN, FINISHED)
    searched = run(ONE_BY_ONE, table, table)
    assert table.drawn == ["0", "1", "0/0", "1/0", "0/1", "1/1", "0/0/0"]
    (found,) = searched.result.candidates
    assert (found.path.id, found.history) == ("0/1", (0.75, 0.875))
    assert [(each.path_id, each.reason) for each in searched.result.pruned] == [
        ("1", "no solution below it"),
        ("0/0", "no solution below it"),
        ("1/0", "not visited again"),
        ("1/1", "not visited again"),
        ("0/0/0", "not visited again"),
    ]


def test_puct_draws_the_tree_worked_out_by_hand() -> None:
    """Q + ½ √N / (1 + n), as each of two siblings has prior ½.

    1, 2  0 (0.75) and 1 (0.5). N = 2
    3     0: 0.75  + ½ √2 / 2 = 1.104   1: 0.5 + ½ √2 / 2 = 0.854  -> 0/0 (0.25)
    4     0: 0.5   + ½ √3 / 3 = 0.789   1: 0.5 + ½ √3 / 2 = 0.933  -> 1/0 (0.5)
    5     0: 0.5   + ½ √4 / 3 = 0.833   1: 0.5 + ½ √4 / 3 = 0.833  tie -> 0/1 (0.875)
    6     0: 0.625 + ½ √5 / 4 = 0.905   1: 0.5 + ½ √5 / 3 = 0.873  -> 0/0/0 (0.5), 0/1 has finished
    7     0: 0.594 + ½ √6 / 5 = 0.839   1: 0.5 + ½ √6 / 3 = 0.908  -> 1/1
    """
    drawn = order(replace(ONE_BY_ONE, selection="puct"), Table(GOLDEN, FINISHED))
    assert drawn == ["0", "1", "0/0", "1/0", "0/1", "0/0/0", "1/1"]


def test_the_prior_of_puct_is_shared_among_the_siblings() -> None:
    """With three siblings, whose prior is ⅓, and exploration 1.2.

    1-3  0 (0.75), 1 (0.5), 2 (0.25). N = 3
    4    0 has the largest value and all the same bonus -> 0/0 (0.75): Q = 0.75, n = 2, N = 4
    5    0: 0.75 + 0.4 √4 / 3 = 1.017   1: 0.5 + 0.4 √4 / 2 = 0.9  -> 0/1
         (with a prior of 1: 0.75 + 1.2 √4 / 3 = 1.55 and 0.5 + 1.2 √4 / 2 = 1.7 -> 1/0)
    """
    mcts = judging(simulations=5, parallel=1, children=3, selection="puct", exploration=1.2)
    table = Table({"0": 0.75, "1": 0.5, "2": 0.25, "0/0": 0.75})
    assert order(mcts, table) == ["0", "1", "2", "0/0", "0/1"]


@pytest.mark.parametrize(("loss", "second"), [(1.0, "1/0"), (0.0, "0/1")])
def test_virtual_loss_sends_the_second_simulation_in_flight_elsewhere(
    loss: float, second: str
) -> None:
    """Round 1 draws 0 (1.0) and 1 (0.25); then, before any reply of round 2:

    first   0: 1 + √(ln 2 / 1) = 1.833      1: 0.25 + √(ln 2 / 1) = 1.083   -> 0/0
    second, N = 3 and n = 2 with the one in flight
      loss  0: 1·1/(1+1) + √(ln 3 / 2) = 1.241   1: 0.25 + √(ln 3) = 1.298  -> 1/0
      none  0: 1         + √(ln 3 / 2) = 1.741   1: 0.25 + √(ln 3) = 1.298  -> 0/1
    """
    mcts = judging(simulations=4, parallel=2, children=2, exploration=1.0, virtual_loss=loss)
    assert order(mcts, Table({"0": 1.0, "1": 0.25})) == ["0", "1", "0/0", second]


@pytest.mark.parametrize(("backup", "fifth"), [("mean", "0/1"), ("max", "1/1")])
def test_max_backup_follows_the_best_child_and_mean_the_average(
    backup: Literal["mean", "max"], fifth: str
) -> None:
    """Without exploration, 0 (0.75), 1 (0.5), 0/0 (0.125), 1/0 (0.25):

    3  0 is best                                                   -> 0/0
    4  mean  0: (0.75 + 0.125) / 2 = 0.4375   1: 0.5               -> 1/0
       max   0: 0.125, its only child's       1: 0.5, its own      -> 1/0
    5  mean  0: 0.4375                        1: (0.5 + 0.25) / 2 = 0.375  -> 0/1
       max   0: 0.125                         1: 0.25              -> 1/1
    """
    mcts = judging(simulations=5, parallel=1, children=2, exploration=0.0)
    table = Table({"0": 0.75, "1": 0.5, "0/0": 0.125, "1/0": 0.25})
    drawn = order(replace(mcts, backup=backup), table)
    assert drawn == ["0", "1", "0/0", "1/0", fifth]


def test_max_backup_takes_the_best_of_several_children() -> None:
    """The value of a node is its best child's, wherever that stands among the children.

    3  0 is best                 -> 0/0 (0.375)
    4  0: 0.375     1: 0.25      -> 0/1 (0.125)
    5  0: still 0.375, and below it 0/0 is best -> 0/0/0
    """
    mcts = judging(simulations=5, parallel=1, children=2, exploration=0.0, backup="max")
    table = Table({"0": 0.75, "1": 0.25, "0/0": 0.375, "0/1": 0.125})
    assert order(mcts, table) == ["0", "1", "0/0", "0/1", "0/0/0"]


def test_widening_lets_children_grow_with_the_root_of_the_visits() -> None:
    """ceil(√n) children after n visits, at least 1; without exploration.

    1  root n=0: 1 child  -> 0 (0.75)
    2  root n=1: 1        -> below 0, n=1: 1 -> 0/0 (0.75)
    3  root n=2: 2        -> 1 (0.5)
    4  root n=3: 2        -> 0 (Q 0.75), n=2: 2 -> 0/1 (0.5)
    5  root n=4: 2        -> 0 (Q ⅔), n=3: 2 -> 0/0 (0.75) -> 0/0/0
    6  root n=5: 3        -> 2
    """
    mcts = judging(simulations=6, parallel=1, children=4, exploration=0.0, widen=Widening(1.0, 0.5))
    table = Table({"0": 0.75, "0/0": 0.75, "1": 0.5, "0/1": 0.5})
    assert order(mcts, table) == ["0", "0/0", "1", "0/1", "0/0/0", "2"]


def test_widening_never_exceeds_children() -> None:
    mcts = judging(simulations=4, parallel=1, children=2, widen=Widening(c=100.0))
    assert order(mcts, Table({}))[:3] == ["0", "1", "0/0"]


# --- Leaves without a value, ends, limits -------------------------------------------------------


def test_a_leaf_whose_value_is_missing_backs_up_nothing_and_is_not_visited() -> None:
    mcts = judging(simulations=5, parallel=1, children=2, exploration=1.0)
    table = Table({"0": None, "1": 0.125})
    searched = run(mcts, table, table)
    assert table.drawn == ["0", "1", "1/0", "1/1", "1/0/0"]
    reasons = {each.path_id: each.reason for each in searched.result.pruned}
    assert reasons["0"] == "no value: no verdict"


def test_a_missing_value_is_no_visit() -> None:
    """1/0 is Missing, so 1 keeps n = 1 and is visited again before 0, where a visit would not.

    1-2  0 (0.5), 1 (0.5). N = 2
    3    tie -> 0/0 (0.5): n = 2, N = 3
    4    0: 0.5 + √(ln 3 / 2)   1: 0.5 + √(ln 3 / 1)  -> 1/0, Missing: still n = 1, N = 3
    5    as before -> 1/1   (with a visit of 1: a tie, -> 0/1)
    """
    mcts = replace(ONE_BY_ONE, simulations=5, missing=MissingRule.FAIL)
    assert order(mcts, Table({"1/0": None})) == ["0", "1", "0/0", "1/0", "1/1"]


def test_a_step_that_was_cut_is_not_extended_however_well_it_is_judged() -> None:
    table = Table({"0": 1.0, "1": 0.125}, {"0": StopReason.LENGTH})
    searched = run(judging(simulations=4, parallel=1, children=2), table, table)
    assert table.drawn == ["0", "1", "1/0", "1/1"]
    assert {each.path_id: each.reason for each in searched.result.pruned}["0"] == "cut: length"


def test_a_step_that_was_cut_backs_up_nothing() -> None:
    """3: 0/0 is cut and judged 0.0. Counted, 0 would fall to 0.25, below 1."""
    mcts = judging(simulations=4, parallel=1, children=2, exploration=0.0)
    table = Table({"0": 0.5, "1": 0.375, "0/0": 0.0}, {"0/0": StopReason.LENGTH})
    assert order(mcts, table) == ["0", "1", "0/0", "0/1"]


def test_a_missing_score_never_wins_over_a_number() -> None:
    ends = dict.fromkeys(("0", "1"), StopReason.EOS)
    table = Table({"0": None, "1": 0.0}, ends)
    searched = run(judging(simulations=2, parallel=2, children=2), table, table)
    assert [each.path.id for each in searched.result.candidates] == ["1", "0"]


def test_the_search_ends_when_no_place_is_left() -> None:
    """Two children, each of them at the depth limit."""
    mcts = judging(simulations=9, parallel=4, children=2, depth=1)
    table = Table({"1": 0.75})
    searched = run(mcts, table, table)
    assert table.drawn == ["0", "1"]
    assert [each.path.id for each in searched.result.candidates] == ["1"]  # unfinished: the best
    (pruned,) = searched.result.pruned
    assert (pruned.path_id, pruned.reason) == ("0", "depth limit of 1")


def test_candidates_are_finished_and_best_first_and_the_earliest_wins_a_tie() -> None:
    ends = dict.fromkeys(("0", "1", "2"), StopReason.EOS)
    table = Table({"0": 0.25, "1": 0.75, "2": 0.75}, ends)
    searched = run(judging(simulations=4, parallel=4, children=4), table, table)
    assert [each.path.id for each in searched.result.candidates] == ["1", "2", "0"]


@pytest.mark.parametrize(
    ("odds", "stop", "mark"),
    [
        (None, StopReason.STEP_END, LimitReached("missing", note="no open path has a value")),
        (None, StopReason.LENGTH, None),
        (0.5, StopReason.LENGTH, None),
    ],
)
def test_a_search_that_stopped_for_want_of_values_says_so(
    odds: float | None, stop: StopReason, mark: LimitReached | None
) -> None:
    """Both children are missing: neither is visited, and one of them is returned unfinished."""
    table = Table({"0": odds, "1": odds}, {"0": stop, "1": stop})
    result = run(judging(simulations=5, parallel=1, children=2), table, table).result
    assert ([each.path.id for each in result.candidates], result.exhausted) == (["0"], mark)


# --- Rollouts -----------------------------------------------------------------------------------


def test_rollouts_are_numbered_apart_and_only_their_ends_are_judged() -> None:
    mcts = Mcts(simulations=2, parallel=1, children=2, value="rollout", rollouts=2)
    table = Table({"0/2": 0.25, "0/3": 0.75, "1/2": 1.0}, {"1/3": StopReason.LENGTH})
    searched = run(mcts, table, table)
    assert table.drawn == ["0", "0/2", "0/3", "1", "1/2", "1/3"]
    assert table.judged == ["0/2", "0/3", "1/2"]
    assert [each.path.id for each in searched.result.candidates] == ["1/2", "0/3", "0/2"]
    (pruned,) = searched.result.pruned
    assert (pruned.path_id, pruned.reason) == ("1/3", "rollout cut: length")


def test_the_value_of_a_rollout_is_the_mean_over_the_finished_and_judged_ends() -> None:
    """0 has (0.25 + 0.5) / 2 = 0.375; 1 has 0.5, as 1/4 was cut: 1 is better.

    The sum, or the best, or an end that was cut taken for 0, would make 0 the better one.
    """
    mcts = Mcts(*(3, 1, 2), exploration=0.0, value="rollout", rollouts=2)  # ends count from 3
    table = Table({"0/3": 0.25, "0/4": 0.5, "1/3": 0.5}, {"1/4": StopReason.LENGTH})
    assert order(mcts, table)[6:] == ["1/0", "1/0/3", "1/0/4"]


def test_a_greedy_rollout_is_asked_greedily_and_the_step_before_it_is_not() -> None:
    mcts = Mcts(simulations=1, parallel=1, value="rollout", rollout="greedy")
    assert order(mcts, Table({})) == ["0", "0/1*"]


def test_a_step_that_ends_the_solution_needs_no_rollout() -> None:
    table = Table({}, {"0": StopReason.EOS})
    searched = run(Mcts(simulations=1, parallel=1, value="rollout"), table, table)
    assert (table.drawn, table.judged) == (["0"], ["0"])
    assert [each.path.id for each in searched.result.candidates] == ["0"]


def test_a_node_none_of_whose_rollouts_ends_is_not_visited_again() -> None:
    mcts = Mcts(simulations=3, parallel=1, children=2, value="rollout")
    table = Table({"1/3": 0.0}, {"0/3": StopReason.LENGTH})
    assert order(mcts, table) == ["0", "0/3", "1", "1/3", "1/0", "1/0/3"]


def test_judged_prefixes_are_finished_from_the_most_visited_leaf() -> None:
    """Visits: 0 has 3 (0, 0/0, 0/1), 1 has 1; below 0 both have 1, the earlier is 0/0."""
    mcts = replace(judging(simulations=4, parallel=1, children=2, exploration=0.0), finish=2)
    table = Table({"0": 0.75, "1": 0.125, "0/0/4": 0.25, "0/0/5": None})
    searched = run(mcts, table, table)
    assert table.drawn == ["0", "1", "0/0", "0/1", "0/0/4", "0/0/5"]
    assert [(each.path.id, each.path.finished) for each in searched.result.candidates] == [
        ("0/0/4", True),
        ("0/0/5", True),
    ], "the one that could not be judged comes last"
    assert searched.result.candidates[0].history == (0.75, 0.5, 0.25)


# --- Fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"simulations": 0}, "simulations: 0 must be 1 or more"),
        ({"parallel": 0}, "parallel: 0 must be 1 or more"),
        ({"children": 0}, "children: 0 must be 1 or more"),
        ({"depth": 0}, "depth: 0 must be 1 or more"),
        ({"rollouts": 0}, "rollouts: 0 must be 1 or more"),
        ({"exploration": -0.5}, "exploration: -0.5 must be 0 or more"),
        ({"virtual_loss": float("nan")}, "virtual_loss: nan must be 0 or more"),
        ({"selection": "ucb"}, "selection: 'ucb' must be one of uct, puct"),
        ({"value": "rollouts"}, "value: 'rollouts' must be one of judge, rollout"),
        ({"rollout": "random"}, "rollout: 'random' must be one of sampled, greedy"),
        ({"backup": "sum"}, "backup: 'sum' must be one of mean, max"),
        ({"simulations": 2}, "parallel: 4 must be at most simulations; use 2"),
        ({"rollout": "greedy", "rollouts": 2}, "rollouts: 2 greedy ones would be equal; use 1"),
        ({"aggregate": "lst"}, "aggregate: unknown aggregation 'lst'; did you mean 'last'"),
        ({"aggregate": "sum_logit"}, "aggregate: sum_logit is no value from 0 to 1"),
    ],
)
def test_fields_that_make_no_sense_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mcts(**fields)  # type: ignore[arg-type]  # what a config may say


@pytest.mark.parametrize(("c", "alpha"), [(0.0, 0.5), (1.0, 0.0), (1.0, 1.5)])
def test_widening_that_makes_no_sense_is_refused(c: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        Widening(c, alpha)


# --- Laws ---------------------------------------------------------------------------------------

SETTINGS = st.builds(
    Mcts,
    simulations=st.integers(4, 20),
    parallel=st.integers(1, 4),
    children=st.integers(1, 4),
    widen=st.none() | st.just(Widening()),
    selection=st.sampled_from(["uct", "puct"]),
    exploration=st.sampled_from([0.0, 0.3, 1.0]),
    value=st.sampled_from(["judge", "rollout"]),
    finish=st.integers(0, 2),
    backup=st.sampled_from(["mean", "max"]),
    depth=st.integers(1, 6),
    aggregate=st.sampled_from(["history.last", "min", "product"]),
    budget=st.sampled_from([Budget(), Budget(total_tokens=4000), Budget(calls=9)]),
)


def doubles() -> tuple[ScriptedPolicy, ScriptedScorer]:
    return (
        ScriptedPolicy(ScriptedPolicyConfig(cut=0.2, steps=3)),
        ScriptedScorer(ScriptedScorerConfig(missing=0.2)),
    )


@given(SETTINGS)
def test_every_solution_is_a_candidate_and_the_tree_is_within_its_limits(mcts: Mcts) -> None:
    live = run(mcts, *doubles())
    finished = {path.id for path in live.paths.values() if path.finished}
    candidates = live.result.candidates
    assert {each.path.id for each in candidates if each.path.finished} == finished
    assert len(candidates) == max(1, len(finished))
    nodes = [path for path in live.paths.values() if path.place[-1] < mcts.simulations]
    assert len(nodes) <= mcts.simulations
    assert max(len(path.place) for path in nodes) <= mcts.depth
