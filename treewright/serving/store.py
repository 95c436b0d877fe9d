"""The run folder of each question that was asked: `view`, `report` and `tree` open it by its id."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

from benchmarks.datasets import DatasetConfig, Sample, load_dataset
from benchmarks.datasets.asked import row_of
from search.core import Problem
from treewright.config.config import Config
from treewright.config.fingerprint import asked_identity
from treewright.running.job import begin
from treewright.running.run_folder import RunFolder, environment
from treewright.serving.catalogue import Plan

QUESTION = "question.jsonl"
SUFFIX = "-served"


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
        return cls(
            (Path(config.output_dir) / f"{config.name}{SUFFIX}").absolute(), keep, environment()
        )

    def begin(self, plan: Plan, problem: Problem) -> Kept:
        """A new run that asks this one question. Raises `RunFolderError`, `RunWriteError`."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        folder = RunFolder(self.root / f"{stamp}-{secrets.token_hex(8)}")
        folder.make()
        folder.write_text(QUESTION, json.dumps(row_of(problem)) + "\n")
        config = asking(plan.config, folder.path / QUESTION)
        dataset = load_dataset(config.dataset)
        identity: Mapping[str, str] = asked_identity(config, dataset.digest)
        begin(folder, config, {**plan.identity, **identity}, self.environment)
        return Kept(folder, config, dataset.samples[0])

    def tidy(self) -> None:
        """Delete the oldest runs above `keep`."""
        runs = sorted(path for path in self.root.iterdir() if path.is_dir())
        for old in runs[: max(0, len(runs) - self.keep)]:
            rmtree(old, ignore_errors=True)


def asking(config: Config, file: Path) -> Config:
    """The config over the question in this file."""
    said = {"path": str(file), "reference": False}
    written = {**config.written, "name": config.name, "dataset": said}
    dataset = DatasetConfig(path=str(file), reference=False)
    return replace(config, dataset=dataset, written=written)
