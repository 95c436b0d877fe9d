"""A sweep over doubles in a folder of its own, and the ports that note what it asks."""

import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.ports import Failure, Policy, PolicyCall, PolicyReply, Scorer, ScorerCall, ScorerReply
from treewright.cli import main
from treewright.cluster.cluster import ClusterError
from treewright.cluster.gpu_meter import GpuMeter
from treewright.running import session

Write = Callable[[str], None]

BASE = """
name: alone
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline, problems_in_flight: 2}
grading: {kind: numeric}
"""
GRID = """
  grid:
    strategy: [{kind: best_of_n, n: 5}, {kind: beam, paths: 4, children: 2}, {kind: dvts, paths: 4}]
    aggregate: [min, product, last, mean]
    select: [first, best, weighted, majority]
"""
INDEX = Path("runs/swept/sweep.json")


@dataclass
class Ports(Policy, Scorer):
    """The scripted ports, with a note of which run asked; after `stop_at` calls they say stop."""

    stop_at: int = 0
    refused: str = ""
    opened: list[object] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    cache: str = ""
    on_asked: Callable[["Ports"], None] = lambda ports: None

    def __post_init__(self) -> None:
        self.policy, self.scorer, self.gpus = self, self, GpuMeter()

    def apart(self, cache: str) -> "Ports":
        return Ports(self.stop_at, self.refused, self.opened, self.asked, cache, self.on_asked)

    def stats(self) -> dict[str, Any]:
        return {}

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        self.asked.append(self.cache)
        self.on_asked(self)
        if len(self.asked) == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return await ScriptedPolicy(ScriptedPolicyConfig()).extend(batch)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        return await ScriptedScorer(ScriptedScorerConfig()).judge(batch)


def sweeping(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Eight problems and a config; writes sweep.yaml over it, whose `sweep:` is line 3."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    rows = (json.dumps({"problem": f"{number} + 1?", "answer": number + 1}) for number in range(8))
    Path("data.jsonl").write_text("\n".join(rows))
    Path("config.yaml").write_text(BASE)

    def written(sweep: str) -> None:
        Path("sweep.yaml").write_text(f"extends: config.yaml\nname: swept\nsweep: {sweep}")

    written(GRID)
    return written


def watched(monkeypatch: pytest.MonkeyPatch) -> Ports:
    """The ports that every session gets from now on."""
    shared = Ports()

    @asynccontextmanager
    async def opened(
        cluster: object, policy: object, scorer: object, tell: object, meter: object
    ) -> AsyncIterator[Ports]:
        if shared.refused and shared.refused in repr(policy):
            raise ClusterError("the policy cannot be started: no such model")
        shared.opened.append(policy)
        yield shared

    monkeypatch.setattr(session, "open_cluster", opened)
    return shared


def index() -> list[dict[str, Any]]:
    """The cells of sweep.json."""
    cells: list[dict[str, Any]] = json.loads(INDEX.read_text())["cells"]
    return cells


def runs() -> list[Path]:
    """The run folders of the sweep."""
    return [path.parent for path in Path("runs/swept").glob("*/manifest.json")]


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command ends with, at exit code 2."""
    assert main(arguments) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    return told[0]
