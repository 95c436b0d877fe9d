"""Datasets: from a file of rows to samples.

    dataset = load_dataset(DatasetConfig(path="math500.jsonl", limit=100, shuffle_seed=0))

A fault of the file as a whole is a `DatasetError`. A row that cannot be used becomes a `BadRow` and
the rest goes on. Adding a built-in dataset is a function from a split to a file, and a line in
`DATASETS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from random import Random

from benchmarks.dataset_fields import (
    ALIASES,
    BadRow,
    Sample,
    content_id,
    find_columns,
    read_sample,
)
from benchmarks.dataset_files import DatasetError, Row, read_rows
from policies.checks import check_choice, check_count, fault

__all__ = [
    "DATASETS",
    "BadRow",
    "Dataset",
    "DatasetConfig",
    "DatasetError",
    "Sample",
    "load_dataset",
]


def arithmetic(split: str) -> Path:
    """The embedded domain: chains of whole-number arithmetic, in words and as expressions."""
    folder = Path(__file__).parent / "arithmetic" / "data"
    splits = ("train", "validation", "test")
    if split not in splits:
        raise DatasetError("arithmetic", f"has no split {split!r}", f"it has {', '.join(splits)}")
    return folder / f"{split}.jsonl"


DATASETS: dict[str, Callable[[str], Path]] = {
    "arithmetic": arithmetic,
}
"""Built-in datasets by name. Each raises `DatasetError` for a split that it does not have."""


@dataclass(frozen=True)
class DatasetConfig:
    """Which problems are asked. Exactly one of `name` and `path` is given.

    `name`: a built-in dataset, of which `split` is a part. `path`: a JSON Lines or parquet file.
    `shuffle_seed`: rows are shuffled with it; None keeps their order. Of the rows in that order
    `offset` are left out and then at most `limit` are taken (None: all). `fields`: the columns of
    `problem`, `answer` and `id` where their names are not understood by themselves.
    """

    name: str | None = None
    path: str | None = None
    split: str = "test"
    limit: int | None = None
    offset: int = 0
    shuffle_seed: int | None = None
    fields: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.name is None) == (self.path is None):
            given = "both" if self.name is not None else "neither"
            choices = ", ".join(DATASETS)
            raise ValueError(f"name: give either name ({choices}) or path, not {given}")
        if self.name is not None:
            check_choice("name", self.name, list(DATASETS))
        if self.path is not None:
            if not self.path.strip() or "\0" in self.path:
                raise fault("path", self.path, "the path of a file")
            if self.split != "test":
                raise fault("split", self.split, "possible with path", "a file has no splits")
        if self.limit is not None:
            check_count("limit", self.limit, 1, "leave it out to take every row")
        check_count("offset", self.offset, 0)
        if self.shuffle_seed is not None:
            check_count("shuffle_seed", self.shuffle_seed, 0)
        for name in self.fields:
            check_choice("fields", name, list(ALIASES))


@dataclass(frozen=True)
class Dataset:
    """What was selected, in the order in which it is asked.

    `digest` is a hash of their ids, questions and answers: it changes when any of these does.
    """

    samples: list[Sample]
    bad_rows: list[BadRow]
    digest: str


def load_dataset(config: DatasetConfig) -> Dataset:
    """Read, check and select.

    Raises:
        DatasetError: when the file cannot be read, has no question or answer column, gives an id
            twice, or when nothing usable is selected.
    """
    path = DATASETS[config.name](config.split) if config.name else _user_path(str(config.path))
    rows = list(read_rows(path))
    if not rows:
        raise DatasetError(str(path), "is empty", "write one JSON object per line")
    items = _read(path, rows, config.fields)
    if config.shuffle_seed is not None:
        Random(config.shuffle_seed).shuffle(items)
    chosen = items[config.offset :][: config.limit]
    samples = [item for item in chosen if isinstance(item, Sample)]
    bad_rows = [item for item in chosen if isinstance(item, BadRow)]
    if not chosen:
        hint = "lower it"
        what = f"has {len(rows)} rows, and dataset.offset leaves out {config.offset}"
        raise DatasetError(str(path), what, hint)
    if not samples:
        first = bad_rows[0]
        raise DatasetError(str(path), first.reason, "no usable row was selected", first.number)
    return Dataset(samples, bad_rows, _digest(samples))


def _user_path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise DatasetError(text, "no such home folder", "write the path out") from None


def _read(path: Path, rows: list[Row], fields: Mapping[str, str]) -> list[Sample | BadRow]:
    """Every row as a sample or a bad row, in file order."""
    names = dict.fromkeys(name for row in rows if row.fields for name in row.fields)
    if not names:
        hint = "a dataset is JSON Lines (one object per line) or parquet"
        raise DatasetError(str(path), rows[0].fault or "has no fields", hint, rows[0].number)
    columns = find_columns(str(path), names, fields)
    seen: dict[str, int] = {}
    return [_unique(path, row, read_sample(row, columns), seen) for row in rows]


def _unique(path: Path, row: Row, item: Sample | BadRow, seen: dict[str, int]) -> Sample | BadRow:
    """The item, unless its id was `seen`. An id given twice is an error, a question a bad row."""
    if isinstance(item, BadRow):
        return item
    earlier = seen.setdefault(item.problem.id, row.number)
    if earlier == row.number:
        return item
    if item.problem.id != content_id("q", item.problem.question.encode()):
        what = f"the id {item.problem.id!r} is row {earlier}'s as well"
        raise DatasetError(str(path), what, "give every row its own id, or none", row.number)
    reason = f"asks the same as row {earlier}, and no id tells them apart"
    return BadRow(row.number, content_id("row", b"%d:" % row.number + row.raw), reason)


def _digest(samples: list[Sample]) -> str:
    hasher = blake2b(digest_size=16)
    for sample in samples:
        parts = (sample.problem.id, sample.problem.question, sample.answer)
        hasher.update(json.dumps(parts).encode() + b"\n")
    return hasher.hexdigest()
