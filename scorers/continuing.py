"""Where a verification goes on from an earlier one: the start that their chains have in common.

ThinkPRM judges steps from left to right, and was trained to give a prefix the first part of what it
gives the whole. So a chain about the first m steps is the start of one about these and more: what
it says of them need not be written again.

That start ends at the word of a verdict, its box still open: box, line break and label of the next
step are written by the model, in its own way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from scorers.log_odds import log_odds
from scorers.readings import BoxedVerdict, ChainReading, assign
from scorers.verdict_ids import VerdictIds
from scorers.verdicts import ChainReader
from search.core import ChainStart, Prefix, VerdictStatus
from search.ports import Earlier, ScorerCall

Odds: TypeAlias = tuple[Mapping[int, float], ...]
"""Per token of a chain, the raw log-probabilities of the step verdict tokens."""


Spans: TypeAlias = tuple[tuple[int, int], ...]
"""Tokens from and to, each time."""
Final: TypeAlias = Literal["whole", "incremental"]
"""How a finished solution is judged: whole, or as any other path."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What of a chain is there already: tokens, and how many first steps they judge.

    `shown`: how many first steps its prompt shows, where that stays as it was; else 0. `given`: as
    in `ChainStart`.
    """

    ids: tuple[int, ...] = ()
    odds: Odds = ()
    steps: int = 0
    shown: int = 0
    given: Spans = ()


NOTHING = Begun()
"""The beginning of a chain that is written whole."""


@dataclass(frozen=True, slots=True)
class Continuing:
    """Keeps the starts of chains, and begins others with them. `lead` as for `ChainReader.read`."""

    reader: ChainReader
    verdict_ids: VerdictIds
    lead: str

    def start(
        self,
        ids: Sequence[int],
        odds: Odds,
        reading: ChainReading,
        shown: int = 0,
        given: Spans = (),
    ) -> ChainStart:
        """What a longer prefix's chain may begin with: all that was called correct, in order.

        `shown` and `given` as in `ChainStart`.
        """
        steps = len(reading.steps)
        judged = steps if reading.error is None else reading.error
        read = [step.status is VerdictStatus.READ for step in reading.steps[:judged]]
        most = read.index(False) if False in read else judged
        parts = self.reader.of_parts(ids, odds, steps, self.lead, given=given, shown=shown)
        _, tokens = cut(list(parts), most)
        known = enumerate(zip(ids[:tokens], odds, strict=False))
        decided = [
            (at, self._odds(here)) for at, (id, here) in known if id in self.verdict_ids.step
        ]
        kept = tuple((at, value) for at, value in decided if value is not None)
        return ChainStart(tuple(ids[:tokens]), kept, shown if tokens else 0, within(given, tokens))

    def all_begun(
        self, earlier: Earlier | None, path: Prefix, chains: int, room: int
    ) -> list[Begun]:
        """What each of so many chains begins with: chain k with chain k of the earlier judgement.

        One that has no such chain to go on from, since that could not be read, is written whole.
        """
        starts = earlier.judgement.starts[:chains] if earlier else ()
        shared = earlier.shared(path) if earlier else 0
        begun = [self.begun(start, len(path.steps), shared, room) for start in starts]
        return [*begun, *[NOTHING] * (chains - len(begun))]

    def begun(self, start: ChainStart, steps: int, shared: int, room: int) -> Begun:
        """The part of a start that judges steps which both prefixes have.

        Args:
            start: of a chain about another prefix.
            steps: how many steps this prefix has.
            shared: how many of them, from the first, the other one has too.
            room: how many tokens the whole chain may take; it must leave some.
        """
        odds = self._restored(start)
        shown = start.shown if start.shown <= shared else 0
        parts = self.reader.of_parts(
            start.token_ids, odds, steps, self.lead, given=start.given, shown=shown
        )
        judged, tokens = cut(list(parts), shared)
        if not judged or tokens >= room:
            return NOTHING
        given = within(start.given, tokens)
        kept = shown if judged == shown + len(given) else 0
        return Begun(start.token_ids[:tokens], odds[:tokens], judged, kept, given)

    def _odds(self, logprobs: Mapping[int, float]) -> float | None:
        return log_odds(logprobs, self.verdict_ids.correct, self.verdict_ids.incorrect)

    def _restored(self, start: ChainStart) -> Odds:
        """Log-probabilities with just these log-odds; without any where none are known."""
        unknown: Mapping[int, float] = dict.fromkeys(self.verdict_ids.step, -math.inf)
        correct, incorrect = self.verdict_ids.correct[0], self.verdict_ids.incorrect[0]
        known = {at: {**unknown, correct: value, incorrect: 0.0} for at, value in start.odds}
        return tuple(known.get(at, unknown) for at in range(len(start.token_ids)))


def within(given: Spans, tokens: int) -> Spans:
    """Those of the steps put into a chain that stand in so many of its tokens."""
    return tuple(span for span in given if span[1] <= tokens)


def cut(verdicts: Sequence[BoxedVerdict], most: int) -> tuple[int, int]:
    """How many first steps, of `most`, a chain calls correct, and how many tokens that takes.

    It is the least beginning of the chain that holds a verdict on each of these steps and none on
    a later one; what it says of a step at last, there and in the whole chain, is *correct*.
    """
    limit = called_correct(verdicts, most)
    best, tokens = 0, 0
    for count, verdict in enumerate(verdicts, 1):
        if verdict.step is not None and verdict.step > limit:
            break
        judged = called_correct(verdicts[:count], limit)
        if judged > best:
            best, tokens = judged, verdict.word
    return best, tokens


def called_correct(verdicts: Sequence[BoxedVerdict], most: int) -> int:
    """How many steps, from the first, have a last verdict that is *correct* and can be read."""
    owned = assign(verdicts, most)
    for step in range(most):
        own = owned.get(step)
        if not own or own[-1].incorrect or own[-1].log_odds is None:
            return step
    return most


def silent(reading: ChainReading, begun: Begun) -> bool:
    """Whether a chain that began with an earlier one says nothing of what is new.

    Or, where the new steps are put into it, not all: it has not seen those that come after one that
    it does not judge.
    """
    new = [step.log_odds is not None for step in reading.steps[begun.steps :]]
    if not begun.steps or not new or reading.error is not None:
        return False
    return not (all(new) if begun.shown else any(new))


def loses(reading: ChainReading, begun: Begun) -> bool:
    r"""Whether a chain has no verdict any more on a step that its beginning judges.

    What follows may say that a box was none, or whose it is not: `\boxed{correct` may go on as
    another word, and names may show that a verdict without one is on no step that can be told.
    """
    kept = begun.steps if reading.error is None else min(begun.steps, reading.error)
    return any(step.log_odds is None for step in reading.steps[:kept])


def attempts(begun: Sequence[Begun], retries: int) -> Iterator[tuple[int, dict[int, Begun]]]:
    """The chains to write, by number, with what they begin with, until one can be read.

    Those that went on from an earlier one are then written whole, before all are retried.
    """
    yield 0, dict(enumerate(begun))
    if again := [k for k, each in enumerate(begun) if each.steps]:
        yield 0, dict.fromkeys(again, NOTHING)
    for attempt in range(1, 1 + retries):
        yield attempt, dict.fromkeys(range(len(begun)), NOTHING)


def is_rechecked(call: ScorerCall, every: int | None, final: Final) -> bool:
    """Whether a path is judged whole, though it begins as one that was judged.

    So it is where its steps reach another multiple of `every`, and, by `final`, where it has ended.
    """
    if call.earlier is None:
        return False
    if final == "whole" and call.path.finished:
        return True
    shared, steps = call.earlier.shared(call.path), len(call.path.steps)
    return every is not None and steps // every > shared // every
