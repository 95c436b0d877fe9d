"""The cells of the comparison: which strategies, how wide at each budget, and how they answer.

A budget is the most that the search of one problem may spend, of both models together: prompt
tokens that were not cached, and generated ones. It is hard: what goes beyond it is lost. Widths are
chosen on the validation split (`choose_widths`) so that few searches need to be ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import mod
from pathlib import Path

from search.strategies import strategy_class
from treewright.arms.arm import Arm
from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.studies.widths import SHIPPED, Widths, not_in_table

BASE = Path(__file__).with_name("strategies.yaml")
REFERENCES = ("best_of_n", "majority")
"""What every cell is compared with, at the tokens that the cell really spent."""

BEST, WEIGHTED = Arm("best", "history.last"), Arm("weighted", "history.last")


@dataclass(frozen=True)
class Entry:
    """A strategy in the comparison.

    `arms`: how it answers, chosen before any result was seen; the first one is compared. `width`:
    what its config says at width {w}, in whole numbers from `least`; empty where it has none.
    `share`: which sub-search a path belongs to, by the number of its first step and the width,
    where the budget is shared out.
    """

    arms: tuple[Arm, ...]
    width: str = ""
    least: int = 1
    share: Callable[[int, int], int] | None = None

    def at(self, width: int) -> str:
        """`paths=8 children=2` at 4."""
        return self.width.format(w=width, double=2 * width)


ENTRIES: dict[str, Entry] = {
    "greedy": Entry((Arm("first"),)),
    "best_of_n": Entry((WEIGHTED, BEST), "n={w}"),
    "majority": Entry((Arm("majority"),), "n={w}"),
    "beam": Entry((WEIGHTED, BEST), "paths={double} children=2"),
    "dvts": Entry((WEIGHTED, BEST), "paths={double} children=2", share=lambda at, _: at // 2),
    "rebase": Entry((WEIGHTED, BEST), "width={w}"),
    "particles": Entry((WEIGHTED, BEST), "particles={w}"),
    "mcts": Entry((WEIGHTED, BEST), "simulations={w} parallel=4", least=4),
    "best_first": Entry((WEIGHTED, BEST), "children=3 expand=2 solutions={w} depth_bonus=0.1"),
    "backtrack": Entry((WEIGHTED, BEST), "chains={w} backtracks=2 feedback=none", share=mod),
    "sequential": Entry((WEIGHTED, BEST), "chains={w} revisions=4 feedback=none", share=mod),
}
"""By kind."""


@dataclass(frozen=True)
class StudyCell:
    """One strategy at one budget (0: it has none).

    `draws`: how many of the candidates of `config`'s run are looked at at most; None for all.
    """

    strategy: str
    budget: int
    arms: tuple[Arm, ...]
    width: str
    draws: int | None
    config: Config


def cells(
    strategies: Sequence[str],
    budgets: Sequence[int],
    common: Sequence[str] = (),
    base: Path | str = BASE,
    widths: Widths | None = None,
) -> list[StudyCell]:
    """The cells of these strategies at these budgets.

    Args:
        strategies: names of `ENTRIES`.
        budgets: those that the strategies have widths for; none: all of them.
        common: overrides for all of the configs.
        base: the config that all of them extend.
        widths: how wide each strategy is; those that ship where None.

    Raises:
        ConfigError: a strategy or budget that is not in the table, or a config that cannot be.
    """
    known = widths or Widths.read(SHIPPED)
    asked = list(budgets) or known.budgets
    return [cell for name in strategies for cell in _of(name, asked, common, base, known)]


def _of(
    name: str, budgets: Sequence[int], common: Sequence[str], base: Path | str, known: Widths
) -> Iterator[StudyCell]:
    if name not in ENTRIES:
        raise not_in_table("--strategies", name, ENTRIES)
    entry = ENTRIES[name]
    for budget in budgets if entry.width else (0,):
        width = known.of(name, budget) if entry.width else ""
        run = known.run(name) if name in REFERENCES else ""
        draws = known.draws(name, width, run) if run else None
        limit = 0 if run else budget
        said = overrides(name, run or width, limit, f"strategies-{name}-{limit or 'all'}")
        said += ["strategy.budget.hard=true"] if limit else []
        config = load_config(base, [*common, *said])
        yield StudyCell(name, budget, entry.arms, width, draws, config)


def overrides(kind: str, width: str, budget: int, name: str) -> list[str]:
    """What the config of a run says beside what all say; budget 0 is a run without a limit."""
    said = [f"name={name}", f"strategy.kind={kind}"]
    said += [f"strategy.{setting}" for setting in width.split()]
    said += [f"strategy.budget.total_tokens={budget}"] if budget else []
    if not strategy_class(kind)().judges:
        said += ["aggregate=[]", "select=[first,majority]"]
    return said
