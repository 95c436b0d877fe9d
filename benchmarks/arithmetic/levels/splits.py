"""The frozen train, validation and test problems with levels, as JSONL beside this file.

`python -m benchmarks.arithmetic.levels.splits` writes the files anew, `--check` compares them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.arithmetic import splits
from benchmarks.arithmetic.levels.problems import LevelProblem, problems

FOLDER = Path(__file__).parent / "data"
SEED = 20_261_128
SIZES: Mapping[str, int] = {"test": 500, "validation": 200, "train": 300}
"""Problems of each split: as many of every level, the levels in turn."""


def draw_splits() -> dict[str, list[LevelProblem]]:
    """Draws all splits from one stream without repeats, so no chain is in two of them."""
    stream = problems(SEED)
    return {split: list(islice(stream, size)) for split, size in SIZES.items()}


def write_row(problem: LevelProblem) -> str:
    """Returns the JSON line of a problem: that of any chain, and its level."""
    return json.dumps({**json.loads(splits.write_row(problem)), "level": problem.level})


def read_row(line: str) -> LevelProblem:
    """Returns the problem of a JSON line written by `write_row`."""
    return problem_of(json.loads(line))


def problem_of(row: Mapping[str, Any]) -> LevelProblem:
    """Returns the problem of a row."""
    plain = splits.problem_of(row)
    return LevelProblem(
        plain.kind, plain.start, plain.operations, plain.question, level=row["level"]
    )


@cache
def read_split(split: str) -> tuple[LevelProblem, ...]:
    """Returns the problems of `train`, `validation` or `test` in file order."""
    lines = (FOLDER / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(map(read_row, lines))


def held_out_keys() -> frozenset[str]:
    """Returns the keys of all validation and test problems: training must not draw them."""
    return frozenset(p.key for split in ("validation", "test") for p in read_split(split))


def main(arguments: list[str] | None = None) -> int:
    """Writes the split files, or with --check reports whether they are what would be written."""
    lines = {split: list(map(write_row, rows)) for split, rows in draw_splits().items()}
    return splits.command(arguments, __doc__.partition("\n")[0], FOLDER, lines)


if __name__ == "__main__":
    sys.exit(main())
