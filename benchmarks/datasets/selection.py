"""Which rows of a file are asked, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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
    """The items to ask, in order, at least one; and how many were left out by `exclude`.

    An item comes with the fields of its row. A row without a subject stays, unless it is a sample:
    a row that cannot be read must be reported.

    Raises:
        DatasetError: when a wanted subject has no rows or too few, `exclude` cannot be read, or
            nothing is left.
    """
    rows = list(items)
    if config.shuffle_seed is not None:
        Random(config.shuffle_seed).shuffle(rows)
    if config.subjects:
        _check_subjects(file, [_subject(*pair) for pair in rows], config.subjects)
        rows = [pair for pair in rows if _wanted(*pair, config.subjects)]
    kept = rows if config.exclude is None else list(_fresh(rows, config.exclude))
    excluded = len(rows) - len(kept)
    if not kept:
        raise DatasetError(file, f"dataset.exclude leaves out all {excluded} rows", "exclude less")
    if config.per_subject is not None:
        subjects = {_subject(*pair) for pair in rows} - {None}
        kept = _per_subject(file, kept, subjects, config.per_subject)
    if config.offset >= len(kept):
        what = f"has {len(kept)} rows to ask, and dataset.offset skips {config.offset}"
        raise DatasetError(file, what, "lower it")
    return [item for _, item in kept[config.offset :][: config.limit]], excluded


def _fresh(pairs: Iterable[tuple[Fields, Item]], exclude: str) -> Iterator[tuple[Fields, Item]]:
    """Those that ask nothing that the file `exclude` asks."""
    known = {normalised(text) for _, text in read_questions(file_of(exclude))}
    for pair in pairs:
        question = question_of(pair[0])
        if question is None or normalised(question) not in known:
            yield pair


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
    file: str, pairs: Sequence[tuple[Fields, Item]], subjects: set[str | None], wanted: int
) -> list[tuple[Fields, Item]]:
    """The first `wanted` of each of the subjects; rows without one stay."""
    if not subjects:
        raise DatasetError(file, "has no column 'subject'", "leave out dataset.per_subject")
    seen = Counter(dict.fromkeys(subjects, 0))
    kept = []
    for pair in pairs:
        subject = _subject(*pair)
        seen[subject] += 1
        if subject is None or seen[subject] <= wanted:
            kept.append(pair)
    scarcest = min(subjects, key=lambda subject: (seen[subject], str(subject)))
    if seen[scarcest] < wanted:
        what = f"has {seen[scarcest]} rows of {scarcest!r}, not {wanted} (dataset.per_subject)"
        raise DatasetError(file, what, "lower it, or give null: all there are")
    return kept
