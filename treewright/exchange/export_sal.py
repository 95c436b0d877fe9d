"""A run as search-and-learn completions: what its evaluation, and `treewright import`, can read.

One row per problem, in the columns of `completions`. `agg_scores`, `pred` and the three
`pred_…@n` are made with the aggregation `last`, as its `score()` does whatever it was configured
with (src/sal/utils/score.py).
"""

from __future__ import annotations

import json
from typing import Any

from benchmarks.datasets import Sample
from search.core import Candidate, Missing, Spent
from treewright.arms.arm import Arm
from treewright.arms.graded import Graded
from treewright.arms.solved import Solved
from treewright.exchange.completions import is_result
from treewright.exchange.samples import spent_along, stop_of
from treewright.exchange.translated import COMPLETIONS, SCORES, STOPS, TOKENS
from treewright.exchange.writer import Ordered, RunWriter
from treewright.running.recorded import RecordedRun

LAST = "last"
SELECTIONS = {"naive": "best", "weighted": "weighted", "maj": "majority"}
"""Its name of a selection, and ours."""


class CompletionWriter(RunWriter):
    """JSON Lines, in ASCII: a row per problem with candidates."""

    def __init__(self, ordered: Ordered) -> None:
        super().__init__(ordered)
        self.sizes = [1 << power for power in range(ordered.most.bit_length())]

    def add(self, number: int, sample: Sample, solved: Solved) -> None:
        """Its row."""
        if not solved.search.result.candidates:
            return
        row = {
            **_problem(sample),
            **_results(solved),
            **_predictions(self.run, solved, self.sizes),
        }
        self.file.write(json.dumps(row, allow_nan=False).encode("ascii") + b"\n")
        self.written += len(solved.search.result.candidates)


def _problem(sample: Sample) -> dict[str, Any]:
    rest = {name: value for name, value in sample.metadata.items() if not is_result(name)}
    return {
        **rest,
        "problem": sample.problem.question,
        "answer": sample.answer,
        "unique_id": sample.problem.id,
    }


def _results(solved: Solved) -> dict[str, Any]:
    candidates = solved.search.result.candidates
    costs = solved.search.costs.policy
    return {
        COMPLETIONS: [candidate.path.text for candidate in candidates],
        SCORES: [scores(candidate) for candidate in candidates],
        TOKENS: [tokens(candidate, spent_along(costs, candidate)) for candidate in candidates],
        STOPS: [stop_of(candidate.path).value for candidate in candidates],
    }


def scores(candidate: Candidate) -> list[float | None]:
    """A score per step, None without a verdict; of an outcome model its one number; else none."""
    judgement = candidate.judgement
    if judgement is None:
        return []
    if not judgement.verdicts and not isinstance(judgement.prefix, Missing):
        return [judgement.prefix]
    return [verdict.probability for verdict in judgement.verdicts]


def tokens(candidate: Candidate, spent: list[Spent]) -> int:
    """How many tokens a completion has, -1 where nobody counted."""
    if any(each.recalled for each in spent):  # of a cache over runs: nothing was generated now
        return len(candidate.path.token_ids) or -1
    return sum(each.generated - each.failed for each in spent) or -1


def _predictions(run: RecordedRun, solved: Solved, sizes: list[int]) -> dict[str, Any]:
    candidates = solved.search.result.candidates
    graded = Graded.of(solved, [LAST], run.config.missing)
    best = graded.choice(Arm("best", LAST)).index
    found: dict[str, Any] = {
        "agg_scores": [
            None if isinstance(score, Missing) else score for score in graded.scores[LAST]
        ],
        "pred": None if best is None else candidates[best].path.text,
    }
    for n in sizes:
        for name, selection in SELECTIONS.items():
            index = graded.choice(Arm(selection, LAST), n).index
            found[f"pred_{name}@{n}"] = None if index is None else _boxed(run, candidates[index])
    return found


def _boxed(run: RecordedRun, candidate: Candidate) -> str:
    return f"\\boxed{{{run.config.grading.answer(candidate.path)}}}"
