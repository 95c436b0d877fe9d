"""The least time that searches can take on given engines, whoever schedules them.

It is the larger of the work of one side over its replicas, all slots of each taken all the time,
and of the longest chain of steps and judgements that wait for one another, each alone on its
engine (Graham 1969).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engines.token_clock import Timing
from search.core import Spent
from search.driver import Searched


@dataclass(frozen=True)
class Side:
    """The engines of one side, all alike."""

    timing: Timing
    replicas: int

    def work(self, spent: Spent) -> float:
        """Seconds of one call where all slots of all replicas are taken."""
        slots = self.timing.slots
        each = self._seconds(spent, slots)
        return each / slots / self.replicas

    def alone(self, spent: Spent) -> float:
        """Seconds of one call that has an engine to itself."""
        return self._seconds(spent, 1)

    def _seconds(self, spent: Spent, running: int) -> float:
        prefill = (spent.prompt - spent.cached) * self.timing.prefill_seconds / self.timing.speed
        return prefill + spent.generated * self.timing.token_seconds(running)


def bound(searched: Iterable[Searched], policy: Side, verifier: Side) -> float:
    """Seconds that these searches take at least."""
    of_policy = of_verifier = longest = 0.0
    for each in searched:
        costs = each.costs
        of_policy += sum(map(policy.work, costs.policy.values()))
        of_verifier += sum(map(verifier.work, costs.verifier.values()))
        draws = {path: policy.alone(spent) for path, spent in costs.policy.items()}
        judged = {path: verifier.alone(spent) for path, spent in costs.verifier.items()}
        longest = max([longest, *(chain(path, draws, judged) for path in draws)])
    return max(of_policy, of_verifier, longest)


def chain(path: str, draws: Mapping[str, float], judged: Mapping[str, float]) -> float:
    """Seconds until a path is drawn and judged: each step waits for that of its parent."""
    parts = path.split("/")
    prefixes = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return sum(draws.get(prefix, 0.0) + judged.get(prefix, 0.0) for prefix in prefixes)
