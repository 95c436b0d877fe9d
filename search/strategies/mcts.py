"""Monte Carlo tree search over reasoning steps.

Kocsis & Szepesvári 2006 (UCT), Silver et al. 2017 (PUCT), Chaslot et al. 2008 (widening, virtual
loss).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from search.aggregation import MissingRule, Scale
from search.budget import Budget, Exhausted
from search.candidates import grow_candidates, judge_finished, root
from search.checks import check_choice, check_count
from search.core import Candidate, Problem, Result
from search.questions import Flow, Question, Until, extend, fork
from search.strategies.mcts_backup import Backup, back_up, value_of
from search.strategies.mcts_result import ending, most_visited
from search.strategies.mcts_select import Bound, TreePolicy, Widening
from search.strategies.mcts_tree import Expansion, TreeNode
from search.strategies.steered import Steered

Value = Literal["judge", "rollout"]
Rollout = Literal["sampled", "greedy"]


@dataclass(frozen=True)
class Mcts(Steered):
    """Each simulation selects a node, expands it by a step, evaluates that and backs its value up.

    Going down, a node that may have another child gets it; else the child with the largest bound
    (`selection`) is next, the earliest on ties.

    A solution that ended is valued once and never visited again. A step that was cut, or whose
    value stays missing under the rule `missing`, backs up nothing and is never visited again.
    Candidates are all finished solutions, best first; without any, the best unfinished one.
    """

    widths: ClassVar = ("children", "rollouts")
    simulations: int = 32
    """How many steps are drawn at most."""
    parallel: int = 4
    """How many simulations are in flight at once, at most `simulations`; the next round waits for
    all."""
    children: int = 4
    """How many children a node has at most."""
    widen: Widening | None = None
    """Fewer children at first, more with the visits of a node; `null` allows all `children` at
    once."""
    selection: Bound = "uct"
    """The bound: `uct` (Kocsis & Szepesvári 2006) or `puct` (Silver et al. 2017)."""
    exploration: float = 0.5
    """The weight of the bound's second term; with 0 it never explores."""
    virtual_loss: float = 1.0
    """Each simulation in flight lowers Q as so many values of 0 would; 0 counts it among the visits
    only (Liu et al. 2020, WU-UCT)."""
    value: Value = "rollout"
    """What a node is worth: the verifier's judgement of its prefix (`judge`), or that of ends drawn
    from it (`rollout`)."""
    rollouts: int = 1
    """Where `value` is `rollout`, how many ends are drawn per node."""
    rollout: Rollout = "sampled"
    """How these ends are drawn: `sampled`, or `greedy`, which is one."""
    finish: int = 4
    """Where `value` is `judge`, so many ends are drawn at last from the most visited leaf, for the
    tree may hold no solution yet; 0 draws none."""
    backup: Backup = "mean"
    """Q of a node is the `mean` of the values below it, or their `max`."""
    depth: int = 40
    """The most steps of a path; a node there is judged but not extended."""
    aggregate: str = "history.last"
    missing: MissingRule = MissingRule.WORST
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        for name in ("simulations", "parallel", "children", "rollouts", "depth"):
            check_count(name, getattr(self, name), 1)
        for name in ("exploration", "virtual_loss", "finish"):
            check_count(name, getattr(self, name), 0)
        check_choice("selection", self.selection, Bound)
        check_choice("value", self.value, Value)
        check_choice("rollout", self.rollout, Rollout)
        check_choice("backup", self.backup, Backup)
        if self.parallel > self.simulations:
            raise ValueError(
                f"parallel: {self.parallel} must be at most simulations; use {self.simulations}"
            )
        if self.rollout == "greedy" and self.rollouts > 1:
            raise ValueError(f"rollouts: {self.rollouts} greedy ones would be equal; use 1")
        self._check_aggregate()

    def _check_aggregate(self) -> None:
        if self.steering.aggregator.scale is not Scale.PROBABILITY:
            raise ValueError(
                f"aggregate: {self.aggregate} is no value from 0 to 1; use history.last"
            )

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most."""
        if self.value == "judge":
            return self.simulations + self.finish
        return self.simulations * self.rollouts

    @property
    def at_once(self) -> int:
        """A round is in flight together, with the rollouts of each of its nodes."""
        return self.parallel * (self.rollouts if self.value == "rollout" else 1)

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        if self.value == "judge":
            return self.simulations + self.finish
        return self.simulations * (1 + self.rollouts)

    @property
    def judges_prefixes(self) -> bool:
        """Rollouts are judged at their ends."""
        return self.value == "judge"

    @property
    def continues(self) -> bool:
        """A rollout begins where its node ends."""
        return True

    def search(self, problem: Problem) -> Flow:
        """Round by round until no simulation is left, or no place for one."""
        policy = TreePolicy(**{each.name: getattr(self, each.name) for each in fields(TreePolicy)})
        top = TreeNode(root(problem), value=0.0)
        nodes: list[TreeNode] = []
        try:
            while selected := policy.select(top, self.next_round(len(nodes))):
                results = yield from fork([self.simulate(each) for each in selected])
                for expansion, result in zip(selected, results, strict=True):
                    child, *ends = result.candidates
                    value = value_of(child, ends, self.steering)
                    nodes.append(expansion.add(child, value, ends))
                    back_up(nodes[-1])
            if self.value == "judge" and self.finish:
                leaf = most_visited(top)
                (result,) = yield from fork([self.to_the_end(leaf.candidate, self.finish)])
                leaf.rollouts = result.candidates
        except Exhausted:
            pass  # what is in the tree so far is the best there is
        return ending([top, *nodes], self.steering, self.depth, self.simulations)

    def next_round(self, drawn: int) -> int:
        """How many simulations the next round has at most."""
        return min(self.parallel, self.simulations - drawn)

    def simulate(self, expansion: Expansion) -> Flow:
        """Expand a node and evaluate its child; the result lists it first, then its rollouts."""
        child = yield from self.expand(expansion)
        rollouts = yield from self.evaluate(child)
        return Result((child, *rollouts.candidates))

    def expand(self, expansion: Expansion) -> Generator[Question, Any, Candidate]:
        """Draw the child; it is judged where that is its value, and where it ends the solution."""
        parent = expansion.parent.candidate
        if self.value == "judge":
            ((child,),) = yield from grow_candidates([parent], 1, first=expansion.number)
            return child
        ((path,),) = yield from extend([parent.path], 1, first=expansion.number)
        (child,) = yield from judge_finished([Candidate(path)])
        return child

    def evaluate(self, child: Candidate) -> Flow:
        """The rollouts that tell the value of a child that goes on, where they do."""
        if self.value == "judge" or child.path.stopped:
            return Result()
        greedy = self.rollout == "greedy"
        return (yield from self.to_the_end(child, self.rollouts, greedy=greedy))

    def to_the_end(self, parent: Candidate, n: int, *, greedy: bool = False) -> Flow:
        """`n` continuations drawn to the end, those that finished judged.

        Numbered from `simulations`: no node has so many children, so no number is used twice.
        """
        first = self.simulations
        (ends,) = yield from extend([parent.path], n, Until.END, first=first, greedy=greedy)
        drawn = [Candidate(end, None, parent.history) for end in ends]
        return Result((yield from judge_finished(drawn)))
