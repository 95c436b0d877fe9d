"""The verb `compare`: arms of one run or of several, paired problem by problem."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from search.aggregation import MissingRule
from treewright.arms.arm import Arm, arm_named, arms_named
from treewright.arms.comparison import Comparison, compare
from treewright.comparing.finished_run import FinishedRun, read
from treewright.comparing.pairing import check_arm, check_once, check_same_data, check_size
from treewright.comparing.telling import print_comparisons
from treewright.config.checks import check_missing, unjudged
from treewright.config.compose import COMMAND_LINE
from treewright.config.fingerprint import differences
from treewright.config.kinds import kind_of
from treewright.errors import ConfigError
from treewright.running.recorded import RecordedRun

LABELS = string.ascii_uppercase
REFERENCE = Arm("majority")
"""What arms of one run are compared with: the best that can be had without a verifier."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which arms to compare, as the command line says; None and nothing where it does not."""

    arms: Sequence[str] = ()
    reference: str | None = None
    n: int | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An arm of a run, and an arm of the first run that it is compared with."""

    run: int
    arm: Arm
    reference: Arm


async def compare_runs(paths: Sequence[Path], asked: Wanted, *, as_json: bool = False) -> int:
    """Compare, and print the table or one JSON object. Returns the exit code.

    Raises:
        ConfigError: what cannot be compared, in one line.
        RunFolderError, NotResumable, DatasetError, JournalError: a run that cannot be read.
    """
    if len(paths) > len(LABELS):
        raise ConfigError(COMMAND_LINE, "RUN", len(paths), f"are over {len(LABELS)} runs")
    if asked.missing:
        check_missing(asked.missing, lambda key: COMMAND_LINE)
    sources = [await RecordedRun.open(*each) for each in zip(paths, LABELS, strict=False)]
    check_once(sources)
    check_same_data(sources, asked.missing)
    plans = planned(sources, asked)
    runs = [await read(source) for source in sources]
    rows = compared(plans, runs, asked.missing)
    if as_json:
        print(json.dumps(to_json(rows, runs), allow_nan=False))
    else:
        print_comparisons(rows, runs)
    return 0


def planned(sources: Sequence[RecordedRun], asked: Wanted) -> list[Plan]:
    """What is compared with what. Raises `ConfigError` for an arm that a run does not have.

    Arms of one run are compared with its `majority`, or with the reference that was said. Of
    several runs each arm is compared with the same arm of the first run; where the first asked no
    verifier and the arm needs one, with its majority.
    """
    told = [name.at(asked.n) for name in arms_named(asked.arms, "--arm")]
    said = arm_named(asked.reference, "--reference").at(asked.n) if asked.reference else None
    first, *others = sources
    plans = []
    for run, source in enumerate(others or [first], 1 if others else 0):
        for name in told or [name.at(asked.n) for name in source.arms]:
            reference = said or (same(first, name) if others else REFERENCE.at(asked.n))
            if others or told or name != reference:
                plans.append(Plan(run, name, reference))
    if not plans:
        hint = "name arms with --arm, or give another run"
        raise ConfigError(str(first.path), "has no arm but the reference", None, "", hint)
    for plan in plans:
        _check_plan(plan, sources)
    return plans


def _check_plan(plan: Plan, sources: Sequence[RecordedRun]) -> None:
    check_arm(sources[plan.run], plan.arm)
    check_arm(sources[0], plan.reference)
    if plan.run == 0 and plan.arm == plan.reference:
        hint = "--reference names another"
        raise ConfigError(COMMAND_LINE, "--arm", str(plan.arm), "is the reference itself", hint)


def same(first: RecordedRun, name: Arm) -> Arm:
    """The first run's arm that another run's is compared with."""
    return REFERENCE.at(name.n) if name.aggregation and unjudged(first.config) else name


def compared(
    plans: Sequence[Plan], runs: Sequence[FinishedRun], missing: str | None
) -> list[Comparison]:
    """All comparisons as one family. Each arm of each run is measured once."""
    pairs = [((plan.run, plan.arm), (0, plan.reference)) for plan in plans]
    asked = dict.fromkeys(each for pair in pairs for each in pair)
    for run, arm in asked:
        check_size(runs[run], arm)
    rules = [MissingRule(missing or run.source.config.missing) for run in runs]
    graded = [
        found.graded([arm for run, arm in asked if run == at], rule)
        for at, (found, rule) in enumerate(zip(runs, rules, strict=True))
    ]
    marks = {
        (run, arm): graded[run].over_subsets(arm, [arm.n or runs[run].largest])[0]
        for run, arm in asked
    }
    return compare([(marks[ours], marks[theirs]) for ours, theirs in pairs])


def to_json(rows: Sequence[Comparison], runs: Sequence[FinishedRun]) -> dict[str, object]:
    """The runs, and one row per comparison. `differs`: the keys in which a run is not the first."""
    first = runs[0].source
    return {
        "runs": [
            {
                "label": run.source.label,
                "run": str(run.source.path),
                "strategy": kind_of("strategy", run.source.config.strategy),
                "problems": len(run.source.dataset.samples),
                "failures": run.failures,
                "differs": differences(first.identity, run.source.identity),
            }
            for run in runs
        ],
        "rows": [row.to_json() for row in rows],
    }
