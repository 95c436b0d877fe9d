"""What a port may reply: whatever else comes, from whichever port, is a `Failure` in its place.

Every reply passes here before it is remembered: of ports in this process and in actors, shipped and
custom; in an actor before it is sent, too, so that only what is understood travels. Numbers that no
model can have spent or given never reach the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from operator import attrgetter
from typing import Any

from search.contract import shown
from search.core import (
    STEP_IDS,
    ChainStart,
    ChainVote,
    Judgement,
    Missing,
    Origin,
    Prefix,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    Sureness,
    VerdictStatus,
    is_probability,
)
from search.ports import Failure, FailureKind, PolicyCall, PolicyReply, ScorerCall, ScorerReply

MOST = 2**40
"""The largest count of a reply: about 10^12 tokens, more than any model spends on a call; the sum
over a million such calls is still a 64-bit integer."""
SPENT = attrgetter(*Spent.__slots__)
ROUNDING = 1e-3
"""How far above 0 rounding may lift the log-probability of one token."""


class Unfit(ValueError):
    """Why a reply cannot be used, in one line."""


def reply_to(call: PolicyCall | ScorerCall, replies: object) -> PolicyReply | ScorerReply | Failure:
    """The one reply to a batch of `call`, or what is wrong with it."""
    if isinstance(call, PolicyCall):
        return policy_reply(call, replies)
    return scorer_reply(call, replies)


def policy_reply(call: PolicyCall, replies: object) -> PolicyReply | Failure:
    """The one reply to a batch of `call`, its path set onto the call's own.

    A `Failure` says what is wrong with a reply that a policy may not give.
    """
    try:
        reply = _only(replies)
        if isinstance(reply, Failure):
            return _failure(reply)
        _kind("a reply", reply, PolicyReply)
        steps = _new_steps(call, reply.path)
        _check_spent(reply.spent)
        _kind("sampled", reply.sampled, bool)
    except Exception as why:  # noqa: BLE001 - a reply may refuse to be looked at
        return _unfit("policy", call.path, why)
    return PolicyReply(call.path.grow(call.child, steps), reply.spent, reply.sampled)


def scorer_reply(call: ScorerCall, replies: object) -> ScorerReply | Failure:
    """The one reply to a batch of `call`.

    A `Failure` says what is wrong with a reply that a scorer may not give.
    """
    try:
        reply = _only(replies)
        if isinstance(reply, Failure):
            return _failure(reply)
        _kind("a reply", reply, ScorerReply)
        _check_judgement(reply.judgement, len(call.path.steps))
        _check_spent(reply.spent)
        _kind("sampled", reply.sampled, bool)
    except Exception as why:  # noqa: BLE001 - a reply may refuse to be looked at
        return _unfit("scorer", call.path, why)
    return ScorerReply(reply.judgement, reply.spent, reply.sampled)


def _unfit(port: str, path: Prefix, error: Exception) -> Failure:
    why = error if isinstance(error, Unfit) else f"it cannot be checked: {shown(error)}"
    where = f"problem {path.problem.id}, path {path.id or 'root'}"
    return Failure(FailureKind.INTERNAL, f"the {port}'s reply cannot be used: {why} ({where})")


def _only(replies: object) -> Any:
    if not isinstance(replies, Sequence) or isinstance(replies, str):
        raise Unfit(f"{shown(replies)} must be a list of replies")
    if len(replies) != 1:
        raise Unfit(f"{len(replies)} replies to 1 call")
    return replies[0]


def _failure(failure: Failure) -> Failure:
    _kind("a failure's kind", failure.kind, FailureKind)
    _kind("a failure's message", failure.message, str)
    _kind("a failure's traceback", failure.traceback, str)
    _check_spent(failure.spent)
    wasted = failure.spent.as_failed()
    return failure if failure.spent == wasted else replace(failure, spent=wasted)


def _new_steps(call: PolicyCall, path: Any) -> tuple[Step, ...]:
    """What the reply adds to the call's path."""
    _kind("path", path, Prefix)
    _kind("path.steps", path.steps, tuple)
    known = len(call.path.steps)
    new: tuple[Step, ...] = path.steps[known:]
    if path.problem != call.path.problem:
        raise Unfit(f"path is of another problem: {shown(path.problem)}")
    if path.steps[:known] != call.path.steps or not new:
        raise Unfit("path does not continue the one that was asked about")
    for number, step in enumerate(new, start=known + 1):
        _check_step(number, step, last=step is new[-1])
    return new


def _check_step(number: int, step: Any, *, last: bool) -> None:
    if not isinstance(step, Step) or not isinstance(step.text, str):
        _kind(f"step {number}", step, Step)
        _kind(f"step {number}: text", step.text, str)
    if not isinstance(step.stop, StopReason):
        _kind(f"step {number}: stop", step.stop, StopReason)
    tokens = STEP_IDS.count(step)
    if tokens is None:
        _kind(f"step {number}: token_ids", step.token_ids, tuple)
        _check_tokens(f"step {number}", step.token_ids)
        tokens = len(step.token_ids)
    if not last and step.stop is not StopReason.STEP_END:
        raise Unfit(f"step {number}: stop {step.stop} is the end, and more steps follow")
    if step.logprob is not None:
        _check_logprob(number, step.logprob, ROUNDING * max(1, tokens))
    if step.sureness != ():
        _check_sureness(f"step {number}: sureness", step.sureness, tokens)


def _whole(counts: tuple[Any, ...]) -> bool:
    """Whether all are whole numbers from 0 to `MOST`: quick, as nearly all replies are so."""
    return not counts or (
        set(map(type, counts)) == {int} and min(counts) >= 0 and max(counts) <= MOST
    )


def _check_tokens(name: str, token_ids: tuple[Any, ...]) -> None:
    """Tell the first that is not in order."""
    for token in () if _whole(token_ids) else token_ids:
        _count(f"{name}: token id", token)


def _check_logprob(number: int, logprob: Any, most: float) -> None:
    real = isinstance(logprob, float | int) and not isinstance(logprob, bool)
    if not real or not float("-inf") < logprob <= most:
        raise Unfit(f"step {number}: logprob {shown(logprob)} must be a finite number, 0 at most")


def _check_sureness(name: str, sureness: Any, tokens: int) -> None:
    """Of all tokens of the step, or of none."""
    _kind(name, sureness, tuple)
    for sums in sureness:
        _kind(name, sums, Sureness)
        _count(f"{name}: tokens", sums.tokens)
        if not sums.tokens:
            raise Unfit(f"{name}: sums over no tokens")
        for value in (sums.logprob, sums.confidence, sums.certainty):
            if type(value) is not float or not isfinite(value):
                raise Unfit(f"{name}: {shown(value)} must be a finite number")
    if sureness and sum(sums.tokens for sums in sureness) != tokens:
        raise Unfit(f"{name}: it is of another number of tokens than the {tokens} of the step")


def _check_judgement(judgement: Any, steps: int) -> None:
    _kind("judgement", judgement, Judgement)
    _kind("verdicts", judgement.verdicts, tuple)
    if len(judgement.verdicts) not in (0, steps):
        raise Unfit(f"{len(judgement.verdicts)} verdicts for {steps} steps")
    for number, verdict in enumerate(judgement.verdicts, start=1):
        _check_verdict(number, verdict)
    _count("chains", judgement.chains)
    _kind("origin", judgement.origin, Origin)
    _kind("starts", judgement.starts, tuple)
    for number, start in enumerate(judgement.starts, start=1):
        _check_start(f"start {number}", start)
    _kind("votes", judgement.votes, tuple)
    for number, vote in enumerate(judgement.votes, start=1):
        _check_vote(f"vote {number}", vote, len(judgement.verdicts))
    if isinstance(judgement.prefix, Missing):
        _kind("why prefix is missing", judgement.prefix.reason, str)
        _kind("whether it is transient", judgement.prefix.transient, bool)
    else:
        _check_probability("prefix", judgement.prefix)


def _check_start(name: str, start: Any) -> None:
    _kind(name, start, ChainStart)
    _kind(f"{name}: token_ids", start.token_ids, tuple)
    _check_tokens(name, start.token_ids)
    _count(f"{name}: shown", start.shown)
    for position, odds in start.odds:
        _count(f"{name}: position", position)
        if position >= len(start.token_ids) or type(odds) is not float or not isfinite(odds):
            raise Unfit(f"{name}: {shown((position, odds))} must be a position and finite log-odds")
    for begin, end in start.given:
        _count(f"{name}: where a step was put", begin)
        _count(f"{name}: where a step that was put ends", end)
        if not begin < end <= len(start.token_ids):
            raise Unfit(f"{name}: a step was put at {begin} to {end}, which is not within it")


def _check_vote(name: str, vote: Any, steps: int) -> None:
    _kind(name, vote, ChainVote)
    _kind(f"{name}: steps", vote.steps, tuple)
    if len(vote.steps) != steps:
        raise Unfit(f"{name}: {len(vote.steps)} steps, and there are verdicts on {steps}")
    for odds in (vote.prefix, *(each for each in vote.steps if each is not None)):
        if type(odds) is not float or not isfinite(odds):
            raise Unfit(f"{name}: {shown(odds)} must be finite log-odds")


def _check_verdict(number: int, verdict: Any) -> None:
    if not isinstance(verdict, StepVerdict) or not isinstance(verdict.status, VerdictStatus):
        _kind(f"verdict {number}", verdict, StepVerdict)
        _kind(f"verdict {number}: status", verdict.status, VerdictStatus)
    if not isinstance(verdict.critique, str):
        _kind(f"verdict {number}: critique", verdict.critique, str)
    if not (verdict.probability is None or is_probability(verdict.probability)):
        _check_probability(f"verdict {number}", verdict.probability)
    read = verdict.status is VerdictStatus.READ or verdict.status is VerdictStatus.AFTER_ERROR
    if read != (verdict.probability is not None):
        raise Unfit(f"verdict {number}: {verdict.status} with {shown(verdict.probability)}")


def _check_probability(name: str, value: object) -> None:
    if not is_probability(value):
        raise Unfit(f"{name}: {shown(value)} must be a probability, a number from 0 to 1")


def _check_spent(spent: Any) -> None:
    _kind("spent", spent, Spent)
    counts = SPENT(spent)
    if not _whole(counts):
        for name, count in zip(Spent.__slots__, counts, strict=True):
            _count(f"spent.{name}", count)
    for part, whole in (("cached", "prompt"), ("failed", "generated")):
        if getattr(spent, part) > getattr(spent, whole):
            raise Unfit(
                f"spent.{part}: {getattr(spent, part)} is a part of {whole}, "
                f"which is {getattr(spent, whole)}"
            )


def _count(name: str, value: object) -> None:
    if type(value) is not int or not 0 <= value <= MOST:
        raise Unfit(f"{name}: {shown(value)} must be a whole number (int) from 0 to 2^40")


def _kind(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise Unfit(f"{name}: {shown(value)} must be of type {kind.__name__}")
