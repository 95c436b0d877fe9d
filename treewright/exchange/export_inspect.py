"""A run as a log of inspect_ai, whose viewer opens it (`inspect view`).

An `.eval` file is a zip: `header.json` (the log without its samples), `summaries.json` (a little of
each sample) and `samples/<id>_epoch_<n>.json`. Every problem is a sample, every arm a scorer; see
`inspect_sample`. Figures that nobody knows are not there, scores that nobody knows are NaN, as
inspect_ai writes them. The journal keeps no times: the events have that of the run's begin.
Source: UKGovernmentBEIS/inspect_ai, src/inspect_ai/log/_log.py and log/_recorders/eval.py, version
0.3.285 (log format 2).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import datetime
from statistics import stdev
from tempfile import TemporaryFile
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from benchmarks.datasets import Sample
from benchmarks.estimators.expected import Share, expected
from engines.traits import traits_of
from treewright.arms.solved import Solved
from treewright.config.kinds import kind_of
from treewright.exchange.chosen import arms, chosen
from treewright.exchange.inspect_sample import failed_sample, sample_of
from treewright.exchange.samples import storable
from treewright.exchange.writer import Ordered, RunWriter
from treewright.running.controller import Failed
from treewright.running.recorded import RecordedRun
from treewright.running.run_folder import RESTORE, RunFolderError, Status

VERSION = 2
LONGEST_THIN = 1024
"""Characters of a text in a summary."""
SIDES = ("policy", "verifier")
STATUSES = {Status.COMPLETE: "success", Status.INCOMPLETE: "error", Status.RUNNING: "started"}


class InspectWriter(RunWriter):
    """The zip, a sample at a time. Summaries wait on disk."""

    def __init__(self, ordered: Ordered) -> None:
        super().__init__(ordered)
        self.manifest = told(self.run)
        self.model = model_of(self.run, "policy")
        self.shares: dict[str, list[Share]] = {str(arm): [] for arm in arms(self.run)}
        self.usage: dict[str, Counter[str]] | None = {side: Counter() for side in SIDES}
        self.failed = 0
        self.zip = ZipFile(self.file, "w", ZIP_DEFLATED)
        self.summaries = TemporaryFile()  # noqa: SIM115 - `close` closes it
        self.summaries.write(b"[")

    def add(self, number: int, sample: Sample, solved: Solved) -> None:
        """A problem's sample."""
        made = sample_of(self.run, sample, solved, self.model, self.manifest["created"])
        self._write(made)
        for each in chosen(self.run, solved):
            self.shares[str(each.arm)].append(each.share)
        if not made["role_usage"]:
            self.usage = None
        elif self.usage is not None:
            for side, counts in made["role_usage"].items():
                self.usage[side].update(counts)

    def add_failed(self, number: int, sample: Sample, failed: Failed) -> None:
        """Its sample, with the error."""
        self._write(failed_sample(sample, failed))
        self.failed += 1

    def finish(self) -> None:
        """The summaries, then the header, as inspect_ai has them."""
        self.summaries.write(b"]")
        self.summaries.seek(0)
        with self.zip.open("summaries.json", "w", force_zip64=True) as file:
            while some := self.summaries.read(1 << 20):
                file.write(some)
        self.zip.writestr("_journal/start.json", encoded({**self._begin()}))
        self.zip.writestr("header.json", encoded(self._header()))

    def close(self) -> None:
        """End the zip."""
        self.zip.close()
        self.summaries.close()

    def _write(self, sample: dict[str, Any]) -> None:
        self.zip.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", encoded(sample))
        self.summaries.write((b"," if self.written else b"") + encoded(summary_of(sample)))
        self.written += 1

    def _begin(self) -> dict[str, Any]:
        return {"version": VERSION, "eval": self._spec(), "plan": self._plan()}

    def _header(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "status": STATUSES.get(self.run.folder.status() or Status.INTERRUPTED, "cancelled"),
            "eval": self._spec(),
            "plan": self._plan(),
            "results": {
                "total_samples": len(self.run.dataset.samples),
                "completed_samples": self.written - self.failed,
                "scores": [figures(name, shares) for name, shares in self.shares.items()],
            },
            "stats": {
                "started_at": self.manifest["created"],
                "completed_at": "",
                "model_usage": {},
                "role_usage": {side: dict(counts) for side, counts in (self.usage or {}).items()},
            },
        }

    def _spec(self) -> dict[str, Any]:
        run, manifest = self.run, self.manifest
        fingerprint = manifest["fingerprint"]
        strategy = kind_of("strategy", run.config.strategy)
        verifier = model_of(run, "scorer")
        return {
            "eval_id": fingerprint[:22],
            "run_id": fingerprint[:22],
            "created": manifest["created"],
            "task": manifest["name"],
            "task_id": f"{manifest['name']}-{fingerprint[:8]}",
            "task_version": 0,
            "task_attribs": {},
            "task_args": {},
            "solver": strategy,
            "dataset": {
                "name": run.config.dataset.name or run.config.dataset.path,
                "samples": len(run.dataset.samples),
                "shuffled": False,
            },
            "model": self.model,
            "model_args": {},
            "model_roles": {"verifier": {"model": verifier, "config": {}, "args": {}}},
            "config": {},
            "packages": {},
            "metadata": {
                "treewright.run": manifest["name"],
                "treewright.fingerprint": fingerprint,
            },
            "scorers": [{"name": name} for name in self.shares],
        }

    def _plan(self) -> dict[str, Any]:
        solver = kind_of("strategy", self.run.config.strategy)
        return {"name": "plan", "steps": [{"solver": solver, "params": {}}], "config": {}}


def told(run: RecordedRun) -> dict[str, Any]:
    """The run's manifest, which says what a log has to. Raises `RunFolderError`."""
    manifest = run.folder.manifest()
    try:
        datetime.fromisoformat(manifest["created"])
        names = [manifest["name"], manifest["fingerprint"]]
    except (KeyError, TypeError, ValueError):
        names = [None]
    if not all(isinstance(name, str) for name in names):
        what = "does not say what the run is called, or when it began"
        raise RunFolderError(f"{run.path}/manifest.json: {what}; {RESTORE}")
    return manifest


def model_of(run: RecordedRun, section: str) -> str:
    """The checkpoint of a part, or its kind where it has none."""
    part = getattr(run.config, section)
    return traits_of(part).model or kind_of(section, part)


def figures(name: str, shares: list[Share]) -> dict[str, Any]:
    """An arm over the problems (`EvalScore`): as in the table of a run."""
    found = expected(shares)
    metrics = {}
    if found.accuracy is not None:
        metrics["accuracy"] = {"name": "accuracy", "value": found.accuracy, "params": {}}
        metrics["stderr"] = {"name": "stderr", "value": error_of(shares), "params": {}}
    decided = round(found.problems)
    return {
        "name": name,
        "scorer": name,
        "scored_samples": decided,
        "unscored_samples": len(shares) - decided,
        "params": {},
        "metrics": metrics,
    }


def error_of(shares: list[Share]) -> float:
    """The standard error of the accuracy, as inspect_ai's `stderr` has it; 0 for one problem."""
    marks = [share.right for share in shares if share.decided]
    return stdev(marks) / math.sqrt(len(marks)) if len(marks) > 1 else 0.0


def summary_of(sample: dict[str, Any]) -> dict[str, Any]:
    """The little of a sample that a list of samples shows (`EvalSampleSummary`)."""
    error = sample.get("error")
    return {
        "id": sample["id"],
        "epoch": sample["epoch"],
        "input": sample["input"][:LONGEST_THIN],
        "target": sample["target"][:LONGEST_THIN],
        "metadata": {},
        "scores": sample["scores"],
        "role_usage": sample["role_usage"],
        "error": None if error is None else error["message"],
        "completed": True,
        "message_count": len(sample["messages"]),
    }


def encoded(value: object) -> bytes:
    """As JSON in ASCII; what is not a number is NaN, as inspect_ai has it."""
    return json.dumps(storable(value)).encode("ascii")
