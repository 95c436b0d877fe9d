"""What is said to a process reward model of one's own, and how its answer is read.

One page tells it to whoever writes a server: docs/http_scorer.md. An answer is checked, whole,
before any number of it is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scorers.whole import Whole, whole
from search.core import Judgement, Prefix, Spent, StepVerdict, VerdictStatus, is_probability
from search.ports import Failure, FailureKind, ScorerReply

VERSION = 1
SHOWN = 80
"""Characters of an answer that a message quotes."""
MOST_TOKENS = 2**40


class Unreadable(Exception):
    """An answer that keeps not to the protocol; one line says where."""


@dataclass(frozen=True)
class Asked:
    """One path, as it is sent."""

    path: Prefix
    seed: int

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        path = self.path
        return {
            "problem": path.problem.question,
            "steps": [step.text for step in path.steps],
            "finished": path.finished,
            "seed": self.seed,
        }


def body(items: Sequence[Asked]) -> dict[str, Any]:
    """The request."""
    return {"protocol": VERSION, "items": [item.plain() for item in items]}


def read(
    said: Mapping[str, Any], items: Sequence[Asked], rule: Whole
) -> list[ScorerReply | Failure]:
    """One reply per item. Raises `Unreadable` where the answer as a whole is none."""
    answers = said.get("items")
    if not isinstance(answers, list):
        raise Unreadable(f"it has no list `items`: {_shown(said)}")
    if len(answers) != len(items):
        raise Unreadable(f"it has {len(answers)} items and was asked about {len(items)}")
    return [_one(answer, item.path, rule) for answer, item in zip(answers, items, strict=True)]


def _one(answer: Any, path: Prefix, rule: Whole) -> ScorerReply | Failure:
    try:
        if isinstance(answer, dict) and answer.get("error") is not None:
            return _failure(answer, path)
        judgement = _judgement(answer, len(path.steps), rule)
        return ScorerReply(judgement, _spent(answer))
    except Unreadable as error:
        message = f"the server's answer cannot be read: {error}"
        return Failure.about(path, FailureKind.UNAVAILABLE, message)


def _failure(answer: dict[str, Any], path: Prefix) -> Failure:
    """What the server says that it cannot judge; `retry` tells whether it might another time."""
    told = f"the server refuses it: {' '.join(str(answer['error']).split())[:500]}"
    kind = FailureKind.UNAVAILABLE if answer.get("retry") is True else FailureKind.INVALID
    return Failure.about(path, kind, told, _spent(answer))


def _judgement(answer: Any, steps: int, rule: Whole) -> Judgement:
    if not isinstance(answer, dict):
        raise Unreadable(f"an item is {_shown(answer)}, not an object")
    verdicts = _verdicts(answer.get("steps", []), steps)
    prefix = answer.get("prefix")
    if prefix is None:
        known = [each.probability for each in verdicts if each.probability is not None]
        if len(known) < max(1, len(verdicts)):
            raise Unreadable("it has neither `prefix` nor a probability for every step")
        prefix = whole(known, rule)
    return Judgement(verdicts, _probability(prefix, "prefix"), chains=1)


def _verdicts(said: Any, steps: int) -> tuple[StepVerdict, ...]:
    """Of all steps, or of none: that is an outcome reward model's answer."""
    if not isinstance(said, list) or len(said) not in (0, steps):
        raise Unreadable(f"`steps` is {_shown(said)}, not a list of {steps} numbers")
    return tuple(
        StepVerdict(None, VerdictStatus.MISSING)
        if each is None
        else StepVerdict(_probability(each, f"steps[{index}]"), VerdictStatus.READ)
        for index, each in enumerate(said)
    )


def _probability(value: Any, name: str) -> float:
    if not is_probability(value):
        raise Unreadable(f"{name} is {_shown(value)}, not a number from 0 to 1")
    return float(value)


def _spent(answer: dict[str, Any]) -> Spent:
    """What it cost; a call with a prompt of no token is one that nobody counted: unknown."""
    tokens = answer.get("tokens")
    if tokens is None:
        return Spent(calls=1)
    if not isinstance(tokens, dict):
        raise Unreadable(f"tokens is {_shown(tokens)}, not an object with prompt and generated")
    prompt, generated = _count(tokens, "prompt"), _count(tokens, "generated")
    cached = _count(tokens, "cached") if "cached" in tokens else 0
    if cached > prompt:
        raise Unreadable(f"tokens.cached is {cached}, and tokens.prompt, which has it, {prompt}")
    return Spent(1, prompt, cached, generated)


def _count(tokens: dict[str, Any], name: str) -> int:
    count = tokens.get(name)
    if type(count) is not int or not 0 <= count <= MOST_TOKENS:
        raise Unreadable(f"tokens.{name} is {_shown(count)}, not a whole number from 0 up")
    return count


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
