"""What every engine owes a policy or scorer: the scripted one, behind a server, and vLLM."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest

from engines.engine import EngineError, Finish, Generation, Refused, Request, Sampling
from engines.stats import EngineStats, stats_of
from engines.sureness import sureness
from tiny_engines import (
    BLOCK,
    CONTEXT,
    Served,
    make_checkpoint,
    over_completions,
    over_http,
    raw_logprobs,
    real,
    scripted,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Qwen2 of two layers and a tokenizer of single bytes."""
    return make_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(scripted, id="scripted"),
        pytest.param(over_http, id="vllm_server"),
        pytest.param(over_completions, id="vllm_server-completions"),
        pytest.param(real, id="vllm", marks=pytest.mark.engine),
    ],
)
def served(request: pytest.FixtureRequest, checkpoint: Path) -> Iterator[Served]:
    made = request.param(checkpoint)
    yield made
    asyncio.run(made.engine.close())
    asyncio.run(made.engine.close())


on_vllm = pytest.mark.parametrize(
    "served", [pytest.param(real, id="vllm", marks=pytest.mark.engine)], indirect=True
)
"""What a script cannot show."""


def prompt(first: int, length: int = 8) -> tuple[int, ...]:
    """A prompt that shares no prefix with one of another `first`."""
    return (first, *(3 + i % 200 for i in range(length - 1)))


def only(token: int, max_tokens: int = 40, **sampling: Any) -> Sampling:
    """A model that can say nothing but `token`."""
    return Sampling(max_tokens, allowed_ids=(token,), **sampling)


# The port, both engines.
def test_answers_are_aligned_with_their_requests(served: Served) -> None:
    lengths = [5, 1, 9, 3]
    answers = served.ask(*(Request(prompt(1), only(7, n)) for n in lengths))
    assert [len(answer.token_ids) for answer in answers] == lengths


def test_the_tokens_of_the_prompt_are_counted(served: Served) -> None:
    answers = served.ask(*(Request(prompt(2, n), only(7, 1)) for n in (1, 2, 50)))
    assert [answer.prompt_tokens for answer in answers] == [1, 2, 50]


def test_every_end_token_ends_a_turn_and_is_kept(served: Served) -> None:
    ends = served.tokenizer.eos_ids
    assert len(ends) == 2
    for end in ends:
        (answer,) = served.ask(Request(prompt(3), only(end)))
        assert (answer.token_ids, answer.finish, answer.stop) == ((end,), Finish.EOS, None)


def test_an_end_token_that_is_a_stop_token_too_is_an_end(served: Served) -> None:
    end = served.tokenizer.eos_ids[0]
    (answer,) = served.ask(Request(prompt(3), only(end, stop_token_ids=(end, 9))))
    assert answer.finish is Finish.EOS


def test_a_stop_token_is_named_and_kept(served: Served) -> None:
    (answer,) = served.ask(Request(prompt(4), only(9, stop_token_ids=(8, 9))))
    assert (answer.token_ids, answer.finish, answer.stop) == ((9,), Finish.STOP, 9)


def test_a_stop_string_is_named_and_its_last_token_kept(served: Served) -> None:
    token = served.token("a")
    (answer,) = served.ask(Request(prompt(5), only(token, stop=("b", "aaa"))))
    assert (answer.token_ids, answer.finish, answer.stop) == ((token,) * 3, Finish.STOP, "aaa")


def test_a_stop_string_that_comes_with_the_last_token_is_a_stop(served: Served) -> None:
    (answer,) = served.ask(Request(prompt(5), only(served.token("a"), 3, stop=("aaa",))))
    assert answer.finish is Finish.STOP


def test_the_limit_is_a_cut(served: Served) -> None:
    (answer,) = served.ask(Request(prompt(6), only(7, 12)))
    assert (len(answer.token_ids), answer.finish, answer.stop) == (12, Finish.LENGTH, None)


def test_a_limit_beyond_the_context_is_lowered_to_it(served: Served) -> None:
    long, full = Request(prompt(6, 200), only(7, 999)), Request(prompt(6, CONTEXT - 1), only(7))
    answers = served.ask(long, full)
    assert [len(answer.token_ids) for answer in answers] == [CONTEXT - 200, 1]
    assert {answer.finish for answer in answers} == {Finish.LENGTH}


@pytest.mark.parametrize(("ngram", "repeats", "length"), [(1, 5, 5), (4, 3, 6), (5, 3, 9)])
def test_a_loop_ends_when_half_the_pattern_was_repeated(
    served: Served, ngram: int, repeats: int, length: int
) -> None:
    guarded = only(7, loop_ngram=ngram, loop_repeats=repeats)
    (answer,) = served.ask(Request(prompt(7), guarded))
    assert (len(answer.token_ids), answer.finish) == (length, Finish.LOOP)


def test_a_loop_that_reaches_the_limit_is_a_cut(served: Served) -> None:
    (answer,) = served.ask(Request(prompt(7), only(7, 6, loop_ngram=4, loop_repeats=3)))
    assert answer.finish is Finish.LENGTH


@pytest.mark.parametrize(
    "bad",
    [
        Request((), Sampling(4)),
        Request(prompt(8, CONTEXT), Sampling(4)),
        Request(prompt(8, CONTEXT + 50), Sampling(4)),
        Request((1, 10**6), Sampling(4)),
        Request((1, -1), Sampling(4)),
        Request((1,), Sampling(4, stop_token_ids=(10**6,))),
        Request((1,), Sampling(4, logprob_ids=(10**6,))),
        Request((1,), Sampling(4, logprob_ids=tuple(range(129)))),
        Request((1,), Sampling(4, allowed_ids=(-3,))),
        Request((1,), Sampling(0)),
        Request((1,), Sampling(4, temperature=math.nan)),
        Request((1,), Sampling(4, temperature=2.5)),
        Request((1,), Sampling(4, top_p=0.0)),
        Request((1,), Sampling(4, stop=("a", ""))),
        Request((1,), Sampling(4, loop_ngram=4, loop_repeats=1)),
        Request((1,), Sampling(4, likeliest=1)),
        Request((1,), Sampling(4, likeliest=5, logprob_ids=(1,))),
    ],
    ids=str,
)
def test_a_request_that_cannot_be_served_is_refused_in_its_place(
    served: Served, bad: Request
) -> None:
    good = Request(prompt(8), only(7, 2))
    first, refused, last = asyncio.run(served.engine.generate([good, bad, good]))
    assert isinstance(refused, Refused)
    assert "\n" not in refused.message
    for answer in (first, last):
        assert isinstance(answer, Generation)
        assert len(answer.token_ids) == 2


def test_siblings_share_the_blocks_of_their_prompt(served: Served) -> None:
    before = stats_of(served.engine) or EngineStats()
    sibling = Request(prompt(10, 2 * BLOCK + 5), only(7, 2))
    assert [a.cached_tokens for a in served.ask(*[sibling] * 4)] == [0, *[2 * BLOCK] * 3]
    if now := stats_of(served.engine):  # of those that count, its own numbers say the same
        counted = EngineStats(generated=8, read=2 * BLOCK + 4 * 5, hits=6 * BLOCK, asked=276)
        assert now.since(before) == counted


def test_a_continuation_finds_what_was_generated_in_the_cache(served: Served) -> None:
    start = prompt(11, BLOCK)
    (answer,) = served.ask(Request(start, only(7, BLOCK + 1)))
    (onward,) = served.ask(Request(start + answer.token_ids, only(7, 1)))
    assert onward.cached_tokens == 2 * BLOCK


def test_caches_of_different_names_share_nothing_and_the_answers_are_the_same(
    served: Served,
) -> None:
    asked = Request(prompt(44, 2 * BLOCK + 1), Sampling(2, temperature=0.0))
    here, there = replace(asked, cache="here"), replace(asked, cache="there")
    answers = [served.ask(each)[0] for each in (asked, here, there, here)]
    assert [answer.cached_tokens for answer in answers] == [0, 0, 0, 2 * BLOCK]
    assert len({answer.token_ids for answer in answers}) == 1


def test_the_last_token_of_a_prompt_is_never_cached(served: Served) -> None:
    answers = served.ask(*[Request(prompt(12, BLOCK), only(7, 1))] * 2)
    assert [answer.cached_tokens for answer in answers] == [0, 0]


def test_log_probabilities_come_for_what_was_asked_at_every_position(served: Served) -> None:
    labels = (9, 7, 8)
    (answer,) = served.ask(Request(prompt(13), only(7, 4, logprob_ids=labels)))
    assert [set(at) for at in answer.logprobs] == [set(labels)] * 4
    assert all(-math.inf < value < 0 for at in answer.logprobs for value in at.values())


def test_the_log_probability_is_that_of_the_tokens_said_and_raw(served: Served) -> None:
    (answer,) = served.ask(Request(prompt(13), only(7, 4, logprob_ids=(7,))))
    assert answer.logprob == pytest.approx(sum(at[7] for at in answer.logprobs), abs=1e-4)
    assert answer.logprob is not None
    assert answer.logprob < 0  # of all tokens, although no other was allowed


def test_how_sure_the_model_is_comes_at_every_position_where_it_is_asked(served: Served) -> None:
    (answer,) = served.ask(Request(prompt(13), only(7, 4, likeliest=6)))
    assert answer.logprob == pytest.approx(sum(e.logprob for e in answer.sureness), abs=1e-4)
    assert [e.tokens for e in answer.sureness if e.confidence > math.log(6) - 1e-6] == [1] * 4


def test_no_log_probabilities_are_measured_unasked(served: Served) -> None:
    (answer,) = served.ask(Request(prompt(13), only(7, 4)))
    assert (answer.logprobs, answer.logprob, answer.sureness) == ((), None, ())


def test_requests_with_and_without_log_probabilities_mix(served: Served) -> None:
    asked = [(), (7,), (3, 4, 5), ()]
    answers = served.ask(*(Request(prompt(14), only(7, 3, logprob_ids=ids)) for ids in asked))
    assert [[set(at) for at in a.logprobs] for a in answers] == [
        [set(i)] * 3 * bool(i) for i in asked
    ]


def test_a_cancelled_batch_leaves_the_others_alone(served: Served) -> None:
    async def run() -> list[Generation | Refused]:
        doomed = asyncio.create_task(served.engine.generate([Request(prompt(15), only(7, 200))]))
        kept = asyncio.create_task(served.engine.generate([Request(prompt(15), only(7, 9))]))
        await asyncio.sleep(0)
        doomed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doomed
        return await kept

    (answer,) = asyncio.run(run())
    assert isinstance(answer, Generation)
    assert len(answer.token_ids) == 9


def test_the_context_is_known(served: Served) -> None:
    assert served.engine.max_model_len == CONTEXT


# vLLM itself.
def sampled(first: int, seed: int | None = 1, **sampling: Any) -> Request:
    return Request(prompt(first), Sampling(24, seed=seed, **sampling))


@on_vllm
def test_a_seed_gives_the_same_tokens_alone_and_in_a_batch(served: Served) -> None:
    seeds = [*range(11), (1 << 63) - 1]
    batch = served.ask(*(sampled(20, seed) for seed in seeds))
    alone = [served.ask(sampled(20, seed))[0] for seed in seeds]
    assert [a.token_ids for a in alone] == [a.token_ids for a in batch]
    assert len({answer.token_ids for answer in batch}) == 12


@on_vllm
def test_greedy_takes_the_likeliest_token(served: Served) -> None:
    (greedy,) = served.ask(sampled(21, None, temperature=0.0))
    table = raw_logprobs(served.folder, prompt(21), greedy.token_ids)
    assert [row.index(max(row)) for row in table] == list(greedy.token_ids)


@on_vllm
def test_the_checkpoints_own_sampling_defaults_do_not_leak_in(served: Served) -> None:
    (hot,) = served.ask(sampled(21, 3))
    (greedy,) = served.ask(sampled(21, None, temperature=0.0))
    assert hot.token_ids != greedy.token_ids


@on_vllm
def test_log_probabilities_are_the_models_own(served: Served) -> None:
    """Raw: neither temperature nor top_p nor the allowed tokens change them."""
    labels = tuple(range(100))
    request = sampled(22, 5, temperature=0.6, top_p=0.9, logprob_ids=labels)
    (answer,) = served.ask(request)
    table = raw_logprobs(served.folder, request.prompt, answer.token_ids)
    for at, row in zip(answer.logprobs, table, strict=True):
        assert [at[label] for label in labels] == pytest.approx(row[:100], abs=2e-3)
    said = sum(row[token] for row, token in zip(table, answer.token_ids, strict=True))
    assert answer.logprob == pytest.approx(said, abs=2e-2)
    (sure,) = served.ask(sampled(22, 5, temperature=0.6, top_p=0.9, likeliest=5))
    for found, token, row in zip(sure.sureness, sure.token_ids, table, strict=True):
        told = sureness(row[token], sorted(row)[-5:])
        assert astuple(found) == pytest.approx(astuple(told), abs=5e-3)


@on_vllm
def test_more_prompts_than_one_step_can_read_are_all_served(served: Served) -> None:
    """A seeded prompt cut into chunks kills vLLM 0.32 on a CPU."""
    requests = [Request(prompt(i % 250, 90), Sampling(2, seed=i)) for i in range(60)]
    assert sum(len(each.prompt) for each in requests) > 2 * 2048
    assert len(served.ask(*requests)) == 60


@on_vllm
def test_cancelling_frees_the_request_in_the_engine(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines.vllm_engine import InProcessCore

    aborted: list[tuple[InProcessCore, Sequence[str]]] = []
    abort = InProcessCore.abort

    def spy(core: InProcessCore, keys: Sequence[str]) -> None:
        aborted.append((core, keys))
        abort(core, keys)

    async def run() -> None:
        endless = [Request(prompt(first), only(7, CONTEXT)) for first in (23, 24)]
        task = asyncio.create_task(served.engine.generate(endless))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await served.engine.generate([sampled(25)])

    monkeypatch.setattr(InProcessCore, "abort", spy)
    asyncio.run(run())
    ((core, keys),) = aborted
    assert len(keys) == 2
    assert not core._engine.has_unfinished_requests()


@on_vllm
def test_a_process_has_one_cpu_engine_at_a_time(served: Served) -> None:
    with pytest.raises(EngineError, match="this process has a CPU engine already"):
        real(served.folder)


@on_vllm
def test_an_engine_that_died_says_why_and_another_can_be_started(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test on this engine."""
    from engines.vllm_engine import InProcessCore

    def fail(core: InProcessCore) -> None:
        raise RuntimeError("no luck today")

    with monkeypatch.context() as patch:
        patch.setattr(InProcessCore, "step", fail)
        with pytest.raises(EngineError, match="no luck today"):
            served.ask(sampled(26))
    with pytest.raises(EngineError, match="no luck today"):
        served.ask(sampled(26))
    again = real(served.folder)
    again.ask(sampled(26))
    asyncio.run(again.engine.close())
