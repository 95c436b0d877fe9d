"""Every aggregation and selection from one set of candidates, and which differences are shown.

    python -m treewright.studies.aggregations --output benchmarks/aggregations.md

The run is an ordinary run folder: the same command again does only what is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from search.strategies.best_of_n import BestOfN
from treewright.arms.columns import Place
from treewright.comparing.finished_run import read
from treewright.config.config import Config
from treewright.config.load import load_runnable
from treewright.errors import ConfigError
from treewright.report.charts import accuracy_over_n
from treewright.report.plot import Plot
from treewright.report.plot_files import SETTINGS, drawn
from treewright.running.recorded import RecordedRun
from treewright.studies.choosing import Choosing
from treewright.studies.choosing_page import page, priced
from treewright.studies.command import common, deliver, described, guarded, parser, worked_off
from treewright.studies.page import StudyError
from treewright.studies.shown import Family

MODULE = "treewright.studies.aggregations"
INCHES, DPI = (6.6, 3.6), 110
"""Of the plots: each stays below 100 KB."""
AREA = (0.1, 0.14, 0.66, 0.77)
"""Of the axes: many lines leave no room for the legend but beside them."""
BASE = Path(__file__).with_name("aggregations.yaml")


def main(arguments: Sequence[str] | None = None, base: Path = BASE) -> int:
    """Run what is missing, measure and print. Returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = parser(MODULE, __doc__).parse_args(arguments)
    return guarded(lambda: study(options, " ".join([f"python -m {MODULE}", *arguments]), base))


async def study(options: argparse.Namespace, command: str, base: Path) -> None:
    """All of it, or an exception."""
    config = load_runnable(str(base), common(options))
    check(config, str(base))
    (job,) = await worked_off([config])
    candidates = await read(await RecordedRun.open(job.run.path, "A"))
    if not candidates.largest:
        why = f"`treewright score {job.run.path}` says why"
        raise StudyError(f"no problem has a solution: {why}")
    found = Choosing.of(candidates)
    pictures = []
    if options.output:
        pictures = draw(options.output, accuracy_over_n(found.run, found.curves))
    family = Family(tuple(found.family()), found.compared)
    text = page(found, family, described(job), command, pictures)
    deliver(options, text, figures(found, family))


def check(config: Config, where: str) -> None:
    """Any n of the solutions are what n draws give. Raises `ConfigError`."""
    strategy = config.strategy
    if not isinstance(strategy, BestOfN) or strategy.stop != "none":
        problem = "draws no independent solutions to judge, so a part of them is no smaller search"
        raise ConfigError(where, "strategy", None, problem, "best_of_n without a stop does")


def draw(output: Path, plots: Sequence[Plot]) -> list[tuple[str, str]]:
    """Write the plots as PNG into a folder beside the page, named after it.

    Returns title and link of each. Raises `StudyError` for what cannot be written.
    """
    import matplotlib as mpl

    folder = output.with_suffix("")
    try:
        folder.mkdir(exist_ok=True)
        with mpl.rc_context(SETTINGS):
            for plot in plots:
                figure = drawn(plot)
                figure.set_size_inches(*INCHES)
                (axes,) = figure.axes
                axes.set_position(AREA)
                axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
                picture = folder / f"{plot.id}.png"
                figure.savefig(picture, dpi=DPI, metadata={"Software": None})
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror}") from error
    return [(plot.title, f"{folder.name}/{plot.id}.png") for plot in plots]


def figures(found: Choosing, family: Family) -> dict[str, object]:
    """As plain objects: `rows` are the comparisons, `arms` the accuracies they are made of."""
    return {
        "rows": [
            {"against": row.against, "aggregation": row.arm.aggregation,
             "selection": row.arm.selection, "n": row.n, **row.found.to_json()}
            for row in family.rows
        ],
        "arms": [
            Place.STUDY.to_json(point.figures) for curve in found.curves for point in curve.points
        ],
        "oracle": [
            {"n": n, "accuracy": rate, "ci95": [low, high]}
            for n, rate, low, high in found.run.oracle(found.run.sizes)
        ],
        "tokens": [
            {"n": each.n, "policy": each.policy_tokens, "verifier": each.verifier_tokens}
            for each in (point.figures for point in priced(found).points)
        ],
        "verifier": {name: asdict(each) for name, each in found.judged.items()},
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
