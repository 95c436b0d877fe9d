"""Majority voting, also called self-consistency, with or without an adaptive number of votes.

Draw whole solutions, ask no verifier (Wang et al. 2023); stop when the leader is likely enough to
be ahead (Aggarwal et al. 2023, 2305.11860).
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from search.budget import Budget, Exhausted
from search.checks import check_choice, check_count
from search.core import Candidate, Prefix, Problem, Result
from search.questions import Flow
from search.strategies.stopping import answer_of, lead_probability
from search.strategies.waves import Waves, check_wave, draw

Stop = Literal["none", "beta"]


@dataclass(frozen=True)
class Majority(Waves):
    """At most `n` independent solutions, none judged; meant for the selection `majority`."""

    n: int = 16
    """How many solutions are drawn at most."""
    stop: Stop = "none"
    """`beta` looks after every wave, and draws no more when the leading answer is the likelier of
    the top two with probability `confidence` or more; `none` draws all. Solutions without an answer
    are no votes. Without a vote, or with a tie, the probability is 0.5; a lone answer needs 4 votes
    for 0.95. It compares two answers, and does not say that the first is right. Two spellings of
    one answer divide its votes: as a rule that stops later, but the search may also stop because of
    a rival that leads only for that reason."""
    confidence: float = 0.95
    """`beta` only: how sure it must be, above 0.5 and below 1."""
    wave: int | None = None
    """How many are drawn at a time; `stop` and the budget are looked at between waves. `null` is
    all at once, which `stop` forbids."""
    fewest: int = 1
    """How many the first wave draws at least, at most `n`."""
    budget: Budget = field(default_factory=Budget)
    """The most that the search of one problem may spend."""

    def __post_init__(self) -> None:
        check_count("n", self.n, 1)
        check_choice("stop", self.stop, Stop)
        if not 0.5 < self.confidence < 1.0:
            raise ValueError(
                f"confidence: {self.confidence} must be above 0.5, which every leader has, "
                "and below 1, which none reaches; 0.95 say"
            )
        check_wave(self.wave, self.n, self.stop)
        if not 1 <= self.fewest <= self.n:
            nearest = 1 if self.fewest < 1 else self.n
            raise ValueError(
                f"fewest: {self.fewest} must be from 1 to n ({self.n}); nearest {nearest}"
            )

    @property
    def judges(self) -> bool:
        """Whether the search asks the verifier."""
        return False

    def search(self, problem: Problem) -> Flow:
        """Draw wave by wave until the leader is ahead or all are drawn."""
        drafts: list[Prefix] = []
        votes: Counter[str] = Counter()
        with suppress(Exhausted):
            while len(drafts) < self.n and not self.decided(votes):
                size = max(self.wave or self.n, self.fewest - len(drafts))
                wave = yield from draw(problem, len(drafts), size, self.n)
                drafts += wave
                votes.update(answer for answer in map(answer_of, wave) if answer is not None)
        return Result(tuple(Candidate(draft) for draft in drafts))

    def decided(self, votes: Counter[str]) -> bool:
        """Whether the leading answer is likely enough to be the likeliest."""
        leader, runner_up, *_ = [*(count for _, count in votes.most_common(2)), 0, 0]
        return self.stop == "beta" and lead_probability(leader, runner_up) >= self.confidence
