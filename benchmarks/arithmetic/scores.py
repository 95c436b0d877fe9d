"""How right policy samples are, and how right a verifier is about them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from benchmarks.arithmetic.checker import check, is_solved, read_claim
from benchmarks.arithmetic.judging import ReadChain
from benchmarks.arithmetic.sampling import Solution
from benchmarks.estimators.first_errors import counts

Judged = tuple[Solution, ReadChain]


def first_error(labels: Sequence[bool | None]) -> int | None:
    """Returns the index (from 0) of the first wrong step, or None."""
    return labels.index(False) if False in labels else None


def step_scores(judged: Sequence[Judged]) -> dict[str, float]:
    """Returns `error_scores` of solutions, labelled by the exact checker."""
    return error_scores(
        [(first_error(check(problem, steps)), reading) for (problem, steps), reading in judged]
    )


def error_scores(judged: Sequence[tuple[int | None, ReadChain]]) -> dict[str, float]:
    """Returns precision, recall and F1 of the class `incorrect` over steps, by first error.

    A solution has at most one positive step: its first wrong one, which stands first in each pair.
    The verifier predicts at most one: the first that it judges incorrect. A hit is the same step; a
    prediction elsewhere is a false alarm and, where the solution has an error, a miss too.
    """
    wrong = [label for label, _ in judged]
    hits, predicted, actual = counts(wrong, [reading.first_error for _, reading in judged])
    precision, recall = hits / max(1, predicted), hits / max(1, actual)
    return {
        "step_precision": precision,
        "step_recall": recall,
        "step_f1": 2 * hits / max(1, predicted + actual),
    }


def whole_scores(judged: Sequence[Judged]) -> dict[str, float]:
    """Returns precision and recall of `No` where a step is wrong, and the unreadable share."""
    wrong = [False in check(problem, steps) for (problem, steps), _ in judged]
    said_no = [reading.whole is not None and reading.whole < 0.5 for _, reading in judged]
    hits = sum(w and n for w, n in zip(wrong, said_no, strict=True))
    unreadable = sum(not reading.is_readable(len(steps)) for (_, steps), reading in judged)
    return {
        "solution_precision": hits / max(1, sum(said_no)),
        "solution_recall": hits / max(1, sum(wrong)),
        "unreadable": unreadable / len(judged),
    }


def boxed(steps: Sequence[str]) -> int | None:
    """Returns the boxed answer of a solution, or None."""
    claim = read_claim(steps[-1]) if steps else None
    return None if claim is None else claim.boxed


def majority(group: Sequence[Judged]) -> bool:
    """Returns whether the most frequent answer is right; the earliest wins a tie."""
    votes = Counter(boxed(steps) for (_, steps), _ in group if boxed(steps) is not None)
    return bool(votes) and votes.most_common(1)[0][0] == group[0][0][0].answer


def best(group: Sequence[Judged], aggregate: str) -> bool:
    """Returns whether the sample that the verifier likes best is right, by `min` or by `whole`.

    A sample without a boxed answer or with an unreadable chain is never preferred.
    """

    def score(item: Judged) -> float:
        (_, steps), reading = item
        if boxed(steps) is None or not reading.is_readable(len(steps)):
            return -1.0
        return min(reading.steps) if aggregate == "min" else reading.whole or 0.0

    problem, steps = max(group, key=score)[0]
    return is_solved(problem, steps)


def weighted(group: Sequence[Judged]) -> bool:
    """Returns whether the answer with the largest sum of p(Yes) is right; the earliest wins a tie.

    A sample without a boxed answer or with an unreadable chain has no weight.
    """
    weights: defaultdict[int, float] = defaultdict(float)
    for (_, steps), reading in group:
        answer = boxed(steps)
        if answer is not None and reading.is_readable(len(steps)):
            weights[answer] += reading.whole or 0.0
    return bool(weights) and max(weights, key=weights.__getitem__) == group[0][0][0].answer


def passed(group: Sequence[Judged]) -> float:
    """Returns the share of samples that are right."""
    return sum(is_solved(problem, steps) for (problem, steps), _ in group) / len(group)
