"""How wide each strategy can be at each budget, found on the validation split.

    python -m treewright.studies.choose_widths --output treewright/studies/strategies_widths.yaml

A width is the widest at which at most one search in ten reaches the budget. Each strategy is run at
a few widths; between them the cost that nine in ten searches stay below is taken as a line.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from search.wording import counted, whole
from treewright.arms.solved import Solved
from treewright.config.load import load_config
from treewright.files.writing import write_text
from treewright.ledger import prices, sum_known
from treewright.running.job import Job
from treewright.studies.cells import BASE, ENTRIES, REFERENCES, overrides
from treewright.studies.command import common, described, guarded, parser, worked_off
from treewright.studies.page import StudyError
from treewright.studies.strategies import names, numbers, read
from treewright.studies.widths import Widths

MODULE = "treewright.studies.choose_widths"
TRIED = (1, 3, 8)
"""Times the least width of a strategy."""
ENDED = 0.1
"""The share of the searches that may reach the budget."""
SPARE = 1.25
"""Of tokens, beyond the largest budget: pilots go so far, and references draw so many."""
FEWEST = 16
"""Solutions that a reference draws at least: the page compares votes over so many."""


def main(arguments: Sequence[str] | None = None, base: Path | str = BASE) -> int:
    """Run what is missing, choose, print or write. Returns the exit code."""
    options = options_of(list(sys.argv[1:] if arguments is None else arguments), base)
    return guarded(lambda: study(options))


def options_of(arguments: Sequence[str], base: Path | str) -> argparse.Namespace:
    """What the command line says."""
    made = parser(MODULE, __doc__)
    made.set_defaults(split="validation", limit=24)
    made.add_argument("--budgets", type=numbers, default=[2000, 4000, 6000], metavar="N,M")
    judged = [name for name, entry in ENTRIES.items() if entry.width]
    made.add_argument("--strategies", type=names, default=judged, metavar="A,B")
    made.add_argument("--config", default=base, metavar="CONFIG", help="what all runs extend")
    made.add_argument("--at-once", type=int, default=4, metavar="N", help="runs side by side")
    return made.parse_args(arguments)


async def study(options: argparse.Namespace) -> None:
    """All of it, or an exception."""
    most = round(SPARE * max(options.budgets))
    wanted = list(dict.fromkeys([*REFERENCES, *options.strategies]))
    tried = {
        (name, ENTRIES[name].least * times): load_config(
            options.config,
            [
                *common(options),
                *overrides(name, ENTRIES[name].at(ENTRIES[name].least * times), most),
                f"name=widths-{name}-{ENTRIES[name].least * times}",
            ],
        )
        for name in wanted
        for times in TRIED
    }
    jobs = await worked_off(list(tried.values()), options.at_once)
    costs: dict[str, dict[int, list[int]]] = {}
    for (name, width), job in zip(tried, jobs, strict=True):
        costs.setdefault(name, {})[width] = await spent(job)
    found = chosen(costs, options.budgets, f"on {described(jobs[0])}")
    if options.output:
        write_text(options.output.parent, options.output.name, found.yaml())
        print(f"written: {options.output}", file=sys.stderr)
    else:
        print(found.yaml(), end="")


async def spent(job: Job) -> list[int]:
    """Tokens of both models, a search each."""
    solved, _ = await read(job)
    return [tokens_of(each, job) for each in solved]


def tokens_of(item: Solved, job: Job) -> int:
    """What its search cost. Raises `StudyError` where nobody counted it."""
    found = sum_known(prices(item.search)[-1])
    if found is None:
        raise StudyError(f"{job.config.name}: nobody counted its tokens, so no width can be chosen")
    return found


def chosen(
    costs: Mapping[str, Mapping[int, Sequence[int]]], budgets: Sequence[int], data: str
) -> Widths:
    """Of what searches cost at each width that was tried, by strategy."""
    widths, runs = {}, {}
    for name, by_width in costs.items():
        entry = ENTRIES[name]
        found = {each: widest(by_width, each, entry.least) for each in budgets}
        widths[name] = {budget: entry.at(width) for budget, width in found.items()}
        if name in REFERENCES:
            runs[name] = entry.at(max(FEWEST, drawn(by_width, round(SPARE * max(budgets)))))
    told = (
        f"{data}: the widest at which at most {ENDED:.0%} of the searches reach the budget, "
        f"of {counted(len(TRIED), 'width')} and between them by a line"
    )
    return Widths(told, widths, runs)


def quantile(costs: Sequence[int]) -> float:
    """The cost that all but `ENDED` of the searches stay at or below."""
    ordered = sorted(costs)
    return ordered[max(0, math.ceil((1 - ENDED) * len(ordered)) - 1)]


def widest(by_width: Mapping[int, Sequence[int]], budget: int, least: int) -> int:
    """The widest whose `quantile` is within the budget; `least` where none is."""
    points = sorted((width, quantile(costs)) for width, costs in by_width.items())
    within = [width for width in range(least, 64 * least) if line(points, width) < budget]
    found = max(within, default=least)
    if not within:
        print(f"budget {whole(budget)}: even the least width reaches it", file=sys.stderr)
    return found


def drawn(by_width: Mapping[int, Sequence[int]], budget: int) -> int:
    """How many draws cost so much in the mean."""
    width = max(by_width)
    each = sum(by_width[width]) / len(by_width[width]) / width
    return math.ceil(budget / max(each, 1.0))


def line(points: Sequence[tuple[int, float]], width: int) -> float:
    """Through the two points beside a width; beyond the last, through the last two."""
    after = next((at for at, (each, _) in enumerate(points) if each >= width), len(points) - 1)
    (one, low), (other, high) = points[max(0, after - 1)], points[max(1, after)]
    return low + (high - low) * (width - one) / (other - one)


if __name__ == "__main__":
    sys.exit(main())
