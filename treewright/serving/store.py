"""The run folder of each question that was asked: `view`, `report` and `tree` open it by its id."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

from benchmarks.datasets import DatasetConfig, Sample, load_dataset
from benchmarks.datasets.asked import row_of
from search.core import Problem
from treewright.config.config import Config
from treewright.config.fingerprint import asked_identity
from treewright.files.writing import make_folder
from treewright.running.job import begin
from treewright.running.lock import LockError, RunLock
from treewright.running.run_folder import RunFolder, environment

QUESTION = "question.jsonl"
SUFFIX = "-served"
FOLDER = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}")


@dataclass(frozen=True)
class Kept:
    """One question's run: its config, and its folder, whose id is `NAME-served/FOLDER`."""

    folder: RunFolder
    config: Config
    sample: Sample

    @property
    def id(self) -> str:
        """What `treewright view` is given."""
        return f"{self.folder.path.parent.name}/{self.folder.path.name}"


@dataclass(frozen=True)
class Store:
    """Runs of single questions below `root`; the newest `keep` of them are kept."""

    root: Path
    keep: int
    environment: Mapping[str, object]
    """What each of them says of this machine."""

    @classmethod
    def of(cls, config: Config, keep: int) -> Store:
        """In the config's output folder."""
        root = (Path(config.output_dir) / f"{config.name}{SUFFIX}").absolute()
        return cls(root, keep, environment())

    def begin(self, config: Config, problem: Problem) -> Kept:
        """A run that asks this one question, ready to be searched. Raises `RunFolderError`."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        folder = RunFolder(self.root / f"{stamp}-{secrets.token_hex(8)}", durable=False)
        folder.make()
        make_folder(folder.path, "journal")
        return Kept(folder, asking(config, folder.path / QUESTION), Sample(problem, None, {}))

    def describe(self, kept: Kept, identity: Mapping[str, str]) -> None:
        """Write what the run says of itself; that it is a run is said last.

        `identity`: of its config, but for what is asked. Raises `RunWriteError`.
        """
        kept.folder.write_text(QUESTION, json.dumps(row_of(kept.sample.problem)) + "\n")
        dataset = load_dataset(kept.config.dataset)
        own = asked_identity(kept.config, dataset.digest)
        begin(kept.folder, kept.config, {**identity, **own}, self.environment)

    def find(self, id: str) -> Path | None:
        """The folder of the run with this id; None where there is none any more."""
        name, _, folder = id.partition("/")
        path = self.root / folder
        there = name == self.root.name and FOLDER.fullmatch(folder) and path.is_dir()
        return path if there else None

    def tidy(self) -> None:
        """Delete the oldest runs above `keep`, but for those that are being searched."""
        runs = sorted(path for path in self.root.iterdir() if FOLDER.fullmatch(path.name))
        for old in runs[: max(0, len(runs) - self.keep)]:
            with suppress(LockError, OSError), RunLock(old):
                rmtree(old, ignore_errors=True)


def asking(config: Config, file: Path) -> Config:
    """The config over the question in this file."""
    said = {"path": str(file), "reference": False}
    written = {**config.written, "name": config.name, "dataset": said}
    dataset = DatasetConfig(path=str(file), reference=False)
    return replace(config, dataset=dataset, written=written)
