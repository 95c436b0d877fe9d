"""Which paths a beam search goes on with: the frontier, settled after each level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from search.candidates import Steering
from search.core import Candidate, Prefix
from search.strategies.beam_level import Continuation, rank
from search.strategies.beam_rules import Dedup, Finish, Slots, repeats


@dataclass
class Frontier:
    """What a search holds between two levels.

    `open` paths hold slots, best first or, unless `ranked`, in the order drawn. `finished` ones, in
    the order in which they finished, hold slots or are banked; `cut` ones are dead ends.
    `given_up` says why the others were left.
    """

    keep: int
    finish: Finish
    slots: Slots
    dedup: Dedup
    steering: Steering
    ranked: bool = True
    open: list[Candidate] = field(default_factory=list)
    finished: list[Candidate] = field(default_factory=list)
    cut: list[Candidate] = field(default_factory=list)
    given_up: dict[Prefix, str] = field(default_factory=dict)

    def settle(self, level: Sequence[Continuation], *, last: bool) -> None:
        """Take in the children of the open paths, in the order in which they were drawn.

        On the `last` level finished paths compete with nobody any more.
        """
        usable = self._usable(level)
        held = [Continuation.judged(candidate) for candidate in self.finished]
        if self.finish == "compete":
            self.finished = []
            self._compete([*held, *usable], last=last)
        elif self.slots == "shrink":
            self._hold(usable, rank(self.steering, usable)[: self.keep - len(held)])
        else:
            going_on = rank(self.steering, [child for child in usable if not child.path.finished])
            banked = [child for child in usable if child.path.finished]
            self._hold(usable, [*banked, *going_on[: self.keep]])

    def leave(self, why: str) -> None:
        """End the search: what it does not return is given up, the open paths for the reason."""
        self.given_up |= {candidate.path: why for candidate in self.open}
        self.given_up |= {candidate.path: "enough others finished" for candidate in self.finished}

    def _compete(self, pool: Sequence[Continuation], *, last: bool) -> None:
        winners = rank(self.steering, pool)[: self.keep]
        if last or all(child.path.finished for child in winners):
            winners += [child for child in pool if child.path.finished and child not in winners]
        self._hold(pool, winners)

    def _hold(self, pool: Sequence[Continuation], winners: Sequence[Continuation]) -> None:
        """Go on with the winners."""
        places = {child.path.place for child in winners}
        order = winners if self.ranked else [each for each in pool if each.path.place in places]
        self.open = [child.candidate for child in order if not child.path.finished]
        for child in pool:
            if child.path.place not in places:
                self.given_up[child.path] = "outranked"
            elif child.path.finished:
                self.finished.append(child.candidate)

    def _usable(self, level: Sequence[Continuation]) -> list[Continuation]:
        """The children that are not cut and, as far as `dedup` asks, say something new."""
        for child in level:
            self.given_up |= dict.fromkeys(child.rollout, "lookahead")
        alive = [child for child in level if not child.cut]
        for child in level:
            if child.cut:
                self.cut.append(child.candidate)
                self.given_up[child.path] = f"cut: {child.path.steps[-1].stop}"
        known = [Continuation.judged(candidate) for candidate in self.finished]
        repeated = repeats(alive, known, self.dedup)
        for child in alive:
            if first := repeated.get(child.path.place):
                self.given_up[child.path] = f"says the same as {first.path.id}"
        return [child for child in alive if child.path.place not in repeated]
