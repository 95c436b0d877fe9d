"""A verification on disk: a scorer's judgements of labelled solutions, in a folder like a run's.

<output_dir>/verify/<name>/<utc>-<fingerprint8>/
  verification.json STATUS config.yaml config.resolved.yaml env.json
  journal/driver.jsonl             # every judgement, durable before it is counted
  metrics.json report.html plots/  # derived
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from benchmarks.datasets.labelled import LabelledData
from treewright.config.config import Config
from treewright.config.fingerprint import identity_of
from treewright.files.opening import UnsafeFile, is_plain_file
from treewright.files.reading import read_json
from treewright.files.writing import make_folder
from treewright.journal.journal import Journal
from treewright.running.job import at_work, write_config
from treewright.running.run_folder import (
    VERIFICATION,
    VERIFICATIONS,
    RunFolder,
    Status,
    environment,
)

ASKED = ("seed", "dataset")
"""Keys of a run's identity that count here, with those of the scorer and of versions."""


@dataclass(frozen=True)
class Verification:
    """The scorer of a config over labelled solutions; its folder is None until it has begun.

    `called` tells it from those beside it.
    """

    config: Config
    data: LabelledData
    called: str
    folder: RunFolder | None = None

    @classmethod
    def of(cls, config: Config, data: LabelledData, called: str) -> Verification:
        """With the newest folder of this scorer over these data, where there is one."""
        made = cls(config, data, called)
        return replace(made, folder=made.found())

    @property
    def home(self) -> Path:
        """Where those of its name are."""
        return Path(self.config.output_dir) / VERIFICATIONS / self.config.name

    @property
    def identity(self) -> dict[str, str]:
        """A digest for every dotted key that can change a judgement."""
        facts = identity_of(self.config, self.data.digest)
        kept = (key for key in facts if key in ASKED or key.startswith(("scorer.", "versions.")))
        return {key: facts[key] for key in kept}

    @property
    def fingerprint(self) -> str:
        """64 hex digits; the first 8 name the folder."""
        return sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be asked."""
        return self.folder is not None and self.folder.status() is Status.COMPLETE

    @property
    def run(self) -> RunFolder:
        """The folder of a verification that has begun."""
        assert self.folder is not None
        return self.folder

    def found(self) -> RunFolder | None:
        """The newest folder that says it is of this fingerprint."""
        wanted = self.fingerprint
        for path in sorted(self.home.glob(f"*-{wanted[:8]}"), reverse=True):
            if fingerprint_in(path) == wanted:
                return RunFolder(path)
        return None

    def begun(self) -> Verification:
        """With a folder, which says what it is."""
        if self.folder is not None:
            return self
        folder = RunFolder.create(self.home.parent, self.config.name, self.fingerprint)
        make_folder(folder.path, "journal")
        write_config(folder, self.config)
        folder.write_json("env.json", environment())
        folder.write_json(
            VERIFICATION,
            {
                "name": self.config.name,
                "fingerprint": self.fingerprint,
                "identity": self.identity,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "data": self.data.name,
                "subsets": self.data.subsets,
                "solutions": len(self.data.solutions),
            },
        )
        return replace(self, folder=folder)

    @contextmanager
    def at_work(self) -> Iterator[Journal]:
        """Its journal, under its lock; whatever ends the block early shows in STATUS."""
        with at_work(self.run, self.config) as journal:
            yield journal


def fingerprint_in(folder: Path) -> str | None:
    """What a folder says that it is of; None where it is no verification's."""
    if not is_plain_file(folder, VERIFICATION):
        return None
    try:
        told = read_json(folder, VERIFICATION)
    except (OSError, ValueError, UnsafeFile):
        return None
    said = told.get("fingerprint") if isinstance(told, dict) else None
    return said if isinstance(said, str) else None
