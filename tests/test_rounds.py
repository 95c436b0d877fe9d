r"""Chains that are bidden to go on: verify again, in rounds, and wait, while they are too short."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from engines.byte_tokenizer import END
from engines.engine import Request
from engines.loop_guard import LoopGuard
from engines.scripted_engine import ScriptedEngine
from recorded_chains import CORRECT, INCORRECT, NO, TOKENIZER, YES, judge, path
from scorers.prompt import INSTRUCTION
from scorers.thinkprm_config import AGAIN, ThinkPrmConfig
from search.core import Judgement, Missing, Origin, VerdictStatus
from search.ports import Earlier, ScorerCall, ScorerReply

READ, AFTER, MISSED, CUT = (
    VerdictStatus.READ,
    VerdictStatus.AFTER_ERROR,
    VerdictStatus.MISSING,
    VerdictStatus.TRUNCATED,
)
END_OF_THINK = "</think>"


def right(step: int) -> str:
    return rf"Step {step}: \boxed{{correct}}" "\n"


def wrong(step: int) -> str:
    return rf"Step {step}: \boxed{{incorrect}}" "\n"


BOTH = right(1) + right(2) + END_OF_THINK


class Segments(ScriptedEngine):
    """Answers each request with the next text; the n-th verdict of all has the n-th probability.

    The closing question is answered Yes at 0.9.
    """

    def __init__(self, *texts: str, sure: Sequence[float] = (), max_model_len: int = 8192) -> None:
        super().__init__(self._say, (END,), odds=self._odds_of, max_model_len=max_model_len)
        self._texts = iter(texts)
        self._sure = iter([*sure, *[0.9] * 99])
        self._ids: tuple[int, ...] = ()

    @property
    def chain(self) -> str:
        """All that was written, as the closing question was asked of it."""
        asked = next(each for each in self.requests[::-1] if each.sampling.allowed_ids)
        return TOKENIZER.decode(asked.prompt).rpartition("<think>\n")[2]

    def _say(self, request: Request) -> Sequence[int]:
        if request.sampling.allowed_ids:
            return (YES,)
        ids = TOKENIZER.encode(next(self._texts))
        self._ids = ids if ids[-1:] == TOKENIZER.encode(END_OF_THINK) else (*ids, END)
        return self._ids

    def _odds_of(self, request: Request, ids: tuple[int, ...]) -> Mapping[int, float]:
        if request.sampling.allowed_ids:
            return {YES: math.log(0.9), NO: math.log(0.1)}
        token = self._ids[len(ids)]
        if token not in (CORRECT, INCORRECT):
            return dict.fromkeys((CORRECT, INCORRECT), -1.0)
        p, other = next(self._sure), CORRECT if token == INCORRECT else INCORRECT
        return {token: math.log(p), other: math.log(1 - p)}


def reply(engine: Segments, steps: int = 2, earlier: Earlier | None = None, **settings: Any) -> Any:
    (found,) = judge(engine, ScorerCall(path(steps), 1, earlier=earlier), **settings)  # type: ignore[arg-type]
    assert isinstance(found, ScorerReply), found
    return found


def said(*texts: str, steps: int = 2, sure: Sequence[float] = (), **settings: Any) -> Judgement:
    judgement: Judgement = reply(Segments(*texts, sure=sure), steps, **settings).judgement
    return judgement


def statuses(found: Judgement) -> list[VerdictStatus]:
    return [verdict.status for verdict in found.verdicts]


def chances(found: Judgement) -> list[float | None]:
    return [each.probability and round(each.probability, 6) for each in found.verdicts]


# --- Rounds ---------------------------------------------------------------------------------------


def test_a_round_takes_the_end_away_and_begins_with_its_cue() -> None:
    engine = Segments(BOTH, "\n" + BOTH, "\n" + BOTH)
    reply(engine, rounds=3)
    body = right(1) + right(2)
    cues = [f"{cue}\n" for cue in AGAIN[:2]]
    closing = "</think>\nIs the solution correct?"
    assert engine.chain == body + cues[0] + body + cues[1] + body + closing
    assert len(engine.requests) == 4


def test_the_line_is_ended_first_where_it_was_left_open() -> None:
    engine = Segments(right(1) + "Step 2: " + r"\boxed{incorrect", "\n" + BOTH)
    reply(engine, rounds=2)
    assert engine.chain.startswith(right(1) + wrong(2) + AGAIN[0] + "\n" + right(1))


def test_of_all_rounds_the_last_verdict_on_a_step_counts() -> None:
    again = "\n" + wrong(1) + END_OF_THINK
    assert chances(said(BOTH, again, sure=(0.9, 0.8, 0.7), rounds=2)) == [0.3, 0.3]
    found = said(wrong(1), "\n" + BOTH, sure=(0.9, 0.8, 0.7), rounds=2)
    assert (chances(found), statuses(found)) == ([0.8, 0.7], [READ, READ])


def test_a_step_that_no_round_judged_is_missing_once_the_error_before_it_was_taken_back() -> None:
    found = said(wrong(1), "\n" + right(1) + END_OF_THINK, rounds=2)
    assert statuses(found) == [READ, MISSED]


def test_with_early_stop_a_round_ends_at_its_first_incorrect_and_without_it_at_its_end() -> None:
    texts = wrong(1) + right(1) + right(2), "\n" + END_OF_THINK
    stopped = Segments(*texts)
    found = reply(stopped, rounds=2).judgement
    assert (chances(found), statuses(found)) == ([0.1, 0.1], [READ, AFTER])
    assert chances(said(*texts, rounds=2, early_stop=False)) == [0.9, 0.9]


def test_steps_of_a_round_without_labels_are_counted_from_the_first() -> None:
    bare = r"Fine: \boxed{correct}. Fine: \boxed{correct}." + END_OF_THINK
    assert chances(said(bare, bare, sure=(0.9, 0.8, 0.7, 0.6), rounds=2)) == [0.7, 0.6]


def test_a_round_that_adds_nothing_is_forgotten_and_the_next_one_asked() -> None:
    engine = Segments(BOTH, END_OF_THINK, "\n" + wrong(2))
    found = reply(engine, rounds=3)
    assert engine.chain.startswith(right(1) + right(2) + AGAIN[1] + "\n" + wrong(2)[:-1])
    assert chances(found.judgement) == [0.9, 0.1]
    assert found.spent.calls == 4


def test_a_chain_that_was_cut_has_no_further_round_and_keeps_what_it_said() -> None:
    engine = Segments(BOTH, "x" * 500)
    found = reply(engine, rounds=3, max_tokens=100)
    assert len(engine.requests) == 3
    assert statuses(found.judgement) == [READ, READ]
    cut = said(right(1) + "x" * 500, rounds=2, max_tokens=100)
    assert statuses(cut) == [READ, CUT]


def test_each_round_has_the_room_of_a_chain_and_all_of_them_no_more_than_the_context() -> None:
    engine = Segments(BOTH, "\n" + BOTH)
    reply(engine, rounds=2, max_tokens=100)
    first, second, _ = (request.sampling.max_tokens for request in engine.requests)
    assert (first, second) == (100, 100 - len(AGAIN[0]))
    whole = len(engine.requests[0].prompt) + 100
    small = Segments(BOTH, "\n" + BOTH, max_model_len=whole)
    reply(small, rounds=2, max_tokens=100)
    assert len(small.requests[1].prompt) + small.requests[1].sampling.max_tokens <= whole


def test_a_round_for_which_the_context_has_no_room_is_not_begun() -> None:
    prompt = Segments(BOTH)
    reply(prompt)
    closing = len(TOKENIZER.encode("\n</think>\nIs the solution correct?")) + 4
    length = len(prompt.requests[0].prompt) + len(TOKENIZER.encode(BOTH)) + closing
    engine = Segments(BOTH, max_model_len=length + len(AGAIN[0]) - 1)
    assert statuses(reply(engine, rounds=2).judgement) == [READ, READ]
    assert len(engine.requests) == 2


def test_the_loop_guard_looks_at_each_round_alone() -> None:
    guard = LoopGuard(ngram=len(TOKENIZER.encode(BOTH + AGAIN[0])), repeats=2)
    again = (AGAIN[0],) * 3
    engine = Segments(*["\n" + BOTH] * 4)
    assert statuses(reply(engine, rounds=4, again=again, loop_guard=guard).judgement) == [READ] * 2
    assert len(engine.requests) == 5


def test_what_cannot_be_read_is_retried_with_all_its_rounds_and_then_missing() -> None:
    found = reply(Segments(*["x" * 500] * 2), rounds=3, max_tokens=50)
    assert isinstance(found.judgement.prefix, Missing)
    assert found.spent.failed == found.spent.generated == 100


# --- Budget forcing -------------------------------------------------------------------------------


def test_a_short_chain_is_told_to_wait_until_it_is_long_enough() -> None:
    engine = Segments(BOTH, ", fine." + END_OF_THINK, ", yes." + END_OF_THINK)
    body = len(TOKENIZER.encode(right(1) + right(2)))
    reply(engine, min_tokens=body + 1)
    assert engine.chain.startswith(right(1) + right(2) + "Wait, fine.</think>")
    engine = Segments(BOTH, ", fine." + END_OF_THINK, ", yes." + END_OF_THINK)
    reply(engine, min_tokens=body + len("Wait, fine.") + 1, wait="Wait")
    assert engine.chain.startswith(right(1) + right(2) + "Wait, fine.\nWait, yes.</think>")
    assert len(engine.requests) == 4


def test_a_chain_that_is_long_enough_is_left_alone() -> None:
    engine = Segments(BOTH)
    reply(engine, min_tokens=len(TOKENIZER.encode(right(1) + right(2))))
    assert len(engine.requests) == 2


def test_a_forced_chain_reconsiders_the_step_at_which_it_would_have_stopped() -> None:
    found = said(wrong(1), ", " + right(1) + right(2), sure=(0.9, 0.8, 0.7), min_tokens=30)
    assert chances(found) == [0.8, 0.7]
    same = said(wrong(1), ", no: " + wrong(1) + right(1), sure=(0.9, 0.8), min_tokens=25)
    assert chances(same) == [0.2, 0.2]


def test_a_chain_that_has_nothing_to_add_ends_all_the_same() -> None:
    engine = Segments(BOTH, "\n" + END_OF_THINK)
    found = reply(engine, min_tokens=999)
    assert engine.chain.startswith(right(1) + right(2) + "</think>")
    assert statuses(found.judgement) == [READ, READ]


def test_rounds_come_first_and_count_towards_the_least() -> None:
    engine = Segments(BOTH, "\n" + BOTH, ", fine." + END_OF_THINK)
    body = right(1) + right(2)
    reply(engine, rounds=2, min_tokens=len(TOKENIZER.encode(body + AGAIN[0] + body)) + 2)
    assert engine.chain.startswith(f"{body}{AGAIN[0]}\n{body}Wait, fine.</think>")
    engine = Segments(BOTH, "\n" + BOTH)
    reply(engine, rounds=2, min_tokens=len(TOKENIZER.encode(body)) + 1)
    assert len(engine.requests) == 3


# --- With verifications that go on, and several chains --------------------------------------------


def test_a_child_goes_on_from_the_first_pass_as_far_as_no_later_one_took_it_back() -> None:
    known = said(BOTH, "\n" + BOTH, rounds=2, incremental=True)
    body = right(1) + right(2)
    assert TOKENIZER.decode(known.starts[0].token_ids) == body[: -len("}\n")]
    doubted = said(BOTH, "\n" + right(1) + wrong(2), rounds=2, incremental=True)
    assert TOKENIZER.decode(doubted.starts[0].token_ids) == right(1)[: -len("}\n")]
    waited = said(wrong(1), " " + right(1), min_tokens=30, incremental=True)
    assert waited.starts[0].token_ids == ()


def test_of_a_child_only_the_first_round_goes_on_and_the_others_judge_all() -> None:
    known = said(BOTH, "\n" + BOTH, rounds=2, incremental=True)
    rest = "}\n" + right(3) + END_OF_THINK
    engine = Segments(rest, "\n" + right(1) + right(2) + right(3), sure=(0.6, 0.7, 0.8, 0.85))
    settings = {"rounds": 2, "incremental": True}
    found = reply(engine, 3, Earlier(path(2), known), **settings).judgement
    assert chances(found) == [0.7, 0.8, 0.85]
    assert found.origin is Origin.INCREMENTAL
    assert engine.requests[0].prompt[-len(known.starts[0].token_ids) :] == known.starts[0].token_ids


# --- The settings ---------------------------------------------------------------------------------


def test_another_instruction_stands_below_the_solution_in_place_of_thinkprms() -> None:
    ours, theirs = Segments(BOTH), Segments(BOTH)
    reply(ours, verifier_instruction="Be strict.")
    reply(theirs)
    told = [TOKENIZER.decode(engine.requests[0].prompt) for engine in (ours, theirs)]
    assert told[0] == told[1].replace(INSTRUCTION, "Be strict.")
    assert INSTRUCTION in told[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rounds": 0}, "rounds: 0 must be 1 or more"),
        ({"rounds": 5}, "rounds: 5 must be 4 or less; `again` has a text for 3 more"),
        ({"rounds": 2, "again": ()}, "rounds: 2 must be 1 or less"),
        ({"again": (" ",)}, r"again\[0\]: ' ' must be a text"),
        ({"again": (r"\boxed{correct}",)}, r"again\[0\]: .* must be a text without .boxed"),
        ({"wait": ""}, "wait: '' must be a text"),
        ({"min_tokens": -1}, "min_tokens: -1 must be 0 or more; 0 forces nothing"),
        ({"min_tokens": 21, "max_tokens": 10, "rounds": 2}, "min_tokens: 21 must be 20 or less"),
        ({"verifier_instruction": "\n"}, "verifier_instruction: .* must be a text; leave the key"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ThinkPrmConfig("m", **settings)


def test_the_most_that_a_judgement_may_generate_counts_all_rounds() -> None:
    most = ThinkPrmConfig("m", rounds=3, chains=2, max_tokens=100, retries=1).traits.most_tokens
    assert most == 2 * 2 * (3 * 100 + 1)
