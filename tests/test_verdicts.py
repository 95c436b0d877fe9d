"""Verdicts read from recorded chains, over the real Qwen vocabulary."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.log_odds import probability
from scorers.prompt import VerifierPrompt
from scorers.verdict_ids import UnfitTokenizer, VerdictIds
from scorers.verdicts import ChainReader
from thinkprm_tokenizer import R1_DISTILL, TOKENIZER, ThinkPrmTokenizer

CHAINS = json.loads((Path(__file__).parent / "golden" / "thinkprm_chains.json").read_text())
PROMPTS = json.loads((Path(__file__).parent / "golden" / "thinkprm_prompts.json").read_text())


@pytest.fixture(scope="module")
def tokenizer() -> ThinkPrmTokenizer:
    return TOKENIZER


@pytest.fixture(scope="module")
def reader(tokenizer: ThinkPrmTokenizer) -> ChainReader:
    return ChainReader(tokenizer, VerdictIds.of(tokenizer))


# --- The vocabulary -----------------------------------------------------------------------------


def test_the_verdict_tokens_of_the_real_vocabulary_are_those_of_thinkprm(
    tokenizer: ThinkPrmTokenizer,
) -> None:
    assert VerdictIds.of(tokenizer, variants=False) == VerdictIds(
        correct=(19928,), incorrect=(61954,), yes=(7414,), no=(2308,), halts=(61954,)
    )


def test_other_spellings_are_variants_and_the_trained_one_comes_first(
    tokenizer: ThinkPrmTokenizer,
) -> None:
    ids = VerdictIds.of(tokenizer)
    texts = [
        [tokenizer.decode((token,)) for token in side] for side in (ids.correct, ids.incorrect)
    ]
    assert texts[0] == ["correct", "Correct", " correct", " Correct", "COR", " COR"]
    assert texts[1] == ["incorrect", "Incorrect", " incorrect", " Incorrect", "INC", " INC"]
    assert (ids.correct[:2], ids.incorrect[:2]) == ((19928, 33092), (61954, 40468))
    assert ids.yes == (7414, 9834, 9454, 9693)
    assert ids.no == (2308, 902, 2753, 2152)


def test_a_chain_is_halted_at_a_boxed_verdict_and_not_at_the_word_in_prose(
    tokenizer: ThinkPrmTokenizer,
) -> None:
    ids = VerdictIds.of(tokenizer)
    assert ids.halts == (61954, 40468)
    assert tokenizer.encode(" incorrect")[0] in set(ids.incorrect) - set(ids.halts)


class LosesSpaces(ThinkPrmTokenizer):
    def decode(self, ids: Sequence[int]) -> str:
        return super().decode(ids).lstrip(" ")


class SplitsIncorrect(ThinkPrmTokenizer):
    def encode(self, text: str) -> tuple[int, ...]:
        head, found, tail = text.partition("incorrect")
        split = (*super().encode("inc"), *super().encode("orrect"), *super().encode(tail))
        return (*super().encode(head), *split) if found else super().encode(text)


class HasNoThink(ThinkPrmTokenizer):
    def token_id(self, token: str) -> int | None:
        return None if token == "</think>" else super().token_id(token)


class TwoStarts(ThinkPrmTokenizer):
    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        return (R1_DISTILL["<｜begin▁of▁sentence｜>"], *super().chat(messages))


class ThinksNot(ThinkPrmTokenizer):
    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        return super().chat(messages)[:-2]


def start_up(tokenizer: ThinkPrmTokenizer, model: str) -> None:
    """All that is checked before a verifier judges."""
    VerdictIds.of(tokenizer, model)
    VerifierPrompt(tokenizer, "none", model)


@pytest.mark.parametrize(
    ("unfit", "token"),
    [
        (LosesSpaces(), "' Yes' comes back from its tokenizer as 'Yes'"),
        (SplitsIncorrect(), "'incorrect'"),
        (HasNoThink(), "'</think>'"),
        (TwoStarts(), "<｜begin▁of▁sentence｜>"),
        (ThinksNot(), "'<think>'"),
    ],
)
def test_an_unfit_tokenizer_is_refused_naming_model_and_token(
    unfit: ThinkPrmTokenizer, token: str
) -> None:
    with pytest.raises(UnfitTokenizer) as caught:
        start_up(unfit, "acme/no-prm")
    message = str(caught.value)
    assert "acme/no-prm" in message
    assert token in message
    assert "\n" not in message


# --- The prompt, pinned -------------------------------------------------------------------------


@pytest.mark.parametrize("golden", PROMPTS, ids=lambda golden: str(golden["name"]))
def test_the_prompt_is_the_pinned_one_token_by_token(
    tokenizer: ThinkPrmTokenizer, golden: dict[str, Any]
) -> None:
    prompt = VerifierPrompt(tokenizer, golden["prefill"], "golden")
    ids = prompt.ids(golden["problem"], golden["steps"])
    assert tokenizer.decode(ids) == golden["text"]
    assert list(ids) == golden["ids"]


@pytest.mark.parametrize("golden", PROMPTS[:-1], ids=lambda golden: str(golden["name"]))
def test_a_pinned_prompt_is_tokenised_as_one_text(
    tokenizer: ThinkPrmTokenizer, golden: dict[str, Any]
) -> None:
    assert tokenizer.encode_trusted(golden["text"]) == tuple(golden["ids"])


@pytest.mark.parametrize("golden", PROMPTS, ids=lambda golden: str(golden["name"]))
def test_a_pinned_prompt_has_one_start_and_opens_the_thinking(golden: dict[str, Any]) -> None:
    assert golden["ids"].count(151646) == 1
    assert golden["ids"][0] == 151646
    assert golden["ids"].count(151648) == 1
    assert "<｜Assistant｜><think>\n" in golden["text"]


# --- Recorded chains ----------------------------------------------------------------------------


def boxed_positions(
    ids: Sequence[int], tokenizer: ThinkPrmTokenizer, reader: VerdictIds
) -> list[int]:
    """Where the words stand right after a brace."""
    return [
        position
        for position, token in enumerate(ids)
        if token in reader.step and tokenizer.decode(ids[position - 1 : position]).endswith("{")
    ]


def confidence(occurrence: int) -> float:
    """The probability of the word that was written there: different for each box of a chain."""
    return 0.99 - 0.01 * occurrence


class Replay:
    """A recorded chain with made-up log-probabilities, read."""

    def __init__(self, recorded: dict[str, Any], tokenizer: ThinkPrmTokenizer) -> None:
        verdict_ids = VerdictIds.of(tokenizer)
        text = "\n".join(recorded["chain"])
        thought, closed, _ = text.partition("</think>")
        end = (R1_DISTILL["</think>"],) if closed else ()
        self.ids = (*tokenizer.encode(thought), *end)
        self.boxes = boxed_positions(self.ids, tokenizer, verdict_ids)
        odds = [dict.fromkeys(verdict_ids.step, math.log(1e-9)) for _ in self.ids]
        for occurrence, position in enumerate(self.boxes):
            written = self.ids[position]
            other = (
                verdict_ids.incorrect if written in verdict_ids.correct else verdict_ids.correct
            )[0]
            odds[position][written] = math.log(confidence(occurrence))
            odds[position][other] = math.log(1 - confidence(occurrence))
        self.reading = ChainReader(tokenizer, verdict_ids).read(
            self.ids,
            odds,
            recorded["steps"],
            labels=recorded.get("labels", 0),
            lead=recorded["lead"],
            truncated=recorded["truncated"],
        )
        self.correct = [self.ids[position] in verdict_ids.correct for position in self.boxes]

    def probability(self, occurrence: int | None) -> float | None:
        """What a verdict read from that box must say."""
        if occurrence is None:
            return None
        sure = confidence(occurrence)
        return sure if self.correct[occurrence] else 1 - sure


recorded_chains = pytest.mark.parametrize("recorded", CHAINS, ids=lambda chain: str(chain["name"]))


@recorded_chains
def test_a_recorded_chain_gives_the_expected_statuses(
    tokenizer: ThinkPrmTokenizer, recorded: dict[str, Any]
) -> None:
    reading = Replay(recorded, tokenizer).reading
    assert [step.status.value for step in reading.steps] == [one for one, _ in recorded["expect"]]
    assert reading.error == recorded["error"]


@recorded_chains
def test_a_recorded_chain_gives_each_step_the_probability_of_its_own_box(
    tokenizer: ThinkPrmTokenizer, recorded: dict[str, Any]
) -> None:
    replay = Replay(recorded, tokenizer)
    for step, (_, box) in zip(replay.reading.steps, recorded["expect"], strict=True):
        read = None if step.log_odds is None else probability(step.log_odds)
        assert read == pytest.approx(replay.probability(box), abs=1e-6)


@recorded_chains
def test_a_recorded_chain_keeps_what_judges_the_steps_that_exist(
    tokenizer: ThinkPrmTokenizer, recorded: dict[str, Any]
) -> None:
    replay = Replay(recorded, tokenizer)
    kept = tokenizer.decode(replay.ids[: replay.reading.tokens])
    if recorded["kept"] == "all":
        assert replay.reading.tokens == len(replay.ids)
    else:
        assert kept.rstrip().endswith(recorded["kept"])


@recorded_chains
def test_a_recorded_chain_gives_each_step_its_own_critique(
    tokenizer: ThinkPrmTokenizer, recorded: dict[str, Any]
) -> None:
    steps = Replay(recorded, tokenizer).reading.steps
    for step, said in recorded.get("critique", {}).items():
        assert said in steps[int(step.rstrip("b"))].critique
        assert [i for i, one in enumerate(steps) if said in one.critique] == [int(step.rstrip("b"))]


# --- Pieces -------------------------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_the_pieces_of_a_text_add_up_to_it(text: str) -> None:
    pieces = ChainReader(TOKENIZER, VerdictIds((), (), (), ())).pieces(TOKENIZER.encode(text))
    assert "".join(pieces) == text
