"""Beam search against a process verifier (Snell et al. 2024, 2408.03314, section 5.2).

Draw N first steps; then, level by level, keep the N / M best paths and draw M steps of each. What
becomes of finished paths, and of a level with fewer open ones, is where systems differ: each
difference is a field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from search.aggregation import MissingRule
from search.budget import Budget, Exhausted
from search.candidates import Steering, root
from search.checks import check_choice, check_count, check_number
from search.core import Candidate, Problem
from search.questions import Flow
from search.strategies.beam_frontier import Frontier
from search.strategies.beam_level import Reach, grow_level
from search.strategies.beam_rules import (
    REFILLS,
    RULES,
    Dedup,
    Final,
    Finish,
    FirstLevel,
    LastLevel,
    Refill,
    Slots,
    by_turns,
    check_widths,
)
from search.strategies.pruning import reached, result
from search.strategies.steered import Steered


@dataclass(frozen=True)
class Beam(Steered):
    """`paths` N are drawn per level, `children` M of each of the N / M that are kept.

    A path that was cut takes no slot. Where nothing finished, the open paths are returned, or else
    those that were cut: they abstain. The earliest drawn wins a tie: parents in rank order, then
    the children's numbers; with `cyclic` copies, copy by copy.
    """

    widths: ClassVar = ("paths", "children")
    paths: int = 16
    """N, how many paths are drawn per level; a multiple of `children` unless `refill` is
    `cyclic`."""
    children: int = 4
    """M, how many children each kept path has, at most `paths`."""
    first_level: FirstLevel = "paths"
    """How many children the root has: N (`paths`) or M (`children`)."""
    finish: Finish = "compete"
    """Finished paths `compete` for the N / M slots at every level, and hold no more than that; or
    they leave the frontier for a `bank`, where nothing outranks them any more."""
    slots: Slots = "fixed"
    """With a bank. `fixed`: every finished path is banked, and N / M open ones are kept beside
    them. `shrink`: a path must win a slot to be banked, and keeps it for good."""
    refill: Refill = "none"
    """With fewer than N / M open paths, N are drawn all the same, as `cyclic` copies: the open
    paths in the order drawn, again and again; or as many as are `even`; or `none` beyond M of
    each."""
    dedup: Dedup = "open"
    """Of the `open` paths of a level with the same text, only the earliest goes on, and finished
    ones are counted each, for each is a vote; or `all` are one, finished ones with those of earlier
    levels too; or `none` are. Texts are compared whole, letter by letter."""
    final: Final = "best"
    """What is returned: the N `best` finished paths, best first; the N `first` to finish; or `all`,
    in the order in which they finished. Those that compete include the last level before it is
    cut."""
    lookahead: int = 0
    """A child is ranked by the end of its greedy rollout of so many further steps, 0 for none. The
    child itself is then judged only if it is finished."""
    score_every: int = 1
    """Judge and prune only every so many steps, at most `depth`; between, each path goes on alone.
    A path that ends before is judged as it ends, and ranked with the level."""
    last_level: LastLevel = "step"
    """How a path grows at the last level, `depth`: by a `step` as before, or it is drawn to its
    `end`."""
    aggregate: str = "history.last"
    missing: MissingRule = MissingRule.WORST
    depth: int = 40
    """The most steps of a path, but for one that `last_level: end` draws on."""
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        for name, choices in RULES.items():
            check_choice(name, getattr(self, name), choices)
        needs_whole = "" if self.refill == "cyclic" else f"refill {self.refill}"
        check_widths(self.paths, self.children, needs_whole)
        check_count("depth", self.depth, 1)
        check_number("score_every", self.score_every, 1, self.depth)
        check_count("lookahead", self.lookahead, 0)
        if self.finish == "compete" and self.slots == "shrink":
            raise ValueError("slots: 'shrink' needs finish bank; nearest fixed")
        Steering.of(self.aggregate, self.missing)

    @property
    def keep(self) -> int:
        """N / M: how many slots a level has."""
        return self.paths // self.children

    @property
    def keeps(self) -> int:
        """As many of a level as it has slots."""
        return self.keep

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most."""
        if self.final != "all" or self.slots == "shrink":
            return self.paths
        levels = -(-self.depth // self.score_every)
        beside = self.keep if self.finish == "compete" else (self.paths - 1) * (levels - 1)
        return self.paths + beside

    @property
    def at_once(self) -> int:
        """A level is in flight together."""
        return self.paths

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        levels = -(-self.depth // self.score_every)
        return self.paths * (self.depth + levels * self.lookahead)

    def search(self, problem: Problem) -> Flow:
        """Level by level, until no open path holds a slot."""
        ranked = self.refill != "cyclic"
        frontier = Frontier(self.keep, self.finish, self.slots, self.dedup, self.steering, ranked)
        frontier.open = [root(problem)]
        why, limit = "depth reached", None
        try:
            for done in range(0, self.depth, self.score_every):
                if self.settled(frontier):
                    why = "enough paths finished"
                    break
                steps = min(self.score_every, self.depth - done)
                last = done + steps == self.depth
                reach = Reach(steps, self.lookahead, self.paths, last and self.last_level == "end")
                counts = self.counts(frontier.open)
                level = yield from grow_level(frontier.open, counts, reach)
                frontier.settle(level if ranked else by_turns(level, counts), last=last)
            else:
                limit = reached("depth", self.depth, still_open=not self.settled(frontier))
        except Exhausted:
            why = "budget spent"
        frontier.leave(why)
        return result(self.pick(frontier), frontier.given_up, limit)

    def counts(self, parents: Sequence[Candidate]) -> list[int]:
        """How many children each open path has."""
        if not parents[0].path.steps:
            return [self.paths if self.first_level == "paths" else self.children]
        return REFILLS[self.refill](self.paths, self.children, len(parents))

    def settled(self, frontier: Frontier) -> bool:
        """Whether further levels cannot change which finished paths are returned."""
        full = self.finish == "bank" and self.final == "first"
        return not frontier.open or (full and len(frontier.finished) >= self.paths)

    def pick(self, frontier: Frontier) -> list[Candidate]:
        """The candidates to return."""
        best = self.final == "best"
        finished = self.steering.rank(frontier.finished) if best else frontier.finished
        most = len(finished) if self.final == "all" else self.paths
        return finished[:most] or frontier.open or frontier.cut[: self.paths]
