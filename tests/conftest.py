"""What every test needs: the repository's root, quiet engines, no network, laws without a clock."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Their asserts say what they saw, as those of the tests do.
HELPERS = """
    beam_trees compared_runs own_parts played_chains pool_stage recorded_chains reported_runs
    scripted_drafts search_laws swept_doubles their_rows tiny_engines watched_searches
    written_configs
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
    return item.get_closest_marker("engine") is not None or "running_ray" in fixtures


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return Path(__file__).resolve().parents[1]
