"""What searches share: growing judged candidates, judging finished ones, and ranking them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from search.aggregation import Aggregator, MissingRule
from search.core import (
    Candidate,
    Missing,
    Prefix,
    Problem,
    Score,
)
from search.questions import Grow, Grown, Judge, Judged, grow, judge


def root(problem: Problem) -> Candidate:
    """The empty prefix, never judged."""
    return Candidate(Prefix.start(problem))


def grow_candidates(
    parents: Sequence[Candidate], n: int, *, first: int = 0
) -> Generator[Grow, Grown, tuple[tuple[Candidate, ...], ...]]:
    """Ask for `n` one-step children of each parent, each judged the moment it ends.

    `children[i]` continue `parents[i]`; they are numbered from `first`.
    """
    grown = yield from grow([parent.path for parent in parents], n, first=first)
    return tuple(
        tuple(
            parent.child(path, judgement) for path, judgement in zip(paths, judgements, strict=True)
        )
        for parent, paths, judgements in zip(parents, grown.children, grown.judgements, strict=True)
    )


def judge_finished(
    candidates: Sequence[Candidate],
) -> Generator[Judge, Judged, tuple[Candidate, ...]]:
    """The candidates, those that finished with their judgement; asks nothing where none has."""
    finished = [each.path for each in candidates if each.path.finished]
    judgements = iter((yield from judge(finished)) if finished else ())
    return tuple(
        each.child(each.path, next(judgements)) if each.path.finished else each
        for each in candidates
    )


@dataclass(frozen=True, slots=True)
class Steering:
    """The score that steers a search: an aggregation and what it does with missing verdicts."""

    aggregator: Aggregator
    missing: MissingRule = MissingRule.WORST

    @classmethod
    def of(cls, aggregate: str, missing: MissingRule) -> Steering:
        """The score that a strategy's fields name. Raises ValueError where they name none."""
        try:
            return cls(Aggregator.parse(aggregate), missing)
        except ValueError as error:
            raise ValueError(f"aggregate: {error}") from None

    def score(self, candidate: Candidate) -> Score:
        """The candidate's score, or why it has none."""
        return self.aggregator.score(candidate, self.missing)

    def rank(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Best first; the earliest wins a tie; those without a score come last."""
        return sorted(candidates, key=self._key)

    def _key(self, candidate: Candidate) -> tuple[bool, float]:
        score = self.score(candidate)
        return (True, 0.0) if isinstance(score, Missing) else (False, -score)
