"""Chains that say the same over and over: few requests, and the guard sees the whole of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from engines.engine import Finish, Generation, Refused, Request
from engines.loop_guard import is_loop, loop_across
from played_chains import EOS, IDS, Playing, judged, reply_of, tokens_of
from scorers.writing import FALSE_HALTS
from search.core import Missing, VerdictStatus
from search.ports import Failure
from thinkprm_tokenizer import TOKENIZER

LIMIT = 2048


def chain(*lines: str) -> tuple[int, ...]:
    """Tokens of these lines, over and over up to the limit."""
    ids: tuple[int, ...] = ()
    while len(ids) < LIMIT:
        for line in lines:
            ids += TOKENIZER.encode(line)
    return ids[:LIMIT]


LOOPS = {
    "a false halt each time": ("\n(not **incorrect**, I would say)",),
    "talk of the format": (r" \boxed{correct} or \boxed{incorrect}?",),
    "a summary each time": ("\nThe solution is " r"\boxed{incorrect}.",),
    "steps of its own invention": ("\nStep 99: the step is " r"\boxed{incorrect}.",),
    "the word alone": ("incorrect",),
    "no halt": (", or so it seems to me",),
    "words that change": tuple(f"\nNot **incorrect**, number {n} of many." for n in range(500)),
    "a long pattern": tuple(f"\n{n * n} is **incorrect**?" for n in range(9)),
}


@pytest.mark.parametrize("lines", LOOPS.values(), ids=LOOPS.keys())
def test_a_looping_chain_takes_at_most_three_requests_beyond_the_first(
    lines: tuple[str, ...],
) -> None:
    _, engine = judged(chain(*lines), 2, max_tokens=LIMIT)
    written = [request for request in engine.requests if not request.sampling.allowed_ids]
    assert len(written) <= 1 + FALSE_HALTS == 4
    assert len(engine.requests) - len(written) <= 1


def test_after_three_false_halts_the_word_halts_a_chain_no_more() -> None:
    text = "Not **incorrect**. " * 2 + "Nor (incorrect). An **incorrect** word. Step 1: fine. "
    judgement, engine = judged(tokens_of(rf"{text}\boxed{{correct}}" "\n</think>"), 1)
    stops = [set(request.sampling.stop_token_ids) for request in engine.requests[:-1]]
    assert [bool(set(IDS.halts) & each) for each in stops] == [True, True, True, False]
    assert judgement.verdicts[0].status is VerdictStatus.READ


def test_a_loop_over_several_requests_is_one_loop() -> None:
    """The guard of one request would need three more repetitions to see it."""
    said = tuple(range(1000, 1029)) + IDS.halts[:1]
    judgement, engine = judged((*said, *said, *said, *range(2000, 2900)), 1, max_tokens=LIMIT)
    assert len(engine.requests) == 3
    assert isinstance(judgement.prefix, Missing)
    assert "repeating itself" in judgement.prefix.reason


def test_what_a_chain_says_after_it_began_to_loop_is_not_read() -> None:
    """Cut where a guard over the whole chain would have cut it, wherever the request ended."""
    said = TOKENIZER.encode(" so I think that it is not an ") + IDS.halts[:1]
    again = said * 12 + TOKENIZER.encode(r"Step 1: \boxed{correct}") + (EOS,)
    judgement, _ = judged(again, 1, max_tokens=LIMIT)
    assert isinstance(judgement.prefix, Missing)


class Aborts(Playing):
    """Its third request is aborted at its end."""

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        (answer,) = await super().generate(batch)
        assert isinstance(answer, Generation)
        return [replace(answer, finish=Finish.ABORT) if len(self.requests) == 3 else answer]


def test_an_aborted_chain_is_no_loop_whatever_it_said() -> None:
    said = tuple(range(1000, 1029)) + IDS.halts[:1]
    reply = reply_of(Aborts(said * 3), 1, max_tokens=LIMIT)
    assert isinstance(reply, Failure)
    assert "aborted by the engine" in reply.message


@pytest.mark.parametrize("seed", range(20))
def test_a_loop_is_found_where_a_guard_over_the_whole_text_finds_it(seed: int) -> None:
    rng = random.Random(seed)
    ngram, repeats = rng.randint(2, 8), rng.randint(2, 4)
    noise = [rng.randint(0, 3) for _ in range(rng.randint(0, 20))]
    pattern = [rng.randint(0, 3) for _ in range(rng.randint(1, ngram))]
    ids = noise + pattern * rng.randint(1, 3 * repeats)
    start = rng.randint(1, len(ids))
    ends = [n for n in range(start + 1, len(ids) + 1) if is_loop(ids[:n], ngram, repeats)]
    across = loop_across(ids, start, ngram, repeats)
    alone = [n for n in ends if is_loop(ids[start:n], ngram, repeats)]
    first = min([*alone, *([across] if across else [])], default=None)
    assert first == min(ends, default=None)
