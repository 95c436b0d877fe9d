"""GPU-hours: what is counted, whose they are, that sessions add up, and how they are told."""

import asyncio
import json
from pathlib import Path

import pytest

from treewright.arms.gpu_time import GpuTime
from treewright.cli import main
from treewright.cluster.gpu_meter import GpuMeter
from treewright.journal.damage import JournalError
from treewright.journal.journal import Journal
from treewright.journal.records import seal
from treewright.running.gpu_hours import SharedGpus, gpu_seconds


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_a_meter_counts_each_replicas_gpus_from_its_place_to_its_end() -> None:
    clock = Clock()
    meter = GpuMeter(clock)
    whole, half = meter.take(4.0), meter.take(0.5)
    meter.take(0.0)
    clock.time = 10.0
    assert meter.seconds == 45.0
    whole()
    whole()
    clock.time = 20.0
    half()
    clock.time = 99.0
    assert meter.seconds == 40.0 + 10.0


def session(folder: Path, clock: Clock, seconds: float, gpus: float = 2.0) -> float | None:
    """One session of so many seconds, of which 5 start the engines; what is known at its end."""

    async def work() -> float | None:
        meter = GpuMeter(clock)
        meter.take(gpus)
        clock.time += 5.0
        with Journal.open(folder, durable=False) as journal:
            async with SharedGpus(meter).held(journal):
                clock.time += seconds
            return gpu_seconds(journal)

    return asyncio.run(work())


def test_sessions_of_a_run_add_up_over_a_resume(tmp_path: Path) -> None:
    assert session(tmp_path / "j", Clock(), 100.0) == 210.0
    assert session(tmp_path / "j", Clock(), 20.0) == 210.0 + 50.0
    with Journal.open(tmp_path / "j", readonly=True) as journal:
        assert gpu_seconds(journal) == 260.0


def test_without_gpus_nothing_is_known_and_nothing_is_written(tmp_path: Path) -> None:
    assert session(tmp_path / "j", Clock(), 100.0, gpus=0.0) is None
    assert (tmp_path / "j" / "driver.jsonl").read_bytes() == b""
    assert GpuTime.of(None, 2.0) is None


def test_runs_that_share_engines_share_their_time_evenly(tmp_path: Path) -> None:
    async def work() -> None:
        clock = Clock()
        meter = GpuMeter(clock)
        meter.take(1.0)
        clock.time = 10.0
        shared = SharedGpus(meter)
        with Journal.open(tmp_path / "a") as one, Journal.open(tmp_path / "b") as other:
            async with shared.held(one):
                clock.time = 20.0  # 20 for the first, with the start
                async with shared.held(other):
                    clock.time = 50.0  # 15 for each
                clock.time = 60.0  # 10 more for the first
            assert (gpu_seconds(one), gpu_seconds(other)) == (45.0, 15.0)

    asyncio.run(work())


def test_what_is_held_within_what_is_held_is_counted_once_from_the_start(tmp_path: Path) -> None:
    async def work() -> None:
        clock = Clock()
        shared = SharedGpus(GpuMeter(clock))
        with Journal.open(tmp_path) as journal:
            async with shared.held(journal):
                shared.meter.take(2.0)
                clock.time = 10.0  # the engines start
                async with shared.held(journal):
                    clock.time = 30.0
                clock.time = 35.0
            assert gpu_seconds(journal) == 70.0
            assert len(list((tmp_path / "driver.jsonl").read_bytes().splitlines())) == 1

    asyncio.run(work())


@pytest.mark.parametrize("seconds", [-1, 10**400, 1.7e308, 1e13, True, "1"])
def test_a_reading_that_is_none_is_refused(seconds: object, tmp_path: Path) -> None:
    async def work() -> None:
        with Journal.open(tmp_path) as journal:
            await journal.append("gpus", "x", {"seconds": 1.0})

    asyncio.run(work())
    (tmp_path / "driver.jsonl").write_bytes(seal("gpus", "x", {"seconds": seconds}))
    with pytest.raises(JournalError, match="not a number from 0 to 1e"):
        Journal.open(tmp_path)


def test_hours_and_their_cost_are_told_and_no_cost_without_a_price() -> None:
    assert str(GpuTime.of(11700.0, 2.0)) == "GPUs: 3.250 GPU-hours, costs 6.50"
    assert str(GpuTime.of(11700.0, None)) == "GPUs: 3.250 GPU-hours"
    free = GpuTime.of(3600.0, None)
    assert free is not None
    assert free.to_json() == {"gpu_hours": 1.0}


CONFIG = """
dataset: {name: arithmetic, limit: 2}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline, gpu_hour_price: 2.0}
"""


def test_table_json_and_report_tell_the_gpu_hours_of_all_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(CONFIG)
    assert main(["run", "mine.yaml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "gpus" not in told, "there are none"
    run = Path(told["run"])

    async def two_sessions() -> None:
        with Journal.open(run / "journal") as journal:
            await journal.append("gpus", "a", {"seconds": 3600.0})
            await journal.append("gpus", "a", {"seconds": 7200.0})
            await journal.append("gpus", "b", {"seconds": 1800.0})

    asyncio.run(two_sessions())
    line = "GPUs: 2.500 GPU-hours, costs 5.00"
    assert main(["score", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gpus"] == {"gpu_hours": 2.5, "cost": 5.0}
    assert main(["score", str(run)]) == 0
    assert line in capsys.readouterr().out
    assert main(["report", str(run)]) == 0
    assert line in (run / "report.html").read_text()
