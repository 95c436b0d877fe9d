"""How wide each strategy can be at each budget, found on the validation split.

    python -m treewright.studies.choose_widths --output treewright/studies/strategies_widths.yaml

A width is the widest at which at most one search in ten goes beyond the budget. Each strategy is
run at a few widths; between them the cost that nine in ten searches stay within is taken as a line.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from search.calls import Costs
from search.wording import counted, whole
from treewright.config.load import load_config
from treewright.errors import ConfigError
from treewright.ledger import cost, sum_known
from treewright.running.job import Job
from treewright.studies import command
from treewright.studies.cells import BASE, ENTRIES, REFERENCES, Entry, overrides
from treewright.studies.page import StudyError
from treewright.studies.strategies import read
from treewright.studies.widths import BUDGETS, Widths, not_in_table

TRIED = (1, 3, 8)
"""Times the least width of a strategy."""
BEYOND = 0.1
"""The share of the searches that may go beyond the budget."""
SPARE = 1.25
"""Of tokens, beyond the largest budget: pilots go so far, and references draw so many."""
FEWEST = 16
"""Solutions that a reference draws at least: the page compares votes over so many."""
WIDEST = 64
"""Times the least width: no strategy is wider."""
ByWidth: TypeAlias = Mapping[int, Sequence[int]]
"""By width the budget that each search needed, in tokens of both models."""


def main(arguments: Sequence[str] | None = None, base: Path | str = BASE) -> int:
    """Run what is missing, choose, print or write. Returns the exit code."""
    made = command.parser("treewright.studies.choose_widths", __doc__, base)
    made.set_defaults(limit=40)
    command.strategies(made, [name for name, entry in ENTRIES.items() if entry.width])
    made.add_argument("--budgets", type=command.numbers, default=list(BUDGETS), metavar="N,M",
                      help="tokens per problem of both models")  # fmt: skip
    return command.run(made, arguments, study)


async def study(options: argparse.Namespace) -> None:
    """All of it, or an exception."""
    most = round(SPARE * max(options.budgets))
    wanted = list(dict.fromkeys([*REFERENCES, *options.strategies]))
    said = [*command.common(options), *validation(options)]
    tried = {}
    for name in wanted:
        if name not in ENTRIES or not ENTRIES[name].width:
            raise not_in_table("--strategies", name, ENTRIES)
        for width in (ENTRIES[name].least * times for times in TRIED):
            own = overrides(name, ENTRIES[name].at(width), most, f"widths-{name}-{width}")
            tried[name, width] = load_config(options.config, [*said, *own])
    jobs = await command.worked_off(list(tried.values()), options, lambda job: most)
    costs: dict[str, dict[int, Sequence[int]]] = {}
    for (name, width), job in zip(tried, jobs, strict=True):
        costs.setdefault(name, {})[width] = await needed(job, ENTRIES[name], width)
    found = chosen(costs, options.budgets, f"on {command.described(jobs[0])}")
    command.deliver(options, found.yaml(), found.to_json())


def validation(options: argparse.Namespace) -> list[str]:
    """The split that widths are chosen on. Raises `ConfigError` for the one that is measured."""
    data = load_config(options.config, command.common(options)).dataset
    if data.name is None:
        return []
    if options.split == "test":
        hint = "leave --split out: widths are chosen on validation"
        raise ConfigError("command line", "--split", "test", "is what is measured", hint)
    return [] if options.split else ["dataset.split=validation"]


async def needed(job: Job, entry: Entry, width: int) -> list[int]:
    """The budget that each search needs. Raises `StudyError` where nobody counted its tokens."""
    found = [within_shares(each.search.costs, entry, width) for each in (await read(job))[0]]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        raise StudyError(f"{job.config.name}: nobody counted its tokens, so no width can be chosen")
    return known


def within_shares(costs: Costs, entry: Entry, width: int) -> int | None:
    """The budget within which a search of such costs stays; None where they are not known.

    Of sub-searches with equal shares it is the dearest one's cost, times as many as there are.
    """
    parts: dict[int, list[int | None]] = {}
    for id, spent in (*costs.policy.items(), *costs.verifier.items()):
        part = entry.share(int(id.partition("/")[0]), width) if entry.share else 0
        parts.setdefault(part, []).append(cost(spent))
    sums = [sum_known(each) for each in parts.values()]
    known = [each for each in sums if each is not None]
    dearest = max(known, default=0) * (width if entry.share else 1)
    return dearest if len(known) == len(sums) else None


def chosen(costs: Mapping[str, ByWidth], budgets: Sequence[int], data: str) -> Widths:
    """Of what searches cost at each width that was tried, by strategy.

    Where even the least width is too wide it is taken all the same, and that is said.
    """
    widths, runs, most, beyond = {}, {}, SPARE * max(budgets), list[str]()
    for name, by_width in costs.items():
        entry = ENTRIES[name]
        found = {each: widest(by_width, each, entry.least, most) for each in budgets}
        widths[name] = {budget: entry.at(width or entry.least) for budget, width in found.items()}
        if none := [whole(budget) for budget, width in found.items() if width is None]:
            beyond.append(f"{name} at {', '.join(none)}")
        if name in REFERENCES:
            taken = [width for width in found.values() if width is not None]
            runs[name] = entry.at(max(FEWEST, drawn(by_width, most), *taken))
    told = (
        f"{data}: the widest at which at most {BEYOND:.0%} of the searches go beyond the budget, "
        f"of {counted(len(TRIED), 'width')} and between them by a line"
    )
    if beyond:
        told += f"; the least, although more do: {', '.join(beyond)}"
        print(f"even the least width goes beyond: {', '.join(beyond)}", file=sys.stderr)
    return Widths(told, widths, runs)


def quantile(costs: Sequence[int]) -> float:
    """The cost that all but `BEYOND` of the searches stay at or below."""
    ordered = sorted(costs)
    return ordered[max(0, math.ceil((1 - BEYOND) * len(ordered)) - 1)]


def widest(by_width: ByWidth, budget: int, least: int, most: float) -> int | None:
    """The widest whose `quantile` is within the budget; None where even `least` is not.

    Searches that reach `most` were ended there: what that width costs is not known, and the line
    goes on from narrower ones. No width costs nothing.
    """
    known = {width: quantile(costs) for width, costs in by_width.items()}
    points = [(0, 0.0), *sorted((width, cost) for width, cost in known.items() if cost < most)]
    tried = range(least, WIDEST * least) if len(points) > 1 else ()
    within = [width for width in tried if line(points, width) <= budget]
    return max(within, default=None)


def drawn(by_width: ByWidth, budget: float) -> int:
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
