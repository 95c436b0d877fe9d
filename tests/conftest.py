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


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return Path(__file__).resolve().parents[1]
