"""Which rows of a file are asked, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from random import Random
from typing import TypeAlias

from benchmarks.datasets.columns import listed
from benchmarks.datasets.config import DatasetConfig
from benchmarks.datasets.files import DatasetError
from benchmarks.datasets.questions import file_of, normalised, question_of, read_questions
from benchmarks.datasets.samples import BadRow, Fields, Sample

Item: TypeAlias = Sample | BadRow


def select(
    file: str, items: Sequence[tuple[Fields, Item]], config: DatasetConfig
) -> tuple[list[Item], int]:
    """The items to ask, in order, and how many were left out by `exclude`.

    An item comes with the fields of its row. A row without a subject stays, unless it is a sample:
    a row that cannot be read must be reported.

    Raises:
        DatasetError: when a wanted subject has no rows or too few, or `exclude` cannot be read.
    """
    kept = list(items)
    if config.shuffle_seed is not None:
        Random(config.shuffle_seed).shuffle(kept)
    if config.subjects:
        _check_subjects(file, [_subject(*pair) for pair in kept], config.subjects)
        kept = [pair for pair in kept if _wanted(*pair, config.subjects)]
    excluded = 0
    if config.exclude is not None:
        known = {normalised(text) for _, text in read_questions(file_of(config.exclude))}
        fresh = [pair for pair in kept if normalised(question_of(pair[0]) or "") not in known]
        excluded, kept = len(kept) - len(fresh), fresh
    if config.per_subject is not None:
        kept = _per_subject(file, kept, config.per_subject)
    return [item for _, item in kept[config.offset :][: config.limit]], excluded


def _subject(fields: Fields, item: Item) -> str | None:
    subject = (item.metadata if isinstance(item, Sample) else fields).get("subject")
    return subject if isinstance(subject, str) else None


def _wanted(fields: Fields, item: Item, subjects: tuple[str, ...]) -> bool:
    subject = _subject(fields, item)
    return subject in subjects or (subject is None and isinstance(item, BadRow))


def _check_subjects(file: str, there: Iterable[str | None], wanted: tuple[str, ...]) -> None:
    known = sorted({subject for subject in there if subject is not None})
    for subject in wanted:
        if subject not in known:
            near = get_close_matches(subject, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {listed(known) or 'none'}"
            raise DatasetError(file, f"has no subject {subject!r} (dataset.subjects)", hint)


def _per_subject(
    file: str, pairs: list[tuple[Fields, Item]], wanted: int
) -> list[tuple[Fields, Item]]:
    """The first `wanted` of each subject; rows without one stay."""
    seen: Counter[str] = Counter()
    kept = []
    for pair in pairs:
        subject = _subject(*pair)
        if subject is not None:
            seen[subject] += 1
        if subject is None or seen[subject] <= wanted:
            kept.append(pair)
    if not seen:
        raise DatasetError(file, "has no column 'subject'", "leave out dataset.per_subject")
    scarcest = min(seen, key=seen.__getitem__)
    if seen[scarcest] < wanted:
        what = f"has {seen[scarcest]} rows of {scarcest!r}, not {wanted} (dataset.per_subject)"
        raise DatasetError(file, what, f"ask for {seen[scarcest]}, or for null: all of each")
    return kept
