"""The frozen train, validation and test problems, as JSONL beside this file.

`python -m benchmarks.arithmetic.splits` writes the files anew, `--check` compares them instead.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.arithmetic.problems import LevelProblem, Operation, problems

FOLDER = Path(__file__).parent / "data"
SEED = 20_261_128
SIZES: Mapping[str, int] = {"test": 500, "validation": 200, "train": 300}
"""Problems of each split: as many of every level, the levels in turn."""


def draw_splits() -> dict[str, list[LevelProblem]]:
    """Draws all splits from one stream without repeats, so no chain is in two of them."""
    stream = problems(SEED)
    return {split: list(islice(stream, size)) for split, size in SIZES.items()}


def write_row(problem: LevelProblem) -> str:
    """Returns the JSON line of a problem: what a dataset reads, the symbolic form, the level."""
    row = {
        "id": problem.id,
        "problem": problem.question,
        "answer": str(problem.answer),
        "kind": problem.kind,
        "steps": len(problem.operations),
        "start": problem.start,
        "operations": [[o.symbol, o.operand] for o in problem.operations],
        "level": problem.level,
    }
    return json.dumps(row)


def read_row(line: str) -> LevelProblem:
    """Returns the problem of a JSON line written by `write_row`."""
    return problem_of(json.loads(line))


def problem_of(row: Mapping[str, Any]) -> LevelProblem:
    """Returns the problem of a row."""
    operations = tuple(Operation(symbol, operand) for symbol, operand in row["operations"])
    return LevelProblem(row["kind"], row["start"], operations, row["problem"], row["level"])


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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args(arguments).check
    different = []
    for split, drawn in draw_splits().items():
        text, path = "".join(write_row(each) + "\n" for each in drawn), FOLDER / f"{split}.jsonl"
        if not check:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            different.append(path.name)
    if different:
        print(f"{FOLDER}: differ from the generator: {', '.join(different)}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
