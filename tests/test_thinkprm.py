"""ThinkPRM: what is asked, and what is read from chains."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from engines.byte_tokenizer import END
from engines.engine import Finish, Request
from engines.loop_guard import LoopGuard
from recorded_chains import (
    CORRECT,
    END_OF_THINK,
    ENDLESS,
    INCORRECT,
    NO,
    PROSE,
    RIGHT,
    TOKENIZER,
    UNSURE,
    YES,
    Recorded,
    RecordedEngine,
    judge,
    judgement,
    path,
    probabilities,
)
from scorers.log_odds import probability
from search.core import Judgement, Missing, StepVerdict, VerdictStatus
from search.ports import ScorerCall

READ, AFTER, MISSED, TRUNCATED = (
    VerdictStatus.READ,
    VerdictStatus.AFTER_ERROR,
    VerdictStatus.MISSING,
    VerdictStatus.TRUNCATED,
)
QUESTION = "\nIs the solution correct?"


# --- Help -----------------------------------------------------------------------------------------


def statuses(found: Judgement) -> list[VerdictStatus]:
    return [verdict.status for verdict in found.verdicts]


def mean(*values: float) -> float:
    """The probability of the mean of the log-odds."""
    return probability(sum(math.log(p / (1 - p)) for p in values) / len(values))


def said(request: Request) -> str:
    """What the verifier has said before this request."""
    return TOKENIZER.decode(request.prompt).rpartition("<think>\n")[2]


WRONG = Recorded(
    r"Step 1: The step is \boxed{incorrect}"
    "\n\n"
    r"Step 2: The step is \boxed{correct}"
    "\n</think>",
    sure=(0.7, 0.8),
    yes=0.2,
)


# --- One chain ------------------------------------------------------------------------------------


def test_each_step_gets_the_probability_at_its_own_verdict_and_the_prefix_that_of_yes() -> None:
    found = judgement(RecordedEngine(RIGHT))
    assert statuses(found) == [READ, READ]
    assert probabilities(found) == [pytest.approx(0.9), pytest.approx(0.8)]
    assert found.prefix == pytest.approx(0.9)
    assert found.chains == 1


def test_raw_mass_on_other_tokens_is_renormalised_away() -> None:
    assert judgement(RecordedEngine(replace(RIGHT, yes=0.9, mass=0.6))).prefix == pytest.approx(0.9)


def test_a_chain_stops_at_the_first_incorrect_step_and_later_steps_take_its_probability() -> None:
    engine = RecordedEngine(WRONG)
    found = judgement(engine)
    assert statuses(found) == [READ, AFTER]
    assert probabilities(found) == [pytest.approx(0.3), pytest.approx(0.3)]
    assert engine.given[0].token_ids[-1] == INCORRECT


def test_without_early_stop_the_judgement_is_the_same_and_costs_more() -> None:
    early, late = RecordedEngine(WRONG), RecordedEngine(WRONG)
    short, long = judgement(early), judgement(late, early_stop=False)
    assert probabilities(short) == probabilities(long)
    assert statuses(short) == statuses(long)
    assert len(early.given[0].token_ids) < len(late.given[0].token_ids)


def test_the_word_incorrect_in_prose_does_not_end_a_chain() -> None:
    engine = RecordedEngine(PROSE)
    found = judgement(engine)
    assert statuses(found) == [READ, READ]
    assert probabilities(found) == [pytest.approx(0.95), pytest.approx(0.85)]
    assert len(engine.requests) == 5  # stopped three times, then the end, then the closing question


def test_a_chain_that_goes_on_has_what_is_left_of_its_budget() -> None:
    engine = RecordedEngine(PROSE)
    judgement(engine, max_tokens=100)
    *written, _ = engine.requests
    used = [sum(len(g.token_ids) for g in engine.given[:i]) for i in range(len(written))]
    assert [request.sampling.max_tokens for request in written] == [100 - spent for spent in used]


def test_a_chain_that_stops_on_its_last_token_is_truncated() -> None:
    engine = RecordedEngine(PROSE)
    found = judgement(engine, max_tokens=len(TOKENIZER.encode("Step 1: not incorrect")), retries=0)
    assert isinstance(found.prefix, Missing)


def test_a_chain_that_goes_on_draws_with_another_seed() -> None:
    engine = RecordedEngine(PROSE)
    judgement(engine)
    seeds = [request.sampling.seed for request in engine.requests[:-1]]
    assert len(set(seeds)) == len(seeds)


def test_a_truncated_chain_keeps_the_verdicts_that_it_reached() -> None:
    text = r"Step 1: The step is \boxed{correct} Step 2: one and two are" + " three" * 50
    found = judgement(RecordedEngine(Recorded(text)), max_tokens=60)
    assert statuses(found) == [READ, TRUNCATED]
    assert probabilities(found)[1] is None
    assert isinstance(found.prefix, float)


def test_a_looping_chain_is_stopped_and_counts_as_truncated() -> None:
    chain = Recorded(r"Step 1: The step is \boxed{correct}" + ", or so it seems to me" * 40)
    engine = RecordedEngine(chain)
    assert statuses(judgement(engine)) == [READ, TRUNCATED]
    assert engine.given[0].finish is Finish.LOOP
    assert len(engine.given[0].token_ids) < len(chain.ids) / 2


def test_a_chain_that_ends_without_a_verdict_leaves_steps_missing_without_a_number() -> None:
    found = judgement(RecordedEngine(Recorded("It all looks good.\n</think>")))
    assert found.verdicts == (StepVerdict(None, MISSED),) * 2
    assert found.prefix == pytest.approx(0.9)


def test_a_critique_belongs_to_its_step() -> None:
    found = judgement(RecordedEngine(RIGHT))
    assert "Step 2" in found.verdicts[1].critique
    assert "Step 2" not in found.verdicts[0].critique


# --- The closing question -------------------------------------------------------------------------


CLOSED = "\n</think>" + QUESTION


@pytest.mark.parametrize(
    ("chain", "closed"),
    [
        (RIGHT.text, RIGHT.text + QUESTION),
        (r"Step 1: \boxed{incorrect}, and so", r"Step 1: \boxed{incorrect}" + CLOSED),
        (r"Step 1: \boxed{\text{incorrect}}", r"Step 1: \boxed{\text{incorrect}}" + CLOSED),
        ("All steps hold.", "All steps hold." + CLOSED),
        ("All steps hold.\n", "All steps hold." + CLOSED),
        ("All steps hold.\nIs the solution correct? Yes", "All steps hold." + CLOSED),
        ("All steps hold.\nIs the solution correct?", "All steps hold." + CLOSED),
        ("Is the solution correct? Let me see.", "Is the solution correct? Let me see." + CLOSED),
        ("", CLOSED),
        (
            r"Step 2: \boxed{correct}. Step 3: \boxed{correct}" "\n</think>",
            r"Step 2: \boxed{correct}." + CLOSED,
        ),
    ],
)
def test_a_chain_is_closed_as_in_training(chain: str, closed: str) -> None:
    engine = RecordedEngine(Recorded(chain))
    judgement(engine)
    assert said(engine.requests[-1]) == closed
    assert engine.requests[-1].prompt.count(END_OF_THINK) == 1


def test_the_closing_question_is_one_greedy_token_of_yes_or_no() -> None:
    engine = RecordedEngine(RIGHT)
    judgement(engine)
    sampling = engine.requests[-1].sampling
    assert sampling.max_tokens == 1
    assert sampling.temperature == 0
    assert sampling.allowed_ids == sampling.logprob_ids == (YES, NO)


def test_the_closing_question_continues_the_chain_token_by_token() -> None:
    engine = RecordedEngine(WRONG)
    judgement(engine)
    first, last = engine.requests
    written = first.prompt + engine.given[0].token_ids
    assert last.prompt[: len(written)] == written


# --- The request for a chain ----------------------------------------------------------------------


def test_a_chain_is_asked_for_in_one_pass_with_the_odds_of_the_verdict_words() -> None:
    engine = RecordedEngine(RIGHT)
    judgement(engine, loop_guard=LoopGuard(20, 4), top_p=0.9, max_tokens=500)
    sampling = engine.requests[0].sampling
    assert sampling.logprob_ids == (CORRECT, INCORRECT)
    assert set(sampling.stop_token_ids) == {END_OF_THINK, END, INCORRECT}
    assert (sampling.loop_ngram, sampling.loop_repeats) == (20, 4)
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p) == (500, 0.0, 0.9)
    assert sampling.stop == ()


def test_the_chain_and_its_closing_question_name_the_calls_cache() -> None:
    engine = RecordedEngine(RIGHT)
    judge(engine, ScorerCall(path(), 5, cache="run 3"))
    assert [request.cache for request in engine.requests] == ["run 3"] * 2


def test_a_prefill_ends_the_prompt() -> None:
    engine = RecordedEngine(Recorded(r" fine. \boxed{correct} Step 2: \boxed{correct}</think>"))
    found = judgement(engine, prefill="verify_step")
    assert said(engine.requests[0]) == "Let's verify step by step:\n\nStep 1:"
    assert statuses(found) == [READ, READ]


def test_the_context_keeps_room_for_the_closing_question() -> None:
    prompt = len(ask().prompt)
    engine = RecordedEngine(ENDLESS, max_model_len=prompt + 60)
    judgement(engine, retries=0)
    chain = engine.requests[0].sampling.max_tokens
    closing = len(TOKENIZER.encode("}}" + CLOSED))
    assert 0 < chain <= engine.max_model_len - prompt - closing - 1


def ask(**settings: Any) -> Request:
    """The request for the first chain of the usual path."""
    engine = RecordedEngine(RIGHT)
    judgement(engine, **settings)
    return engine.requests[0]


# --- Several chains -------------------------------------------------------------------------------


def test_several_chains_are_combined_by_their_probabilities_or_by_their_log_odds() -> None:
    chains = [replace(RIGHT, sure=(p, p), yes=y) for p, y in ((0.9, 0.9), (0.6, 0.5), (0.8, 0.99))]
    found = judgement(RecordedEngine(*chains), chains=3)
    assert probabilities(found) == [pytest.approx((0.9 + 0.6 + 0.8) / 3)] * 2
    assert found.prefix == pytest.approx((0.9 + 0.5 + 0.99) / 3)
    assert found.chains == 3
    found = judgement(RecordedEngine(*chains), chains=3, combine="logit")
    assert probabilities(found) == [pytest.approx(mean(0.9, 0.6, 0.8))] * 2
    assert found.prefix == pytest.approx(mean(0.9, 0.5, 0.99))


def test_the_decision_temperature_divides_the_log_odds_of_steps_and_closing_question() -> None:
    found = judgement(RecordedEngine(RIGHT), decision_temperature=2.0)
    halved = [probability(math.log(p / (1 - p)) / 2) for p in (0.9, 0.8, 0.9)]
    assert [*probabilities(found), found.prefix] == [pytest.approx(p) for p in halved]


def test_of_four_chains_each_more_that_stops_lowers_every_score() -> None:
    lasts, products = [], []
    for stopped in range(5):
        engine = RecordedEngine(*[WRONG] * stopped, *[RIGHT] * (4 - stopped))
        found = judgement(engine, chains=4)
        read = [p for p in probabilities(found) if p is not None]
        lasts.append(read[-1])
        products.append(math.prod(read))
    assert lasts == sorted(set(lasts), reverse=True)
    assert products == sorted(set(products), reverse=True)


def test_a_chain_that_cannot_be_read_is_left_out_of_the_mean() -> None:
    chains = (replace(RIGHT, yes=0.8), replace(UNSURE, yes=0.1), ENDLESS)
    found = judgement(RecordedEngine(*chains), chains=3, max_tokens=150)
    assert found.chains == 1
    assert found.prefix == pytest.approx(0.8)


def test_several_chains_are_written_at_once_each_with_its_own_seed() -> None:
    engine = RecordedEngine(*[RIGHT] * 4)
    judgement(engine, chains=4)
    assert engine.most_waiting == 4
    first = engine.requests[:4]
    assert len({request.sampling.seed for request in first}) == 4
    assert {request.sampling.temperature for request in first} == {0.6}
    assert len({request.prompt for request in first}) == 1


def test_the_calls_of_a_batch_are_judged_at_once() -> None:
    engine = RecordedEngine(RIGHT, WRONG, RIGHT)
    replies = judge(engine, *[ScorerCall(path(), seed) for seed in range(3)])
    assert engine.most_waiting == 3
    assert [reply.judgement.verdicts[1].status for reply in replies] == [READ, AFTER, READ]


def test_seeds_depend_on_the_call() -> None:
    def seed(call_seed: int) -> int | None:
        engine = RecordedEngine(RIGHT)
        judge(engine, ScorerCall(path(), call_seed))
        return engine.requests[0].sampling.seed

    assert seed(1) == seed(1) != seed(2)
