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
from treewright.report.charts import accuracy_over_n, accuracy_over_tokens, over_optimisation
from treewright.report.plot import Plot
from treewright.running.job import Job
from treewright.running.recorded import RecordedRun
from treewright.studies import command
from treewright.studies.chains import SeveralChains
from treewright.studies.choosing import Choosing
from treewright.studies.choosing_page import page, priced
from treewright.studies.page import StudyError
from treewright.studies.pictures import draw
from treewright.studies.shown import Family

BASE = Path(__file__).with_name("aggregations.yaml")
PER_SOLUTION = 350
"""Tokens of a solution and one verification chain, about, in the embedded domain."""


def main(arguments: Sequence[str] | None = None, base: Path | str = BASE) -> int:
    """Run what is missing, measure and print. Returns the exit code."""
    made = command.parser("treewright.studies.aggregations", __doc__, base)
    made.add_argument("--chains", type=command.positive, default=4, metavar="K",
                      help="verification chains of the second run; 1: there is none")  # fmt: skip
    made.add_argument(
        "--chains-n", type=command.positive, default=16, metavar="N", help="its solutions"
    )
    made.add_argument("--chains-limit", type=command.positive, metavar="N",
                      help="its problems, the first of them; none: all")  # fmt: skip
    made.add_argument("--per-solution", type=command.positive, default=PER_SOLUTION, metavar="N",
                      help="tokens of a solution and a chain, for the estimate alone")  # fmt: skip
    return command.run(made, arguments, study)


async def study(options: argparse.Namespace) -> None:
    """All of it, or an exception."""
    config = load_runnable(str(options.config), command.common(options))
    check(config, str(options.config))
    configs = [config, *several(options, config)]
    job, *others = await command.worked_off(
        configs, options, lambda job: tokens(job, options), shared=False
    )
    found = await measured(job, "A")
    pictures = draw(options.output, plots(found))
    beside = [SeveralChains(found, await measured(other, "B"), options.chains) for other in others]
    chains = beside[0] if beside else None
    family = Family(tuple(found.family(chains.pairs() if chains else ())), found.compared)
    text = page(found, family, command.described(job), options.command, pictures, chains)
    command.deliver(options, text, figures(found, family, chains))


def several(options: argparse.Namespace, config: Config) -> list[Config]:
    """The run with several chains; none where one is asked for, or the scorer writes not just one.

    What is compared is several chains with one.
    """
    if options.chains == 1 or getattr(config.scorer, "chains", None) != 1:
        return []
    assert isinstance(config.strategy, BestOfN)
    said = [
        *command.common(options),
        f"name={config.name}-chains",
        f"scorer.chains={options.chains}",
        f"strategy.n={min(options.chains_n, config.strategy.n)}",
    ]
    if options.chains_limit:
        limit = min(options.chains_limit, config.dataset.limit or options.chains_limit)
        said.append(f"dataset.limit={limit}")
    return [load_runnable(str(options.config), said)]


async def measured(job: Job, label: str) -> Choosing:
    """Every arm of a finished run. Raises `StudyError` where no problem has a solution."""
    candidates = await read(await RecordedRun.open(job.run.path, label))
    if not candidates.largest:
        why = f"`treewright score {job.run.path}` says why"
        raise StudyError(f"no problem has a solution: {why}")
    return Choosing.of(candidates)


def tokens(job: Job, options: argparse.Namespace) -> float:
    """About what a problem costs: its solutions, each with its verification chains."""
    strategy = job.config.strategy
    assert isinstance(strategy, BestOfN)
    chains = options.chains if job.config.name.endswith("-chains") else 1
    return float(strategy.n * options.per_solution * (1 + 2 * chains) / 3)


def plots(found: Choosing) -> list[Plot]:
    """Accuracy over n and over tokens, and what the verifier overrates."""
    made = [
        *accuracy_over_n(found.run, found.curves),
        *accuracy_over_tokens(found.run, found.curves),
    ]
    top = over_optimisation(found.run, found.curves)
    return [*made, *([top] if top else [])]


def check(config: Config, where: str) -> None:
    """Any n of the solutions are what n draws give. Raises `ConfigError`."""
    strategy = config.strategy
    if not isinstance(strategy, BestOfN) or strategy.stop != "none":
        problem = "draws no independent solutions to judge, so a part of them is no smaller search"
        raise ConfigError(where, "strategy", None, problem, "best_of_n without a stop does")


def figures(
    found: Choosing, family: Family, chains: SeveralChains | None = None
) -> dict[str, object]:
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
        "chains": chains and {
            "chains": chains.chains,
            "n": chains.n,
            "verifier": {name: asdict(each) for name, each in chains.several.judged.items()},
        },
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
