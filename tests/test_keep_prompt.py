r"""Verifications that keep their prompt: further steps are put into the chain, one by one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from careful_verifier import careful
from engines.engine import Finish
from engines.loop_guard import LoopGuard
from recorded_chains import TOKENIZER, Recorded, RecordedEngine, judge, path
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import ChainStart, Judgement, Origin, Prefix, VerdictStatus
from search.keys import scorer_digest
from search.ports import Earlier, ScorerCall, ScorerReply
from test_incremental import (
    AFTER,
    CHILD,
    END,
    FIRST,
    KNOWN,
    READ,
    SECOND,
    begun,
    probabilities,
    statuses,
    upto,
)
from test_incremental import go_on as go_on_from
from test_incremental import parent as judged
from treewright.journal import codec

STEP_3, STEP_4 = (f"}}\n\nStep {n}: claim {n}." for n in (3, 4))
FINE, BAD = r" Fine: \boxed{correct}", r" No: \boxed{incorrect}"
TWO = upto(FIRST + SECOND)


def parent(*chains: Recorded, steps: int = 2) -> Judgement:
    return judged(*chains, steps=steps, keep_prompt=True)


def go_on(
    known: Judgement, *chains: Recorded, on: Prefix = CHILD, of: int = 2, **settings: object
) -> tuple[ScorerReply, RecordedEngine]:
    return go_on_from(known, *chains, on=on, of=of, **{"keep_prompt": True, **settings})


def solution(engine: RecordedEngine, at: int = 0) -> str:
    """The solution that a request shows."""
    text = TOKENIZER.decode(engine.requests[at].prompt)
    return text.partition("[Solution]\n\n")[2].partition("\n\n")[0]


def test_the_new_step_stands_in_the_chain_and_the_prompt_is_the_parents() -> None:
    known = parent(KNOWN)
    root = judge_root()
    found, asked = go_on(known, Recorded(TWO + STEP_3 + FINE, sure=(0.6, 0.6, 0.7), yes=0.4))
    written, closing = asked.requests
    assert solution(asked) == "Step 1: claim 1.\nStep 2: claim 2."
    assert written.prompt[: len(root)] == root
    assert begun(written) == TWO + STEP_3
    assert begun(closing).startswith(TWO + STEP_3 + FINE + "\n")
    assert found.spent.generated == len(TOKENIZER.encode(upto(FINE))) + 1
    judgement = found.judgement
    assert statuses(judgement) == [READ] * 3
    assert probabilities(judgement)[:2] == probabilities(known)
    assert probabilities(judgement)[2] == pytest.approx(0.7)
    assert judgement.prefix == pytest.approx(0.4)
    assert judgement.origin is Origin.INCREMENTAL


def judge_root() -> tuple[int, ...]:
    """The tokens that judging the parent put into the engine: its prompt and its chain."""
    engine = RecordedEngine(KNOWN)
    judge(engine, ScorerCall(path(2), 1), incremental=True, keep_prompt=True)
    return engine.requests[0].prompt + TOKENIZER.encode(TWO)


def test_a_grandchild_keeps_the_same_prompt() -> None:
    child = go_on(parent(KNOWN), Recorded(TWO + STEP_3 + FINE))[0].judgement
    assert [start.shown for start in child.starts] == [2]
    three = upto(TWO + STEP_3 + FINE)
    found, asked = go_on(child, Recorded(three + STEP_4 + BAD), on=path(4), of=3)
    assert solution(asked) == "Step 1: claim 1.\nStep 2: claim 2."
    assert begun(asked.requests[0]) == three + STEP_4
    assert statuses(found.judgement) == [READ] * 4
    assert probabilities(found.judgement)[3] == pytest.approx(0.1)


def test_several_new_steps_are_put_into_it_one_after_the_other() -> None:
    chain = upto(TWO + STEP_3 + FINE) + STEP_4 + FINE
    found, asked = go_on(parent(KNOWN), Recorded(chain), on=path(4))
    assert [begun(request) for request in asked.requests[:2]] == [
        TWO + STEP_3,
        upto(TWO + STEP_3 + FINE) + STEP_4,
    ]
    assert statuses(found.judgement) == [READ] * 4
    assert found.spent.calls == 3


def test_the_first_incorrect_of_them_is_the_last_that_is_judged() -> None:
    found, asked = go_on(parent(KNOWN), Recorded(TWO + STEP_3 + BAD), on=path(4))
    assert len(asked.requests) == 2
    assert statuses(found.judgement) == [READ, READ, READ, AFTER]
    assert probabilities(found.judgement)[2:] == pytest.approx([0.1, 0.1])


def test_what_a_chain_says_of_steps_that_it_was_not_given_yet_is_cut_away() -> None:
    prose = r" It is correct, correct, correct, correct. Fine: \boxed{correct}"
    early = "}\nStep 4: \\boxed{incorrect}" + END
    chain = Recorded(TWO + STEP_3 + prose + early)
    found, asked = go_on(parent(KNOWN), chain, on=path(4), retries=0)
    assert "Step 4: claim 4." in begun(asked.requests[4])
    assert "incorrect" not in begun(asked.requests[4])
    assert statuses(found.judgement)[:3] == [READ] * 3


def test_a_chain_that_does_not_judge_the_step_is_written_whole_with_a_prompt_of_its_own() -> None:
    whole = Recorded(FIRST + SECOND + r"Step 3: \boxed{correct}" + "\n" + END)
    found, asked = go_on(parent(KNOWN), Recorded(TWO + STEP_3 + " Hm." + END), whole)
    assert [begun(request) for request in asked.requests[:2]] == [TWO + STEP_3, ""]
    assert solution(asked, 1).endswith("Step 3: claim 3.")
    assert found.judgement.origin is Origin.WHOLE
    assert found.spent.failed == len(TOKENIZER.encode(" Hm." + END))
    assert [start.shown for start in found.judgement.starts] == [3]


def test_a_path_that_has_not_all_that_the_prompt_shows_gets_a_prompt_that_shows_it() -> None:
    other = replace(CHILD.steps[1], text="Step 2: another claim.\n\n")
    parted = replace(CHILD, steps=(CHILD.steps[0], other, CHILD.steps[2]))
    whole = Recorded(FIRST + SECOND + r"Step 3: \boxed{correct}" + "\n" + END)
    found, asked = go_on(parent(KNOWN), whole, on=parted)
    assert solution(asked) == "Step 1: claim 1.\nStep 2: another claim.\nStep 3: claim 3."
    assert begun(asked.requests[0]) == upto(FIRST)
    assert [start.shown for start in found.judgement.starts] == [3]


def test_where_the_parent_was_called_incorrect_the_prompt_shows_the_path() -> None:
    known = parent(Recorded(FIRST + r"Step 2: no. \boxed{incorrect}"))
    whole = Recorded(FIRST + SECOND + r"Step 3: \boxed{correct}" + "\n" + END)
    _, asked = go_on(known, whole)
    assert begun(asked.requests[0]) == upto(FIRST)
    assert solution(asked).endswith("Step 3: claim 3.")


def test_without_room_for_the_step_it_is_written_whole() -> None:
    room = len(TOKENIZER.encode(TWO + STEP_3))
    whole = Recorded("Hm.", finish=Finish.LENGTH)
    _, asked = go_on(parent(KNOWN), whole, whole, max_tokens=room, retries=0)
    assert begun(asked.requests[0]) == ""
    assert solution(asked).endswith("Step 3: claim 3.")


def test_each_chain_keeps_the_prompt_that_it_has() -> None:
    known = replace(parent(KNOWN, KNOWN), starts=(parent(KNOWN).starts[0], ChainStart()))
    whole = Recorded(FIRST + SECOND + r"Step 3: \boxed{correct}" + "\n" + END)
    child = Recorded(TWO + STEP_3 + FINE)
    found, asked = go_on(known, child, whole, chains=2)
    assert [begun(request) for request in asked.requests[:2]] == [TWO + STEP_3, ""]
    assert [start.shown for start in found.judgement.starts] == [2, 3]


@pytest.mark.parametrize(
    "text",
    [
        r"so it is \boxed{incorrect}.",
        r"so it is \boxed{correct}.",
        r"look: Step 1: \boxed{incorrect}",
        "this\nStep 5: that\nStep 7: the rest",
        r"is it \boxed{incorrect}? No: \boxed{correct} or \boxed{incorrect}",
        "done.</think>\nIs the solution correct? Yes",
        "1. this\n2. that",
        "",
    ],
)
def test_no_word_of_a_step_that_was_put_into_a_chain_is_the_verifiers(text: str) -> None:
    """It is the policy's: neither verdict nor label, in the child's chain and its child's."""
    said = replace(CHILD.steps[2], text=text)
    on = replace(CHILD, steps=(*CHILD.steps[:2], said))
    chain = f"{TWO}}}\n\nStep 3: {text}" + FINE
    sure = (0.5,) * text.count("correct")
    found, asked = go_on(parent(KNOWN), Recorded(chain, (0.5, 0.5, *sure, 0.7)), on=on)
    assert len(asked.requests) == 2
    assert probabilities(found.judgement) == pytest.approx([0.9, 0.8, 0.7])
    longer = replace(on, steps=(*on.steps, path(4).steps[3]))
    engine = RecordedEngine(Recorded(upto(chain) + STEP_4 + BAD, (0.5, 0.5, *sure, 0.5, 0.6)))
    call = ScorerCall(longer, 1, earlier=Earlier(on, found.judgement))
    (told,) = judge(engine, call, incremental=True, keep_prompt=True)
    assert begun(engine.requests[0]) == upto(chain) + STEP_4
    assert probabilities(told.judgement) == pytest.approx([0.9, 0.8, 0.7, 0.4])


@pytest.mark.parametrize(("verdict", "p"), [("correct", 0.7), ("incorrect", 0.3)])
def test_talk_of_both_words_is_no_verdict_on_a_step_that_was_put_there(
    verdict: str, p: float
) -> None:
    """The token `correct` ends the chain only where what follows could not take it back."""
    talk = r" I say whether it is \boxed{correct} or \boxed{incorrect}."
    chain = f"{TWO}{STEP_3}{talk} It is \\boxed{{{verdict}}}\n{END}"
    found, _ = go_on(parent(KNOWN), Recorded(chain, (0.9, 0.8, 0.6, 0.6, 0.7)))
    assert probabilities(found.judgement) == pytest.approx([0.9, 0.8, p])
    assert found.judgement.origin is Origin.INCREMENTAL


def test_a_step_that_repeats_itself_is_no_loop_of_the_verifiers() -> None:
    """Not even where the verifier quotes what the policy said over and over."""
    guard, again = LoopGuard(ngram=8, repeats=2), "again, "
    on = replace(CHILD, steps=(*CHILD.steps[:2], replace(CHILD.steps[2], text=again * 9)))
    chain = f"{TWO}}}\n\nStep 3: {(again * 9).strip()} {again.strip()}" + FINE
    known = parent(KNOWN)
    found, asked = go_on(known, Recorded(chain, (0.9, 0.8, 0.7)), on=on, loop_guard=guard)
    assert len(asked.requests) == 2
    assert probabilities(found.judgement) == pytest.approx([0.9, 0.8, 0.7])


@pytest.mark.parametrize(
    ("silent", "lacks"), [(" Hm." + END, -99), (" Hm. " * 40, 8)], ids=["it ends", "it is cut"]
)
def test_a_chain_that_has_not_seen_the_last_step_is_written_whole(silent: str, lacks: int) -> None:
    chain = Recorded(upto(TWO + STEP_3 + FINE) + STEP_4 + silent)
    whole = Recorded(FIRST + SECOND + r"Step 3: \boxed{correct}" + "\n" + END)
    room = len(TOKENIZER.encode(chain.text)) - lacks
    found, asked = go_on(parent(KNOWN), chain, whole, on=path(5), max_tokens=room)
    assert begun(asked.requests[2]) == ""
    assert solution(asked, 2).endswith("Step 5: claim 5.")
    assert found.judgement.origin is Origin.WHOLE
    assert statuses(found.judgement)[2:] == [READ, VerdictStatus.MISSING, VerdictStatus.MISSING]


def test_a_step_for_which_the_context_has_no_room_is_no_fault_of_the_path() -> None:
    """The chain would have been closed behind a step too long for the engine to read."""
    long = replace(path(4).steps[3], text="claim. " * 60)
    on = replace(path(4), steps=(*path(4).steps[:3], long))
    whole = Recorded(FIRST + SECOND + r"Step 3: \boxed{correct}" + "\n" + END)
    chain = upto(TWO + STEP_3 + FINE) + "}\n\nStep 4: " + long.text.strip()
    closing = len(TOKENIZER.encode("\n</think>\nIs the solution correct?")) + 4
    prompt = len(judge_root()) - len(TOKENIZER.encode(TWO))
    context = prompt + len(TOKENIZER.encode(chain)) + closing
    engine = RecordedEngine(Recorded(chain), whole, max_model_len=context)
    call = ScorerCall(on, 1, earlier=Earlier(path(2), parent(KNOWN)))
    (found,) = judge(engine, call, incremental=True, keep_prompt=True)
    assert isinstance(found, ScorerReply), found
    assert found.judgement.origin is Origin.WHOLE


def test_what_stands_behind_the_verdict_on_a_step_that_did_not_end_the_chain_is_cut_away() -> None:
    """The next step would stand behind the end of thinking."""
    prose = r" correct, correct, correct. Fine: \boxed{correct}" + "\n"
    chain = upto(TWO + STEP_3 + prose)
    engine = RecordedEngine(Recorded(chain + "}\nAll is well." + END))
    call = ScorerCall(path(4), 1, earlier=Earlier(path(2), parent(KNOWN)))
    judge(engine, call, incremental=True, keep_prompt=True, retries=0)
    assert begun(engine.requests[4]) == chain + STEP_4


def test_where_nothing_is_new_only_the_closing_question_is_asked() -> None:
    """Of a path that is judged after one which goes on with it."""
    for settings in ({}, {"keep_prompt": False}):
        known = go_on(parent(KNOWN), Recorded(TWO + STEP_3 + FINE))[0].judgement
        found, asked = go_on(known, Recorded(TWO, yes=0.3), on=path(2), of=3, **settings)
        assert [bool(request.sampling.allowed_ids) for request in asked.requests] == [True]
        assert probabilities(found.judgement) == probabilities(known)[:2]
        assert (found.spent.calls, found.spent.generated) == (1, 1)
        assert found.judgement.origin is Origin.INCREMENTAL


def test_what_a_prompt_shows_is_journaled_and_is_part_of_what_was_asked() -> None:
    start = parent(KNOWN).starts[0]
    assert start.shown == 2
    assert codec.decode_start(codec.encode_start(start)) == start
    assert "shown" not in codec.encode_start(replace(start, shown=0))
    digests = set()
    for shown in (0, 1, 2):
        known = replace(parent(KNOWN), starts=(replace(start, shown=shown),))
        digests.add(scorer_digest(ScorerCall(CHILD, 1, earlier=Earlier(path(2), known))))
    assert len(digests) == 3


def test_step_by_step_the_verdicts_are_those_of_a_whole_verification() -> None:
    """Of a verifier that says the same of the same steps, whatever its prompt shows."""
    went_on = 0
    for number in range(40):
        (whole, _), (kept, _) = careful(), careful(incremental=True, keep_prompt=True)
        earlier = None
        for steps in (1, 2, 3, 5):
            grown = path(steps, f"What is {number} + 1?")
            (told,) = asyncio.run(whole.judge([ScorerCall(grown, 1)]))
            (found,) = asyncio.run(kept.judge([ScorerCall(grown, 1, earlier=earlier)]))
            assert isinstance(told, ScorerReply)
            assert isinstance(found, ScorerReply)
            assert statuses(found.judgement) == statuses(told.judgement)
            assert probabilities(found.judgement) == probabilities(told.judgement)
            earlier = Earlier(grown, found.judgement)
            went_on += any(0 < start.shown < steps for start in found.judgement.starts)
    assert went_on > 30


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({}, "incremental: true"),
        ({"incremental": True, "early_stop": False}, "early_stop: true"),
        ({"incremental": True, "rounds": 2}, "rounds: 1"),
        ({"incremental": True, "min_tokens": 5}, "min_tokens: 0"),
    ],
)
def test_it_is_refused_where_no_prompt_can_be_kept(settings: dict[str, int], needed: str) -> None:
    with pytest.raises(ValueError, match=f"keep_prompt: True must be with {needed}"):
        ThinkPrmConfig("m", keep_prompt=True, **settings)  # type: ignore[arg-type]
