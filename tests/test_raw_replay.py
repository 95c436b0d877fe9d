"""A raw replay: what is noted of a run's engines, and in which order it is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest

from benchmarks.speed import startup
from benchmarks.speed.raw import Engines, Sent, _serve, graph
from benchmarks.speed.recording import (
    OF,
    Noted,
    Recorder,
    RecordingQwen,
    RecordingVllm,
    read,
    recording,
)
from engines.config import EngineConfig
from engines.engine import Engine, Finish, Generation, Request, Sampling
from engines.vllm_config import VllmConfig
from policies.qwen_config import QwenConfig
from policies.scripted import ScriptedPolicyConfig


def request(*prompt: int, **sampling: Any) -> Request:
    return Request(prompt, Sampling(8, **sampling), "of a run")


def test_a_recorder_notes_each_request_as_it_was_with_whose_it_is(tmp_path: Path) -> None:
    asked = [request(1, 2, seed=2**62, stop=("x",)), request(3, logprob_ids=(4, 5))]

    async def go() -> None:
        recorder = Recorder(Fake([]), tmp_path / "asked")
        for number, each in enumerate(asked):
            OF.set((f"p {number}", None))
            await recorder.generate([each])
        await recorder.close()

    asyncio.run(go())
    assert read(tmp_path / "asked") == [
        Noted("p 0", None, asked[0], 2),
        Noted("p 1", None, asked[1], 1),
    ]


def test_a_part_that_notes_is_the_same_part_and_others_are_refused(tmp_path: Path) -> None:
    part = QwenConfig(model="m", engine=VllmConfig(max_num_seqs=3))
    noting = recording(part, tmp_path / "asked")
    assert isinstance(noting, RecordingQwen)
    assert isinstance(noting.engine, RecordingVllm)
    assert (noting.model, noting.engine.max_num_seqs) == ("m", 3)
    with pytest.raises(ValueError, match="policy qwen and the scorer thinkprm"):
        recording(ScriptedPolicyConfig(), tmp_path / "asked")


# Two draws, of which the first is judged by a chain and a closing question that goes on from it.
NOTED = {
    "policy": [
        Noted("p 0", None, request(1), 1),
        Noted("p 1", None, request(1), 1),
        Noted("p 1/0", "p 1", request(1, 7), 1),
    ],
    "scorer": [
        Noted("judge p 0", "p 0", request(9, 1), 1),
        Noted("judge p 0", "p 0", request(9, 1, 5), 1),
        Noted("judge p 0", "p 0", request(9, 2), 1),
    ],
}


def test_a_request_waits_for_the_answer_that_it_goes_on_from() -> None:
    assert [each.after for each in graph(NOTED)] == [None, None, 1, 0, 3, 0]


def test_pipelined_each_is_sent_when_its_predecessor_ended_and_in_two_batches_side_by_side(
    both: Both,
) -> None:
    sent = graph(NOTED)
    replayed = Engines(both.ends, sent).pipelined()
    assert replayed.generated == {
        number: len(each.request.prompt) for number, each in enumerate(sent)
    }
    assert replayed.seconds > 0
    for number, each in enumerate(sent):
        if each.after is not None:
            assert both.order(sent, each.after) < both.order(sent, number)
    both.answered.clear()
    assert len(Engines(both.ends, sent).two_batches().generated) == len(sent)
    prompts = [prompt[0] for prompt in both.answered]
    assert prompts == [1, 1, 1, 9, 9, 9]


def test_the_stages_of_a_start_add_up_to_the_way_to_the_first_reply() -> None:
    starts = [dict.fromkeys(startup.STAGES, seconds) for seconds in (1.0, 3.0)]
    rows = {row.stage: row for row in startup.rows(starts)}
    stages = len(startup.STAGES)
    assert rows["to the first reply"].seconds == 2.0 * stages
    assert rows["to ready"].least == stages - 1
    assert sum(rows[stage].share for stage in startup.STAGES) == pytest.approx(1.0)


class Fake(Engine):
    """Writes as many tokens as a prompt has, and notes what it was asked."""

    max_model_len = 100

    def __init__(self, answered: list[tuple[int, ...]]) -> None:
        self.answered = answered

    async def generate(self, batch: Sequence[Request]) -> list[Generation]:  # type: ignore[override]
        self.answered += [each.prompt for each in batch]
        return [Generation(each.prompt, Finish.EOS) for each in batch]


@dataclass(frozen=True)
class FakeConfig:
    answered: list[tuple[int, ...]]

    async def open(self, model: str) -> tuple[None, Engine]:
        return None, Fake(self.answered)


@dataclass
class Both:
    """Two engines in threads, and the prompts that they answered."""

    ends: dict[str, Connection]
    answered: list[tuple[int, ...]] = field(default_factory=list)

    def order(self, sent: Sequence[Sent], number: int) -> int:
        return self.answered.index(sent[number].request.prompt)


@pytest.fixture
def both() -> Iterator[Both]:
    made = Both({})
    threads = []
    for side in ("policy", "scorer"):
        ours, theirs = Pipe()
        config = cast(EngineConfig, FakeConfig(made.answered))
        threads.append(Thread(target=_serve, args=(theirs, config, "")))
        threads[-1].start()
        assert ours.recv() is None
        own = {n: each.request for n, each in enumerate(graph(NOTED)) if each.side == side}
        ours.send(own)
        made.ends[side] = ours
    yield made
    for end in made.ends.values():
        end.close()
    for thread in threads:
        thread.join(5)
