r"""Verifications that go on from earlier ones: where a chain is cut, and what becomes of the rest.

A chain is cut at the word of a verdict: `\boxed{correct`. The brace is written by the model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engines.engine import Finish, Request
from engines.loop_guard import LoopGuard
from recorded_chains import ENDLESS, TOKENIZER, UNSURE, Recorded, RecordedEngine, judge, path
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import (
    ChainStart,
    Judgement,
    Missing,
    Origin,
    Prefix,
    StopReason,
    VerdictStatus,
)
from search.keys import scorer_digest, scorer_key
from search.ports import Earlier, ScorerCall, ScorerReply

READ, AFTER = VerdictStatus.READ, VerdictStatus.AFTER_ERROR
FIRST, SECOND, THIRD = (rf"Step {n}: is it? \boxed{{correct}}" "\n" for n in (1, 2, 3))
WRONG = r"Step 2: no. \boxed{incorrect}" "\n"
END = "</think>"
CHILD = path(3)


# --- Help -----------------------------------------------------------------------------------------


def reply(engine: RecordedEngine, call: ScorerCall, **settings: Any) -> ScorerReply:
    (found,) = judge(engine, call, **{"incremental": True, **settings})
    assert isinstance(found, ScorerReply), found
    return found


def parent(*chains: Recorded, steps: int = 2, **settings: Any) -> Judgement:
    """How chains judged the prefix."""
    call = ScorerCall(path(steps), 1)
    return reply(RecordedEngine(*chains), call, chains=len(chains), **settings).judgement


def go_on(
    known: Judgement, *chains: Recorded, on: Prefix = CHILD, of: int = 2, **settings: Any
) -> tuple[ScorerReply, RecordedEngine]:
    """How chains judge a path after the first `of` steps of it were judged so."""
    engine = RecordedEngine(*chains)
    earlier = Earlier(path(of), known)
    return reply(engine, ScorerCall(on, 1, earlier=earlier), **settings), engine


def begun(request: Request) -> str:
    """What of a chain stands in its prompt."""
    return TOKENIZER.decode(request.prompt).rpartition("<think>\n")[2]


def upto(text: str) -> str:
    """A chain up to the word of its last verdict."""
    return text[: text.rindex("correct") + len("correct")]


def statuses(found: Judgement) -> list[VerdictStatus]:
    return [verdict.status for verdict in found.verdicts]


def probabilities(found: Judgement) -> list[float | None]:
    return [verdict.probability for verdict in found.verdicts]


KNOWN = Recorded(FIRST + SECOND + END, sure=(0.9, 0.8))
WHOLE = Recorded(FIRST + SECOND + THIRD + END, sure=(0.6, 0.6, 0.7), yes=0.4)


# --- The cut --------------------------------------------------------------------------------------


def test_a_chain_goes_on_from_the_word_of_the_last_verdict_and_only_the_rest_is_written() -> None:
    known = parent(KNOWN)
    found, engine = go_on(known, WHOLE)
    written, closing = engine.requests
    assert begun(written) == upto(FIRST + SECOND)
    assert written.prompt[-len(known.starts[0].token_ids) :] == known.starts[0].token_ids
    assert "Step 3: claim 3." in TOKENIZER.decode(written.prompt)
    assert begun(closing).startswith(FIRST + SECOND + THIRD)
    rest = len(TOKENIZER.encode(WHOLE.text)) - len(known.starts[0].token_ids)
    assert found.spent.generated == rest + 1


def test_what_is_known_keeps_its_probability_and_the_rest_and_the_prefix_are_read_anew() -> None:
    known = parent(KNOWN)
    judgement = go_on(known, WHOLE)[0].judgement
    assert probabilities(judgement)[:2] == probabilities(known)
    assert probabilities(judgement)[2] == pytest.approx(0.7)
    assert judgement.prefix == pytest.approx(0.4)
    assert (judgement.origin, judgement.chains) == (Origin.INCREMENTAL, 1)
    assert judgement.verdicts[0].critique == known.verdicts[0].critique


def test_a_grandchild_goes_on_with_all_that_its_line_wrote() -> None:
    judgement = go_on(parent(KNOWN), WHOLE)[0].judgement
    fourth = r"Step 4: \boxed{correct}"
    _, engine = go_on(judgement, Recorded(WHOLE.text[:-8] + fourth + END), on=path(4), of=3)
    assert begun(engine.requests[0]) == upto(FIRST + SECOND + THIRD)


@pytest.mark.parametrize(
    ("chain", "kept"),
    [
        (FIRST + SECOND + "All is well." + END, FIRST + SECOND),
        (FIRST + SECOND + THIRD + END, FIRST + SECOND),
        (FIRST + SECOND + FIRST + SECOND + END, FIRST + SECOND),
        (FIRST + WRONG, FIRST),
        (FIRST + END, FIRST),
        (FIRST + r"Step 2: \boxed{who knows}" + "\n" + END, FIRST),
        (SECOND + FIRST + END, SECOND + FIRST),
    ],
    ids=["closing", "invented", "said twice", "incorrect", "no verdict", "no word", "disorder"],
)
def test_it_goes_on_after_all_first_steps_that_were_called_correct(chain: str, kept: str) -> None:
    _, engine = go_on(parent(Recorded(chain)), Recorded(upto(kept) + "}\n" + THIRD + END))
    assert begun(engine.requests[0]) == upto(kept)


@pytest.mark.parametrize(
    "chain", [r"Step 1: \boxed{incorrect}", SECOND + END, END], ids=["wrong", "late", "none"]
)
def test_without_a_first_step_called_correct_it_is_judged_whole(chain: str) -> None:
    found, engine = go_on(parent(Recorded(chain)), WHOLE)
    assert begun(engine.requests[0]) == ""
    assert found.judgement.origin is Origin.WHOLE


def test_an_incorrect_step_is_judged_again() -> None:
    known = parent(Recorded(FIRST + WRONG, sure=(0.9, 0.8)))
    assert known.verdicts[1].probability == pytest.approx(0.2)
    judgement = go_on(known, WHOLE)[0].judgement
    assert statuses(judgement) == [READ] * 3
    assert probabilities(judgement)[1:] == pytest.approx([0.6, 0.7])


def test_the_first_incorrect_verdict_ends_it_as_it_ends_any_chain() -> None:
    wrong = r"Step 3: \boxed{incorrect} Step 3: \boxed{correct}"
    found, _ = go_on(parent(KNOWN), Recorded(FIRST + SECOND + wrong + END, sure=(0.9, 0.8, 0.9)))
    assert probabilities(found.judgement)[2] == pytest.approx(0.1)


def test_a_mind_that_changed_is_kept_where_the_last_verdict_counts() -> None:
    again = WRONG + SECOND
    known = parent(Recorded(FIRST + again + END), early_stop=False)
    assert TOKENIZER.decode(known.starts[0].token_ids) == upto(FIRST + again)
    doubted = parent(
        Recorded(FIRST + SECOND + r"Step 1: \boxed{incorrect}" + END), early_stop=False
    )
    assert doubted.starts == (ChainStart(),)


# --- Chains that were cut, or cannot be read ------------------------------------------------------


def test_a_chain_that_was_cut_goes_on_from_the_last_step_that_it_reached() -> None:
    known = parent(replace(KNOWN, text=FIRST + "Step 2: hm, hm", finish=Finish.LENGTH))
    assert known.verdicts[1].status is VerdictStatus.TRUNCATED
    found, engine = go_on(known, WHOLE)
    assert begun(engine.requests[0]) == upto(FIRST)
    assert statuses(found.judgement) == [READ] * 3


def test_a_chain_that_repeated_itself_goes_on_from_what_it_said_first() -> None:
    guard = LoopGuard(ngram=len(TOKENIZER.encode(SECOND)), repeats=2)
    known = parent(Recorded(FIRST + SECOND * 9), loop_guard=guard)
    _, engine = go_on(known, WHOLE, loop_guard=guard)
    assert begun(engine.requests[0]) == upto(FIRST + SECOND)


def test_the_loop_guard_sees_a_loop_that_began_in_the_earlier_chain() -> None:
    guard = LoopGuard(ngram=len(TOKENIZER.encode(SECOND)), repeats=2)
    found, _ = go_on(
        parent(KNOWN), Recorded(FIRST + SECOND * 9), WHOLE, loop_guard=guard, retries=0
    )
    assert isinstance(found.judgement.prefix, Missing) or found.judgement.origin is Origin.WHOLE


@pytest.mark.parametrize("silent", ["", "I have nothing to add. " * 3], ids=["at once", "in words"])
def test_a_chain_that_says_nothing_more_is_written_whole_and_its_tokens_have_failed(
    silent: str,
) -> None:
    found, engine = go_on(parent(KNOWN), Recorded(FIRST + SECOND + silent + END), WHOLE)
    assert [begun(request) for request in engine.requests[:2]] == [upto(FIRST + SECOND), ""]
    assert found.judgement.origin is Origin.WHOLE
    assert probabilities(found.judgement) == pytest.approx([0.6, 0.6, 0.7])
    lost = len(TOKENIZER.encode("}\n" + silent + END))
    assert found.spent.failed == lost
    assert found.spent.calls == 3


NO_WORD = FIRST + SECOND[:-2] + "ness}" + "\n" + THIRD
UNNAMED = r"It is \boxed{correct}" "\n" + THIRD


@pytest.mark.parametrize(
    ("known", "goes"),
    [(KNOWN.text, NO_WORD), (r"It is \boxed{correct}" + END, UNNAMED)],
    ids=["another word", "whose it is"],
)
def test_a_chain_that_leaves_no_verdict_on_what_was_known_is_written_whole(
    known: str, goes: str
) -> None:
    """Else a path would lose by its child what was read of it."""
    found, engine = go_on(parent(Recorded(known)), Recorded(goes + END), WHOLE)
    assert begun(engine.requests[0]) != ""
    assert begun(engine.requests[1]) == ""
    assert found.judgement.origin is Origin.WHOLE
    assert statuses(found.judgement) == [READ] * 3
    assert found.spent.failed > 0


def test_without_room_for_more_it_is_written_whole() -> None:
    known = parent(KNOWN)
    room = len(known.starts[0].token_ids)
    _, engine = go_on(known, WHOLE, max_tokens=room)
    assert begun(engine.requests[0]) == ""
    _, engine = go_on(known, WHOLE, WHOLE, max_tokens=room + 1)
    assert begun(engine.requests[0]) != ""
    assert engine.requests[0].sampling.max_tokens == 1


# --- Several chains -------------------------------------------------------------------------------


def test_chain_k_goes_on_from_chain_k_and_is_written_whole_where_that_could_not_be_read() -> None:
    doubt = Recorded("Hm. " + FIRST + SECOND + END)
    known = parent(KNOWN, UNSURE, doubt)
    assert (known.chains, known.starts[1]) == (2, ChainStart())
    child = Recorded("Hm. " + WHOLE.text, sure=WHOLE.sure)
    found, engine = go_on(known, WHOLE, WHOLE, child, chains=3)
    assert [begun(request) for request in engine.requests[:3]] == [
        upto(FIRST + SECOND),
        "",
        upto("Hm. " + FIRST + SECOND),
    ]
    assert (found.judgement.chains, found.judgement.origin) == (3, Origin.INCREMENTAL)


def test_a_judgement_that_cannot_be_had_stays_missing_and_has_nothing_to_go_on_from() -> None:
    found, _ = go_on(parent(KNOWN), *[ENDLESS] * 3, max_tokens=150)
    assert isinstance(found.judgement.prefix, Missing)
    assert (found.judgement.origin, found.judgement.starts) == (Origin.WHOLE, ())
    assert found.spent.failed == found.spent.generated


# --- When it is judged whole all the same ---------------------------------------------------------


def test_a_path_that_parts_from_the_earlier_one_shares_what_comes_before() -> None:
    other = replace(CHILD.steps[1], text="Step 2: another claim.\n\n")
    parted = replace(CHILD, steps=(CHILD.steps[0], other, CHILD.steps[2]))
    _, engine = go_on(parent(KNOWN), WHOLE, on=parted)
    assert begun(engine.requests[0]) == upto(FIRST)


@pytest.mark.parametrize(
    ("every", "whole"), [(None, False), (1, True), (2, False), (3, True), (4, False)]
)
def test_it_is_checked_whole_when_its_steps_reach_another_multiple(
    every: int | None, whole: bool
) -> None:
    found, engine = go_on(parent(KNOWN), WHOLE, recheck_every=every)
    assert (begun(engine.requests[0]) == "") == whole
    assert (found.judgement.origin is Origin.WHOLE) == whole


def test_a_finished_solution_is_judged_as_final_says() -> None:
    end = replace(CHILD.steps[-1], stop=StopReason.EOS)
    ended = replace(CHILD, steps=(*CHILD.steps[:-1], end))
    for final, whole in (("whole", True), ("incremental", False)):
        _, engine = go_on(parent(KNOWN), WHOLE, on=ended, final=final)
        assert (begun(engine.requests[0]) == "") == whole
        _, engine = go_on(parent(KNOWN), WHOLE, final=final)
        assert begun(engine.requests[0]) != ""


def test_by_default_nothing_goes_on_and_nothing_is_kept_for_it() -> None:
    found, engine = go_on(parent(KNOWN), WHOLE, incremental=False)
    assert begun(engine.requests[0]) == ""
    assert (found.judgement.origin, found.judgement.starts) == (Origin.WHOLE, ())
    assert not ThinkPrmConfig("m").traits.goes_on


def test_a_call_that_goes_on_from_none_has_the_key_and_digest_of_earlier_versions() -> None:
    call = ScorerCall(path(2), 5)
    assert scorer_key(call) == "scorer/p7/212f113ce817f2c6ee54a8ec"
    assert scorer_digest(call) == "34ef82b8c48aea99f89b4805"
    known = parent(KNOWN)
    went_on = replace(call, earlier=Earlier(path(1), known))
    assert scorer_key(went_on).startswith(scorer_key(call) + "/")
    assert scorer_digest(went_on) != scorer_digest(call)
