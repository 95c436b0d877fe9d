"""A cell beside its references: at the tokens that it really spent, problem by problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.estimators.paired import Difference
from treewright.arms.arm import Arm
from treewright.arms.columns import everywhere
from treewright.arms.comparison import Pair
from treewright.arms.graded_run import GradedRun
from treewright.arms.marks import Marks
from treewright.arms.measured import Measured
from treewright.arms.metrics import limits_reached
from treewright.arms.solved import Solved
from treewright.studies.cells import StudyCell
from treewright.studies.page import StudyError
from treewright.studies.variety import Variety, variety

SAME = 0.1
"""Two costs are the same when one is at most this share above or below the other."""


@dataclass(frozen=True, slots=True)
class Versus:
    """A cell minus a reference of `n` draws, which cost `tokens` per problem."""

    n: int
    tokens: float
    difference: Difference


@dataclass(frozen=True, slots=True)
class CellResult:
    """A cell under one of its arms.

    `found`: its figures over those of the `searched` problems that could be decided. `versus` holds
    the references, None for the cell's own strategy. `ran_away` counts searches that the limit of
    tokens ended, `failures` problems with a failure.
    """

    cell: StudyCell
    found: Measured
    tokens: float
    searched: int
    versus: dict[str, Versus | None]
    variety: Variety
    ran_away: int
    failures: int

    @property
    def rule(self) -> str:
        """`best of history.last`, `majority`."""
        arm = self.found.arm
        return f"{arm.selection} of {arm.aggregation}" if arm.aggregation else arm.selection

    def to_json(self) -> dict[str, object]:
        """A plain object."""
        versus = {name: other and asdict(other) for name, other in self.versus.items()}
        return {
            "strategy": self.cell.strategy,
            "budget": self.cell.budget,
            "width": self.cell.width,
            "rule": self.rule,
            "accuracy": self.found.accuracy,
            "ci95": self.found.ci95,
            "problems": self.found.problems,
            "searched": self.searched,
            "policy": self.found.policy_tokens,
            "verifier": self.found.verifier_tokens,
            "versus": versus,
            "variety": asdict(self.variety),
            "ran_away": self.ran_away,
            "failures": self.failures,
            "tokens": self.tokens,
            **{column.key: column.value(self.found) for column in everywhere()},
        }


def spent(marks: Marks) -> float:
    """Mean tokens per problem of both models. Raises `StudyError` where nobody counted them."""
    if marks.figures.tokens is None:
        raise StudyError(f"nobody counted what {marks.arm} cost, so nothing costs the same")
    return marks.figures.tokens


def ladder(solved: Sequence[Solved], arm: Arm) -> list[Marks]:
    """A reference over its first candidate, its first two and so on, all of them independent."""
    run = GradedRun.of(solved, [arm])
    return [run.first(arm, n) for n in range(1, run.largest + 1)]


def results(
    cell: StudyCell, solved: Sequence[Solved], failures: int, ladders: Mapping[str, Sequence[Marks]]
) -> list[CellResult]:
    """One per arm of the cell. Raises `StudyError` when nothing could be decided."""
    run = GradedRun.of(solved, cell.arms)
    found, ran_away = variety(solved, cell.draws), limits_reached(solved).get("total_tokens", 0)
    made = []
    for arm in cell.arms:
        marks = run.first(arm, cell.draws or run.largest)
        if not marks.right:
            raise StudyError(f"{cell.config.name}: no answer by {arm} could be decided")
        versus = {
            name: None if name == cell.strategy else against(marks, rungs)
            for name, rungs in ladders.items()
        }
        made.append(
            CellResult(
                cell, marks.figures, spent(marks), len(solved), versus, found, ran_away, failures
            )
        )
    return made


def against(marks: Marks, rungs: Sequence[Marks]) -> Versus:
    """At the nearest cost, over the problems that both decided. Raises `StudyError` without one."""
    reference = min(rungs, key=lambda rung: abs(spent(rung) - spent(marks)))
    difference = Pair.of(marks, reference).difference()
    if difference is None:
        raise StudyError("a strategy and its reference have no decided problem in common")
    return Versus(reference.n, spent(reference), difference)


def same_cost(tokens: float, other: Versus) -> bool:
    """Whether the two spent the same."""
    return abs(tokens - other.tokens) <= SAME * other.tokens
