"""Kill what can be killed, and look whether anything is lost: `python -m benchmarks.chaos`.

Each run with doubles is worked on by a Ray of three nodes on this machine, while every few seconds
a random actor, the Ray of a node, or the driver itself is killed with SIGKILL: a node is replaced,
and the run is resumed. In the end its figures must be those of a run that nobody disturbed, byte by
byte, and its journal must hold the same records, each once. `--seed` chooses the victims again.

`--engines` runs the quickstart's models by `beam_arithmetic` instead. They take some 15 s to start,
so kill less often: `--every 15`. What their prefix caches had depends on who was killed when, so
all replies are compared, without their costs.

`--offsets` cuts the journal at so many random bytes, as a crash does, and lets the searches end.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.speed.report import command, print_json, print_table
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.core import Problem
from search.driver import Searched, drive
from search.strategies.beam import Beam
from treewright.cluster.cluster import load_ray
from treewright.journal.journal import Journal
from treewright.running.memory import JournalMemory

NODE = {
    "node_ip_address": "127.0.0.1",
    "include_dashboard": False,
    "num_cpus": 2,
    "object_store_memory": 100 * 2**20,
}
PLAIN: Mapping[str, Any] = {}
"""A node with nothing of its own."""
ROOT = Path(__file__).resolve().parents[1]
LONGEST_S = 900.0
"""A run that is not done by then is one that does not end."""
CONFIG = """
name: chaos
seed: {seed}
output_dir: {output}
dataset: {{path: {data}}}
policy: {{kind: simulated, accuracy: 0.4, timing: {{decode_seconds: 0.01}}}}
scorer: {{kind: simulated, skill: 0.8, timing: {{decode_seconds: 0.005}}}}
strategy: {{kind: beam, paths: 6, children: 3, depth: 6}}
cluster: {{backend: {backend}, address: {address}, policy_replicas: 2, scorer_replicas: 2}}
grading: {{kind: numeric}}
"""
ENGINES = ("beam_arithmetic", "dataset.limit=32")
"""The config that is run with `--engines`, and what of it."""


@dataclass(frozen=True)
class ChaosRow:
    """One run: who was killed, and what was found afterwards."""

    seed: int
    killed: dict[str, int]
    sessions: int
    seconds: float
    same: bool
    """See `Driven.same_as`."""
    lost: int
    """Records of the undisturbed run that are not there."""
    doubled: int
    """Keys that are there more than once."""

    @property
    def holds(self) -> bool:
        """Whether nothing tells it from the undisturbed run."""
        return self.same and not self.lost and not self.doubled


@dataclass
class Box:
    """A Ray of some nodes on this machine. The first is the head, which is never killed."""

    cluster: Any
    others: list[Any] = field(default_factory=list)

    def processes(self) -> list[tuple[int, int]]:
        """Replicas in this cluster: the process of each, and of its node's raylet."""
        raylets = {pid(node) for node in [self.cluster.head_node, *self.others]}
        return [(number, parent) for number, parent in actors() if parent in raylets]

    def kill_node(self, at: int) -> None:
        """Kill the Ray of a node, this one of `others`, and bring another, plain one."""
        node = self.others.pop(at)
        os.kill(pid(node), signal.SIGKILL)
        self.cluster.remove_node(node, allow_graceful=False)
        self.others.append(self.added())

    def added(self, **own: Any) -> Any:
        """A new node, with what it has of its own."""
        unless_passing = import_module("treewright.cluster.connection").unless_passing
        return unless_passing(lambda: self.cluster.add_node(**NODE, **own))


@contextmanager
def box(
    head: Mapping[str, Any] = PLAIN, others: Sequence[Mapping[str, Any]] = (PLAIN, PLAIN)
) -> Iterator[Box]:
    """Start it, each node with what it has of its own, and stop it at the end of the block."""
    load_ray(None)  # it listens on loopback
    unless_passing = import_module("treewright.cluster.connection").unless_passing
    cluster = import_module("ray.cluster_utils").Cluster
    made = unless_passing(lambda: cluster(True, head_node_args={**NODE, **head}))
    found = Box(made)
    try:
        found.others += [found.added(**own) for own in others]
        yield found
    finally:
        made.shutdown()


def pid(node: Any) -> int:
    """The process of a node's raylet."""
    return int(node.all_processes["raylet"][0].process.pid)


def actors() -> Iterator[tuple[int, int]]:
    """The replicas' processes on this machine, each with its parent."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"PortActor" in (folder / "cmdline").read_bytes():
                yield int(folder.name), int((folder / "stat").read_text().split(")")[1].split()[1])
        except OSError:
            continue  # it ended meanwhile


class Driven:
    """A run in a folder, and the process that works on it."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        address: str | None,
        *,
        problems: int = 24,
        engines: bool = False,
    ) -> None:
        """Takes the run of `CONFIG` in this process or on that Ray, or that of `ENGINES`.

        `problems`: how many the former has.
        """
        folder.mkdir(parents=True)
        self.folder, self.sessions = folder, 0
        if engines:
            where = (f"seed={seed}", f"output_dir={folder / 'runs'}", f"cluster.address={address}")
            self.words = [*ENGINES, *where, "cluster.backend=ray"]
            return
        rows = [
            {"id": f"p{n}", "problem": f"{n} + {n}?", "answer": str(2 * n)} for n in range(problems)
        ]
        (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
        backend = "ray" if address else "inline"
        told = {"seed": seed, "output": folder / "runs", "data": folder / "data.jsonl"}
        told |= {"backend": backend, "address": address or "null"}
        (folder / "config.yaml").write_text(CONFIG.format(**told))
        self.words = [str(folder / "config.yaml")]

    @property
    def run(self) -> Path | None:
        """Its run folder, once it has begun."""
        return next((self.folder / "runs").glob("*/*/manifest.json"), self.folder).parent

    def begin(self) -> subprocess.Popen[bytes]:
        """A session: the same command begins and goes on."""
        self.sessions += 1
        log = (self.folder / f"session{self.sessions}.log").open("wb")
        words = [sys.executable, "-m", "treewright.cli", "run", *self.words]
        with log:
            return subprocess.Popen(words, stdout=log, stderr=log, cwd=ROOT)

    def records(self) -> list[bytes]:
        """The lines of its journal."""
        found = (self.folder / "runs").glob("*/*/journal/*.jsonl")
        return [line for path in sorted(found) for line in path.read_bytes().splitlines()]

    def said(self) -> str:
        """What its sessions printed."""
        logs = sorted(self.folder.glob("session*.log"))
        return "".join(log.read_text("utf-8", "replace") for log in logs)

    def lost(self, whole: Driven) -> set[str]:
        """Keys of replies that the other run has and this one lacks."""
        return set(map(key_of, whole.records())) - set(map(key_of, self.records()))

    def metrics(self) -> bytes:
        """Its figures."""
        (path,) = (self.folder / "runs").glob("*/*/metrics.json")
        return path.read_bytes()

    def same_as(self, whole: Driven) -> bool:
        """Whether the figures are those of the other run; with engines, whether the replies are."""
        if self.words[0] != ENGINES[0]:
            return self.metrics() == whole.metrics()
        return self.replies() == whole.replies()

    def replies(self) -> dict[str, object]:
        """What was answered to each call, without what that cost."""
        found = dict[str, object]()
        for line in self.records():
            if key := key_of(line):
                data = json.loads(line)["data"]
                found[key] = {name: data[name] for name in data if name != "spent"}
        return found


def chaos(where: Box, folder: Path, seed: int, every_s: float, *, engines: bool) -> ChaosRow:
    """One run, with its victims."""
    rng, killed = Random(seed), Counter[str]()
    address = where.cluster.address
    whole = Driven(folder / "whole", seed, address if engines else None, engines=engines)
    if whole.begin().wait() != 0:
        raise RuntimeError(f"the undisturbed run failed: see {whole.folder}")
    run = Driven(folder / "killed", seed, address, engines=engines)
    began = time.monotonic()
    process = run.begin()
    while time.monotonic() - began < LONGEST_S:
        try:
            code = process.wait(rng.uniform(0.5, 1.5) * every_s)
        except subprocess.TimeoutExpired:
            killed[kill(where, process, rng)] += 1
            continue
        if code == 0:
            break
        process = run.begin()  # it was killed, or some calls found no replica: it goes on
    process.kill()
    keys = Counter(key for key in map(key_of, run.records()) if key)
    return ChaosRow(
        seed,
        dict(killed),
        run.sessions,
        time.monotonic() - began,
        same=run.same_as(whole),
        lost=len(run.lost(whole)),
        doubled=sum(count > 1 for count in keys.values()),
    )


def kill(where: Box, process: subprocess.Popen[bytes], rng: Random) -> str:
    """Kill someone; who it was."""
    victim = rng.choice(["actor", "actor", "raylet", "driver"])
    if victim == "actor":
        found = where.processes()
        if not found:
            return "nobody"
        try:
            os.kill(rng.choice(found)[0], signal.SIGKILL)
        except ProcessLookupError:
            return "nobody"
    elif victim == "raylet":
        where.kill_node(rng.randrange(len(where.others)))
    else:
        process.kill()
    return victim


def key_of(line: bytes) -> str:
    """The key of a reply, empty for other records and for damaged lines."""
    try:
        record = json.loads(line)
    except ValueError:
        return ""
    key = str(record.get("key", ""))
    return key if key.startswith(("policy/", "scorer/")) else ""


# --- crashes --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CrashRow:
    """Journals cut at random bytes: in how many cases something was lost, or asked twice."""

    offsets: int
    lost: int
    asked_twice: int
    different: int

    @property
    def holds(self) -> bool:
        """Whether nothing was."""
        return not self.lost and not self.asked_twice and not self.different


def crashes(folder: Path, offsets: int, seed: int) -> CrashRow:
    """Cut the journal of a few searches so often, and end them each time."""
    rng = Random(seed)
    whole, searched = folder / "whole", asyncio.run(ended(folder / "whole"))
    data = (whole / "driver.jsonl").read_bytes()
    lines = Counter(data.splitlines())
    lost = twice = different = 0
    for number in range(offsets):
        cut = folder / str(number)
        cut.mkdir()
        offset = rng.randrange(len(data) + 1)
        (cut / "driver.jsonl").write_bytes(data[:offset])
        different += asyncio.run(ended(cut)) != searched
        found = Counter((cut / "driver.jsonl").read_bytes().splitlines())
        lost += bool(lines - found)
        twice += bool(found - lines)
    return CrashRow(offsets, lost, twice, different)


async def ended(folder: Path) -> list[Searched]:
    """What three searches find, from what this journal holds on."""
    policy = ScriptedPolicy(ScriptedPolicyConfig(accuracy=0.4, cut=0.1))
    scorer = ScriptedScorer(ScriptedScorerConfig(skill=0.8))
    with Journal.open(folder, durable=False) as journal:
        memory = JournalMemory(journal, lambda spent: None)
        return [
            await drive(Beam(4, 2)(Problem(f"p{n}", f"{n} + {n}?")), policy, scorer, memory, 0)
            for n in range(3)
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows; 1 where one does not hold."""
    parser = command("chaos", "Kill actors, nodes and the driver of runs, and compare.")
    parser.prog = "python -m benchmarks.chaos"
    parser.add_argument("--runs", type=int, default=20, help="runs that are disturbed")
    parser.add_argument("--offsets", type=int, default=500, help="crashes of a journal")
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two kills")
    parser.add_argument("--engines", action="store_true", help="the quickstart's, not doubles")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crashed = [crashes(folder / "crashes", options.offsets, options.seed)]
        disturbed: list[ChaosRow] = []
        if options.runs:
            with box() as where:
                for seed in range(options.seed, options.seed + options.runs):
                    one = folder / str(seed)
                    disturbed.append(
                        chaos(where, one, seed, options.every, engines=options.engines)
                    )
                    print(f"run {len(disturbed)} of {options.runs}", file=sys.stderr, flush=True)
    tell(crashed, disturbed, as_json=options.json)
    held = all(row.holds for row in crashed) and all(row.holds for row in disturbed)
    return 0 if held else 1


def tell(crashed: list[CrashRow], disturbed: list[ChaosRow], *, as_json: bool) -> None:
    """One object, or two tables."""
    if as_json:
        print_json([*crashed, *disturbed])
        return
    columns = ("offsets", "lost", "asked_twice", "different")
    print_table("Journals cut at random bytes", crashed, {c: said(c) for c in columns})
    told = ("seed", "killed", "sessions", "seconds", "same", "lost", "doubled")
    print_table("Runs in which something is killed", disturbed, {c: said(c) for c in told})


def said(column: str) -> Any:
    """How a field is shown: a number that is not whole to a tenth."""

    def shown(row: object) -> str:
        value = getattr(row, column)
        return f"{value:.1f}" if isinstance(value, float) else str(value)

    return shown


if __name__ == "__main__":
    sys.exit(main())
