"""The config of one experiment: its keys and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.datasets import DatasetConfig
from benchmarks.grading import GradingConfig
from search.aggregation import MissingRule
from treewright.cluster.config import ClusterConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """One experiment, every value resolved and checked.

    `policy`, `scorer`: the dataclass of the kind, which its module's `build` takes. `strategy`: the
    search itself, ready to be called with a problem. `aggregate` (`min`, `history.last`),
    `missing` and `select` are what is reported; none of them changes a generation.
    Left out, `aggregate` becomes `min`, `product` and `last`, or `history.last` where the scorer
    judges no steps; `select` all selections that the run can report.
    `python_path`: folders in which custom parts (`my_module:MyStrategy`) are looked for, before the
    current folder and the installed packages; where they were found is added.
    `fail_on_error`: how many problems may fail before a run counts as failed, or, below 1, which
    share of them. `written`: what was said, with its `${…}`, as config.yaml keeps it.
    """

    name: str
    seed: int = 0
    output_dir: str = "${oc.env:TREEWRIGHT_RUNS,runs}"
    python_path: tuple[str, ...] = ()
    dataset: DatasetConfig
    policy: Any
    scorer: Any
    strategy: Any
    aggregate: tuple[str, ...] = ()
    missing: MissingRule = MissingRule.WORST
    select: tuple[str, ...] = ()
    grading: GradingConfig = field(default_factory=GradingConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    fail_on_error: int | float = 0
    written: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
