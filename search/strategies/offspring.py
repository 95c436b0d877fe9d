"""What searches share whose paths have different numbers of children: shares and growing."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any

from search.candidates import grow_candidates
from search.core import Candidate, Missing, Result, Score
from search.questions import Flow, Question, fork


def softmax(scores: Sequence[Score], temperature: float) -> list[float]:
    """Shares that are proportional to exp(score / temperature) and sum to 1.

    A Missing score has no share beside a number; where all are missing the shares are equal.
    """
    read = [score for score in scores if not isinstance(score, Missing)]
    if not read:
        return [1.0 / len(scores)] * len(scores)
    top = max(read)
    powers = [
        0.0 if isinstance(score, Missing) else math.exp((score - top) / temperature)
        for score in scores
    ]
    total = math.fsum(powers)
    return [power / total for power in powers]


def grow_uneven(
    parents: Sequence[Candidate], counts: Sequence[int]
) -> Generator[Question, Any, tuple[tuple[Candidate, ...], ...]]:
    """Ask for `counts[i]` judged one-step children of `parents[i]`, numbered from 0.

    Returns them aligned with `parents`; a parent with count 0 has none. Parents with equal counts
    share a question, and all questions are asked side by side; none is where all counts are 0.
    """
    broods: dict[int, list[Candidate]] = {}
    for parent, count in zip(parents, counts, strict=True):
        if count > 0:
            broods.setdefault(count, []).append(parent)
    flows = [_grow(brood, count) for count, brood in broods.items()]
    results = (yield from fork(flows)) if flows else ()
    families: dict[str, tuple[Candidate, ...]] = {}
    for (count, brood), result in zip(broods.items(), results, strict=True):
        for index, parent in enumerate(brood):
            start = index * count
            families[parent.path.id] = result.candidates[start : start + count]
    return tuple(families.get(parent.path.id, ()) for parent in parents)


def _grow(parents: Sequence[Candidate], count: int) -> Flow:
    families = yield from grow_candidates(parents, count)
    return Result(tuple(child for family in families for child in family))
