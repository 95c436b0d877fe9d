"""Adaptive majority and early-stopping best-of-N: golden flows, exactness, laws."""

from __future__ import annotations

import asyncio
import math
import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.aggregation import Aggregator, MissingRule, Scale
from search.budget import Budget
from search.core import (
    Candidate,
    Judgement,
    Missing,
    Path,
    Problem,
    Result,
    Score,
    Spending,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.driver import Searched, drive
from search.frontier import Steering
from search.memory import DictMemory
from search.questions import Extend, Extended, Flow, Judge, Judged, Question, Reply, Until
from search.selection import SELECTIONS, Option
from search.strategies.best_of_n import BestOfN
from search.strategies.greedy import Greedy
from search.strategies.majority import Majority
from search.strategies.stopping import Poll, answer_of, lead_probability
from treewright.config.load import load_config
from treewright.config.notes import notes

PROBLEM = Problem("one", "1 + 1?")
ROOT = Path.start(PROBLEM)
DOWN = Missing("no reply")
Pair = tuple[str | None, Score]
"""An answer and its score."""


@dataclass(frozen=True)
class Draft:
    """A solution as it will be drawn, and how it is judged; `answer` None: it gives none."""

    answer: str | None
    score: Score = 0.5
    stop: StopReason = StopReason.EOS

    def path(self, child: int) -> Path:
        text = "so I stop." if self.answer is None else rf"so it is \boxed{{{self.answer}}}."
        return ROOT.grow(child, [Step(text, (child, *text.encode()), self.stop)])


def drafts(*answers: str | None) -> list[Draft]:
    return [Draft(answer) for answer in answers]


def judgement(score: Score) -> Judgement:
    if isinstance(score, Missing):
        return Judgement((), score)
    return Judgement((StepVerdict(score, VerdictStatus.READ),), score)


def reply(question: Question, script: Sequence[Draft], asked: list[str]) -> Reply:
    """The reply; `asked` hears `draw FIRST-LAST` and `judge IDS`. It costs one call per path."""
    if isinstance(question, Extend):
        assert (question.paths, question.until, question.greedy) == ((ROOT,), Until.END, False)
        numbers = range(question.first, question.first + question.n)
        asked.append(f"draw {numbers[0]}-{numbers[-1]}")
        children = tuple(script[number].path(number) for number in numbers)
        return Extended((children,), Spending(policy=Spent(calls=question.n, generated=question.n)))
    assert isinstance(question, Judge)
    asked.append("judge " + " ".join(path.id for path in question.paths))
    judged = tuple(judgement(script[path.place[0]].score) for path in question.paths)
    return Judged(judged, Spending(verifier=Spent(calls=len(judged))))


def run(flow: Flow, script: Sequence[Draft]) -> tuple[Result, list[str]]:
    """The result of a flow that draws the script, and what it asked."""
    asked: list[str] = []
    try:
        question = next(flow)
        while True:
            question = flow.send(reply(question, script, asked))
    except StopIteration as stop:
        return stop.value, asked


def said(result: Result) -> list[str | None]:
    return [answer_of(candidate.path) for candidate in result.candidates]


def chosen(result: Result, selection: str, steering: Steering) -> str | None:
    """The answer that the selection chooses, counted here and by nothing that a strategy uses."""
    answers = said(result)
    options = [
        Option(None if answer is None else answers.index(answer), steering.score(candidate))
        for answer, candidate in zip(answers, result.candidates, strict=True)
    ]
    index = SELECTIONS[selection].choose(options, steering.aggregator.scale).index
    return None if index is None else answers[index]


# --- The answer of a draft ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draft", "answer"),
    [
        (Draft("7"), "7"),
        (Draft("2 \n  1/2 "), "2 1/2"),
        (Draft(None), None),
        (Draft("7", stop=StopReason.LENGTH), None),
        (Draft("7", stop=StopReason.LOOP), None),
    ],
)
def test_the_answer_of_a_finished_draft_is_its_text_but_for_white_space(
    draft: Draft, answer: str | None
) -> None:
    assert answer_of(draft.path(0)) == answer


def test_a_mixed_number_and_a_fraction_are_two_answers() -> None:
    assert answer_of(Draft("2 1/2").path(0)) != answer_of(Draft("21/2").path(0))


# --- The Beta posterior ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leader", "runner_up", "probability"),
    [
        (0, 0, 0.5),  # one coin shows no head: 1/2
        (1, 0, 0.75),  # two coins, no head: 1/4
        (3, 0, 0.9375),  # 1/16
        (4, 0, 0.96875),  # 1/32
        (1, 1, 0.5),  # three coins, at most one head: (1 + 3)/8
        (2, 1, 0.6875),  # four coins: (1 + 4)/16
        (6, 1, 1 - 9 / 256),  # eight coins: (1 + 8)/256
        (8, 2, 1 - 67 / 2048),  # eleven coins: (1 + 11 + 55)/2048
    ],
)
def test_the_lead_of_a_few_votes_is_as_worked_out_by_hand(
    leader: int, runner_up: int, probability: float
) -> None:
    assert lead_probability(leader, runner_up) == probability


def integrated(leader: int, runner_up: int) -> float:
    """The share above 1/2 of the integral of x^leader (1 - x)^runner_up, as the authors state it.

    The power of 1 - x is multiplied out, so that each term can be integrated exactly.
    """
    terms = [
        ((-1) ** j * comb(runner_up, j), leader + j + 1)  # coefficient, and power once integrated
        for j in range(runner_up + 1)
    ]
    whole = sum(Fraction(c, power) for c, power in terms)
    below = sum(Fraction(c, power << power) for c, power in terms)
    return float((whole - below) / whole)


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_lead_is_the_integral_of_the_posterior(one: int, other: int) -> None:
    leader, runner_up = max(one, other), min(one, other)
    assert lead_probability(leader, runner_up) == integrated(leader, runner_up)


@pytest.mark.parametrize(("leader", "runner_up"), [(300, 270), (520, 500), (900, 3)])
def test_the_lead_of_hundreds_of_votes_is_exact(leader: int, runner_up: int) -> None:
    assert lead_probability(leader, runner_up) == integrated(leader, runner_up)


@pytest.mark.parametrize("votes", [0, 1, 50, 1500])
def test_a_tie_is_a_coin_toss(votes: int) -> None:
    assert lead_probability(votes, votes) == 0.5


# --- Majority -------------------------------------------------------------------------------------


def test_golden_adaptive_majority() -> None:
    """n 12, waves of 2, the first of 3, confidence 0.95.

    After 3: 7 7 and 3, lead (2, 1) = 0.6875. After 5: (4, 1), six coins, 1 - 7/64 = 0.89. After 7:
    one more 7, the other said nothing: (5, 1), 1 - 8/128 = 0.9375. After 9: (7, 1), nine coins, 1 -
    10/512 = 0.98: enough. 3 of 12 are saved.
    """
    script = drafts("7", "3", "7", "7", "7", "7", None, "7", "7", "3", "3", "3")
    strategy = Majority(n=12, stop="beta", wave=2, fewest=3)
    result, asked = run(strategy(PROBLEM), script)
    assert asked == ["draw 0-2", "draw 3-4", "draw 5-6", "draw 7-8"]
    assert said(result) == ["7", "3", "7", "7", "7", "7", None, "7", "7"]
    assert (result.exhausted, result.pruned) == (None, ())


def drawn(strategy: Majority, *answers: str | None) -> int:
    script = [Draft(answers[number % len(answers)]) for number in range(strategy.n)]
    return len(run(strategy(PROBLEM), script)[0].candidates)


ONE_BY_ONE = Majority(n=9, stop="beta", wave=1)


@pytest.mark.parametrize(
    ("strategy", "answers", "number"),
    [
        (ONE_BY_ONE, ("7",), 4),
        (replace(ONE_BY_ONE, confidence=0.9375), ("7",), 3),
        (replace(ONE_BY_ONE, confidence=0.9376), ("7",), 4),
        (replace(ONE_BY_ONE, fewest=6), ("7",), 6),
        (replace(ONE_BY_ONE, wave=3), ("7",), 6),
        (replace(ONE_BY_ONE, wave=9), ("7",), 9),
        (replace(ONE_BY_ONE, stop="none"), ("7",), 9),
        (ONE_BY_ONE, (None,), 9),
        (ONE_BY_ONE, (None, "7"), 8),
        (ONE_BY_ONE, ("7", "3"), 9),
        (ONE_BY_ONE, ("1/2", "0.5"), 9),
        (ONE_BY_ONE, ("1 2", "1  2"), 4),
    ],
)
def test_it_draws_until_the_leader_is_ahead(
    strategy: Majority, answers: Sequence[str | None], number: int
) -> None:
    assert drawn(strategy, *answers) == number


def test_unfinished_drafts_have_no_vote() -> None:
    script = [Draft("7", stop=StopReason.LENGTH)] * 5 + drafts("7", "7", "7", "7", "7")
    result, _ = run(Majority(n=10, stop="beta", wave=1)(PROBLEM), script)
    assert len(result.candidates) == 9


def test_the_last_wave_draws_what_is_left() -> None:
    _, asked = run(Majority(n=5, wave=2)(PROBLEM), drafts(*"12345"))
    assert asked == ["draw 0-1", "draw 2-3", "draw 4-4"]


def test_without_a_stop_all_are_asked_for_at_once() -> None:
    flow = Majority(n=5)(PROBLEM)
    assert next(flow) == Extend((ROOT,), 5, Until.END)
    _, asked = run(BestOfN(n=3)(PROBLEM), drafts(*"123"))
    assert asked == ["draw 0-2", "judge 0 1 2"]


# --- Best-of-N ------------------------------------------------------------------------------------


def scored(*pairs: Pair) -> list[Draft]:
    return [Draft(answer, score) for answer, score in pairs]


def test_golden_weighted_stop() -> None:
    """n 6, waves of 2.

    After 2: a has 0.9 + 0.8 = 1.7; 4 are left, a new answer could have 4. After 4: a has 2.7; 2 are
    left, b could have 0.2 + 2 = 2.2 and a new answer 2: settled. 2 of 6 are saved.
    """
    script = scored(("a", 0.9), ("a", 0.8), ("a", 1.0), ("b", 0.2), ("b", 1.0), ("b", 1.0))
    result, asked = run(BestOfN(n=6, stop="weighted", wave=2)(PROBLEM), script)
    assert asked == ["draw 0-1", "judge 0 1", "draw 2-3", "judge 2 3"]
    assert [candidate.history for candidate in result.candidates] == [
        (0.9,),
        (0.8,),
        (1.0,),
        (0.2,),
    ]
    assert (result.exhausted, result.pruned) == (None, ())


A, B = ("a", 0.5), ("b", 0.5)
STOPS: list[tuple[str, int, list[Pair], bool]] = [
    # majority: (selection, left, so far, settled)
    ("majority", 2, [A, A], True),  # a new answer ties at 2, and a is earlier
    ("majority", 3, [A, A], False),  # it would have 3
    ("majority", 1, [B, A, A], False),  # b ties at 2, and b is earlier
    ("majority", 1, [A, A, B], True),  # b ties at 2, and a is earlier
    ("majority", 1, [A, A, (None, 1.0)], True),  # an abstention has no votes to add to
    ("majority", 1, [(None, 1.0)], False),  # nobody has a vote
    ("majority", 1, [("a", DOWN), ("a", DOWN)], True),  # a vote needs no score
    # weighted
    ("weighted", 1, [("a", 1.0), ("b", 0.0)], True),  # b and a new answer tie at 1; a is earlier
    ("weighted", 1, [("a", 1.0), ("b", 0.25)], False),  # b could have 1.25
    ("weighted", 1, [("b", 0.0), ("a", 1.0)], False),  # b ties at 1, and b is earlier
    ("weighted", 1, [("b", DOWN), ("a", 1.0)], True),  # b has no score: first at 1 is a
    ("weighted", 1, [("a", DOWN), ("a", 0.5)], False),  # a new answer could have 1
    # best
    ("best", 3, [("b", 0.5), ("a", 1.0)], True),  # no score is higher, later ones lose the tie
    ("best", 1, [("a", 0.999)], False),
    ("best", 1, [(None, 1.0), ("a", 0.5)], False),  # an abstention is not chosen
    ("best", 1, [("a", DOWN)], False),
]


@pytest.mark.parametrize(("selection", "left", "so_far", "settled"), STOPS)
def test_an_answer_is_settled_at_exactly_this_lead(
    selection: str, left: int, so_far: list[Pair], settled: bool
) -> None:
    assert poll_of(selection, so_far).settled(left) == settled


def poll_of(selection: str, so_far: Sequence[Pair], aggregate: str = "history.last") -> Poll:
    poll = Poll(selection, Steering(Aggregator.parse(aggregate)))
    poll.add(candidates(so_far))
    return poll


def candidates(pairs: Sequence[Pair]) -> list[Candidate]:
    return [
        Candidate(draft.path(child), judgement(draft.score), (draft.score,))
        for child, draft in enumerate(scored(*pairs))
    ]


ANSWERS: list[str | None] = [None, "a", "b", "c"]
SCORES: list[Score] = [0.0, 0.6, 1.0, DOWN]
PAIRS = st.tuples(st.sampled_from(ANSWERS), st.sampled_from(SCORES))


@given(
    selection=st.sampled_from(["majority", "weighted", "best"]),
    so_far=st.lists(PAIRS, max_size=5),
    left=st.integers(1, 2),
)
@settings(max_examples=150)
def test_settled_means_that_no_continuation_changes_the_choice(
    selection: str, so_far: list[Pair], left: int
) -> None:
    """Every continuation is tried, with two answers never given before: `x` and `y`."""
    possible: list[Pair] = [(None, DOWN), *product("abcxy", SCORES)]

    def choice(pairs: Sequence[Pair]) -> str | None:
        groups = {answer: group for group, answer in enumerate("abcxy")}
        options = [Option(groups[a] if a else None, score) for a, score in pairs]
        index = SELECTIONS[selection].choose(options, Scale.PROBABILITY).index
        return None if index is None else pairs[index][0]

    now = choice(so_far)
    unchanged = all(
        choice([*so_far, *further]) == now for further in product(possible, repeat=left)
    )
    assert poll_of(selection, so_far).settled(left) == unchanged


def test_votes_weighted_by_log_odds_weigh_at_most_one() -> None:
    """Two at log(0.9/0.1) weigh 1.8: safe from one vote, not from two."""
    so_far: list[Pair] = [("a", 0.9), ("a", 0.9)]
    assert poll_of("weighted", so_far, "history.sum_logit").settled(1)
    assert not poll_of("weighted", so_far, "history.sum_logit").settled(2)


SPACE = st.builds(
    BestOfN,
    n=st.just(9),
    stop=st.sampled_from(["majority", "weighted", "best"]),
    wave=st.integers(1, 9),
    aggregate=st.sampled_from(["history.last", "min"]),
    missing=st.sampled_from(MissingRule),
)
SCRIPTS = st.lists(PAIRS, min_size=9, max_size=9).map(lambda pairs: scored(*pairs))


@given(strategy=SPACE, script=SCRIPTS)
@settings(max_examples=200)
def test_what_is_chosen_early_is_what_all_would_have_chosen(
    strategy: BestOfN, script: list[Draft]
) -> None:
    early, asked = run(strategy(PROBLEM), script)
    whole, _ = run(replace(strategy, stop="none")(PROBLEM), script)
    assert early.candidates == whole.candidates[: len(early.candidates)]
    assert chosen(early, strategy.stop, strategy.steering) == chosen(
        whole, strategy.stop, strategy.steering
    )
    assert sum(question.startswith("draw") for question in asked) == math.ceil(
        len(early.candidates) / (strategy.wave or 1)
    )


@given(strategy=SPACE, script=SCRIPTS)
def test_it_stops_after_the_first_wave_that_settles_it(
    strategy: BestOfN, script: list[Draft]
) -> None:
    early, _ = run(strategy(PROBLEM), script)
    assert strategy.wave is not None
    ends = [*range(strategy.wave, 9, strategy.wave), 9]
    pairs = [(draft.answer, draft.score) for draft in script]
    first = next(
        end for end in ends if end == 9 or poll_of(strategy.stop, pairs[:end]).settled(9 - end)
    )
    assert len(early.candidates) == first


@pytest.mark.parametrize(
    ("missing", "settled"),
    [(MissingRule.WORST, True), (MissingRule.SKIP, True), (MissingRule.FAIL, False)],
)
def test_the_rule_for_missing_verdicts_decides_what_is_settled(
    missing: MissingRule, settled: bool
) -> None:
    """Verdicts 1.0 and none: 1.0 as the lowest that was read or as the only one; else no score."""
    text = Step("so", (1,), StopReason.STEP_END), Step(r"it is \boxed{7}", (2,), StopReason.EOS)
    verdicts = (
        StepVerdict(1.0, VerdictStatus.READ),
        StepVerdict(None, VerdictStatus.MISSING),
    )
    poll = Poll("best", Steering(Aggregator.parse("last"), missing))
    poll.add([Candidate(ROOT.grow(0, text), Judgement(verdicts, 0.5), (0.5,))])
    assert poll.settled(1) == settled


def test_the_fields_aggregate_and_missing_are_those_that_stop() -> None:
    """The whole text is judged 1.0 by its only step and 0.5 by its prefix: `last` settles it."""
    flow = BestOfN(n=4, stop="best", wave=1, aggregate="last")(PROBLEM)
    next(flow)
    (draft,) = drafts("7")
    flow.send(Extended(((draft.path(0),),), Spending()))
    verdict = StepVerdict(1.0, VerdictStatus.READ)
    with pytest.raises(StopIteration):
        flow.send(Judged((Judgement((verdict,), 0.5),), Spending()))


def test_a_wave_in_which_nothing_finished_asks_for_no_judgement() -> None:
    script = [Draft("7", stop=StopReason.LENGTH), Draft("7")]
    _, asked = run(BestOfN(n=2, wave=1)(PROBLEM), script)
    assert asked == ["draw 0-0", "draw 1-1", "judge 1"]


# --- Budgets --------------------------------------------------------------------------------------


def test_a_majority_out_of_budget_returns_what_it_has() -> None:
    """Waves of 2, each two calls: after the second, 4 of 3 calls are spent."""
    strategy = Majority(n=8, wave=2, budget=Budget(calls=3))
    result, asked = run(strategy(PROBLEM), drafts(*"12345678"))
    assert asked == ["draw 0-1", "draw 2-3"]
    assert (result.exhausted, len(result.candidates)) == ("calls: 4 of 3", 4)


def test_drafts_that_the_budget_left_unjudged_stay_candidates() -> None:
    """Two drawn, two judged, two drawn: 6 of 5 calls are spent before the second judging."""
    strategy = BestOfN(n=8, wave=2, budget=Budget(calls=5))
    result, asked = run(strategy(PROBLEM), drafts(*"12345678"))
    assert asked == ["draw 0-1", "judge 0 1", "draw 2-3"]
    assert result.exhausted == "calls: 6 of 5"
    assert [candidate.history for candidate in result.candidates] == [(0.5,), (0.5,), (), ()]
    assert [candidate.judgement is None for candidate in result.candidates[2:]] == [True, True]


@pytest.mark.parametrize(
    "strategy",
    [
        Majority(n=8, stop="beta", wave=4, budget=Budget(calls=4)),
        BestOfN(n=8, stop="majority", wave=4, budget=Budget(calls=8)),
    ],
)
def test_an_answer_that_is_settled_as_the_budget_ends_is_not_marked(
    strategy: Majority | BestOfN,
) -> None:
    result, _ = run(strategy(PROBLEM), drafts(*"77777777"))
    assert (len(result.candidates), result.exhausted) == (4, None)


# --- Settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "fields", "message"),
    [
        (Majority, {"n": 0}, "n: 0 must be 1 or more"),
        (Majority, {"stop": "best"}, "stop: 'best' must be one of none, beta"),
        (
            Majority,
            {"stop": "beta"},
            "wave: null draws all 16 at once, and stop beta looks between",
        ),
        (Majority, {"wave": 0}, "wave: 0 must be from 1 to n (16); nearest 1"),
        (Majority, {"wave": 17}, "wave: 17 must be from 1 to n (16); nearest 16"),
        (Majority, {"confidence": 0.5}, "confidence: 0.5 must be above 0.5"),
        (Majority, {"confidence": 1.0}, "confidence: 1.0 must be above 0.5"),
        (Majority, {"confidence": math.nan}, "confidence: nan must be above 0.5"),
        (Majority, {"fewest": 0}, "fewest: 0 must be from 1 to n (16); nearest 1"),
        (Majority, {"fewest": 17}, "fewest: 17 must be from 1 to n (16); nearest 16"),
        (BestOfN, {"stop": "beta"}, "stop: 'beta' must be one of none, majority, weighted, best"),
        (BestOfN, {"stop": "best"}, "wave: null draws all 16 at once, and stop best looks between"),
        (BestOfN, {"wave": 17}, "wave: 17 must be from 1 to n (16); nearest 16"),
        (
            BestOfN,
            {"aggregate": "lst"},
            "aggregate: unknown aggregation 'lst'; did you mean 'last'",
        ),
        (
            BestOfN,
            {"stop": "best", "wave": 4, "aggregate": "sum_logit"},
            "aggregate: sum_logit has no highest score, so stop best would never stop",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(
    strategy: type[Majority | BestOfN], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        strategy(**fields)


def test_log_odds_may_weigh_votes() -> None:
    assert BestOfN(stop="weighted", wave=4, aggregate="sum_logit").judges


def test_an_outcome_reward_model_can_judge_all_that_best_of_n_asks() -> None:
    assert not BestOfN().judges_prefixes


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("greedy_arithmetic", Greedy()),
        ("majority_arithmetic", Majority(n=32, stop="beta", wave=4)),
        ("best_of_n_arithmetic", BestOfN(n=16, stop="weighted", wave=4)),
    ],
)
def test_the_shipped_configs_mean_what_they_say(name: str, strategy: object) -> None:
    config = load_config(name)
    assert config.strategy == strategy
    assert notes(config) == []


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["grading.cues=false"], "grading.cues False reads others"),
        (
            ["grading.kind=option", "grading.max_answer_chars=9"],
            "grading.max_answer_chars 9 and grading.kind option reads others",
        ),
    ],
)
def test_a_stop_by_other_answers_than_are_graded_is_noted(overrides: list[str], said: str) -> None:
    (note,) = notes(load_config("majority_arithmetic", overrides))
    assert note.startswith("strategy.stop beta: ")
    assert said in note
    drawing_all = load_config("majority_arithmetic", [*overrides, "strategy.stop=none"])
    assert notes(drawing_all) == []


# --- Over the doubles -----------------------------------------------------------------------------


def search(
    strategy: Majority | BestOfN, question: str, memory: DictMemory | None = None
) -> Searched:
    policy = ScriptedPolicy(ScriptedPolicyConfig(accuracy=0.6, cut=0.1, no_answer=0.1))
    scorer = ScriptedScorer(ScriptedScorerConfig(missing=0.1))
    flow = strategy(Problem("p", question))
    return asyncio.run(drive(flow, policy, scorer, memory or DictMemory(), 3))


EXAMPLES = [
    Majority(n=12, stop="beta", wave=2),
    BestOfN(n=12, stop="weighted", wave=2),
    BestOfN(n=12, stop="majority", wave=3, budget=Budget(calls=14)),
]


@pytest.mark.parametrize("strategy", EXAMPLES)
def test_a_replay_gives_the_same_search_and_draws_nothing_more(
    strategy: Majority | BestOfN,
) -> None:
    memory = DictMemory()
    live = search(strategy, "3 + 4?", memory)
    replies = dict(memory.replies)
    assert search(pickle.loads(pickle.dumps(strategy)), "3 + 4?", memory) == live
    assert memory.replies == replies


@pytest.mark.parametrize("strategy", EXAMPLES)
def test_a_search_killed_after_any_reply_ends_as_it_would_have(
    strategy: Majority | BestOfN,
) -> None:
    memory = DictMemory()
    live = search(strategy, "5 + 6?", memory)
    for kept in range(len(memory.replies)):
        half = DictMemory(dict(list(memory.replies.items())[:kept]))
        assert search(strategy, "5 + 6?", half) == live
        assert half.replies == memory.replies


@given(
    question=st.integers(0, 10**6).map(str),
    selection=st.sampled_from(["majority", "weighted"]),
    wave=st.integers(1, 6),
)
@settings(max_examples=40)
def test_a_stopped_search_is_the_beginning_of_the_whole_one(
    question: str, selection: str, wave: int
) -> None:
    strategy = BestOfN(n=12, stop=selection, wave=wave)  # type: ignore[arg-type]  # drawn from its choices
    early, whole = search(strategy, question), search(BestOfN(n=12), question)
    count = len(early.result.candidates)
    assert early.result.candidates == whole.result.candidates[:count]
    assert set(early.paths) == {candidate.path.id for candidate in early.result.candidates}
    assert early.result.pruned == ()
    steering = strategy.steering
    assert chosen(early.result, selection, steering) == chosen(whole.result, selection, steering)
