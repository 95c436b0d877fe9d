"""Solutions whose steps have been judged: ProcessBench, PRM800K, and rows of one's own.

They measure verifiers. `Sample.labels` holds the solution, step by step, with its first error.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.datasets.columns import read_answer
from benchmarks.datasets.files import kind_of
from benchmarks.datasets.samples import (
    Fields,
    Reader,
    RowFault,
    Sample,
    StepLabels,
    content_id,
    plain,
    read_text,
    read_texts,
    row_reader,
)
from search.core import Problem

NO_ERROR = -1
"""What ProcessBench writes in place of the number of the first wrong step."""


def processbench() -> Reader:
    """Rows `id, generator, problem, steps, final_answer_correct, label` (arXiv:2412.06559).

    ProcessBench gives no reference answers: the task is to find the first wrong step, and `label`
    is the answer to it.
    """

    def read(own_id: str | None, row: Fields) -> Sample:
        question = read_text(row.get("problem"), "the problem (problem)")
        steps = read_texts(row.get("steps"), "the steps (steps)")
        first_error = _first_error(row.get("label"), len(steps))
        about = {key: plain(row.get(key)) for key in ("generator", "final_answer_correct")}
        return _judged(own_id, question, steps, first_error, about)

    return row_reader(read, "id")


def labelled_rows() -> Reader:
    """Rows of one's own: `problem` (or `question`), `steps`, and `label` or `labels`.

    `label` is ProcessBench's. `labels` has one for each step: true, false, or null after the first
    that is false, where nothing counts. `id` and `subset` may be there.
    """

    def read(own_id: str | None, row: Fields) -> Sample:
        name = "problem" if "problem" in row else "question"
        question = read_text(row.get(name), f"the problem ({name})")
        steps = read_texts(row.get("steps"), "the steps (steps)")
        if not steps:
            raise RowFault("the steps (steps) are none")
        if blank := [number for number, step in enumerate(steps) if not step.strip()]:
            raise RowFault(f"step {blank[0]} (steps) says nothing")
        if ("label" in row) == ("labels" in row):
            raise RowFault("it must have just one of label and labels")
        if "label" in row:
            first_error = _first_error(row["label"], len(steps))
        else:
            first_error = _first_false(row["labels"], len(steps))
        subset = row.get("subset")
        about = {} if subset is None else {"subset": read_text(subset, "the subset (subset)")}
        return _judged(own_id, question, steps, first_error, about)

    return row_reader(read, "id")


def _first_error(label: object, steps: int) -> int | None:
    """Of ProcessBench's label."""
    if not isinstance(label, int) or isinstance(label, bool):
        raise RowFault(f"the label (label) is {kind_of(label)}, not a whole number")
    if not NO_ERROR <= label < steps:
        raise RowFault(f"the label (label) is {label}, and there are {steps} steps")
    return None if label == NO_ERROR else label


def _first_false(labels: object, steps: int) -> int | None:
    """Of a label for each step."""
    if not isinstance(labels, list) or len(labels) != steps:
        found = f"{len(labels)}" if isinstance(labels, list) else kind_of(labels)
        raise RowFault(f"the labels (labels) are {found}, and there are {steps} steps")
    for number, label in enumerate(labels):
        if label is False:
            return number
        if label is not True:
            what = f"the label of step {number} (labels) is {json.dumps(plain(label))}"
            raise RowFault(f"{what}, not true or false (null only after the first false)")
    return None


def _judged(
    own_id: str | None,
    question: str,
    steps: Sequence[str],
    first_error: int | None,
    about: Fields,
) -> Sample:
    """The sample whose answer is the first wrong step."""
    name = own_id or content_id("pb", json.dumps([question, steps]).encode())
    labels = StepLabels(Problem(name, question), tuple(steps), first_error)
    answer = str(NO_ERROR if first_error is None else first_error)
    return Sample(Problem(name, find_the_error(question, steps)), answer, about, labels)


def find_the_error(question: str, steps: Sequence[str]) -> str:
    """The task of a critic: the number of the first wrong paragraph, from 0, or -1."""
    paragraphs = [f"[{number}] {step.strip()}" for number, step in enumerate(steps)]
    return "\n\n".join(
        [
            "Here are a problem and a solution in numbered paragraphs.",
            f"Problem: {question.strip()}",
            "Solution:",
            *paragraphs,
            "Which paragraph is the first that contains an error? "
            f"Answer with its number, or with {NO_ERROR} if none of them contains an error.",
        ]
    )


def prm800k() -> Reader:
    """Rows of PRM800K's label files (openai/prm800k, arXiv:2305.20050): one per judged solution.

    The question is the MATH problem, asked as often as it has solutions. A step that was rated -1
    is wrong; 0 (no progress) and 1 are not. A solution with an unrated step has no `labels`.
    """

    def read(_: str | None, row: Fields) -> Sample:
        about = _object(row.get("question"), "the question (question)")
        question = read_text(about.get("problem"), "the problem (question.problem)")
        answer = read_answer(about.get("ground_truth_answer"), "question.ground_truth_answer")
        label = _object(row.get("label"), "the label (label)")
        chosen = [_chosen(step) for step in _list(label.get("steps"), "the steps (label.steps)")]
        steps, ratings = [text for text, _ in chosen], [rating for _, rating in chosen]
        who = [row.get("labeler"), row.get("timestamp")]
        name = content_id("prm", json.dumps([question, steps, ratings, *map(str, who)]).encode())
        problem = Problem(name, question)
        rated = [rating for rating in ratings if rating is not None]
        labels = None
        if steps and len(rated) == len(steps):
            labels = StepLabels(problem, tuple(steps), rated.index(-1) if -1 in rated else None)
        metadata = {
            "ratings": ratings,
            "finish_reason": plain(label.get("finish_reason")),
            "generation": plain(row.get("generation")),
            "is_quality_control_question": plain(row.get("is_quality_control_question")),
            "is_initial_screening_question": plain(row.get("is_initial_screening_question")),
        }
        return Sample(problem, answer, metadata, labels)

    return row_reader(read, None)


def _chosen(step: object) -> tuple[str, int | None]:
    """The text of the step that the solution went on with, and its rating.

    Where the labeller wrote the step, it counts as right. Where nothing was chosen, as at the
    first error of phase 2, the step is the first completion: that of the solution under judgement.
    """
    fields = _object(step, "a step (label.steps)")
    completions = _list(
        fields.get("completions") or [], "the completions (label.steps.completions)"
    )
    number, human = fields.get("chosen_completion"), fields.get("human_completion")
    if number is None and human is not None:
        text = human.get("text") if isinstance(human, dict) else human
        return read_text(text, "a step (human_completion)"), 1
    number = 0 if number is None else number
    if not isinstance(number, int) or number not in range(len(completions)):
        raise RowFault(f"a step has {len(completions)} completions, and chose {number!r}")
    taken = _object(completions[number], "a completion (label.steps.completions)")
    rating = taken.get("rating")
    if rating not in (-1, 0, 1, None):
        raise RowFault(f"a step's rating is {rating!r}, not -1, 0 or 1")
    return read_text(taken.get("text"), "a step (text)"), None if rating is None else int(rating)


def _object(value: object, what: str) -> Fields:
    if not isinstance(value, dict):
        raise RowFault(f"{what} is {kind_of(value)}, not an object")
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise RowFault(f"{what} are {kind_of(value)}, not a list")
    return value
