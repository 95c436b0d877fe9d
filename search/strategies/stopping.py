"""When enough solutions are drawn: the answer cannot change any more, or it is likely enough.

Answers are compared as texts. Two spellings of one answer, which grading may find equal by algebra,
are two answers here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from search.aggregation import Scale
from search.answers import extract_answer
from search.candidates import Steering
from search.core import Candidate, Prefix
from search.selection import SELECTIONS, Option

HIGHEST = {Scale.PROBABILITY: 1.0, Scale.LOGIT: math.inf}
"""What no score exceeds. As a weight, where log-odds become probabilities, infinity is 1."""


def answer_of(path: Prefix) -> str | None:
    """The answer as it is compared, runs of white space as one space; None for an abstention."""
    answer = extract_answer(path.text) if path.finished else None
    return None if answer is None else " ".join(answer.split())


def lead_probability(leader: int, runner_up: int) -> float:
    """The probability in [0.5, 1] that the leader of a vote is the likelier of the top two answers.

    It is 1 - I_0.5(leader + 1, runner_up + 1), from a Beta posterior with a uniform prior (Aggarwal
    et al. 2023, 2305.11860). For whole numbers this incomplete beta function is the chance that of
    leader + runner_up + 1 fair coins at most runner_up show heads: counted exactly, rounded once.

    Args:
        leader: votes for the leading answer.
        runner_up: votes for the second, at most `leader`; 0 where there is none.
    """
    coins = leader + runner_up + 1
    ways = tail = 1
    for heads in range(1, runner_up + 1):
        ways = ways * (coins - heads + 1) // heads
        tail += ways
    return ((1 << coins) - tail) / (1 << coins)


class Poll:
    """The candidates so far as a selection sees them, in their order."""

    def __init__(self, selection: str, steering: Steering) -> None:
        self._choose = SELECTIONS[selection].choose
        self._steering = steering
        self._options: list[Option] = []
        self._groups: dict[str, int] = {}

    def add(self, candidates: Sequence[Candidate]) -> None:
        """More candidates, judged."""
        for candidate in candidates:
            answer = answer_of(candidate.path)
            group = None if answer is None else self._groups.setdefault(answer, len(self._groups))
            self._options.append(Option(group, self._steering.score(candidate)))

    def settled(self, left: int) -> bool:
        """Whether no `left` further candidates, 1 or more, can change the chosen answer.

        For a rival the best that can come is `left` votes with the highest score there is. So the
        answer is settled exactly when the selection itself, ties and all, still chooses it after
        that, whoever the rival is. While no answer has what it takes to be chosen, none is settled.
        """
        chosen = self._chosen(())
        if chosen is None:
            return False
        top = HIGHEST[self._steering.aggregator.scale]
        return all(
            self._chosen([Option(rival, top)] * left) == chosen for rival in self._rivals(chosen)
        )

    def _rivals(self, chosen: int) -> Iterator[int]:
        """An answer never given so far, then the others, most given first: all may refute."""
        yield len(self._groups)
        given = Counter(option.group for option in self._options if option.group is not None)
        yield from (group for group, _ in given.most_common() if group != chosen)

    def _chosen(self, further: Sequence[Option]) -> int | None:
        options = [*self._options, *further]
        index = self._choose(options, self._steering.aggregator.scale).index
        return None if index is None else options[index].group
