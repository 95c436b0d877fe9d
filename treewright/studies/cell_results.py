"""A cell beside its references: at the tokens that it really spent, problem by problem."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from treewright.arms.arm import Arm
from treewright.arms.columns import everywhere
from treewright.arms.comparison import Comparison
from treewright.arms.graded_run import GradedRun
from treewright.arms.marks import Marks
from treewright.arms.measured import Measured
from treewright.ledger import held_to
from treewright.studies.cells import StudyCell
from treewright.studies.levels import Levels
from treewright.studies.page import StudyError
from treewright.studies.seen import Seen
from treewright.studies.variety import Variety, variety

SAME = 0.1
"""Two costs are the same when one is at most this share above or below the other."""


@dataclass(frozen=True)
class CellResult:
    """A cell under one of its arms.

    `marks`: its answers, over those of the `searched` problems that could be decided. `capped`
    counts searches that the budget ended, `failures` problems with a failure. `versus` holds the
    references, None for the cell's own strategy.
    """

    cell: StudyCell
    marks: Marks
    searched: int
    variety: Variety
    capped: int
    failures: int
    versus: Mapping[str, Comparison | None] = field(default_factory=dict)

    @property
    def found(self) -> Measured:
        """Its figures."""
        return self.marks.figures

    @property
    def tokens(self) -> float:
        """Mean tokens per problem of both models."""
        return spent(self.marks)

    @property
    def rule(self) -> str:
        """`best of history.last`, `majority`."""
        arm = self.found.arm
        return f"{arm.selection} of {arm.aggregation}" if arm.aggregation else arm.selection

    def by_level(self, levels: Levels) -> dict[int, Measured]:
        """Its figures over the problems of each level."""
        return {each: some(self.marks, levels.at(each)).figures for each in levels.known}

    def to_json(self, levels: Levels) -> dict[str, object]:
        """A plain object."""
        found = self.found
        return {
            "strategy": self.cell.strategy,
            "budget": self.cell.budget,
            "width": self.cell.width,
            "rule": self.rule,
            "accuracy": found.accuracy,
            "ci95": found.ci95,
            "problems": found.problems,
            "searched": self.searched,
            "policy": found.policy_tokens,
            "verifier": found.verifier_tokens,
            "versus": {name: other and other.to_json() for name, other in self.versus.items()},
            "by_level": {
                level: {"accuracy": each.accuracy, "problems": each.problems}
                for level, each in self.by_level(levels).items()
            },
            "variety": asdict(self.variety),
            "capped": self.capped,
            "abstained": found.abstained,
            "failures": self.failures,
            "tokens": self.tokens,
            **{column.key: column.value(found) for column in everywhere()},
        }


def spent(marks: Marks) -> float:
    """Mean tokens per problem of both models. Raises `StudyError` where nobody counted them."""
    if marks.figures.tokens is None:
        raise StudyError(f"nobody counted what {marks.arm} cost, so nothing costs the same")
    return marks.figures.tokens


def some(marks: Marks, ids: Collection[str]) -> Marks:
    """Of those of these problems that have a result."""
    return marks.over([id for id in marks.shares if id in ids])


def graded(seen: Iterable[Seen]) -> GradedRun:
    """The searches of a run, as arms see them."""
    return GradedRun("", [each.graded for each in seen])


def ladder(seen: Iterable[Seen], arm: Arm, cap: int = 0) -> list[Marks]:
    """A reference over its first candidate, its first two and so on, all of them independent.

    `cap`: a hard budget of tokens; 0 sets none. Raises `StudyError` where nobody counted them.
    """
    run = graded(seen)
    return [capped(run, arm, n, cap) for n in range(1, run.largest + 1)]


def capped(run: GradedRun, arm: Arm, n: int, cap: int) -> Marks:
    """The arm over the first n candidates that a hard budget pays for. Raises `StudyError`."""
    try:
        return run.first(arm, n, cap or None)
    except ValueError as error:
        raise StudyError(f"{error}, so no budget can be held") from error


def results(cell: StudyCell, seen: Sequence[Seen], failures: int = 0) -> list[CellResult]:
    """One per arm of the cell. Raises `StudyError` when nothing could be decided."""
    run = graded(seen)
    found, made = variety(seen, cell.draws), []
    for arm in cell.arms:
        whole = run.first(arm, cell.draws or run.largest)
        if cell.draws:
            marks = capped(run, arm, cell.draws, cell.budget)
            ended = sum(marks.prices[id] != price for id, price in whole.prices.items())
        else:
            marks = held(whole, cell.budget)
            ended = sum(each.ended_by == "total_tokens" for each in seen)
        if not marks.right:
            raise StudyError(f"{cell.config.name}: no answer by {arm} could be decided")
        made.append(CellResult(cell, marks, len(seen), found, ended, failures))
    return made


def held(marks: Marks, budget: int) -> Marks:
    """What a search computed beyond its hard budget was lost, and is not counted; 0 is none."""
    prices = {id: held_to(each, budget) for id, each in marks.prices.items()}
    return replace(marks, prices=prices) if budget else marks


def nearest(marks: Marks, rungs: Sequence[Marks]) -> Marks:
    """The rung whose cost is nearest, over the problems of `marks`.

    Raises `StudyError` where they have no decided problem in common.
    """
    found = closest(marks, rungs)
    if not marks.right.keys() & found.right.keys():
        raise StudyError("a strategy and its reference have no decided problem in common")
    return found


def closest(marks: Marks, rungs: Sequence[Marks]) -> Marks:
    """The same without looking at what was decided.

    Costs are over the problems that both have: one that failed in one run is in neither.
    """
    alike = [some(rung, marks.shares.keys()) for rung in rungs]
    ours = spent(some(marks, alike[0].shares.keys()))
    return min(alike, key=lambda rung: abs(spent(rung) - ours))


def same_cost(found: Comparison) -> bool:
    """Whether the two spent the same."""
    ratio = found.cost_ratio
    return ratio is not None and abs(ratio - 1) <= SAME + 1e-9
