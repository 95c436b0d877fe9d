"""The scripted engine: its scripts, what it holds and refuses; and the settings of engines."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from engines.engine import Engine, EngineError, Finish, Generation, Refused, Request, Sampling
from engines.scripted_engine import ScriptedEngine
from engines.vllm_config import VllmConfig


# The scripted engine.
def script(*said: int, **options: Any) -> ScriptedEngine:
    return ScriptedEngine(lambda request: said, (0,), **options)


def answer_of(engine: Engine, request: Request) -> Generation | Refused:
    (answer,) = asyncio.run(engine.generate([request]))
    return answer


def test_a_script_that_runs_out_is_cut() -> None:
    answer = answer_of(script(5, 6), Request((1,), Sampling(9)))
    assert isinstance(answer, Generation)
    assert (answer.token_ids, answer.finish) == ((5, 6), Finish.LENGTH)


def test_a_script_may_be_a_table_of_prompts() -> None:
    engine = ScriptedEngine({(1, 2): (5, 0)}, (0,))
    known, unknown = asyncio.run(
        engine.generate([Request((1, 2), Sampling(9)), Request((3,), Sampling(9))])
    )
    assert isinstance(known, Generation)
    assert known.finish is Finish.EOS
    assert unknown == Refused("the script has no such prompt")


def test_a_script_may_refuse_and_may_depend_on_the_request() -> None:
    def say(request: Request) -> Sequence[int] | Refused:
        return Refused("no") if request.prompt == (1,) else (request.sampling.seed or 0, 0)

    engine = ScriptedEngine(say, (0,))
    assert answer_of(engine, Request((1,), Sampling(9))) == Refused("no")
    answer = answer_of(engine, Request((2,), Sampling(9, seed=7)))
    assert isinstance(answer, Generation)
    assert answer.token_ids == (7, 0)


def test_a_script_may_give_the_odds() -> None:
    engine = script(5, 6, odds=lambda request, said: {5: math.log(0.25), 6: math.log(0.5)})
    answer = answer_of(engine, Request((1,), Sampling(2, logprob_ids=(6, 9))))
    assert isinstance(answer, Generation)
    assert answer.logprobs == ({6: math.log(0.5), 9: -math.inf},) * 2
    assert answer.logprob == pytest.approx(math.log(0.125))


def test_the_likeliest_allowed_token_replaces_one_that_is_not_allowed() -> None:
    engine = script(5, odds=lambda request, said: {3: -2.0, 4: -1.0})
    answer = answer_of(engine, Request((1,), Sampling(1, allowed_ids=(3, 4))))
    assert isinstance(answer, Generation)
    assert answer.token_ids == (4,)


@pytest.mark.parametrize("kill", ["script", "die"])
def test_a_scripted_engine_that_died_answers_nothing_any_more(kill: str) -> None:
    def say(request: Request) -> Sequence[int]:
        raise EngineError("out of memory")

    async def run() -> None:
        engine = ScriptedEngine(say)
        if kill == "die":
            engine.hold()
        waiting = asyncio.create_task(engine.generate([Request((1,), Sampling(1))]))
        await asyncio.sleep(0)
        if kill == "die":
            engine.die("out of memory")
        with pytest.raises(EngineError, match="out of memory"):
            await waiting
        with pytest.raises(EngineError, match="out of memory"):
            await engine.generate([Request((2,), Sampling(1))])

    asyncio.run(run())


def test_what_is_held_is_answered_later_and_what_is_cancelled_is_noted() -> None:
    async def run() -> None:
        engine = script(5)
        engine.hold()
        requests = [Request((1,), Sampling(1)), Request((2,), Sampling(1))]
        doomed, kept = (asyncio.create_task(engine.generate([each])) for each in requests)
        await asyncio.sleep(0)
        doomed.cancel()
        engine.go()
        assert len(await kept) == 1
        assert engine.requests == requests
        assert engine.aborted == requests[:1]

    asyncio.run(run())


def test_a_closed_scripted_engine_raises() -> None:
    async def run() -> None:
        engine = script(5)
        await engine.close()
        await engine.close()
        await engine.generate([Request((1,), Sampling(1))])

    with pytest.raises(EngineError, match="closed"):
        asyncio.run(run())


# The configuration.
@pytest.mark.parametrize(
    "field",
    [
        {"device": "gpu"},
        {"dtype": "int4"},
        {"max_num_seqs": 0},
        {"tensor_parallel_size": 0},
        {"threads": -1},
        {"gpu_memory_utilization": 1.5},
        {"max_model_len": 1},
        {"memory_gib": math.nan},
        {"memory_gib": 0.0},
        {"block_size": 0},
    ],
    ids=str,
)
def test_a_bad_field_is_named_with_its_value(field: dict[str, Any]) -> None:
    ((name, value),) = field.items()
    with pytest.raises(ValueError, match=name) as error:
        replace(VllmConfig(), **field)
    assert repr(value) in str(error.value)
