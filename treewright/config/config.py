"""The config of one experiment: its keys and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.datasets import DatasetConfig
from benchmarks.grading import GradingConfig
from search.aggregation import MissingRule
from treewright.cluster.config import ClusterConfig
from treewright.config.environment import OUTPUT_DIR

if TYPE_CHECKING:
    from engines.traits import Part
    from search.questions import Strategy
else:  # what these sections may say is told by their kinds, not by a field's type
    Part = Strategy = Any


@dataclass(frozen=True, kw_only=True)
class Config:
    """One experiment, every value resolved and checked.

    `policy` and `scorer` are the dataclasses of their kinds, which the kinds' modules `build`;
    `strategy` is the search itself, ready to be called with a problem.
    """

    name: str
    """Names the folder of the runs; left out, it is the name of the config file."""
    seed: int = 0
    """From 0 up. The seed of every call is a hash of it, of the problem and of the path."""
    output_dir: str = OUTPUT_DIR
    """The folder in which runs are kept, as `output_dir/name/…`."""
    python_path: tuple[str, ...] = ()
    """Folders in which custom parts (`my_module:MyStrategy`) are looked for, before the current
    folder and the installed packages. Where they were found is added."""
    dataset: DatasetConfig
    """Which problems are asked."""
    policy: Part
    """Who proposes solutions."""
    scorer: Part
    """Who judges them; `kind: none` is nobody."""
    strategy: Strategy
    """How solutions are searched for."""
    aggregate: tuple[str, ...] = ()
    """How step probabilities become a score, each way reported: `min` over the steps, `history.min`
    over the prefixes (`treewright ls aggregations`). Left out, it is `min`, `product` and `last`;
    `history.last` where the scorer judges no steps; nothing where no verifier is asked."""
    missing: MissingRule = MissingRule.WORST
    """What a step without a verdict does to a reported score: it is skipped (`skip`), takes the
    lowest probability that was read along the path (`worst`), or leaves the candidate without a
    score (`fail`)."""
    select: tuple[str, ...] = ()
    """How candidates become an answer, each way reported (`treewright ls selections`). Left out,
    all are; where no verifier is asked, those that need no score."""
    grading: GradingConfig = field(default_factory=GradingConfig)
    """How answers are compared with the reference."""
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    """Where the models run, and how much is asked of them at once."""
    fail_on_error: int | float = 0
    """How many problems may fail before the run itself counts as failed (exit code 3); below 1,
    which share of them."""
    written: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was said, with its `${…}`, as config.yaml keeps it; no key."""
    untrusted: bool = field(default=False, repr=False, compare=False)
    """Whether it lies in a run's folder, and nobody said --trust; no key."""
