"""Which runs may be paired problem by problem, and which arms of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from treewright.arms.arm import Arm
from treewright.comparing.finished_run import FinishedRun
from treewright.config.checks import unjudged
from treewright.config.compose import COMMAND_LINE
from treewright.errors import ConfigError
from treewright.running.recorded import RecordedRun

ONLY_SPEED = ("workers",)
"""Keys of `grading` that change no grade."""


def check_same_data(sources: Sequence[RecordedRun], missing: str | None) -> None:
    """All runs asked the same problems and grade alike.

    Args:
        sources: the runs; all are held against the first.
        missing: the rule for missing steps if one was said for all.

    Raises:
        ConfigError: naming the runs and the keys that differ.
    """
    first, *others = sources
    for other in others:
        if first.identity.get("dataset") != other.identity.get("dataset"):
            told = _differing("dataset", first.config.dataset, other.config.dataset)
            problem = told or "dataset: the same settings gave other rows"
            raise _refusal(first, other, problem, "compare runs over the same problems")
        if told := _differing("grading", first.config.grading, other.config.grading):
            hint = "run both configs again with the same grading; no model is asked"
            raise _refusal(first, other, told, hint)
        rules = first.config.missing, other.config.missing
        if missing is None and rules[0] != rules[1]:
            told = f"missing is {rules[1]}, not {rules[0]}"
            raise _refusal(first, other, told, f"--missing {rules[0]} is for both")


def check_arm(source: RecordedRun, name: Arm) -> None:
    """The run can answer in this way at all. Raises `ConfigError`."""
    if name.aggregation and (reason := unjudged(source.config)):
        hint = "an arm without an aggregation: majority"
        raise ConfigError(str(source.path), str(name), None, f"needs a verifier: {reason}", hint)
    if name.n is not None and not source.draws_independently:
        problem = "its candidates are no independent draws: a part of them is no smaller search"
        raise ConfigError(str(source.path), str(name), None, problem, "leave n out")


def check_size(found: FinishedRun, name: Arm) -> None:
    """Every problem has the candidates to answer from. Raises `ConfigError`."""
    if name.n is None:
        return
    for item in found.solved:
        have, limit = len(item.search.result.candidates), item.search.result.exhausted
        if limit is not None or have < name.n:
            ended = f", where {limit} ended the search" if limit else ""
            problem = f"problem {item.problem_id} has {have} candidates{ended}"
            hint = "leave n out" if limit else f"n is at most {have}"
            raise ConfigError(str(found.source.path), str(name), None, problem, hint)


def check_once(sources: Sequence[RecordedRun]) -> None:
    """No run is there twice. Raises `ConfigError`."""
    seen = set()
    for source in sources:
        place = source.path.resolve()
        if place in seen:
            raise ConfigError(COMMAND_LINE, "RUN", str(source.path), "is given twice", "remove one")
        seen.add(place)


def _differing(section: str, ours: Any, theirs: Any) -> str:
    """`dataset.limit is 6, not 12`, for every key that differs."""
    keys = [f.name for f in fields(ours) if f.name not in ONLY_SPEED]
    values = [(key, getattr(ours, key), getattr(theirs, key)) for key in keys]
    return ", ".join(
        f"{section}.{key} is {_said(other)}, not {_said(first)}"
        for key, first, other in values
        if first != other
    )


def _said(value: object) -> str:
    """As a config says it."""
    return "null" if value is None else str(value)


def _refusal(first: RecordedRun, other: RecordedRun, problem: str, hint: str) -> ConfigError:
    where = f"{other.path} and {first.path}"
    return ConfigError(where, "cannot be paired", None, problem, hint)
