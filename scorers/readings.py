"""From the boxed verdicts of a chain to one reading per step.

The rules for steps without a verdict follow ThinkPRM's training data, in which a chain ends at the
first incorrect step; what a verifier says after it is not to be trusted (paper, limitations).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from search.core import VerdictStatus


@dataclass(frozen=True, slots=True)
class BoxedVerdict:
    """One boxed verdict as it was written.

    `step` is the number of the step that it is on, from 1; None where it is on none. `log_odds` is
    ln P(correct)/P(incorrect), None where the word is there and its probability cannot be read.
    `tokens` is how many tokens of the chain it and all before it take, `word` how many of these end
    with its word. `sure`: whatever the chain may still say, it is on that step.
    """

    step: int | None
    log_odds: float | None
    incorrect: bool
    critique: str
    tokens: int
    word: int = 0
    sure: bool = True


@dataclass(frozen=True, slots=True)
class StepReading:
    """What one chain says of one step.

    `log_odds` is None exactly when the status is MISSING or TRUNCATED.
    """

    log_odds: float | None
    status: VerdictStatus
    critique: str = ""


@dataclass(frozen=True, slots=True)
class ChainReading:
    """What one chain says: `steps[i]` of step i.

    `error` is the index of the first step that it calls incorrect, None where there is none; `sure`
    says that its last pass may end at the first `incorrect` of its own, for nothing that it may
    still say would change on which step that is. `tokens`
    is how many of its tokens judge steps that exist: all, unless the verifier went on to steps of
    its own invention, or beyond the error at which it is taken to end.
    """

    steps: tuple[StepReading, ...]
    error: int | None
    tokens: int
    sure: bool = True

    @property
    def empty(self) -> bool:
        """Whether no verdict was read."""
        return all(step.log_odds is None for step in self.steps)


def settle(
    verdicts: Sequence[BoxedVerdict],
    steps: int,
    labels: int,
    tokens: int,
    *,
    truncated: bool,
    early_stop: bool = False,
    passes: Sequence[int] = (0,),
) -> ChainReading:
    """Give each of `steps` steps its verdict, in a chain of `tokens` tokens.

    `labels` is the highest step number that the solution writes, at least `steps`.

    Of several verdicts on one step the last wins, and the critiques of all are kept. Those on no
    step, or on one that does not exist, are dropped. Every step after the first incorrect one takes
    that one's log-odds. `passes` are the tokens at which the chain was begun, and at which it was
    bidden to go on where it would have ended. With `early_stop` each of these passes ends at its
    first verdict that calls a step incorrect, whatever it says after it.
    """
    by_pass = divided(verdicts, passes)
    errors = [first_error(each, steps) for each in by_pass]
    latest, first = by_pass[-1], errors[-1]
    sure = first is not None and latest[first].sure
    if early_stop:
        tokens = tokens if first is None else latest[first].word
        by_pass = [
            each if error is None else each[: error + 1]
            for each, error in zip(by_pass, errors, strict=True)
        ]
    owned = assign(chain.from_iterable(by_pass), steps)
    error = min((step for step, own in owned.items() if own[-1].incorrect), default=None)
    judged = steps if error is None else error + 1
    last = max(owned, default=-1)
    readings = [
        read_step(owned.get(step, ()), cut=truncated and step > last) for step in range(judged)
    ]
    if error is not None:
        readings += [after_error(readings[error])] * (steps - judged)
    return ChainReading(tuple(readings), error, useful_tokens(by_pass[-1], labels, tokens), sure)


def divided(
    verdicts: Sequence[BoxedVerdict], passes: Sequence[int]
) -> list[Sequence[BoxedVerdict]]:
    """The verdicts of each pass, which begins at so many tokens."""
    if len(passes) == 1:
        return [verdicts]
    own: list[list[BoxedVerdict]] = [[] for _ in passes]
    for verdict in verdicts:
        own[max(0, bisect_left(passes, verdict.word) - 1)].append(verdict)
    return [*own]


def first_error(verdicts: Sequence[BoxedVerdict], steps: int) -> int | None:
    """Which of the verdicts is the first that calls one of `steps` steps incorrect."""
    for index, verdict in enumerate(verdicts):
        if verdict.incorrect and verdict.step is not None and 1 <= verdict.step <= steps:
            return index
    return None


def assign(verdicts: Iterable[BoxedVerdict], steps: int) -> dict[int, list[BoxedVerdict]]:
    """The verdicts on each step, by its index, in the order in which they were written."""
    owned: dict[int, list[BoxedVerdict]] = {}
    for verdict in verdicts:
        if verdict.step is not None and 1 <= verdict.step <= steps:
            owned.setdefault(verdict.step - 1, []).append(verdict)
    return owned


def read_step(own: Sequence[BoxedVerdict], *, cut: bool) -> StepReading:
    """The reading of a step with these verdicts; `cut`: the chain ended too early to have any."""
    if not own:
        return StepReading(None, VerdictStatus.TRUNCATED if cut else VerdictStatus.MISSING)
    critique = "\n".join(verdict.critique for verdict in own)
    log_odds = own[-1].log_odds
    status = VerdictStatus.MISSING if log_odds is None else VerdictStatus.READ
    return StepReading(log_odds, status, critique)


def after_error(error: StepReading) -> StepReading:
    """The reading of a step after the first incorrect one: unknown where that one's is."""
    if error.log_odds is None:
        return StepReading(None, VerdictStatus.MISSING)
    return StepReading(error.log_odds, VerdictStatus.AFTER_ERROR)


def useful_tokens(verdicts: Sequence[BoxedVerdict], labels: int, tokens: int) -> int:
    """Where a chain of `tokens` tokens leaves the steps that exist for one numbered beyond them."""
    invented = [v.step is not None and not 1 <= v.step <= labels for v in verdicts]
    real = len(verdicts)
    while real and invented[real - 1]:
        real -= 1
    return verdicts[real - 1].tokens if 0 < real < len(verdicts) else tokens
