"""What each arm of a run chooses of a problem's candidates, and how it fares by that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.estimators.expected import Share
from search.core import Candidate
from treewright.arms.arm import Arm
from treewright.arms.graded import Graded
from treewright.arms.solved import Solved
from treewright.exchange.export_sal import scores, tokens
from treewright.exchange.samples import spent_along, stop_of
from treewright.running.recorded import RecordedRun


@dataclass(frozen=True, slots=True)
class Chosen:
    """An arm's choice. `index`: of the candidate, None where it chooses none."""

    arm: Arm
    index: int | None
    share: Share

    @property
    def mark(self) -> float | None:
        """1 for right, 0 for wrong or no answer; None where nobody knows.

        There is no score to choose by, or the grader could not tell.
        """
        return float(self.share.right) if self.share.decided else None


def arms(run: RecordedRun) -> list[Arm]:
    """The arms that a run reports; the first candidate where it reports none."""
    return run.arms or [Arm("first")]


def chosen(run: RecordedRun, solved: Solved) -> list[Chosen]:
    """What each of them chooses, of all candidates."""
    told = arms(run)
    graded = Graded.of(solved, {arm.aggregation for arm in told}, run.config.missing)
    found = []
    for arm in told:
        share, choice = graded.first(arm)
        found.append(Chosen(arm, choice.index, share))
    return found


def answers(run: RecordedRun, solved: Solved) -> list[str | None]:
    """The answer of each candidate, as it was graded."""
    return [run.config.grading.answer(each.path) for each in solved.search.result.candidates]


def aside(run: RecordedRun, solved: Solved) -> dict[str, Any]:
    """What other formats do not hold of the candidates, aligned with them.

    The columns of search-and-learn completions, so that an import has them back, and how each was
    graded.
    """
    candidates: tuple[Candidate, ...] = solved.search.result.candidates
    costs = solved.search.costs.policy
    return {
        "problem_id": solved.problem_id,
        "scores": [scores(each) for each in candidates],
        "completion_tokens": [tokens(each, spent_along(costs, each)) for each in candidates],
        "stop_reasons": [stop_of(each.path).value for each in candidates],
        "answers": answers(run, solved),
        "outcomes": [outcome.value for outcome in solved.grades.outcomes],
    }
