"""Ports that note what their engines are asked, for `benchmarks.speed.replay`.

They are the real ones on the real engine: each request is a line in a file when it has ended.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

from engines.engine import Engine, Generation, Refused, Request, Sampling, Served
from engines.tokenizer import Tokenizer
from engines.traits import Part
from engines.vllm_config import VllmConfig
from policies.qwen_config import QwenConfig
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import place_id
from search.ports import (
    Failure,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Noted:
    """A request that an engine was asked, and how many tokens it wrote.

    `call`: whose it is. `after`: the draw that made the path which that call is about, None where
    it begins at the root.
    """

    call: str
    after: str | None
    request: Request
    generated: int


@dataclass(frozen=True)
class RecordingVllm(VllmConfig):
    """The engine as it is configured, with the file that its requests go to."""

    record: str = ""

    async def open(self, model: str) -> tuple[Tokenizer, Engine]:
        """See `EngineConfig.open`."""
        tokenizer, engine = await super().open(model)
        return tokenizer, Recorder(engine, Path(self.record))


class RecordingQwen(QwenConfig):
    """The policy `qwen`, whose engine tells which call a request is of."""


class RecordingThinkPrm(ThinkPrmConfig):
    """The scorer `thinkprm`, likewise."""


OF: ContextVar[tuple[str, str | None]] = ContextVar("OF")
"""`Noted.call` and `Noted.after` of what is asked here."""
KINDS: dict[type, type[Part]] = {QwenConfig: RecordingQwen, ThinkPrmConfig: RecordingThinkPrm}


def served(part: Part) -> tuple[VllmConfig, str]:
    """How the model of a part is served, and which it is. Raises ValueError for other kinds."""
    if isinstance(part, QwenConfig | ThinkPrmConfig) and isinstance(part.engine, VllmConfig):
        return part.engine, part.model
    raise ValueError("it takes the policy qwen and the scorer thinkprm, on engines of kind vllm")


def recording(part: Part, file: Path) -> Part:
    """The same part, noting into a file. Raises ValueError where its kind cannot be."""
    engine, _ = served(part)
    told = copied(engine, RecordingVllm, record=str(file))
    return copied(part, KINDS[type(part)], engine=told)


def copied(source: object, kind: type[T], **other: object) -> T:
    """A dataclass of another kind with the same fields, but for these."""
    same = {each.name: getattr(source, each.name) for each in fields(source)}  # type: ignore[arg-type]
    return kind(**same | other)


async def build(config: Part) -> NotedPort:
    """The port of a recording config."""
    (own,) = type(config).__bases__
    return NotedPort(await import_module(own.__module__).build(config))


class NotedPort(Served, Policy, Scorer):
    """A port that says of which call its engine's requests are."""

    def __init__(self, port: Policy | Scorer) -> None:
        super().__init__(port)
        self._port = port

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """A batch of one, as pools ask."""
        (call,) = batch
        path = call.path
        own = f"{path.problem.id} {place_id((*path.place, call.child))}"
        OF.set((own, f"{path.problem.id} {path.id}" if path.place else None))
        return await cast(Policy, self._port).extend(batch)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """A batch of one, as pools ask."""
        (call,) = batch
        drawn = f"{call.path.problem.id} {call.path.id}"
        OF.set((f"judge {drawn}", drawn))
        return await cast(Scorer, self._port).judge(batch)


class Recorder(Served, Engine):
    """An engine that notes what it is asked, in the order in which it was."""

    def __init__(self, engine: Engine, file: Path) -> None:
        super().__init__(engine)
        self._engine = engine
        self._numbers = count()
        self._file = file.open("a", encoding="utf-8")

    @property
    def max_model_len(self) -> int:
        """See `Engine.max_model_len`."""
        return self._engine.max_model_len

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        """See `Engine.generate`."""
        numbers = [next(self._numbers) for _ in batch]
        made = await self._engine.generate(batch)
        for number, request, each in zip(numbers, batch, made, strict=True):
            tokens = len(each.token_ids) if isinstance(each, Generation) else 0
            told = (number, *OF.get(), tokens, asdict(request))
            self._file.write(f"{json.dumps(told)}\n")
        self._file.flush()
        return made

    async def close(self) -> None:
        """Free the engine."""
        self._file.close()
        await super().close()


def read(file: Path) -> list[Noted]:
    """What was noted there, in the order in which it was asked."""
    lines = sorted(json.loads(line) for line in file.read_text("utf-8").splitlines())
    return [Noted(call, after, request_of(told), tokens) for _, call, after, tokens, told in lines]


def request_of(told: dict[str, Any]) -> Request:
    """The inverse of `asdict`, after JSON."""
    sampling = {name: tupled(value) for name, value in told["sampling"].items()}
    return Request(tuple(told["prompt"]), Sampling(**sampling), told["cache"])


def tupled(value: Any) -> Any:
    """A list as the tuple that it was."""
    return tuple(value) if isinstance(value, list) else value
