"""What holds for every search that ended, whatever its strategy, its settings and its models."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from search.aggregation import AGGREGATIONS, Aggregator, MissingRule, Over
from search.budget import COUNTED, Budget
from search.candidates import Steering
from search.core import Missing, Prefix, Spending, place_id
from search.limit import LimitReached
from search.selection import SELECTIONS, Option
from search.strategies.stopping import answer_of
from strategy_spaces import common, entry_of
from treewright.ledger import Ledger
from watched_searches import Seen

LIMITS = {*COUNTED, "seconds", "depth", "expansions", "simulations", "backtracks", "missing"}
"""What may end a search before it ends by itself."""


def each_drawn_path_is_part_of_a_candidate_or_given_up_once_with_a_reason(seen: Seen) -> None:
    kept = {above for each in seen.result.candidates for above in lineage(each.path)}
    given_up = [pruned.path_id for pruned in seen.result.pruned]
    assert len(set(given_up)) == len(given_up)
    assert all(pruned.reason for pruned in seen.result.pruned)
    assert kept.isdisjoint(given_up)
    assert kept | set(given_up) == set(seen.searched.paths)


def lineage(path: Prefix) -> set[str]:
    """The ids of the path and of those above it, without the root."""
    return set(map(place_id, path.line))


def candidates_are_drawn_paths_with_their_judgements(seen: Seen) -> None:
    """Of a hard budget a judgement may have come too late."""
    ids = [candidate.path.id for candidate in seen.result.candidates]
    assert len(set(ids)) == len(ids)
    late = common(seen.case.strategy, "budget", Budget()).hard and seen.limit in COUNTED
    for candidate in seen.result.candidates:
        assert candidate.path == seen.searched.paths[candidate.path.id]
        judged = seen.searched.judgements.get(candidate.path.id)
        assert candidate.judgement == judged or (late and candidate.judgement is None)
        if candidate.judgement:
            assert candidate.history[-1] == candidate.judgement.prefix


def it_asks_and_returns_no_more_than_it_says(seen: Seen) -> None:
    strategy = seen.case.strategy
    assert len(seen.result.candidates) <= strategy.candidates
    assert len(set(seen.ports.drawn)) == len(seen.ports.drawn) <= strategy.draws
    assert len(set(seen.ports.judged)) == len(seen.ports.judged) <= strategy.draws
    assert strategy.judges or not seen.ports.judged


def no_path_is_deeper_than_the_limit(seen: Seen) -> None:
    """Draws beyond it are those that look ahead."""
    strategy = seen.case.strategy
    ahead = common(strategy, "lookahead", 0) + entry_of(strategy).beyond
    deepest = max((len(path.place) for path in seen.searched.paths.values()), default=0)
    assert deepest <= common(strategy, "depth", 1) + ahead


def a_candidate_that_could_go_on_is_marked_by_a_limit(seen: Seen) -> None:
    could_go_on = [each for each in seen.result.candidates if not each.path.stopped]
    assert not could_go_on or seen.limit in LIMITS


def answers_stand_before_abstentions(seen: Seen) -> None:
    """But where whole solutions are drawn: these stand in the order of their numbers."""
    finished = [candidate.path.finished for candidate in seen.result.candidates]
    numbers = [candidate.path.place for candidate in seen.result.candidates]
    whole = all(len(number) == 1 for number in numbers) and numbers == sorted(numbers)
    assert finished == sorted(finished, reverse=True) or whole


def what_is_said_twice_is_not_kept_twice_under_dedup(seen: Seen) -> None:
    dedup = common(seen.case.strategy, "dedup", "none")
    said = [
        (path.finished, path.text)
        for path in (candidate.path for candidate in seen.result.candidates)
        if (path.finished and dedup == "all") or (not path.stopped and dedup != "none")
    ]
    assert len(set(said)) == len(said)


def the_ledger_is_what_the_ports_spent(seen: Seen) -> None:
    ledger = Ledger.of([seen.searched])
    for account, spent in (
        (ledger.policy, seen.ports.spent.policy),
        (ledger.verifier, seen.ports.spent.verifier),
    ):
        counted = (account.calls, account.prompt, account.cached, account.generated, account.failed)
        assert counted == astuple(spent)[: len(counted)]
        assert (account.recalled, account.saved) == (spent.recalled, spent.saved)
        pruned, duplicate = account.pruned, account.duplicate
        assert pruned is not None
        assert duplicate is not None
        assert pruned + duplicate <= spent.generated


def a_budget_is_exceeded_by_one_question_at_most(seen: Seen) -> None:
    budget = common(seen.case.strategy, "budget", Budget())
    kept = [(seen.log, budget)]
    if entry_of(seen.case.strategy).shares:
        kept = [
            (log, budget.share(len(forked.flows))) for forked in seen.log for log in forked.flows
        ]
    marks = set()
    for log, limits in kept:
        before_the_last = used(sum((answered.spent for answered in log[:-1]), Spending()))
        whole = used(sum((answered.spent for answered in log), Spending()))
        for name, limit in vars(limits).items():
            if name in COUNTED and limit is not None:
                assert before_the_last[name] < limit
                if whole[name] >= limit:
                    marks.add(LimitReached(name, whole[name], limit))
    assert seen.limit not in COUNTED or seen.result.exhausted in marks


def used(spent: Spending) -> dict[str, int]:
    """By the name of the limit; a cached token is no work."""
    policy, verifier = (
        side.prompt - side.cached + side.generated for side in (spent.policy, spent.verifier)
    )
    return {
        "policy_tokens": policy,
        "verifier_tokens": verifier,
        "total_tokens": policy + verifier,
        "calls": spent.policy.calls + spent.verifier.calls,
    }


def nothing_read_is_no_number(seen: Seen) -> None:
    for candidate in seen.result.candidates:
        judgement = candidate.judgement
        inputs = {
            Over.STEPS: [each.probability for each in judgement.verdicts] if judgement else [],
            Over.HISTORY: [
                None if isinstance(each, Missing) else each for each in candidate.history
            ],
        }
        for over, read in inputs.items():
            unread = all(probability is None for probability in read)
            unread |= over is Over.HISTORY and read[-1:] == [None]
            for name in AGGREGATIONS:
                for rule in MissingRule:
                    score = Aggregator(name, over).score(candidate, rule)
                    assert isinstance(score, Missing) == (
                        unread or (rule is MissingRule.FAIL and None in read)
                    )


def a_missing_score_is_never_chosen_over_a_number(seen: Seen) -> None:
    scores = [steering(seen).score(candidate) for candidate in seen.result.candidates]
    answers = [answer_of(candidate.path) for candidate in seen.result.candidates]
    groups = [None if answer is None else answers.index(answer) for answer in answers]
    options = [Option(group, score) for group, score in zip(groups, scores, strict=True)]
    scale = steering(seen).aggregator.scale
    known = [
        option
        for option in options
        if option.group is not None and not isinstance(option.score, Missing)
    ]
    for selection in SELECTIONS.values():
        index = selection.choose(options, scale).index
        if selection.needs_score:
            assert (index is None) == (not known)
            assert index is None or options[index] in known


def where_the_best_stand_first_a_missing_score_stands_last(seen: Seen) -> None:
    if entry_of(seen.case.strategy).best_first(seen.case.strategy):
        assert seen.finished == steering(seen).rank(seen.finished)
        missing = [isinstance(steering(seen).score(each), Missing) for each in seen.finished]
        assert missing == sorted(missing)


def steering(seen: Seen) -> Steering:
    strategy: Any = seen.case.strategy
    found: Steering = getattr(strategy, "steering", Steering(Aggregator.parse("history.last")))
    return found


def everything_pickles(seen: Seen) -> None:
    for thing in (seen.case.strategy, seen.searched):
        assert pickle.loads(pickle.dumps(thing)) == thing


LAWS: list[Callable[[Seen], None]] = [
    each_drawn_path_is_part_of_a_candidate_or_given_up_once_with_a_reason,
    candidates_are_drawn_paths_with_their_judgements,
    it_asks_and_returns_no_more_than_it_says,
    no_path_is_deeper_than_the_limit,
    a_candidate_that_could_go_on_is_marked_by_a_limit,
    answers_stand_before_abstentions,
    what_is_said_twice_is_not_kept_twice_under_dedup,
    the_ledger_is_what_the_ports_spent,
    a_budget_is_exceeded_by_one_question_at_most,
    nothing_read_is_no_number,
    a_missing_score_is_never_chosen_over_a_number,
    where_the_best_stand_first_a_missing_score_stands_last,
    everything_pickles,
]
