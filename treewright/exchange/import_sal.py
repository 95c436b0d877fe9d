"""The verb `import`: a file of completions becomes a complete run.

The completions go on record as replies (`recording`), so `score`, `tree` and all other verbs work
on it. Of a file with a fault nothing is made.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.datasets import DATASETS, Dataset, DatasetError, load_dataset
from benchmarks.datasets.files import user_path
from treewright.config.kinds import IMPORTED
from treewright.config.load import config_from
from treewright.errors import ConfigError, suggest
from treewright.exchange.completions import Completed, read_completions
from treewright.exchange.matching import pair
from treewright.exchange.recording import record
from treewright.exchange.step_splitting import split_steps
from treewright.running.experiment import go_on
from treewright.running.job import Job

PROBLEMS = "problems.jsonl"
"""The file in the run's folder that holds the problems, where no dataset is named."""


async def import_completions(
    file: Path,
    dataset: str | None,
    name: str | None,
    overrides: Sequence[str],
    *,
    as_json: bool = False,
) -> int:
    """Make the run, or finish it; a file that was imported before gives the same run.

    Args:
        file: rows of completions.
        dataset: a name or a file; None: the problems are those of the rows.
        name: of the run; None: after the file.
        overrides: `key=value` of the run's config, as `run` takes them.
        as_json: print one object in place of the table.

    Returns the exit code.

    Raises:
        DatasetError: for a fault of the file, or a row that is about no problem of the dataset.
        ConfigError: for an override that cannot be.
    """
    path = user_path(str(file))
    given = read_completions(path)
    rows = given.rows
    digest = sha256(path.read_bytes()).hexdigest()
    overrides = [f"name={name or _name(path)}", *overrides]
    data, section = _problems(path, rows, dataset, overrides)
    completions = pair(path, rows, data)
    counts = {id: len(texts) for id, texts in completions.items()}
    settings = _settings(section, digest, rows, counts)
    config = config_from(settings, overrides=overrides)
    job = Job.of(config, data).begun()
    folder = job.run
    if dataset is None:
        folder.write_text(PROBLEMS, _own_problems(rows))
        own = (folder.path / PROBLEMS).absolute()
        config = config_from({**settings, "dataset": {"path": str(own)}}, overrides=overrides)
        job = replace(job, config=config)
    facts = Facts.of(path, digest, rows)
    folder.write_json("manifest.json", {**folder.manifest(), "imported": asdict(facts)})
    for note in [*given.notes, *facts.notes()]:
        print(note, file=sys.stderr)
    with job.at_work() as journal:
        await record(data.samples, completions, config.strategy, journal, config.seed)
    return await go_on(job, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the manifest says of the file: where it was, its digest, and what it does not tell.

    Counts of completions: `unjudged` have no scores, `uncounted` no number of tokens, `guessed`
    not as many steps as scores; of rows: `unstopped` do not say why their completions ended.
    """

    file: str
    sha256: str
    rows: int
    completions: int
    unjudged: int
    uncounted: int
    guessed: int
    unstopped: int

    @classmethod
    def of(cls, path: Path, digest: str, rows: Sequence[Completed]) -> Facts:
        """Count."""
        all = [completion for row in rows for completion in row.completions]
        return cls(
            file=str(path.absolute()),
            sha256=digest,
            rows=len(rows),
            completions=len(all),
            unjudged=sum(not each.scores for each in all),
            uncounted=sum(each.tokens is None for each in all),
            guessed=sum(not split_steps(each.text, len(each.scores))[1] for each in all),
            unstopped=sum(not row.tells_stops for row in rows),
        )

    def notes(self) -> list[str]:
        """What a person should hear, one line each."""
        lacks = {
            "have no scores: they are candidates without one": self.unjudged,
            "have no token count: how many were generated is unknown": self.uncounted,
            "have not as many steps as scores: where their steps end is a guess": self.guessed,
        }
        notes = [
            f"note: {n} of {self.completions} completions {what}" for what, n in lacks.items() if n
        ]
        if self.unstopped:
            notes.append("note: nothing tells which completions were cut: all count as finished")
        notes.append(
            "note: nobody counted the prompts and what the verifier spent: costs are unknown"
        )
        return notes


def _settings(
    section: Mapping[str, Any], digest: str, rows: Sequence[Completed], counts: Mapping[str, int]
) -> dict[str, Any]:
    """The run's config, as a mapping; `counts` of completions by problem id."""
    most = max(counts.values(), default=1)
    judged = any(each.scores for row in rows for each in row.completions)
    ports = {"kind": IMPORTED, "sha256": digest}
    strategy = {
        "kind": IMPORTED,
        "n": most,
        "fewer": {id: count for id, count in counts.items() if count < most},
        "judged": judged,
    }
    return {
        "dataset": dict(section),
        "policy": ports,
        "scorer": ports if judged else {"kind": "none"},
        "strategy": strategy,
        "cluster": {"backend": "inline"},
    }


def _problems(
    path: Path, rows: Sequence[Completed], dataset: str | None, overrides: Sequence[str]
) -> tuple[Dataset, dict[str, str]]:
    """The problems, and the section `dataset` of the config. Raises `DatasetError`."""
    if dataset is not None:
        section = _section(dataset)
        config = config_from(_settings(section, "", rows, {}), overrides=overrides)
        return load_dataset(config.dataset), section
    with TemporaryDirectory() as folder:
        own = Path(folder) / PROBLEMS
        own.write_text(_own_problems(rows), encoding="utf-8")
        section = {"path": str(own)}
        config = config_from(_settings(section, "", rows, {}), overrides=overrides)
        try:
            data = load_dataset(config.dataset)
        except DatasetError as error:
            where = str(path) if error.file == str(own) else error.file
            raise DatasetError(where, error.what, error.hint, error.row) from None
    if data.bad_rows:
        bad = data.bad_rows[0]
        raise DatasetError(str(path), bad.reason, "mend or remove it", bad.number)
    return data, section


def _section(dataset: str) -> dict[str, str]:
    if dataset in DATASETS:
        return {"name": dataset}
    if not user_path(dataset).exists():
        problem = "no such file, and no dataset of that name"
        raise ConfigError("command line", "--dataset", dataset, problem, suggest(dataset, DATASETS))
    return {"path": dataset}


def _own_problems(rows: Iterable[Completed]) -> str:
    """JSON Lines of the rows without their completions, each in the line that it had."""
    lines: list[str] = []
    for row in rows:
        lines += [""] * (row.number - 1 - len(lines))
        lines.append(json.dumps(row.problem))
    return "\n".join(lines) + "\n"


def _name(path: Path) -> str:
    """A name for the run: the file's, with what cannot name a folder left out."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:100] or "imported"
