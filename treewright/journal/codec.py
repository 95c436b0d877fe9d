"""Replies as plain JSON, and back, exactly.

A policy reply is stored as the steps it adds: the reader has the call, so it has the path that the
steps continue. Every text survives, lone surrogates included.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from search.core import (
    Judgement,
    Missing,
    Path,
    Score,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.ports import PolicyCall, PolicyReply, ScorerReply

Json: TypeAlias = dict[str, Any]
Text: TypeAlias = str | list[int]
"""A string, or its code points where JSON would not give the same string back."""

SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""Two code points that every JSON reader joins into one."""
STOPS = {reason.value: reason for reason in StopReason}
STATUSES = {status.value: status for status in VerdictStatus}


def encode_policy_reply(reply: PolicyReply, known: int) -> Json:
    """The reply without its path's first `known` steps, which are those of the call."""
    steps = [encode_step(step) for step in reply.path.steps[known:]]
    return {"known": known, "steps": steps, "spent": encode_spent(reply.spent)}


def decode_policy_reply(data: Json, call: PolicyCall) -> PolicyReply:
    """The reply to `call`. The path's first steps are the call's own objects, not copies."""
    path, known = call.path, data["known"]
    steps = (*path.steps[:known], *map(decode_step, data["steps"]))
    child = Path(path.problem, steps, (*path.place, call.child))
    return PolicyReply(child, decode_spent(data["spent"]))


def encode_scorer_reply(reply: ScorerReply) -> Json:
    """The judgement and what it cost."""
    return {
        "judgement": encode_judgement(reply.judgement),
        "spent": encode_spent(reply.spent),
    }


def decode_scorer_reply(data: Json) -> ScorerReply:
    """The inverse of `encode_scorer_reply`."""
    return ScorerReply(decode_judgement(data["judgement"]), decode_spent(data["spent"]))


def encode_step(step: Step) -> Json:
    """One step. Raises ValueError for a log-probability that is not finite."""
    return {
        "text": encode_text(step.text),
        "ids": list(step.token_ids),
        "stop": step.stop.value,
        "logprob": finite(step.logprob),
    }


def decode_step(data: Json) -> Step:
    """The inverse of `encode_step`."""
    return Step(
        text=decode_text(data["text"]),
        token_ids=tuple(data["ids"]),
        stop=STOPS[data["stop"]],
        logprob=data["logprob"],
    )


def encode_judgement(judgement: Judgement) -> Json:
    """A judgement; `prefix` is a number, or an object that says why there is none."""
    return {
        "verdicts": [encode_verdict(verdict) for verdict in judgement.verdicts],
        "prefix": encode_score(judgement.prefix),
        "chains": judgement.chains,
    }


def decode_judgement(data: Json) -> Judgement:
    """The inverse of `encode_judgement`."""
    verdicts = tuple(map(decode_verdict, data["verdicts"]))
    return Judgement(verdicts, decode_score(data["prefix"]), data["chains"])


def encode_verdict(verdict: StepVerdict) -> Json:
    """The verdict of one step."""
    return {
        "probability": verdict.probability,
        "status": verdict.status.value,
        "critique": encode_text(verdict.critique),
    }


def decode_verdict(data: Json) -> StepVerdict:
    """The inverse of `encode_verdict`."""
    status = STATUSES[data["status"]]
    return StepVerdict(data["probability"], status, decode_text(data["critique"]))


def encode_score(score: Score) -> float | Json:
    """A number stays one; a missing score is an object, never a number."""
    if isinstance(score, Missing):
        return {"missing": encode_text(score.reason), "transient": score.transient}
    return score


def decode_score(data: float | Json) -> Score:
    """The inverse of `encode_score`."""
    if isinstance(data, dict):
        return Missing(decode_text(data["missing"]), data["transient"])
    return data


def encode_spent(spent: Spent) -> list[int]:
    """`[calls, prompt, cached, generated, failed]`."""
    return [spent.calls, spent.prompt, spent.cached, spent.generated, spent.failed]


def decode_spent(data: Sequence[int]) -> Spent:
    """The inverse of `encode_spent`."""
    return Spent(*data)


def encode_text(text: str) -> Text:
    """The text itself, unless it holds a pair of surrogates that JSON would join."""
    return [ord(char) for char in text] if SURROGATE_PAIR.search(text) else text


def decode_text(data: Text) -> str:
    """The inverse of `encode_text`."""
    return data if isinstance(data, str) else "".join(map(chr, data))


def finite(logprob: float | None) -> float | None:
    """The number. Raises ValueError for a NaN or an infinity, which JSON cannot hold."""
    if logprob is not None and not math.isfinite(logprob):
        raise ValueError(f"logprob: {logprob} is not a finite number")
    return logprob
