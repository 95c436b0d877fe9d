"""How a level of a beam search is drawn and judged: one step or several, with lookahead or not."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from search.candidates import Steering, grow_candidates
from search.core import Candidate, Prefix, Result
from search.questions import (
    Flow,
    Question,
    Until,
    extend,
    fork,
    judge,
)
from search.strategies.offspring import grow_uneven


@dataclass(frozen=True, slots=True)
class Continuation:
    """A path of a level, and the candidate whose score ranks it.

    That is the path itself or, with lookahead, the end of its rollout; `rollout` holds the paths
    that the rollout drew.
    """

    candidate: Candidate
    guide: Candidate
    rollout: tuple[Prefix, ...] = ()

    @classmethod
    def judged(cls, candidate: Candidate) -> Continuation:
        """A path that is ranked by its own score."""
        return cls(candidate, candidate)

    @property
    def path(self) -> Prefix:
        """The candidate's path."""
        return self.candidate.path

    @property
    def cut(self) -> bool:
        """Whether it can neither go on nor be an answer: cut by length, looping or aborted."""
        return self.path.stopped and not self.path.finished


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a child goes: `steps` of its own, then a greedy rollout of up to `lookahead` more.

    Only the end is judged, once (Snell et al. 2024, section 5.2). A rollout's first step has the
    number `apart`, which no child has, its further ones continue it. With `to_end` a child is drawn
    to its end instead, however many steps that takes.
    """

    steps: int
    lookahead: int
    apart: int
    to_end: bool = False

    @property
    def one_step(self) -> bool:
        """Whether each child is one step, judged."""
        return self.steps == 1 and self.lookahead == 0 and not self.to_end


def grow_level(
    parents: Sequence[Candidate], counts: Sequence[int], reach: Reach, *, first: int = 0
) -> Generator[Question, Any, list[Continuation]]:
    """Draw `counts[i]` children, 1 or more, of `parents[i]`, parent by parent.

    They are numbered from `first`, which must be 0 where counts differ. No child waits for another.
    """
    if not reach.one_step:
        flows = [
            _descend(parent, number, reach)
            for parent, count in zip(parents, counts, strict=True)
            for number in range(first, first + count)
        ]
        return [_child(result) for result in (yield from fork(flows))]
    if len(set(counts)) == 1:
        families = yield from grow_candidates(parents, counts[0], first=first)
    else:
        families = yield from grow_uneven(parents, counts)
    return [Continuation.judged(candidate) for family in families for candidate in family]


def rank(steering: Steering, children: Sequence[Continuation]) -> list[Continuation]:
    """Best first; the earliest wins a tie; those without a score come last."""
    guided = {child.guide.path.place: child for child in children}
    guides = steering.rank([child.guide for child in children])
    return [guided[guide.path.place] for guide in guides]


def _descend(parent: Candidate, number: int, reach: Reach) -> Flow:
    """One child; the result's candidates are the child and what its rollout drew.

    The last of them is judged.
    """
    until = Until.END if reach.to_end else Until.STEP
    ((path,),) = yield from extend([parent.path], 1, until, first=number)
    for _ in range(reach.steps - 1):
        if not path.stopped:
            ((path,),) = yield from extend([path], 1)
    drawn = [path]
    for ahead in range(reach.lookahead):
        if not drawn[-1].stopped:
            first = reach.apart if ahead == 0 else 0
            ((longer,),) = yield from extend([drawn[-1]], 1, first=first, greedy=True)
            drawn.append(longer)
    *unjudged, end = drawn
    (judgement,) = yield from judge([end])
    before = (Candidate(each, None, parent.history) for each in unjudged)
    return Result((*before, parent.child(end, judgement)))


def _child(result: Result) -> Continuation:
    own, *rollout = result.candidates
    return Continuation(own, result.candidates[-1], tuple(candidate.path for candidate in rollout))
