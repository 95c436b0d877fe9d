"""What the verb `verify` is asked: which scorers, on which labelled solutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.datasets import DATASETS, DatasetConfig, DatasetError
from benchmarks.datasets.labelled import LabelledData, LabelledSolution, load_labelled
from benchmarks.datasets.questions import normalised
from engines.traits import Judges, traits_of
from search.wording import counted
from treewright.config.checks import check_models
from treewright.config.compose import COMMAND_LINE, Override, child, place
from treewright.config.config import Config
from treewright.config.labels import names
from treewright.config.load import composed, config_of
from treewright.config.sweep import SWEEP
from treewright.errors import ConfigError
from treewright.sweeping.cell import load_cells
from treewright.verifying.verification import Verification

USED = ("scorer", "cluster", "seed", "name", "output_dir", "python_path", "fail_on_error", SWEEP)
"""What of a config a verification looks at."""
SCORER = ("scorer",)
STEPS = "_steps"
"""Ends the name of the labelled solutions of an embedded dataset."""


@dataclass(frozen=True)
class AskedData:
    """`source`: a name or a file; None is what fits the first config.

    `subsets`: of these; none is as `load_labelled` has it. `fit`: the subset that temperature and
    threshold are fitted on. `limit`: of each subset.
    """

    source: str | None = None
    subsets: tuple[str, ...] = ()
    fit: str | None = None
    limit: int | None = None


def scorers(given: Sequence[str], overrides: Sequence[str]) -> list[Config]:
    """The configs that are given, each with the overrides; one with `sweep:` is all its cells.

    Raises:
        ConfigError: there is none, or one that cannot be, or a scorer that judges no steps.
    """
    if not given:
        hint = "name a config, such as quickstart"
        raise ConfigError(COMMAND_LINE, "CONFIG", None, "is missing", hint)
    found = [config for path in given for config in _configs(path, overrides)]
    for config in found:
        _check_judges(config)
    return found


def unused(overrides: Sequence[str]) -> list[str]:
    """A note for each override that changes nothing here."""
    keys = [Override.parse(given).keys for given in overrides]
    return [
        f"{'.'.join(key)} changes nothing here: only the scorer is asked"
        for key in keys
        if key[0] not in USED
    ]


def verifications(configs: Sequence[Config], data: LabelledData) -> tuple[list[Verification], int]:
    """One for each scorer, and how many were the same as an earlier one."""
    made: dict[str, Verification] = {}
    for config, called in zip(configs, names(configs), strict=True):
        each = Verification.of(config, data, called)
        made.setdefault(each.fingerprint, each)
    return list(made.values()), len(configs) - len(made)


def labelled(asked: AskedData, first: Config) -> LabelledData:
    """The solutions to judge, those that are only to fit on among them.

    Raises:
        ConfigError: what is fitted on would be measured too, or nothing is measured.
        DatasetError: data that cannot be used.
    """
    source = asked.source or _labelled_of(first.dataset)
    data = load_labelled(source, asked.subsets, asked.limit)
    if asked.fit is None:
        return data
    if asked.fit not in data.subsets:
        data = load_labelled(source, [*data.subsets, asked.fit], asked.limit)
    problems = [
        {normalised(each.labels.problem.question) for each in part}
        for part in (measured(data, asked.fit), fitted_on(data, asked.fit))
    ]
    if not problems[0]:
        hint = "measure other subsets: --split"
        raise ConfigError(COMMAND_LINE, "--fit", asked.fit, "leaves nothing to measure", hint)
    if shared := len(problems[0] & problems[1]):
        told = f"{counted(shared, 'problem')} of it are measured as well"
        raise ConfigError(COMMAND_LINE, "--fit", asked.fit, told, "fit on other problems")
    return data


def measured(data: LabelledData, fit: str | None) -> list[LabelledSolution]:
    """All but what is fitted on."""
    return [each for each in data.solutions if each.subset != fit]


def fitted_on(data: LabelledData, fit: str | None) -> list[LabelledSolution]:
    """What is fitted on."""
    return [each for each in data.solutions if each.subset == fit]


def _labelled_of(dataset: DatasetConfig) -> str:
    """The labelled solutions that fit a config's own data."""
    name = dataset.name
    if name is not None and DATASETS[name].labelled:
        return name
    if name is not None and f"{name}{STEPS}" in DATASETS:
        return f"{name}{STEPS}"
    known = ", ".join(each for each, found in DATASETS.items() if found.labelled)
    told = name or str(dataset.path)
    raise DatasetError(told, "has no labelled steps", f"give --data: {known}, or a file")


def _configs(path: str, overrides: Sequence[str]) -> Iterator[Config]:
    with composed(path, overrides) as tree:
        if child(tree, SWEEP):
            yield from (cell.config for cell in load_cells(path, overrides, SCORER))
            return
        config = config_of(tree, Path(path).stem)
        check_models(config, partial(place, tree), SCORER)
        yield config


def _check_judges(config: Config) -> None:
    traits = traits_of(config.scorer)
    problems = {
        Judges.OUTCOME: "judges finished solutions as a whole, not their steps",
        Judges.NOTHING: "judges nothing",
    }
    problem = problems.get(traits.judges)
    if traits.by_sureness and not traits.within:
        problem = "judges by the log-probabilities of a policy, and these solutions have none"
    if problem:
        key, hint = f"scorer.{traits.judges_key}", "take one that judges steps, as kind thinkprm"
        raise ConfigError(config.name, key, None, problem, hint)
