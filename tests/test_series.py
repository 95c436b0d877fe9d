"""Series: many runs, one set of engines, each run as if it were alone."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.no_scorer import NoScorerConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.ports import Failure, Policy, PolicyCall, PolicyReply, Scorer, ScorerCall, ScorerReply
from treewright.cli import main
from treewright.cluster.gpu_meter import GpuMeter
from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.running import session
from treewright.running.run_folder import Status
from treewright.running.series import SeriesError, engines, planned, work_off

CONFIG = """
name: alone
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 3}
cluster: {backend: inline, problems_in_flight: 2}
grading: {kind: numeric}
"""
CELLS = {
    "wide": ["strategy.n=5"],
    "votes": ["strategy.kind=majority", "strategy.n=4"],
    "beam": ["strategy.kind=beam", "strategy.paths=4", "strategy.children=2"],
}


@dataclass
class Ports(Policy, Scorer):
    """The scripted ports, with a note of which run asked; after `stop_at` calls they say stop."""

    stop_at: int = 0
    opened: list[object] = field(default_factory=list)
    caches: list[str] = field(default_factory=list)
    cache: str = ""

    def __post_init__(self) -> None:
        self.policy, self.scorer, self.gpus = self, self, GpuMeter()

    def apart(self, cache: str) -> "Ports":
        return Ports(self.stop_at, self.opened, self.caches, cache)

    def stats(self) -> dict[str, Any]:
        return {}

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        self.caches.append(self.cache)
        if len(self.caches) == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return await ScriptedPolicy(ScriptedPolicyConfig()).extend(batch)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        return await ScriptedScorer(ScriptedScorerConfig()).judge(batch)


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """Three runs over the same eight problems."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    rows = (json.dumps({"problem": f"{number} + 1?", "answer": number + 1}) for number in range(8))
    Path("data.jsonl").write_text("\n".join(rows))
    Path("config.yaml").write_text(CONFIG)
    return [load_config("config.yaml", [f"name={name}", *said]) for name, said in CELLS.items()]


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Ports:
    shared = Ports()

    @asynccontextmanager
    async def opened(
        cluster: object, policy: object, scorer: object, tell: object, meter: object
    ) -> AsyncIterator[Ports]:
        shared.opened.append(scorer)
        yield shared

    monkeypatch.setattr(session, "open_cluster", opened)
    return shared


def metrics(runs: Path) -> dict[str, bytes]:
    """The figures by run name."""
    return {path.parts[-3]: path.read_bytes() for path in runs.glob("*/*/metrics.json")}


def test_a_run_of_a_series_has_the_figures_that_it_has_alone(configs: list[Config]) -> None:
    asyncio.run(work_off(planned(configs), at_once=3))
    for name, said in CELLS.items():
        assert main(["run", "config.yaml", f"name={name}", "output_dir=alone", *said]) == 0
    assert metrics(Path("runs")) == metrics(Path("alone"))


def test_all_runs_share_one_set_of_engines_and_each_has_its_own_prefix_cache(
    configs: list[Config], ports: Ports
) -> None:
    runs = asyncio.run(work_off(planned(configs), at_once=2))
    assert len(ports.opened) == 1
    assert {str(run.folder.path) for run in runs if run.folder} == set(ports.caches)
    assert all(run.complete for run in runs)


def test_what_is_complete_is_not_asked_again_nor_are_engines_started(
    configs: list[Config], ports: Ports
) -> None:
    first = asyncio.run(work_off(planned(configs[:2]), at_once=2))
    asked = len(ports.caches)
    assert asyncio.run(work_off(planned(configs[:2]), at_once=2)) == first
    assert (len(ports.opened), len(ports.caches)) == (1, asked)
    asyncio.run(work_off(planned(configs), at_once=2))
    assert len(ports.opened) == 2
    assert {Path(cache).parent.name for cache in ports.caches[asked:]} == {"beam"}


def test_told_to_stop_it_finishes_what_is_in_flight_and_goes_on_the_next_time(
    configs: list[Config], ports: Ports
) -> None:
    ports.stop_at = 12
    stopped = asyncio.run(work_off(planned(configs), at_once=1))
    statuses = [run.folder.status() if run.folder else None for run in stopped]
    assert statuses == [Status.INTERRUPTED, None, None]
    assert len(ports.caches) < 8 * 5
    ports.stop_at = 0
    assert all(run.complete for run in asyncio.run(work_off(stopped, at_once=1)))
    assert len(ports.caches) == 8 * 5 + 8 * 4 + ports.caches.count(ports.caches[-1])


def test_the_scorer_is_that_of_the_runs_that_judge(configs: list[Config]) -> None:
    wide, votes, _ = configs
    assert engines([votes, wide])[1] == wide.scorer
    assert engines([votes]) == (votes.policy, NoScorerConfig())


@pytest.mark.parametrize("change", ["policy.accuracy=0.1", "scorer.skill=0.1", "cluster.cpus=2"])
def test_runs_that_need_other_engines_are_refused(configs: list[Config], change: str) -> None:
    other = load_config("config.yaml", ["name=other", change])
    with pytest.raises(SeriesError, match=f"wide and other differ in {change.partition('.')[0]}"):
        planned([*configs, other])
