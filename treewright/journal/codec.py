"""Replies as plain JSON, and back, exactly.

A policy reply is stored as the steps it adds: the reader has the call, so it has the path that the
steps continue. Every text survives, lone surrogates included.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any, TypeAlias

from search.core import (
    ChainStart,
    ChainVote,
    Judgement,
    Missing,
    Origin,
    Prefix,
    Score,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    Sureness,
    VerdictStatus,
)
from search.ports import PolicyCall, PolicyReply, ScorerReply
from treewright.journal import checking

Json: TypeAlias = dict[str, Any]
Text: TypeAlias = str | list[int]
"""A string, or its code points where JSON would not give the same string back."""

SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""Two code points that every JSON reader joins into one."""
COUNTS = (5, 8, len(Spent.__slots__))
"""Of a reply that was made, of one that a cache over runs had, and of one that nobody tells how
much of its prompt was cached."""
STOPS = {reason.value: reason for reason in StopReason}
ORIGINS = {origin.value: origin for origin in Origin}
STATUSES = {status.value: status for status in VerdictStatus}


def encode_policy_reply(reply: PolicyReply, known: int) -> Json:
    """The reply without its path's first `known` steps, which are those of the call."""
    steps = [encode_step(step) for step in reply.path.steps[known:]]
    return {"known": known, "steps": steps, "spent": encode_spent(reply.spent)}


def decode_policy_reply(data: Json, call: PolicyCall) -> PolicyReply:
    """The reply to `call`. The path's first steps are the call's own objects, not copies."""
    checking.fields(data, "known", "steps", "spent")
    path, known = call.path, checking.count(data["known"], "known")
    if known not in (0, len(path.steps)):
        raise ValueError(f"known is {known}, and the call has {len(path.steps)} steps")
    steps = (*path.steps[:known], *map(decode_step, checking.items(data["steps"], "steps")))
    if len(steps) <= len(path.steps):
        raise ValueError("it adds no step")
    child = Prefix(path.problem, steps, (*path.place, call.child))
    return PolicyReply(child, decode_spent(data["spent"]))


def encode_scorer_reply(reply: ScorerReply) -> Json:
    """The judgement and what it cost."""
    return {
        "judgement": encode_judgement(reply.judgement),
        "spent": encode_spent(reply.spent),
    }


def decode_scorer_reply(data: Json, steps: int | None = None) -> ScorerReply:
    """The inverse of `encode_scorer_reply`; `steps`: how many the judged path has."""
    checking.fields(data, "judgement", "spent")
    judgement = decode_judgement(data["judgement"])
    if steps is not None and len(judgement.verdicts) not in (0, steps):
        raise ValueError(f"it has {len(judgement.verdicts)} verdicts for {steps} steps")
    return ScorerReply(judgement, decode_spent(data["spent"]))


def encode_step(step: Step) -> Json:
    """One step. Raises ValueError for a log-probability that is not finite."""
    data: Json = {
        "text": encode_text(step.text),
        "ids": list(step.token_ids),
        "stop": step.stop.value,
        "logprob": finite(step.logprob),
    }
    if step.sureness:
        data["sureness"] = [
            [sums.tokens, *map(finite, (sums.logprob, sums.confidence, sums.certainty))]
            for sums in step.sureness
        ]
    return data


def decode_step(data: Json) -> Step:
    """The inverse of `encode_step`."""
    checking.fields(data, "text", "ids", "stop", "logprob", optional=("sureness",))
    logprob = data["logprob"]
    if logprob is not None:
        checking.number(logprob, "logprob")
    sureness = checking.items(data["sureness"], "sureness") if "sureness" in data else ()
    return Step(
        decode_text(data["text"]),
        tuple(checking.ids(data["ids"], "ids")),
        checking.choice(data["stop"], "stop", STOPS),
        logprob,
        tuple(map(decode_sureness, sureness)),
    )


def decode_sureness(data: Any) -> Sureness:
    """Sums over some tokens: how many these are, then the three sums."""
    sums = checking.items(data, "sureness")
    if len(sums) != 4 or sums[0] == 0:
        raise ValueError(f"sureness is {checking.shown(data)}, not a count and three numbers")
    numbers = [checking.number(each, "sureness") for each in sums[1:]]
    return Sureness(checking.count(sums[0], "sureness: tokens"), *numbers)


def encode_judgement(judgement: Judgement) -> Json:
    """A judgement; `prefix` is a number, or an object that says why there is none.

    `origin`, `starts` and `votes` stand there only where they say something.
    """
    data: Json = {
        "verdicts": [encode_verdict(verdict) for verdict in judgement.verdicts],
        "prefix": encode_score(judgement.prefix),
        "chains": judgement.chains,
    }
    if judgement.origin is not Origin.WHOLE:
        data["origin"] = judgement.origin.value
    if judgement.starts:
        data["starts"] = [encode_start(start) for start in judgement.starts]
    if judgement.votes:
        data["votes"] = [[*vote.steps, vote.prefix] for vote in judgement.votes]
    return data


def decode_judgement(data: Json) -> Judgement:
    """The inverse of `encode_judgement`."""
    optional = ("origin", "starts", "votes")
    checking.fields(data, "verdicts", "prefix", "chains", optional=optional)
    verdicts = tuple(map(decode_verdict, checking.items(data["verdicts"], "verdicts")))
    votes = tuple(map(decode_vote, checking.items(data.get("votes", []), "votes")))
    if any(len(vote.steps) != len(verdicts) for vote in votes):
        raise ValueError(f"a vote is not on the {len(verdicts)} steps of the verdicts")
    return Judgement(
        verdicts,
        decode_score(data["prefix"]),
        checking.count(data["chains"], "chains"),
        checking.choice(data.get("origin", Origin.WHOLE.value), "origin", ORIGINS),
        tuple(map(decode_start, checking.items(data.get("starts", []), "starts"))),
        votes,
    )


def decode_vote(data: Any) -> ChainVote:
    """The log-odds that a chain gives each step, and the whole."""
    odds = checking.items(data, "a vote")
    if not odds:
        raise ValueError("a vote says nothing of the whole")
    steps = [None if each is None else checking.number(each, "log-odds") for each in odds[:-1]]
    prefix = checking.number(odds[-1], "log-odds")
    return ChainVote(tuple(steps), prefix)


def encode_start(start: ChainStart) -> Json:
    """The start of a chain: its tokens, the log-odds of its verdicts by position, its prompt."""
    data: Json = {"ids": list(start.token_ids), "odds": [list(pair) for pair in start.odds]}
    if start.shown:
        data["shown"] = start.shown
    if start.given:
        data["given"] = [list(span) for span in start.given]
    return data


def decode_start(data: Json) -> ChainStart:
    """The inverse of `encode_start`."""
    checking.fields(data, "ids", "odds", optional=("shown", "given"))
    ids, odds = tuple(checking.ids(data["ids"], "ids")), checking.items(data["odds"], "odds")
    shown = checking.count(data.get("shown", 0), "shown")
    given = tuple(
        decode_span(each, len(ids)) for each in checking.items(data.get("given", []), "given")
    )
    return ChainStart(ids, tuple(decode_odds(each, len(ids)) for each in odds), shown, given)


def decode_span(data: Any, tokens: int) -> tuple[int, int]:
    """From where to where a step was put among so many tokens."""
    span = checking.ids(data, "given", tokens)
    if len(span) != 2 or not span[0] < span[1]:
        raise ValueError(f"given is {checking.shown(data)}, not two positions in order")
    return span[0], span[1]


def decode_odds(data: Any, tokens: int) -> tuple[int, float]:
    """The position of a verdict among so many tokens, and its log-odds."""
    pair = checking.items(data, "odds")
    if len(pair) != 2:
        raise ValueError(f"odds are {checking.shown(data)}, not a position and a number")
    return checking.count(pair[0], "a position", tokens - 1), checking.number(pair[1], "log-odds")


def encode_verdict(verdict: StepVerdict) -> Json:
    """The verdict of one step."""
    return {
        "probability": verdict.probability,
        "status": verdict.status.value,
        "critique": encode_text(verdict.critique),
    }


def decode_verdict(data: Json) -> StepVerdict:
    """The inverse of `encode_verdict`."""
    checking.fields(data, "probability", "status", "critique")
    chance = data["probability"]
    if chance is not None:
        checking.probability(chance, "probability")
    status = checking.choice(data["status"], "status", STATUSES)
    return StepVerdict(chance, status, decode_text(data["critique"]))


def encode_score(score: Score) -> float | Json:
    """A number stays one; a missing score is an object, never a number."""
    if isinstance(score, Missing):
        return {"missing": encode_text(score.reason), "transient": score.transient}
    return score


def decode_score(data: float | Json) -> Score:
    """The inverse of `encode_score`."""
    if isinstance(data, dict):
        checking.fields(data, "missing", "transient")
        transient = checking.truth(data["transient"], "transient")
        return Missing(decode_text(data["missing"]), transient)
    return checking.probability(data, "a probability")


def encode_spent(spent: Spent) -> list[int]:
    """`[calls, prompt, cached, generated, failed]`, of a cache's `[…, recalled, spared, saved]`.

    Where it is not told what was cached, `[…, untold]` follows.
    """
    made = [spent.calls, spent.prompt, spent.cached, spent.generated, spent.failed]
    had = [spent.recalled, spent.spared, spent.saved]
    if spent.untold:
        return [*made, *had, spent.untold]
    return made + had if any(had) else made


def decode_spent(data: Any) -> Spent:
    """The inverse of `encode_spent`."""
    counts = checking.ids(data, "spent", checking.LARGEST_COUNT)
    if len(counts) not in COUNTS:
        raise ValueError(f"spent has {len(counts)} counts, not {COUNTS[0]} to {COUNTS[-1]}")
    return Spent(*counts)


def encode_text(text: str) -> Text:
    """The text itself, unless it holds a pair of surrogates that JSON would join."""
    if text.isascii() or not SURROGATE_PAIR.search(text):
        return text
    return [ord(char) for char in text]


def decode_text(data: Text) -> str:
    """The inverse of `encode_text`."""
    if isinstance(data, str):
        return data
    return "".join(map(chr, checking.ids(data, "a text", sys.maxunicode)))


def finite(logprob: float | None) -> float | None:
    """The number. Raises ValueError for a NaN or an infinity, which JSON cannot hold."""
    if logprob is not None and not math.isfinite(logprob):
        raise ValueError(f"logprob: {logprob} is not a finite number")
    return logprob
