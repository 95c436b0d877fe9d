"""Replies survive the journal exactly, whatever their texts hold."""

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.core import (
    ChainStart,
    ChainVote,
    Judgement,
    Missing,
    Origin,
    Prefix,
    Problem,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    Sureness,
    VerdictStatus,
)
from search.ports import PolicyCall, PolicyReply, ScorerReply
from search.questions import Until
from treewright.journal import codec

NASTY = [
    "\u2028\u2029",
    "\x00",
    "\ud83d\ude00",  # two code points, not the emoji
    "\ud800",
    "\udfff\ud800",
    "\U0001f600",
    '","crc":"00000000"}\n',
    "\r\n\x1b[31m</script>",
    ',"data":',
]
texts = st.text(alphabet=st.characters(codec=None, exclude_categories=())) | st.sampled_from(NASTY)
numbers = st.floats(allow_nan=False, allow_infinity=False)
READ = (VerdictStatus.READ, VerdictStatus.AFTER_ERROR)
verdicts = st.builds(StepVerdict, st.floats(0, 1), st.sampled_from(READ), texts) | st.builds(
    StepVerdict, st.none(), st.sampled_from(sorted(set(VerdictStatus) - set(READ))), texts
)
steps = st.builds(
    Step,
    text=texts,
    token_ids=st.lists(st.integers(0, 2**31)).map(tuple),
    stop=st.sampled_from(StopReason),
    logprob=st.none() | numbers,
)
spents = st.builds(Spent, *[st.integers(0, 2**40)] * len(fields(Spent)))
missing = st.builds(Missing, texts, st.booleans())
starts = st.builds(
    lambda ids, odds: ChainStart(ids, tuple(enumerate(odds[: len(ids)]))),
    st.lists(st.integers(0, 2**31)).map(tuple),
    st.lists(numbers),
)
judgements = st.builds(
    Judgement,
    verdicts=st.lists(verdicts, max_size=4).map(tuple),
    prefix=st.floats(0, 1) | missing,
    chains=st.integers(0, 9),
    origin=st.sampled_from(Origin),
    starts=st.lists(starts, max_size=3).map(tuple),
)


VOTES = (ChainVote((2.5,), -1.0), ChainVote((None,), 0.5))
CONTINUED = Judgement(
    (StepVerdict(0.9, VerdictStatus.READ, "fine"),),
    0.5,
    2,
    Origin.INCREMENTAL,
    (ChainStart((7, 8), ((1, 2.5),), 1, ((0, 2),)),),
    VOTES,
)


def test_a_judgement_that_goes_on_from_none_is_told_as_it_always_was() -> None:
    whole = Judgement((), 0.5, 1)
    assert codec.encode_judgement(whole) == {"verdicts": [], "prefix": 0.5, "chains": 1}


@pytest.mark.parametrize(
    "start",
    [
        {"ids": [1]},
        {"ids": [1], "odds": [[1, 0.5]]},
        {"ids": [1], "odds": [[0]]},
        {"ids": [1], "odds": [[0, None]]},
    ],
)
def test_a_start_with_odds_that_are_none_of_its_tokens_is_refused(start: codec.Json) -> None:
    with pytest.raises(ValueError, match=r"odds|position"):
        codec.decode_start(start)


def through_json(data: codec.Json) -> codec.Json:
    read: codec.Json = json.loads(json.dumps(data, allow_nan=False))
    return read


@given(st.lists(steps, max_size=3), st.lists(steps, min_size=1, max_size=3), spents)
def test_a_policy_reply_comes_back_whole_from_its_new_steps(
    before: list[Step], new: list[Step], spent: Spent
) -> None:
    parent = Prefix(Problem("p", "?"), tuple(before), (3, 1))
    reply = PolicyReply(parent.grow(2, new), spent)
    data = through_json(codec.encode_policy_reply(reply, len(before)))
    assert len(data["steps"]) == len(new)
    call = PolicyCall(parent, 2, Until.STEP, 7)
    assert codec.decode_policy_reply(data, call) == reply


@given(judgements, spents)
def test_a_scorer_reply_comes_back_whole(judgement: Judgement, spent: Spent) -> None:
    reply = ScorerReply(judgement, spent)
    assert codec.decode_scorer_reply(through_json(codec.encode_scorer_reply(reply))) == reply


def test_what_each_chain_said_comes_back_and_is_on_the_steps_of_the_verdicts() -> None:
    data = through_json(codec.encode_judgement(CONTINUED))
    assert codec.decode_judgement(data) == CONTINUED
    for vote in ([0.5], [1.0, 2.0, 0.5], [], [1.0, None]):
        with pytest.raises(ValueError, match=r"a vote|log-odds"):
            codec.decode_judgement({**data, "votes": [vote]})


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_comes_back_code_point_by_code_point(text: str) -> None:
    assert codec.decode_text(json.loads(json.dumps(codec.encode_text(text)))) == text


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_logprob_that_is_no_number_is_refused_by_name(number: float) -> None:
    with pytest.raises(ValueError, match=r"logprob: (nan|inf|-inf) is not a finite number"):
        codec.encode_step(Step("x", (1,), StopReason.EOS, number))


def test_a_missing_score_is_never_a_number() -> None:
    assert isinstance(codec.encode_score(Missing("no verdict")), dict)


def test_the_steps_of_the_call_are_shared_not_copied() -> None:
    step = Step("a", (1,), StopReason.STEP_END)
    parent = Prefix(Problem("p", "?"), (step,))
    reply = PolicyReply(parent.grow(0, [step]), Spent())
    data = codec.encode_policy_reply(reply, 1)
    decoded = codec.decode_policy_reply(data, PolicyCall(parent, 0, Until.STEP, 0))
    assert decoded.path.steps[0] is step


MEASURED = (Sureness(1, -0.5, 3.0, 0.5),)


@pytest.mark.parametrize(
    ("kind", "encoded"),
    [
        (Step, codec.encode_step(Step("", (1,), StopReason.EOS, sureness=MEASURED))),
        (StepVerdict, codec.encode_verdict(StepVerdict(None, VerdictStatus.MISSING))),
        (Judgement, codec.encode_judgement(CONTINUED)),
        (ChainStart, codec.encode_start(ChainStart((7,), shown=1, given=((0, 1),)))),
        (Spent, codec.encode_spent(Spent(untold=1))),
    ],
)
def test_no_field_is_forgotten(kind: type, encoded: codec.Json | list[int]) -> None:
    """A field added to a noun must be added to its codec."""
    assert len(fields(kind)) == len(encoded)


@pytest.mark.parametrize("number", [10**400, -(10**400), True, "1"])
def test_a_number_that_no_float_holds_is_refused_by_name(number: object) -> None:
    data = codec.encode_step(Step("x", (1,), StopReason.EOS, -1.0))
    with pytest.raises(ValueError, match=r"logprob is .*, not a finite number"):
        codec.decode_step({**data, "logprob": number})
