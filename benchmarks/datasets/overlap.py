"""Which questions of one dataset stand in another, word for word or nearly.

    python -m benchmarks.datasets.overlap math500 prm800k/train
    python -m benchmarks.datasets.overlap math500 mine.jsonl --output seen.jsonl

Both are a NAME, NAME/SPLIT or FILE: first what is asked, then what a model has seen. A question's
share is how many of its runs of 8 tokens (words and signs) stand in one question there; a shorter
question counts as one run. Longer runs miss more, and many small matches together say less than the
best single one (arXiv:2411.03923); 70 % of the 8-grams is PaLM's limit (arXiv:2204.02311).
Paraphrases and translations are not found.

`--output` writes the questions that were found, for `dataset.exclude` to leave out.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.datasets.config import DatasetConfig
from benchmarks.datasets.files import DatasetError
from benchmarks.datasets.load import read_items
from benchmarks.datasets.questions import (
    file_of,
    normalised,
    question_of,
    read_questions,
    source_of,
)
from benchmarks.datasets.samples import BadRow

TOKENS = 8
"""Of a run."""
SHARE = 0.7
TOKEN = re.compile(r"\w+|[^\w\s]")
SHOWN = 100
"""Characters of a question in the table."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A question that stands in the other dataset too.

    `share` of its runs of tokens is in the question of row `row` there; `copy` says whether the two
    are the same but for letter case and spacing.
    """

    id: str
    share: float
    copy: bool
    row: int
    problem: str


@dataclass(frozen=True, slots=True)
class _Match:
    share: float
    copy: bool
    row: int


def find_overlaps(
    asked: Mapping[str, str], seen: Iterable[tuple[int, str]], share: float = SHARE
) -> list[Overlap]:
    """The questions of `asked`, by id, that overlap one of `seen`, in their order.

    Args:
        asked: the questions that are to be measured on; they are held in memory.
        seen: row numbers and questions, any number of them, read once.
        share: the least share of a question's runs that counts, in (0, 1].
    """
    lengths: dict[str, int] = {}
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, question in asked.items():
        found = runs(question)
        lengths[name] = len(found)
        for run in found:
            holders[run].append(name)
    same = {name: normalised(question) for name, question in asked.items()}
    best: dict[str, _Match] = {}
    for row, question in seen:
        common = Counter(name for run in runs(question) for name in holders.get(run, ()))
        text = normalised(question) if common else ""
        for name, count in common.items():
            match = _Match(count / lengths[name], text == same[name], row)
            if name not in best or _closeness(match) > _closeness(best[name]):
                best[name] = match
    return [
        Overlap(name, best[name].share, best[name].copy, best[name].row, question)
        for name, question in asked.items()
        if name in best and best[name].share >= share
    ]


def runs(question: str) -> set[tuple[str, ...]]:
    """All runs of 8 tokens; of a shorter question the whole."""
    tokens = TOKEN.findall(question.casefold())
    starts = range(max(1, len(tokens) - TOKENS + 1))
    return {tuple(tokens[start : start + TOKENS]) for start in starts}


def _closeness(match: _Match) -> tuple[bool, float]:
    return match.copy, match.share


def asked_of(source: str) -> dict[str, str]:
    """The questions of a dataset by the ids that a run gives them. Raises `DatasetError`."""
    name, rest = source_of(source)
    config = DatasetConfig(path=rest) if name is None else DatasetConfig(name=name, split=rest)
    _, pairs = read_items(config)
    questions = {
        item.problem.id: question_of(fields)
        for fields, item in pairs
        if not isinstance(item, BadRow)
    }
    return {id: question for id, question in questions.items() if question is not None}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser("python -m benchmarks.datasets.overlap", description=about)
    source = "NAME, NAME/SPLIT or FILE"
    parser.add_argument("asked", help=f"the questions to look for: {source}")
    parser.add_argument("seen", help=f"where to look for them: {source}")
    parser.add_argument(
        "--share", type=_share, default=SHARE, help="that counts, default %(default)s"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="a file for dataset.exclude")
    parser.add_argument("--json", action="store_true", help="one object with rows, not a table")
    return parser.parse_args(arguments)


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return share


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found; 2 for data that cannot be used."""
    options = parse(arguments)
    try:
        asked = asked_of(options.asked)
        found = find_overlaps(asked, read_questions(file_of(options.seen)), options.share)
        if options.output is not None:
            _write(options.output, found)
    except (DatasetError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        rows = [asdict(overlap) for overlap in found]
        print(json.dumps({"questions": len(asked), "share": options.share, "rows": rows}))
        return 0
    _print_table(found)
    copies = sum(overlap.copy for overlap in found)
    print(f"{len(found)} of {len(asked)} questions are in {options.seen}, {copies} word for word")
    return 0


def _write(path: Path, found: Sequence[Overlap]) -> None:
    try:
        path.write_text("".join(json.dumps(asdict(overlap)) + "\n" for overlap in found), "utf-8")
    except OSError as error:
        raise DatasetError(str(path), f"cannot be written: {error.strerror or error}") from None


def _print_table(found: Sequence[Overlap]) -> None:
    table = Table("id", "share", "row", "question", box=SIMPLE_HEAD)
    for cells in _cells(found):
        table.add_row(*map(Text, cells))
    if found:
        Console(width=None if sys.stdout.isatty() else 160).print(table)


def _cells(found: Sequence[Overlap]) -> Iterator[tuple[str, str, str, str]]:
    for overlap in found:
        share = "copy" if overlap.copy else f"{overlap.share:.0%}"
        text = normalised(overlap.problem)[:SHOWN]
        yield _printable(overlap.id), share, str(overlap.row), _printable(text)


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "·" for sign in text)


if __name__ == "__main__":
    sys.exit(main())
