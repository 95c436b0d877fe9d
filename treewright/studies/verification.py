"""What verification costs in a search, in each of several ways, and what is lost by each.

    python -m treewright.studies.verification --output benchmarks/verification.md

The runs are ordinary run folders: the same command again does only what is missing. Paths that are
judged again, and seconds, are kept in the folder `verification` beside them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engines.traits import traits_of
from treewright.arms.comparison import compare
from treewright.arms.graded_run import GradedRun
from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.files.opening import UnsafeFile
from treewright.files.reading import read_json
from treewright.ledger import Ledger
from treewright.running.job import Job
from treewright.running.replicas import FILE as REPLICAS
from treewright.studies import command
from treewright.studies.agreement import agreement, calls_of
from treewright.studies.cells import WEIGHTED
from treewright.studies.judged_again import judged_again, sampled
from treewright.studies.page import StudyError
from treewright.studies.pictures import draw
from treewright.studies.strategies import read
from treewright.studies.targets import GOING_ON
from treewright.studies.timed import timed
from treewright.studies.tried import Tried, Verified
from treewright.studies.verification_page import page, picture
from treewright.studies.ways import BASE, NAIVE, STRATEGIES, WAYS, Trial, overrides, trials

ANOTHER = 0.6
"""The temperature at which a verifier that is greedy is asked with another seed."""
PER_SEARCH = 15_000
"""Tokens of a search, about, for the estimate: those of a naive beam in the embedded domain."""


def main(arguments: Sequence[str] | None = None, base: Path | str = BASE) -> int:
    """Run what is missing, measure and print. Returns the exit code."""
    made = command.parser("treewright.studies.verification", __doc__, base)
    command.strategies(made, STRATEGIES)
    made.add_argument("--ways", type=command.names, default=list(WAYS), metavar="A,B",
                      help="some; the naive one always")  # fmt: skip
    made.add_argument("--again", type=command.natural, default=200, metavar="N",
                      help="paths of each run that are judged whole again")  # fmt: skip
    made.add_argument("--times", type=command.natural, default=3, metavar="N",
                      help="timed runs of each way; 0: nothing is timed")  # fmt: skip
    made.add_argument("--timed", type=command.positive, default=16, metavar="N",
                      help="problems of each of them")  # fmt: skip
    made.add_argument("--per-search", type=command.positive, default=PER_SEARCH, metavar="TOKENS",
                      help="of a naive beam, for the estimate alone")  # fmt: skip
    return command.run(made, arguments, study)


async def study(options: argparse.Namespace) -> None:
    """All of it, or an exception."""
    listed = trials(options.strategies, options.ways, command.common(options), options.config)
    configs = [trial.config for trial in listed if trial.config is not None]
    refuse_caches(configs)
    jobs = await command.worked_off(configs, options, lambda job: options.per_search, shared=False)
    folder = Path(configs[0].output_dir) / "verification"
    rows = [await measured(trial, jobs, options.again) for trial in listed]
    rows = await agreed(rows, options, folder)
    seconds = await timed(clocked(options), options.times, folder) if options.times else {}
    found = Verified(together(rows), seconds, options.timed)
    data, pictures = command.described(jobs[0]), draw(options.output, picture(found))
    command.deliver(options, page(found, data, options.command, pictures), found.to_json())


async def measured(trial: Trial, jobs: Sequence[Job], again: int) -> Tried:
    """What a run came to; nothing of one that was skipped."""
    if trial.config is None:
        return Tried(trial)
    (job,) = [job for job in jobs if job.config.name == trial.config.name]
    solved, failures = await read(job)
    run = GradedRun.of(solved, [WEIGHTED])
    marks = run.first(WEIGHTED, run.largest)
    if not marks.right:
        raise StudyError(f"{trial.config.name}: no answer could be decided")
    ledgers = {item.problem_id: Ledger.of([item.search]) for item in solved}
    origins = [each.origin for item in solved for each in item.search.judgements.values()]
    counts = {origin: origins.count(origin) for origin in dict.fromkeys(origins)}
    again_paths, asked = tuple(sampled(solved, again)), replicas(job)
    return Tried(trial, marks, ledgers, failures, counts, again_paths, replicas=asked)


def replicas(job: Job) -> tuple[int, int] | None:
    """How many of each side a run's last session asked; None where it says nothing readable."""
    try:
        told = read_json(job.run.path, REPLICAS)
        return int(told["policy"]["replicas"]), int(told["scorer"]["replicas"])
    except (OSError, UnsafeFile, ValueError, KeyError, TypeError):
        return None


def refuse_caches(configs: Sequence[Config]) -> None:
    """What was had costs nothing, and takes no time. Raises `StudyError` where some could be."""
    for config in configs:
        for section, part in (("policy", config.policy), ("scorer", config.scorer)):
            if traits_of(part).cache != "off":
                raise StudyError(
                    f"{section}.cache: {config.name} would have from a cache what is to be "
                    "counted and timed here; say off"
                )


async def agreed(rows: Sequence[Tried], options: argparse.Namespace, folder: Path) -> list[Tried]:
    """With how the judgements that were not made whole agree with whole ones of the same paths.

    Beside it, of the same paths, how whole ones of two other seeds agree with one another. All
    ways have one verifier, so the paths of all are judged by the same engines.
    """
    paths = [each.path for row in rows for each in row.sampled]
    if not paths:
        return list(rows)
    own = [*command.common(options), *overrides(rows[0].trial.strategy, NAIVE)]
    naive = load_config(options.config, own)
    warm = load_config(options.config, [*own, f"scorer.temperature={ANOTHER}"])
    whole = await judged_again(naive, paths, 0, folder)
    one, other = [await judged_again(warm, paths, again, folder) for again in (1, 2)]

    def with_agreement(row: Tried) -> Tried:
        pairs = [(calls_of(each.judgement), whole[each.key]) for each in row.sampled]
        itself = agreement((one[each.key], other[each.key]) for each in row.sampled)
        return replace(row, agreement=agreement(pairs), itself=itself)

    return [with_agreement(row) if row.sampled else row for row in rows]


def together(rows: Sequence[Tried]) -> tuple[Tried, ...]:
    """Each against the naive way of its strategy: tokens, and accuracy as one family."""
    naive = {row.trial.strategy: row for row in rows if row.trial.way == NAIVE}
    pairs = {
        at: (row.marks, naive[row.trial.strategy].marks)
        for at, row in enumerate(rows)
        if row.trial.way != NAIVE and row.marks is not None
    }
    found = dict(zip(pairs, compare([(a, b) for a, b in pairs.values() if a and b]), strict=True))
    return tuple(
        replace(row, versus=found.get(at), naive=naive[row.trial.strategy].ledgers)
        for at, row in enumerate(rows)
    )


def clocked(options: argparse.Namespace) -> dict[str, Config]:
    """What is timed, by name: beam with and without going on, on few problems."""
    asked = [way for way in GOING_ON if way in options.ways]
    one = (
        "cluster.policy_replicas=1",
        "cluster.scorer_replicas=1",
    )  # both up at the first question
    said = [*command.common(options), f"dataset.limit={options.timed}", *one]
    if "beam" not in options.strategies:
        return {}
    made = trials(["beam"], asked, said, options.config)
    found = {trial.way: trial.config for trial in made if trial.config is not None}
    return found if len(found) > 1 else {}


if __name__ == "__main__":
    sys.exit(main())
