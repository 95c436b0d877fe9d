"""The trunk of a backtracking chain: the steps it has kept, and what became of its attempts."""

from __future__ import annotations

from dataclasses import dataclass, field

from search.core import Candidate, Feedback, Prefix


@dataclass
class Trunk:
    """What a chain draws from, and what it drew.

    `kept`: prefixes, the root first, each continued by the next; the last is drawn from. `drawn`:
    every attempt in order. `given_up`: why an attempt failed. `told`: of the last failure that
    there is something to tell of.
    """

    kept: list[Candidate]
    patience: int | None
    drawn: list[Candidate] = field(default_factory=list)
    given_up: dict[Prefix, str] = field(default_factory=dict)
    told: Feedback | None = None
    failures: dict[int, int] = field(default_factory=dict)
    """How many attempts failed right after so many kept steps."""

    @property
    def top(self) -> Candidate:
        """The prefix to draw from."""
        return self.kept[-1]

    @property
    def standing(self) -> Candidate | None:
        """The path that was kept or, where that is no drawn one, the last one drawn."""
        return self.top if self.top in self.drawn else next(reversed(self.drawn), None)

    def go_back(self, attempt: Prefix, wrong: int) -> None:
        """Keep the steps of `attempt` before its step `wrong` (from 0), fewer without patience.

        Where that is in the middle of what was drawn at once, the prefix has the place that its
        attempt was drawn from: no drawn path is a part of it.
        """
        steps = self._patient(wrong)
        self.failures = {kept: n for kept, n in self.failures.items() if kept <= steps}
        while len(self.top.path.steps) > steps:
            self.kept.pop()
        if len(self.top.path.steps) < steps:
            place = self.top.path.place
            prefix = Prefix(attempt.problem, attempt.steps[:steps], place)
            self.kept.append(Candidate(prefix, None, self.top.history))

    def _patient(self, steps: int) -> int:
        """How many steps to keep after a failure right after `steps`, which is counted."""
        while True:
            self.failures[steps] = self.failures.get(steps, 0) + 1
            if steps == 0 or self.patience is None or self.failures[steps] < self.patience:
                return steps
            steps -= 1

    def left_behind(self, why: str) -> dict[Prefix, str]:
        """Why each attempt is not the answer: its own failure, or `why` for one without."""
        others = [each.path for each in self.drawn if each is self.top or each.path.finished]
        return self.given_up | {path: why for path in others if path not in self.given_up}
