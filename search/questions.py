"""The questions that a strategy asks, and the replies that it is sent.

A strategy is a generator: it yields a question (`Extend`, `Judge`, `Grow`, `Fork`), is sent the
reply, and returns a `Result`. It does no I/O. `search.driver` answers the questions from the
journal and the ports.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, get_type_hints

from search.core import Feedback, Judgement, Prefix, Problem, Result, Spending

if TYPE_CHECKING:
    from search.ports import Earlier


class Until(StrEnum):
    """How far an `Extend` grows each child."""

    STEP = "step"
    END = "end"


@dataclass(frozen=True, slots=True)
class Extend:
    """Draw `n` children of each path: one step each (`Until.STEP`) or to the end (`Until.END`).

    Children are numbered from `first`, so that a path can be extended again. `greedy` overrides the
    temperature with 0. `feedback` is shown to the policy beside the problem; it is no part of the
    children.
    """

    paths: tuple[Prefix, ...]
    n: int
    until: Until = Until.STEP
    first: int = 0
    greedy: bool = False
    feedback: Feedback | None = None


@dataclass(frozen=True, slots=True)
class Extended:
    """`children[i]` continue `paths[i]`, in the order of their numbers.

    `spent` sums over the question.
    """

    children: tuple[tuple[Prefix, ...], ...]
    spent: Spending


@dataclass(frozen=True, slots=True)
class Judge:
    """Judge every step of each path.

    `earlier[i]`, for a replay: the judgement that that of `paths[i]` may go on from, or none. A
    strategy leaves it to the driver, which looks for the nearest. `chains[i]`, for a replay too: of
    how many verification chains that judgement was, 0 for as many as any.
    """

    paths: tuple[Prefix, ...]
    earlier: tuple[Earlier | None, ...] | None = None
    chains: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """`judgements[i]` is of `paths[i]`; `spent` sums over the question."""

    judgements: tuple[Judgement, ...]
    spent: Spending


@dataclass(frozen=True, slots=True)
class Grow:
    """`Extend` by one step and `Judge`, each child judged the moment it ends."""

    paths: tuple[Prefix, ...]
    n: int
    first: int = 0
    feedback: Feedback | None = None


@dataclass(frozen=True, slots=True)
class Grown:
    """`judgements[i][j]` is of `children[i][j]`."""

    children: tuple[tuple[Prefix, ...], ...]
    judgements: tuple[tuple[Judgement, ...], ...]
    spent: Spending


@dataclass(frozen=True, slots=True)
class Fork:
    """Run independent sub-searches side by side, with no barrier between them."""

    flows: tuple[Flow, ...]


@dataclass(frozen=True, slots=True)
class Forked:
    """`results[i]` is what `flows[i]` returned; `spent` sums over all of them."""

    results: tuple[Result, ...]
    spent: Spending


@dataclass(frozen=True, slots=True)
class Clock:
    """How long has this search been going? Asked only for a budget of time.

    The reply is remembered like any other, so a replayed search ends at the same place. `name`
    tells this reading from all others of the run.
    """

    name: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clocked:
    """`seconds` that the search was at work, over all its sessions."""

    seconds: float
    spent: Spending = field(default_factory=Spending)


Question: TypeAlias = Extend | Judge | Grow | Fork | Clock
Reply: TypeAlias = Extended | Judged | Grown | Forked | Clocked
Flow: TypeAlias = Generator[Question, Any, Result]
"""A running search. It is sent the reply that belongs to the question it yielded."""


class Strategy(Protocol):
    """A frozen dataclass whose fields are its configuration; calling it starts a search.

    What else it may say of itself, and what holds where it does not: `Declared`.
    """

    def __call__(self, problem: Problem) -> Flow:
        """Start a search of `problem`."""
        ...

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most."""
        ...

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most; what it draws is judged once or never."""
        ...

    @property
    def judges(self) -> bool:
        """Whether the search asks the verifier."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a strategy says of itself by members of these names; the defaults are of a silent one.

    Its members are properties or fields. One that is silent counts as asking the verifier about
    finished paths only, as drawing alike where it returns several candidates, and as going on with
    unfinished paths where it asks about them.
    """

    judges_prefixes: bool = False
    """Whether it asks about unfinished paths, which an outcome reward model cannot judge."""
    continues: bool = False
    """Whether it goes on with unfinished paths that it drew, which an API of whole solutions
    cannot."""
    draws_alike: bool = False
    """Whether it draws several children with the same in view, all equal at temperature 0."""
    draws_independently: bool = False
    """Whether its candidates are independent draws, so that any n of them are best-of-n."""
    aggregate: str | None = None
    """The aggregation whose scores it looks at."""
    steered_by: str | None = None
    """The aggregation whose score decides what it draws: `aggregate`, unless it says another."""
    feedback: str = "none"
    """What of earlier attempts the policy is shown beside the problem."""
    lookahead: int = 0
    """How many steps beyond a child it looks to rank it."""
    keeps: int | None = None
    """How many of the paths that it asks about in one question it goes on with, or selects; None
    where it keeps no such number."""
    at_once: int | None = None
    """How many calls of one search are in flight together, about; None where nobody knows."""

    @classmethod
    def of(cls, strategy: Strategy) -> Self:
        """Ask it; a member of another type than it must have says nothing."""
        hints = _hints()
        said: dict[str, Any] = {f.name: getattr(strategy, f.name, f.default) for f in fields(cls)}
        said = {name: value for name, value in said.items() if isinstance(value, hints[name])}
        silent: dict[str, Any] = {
            "continues": said.get("judges_prefixes", False),
            "draws_alike": strategy.candidates > 1,
            "steered_by": said.get("aggregate"),
        }
        unsaid = {name: value for name, value in silent.items() if not hasattr(strategy, name)}
        return cls(**said | unsaid)


@cache
def _hints() -> Mapping[str, Any]:
    return get_type_hints(Declared)


def judges_prefixes(strategy: Strategy) -> bool:
    """See `Declared`."""
    return Declared.of(strategy).judges_prefixes


def steered_by(strategy: Strategy) -> str | None:
    """See `Declared`."""
    return Declared.of(strategy).steered_by


def extend(
    paths: Sequence[Prefix],
    n: int,
    until: Until = Until.STEP,
    *,
    first: int = 0,
    greedy: bool = False,
    feedback: Feedback | None = None,
) -> Generator[Extend, Extended, tuple[tuple[Prefix, ...], ...]]:
    """Ask for `n` children of each path; returns them aligned with `paths`."""
    reply = yield Extend(tuple(paths), n, until, first, greedy, feedback)
    return reply.children


def judge(paths: Sequence[Prefix]) -> Generator[Judge, Judged, tuple[Judgement, ...]]:
    """Ask for the judgement of each path; returns them aligned with `paths`."""
    reply = yield Judge(tuple(paths))
    return reply.judgements


def grow(
    paths: Sequence[Prefix], n: int, *, first: int = 0, feedback: Feedback | None = None
) -> Generator[Grow, Grown, Grown]:
    """Ask for `n` judged one-step children of each path."""
    return (yield Grow(tuple(paths), n, first, feedback))


def fork(flows: Sequence[Flow]) -> Generator[Fork, Forked, tuple[Result, ...]]:
    """Run sub-searches side by side; returns their results in order."""
    reply = yield Fork(tuple(flows))
    return reply.results
