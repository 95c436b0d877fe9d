"""Which step is each verdict of a chain on? Decided over the whole chain.

One verdict's clues can mislead: a list number, a look back at an earlier step, the label that
belongs to the verdict before. A chain keeps to one way of labelling, so the way is found first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from scorers.step_labels import LAST, Clarity, Clues, Label

Labels: TypeAlias = list[Label | None]
"""Per verdict the name of its step; None where none is written."""
Numbers: TypeAlias = list[int | None]
"""Per verdict the number of its step, from 1."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """The step that a verdict is on.

    `step` counts from 1 and may be beyond the last step; None where the verdict is on none that can
    be told. `sure`: nothing that the chain may still say would change it.
    """

    step: int | None
    sure: bool


def align(clues: Sequence[Clues], steps: int) -> list[Alignment]:
    """The step of each verdict, in a chain about a solution of `steps` steps.

    A chain labels its verdicts before the box by naming the step, by list numbers, or behind the
    box; names may count from 0. Verdicts without a label are read by order in a chain where all are
    so. Elsewhere they are on the steps that no label names, if these are as many, and else on none.
    """
    labels = by_name(clues) or by_list(clues) or by_label_behind(clues) or by_mention(clues)
    if not any(labels):
        return [Alignment(index + 1, sure=index > 0) for index in range(len(labels))]
    if looks_back(labels, steps):
        return [Alignment(index + 1, sure=False) for index in range(len(labels))]
    shift = counts_from_zero(labels, steps)
    numbers = [None if label is None else number(label, steps, shift) for label in labels]
    filled = fill(numbers, steps)
    named = names_first(labels) and not shift
    return [
        Alignment(step, sure=label is not None and (named or (label.clear and not shift)))
        for step, label in zip(filled, labels, strict=True)
    ]


def by_name(clues: Sequence[Clues]) -> Labels | None:
    """Every critique names its step clearly."""
    clear = all(clue.before and clue.before.clear for clue in clues)
    return by_mention(clues) if clear else None


def by_list(clues: Sequence[Clues]) -> Labels | None:
    """The critiques are the items of one list: 1., 2., 3. An item may hold several verdicts."""
    labels: Labels = []
    item = 0
    for clue in clues:
        if clue.listed and item + 1 not in clue.listed:
            return None
        item += bool(clue.listed)
        labels.append(Label(item, Clarity.HEADING, ordinal=True) if clue.listed else None)
    return labels if labels and labels[0] and 2 * item > len(labels) else None


def by_label_behind(clues: Sequence[Clues]) -> Labels | None:
    """Each box is followed by its label; that of the last may be still to come."""
    if not clues or (clues[0].before and clues[0].before.clear):
        return None
    behind = [None if clue.after is None else Label(clue.after, Clarity.BESIDE) for clue in clues]
    return behind if all(behind[:-1] or behind) else None


def by_mention(clues: Sequence[Clues]) -> Labels:
    """The clearest name in each critique, however clear.

    Within a sentence it is the next step, if that is among those named: "Now to step 3, which
    follows from step 2: x is 5".
    """
    labels: Labels = []
    due = 1
    for clue in clues:
        label = clue.before
        if due in clue.named and (label is None or label.clarity >= Clarity.COLON):
            label = Label(due, label.clarity if label else Clarity.MENTION)
        labels.append(label)
        due = label.number + 1 if label else due + 1
    return labels


def names_first(labels: Labels) -> bool:
    """Whether the first verdict names the first step: so the chain names those that it judges."""
    return bool(labels[0] and 0 <= labels[0].number <= 1)


def looks_back(labels: Labels, steps: int) -> bool:
    """Whether the names in a chain's critiques are of other steps than those judged.

    So they are where none is clear, the first is not of the first step, and they cannot all be what
    the verdicts are on: one is named twice, or before it could be due, or some name none though
    each step has its verdict.
    """
    if not labels or len(labels) > steps or any(label and label.clear for label in labels):
        return False
    if names_first(labels):
        return False
    numbers = [label.number for label in labels if label]
    early = any(label and label.number <= index for index, label in enumerate(labels))
    return early or len(set(numbers)) < (steps if len(labels) == steps else len(numbers))


def counts_from_zero(labels: Labels, steps: int) -> bool:
    """Whether the first number is 0, and none shows that the count begins at 1."""
    written = [label.number for label in labels if label and label.clear and not label.ordinal]
    return bool(written) and written[0] == 0 and steps not in written


def number(label: Label, steps: int, shift: bool) -> int:
    """The number of the step that a label names, from 1."""
    if label.number == LAST:
        return steps
    return label.number + (shift and not label.ordinal)


def fill(numbers: Numbers, steps: int) -> Numbers:
    """The steps of verdicts without a label, where as many steps as verdicts are free for them."""
    owned = {number for number in numbers if number is not None}
    filled: Numbers = []
    for labelled, run in groupby(numbers, key=lambda number: number is not None):
        group = list(run)
        if not labelled:
            following = next((n for n in numbers[len(filled) :] if n is not None), None)
            last = filled[-1] or 0 if filled and following is not None else 0
            end = steps + 1 if following is None else following
            free = [step for step in range(last + 1, min(end, steps + 1)) if step not in owned]
            group = list(free) if len(free) == len(group) else group
            owned.update(step for step in group if step is not None)
        filled += group
    return filled
