"""Results of runs that a study keeps in a folder, a file per run.

A page can be made of them without the runs, on another machine too: so a long study can be worked
off in parts. A file is text, packed: a first line that says of which run it is, then one line per
problem with its candidates.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.grading import Outcome
from search.core import Missing, Score
from treewright.arms.graded import Graded
from treewright.comparing.pairing import ONLY_SPEED
from treewright.config.fingerprint import fingerprint
from treewright.files.writing import write_bytes
from treewright.running.job import Job
from treewright.studies.page import StudyError
from treewright.studies.seen import Seen

Fields: TypeAlias = Mapping[str, Any]
SUFFIX = ".jsonl.gz"
MOST = 256 * 2**20
"""Bytes of a file, unpacked."""


@dataclass(frozen=True)
class SeenRun:
    """The searches of a run that ended, and how many of its problems have a failure."""

    problems: Sequence[Seen]
    failures: int = 0


@dataclass(frozen=True)
class Kept:
    """The folder; None: nothing is kept."""

    folder: Path | None = None

    def read(self, job: Job) -> SeenRun | None:
        """What is kept of this very run, None where nothing is.

        Raises `StudyError` for what is of another config, data or models, and for a damaged file. A
        file that does not say how it was graded is taken as it is: earlier versions wrote none.
        """
        path = self._path(job)
        if path is None or not path.exists():
            return None
        try:
            header, *problems = _lines(path)
            said = _identity(job)
            same = header["fingerprint"] == said["fingerprint"]
            same = same and header.get("grading", said["grading"]) == said["grading"]
            run = SeenRun([_seen(each) for each in problems], int(header["failures"]))
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
            raise StudyError(
                f"{path}: cannot be read ({type(error).__name__}): remove it, and it is made anew"
            ) from error
        if not same:
            raise StudyError(
                f"{path}: is of another config, data, model, version or grading: name another "
                "folder, or remove it"
            )
        return run

    def write(self, job: Job, run: SeenRun) -> None:
        """Keep it. Raises `StudyError` where it cannot be written."""
        path = self._path(job)
        if path is None:
            return
        header = {"run": job.config.name, **_identity(job), "failures": run.failures}
        lines = [header, *(_fields(each) for each in run.problems)]
        text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in lines)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path.parent, path.name, gzip.compress(text.encode(), mtime=0))
        except OSError as error:
            raise StudyError(f"{path}: cannot be written: {error.strerror}") from error

    def _path(self, job: Job) -> Path | None:
        return None if self.folder is None else self.folder / f"{job.config.name}{SUFFIX}"


def _identity(job: Job) -> dict[str, str]:
    """What tells this run's results from others: what was asked, and how it was graded."""
    grading = job.config.grading
    rules = {f.name: getattr(grading, f.name) for f in fields(grading) if f.name not in ONLY_SPEED}
    return {
        "fingerprint": fingerprint(job.config, job.dataset.digest),
        "grading": json.dumps(rules, sort_keys=True),
    }


def _lines(path: Path) -> Iterator[Fields]:
    with gzip.open(path) as file:
        text = file.read(MOST + 1)
    if len(text) > MOST:
        raise ValueError(f"over {MOST} bytes")
    yield from map(json.loads, text.splitlines())


def _fields(seen: Seen) -> Fields:
    graded = seen.graded
    return {
        "problem": graded.id,
        "outcomes": graded.outcomes,
        "groups": graded.groups,
        "scores": {name: [_said(score) for score in all] for name, all in graded.scores.items()},
        "prices": graded.prices,
        "flat": graded.flat,
        "steps": seen.steps,
        "drawn": seen.drawn,
        "ended_by": seen.ended_by,
    }


def _seen(said: Fields) -> Seen:
    """Raises KeyError, TypeError or ValueError where it is none."""
    outcomes = tuple(map(Outcome, said["outcomes"]))
    prices = tuple((_count(policy), _count(verifier)) for policy, verifier in said["prices"])
    scores = {str(name): tuple(map(_score, all)) for name, all in said["scores"].items()}
    groups, steps = tuple(map(_count, said["groups"])), tuple(map(int, said["steps"]))
    sizes = {
        len(outcomes),
        len(prices) - 1,
        len(steps) - 1,
        len(groups),
        *map(len, scores.values()),
    }
    if len(sizes) != 1:
        raise ValueError("not aligned")
    graded = Graded(str(said["problem"]), outcomes, groups, scores, prices, bool(said["flat"]))
    return Seen(graded, steps, int(said["drawn"]), str(said["ended_by"]))


def _said(score: Score) -> float | str:
    return score.reason if isinstance(score, Missing) else score


def _score(said: object) -> Score:
    if isinstance(said, str):
        return Missing(said)
    if isinstance(said, (int, float)):
        return float(said)
    raise TypeError("neither a score nor a reason")


def _count(said: object) -> int | None:
    if said is None or type(said) is int:
        return said
    raise TypeError("neither a whole number nor nothing")
