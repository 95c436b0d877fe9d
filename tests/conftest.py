"""What every test needs, and the fixtures of more than one file.

Quiet engines, no network, laws without a clock. A fixture imports what it wires when it is asked
for, so that one test starts at once.
"""

from __future__ import annotations

import os
import shutil
import socket
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from benchmarks.chaos import Box
    from compared_runs import Made, Run, Said, Verb
    from engines.tokenizer import HfTokenizer
    from hostile_runs import Bench
    from own_parts import Tell
    from played_server import PlayedServer
    from reported_runs import Finish
    from swept_doubles import Write
    from their_rows import Imported, Treewright
    from written_configs import Load

# Their asserts say what they saw, as those of the tests do.
HELPERS = """
    beam_trees compared_runs own_parts played_chains played_server pool_stage recorded_chains
    reported_runs scripted_drafts search_laws swept_doubles their_rows tiny_engines
    watched_searches written_configs
"""
pytest.register_assert_rewrite(*HELPERS.split())

# Set before any test imports an engine; child processes inherit them.
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is ever fetched
os.environ.setdefault("OMP_NUM_THREADS", "1")  # engines run side by side on few cores
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is ever reported
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")

# A law holds on a busy machine too; hypothesis' own "ci" profile stays the parent where CI is set.
settings.register_profile("treewright", parent=settings(), deadline=None)
settings.load_profile("treewright")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups at the same time
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests for several processes: what starts Ray or an engine together, and first.

    Two such groups at once would share the cores and the memory; the other tests go by file, so
    that what a file prepares is made once.
    """
    for item in items:
        group = "engines" if starts_engines(item) else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: not starts_engines(item))


def starts_engines(item: pytest.Item) -> bool:
    """Whether a test starts a real engine or a Ray."""
    fixtures = getattr(item, "fixturenames", ())
    marked = any(item.get_closest_marker(name) for name in ("engine", "ray"))
    return marked or "running_ray" in fixtures


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def command_line_built_once() -> Iterator[None]:
    """`main` is called some thousand times in this process, and each builds the same parser."""
    import typer.main

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield


# --- Configs and parts of one's own ---------------------------------------------------------------


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads configs that are written as texts."""
    from written_configs import loader

    return loader(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a config for parts of one's own."""
    from own_parts import own_folder

    with own_folder(tmp_path, monkeypatch) as folder:
        yield folder


@pytest.fixture
def tell(folder: Path, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Commands in that folder."""
    from own_parts import teller

    return teller(capsys)


# --- Sweeps, reports, rows from elsewhere ---------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a sweep over doubles into the current folder."""
    from swept_doubles import sweeping

    return sweeping(tmp_path, monkeypatch)


@pytest.fixture
def finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finish:
    """Makes runs to be reported in the current folder."""
    from reported_runs import finishing

    return finishing(tmp_path, monkeypatch)


@pytest.fixture
def treewright(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Treewright:
    """Commands in an empty folder."""
    from their_rows import commands

    return commands(tmp_path, monkeypatch, capsys)


@pytest.fixture
def imported(treewright: Treewright) -> Imported:
    """Imports rows there."""
    from their_rows import importing

    return importing(treewright)


# --- A vLLM server that is played -----------------------------------------------------------------


@pytest.fixture(scope="session")
def verifier_tokenizer(root: Path) -> HfTokenizer:
    """That of the embedded verifier."""
    from engines.tokenizer import HfTokenizer

    return HfTokenizer.load(str(root / "benchmarks/arithmetic/verifier"))


@pytest.fixture
def played(verifier_tokenizer: HfTokenizer, monkeypatch: pytest.MonkeyPatch) -> PlayedServer:
    """A server that says the same tokens for ever, and whose client hardly waits."""
    from engines import retrying
    from played_server import CANARY, playing

    monkeypatch.setattr(retrying, "FIRST_S", 0.001)
    return playing(verifier_tokenizer, key=CANARY)


# --- Runs that a stranger tampered with -----------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where a file makes its run once; each test has a copy."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def arrived(at: Bench) -> Path:
    """The run on the bench of the file, as it arrived."""
    (folder,) = (at.folder / "runs" / "doubles").iterdir()
    return folder


# --- A Ray of three nodes -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def client() -> str:
    """Where the client server of that Ray listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"ray://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="session")
def three_nodes(client: str) -> Iterator[Box]:
    """Real raylets with 2, 4 and 4 GPUs that are counters; the last is in zone b.

    One for all files, as its start takes as long as some tests. Who kills one of its nodes comes
    last: see `test_cluster_that_dies.py`.
    """
    from benchmarks.chaos import box

    four = {"num_gpus": 4}
    zone = {**four, "labels": {"zone": "b"}, "resources": {"fast": 1}}
    head = {"num_gpus": 2, "ray_client_server_port": int(client.rpartition(":")[2])}
    with ExitStack() as stack:
        # Ray leaves logs to be closed by whoever collects them. What its client server forks is at
        # times killed by gRPC's handlers of a fork, which it does not need.
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            warnings.simplefilter("ignore", ResourceWarning)
            patch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")
            found = stack.enter_context(box(head, [four, zone]))
        yield found


# --- Runs that are compared -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    """A folder that the tests of a file share, and the runs in it."""
    return tmp_path_factory.mktemp("compared"), {}


@pytest.fixture
def said(
    compared_once: tuple[Path, Made],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Said:
    """Commands in that folder."""
    from compared_runs import saying

    return saying(compared_once[0], monkeypatch, capsys)


@pytest.fixture
def run(said: Said, compared_once: tuple[Path, Made]) -> Run:
    """A run in that folder."""
    from compared_runs import running

    return running(said, compared_once[1])


@pytest.fixture
def compared(said: Said) -> Verb:
    """What a comparison finds."""
    from compared_runs import comparing

    return comparing(said)


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Path:
    """A run that a test may damage."""
    return shutil.copytree(run(), tmp_path / "copied")
