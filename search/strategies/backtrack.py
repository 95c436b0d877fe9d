"""Backtracking: go back to before the first step judged incorrect, and try again from there.

No paper's method: the verifier names the first incorrect step (ThinkPRM's chains end there), and
what precedes it is worth keeping.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from search.aggregation import MissingRule
from search.budget import Budget, Exhausted
from search.candidates import judge_finished, root
from search.checks import check_choice, check_count, check_number
from search.core import Candidate, Missing, Problem
from search.questions import Flow, Question, Until, extend, grow
from search.strategies.chained import Chained, Keep, Told, first_incorrect
from search.strategies.pruning import reached
from search.strategies.trunk import Trunk

Reach = Literal["end", "step"]


@dataclass(frozen=True)
class Backtrack(Chained):
    """`chains` lines of steps, each taken back before its first incorrect step, over and over.

    A chain ends with the first solution in which no step is judged incorrect. That is its answer;
    without one, or where it has no score, the best finished attempt by score is, and without any
    the path that it had kept: it abstains. A path that was cut failed where it was drawn from.

    Drawn to the end, each attempt is a child of the root that repeats the steps it kept.
    """

    chains: int = 4
    backtracks: int = 3
    """How often a chain goes back at most."""
    patience: int | None = 2
    """When so many attempts failed right after the same kept steps, the last of these is taken back
    too, and so on; `null` never does, 1 always starts again from nothing."""
    until: Reach = "end"
    """Draw to the `end`, judge the whole, and keep what precedes the first incorrect step; or draw
    and judge one `step` at a time, which asks the verifier far more often and never draws on after
    an incorrect step."""
    threshold: float = 0.5
    """From 0 to 1: a step is incorrect when its own verdict gives *correct* a lower probability. A
    step without a verdict is not."""
    feedback: Told = "critique"
    """On its way on from the kept steps the policy is shown `none` of what failed, or the whole
    attempt with its `verdicts`, or also the `critique` of the incorrect step."""
    keep: Keep = "final"
    aggregate: str = "history.last"
    missing: MissingRule = MissingRule.WORST
    depth: int = 40
    """The most steps of a path where `until` is `step`."""
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        self.check()
        check_count("backtracks", self.backtracks, 0)
        if self.patience is not None:
            check_count("patience", self.patience, 1)
        check_choice("until", self.until, Reach)
        check_number("threshold", self.threshold, 0.0, 1.0)
        check_count("depth", self.depth, 1)

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        steps = self.depth if self.until == "step" else 1
        return self.chains * (1 + self.backtracks) * steps

    @property
    def draws_alike(self) -> bool:
        """What is drawn after going back has something else in view than what was taken back."""
        return self.chains > 1 or (self.backtracks > 0 and self.feedback == "none")

    def chain(self, problem: Problem, number: int) -> Flow:
        """Draw, judge, and go on or back, until a solution has no incorrect step."""
        trunk = Trunk([root(problem)], self.patience)
        left, limit, accepted = self.backtracks, None, None
        with suppress(Exhausted):
            while not (limit or accepted):
                attempt = yield from self.draw(trunk, number)
                wrong = self.wrong_step(attempt, trunk)
                if wrong is not None:
                    trunk.given_up[attempt.path] = self.why(attempt, wrong)
                    limit = reached("backtracks", self.backtracks, still_open=not left)
                    left -= 1
                    if not limit:
                        trunk.go_back(attempt.path, wrong)
                        trunk.told = self.told(attempt, self.threshold) or trunk.told
                elif attempt.path.finished:
                    accepted = attempt
                else:
                    trunk.kept.append(attempt)
                    deep = len(attempt.path.steps) >= self.depth
                    limit = reached("depth", self.depth, still_open=deep)
        why = str(limit) if limit else ("it has no score" if accepted else "budget spent")
        answer = self.answer(trunk, accepted)
        return self.ended(answer, trunk.drawn, trunk.left_behind(why), limit)

    def draw(self, trunk: Trunk, number: int) -> Generator[Question, Any, Candidate]:
        """The next attempt from the top of the trunk, judged, unless it was drawn to a cut."""
        first = len(trunk.drawn) * self.chains + number
        top, told = trunk.top, trunk.told
        if self.until == "step":
            grown = yield from grow([top.path], 1, first=first, feedback=told)
            (path,), (judgement,) = grown.children[0], grown.judgements[0]
            trunk.drawn.append(top.child(path, judgement))
        else:
            ((path,),) = yield from extend([top.path], 1, Until.END, first=first, feedback=told)
            trunk.drawn.append(Candidate(path))
            trunk.drawn[-1:] = yield from judge_finished(trunk.drawn[-1:])
        return trunk.drawn[-1]

    def wrong_step(self, attempt: Candidate, trunk: Trunk) -> int | None:
        """The step, from 0, before which to go back; None where nothing is known against any."""
        judgement = attempt.judgement
        wrong = first_incorrect(judgement, self.threshold) if judgement else None
        cut = attempt.path.stopped and not attempt.path.finished
        return len(trunk.top.path.steps) if cut and wrong is None else wrong

    def answer(self, trunk: Trunk, accepted: Candidate | None) -> Candidate | None:
        """The accepted solution, if it has a score, or else the best finished one."""
        if accepted and not isinstance(self.steering.score(accepted), Missing):
            return accepted
        finished = [each for each in trunk.drawn if each.path.finished]
        return next(iter(self.steering.rank(finished)), trunk.standing)

    def why(self, attempt: Candidate, wrong: int) -> str:
        """Why an attempt failed: its step `wrong`, or that it was cut."""
        judgement = attempt.judgement
        if judgement and first_incorrect(judgement, self.threshold) == wrong:
            probability = judgement.verdicts[wrong].probability
            return f"step {wrong + 1} judged incorrect ({probability:.2f})"
        return f"cut: {attempt.path.steps[-1].stop}"
