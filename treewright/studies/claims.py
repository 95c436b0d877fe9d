"""What the domain is meant to show, each as one difference between two ways to answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from treewright.arms.arm import Arm
from treewright.arms.comparison import Comparison, Verdict
from treewright.arms.marks import Marks
from treewright.studies.cell_results import SAME, CellResult, closest, graded, some
from treewright.studies.cells import WEIGHTED
from treewright.studies.levels import Levels
from treewright.studies.seen import Seen

ONE, VOTE = Arm("first"), Arm("majority")
DRAWS = 16
"""Solutions that votes are held over."""
SEARCHES = ("beam", "dvts", "rebase", "mcts")
"""Searches step by step that are held against best-of-n."""


@dataclass(frozen=True)
class Claim:
    """`ours` minus `theirs`, which is meant to be `at_least` or `at_most` so many points.

    `where`: over which problems, in words. `budget`: of both, 0 where there is none.
    """

    name: str
    ours: Marks
    theirs: Marks
    where: str
    at_least: float | None = None
    at_most: float | None = None
    budget: int = 0
    strategy: str = ""

    @property
    def asked(self) -> str:
        """`at least +5`."""
        if self.at_least is not None:
            return f"at least {self.at_least:+.0f}"
        return "" if self.at_most is None else f"at most {self.at_most:+.0f}"

    def held(self, found: Comparison) -> bool:
        """Whether it is so: a gain only where its 95 % interval lies above 0.

        Where all problems differ alike there is no interval, and it must be shown. A search's gain
        counts only where it cost no more than its reference, give or take `SAME`.
        """
        gap = found.difference
        dear = found.cost_ratio is None or found.cost_ratio > 1 + SAME
        if gap is None or (self.strategy and dear):
            return False
        if self.at_most is not None:
            return 100 * gap <= self.at_most
        above = found.ci95[0] > 0 if found.ci95 else found.verdict is Verdict.BETTER
        return above and 100 * gap >= (self.at_least or 0.0)


def votes(greedy: Marks | None, draws: Sequence[Seen], judged: Sequence[Seen]) -> Iterator[Claim]:
    """Greedy decoding, the vote and the verifier's, over the same draws.

    Args:
        greedy: one solution without chance; None where it was not run.
        draws: solutions that nobody judged, for pass@1 and the vote.
        judged: others, that were judged.
    """
    plain = graded(draws)
    (single,) = plain.over_subsets(ONE, [1])
    (vote,) = plain.over_subsets(VOTE, [min(DRAWS, plain.largest)])
    if greedy is not None:
        yield Claim("greedy − pass@1", greedy, single, "all", at_most=12)
    yield Claim(f"majority@{vote.n} − pass@1", vote, single, "all", at_least=10)
    scored = graded(judged)
    size = min(DRAWS, scored.largest)
    (weighted,), (beside,) = (scored.over_subsets(arm, [size]) for arm in (WEIGHTED, VOTE))
    name = f"weighted best-of-{size} − majority@{size}"
    yield Claim(name, weighted, beside, "all", at_least=5)


def searches(
    cells: Sequence[CellResult], ladders: Mapping[int, Sequence[Marks]], levels: Levels
) -> Iterator[Claim]:
    """Each search step by step against best-of-n at the same tokens, over the hard problems."""
    for each in cells:
        cell = each.cell
        if cell.strategy in SEARCHES and each.marks.arm == cell.arms[0]:
            hard = some(each.marks, levels.hard) if levels.known else each.marks
            if not hard.right:
                continue
            theirs = closest(hard, ladders[cell.budget])
            name = f"{cell.strategy} − best-of-n"
            yield Claim(
                name, hard, theirs, levels.told,
                at_least=5, budget=cell.budget, strategy=cell.strategy,
            )  # fmt: skip
