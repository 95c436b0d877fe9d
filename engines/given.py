"""What the place in which an engine runs gives it: told by the environment of its process."""

from __future__ import annotations

import os

GPU_SHARE = "TREEWRIGHT_GPU_SHARE"
"""The share of its GPU's memory for an engine that does not say one."""
OVER_NODES = "TREEWRIGHT_OVER_NODES"
"""Whether its GPUs are on several nodes, in the placement group of its process."""
BY_TURNS = "TREEWRIGHT_BY_TURNS"
"""Whether it shares its GPU by turns, and sleeps in between."""
ALONE = 0.9
"""The share of an engine that has its GPUs alone."""


def gpu_share() -> float:
    """The share of a GPU's memory for an engine that says none."""
    return float(os.environ.get(GPU_SHARE) or ALONE)


def over_nodes() -> bool:
    """See `OVER_NODES`."""
    return bool(os.environ.get(OVER_NODES))


def by_turns() -> bool:
    """See `BY_TURNS`."""
    return bool(os.environ.get(BY_TURNS))
