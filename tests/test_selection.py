"""Selections against hand-worked votes, ties and abstentions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.aggregation import Scale
from search.core import Missing
from search.selection import ABSTAINED, SELECTIONS, UNSCORED, Choice, Option

NO_SCORE = Missing("unread")

scores = st.one_of(st.floats(0, 1), st.just(NO_SCORE))
options = st.lists(
    st.builds(Option, st.one_of(st.none(), st.integers(0, 3)), scores), min_size=0, max_size=12
)


def choose(
    name: str, *pairs: tuple[int | None, float | Missing], scale: Scale = Scale.PROBABILITY
) -> Choice:
    return SELECTIONS[name].choose([Option(group, score) for group, score in pairs], scale)


def test_first_takes_candidate_zero_even_when_a_later_one_scores_higher() -> None:
    assert choose("first", (0, 0.1), (1, 0.9)) == Choice(0)


def test_first_abstains_when_candidate_zero_did() -> None:
    assert choose("first", (None, 0.9), (1, 0.9)) == ABSTAINED


def test_best_takes_the_highest_score() -> None:
    assert choose("best", (0, 0.1), (1, 0.9), (0, 0.8)) == Choice(1)


def test_best_ignores_the_highest_score_of_an_abstention() -> None:
    assert choose("best", (None, 0.99), (1, 0.5)) == Choice(1)


def test_best_breaks_a_tie_for_the_earliest_and_says_so() -> None:
    assert choose("best", (0, 0.5), (1, 0.5)) == Choice(0, tied=True)


def test_a_tie_between_equal_answers_is_no_tie() -> None:
    assert choose("best", (2, 0.5), (2, 0.5)) == Choice(0)


def test_majority_counts_heads_and_not_scores() -> None:
    assert choose("majority", (0, 0.99), (1, 0.1), (1, NO_SCORE)) == Choice(1)


def test_majority_breaks_a_tie_for_the_group_that_came_first() -> None:
    assert choose("majority", (5, 0.0), (4, 0.0), (4, 0.0), (5, 0.0)) == Choice(0, tied=True)


def test_weighted_sums_scores_per_answer() -> None:
    assert choose("weighted", (0, 0.7), (1, 0.4), (1, 0.4)) == Choice(1)


def test_weighted_turns_log_odds_into_probabilities() -> None:
    """Raw, −4 − 4 would lose to −5; as probabilities two weak votes beat one weaker one."""
    votes = ((0, -5.0), (1, -4.0), (1, -4.0))
    assert choose("weighted", *votes, scale=Scale.LOGIT) == Choice(1)


def test_a_missing_score_neither_wins_nor_counts() -> None:
    assert choose("weighted", (0, NO_SCORE), (0, NO_SCORE), (1, 0.01)) == Choice(2)
    assert choose("best", (0, NO_SCORE), (1, 0.0)) == Choice(1)


@pytest.mark.parametrize("name", ["best", "weighted"])
def test_answers_without_any_score_are_unscored_and_not_wrong(name: str) -> None:
    assert choose(name, (0, NO_SCORE), (None, 0.5)) == UNSCORED


@pytest.mark.parametrize("name", SELECTIONS)
def test_only_abstentions_and_nothing_at_all_abstain(name: str) -> None:
    assert choose(name, (None, 0.9), (None, NO_SCORE)) == ABSTAINED
    assert choose(name) == ABSTAINED


@given(options, st.sampled_from(sorted(SELECTIONS)), st.sampled_from(Scale))
def test_a_choice_is_always_a_candidate_that_answered(
    given_options: list[Option], name: str, scale: Scale
) -> None:
    choice = SELECTIONS[name].choose(given_options, scale)
    if choice.index is not None:
        chosen = given_options[choice.index]
        assert chosen.group is not None
        if name == "best":
            assert chosen.score != NO_SCORE
    if choice.unscored:
        assert all(option.group is None or option.score == NO_SCORE for option in given_options)


@given(options, st.sampled_from(sorted(SELECTIONS)))
def test_selection_does_not_depend_on_how_groups_are_called(
    given_options: list[Option], name: str
) -> None:
    renamed = [
        Option(None if option.group is None else 7 - option.group, option.score)
        for option in given_options
    ]
    choose_from = SELECTIONS[name].choose
    assert choose_from(given_options, Scale.PROBABILITY) == choose_from(renamed, Scale.PROBABILITY)
