"""ThinkPRM where no verdict can be had: never a number, what it costs; and its settings."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest

from engines.engine import EngineError, Finish, Generation, Refused, Request
from engines.tokenizer import TokenizerError
from recorded_chains import (
    ENDLESS,
    PROSE,
    RIGHT,
    UNSURE,
    Recorded,
    RecordedEngine,
    VerifierTokenizer,
    judge,
    judgement,
    path,
    probabilities,
)
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig
from scorers.writing import ASKED_ITSELF
from search.core import Judgement, Missing, Prefix, Problem, Spent
from search.ports import Failure, FailureKind, ScorerCall, ScorerReply

# --- Failure is never a number --------------------------------------------------------------------


def test_when_no_chain_can_be_read_all_are_written_once_more_warmer() -> None:
    engine = RecordedEngine(ENDLESS, RIGHT)
    found = judgement(engine, max_tokens=200, retry_temperature=0.7)
    assert found.chains == 1
    assert probabilities(found) == [pytest.approx(0.9), pytest.approx(0.8)]
    first, second = engine.requests[0].sampling, engine.requests[1].sampling
    assert (first.temperature, second.temperature) == (0.0, 0.7)
    assert first.seed != second.seed


def test_when_the_retry_fails_too_the_judgement_is_missing_and_says_why() -> None:
    found = judgement(RecordedEngine(ENDLESS, UNSURE), max_tokens=150)
    assert found == Judgement.missing(
        "none of 2 verification chains could be read: cut by the token limit before any verdict "
        "(1); neither Yes nor No at its end: P(Yes)+P(No) < 0.5 (1)"
    )


def test_without_retries_it_is_missing_at_once() -> None:
    engine = RecordedEngine(UNSURE)
    assert isinstance(judgement(engine, retries=0).prefix, Missing)
    assert len(engine.requests) == 2


def test_a_chain_cut_before_any_verdict_is_not_asked_the_closing_question() -> None:
    engine = RecordedEngine(ENDLESS)
    judgement(engine, retries=0, max_tokens=50)
    assert len(engine.requests) == 1


@pytest.mark.parametrize("others", [(), (RIGHT,), (ENDLESS, RIGHT)])
def test_an_aborted_chain_is_a_fault_of_the_engine_and_the_judgement_asked_again(
    others: tuple[Recorded, ...],
) -> None:
    aborted = Recorded(r"Step 1: \boxed{correct} so", finish=Finish.ABORT)
    engine = RecordedEngine(aborted, *others, *[RIGHT] * 3)
    (reply,) = judge(engine, chains=1 + len(others), max_tokens=200)
    message = "problem p7, path 0/3: a verification chain was aborted by the engine"
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.message) == (FailureKind.UNAVAILABLE, message)
    assert reply.spent.calls == len(engine.requests)
    assert reply.spent.failed == reply.spent.generated >= 20


def test_a_text_that_is_no_text_is_invalid() -> None:
    class Strict(VerifierTokenizer):
        def encode(self, text: str) -> tuple[int, ...]:
            if "\ud800" in text:
                raise TokenizerError("a lone surrogate")
            return super().encode(text)

    scorer = ThinkPrm(ThinkPrmConfig("m", case_variants=False), RecordedEngine(), Strict())
    (reply,) = asyncio.run(scorer.judge([ScorerCall(path(question="\ud800"), 0)]))
    assert reply == Failure(FailureKind.INVALID, "problem p7, path 0/3: a lone surrogate")


def test_a_path_without_steps_is_invalid() -> None:
    (reply,) = judge(RecordedEngine(), ScorerCall(Prefix.start(Problem("p7", "?")), 0))
    assert reply == Failure(FailureKind.INVALID, "problem p7, path root: it has no steps to judge")


def test_a_prompt_longer_than_the_model_is_invalid_and_names_problem_and_lengths() -> None:
    engine = RecordedEngine(RIGHT, max_model_len=300)
    (reply,) = judge(engine, ScorerCall(path(question="why " * 100), 0))
    assert reply.kind is FailureKind.INVALID
    assert "problem p7, path 0/3" in reply.message
    assert "300" in reply.message
    assert "scorer.engine.max_model_len" in reply.message
    assert engine.requests == []


class Refuses(RecordedEngine):
    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        return [Refused("no such token") for _ in batch]


class Dies(RecordedEngine):
    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        raise EngineError("out of memory")


def test_a_refused_request_is_invalid_and_its_siblings_are_judged() -> None:
    (reply,) = judge(Refuses(), ScorerCall(path(), 0))
    assert reply == Failure(FailureKind.INVALID, "problem p7, path 0/3: no such token")
    failed, judged = judge(RecordedEngine(RIGHT), ScorerCall(path(0), 0), ScorerCall(path(), 0))
    assert isinstance(failed, Failure)
    assert isinstance(judged, ScorerReply)


def test_a_request_that_failed_inside_the_engine_is_asked_again() -> None:
    class Fails(RecordedEngine):
        async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
            return [Refused("a block was lost", again=True) for _ in batch]

    (reply,) = judge(Fails(), ScorerCall(path(), 0))
    assert reply == Failure(FailureKind.UNAVAILABLE, "problem p7, path 0/3: a block was lost")


def test_a_dead_engine_raises() -> None:
    with pytest.raises(EngineError, match="out of memory"):
        judge(Dies(), ScorerCall(path(), 0))


# --- Cost -----------------------------------------------------------------------------------------


def total(engine: RecordedEngine, failed: int = 0) -> Spent:
    return Spent(
        len(engine.given),
        sum(generation.prompt_tokens for generation in engine.given),
        sum(generation.cached_tokens or 0 for generation in engine.given),
        sum(len(generation.token_ids) for generation in engine.given),
        failed,
    )


def test_a_judgement_costs_all_that_was_asked() -> None:
    engine = RecordedEngine(PROSE, RIGHT)
    (reply,) = judge(engine, chains=2)
    assert reply.spent == total(engine)


def test_what_unread_chains_generated_has_failed() -> None:
    engine = RecordedEngine(ENDLESS, RIGHT)
    (reply,) = judge(engine, max_tokens=150)
    assert reply.spent == total(engine, failed=150)


def test_of_a_missing_judgement_everything_has_failed() -> None:
    engine = RecordedEngine(UNSURE, UNSURE)
    (reply,) = judge(engine)
    assert reply.spent == total(engine, failed=total(engine).generated)


# --- Configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "field_name"),
    [
        ({"prefill": "verify"}, "prefill"),
        ({"chains": 0}, "chains"),
        ({"chains": 2, "temperature": 0.0}, "temperature"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"retries": -1}, "retries"),
        ({"retry_temperature": 0.0}, "retry_temperature"),
        ({"min_mass": 2.0}, "min_mass"),
    ],
)
def test_a_setting_out_of_range_is_refused_in_one_line(
    settings: dict[str, Any], field_name: str
) -> None:
    with pytest.raises(ValueError, match=f"^{field_name}: ") as caught:
        ThinkPrmConfig(model="m", **settings)
    assert "\n" not in str(caught.value)


def test_one_chain_is_greedy_and_several_are_sampled_unless_told_otherwise() -> None:
    assert ThinkPrmConfig(model="m").first_temperature == 0
    assert ThinkPrmConfig(model="m", chains=4).first_temperature == 0.6
    assert ThinkPrmConfig(model="m", chains=4, temperature=0.4).first_temperature == 0.4


def test_a_question_that_is_asked_early_is_not_the_closing_one() -> None:
    assert ASKED_ITSELF.search("Is the solution correct? Let me see.") is None
