"""Loading: a dataset's file is read, each row checked, and the rows to ask selected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from benchmarks.datasets.asked import questions_alone
from benchmarks.datasets.columns import find_columns, question_id, unasked
from benchmarks.datasets.config import DatasetConfig
from benchmarks.datasets.files import DatasetError, RawRow, read_rows, user_path
from benchmarks.datasets.named import plain_rows
from benchmarks.datasets.samples import BadRow, Fields, Reader, Sample, content_id
from benchmarks.datasets.selection import Item, select


@dataclass(frozen=True)
class Dataset:
    """What was selected, in the order in which it is asked.

    `digest` is a hash of their ids, questions, answers and labels: it changes when any of these
    does. `excluded`: how many rows `dataset.exclude` left out. `notes`: what a person should hear
    of the file, one line each.
    """

    samples: list[Sample]
    bad_rows: list[BadRow]
    digest: str
    excluded: int = 0
    notes: tuple[str, ...] = ()


def load_dataset(config: DatasetConfig) -> Dataset:
    """Read, check and select.

    Raises:
        DatasetError: when the file cannot be had or read, lacks a column that it needs, gives an id
            twice, or when nothing usable is selected.
    """
    path, pairs = read_items(config)
    chosen, excluded = select(str(path), pairs, config)
    samples = [item for item in chosen if isinstance(item, Sample)]
    bad_rows = [item for item in chosen if isinstance(item, BadRow)]
    if not samples:
        first = bad_rows[0]
        raise DatasetError(str(path), first.reason, "no usable row was selected", first.number)
    return Dataset(samples, bad_rows, _digest(samples), excluded, _notes(path, pairs, config))


def read_items(config: DatasetConfig) -> tuple[Path, list[tuple[Fields, Item]]]:
    """The file, and of each of its rows the fields and what they were read as. Nothing is selected.

    Raises:
        DatasetError: as `load_dataset`.
    """
    path = _path(config)
    rows = list(read_rows(path))
    if not rows:
        raise DatasetError(str(path), "is empty", "write one JSON object per line")
    reader = _reader(path, rows, config)
    items = _named_twins(rows, reader) if config.named else _unique(path, rows, reader)
    return path, [(row.fields or {}, item) for row, item in zip(rows, items, strict=True)]


def _notes(
    path: Path, pairs: Sequence[tuple[Fields, Item]], config: DatasetConfig
) -> tuple[str, ...]:
    """Of columns that are not asked, where rows have no schema of their own."""
    if config.named is not None or not config.reference:
        return ()
    rows = [fields for fields, _ in pairs]
    names = dict.fromkeys(name for fields in rows for name in fields)
    columns = find_columns(str(path), names, config.fields)
    return tuple(f"{path}: {note}" for note in unasked(rows, columns, config.fields))


def _path(config: DatasetConfig) -> Path:
    if config.path is not None:
        return user_path(config.path)
    assert config.named is not None  # DatasetConfig wants one of the two
    return config.named.file(str(config.name), config.split, config.revision)


def _reader(path: Path, rows: list[RawRow], config: DatasetConfig) -> Reader:
    columns = list(dict.fromkeys(name for row in rows if row.fields for name in row.fields))
    if not columns:
        hint = "a dataset is JSON Lines (one object per line), parquet or CSV"
        raise DatasetError(str(path), rows[0].fault or "has no fields", hint, rows[0].number)
    plain = plain_rows if config.reference else questions_alone
    schema = config.named.read if config.named is not None else plain
    return schema(str(path), columns, config.fields, config.option_style)


def _named_twins(rows: list[RawRow], reader: Reader) -> Iterator[Item]:
    """The items of a published benchmark, which keeps its size: the second of two equal is `…-2`.

    Equal rows give the same ids in any order: they are interchangeable.
    """
    seen: dict[str, int] = {}
    for row in rows:
        item = reader(row)
        if isinstance(item, Sample):
            name = item.problem.id
            count = seen[name] = seen.get(name, 0) + 1
            if count > 1:
                item = replace(item, problem=replace(item.problem, id=f"{name}-{count}"))
        yield item


def _unique(path: Path, rows: list[RawRow], reader: Reader) -> Iterator[Item]:
    """The items of a file; of a question that is asked twice without ids the second is a bad row.

    Raises:
        DatasetError: when a row has another's id.
    """
    seen: dict[str, int] = {}
    for row in rows:
        item = reader(row)
        earlier = row.number
        if isinstance(item, Sample):
            earlier = seen.setdefault(item.problem.id, row.number)
        if earlier == row.number or isinstance(item, BadRow):
            yield item
            continue
        if item.problem.id != question_id(item.problem.question):
            what = f"the id {item.problem.id!r} is row {earlier}'s as well"
            raise DatasetError(str(path), what, "give every row its own id, or none", row.number)
        reason = f"asks the same as row {earlier}, and no id tells them apart"
        yield BadRow(row.number, content_id("row", b"%d:" % row.number + row.raw), reason)


def _digest(samples: list[Sample]) -> str:
    hasher = blake2b(digest_size=16)
    for sample in samples:
        parts: list[object] = [sample.problem.id, sample.problem.question, sample.answer]
        if sample.problem.history:
            parts.append([[turn.role, turn.content] for turn in sample.problem.history])
        if sample.labels is not None:
            parts += [sample.labels.steps, sample.labels.first_error]
        hasher.update(json.dumps(parts).encode() + b"\n")
    return hasher.hexdigest()
