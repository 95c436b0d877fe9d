"""A config's data and parts: what a run would find out only after its engines have started."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence

from benchmarks.datasets import DatasetConfig, DatasetError, is_here, load_dataset, told_size
from engines.traits import Examined, Part, traits_of
from search.findings import Finding, fail, ok, warn
from search.questions import Declared
from treewright.config.config import Config
from treewright.config.kinds import kind_of


def examine_config(config: Config) -> Iterator[Finding]:
    """Data, then each part as it says that it is to be examined."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # a check downloads nothing, and does not wait for a network
    questions = yield from _data(config.dataset)
    feedback = Declared.of(config.strategy).feedback != "none"
    yield from _part("policy", config.policy, questions, feedback=feedback)
    yield from _part("scorer", config.scorer, questions, feedback=feedback)


def _part(
    section: str, part: Part, questions: Sequence[str], *, feedback: bool
) -> Iterator[Finding]:
    """What the part finds of itself; of one that says nothing, that it was not examined."""
    traits = traits_of(part)
    for within, each in traits.engines():
        for key, problem, hint in each.engine.amiss() if each.engine else ():
            yield fail(f"{section} engine", f"{section}.{within}engine.{key} {problem}", hint)
    if isinstance(part, Examined):
        yield from part.examine(questions, feedback=feedback)
    elif traits.needs is None:
        found = f"{kind_of(section, part)} says nothing of what to examine"
        yield ok(section, f"{found}; it was not looked at")
    elif traits.remote:
        yield ok(section, f"{kind_of(section, part)} is served elsewhere; it was not asked")


def _data(config: DatasetConfig) -> Generator[Finding, None, list[str]]:
    """A generator that returns the questions, none where they cannot be had here and now."""
    if not is_here(config):
        told = told_size(config)
        found = f"{'' if told is None else f'{told:,} '}problems of {config.name}"
        advice = "the first run downloads them; no prompt was measured"
        yield warn("dataset", f"{found} are not on this machine", advice)
        return []
    try:
        dataset = load_dataset(config)
    except DatasetError as error:
        yield fail("dataset", str(error), "see dataset: in the config")
        return []
    yield _dataset(len(dataset.samples), len(dataset.bad_rows))
    for note in dataset.notes:
        yield warn("dataset", *note.rsplit(": ", 1))
    return [sample.problem.question for sample in dataset.samples]


def _dataset(problems: int, bad_rows: int) -> Finding:
    told = f"{problems} problems"
    if not bad_rows:
        return ok("dataset", told)
    advice = "each becomes an error record and counts for fail_on_error"
    return warn("dataset", f"{told}, {bad_rows} rows that cannot be used", advice)
