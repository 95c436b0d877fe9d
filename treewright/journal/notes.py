"""The records that are no replies: grades, failures, readings of meters, and what each may hold.

Of a kind that is not listed here, any object is let through: who reads it checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from benchmarks.grading import Outcome
from search.ports import FailureKind
from treewright.journal import checking
from treewright.journal.codec import decode_spent
from treewright.journal.results import RESULT, check_result

Check: TypeAlias = Callable[[dict[str, Any]], object]

GRADE = "grade"
KINDS = {kind.value: kind for kind in FailureKind}
OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def check_note(kind: str, data: Any) -> dict[str, Any]:
    """The payload of a record. Raises ValueError for one that cannot be of its kind."""
    if not isinstance(data, dict):
        raise ValueError(f"its data are {checking.shown(data)}, not an object")
    if kind in NOTES:
        NOTES[kind](data)
    return data


def _failure(data: dict[str, Any]) -> None:
    told = ("problem", "failure", "message")
    checking.fields(data, *told, optional=("traceback", "spent"))
    checking.choice(data["failure"], "failure", KINDS)
    for name in data.keys() - {"failure", "spent"}:
        checking.text(data[name], name)
    if "spent" in data:
        decode_spent(data["spent"])


def _clock(data: dict[str, Any]) -> None:
    checking.fields(data, "seconds")
    checking.seconds(data["seconds"], "seconds")


def _grade(data: dict[str, Any]) -> None:
    checking.fields(data, "grading", "answers", "groups", "outcomes")
    checking.text(data["grading"], "grading")
    answers = checking.items(data["answers"], "answers")
    groups = checking.items(data["groups"], "groups")
    outcomes = checking.items(data["outcomes"], "outcomes")
    if not len(answers) == len(groups) == len(outcomes):
        raise ValueError("answers, groups and outcomes are not of one length")
    for answer in answers:
        checking.text("" if answer is None else answer, "an answer")
    for group in groups:
        checking.count(0 if group is None else group, "a group")
    for outcome in outcomes:
        checking.choice(outcome, "an outcome", OUTCOMES)


NOTES: Mapping[str, Check] = {
    "failure": _failure,
    "clock": _clock,
    "gpus": _clock,
    GRADE: _grade,
    RESULT: check_result,
}
