"""Verdicts read from recorded chains, over the real Qwen vocabulary."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import dashscope
import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from scorers.odds import CERTAIN, log_odds, probability
from scorers.prompt import VerifierPrompt
from scorers.readings import ChainReading, StepReading, Verdict, combine, settle
from scorers.step_labels import label_of
from scorers.verdict_ids import UnfitTokenizer, VerdictIds
from scorers.verdicts import ChainReader
from search.core import VerdictStatus

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
R1_DISTILL = {
    "<｜end▁of▁sentence｜>": 151643,
    "<｜User｜>": 151644,
    "<｜Assistant｜>": 151645,
    "<｜begin▁of▁sentence｜>": 151646,
    "<think>": 151648,
    "</think>": 151649,
}
CHAINS = json.loads((Path(__file__).parent / "golden" / "thinkprm_chains.json").read_text())
PROMPTS = json.loads((Path(__file__).parent / "golden" / "thinkprm_prompts.json").read_text())


class ThinkPrmTokenizer:
    """The tokenizer of ThinkPRM-1.5B: Qwen's vocabulary, the template of R1-Distill."""

    @cached_property
    def _bpe(self) -> tiktoken.Encoding:
        file = Path(dashscope.__file__).parent / "resources" / "qwen.tiktoken"
        lines = (line.split() for line in file.read_bytes().splitlines() if line)
        ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
        assert len(ranks) == 151_643
        return tiktoken.Encoding(
            "qwen2", pat_str=QWEN2_SPLIT, mergeable_ranks=ranks, special_tokens=R1_DISTILL
        )

    @property
    def eos_ids(self) -> tuple[int, ...]:
        return (R1_DISTILL["<｜end▁of▁sentence｜>"],)

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._bpe.encode_ordinary(text))

    def encode_trusted(self, text: str) -> tuple[int, ...]:
        """The ids of a text in which special tokens are meant."""
        return tuple(self._bpe.encode(text, allowed_special="all"))

    def decode(self, ids: Sequence[int]) -> str:
        return self._bpe.decode_bytes(list(ids)).decode("utf-8", "replace")

    def token_id(self, token: str) -> int | None:
        return R1_DISTILL.get(token)

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        (message,) = messages
        bos, user, assistant, think = (R1_DISTILL[name] for name in self._turn)
        return (bos, user, *self.encode(message["content"]), assistant, think, *self.encode("\n"))

    _turn = ("<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>")


@pytest.fixture(scope="module")
def tokenizer() -> ThinkPrmTokenizer:
    return ThinkPrmTokenizer()


@pytest.fixture(scope="module")
def reader(tokenizer: ThinkPrmTokenizer) -> ChainReader:
    return ChainReader(tokenizer, VerdictIds.of(tokenizer))


# --- The vocabulary -----------------------------------------------------------------------------


def test_the_verdict_tokens_of_the_real_vocabulary_are_those_of_thinkprm(
    tokenizer: ThinkPrmTokenizer,
) -> None:
    assert VerdictIds.of(tokenizer, variants=False) == VerdictIds(
        correct=(19928,), incorrect=(61954,), yes=(7414,), no=(2308,)
    )


def test_other_spellings_are_variants_and_the_trained_one_comes_first(
    tokenizer: ThinkPrmTokenizer,
) -> None:
    ids = VerdictIds.of(tokenizer)
    assert ids.correct == (19928, 33092)
    assert ids.incorrect == (61954, 40468)
    assert ids.yes == (7414, 9834, 9454, 9693)
    assert ids.no == (2308, 902, 2753, 2152)


def test_a_boxed_verdict_is_another_token_than_the_word_in_prose(
    tokenizer: ThinkPrmTokenizer,
) -> None:
    assert tokenizer.encode(" correct")[0] not in VerdictIds.of(tokenizer).step


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


# --- Labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("critique", "label"),
    [
        ("Step 10: The step is ", 10),
        ("### Step 4 - a check against Step 2\nSo it is ", 4),
        ("1. **Step 1:** good, ", 1),
        ("Now, Step 2: they say what step 1 said. ", 2),
        ("STEP 3: ", 3),
        ("Hence **step 12** is ", 12),
        ("In step 3 they use Step 2, so it is ", 2),
        ("Step 1: good. From it they take the 5, so step 2 is ", 2),
        ("Step 3: it uses Step 2. The step is ", 3),
        ("Steps are fine. ", None),
        ("a footstep 3 ", None),
        ("", None),
    ],
)
def test_a_verdict_belongs_to_the_step_that_is_named_most_clearly(
    critique: str, label: int | None
) -> None:
    assert label_of(critique) == label


def test_a_line_of_a_million_asterisks_is_no_trap() -> None:
    assert label_of("\n" + "*" * 1_000_000 + " step " * 1000) is None


# --- Odds ---------------------------------------------------------------------------------------


def test_a_probability_is_renormalised_over_the_two_words() -> None:
    odds = log_odds({1: math.log(0.03), 2: math.log(0.01)}, [1], [2])
    assert odds is not None
    assert probability(odds) == pytest.approx(0.75)


def test_spellings_of_one_word_add_up() -> None:
    logprobs = {1: math.log(0.1), 2: math.log(0.2), 3: math.log(0.1)}
    odds = log_odds(logprobs, [1, 2], [3])
    assert odds is not None
    assert probability(odds) == pytest.approx(0.75)


def test_two_words_without_mass_are_no_reading() -> None:
    assert log_odds({1: -math.inf, 2: -math.inf}, [1], [2]) is None
    assert log_odds({1: math.nan, 2: -1.0}, [1], [2]) is None


def test_a_certain_reading_stays_finite() -> None:
    assert log_odds({1: 0.0, 2: -math.inf}, [1], [2]) == CERTAIN
    assert probability(CERTAIN) == 1.0
    assert probability(-CERTAIN) == pytest.approx(0.0, abs=1e-40)


@given(st.floats(-CERTAIN, CERTAIN))
def test_a_probability_lies_between_0_and_1_and_mirrors(value: float) -> None:
    assert 0.0 <= probability(value) <= 1.0
    assert probability(value) + probability(-value) == pytest.approx(1.0)


# --- Steps and chains ---------------------------------------------------------------------------

written = st.builds(
    Verdict,
    label=st.none() | st.integers(0, 12),
    log_odds=st.floats(-20, 20),
    incorrect=st.booleans(),
    critique=st.text(max_size=5),
    tokens=st.integers(1, 100),
)


@given(st.lists(written, max_size=15), st.integers(1, 10), st.booleans())
def test_any_chain_gives_one_reading_per_step(
    verdicts: list[Verdict], steps: int, truncated: bool
) -> None:
    reading = settle(verdicts, steps, steps, 100, truncated=truncated)
    assert len(reading.steps) == steps
    for step in reading.steps:
        unread = step.status in (VerdictStatus.MISSING, VerdictStatus.TRUNCATED)
        assert (step.log_odds is None) == unread


@given(st.lists(written, max_size=15), st.integers(1, 10), st.booleans())
def test_all_steps_after_the_first_error_take_its_odds(
    verdicts: list[Verdict], steps: int, truncated: bool
) -> None:
    reading = settle(verdicts, steps, steps, 100, truncated=truncated)
    after = [step.status is VerdictStatus.AFTER_ERROR for step in reading.steps]
    error = reading.error
    assert after == [error is not None and step > error for step in range(steps)]
    if error is not None:
        assert {step.log_odds for step in reading.steps[error:]} == {reading.steps[error].log_odds}


@given(st.lists(written, max_size=15), st.integers(1, 10))
def test_only_a_truncated_chain_has_truncated_steps_and_they_are_its_last(
    verdicts: list[Verdict], steps: int
) -> None:
    whole = settle(verdicts, steps, steps, 100, truncated=False)
    assert all(step.status is not VerdictStatus.TRUNCATED for step in whole.steps)
    cut = settle(verdicts, steps, steps, 100, truncated=True)
    tail = [step.status is VerdictStatus.TRUNCATED for step in cut.steps]
    assert tail == sorted(tail)


def chain(*steps: tuple[float | None, VerdictStatus]) -> ChainReading:
    return ChainReading(tuple(StepReading(odds, status) for odds, status in steps), None, 1)


def test_chains_combine_to_the_mean_of_their_log_odds() -> None:
    judgement = combine(
        [chain((4.0, VerdictStatus.READ)), chain((-1.0, VerdictStatus.READ))], [3.0, 0.0]
    )
    assert judgement.verdicts[0].probability == pytest.approx(probability(1.5))
    assert judgement.prefix == pytest.approx(probability(1.5))
    assert judgement.chains == 2


def test_a_chain_that_read_a_step_outvotes_those_that_did_not() -> None:
    chains = [
        chain((2.0, VerdictStatus.READ)),
        chain((-9.0, VerdictStatus.AFTER_ERROR)),
        chain((None, VerdictStatus.MISSING)),
    ]
    (verdict,) = combine(chains, [0.0] * 3).verdicts
    assert verdict.status is VerdictStatus.READ
    assert verdict.probability == pytest.approx(probability(2.0))


def test_a_step_that_no_chain_read_takes_the_mean_of_the_errors_before_it() -> None:
    chains = [
        chain((-1.0, VerdictStatus.AFTER_ERROR)),
        chain((-3.0, VerdictStatus.AFTER_ERROR)),
        chain((None, VerdictStatus.TRUNCATED)),
    ]
    (verdict,) = combine(chains, [0.0] * 3).verdicts
    assert verdict.status is VerdictStatus.AFTER_ERROR
    assert verdict.probability == pytest.approx(probability(-2.0))


def test_a_step_that_one_chain_missed_and_another_never_reached_is_missing() -> None:
    chains = [chain((None, VerdictStatus.TRUNCATED)), chain((None, VerdictStatus.MISSING))]
    (verdict,) = combine(chains, [0.0] * 2).verdicts
    assert verdict.status is VerdictStatus.MISSING
    assert verdict.probability is None


# --- Pieces -------------------------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_the_pieces_of_a_text_add_up_to_it(text: str) -> None:
    tokenizer = SHARED
    pieces = ChainReader(tokenizer, VerdictIds((), (), (), ())).pieces(tokenizer.encode(text))
    assert "".join(pieces) == text


SHARED = ThinkPrmTokenizer()
