"""What the laws know of every registered strategy: what its fields may be, and what it promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, TypeVar

from hypothesis import strategies as st

from search.aggregation import MissingRule
from search.budget import Budget
from search.questions import Strategy
from search.strategies import STRATEGIES, strategy_class
from search.strategies.mcts_select import Widening

Fields: TypeAlias = Mapping[str, st.SearchStrategy[Any]]
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """What a law may know of a kind of strategy, and no other way.

    `fields`: what each of its fields may be, but for those in `COMMON`. `beyond`: how many draws it
    makes below `depth`, beside those of `lookahead`. `shares`: it runs sub-searches side by side,
    each of which has an equal share of the budget. `best_first`: whether, with these settings, the
    finished candidates stand best first.
    """

    fields: Fields
    beyond: int = 0
    shares: bool = False
    best_first: Callable[[Any], bool] = lambda strategy: False


BUDGETS = st.builds(
    Budget,
    policy_tokens=st.none() | st.integers(1, 2000),
    verifier_tokens=st.none() | st.integers(1, 6000),
    total_tokens=st.none() | st.integers(1, 8000),
    calls=st.none() | st.integers(1, 40),
    hard=st.booleans(),
)
PROBABILITIES = st.sampled_from(["history.last", "min", "history.product"])
COMMON: Fields = {
    "aggregate": PROBABILITIES | st.just("history.sum_logit"),
    "missing": st.sampled_from(MissingRule),
    "depth": st.integers(1, 5),
    "lookahead": st.integers(0, 2),
    "last_level": st.sampled_from(["step", "end"]),
    "budget": st.just(Budget()) | BUDGETS,
    "dedup": st.sampled_from(["none", "open", "all"]),
}
"""Fields that mean the same in all strategies that have them."""

WAVES: Fields = {"n": st.integers(1, 6), "wave": st.none() | st.integers(1, 6)}
CHAINS: Fields = {
    "chains": st.integers(1, 3),
    "feedback": st.sampled_from(["none", "verdicts", "critique"]),
    "keep": st.sampled_from(["final", "all"]),
}
ENTRIES: dict[str, Entry] = {
    "greedy": Entry({}),
    "best_of_n": Entry(
        {
            **WAVES,
            "stop": st.sampled_from(["none", "majority", "weighted", "best"]),
            "aggregate": PROBABILITIES,
        },
    ),
    "majority": Entry(
        {
            **WAVES,
            "stop": st.sampled_from(["none", "beta"]),
            "confidence": st.sampled_from([0.6, 0.95]),
            "fewest": st.integers(1, 6),
        },
    ),
    "beam": Entry(
        {
            "paths": st.integers(1, 3),
            "children": st.integers(1, 3),
            "first_level": st.sampled_from(["paths", "children"]),
            "finish": st.sampled_from(["compete", "bank"]),
            "slots": st.sampled_from(["fixed", "shrink"]),
            "refill": st.sampled_from(["cyclic", "even", "none"]),
            "final": st.sampled_from(["best", "first", "all"]),
            "score_every": st.integers(1, 2),
        },
        best_first=lambda beam: bool(beam.final == "best"),
    ),
    "dvts": Entry(
        {
            "paths": st.integers(1, 3),
            "children": st.integers(1, 3),
            "siblings": st.sampled_from(["none", "finished"]),
        },
        shares=True,
    ),
    "rebase": Entry(
        {
            "width": st.integers(1, 6),
            "allocation": st.sampled_from(["paper", "code"]),
            "temperature": st.sampled_from([0.02, 0.2, 5.0]),
        },
    ),
    "particles": Entry(
        {
            "particles": st.integers(1, 6),
            "resampling": st.sampled_from(["multinomial", "systematic", "stratified"]),
            "ess": st.sampled_from([0.0, 0.5, 1.0]),
            "temperature": st.sampled_from([0.5, 1.0]),
            "clip": st.sampled_from([1e-7, 0.1]),
            "seed": st.integers(0, 9),
        },
    ),
    "mcts": Entry(
        {
            "simulations": st.integers(4, 12),
            "parallel": st.integers(1, 4),
            "children": st.integers(1, 3),
            "widen": st.none() | st.just(Widening()),
            "selection": st.sampled_from(["uct", "puct"]),
            "exploration": st.sampled_from([0.0, 0.5]),
            "virtual_loss": st.sampled_from([0.0, 1.0]),
            "value": st.sampled_from(["judge", "rollout"]),
            "rollouts": st.integers(1, 2),
            "rollout": st.sampled_from(["sampled", "greedy"]),
            "finish": st.integers(0, 2),
            "backup": st.sampled_from(["mean", "max"]),
            "aggregate": PROBABILITIES,
        },
        beyond=1,  # an end, drawn from a leaf
        best_first=lambda mcts: True,
    ),
    "backtrack": Entry(
        {
            **CHAINS,
            "backtracks": st.integers(0, 3),
            "patience": st.none() | st.integers(1, 2),
            "until": st.sampled_from(["end", "step"]),
            "threshold": st.sampled_from([0.3, 0.7]),
        },
        shares=True,
    ),
    "sequential": Entry(
        {
            **CHAINS,
            "revisions": st.integers(0, 3),
            "revise": st.sampled_from(["last", "best"]),
            "accept": st.none() | st.sampled_from([0.5, 0.9]),
        },
        shares=True,
    ),
    "best_first": Entry(
        {
            "children": st.integers(1, 3),
            "expand": st.integers(1, 3),
            "frontier": st.integers(3, 6),
            "depth_bonus": st.sampled_from([0.0, 0.1]),
            "solutions": st.integers(1, 4),
            "expansions": st.integers(1, 12),
        },
    ),
}


def valid(drawn: dict[str, Any]) -> dict[str, Any]:
    """The drawn fields; what one of them forbids to another is changed."""
    if "children" in drawn and "paths" in drawn:
        drawn["paths"] *= drawn["children"]
    if drawn.get("finish") == "compete":
        drawn["slots"] = "fixed"
    if "score_every" in drawn:
        drawn["score_every"] = min(drawn["score_every"], drawn["depth"])
    if drawn.get("rollout") == "greedy":
        drawn["rollouts"] = 1
    if "wave" in drawn:
        wave = drawn["wave"] if drawn["stop"] == "none" else drawn["wave"] or 1
        drawn["wave"] = wave and min(wave, drawn["n"])
    if "fewest" in drawn:
        drawn["fewest"] = min(drawn["fewest"], drawn["n"])
    return drawn


def field_names(kind: str) -> set[str]:
    found: Any = strategy_class(kind)
    return {each.name for each in fields(found)}


def space(kind: str) -> st.SearchStrategy[Strategy]:
    """Strategies of a kind."""
    common = {name: drawn for name, drawn in COMMON.items() if name in field_names(kind)}

    def strategy(drawn: dict[str, Any]) -> Strategy:
        return strategy_class(kind)(**valid(drawn))

    return st.fixed_dictionaries({**common, **ENTRIES[kind].fields}).map(strategy)


def entry_of(strategy: Strategy) -> Entry:
    """The entry of a strategy's kind."""
    return next(ENTRIES[kind] for kind in STRATEGIES if type(strategy) is strategy_class(kind))


def common(strategy: Strategy, name: str, without: T) -> T:
    """A field that means the same in all strategies that have it; `without` where it has none."""
    assert name in COMMON
    found: T = getattr(strategy, name, without)
    return found
