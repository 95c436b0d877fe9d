"""One line of advice: how the replicas would better be dealt out to the two sides.

The arithmetic. A side with n replicas that are at work for a share b of their time does the work of
b × n replicas that never rest. Both sides' work grows with the number of problems searched per
second, so with n' replicas it fits at most n' / (b × n) times as many: the speed of a split is the
smaller of that of its two sides. It is taken times the busier side's share, as no replica ever
works all the time: the split that is there has speed 1 then. For 2 + 2 replicas, the policy busy
31 % and the verifier 97 %: the policy does the work of 0.62 replicas, the verifier of 1.94. With
1 + 3 the policy could do 1 / 0.62 = 1.61 times as much, the verifier 3 / 1.94 = 1.55 times; times
0.97 that is 1.5 times as fast.

What it takes for granted: that a replica serves as fast when more is at work on it, and that no
replica slows down another. So nothing is advised where replicas share a GPU, or the cores of one
machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from search.wording import percent

FULL = 0.8
"""From this share on the busier side is what the search waits for."""
WORTH = 1.1
"""So many times as fast a split must be to be advised."""
AT_ONCE = "cluster.problems_in_flight"
CALLS = "cluster.calls_in_flight"
MOST = 8
"""The most replicas of one side for each of the other that are advised."""


@dataclass(frozen=True, slots=True)
class SideLoad:
    """One side: what it is called, how many replicas it has, and the share they are at work.

    `gpus`: of one replica, 0 for one that computes elsewhere. `short`: whether one may have fewer
    calls than it computes side by side.
    """

    name: str
    replicas: int
    busy: float
    gpus: float = 1.0
    short: bool = False

    @property
    def work(self) -> float:
        """In replicas that never rest."""
        return self.busy * self.replicas


@dataclass(frozen=True, slots=True)
class Split:
    """So many policies and verifiers, and how many times as fast they would be."""

    policies: int
    verifiers: int
    speed: float


def advice(policy: SideLoad, verifier: SideLoad, *, shared: bool = False) -> str:
    """One line. `shared`: whether the sides compute on the same GPU, or the same cores."""
    busier, other = sorted((policy, verifier), key=lambda side: side.busy, reverse=True)
    told = f"the {busier.name} is busy {share(busier)}, the {other.name} {share(other)}"
    if shared:
        return f"{told}: they share what they compute on, so no other split is promised to gain"
    if busier.busy < FULL and (policy.short or verifier.short):
        return f"{told}: a replica may not have more calls at once; raise {CALLS} or leave it out"
    if busier.busy < FULL:
        return (
            f"{told}: neither is full; more problems at once ({AT_ONCE}), as far as there are "
            "more, would use them"
        )
    found = best(policy, verifier)
    if found is None:
        return f"{told}: no other split would be faster"
    more = found.policies + found.verifiers - policy.replicas - verifier.replicas
    added = f", {more} more {'replica' if more == 1 else 'replicas'}," if more > 0 else ""
    return (
        f"{told}: {found.policies} + {found.verifiers}{added} would be about "
        f"{found.speed:.1f} × as fast"
    )


def best(policy: SideLoad, verifier: SideLoad) -> Split | None:
    """The fastest split that takes no more GPUs, else the smallest that adds to the busier side.

    A side without GPUs has none to give to one that has. None where neither is worth it. Of equally
    fast ones the one with fewer replicas.
    """
    same = within(policy, verifier) if bool(policy.gpus) == bool(verifier.gpus) else ()
    for splits in (same, added(policy, verifier)):
        rated = [Split(p, v, speed(p, v, policy, verifier)) for p, v in splits]
        top = max(rated, key=lambda s: (s.speed, -s.policies - s.verifiers), default=None)
        if top is not None and top.speed >= WORTH:
            return top
    return None


def speed(policies: int, verifiers: int, policy: SideLoad, verifier: SideLoad) -> float:
    """How many times as fast as it is; see above."""
    fits = [
        replicas / side.work
        for replicas, side in ((policies, policy), (verifiers, verifier))
        if side.work
    ]
    return max(policy.busy, verifier.busy) * min(fits)


def within(policy: SideLoad, verifier: SideLoad) -> Iterator[tuple[int, int]]:
    """All splits that take no more GPUs; no more replicas where neither side has any."""
    ours, theirs = policy.gpus or 1.0, verifier.gpus or 1.0
    had = policy.replicas * ours + verifier.replicas * theirs
    policies = 1
    while (left := had - policies * ours) >= theirs:
        yield policies, int(left / theirs + 1e-9)
        policies += 1


def added(policy: SideLoad, verifier: SideLoad) -> Iterator[tuple[int, int]]:
    """The idler side as it is, and as many of the busier one as keep it as busy."""
    busier, other = (policy, verifier) if policy.busy > verifier.busy else (verifier, policy)
    if not other.work:
        return
    fitting = int(other.replicas * busier.work / other.work)
    count = min(fitting, MOST * other.replicas)
    yield (count, other.replicas) if busier is policy else (other.replicas, count)


def share(side: SideLoad) -> str:
    """`97 %`."""
    return f"{percent(side.busy, 0)} %"
