"""Solutions with labelled steps, of a dataset by name or of a file: what verifiers are measured on.

    data = load_labelled("processbench", ["gsm8k", "math"], limit=100)

A file has rows as ProcessBench has them, as PRM800K has them, or of one's own
(`steps.labelled_rows`); its columns tell which.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from benchmarks.datasets.columns import listed
from benchmarks.datasets.config import DatasetConfig
from benchmarks.datasets.files import DatasetError, RawRow, read_rows, user_path
from benchmarks.datasets.load import Dataset, load_dataset
from benchmarks.datasets.named import DATASETS
from benchmarks.datasets.samples import BadRow, Reader, Sample, StepLabels
from benchmarks.datasets.steps import labelled_rows, prm800k

BAD_PROBLEM = "bad_problem"
"""How PRM800K's labellers ended a solution of a problem that is broken: it says nothing."""


@dataclass(frozen=True)
class LabelledSolution:
    """A solution with its first wrong step, and the subset that it is of.

    `id` is unique in its data, and begins with the subset.
    """

    id: str
    subset: str
    labels: StepLabels


@dataclass(frozen=True)
class LabelledData:
    """What was selected, in order. `digest` changes with any of it.

    `unlabelled`: rows left out since a step of theirs has no label, or their problem is broken.
    """

    name: str
    solutions: list[LabelledSolution]
    bad_rows: list[BadRow] = field(default_factory=list)
    unlabelled: int = 0

    @property
    def subsets(self) -> list[str]:
        """Those that the solutions are of, in order."""
        return list(dict.fromkeys(each.subset for each in self.solutions))

    @property
    def digest(self) -> str:
        """A hash of ids, problems, steps and labels."""
        hasher = blake2b(digest_size=16)
        for each in self.solutions:
            labels = each.labels
            parts = [each.id, labels.problem.question, labels.steps, labels.first_error]
            hasher.update(json.dumps(parts).encode() + b"\n")
        return hasher.hexdigest()


def load_labelled(
    source: str, subsets: Sequence[str] = (), limit: int | None = None
) -> LabelledData:
    """Read, check and select.

    Args:
        source: a dataset's name, or a file; one that has the name of a dataset is `./NAME`.
        subsets: splits of the dataset, or values of the file's column `subset`. None: the split
            `test` where there is one, else all.
        limit: at most so many solutions of each subset, from the first.

    Raises:
        DatasetError: the data cannot be had or read, have no labels, or nothing is selected.
    """
    subsets = list(dict.fromkeys(subsets))  # one that is named twice is there once
    if source in DATASETS:
        return _named(source, subsets, limit)
    return _of_file(source, subsets, limit)


def _named(name: str, subsets: Sequence[str], limit: int | None) -> LabelledData:
    known = DATASETS[name]
    if not known.labelled:
        own = f"{name}_steps"
        names = ", ".join(each for each, found in DATASETS.items() if found.labelled)
        hint = f"did you mean {own}?" if own in DATASETS else f"these have: {names}; or give a file"
        raise DatasetError(name, "has no labelled steps", hint)
    chosen = subsets or (["test"] if "test" in known.files else list(known.files))
    data = LabelledData(name, [])
    unlabelled = 0
    for split in chosen:
        loaded = _split(name, split)
        pairs = [(split, sample) for sample in loaded.samples]
        taken, left = _taken(pairs, limit)
        data.solutions.extend(taken)
        data.bad_rows.extend(loaded.bad_rows)
        unlabelled += left
    return _selected(LabelledData(name, data.solutions, data.bad_rows, unlabelled))


def _split(name: str, split: str) -> Dataset:
    """A split. Raises `DatasetError`, whose hint says how a file is given here."""
    try:
        return load_dataset(DatasetConfig(name=name, split=split))
    except DatasetError as error:
        hint = error.hint.replace("as dataset.path", "with --data")
        raise DatasetError(error.file, error.what, hint, error.row) from error


def _of_file(source: str, subsets: Sequence[str], limit: int | None) -> LabelledData:
    path = user_path(source)
    rows = list(read_rows(path))
    if not rows:
        raise DatasetError(source, "is empty", "write one JSON object per line")
    items = list(_items(source, rows))
    pairs = [
        (str(item.metadata.get("subset", path.stem)), item)
        for item in items
        if isinstance(item, Sample)
    ]
    there = list(dict.fromkeys(subset for subset, _ in pairs))
    if absent := [name for name in subsets if name not in there]:
        hint = f"it has {listed(there) or 'none'}"
        raise DatasetError(source, f"has no subset {absent[0]!r}", hint)
    chosen = [pair for pair in pairs if not subsets or pair[0] in subsets]
    taken, left = _taken(chosen, limit)
    bad = [item for item in items if isinstance(item, BadRow)]
    return _selected(LabelledData(path.stem, taken, bad, left), source)


def _items(source: str, rows: Sequence[RawRow]) -> Iterator[Sample | BadRow]:
    """The rows as they were read. Raises `DatasetError` for an id that two rows give."""
    reader, seen = _reader(source, rows), dict[str, int]()
    for row in rows:
        item = reader(row)
        said = (row.fields or {}).get("id")
        if isinstance(item, Sample) and said not in (None, ""):
            earlier = seen.setdefault(item.problem.id, row.number)
            if earlier != row.number:
                what = f"the id {item.problem.id!r} is row {earlier}'s as well"
                raise DatasetError(source, what, "give every row its own id, or none", row.number)
        yield item


def _reader(source: str, rows: Sequence[RawRow]) -> Reader:
    columns = list(dict.fromkeys(name for row in rows if row.fields for name in row.fields))
    if "steps" in columns:
        return labelled_rows()
    if {"question", "label"} <= set(columns):
        return prm800k()
    if not columns:
        hint = "labelled solutions are JSON Lines (one object per line) or parquet"
        raise DatasetError(source, rows[0].fault or "has no fields", hint, rows[0].number)
    hint = f"it needs problem, steps and label; its columns are {listed(columns)}"
    raise DatasetError(source, "has no labelled steps", hint)


def _taken(
    pairs: Sequence[tuple[str, Sample]], limit: int | None
) -> tuple[list[LabelledSolution], int]:
    """The solutions of samples, and how many samples of their subsets are without labels."""
    taken: list[LabelledSolution] = []
    counts: Counter[str] = Counter()
    ids: Counter[str] = Counter()
    unlabelled = 0
    for subset, sample in pairs:
        labels = sample.labels
        if labels is None or sample.metadata.get("finish_reason") == BAD_PROBLEM:
            unlabelled += 1
        elif limit is None or counts[subset] < limit:
            counts[subset] += 1
            name = f"{subset}/{sample.problem.id}"
            ids[name] += 1
            own = name if ids[name] == 1 else f"{name}-{ids[name]}"
            taken.append(LabelledSolution(own, subset, labels))
    return taken, unlabelled


def _selected(data: LabelledData, source: str = "") -> LabelledData:
    """Raises `DatasetError` where nothing is there."""
    if data.solutions:
        return data
    where = source or data.name
    if data.bad_rows:
        first = data.bad_rows[0]
        raise DatasetError(where, first.reason, "no usable row was selected", first.number)
    raise DatasetError(where, "has no solution with labelled steps", "every step needs a label")
