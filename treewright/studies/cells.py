"""The cells of the comparison: which strategies, how wide at each budget, and how they answer.

A budget is the mean number of tokens per problem, of both models together, that a cell is meant to
spend: prompt tokens that were not cached, and generated ones. Widths are fixed per cell, so a long
problem costs more than a short one, under every strategy. They were chosen so that a search ends by
itself near its budget, in a pilot that is the command itself:

    python -m treewright.studies.strategies --split validation --limit 16

There the cells spent 1,945 to 2,266, 3,886 to 4,270 and 5,625 to 6,070 tokens, and none reached
`GUARD` times its budget, where `budget.total_tokens` ends a search that runs away. 2,000 is about
the least that a search can spend which has two paths judged after every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.strategies import strategy_class
from treewright.arms.arm import Arm
from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.errors import ConfigError, suggest

BASE = Path(__file__).with_name("strategies.yaml")
BUDGETS = (2000, 4000, 6000)
GUARD = 4
REFERENCES = ("best_of_n", "majority")
"""What every cell is compared with, at the tokens that the cell really spent."""

BEST, WEIGHTED = Arm("best", "history.last"), Arm("weighted", "history.last")


@dataclass(frozen=True)
class Entry:
    """A strategy in the comparison.

    `arms`: how it answers, chosen before any result was seen; the first one is compared. `widths`:
    by budget, what its config says beside its kind; under 0 where it has no width. `run`: the width
    of one run whose first n candidates, drawn independently of the others, stand for every width.
    """

    arms: tuple[Arm, ...]
    widths: Mapping[int, str]
    run: str = ""


ENTRIES: dict[str, Entry] = {
    "greedy": Entry((Arm("first"),), {0: ""}),
    "best_of_n": Entry((WEIGHTED, BEST), {2000: "n=7", 4000: "n=15", 6000: "n=25"}, run="n=28"),
    "majority": Entry((Arm("majority"),), {2000: "n=19", 4000: "n=39", 6000: "n=58"}, run="n=72"),
    "beam": Entry(
        (WEIGHTED, BEST),
        {
            2000: "paths=4 children=2 score_every=3 dedup=all",
            4000: "paths=6 children=3 dedup=all",
            6000: "paths=9 children=3 dedup=all",
        },
    ),
    "dvts": Entry(
        (WEIGHTED, BEST),
        {
            2000: "paths=2 children=2",
            4000: "paths=6 children=2",
            6000: "paths=10 children=2",
        },
    ),
    "rebase": Entry((WEIGHTED, BEST), {2000: "width=2", 4000: "width=7", 6000: "width=12"}),
    "particles": Entry(
        (WEIGHTED, BEST), {2000: "particles=2", 4000: "particles=7", 6000: "particles=12"}
    ),
    "mcts": Entry(
        (WEIGHTED, BEST),
        {
            2000: "simulations=7 parallel=4",
            4000: "simulations=16 parallel=4",
            6000: "simulations=26 parallel=4",
        },
    ),
    "best_first": Entry(
        (WEIGHTED, BEST),
        {
            2000: "children=2 solutions=1 depth_bonus=0.3",
            4000: "children=3 expand=2 solutions=4 depth_bonus=0.1",
            6000: "children=4 expand=3 solutions=9 depth_bonus=0.1",
        },
    ),
    "backtrack": Entry(
        (WEIGHTED, BEST),
        {
            2000: "chains=4 backtracks=2 feedback=none",
            4000: "chains=8 backtracks=2 feedback=none",
            6000: "chains=13 backtracks=2 feedback=none",
        },
    ),
    "sequential": Entry(
        (WEIGHTED, BEST),
        {
            2000: "chains=3 revisions=4 feedback=none",
            4000: "chains=6 revisions=4 feedback=none",
            6000: "chains=10 revisions=4 feedback=none",
        },
    ),
}
"""By kind."""


@dataclass(frozen=True)
class StudyCell:
    """One strategy at one budget (0: it has none).

    `draws`: how many of the candidates of `config`'s run are looked at; None for all.
    """

    strategy: str
    budget: int
    arms: tuple[Arm, ...]
    width: str
    draws: int | None
    config: Config


def cells(
    strategies: Sequence[str], budgets: Sequence[int], common: Sequence[str] = (), base: Path = BASE
) -> list[StudyCell]:
    """The cells of these strategies at these budgets.

    Args:
        strategies: names of `ENTRIES`.
        budgets: keys of their widths.
        common: overrides for all of the configs.
        base: the config that all of them extend.

    Raises:
        ConfigError: a strategy or budget that is not in the table, or a config that cannot be.
    """
    return [cell for name in strategies for cell in _of(name, budgets, common, base)]


def _of(
    name: str, budgets: Sequence[int], common: Sequence[str], base: Path
) -> Iterator[StudyCell]:
    if name not in ENTRIES:
        raise _not_in_table("--strategies", name, ENTRIES)
    entry = ENTRIES[name]
    for budget in (0,) if 0 in entry.widths else budgets:
        if budget not in entry.widths:
            raise _not_in_table("--budgets", budget, map(str, entry.widths))
        width = entry.widths[budget]
        draws = int(width.removeprefix("n=")) if entry.run else None
        config = load_config(base, [*common, *overrides(name, 0 if entry.run else budget)])
        yield StudyCell(name, budget, entry.arms, width, draws, config)


def overrides(name: str, budget: int) -> list[str]:
    """What the config of a run says beside what all say; budget 0 is the run of all budgets."""
    entry = ENTRIES[name]
    said = [f"name=strategies-{name}-{budget or 'all'}", f"strategy.kind={name}"]
    said += [f"strategy.{setting}" for setting in (entry.run or entry.widths[budget]).split()]
    if budget:
        said.append(f"strategy.budget.total_tokens={GUARD * budget}")
    if not strategy_class(name)().judges:
        said += ["aggregate=[]", "select=[first,majority]"]
    return said


def _not_in_table(option: str, value: object, known: Iterable[str]) -> ConfigError:
    return ConfigError("command line", option, value, "has no widths", suggest(str(value), known))
