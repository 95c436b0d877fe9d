"""The answer to a question: what its search found, and the candidate that is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from search.aggregation import Aggregator
from treewright.arms.arm import Arm, arms_of
from treewright.arms.graded import Graded
from treewright.arms.solved import Solved
from treewright.lab.found import Found
from treewright.serving.deadline import Deadline
from treewright.serving.store import Kept


@dataclass(frozen=True)
class Answer:
    """What one question got. `shares`: by candidate, the share of the candidates that say the same.

    `ended_by`: the limit that ended the search early.
    """

    kept: Kept
    found: Found
    answers: tuple[str | None, ...]
    scores: tuple[float | None, ...]
    groups: tuple[int | None, ...]
    ended_by: str | None

    @property
    def shares(self) -> tuple[float | None, ...]:
        """By candidate; None where it has no answer."""
        votes = [group for group in self.groups if group is not None]
        return tuple(
            None if group is None else votes.count(group) / len(votes) for group in self.groups
        )


def chosen(kept: Kept, solved: Solved, deadline: Deadline) -> Answer:
    """What the run's first configured arm chooses, as its report does; else what most say."""
    config, search = kept.config, solved.search
    arms = [*arms_of(config.aggregate[:1], ["best"]), Arm("majority"), Arm("first")]
    names = [arm.aggregation for arm in arms]
    graded = Graded.of(solved, names, config.missing)
    arm, index = next(
        ((arm, at) for arm in arms if (at := graded.choice(arm).index) is not None),
        (arms[0], _longest(solved)),
    )
    scoring = arms[0].aggregation
    scores = graded.scores[str(Aggregator.parse(scoring))] if scoring else ()
    score = scores[index] if scores and index is not None else None
    answers = tuple(config.grading.answer(each.path) for each in search.result.candidates)
    limit = search.result.exhausted
    ended_by = None if limit is None else str(limit)
    if deadline.cut or (limit and deadline.left <= 0):
        ended_by = deadline.why
    return Answer(
        kept,
        Found(
            kept.sample.problem,
            search,
            answer=None if index is None else answers[index],
            score=score,
            chosen=index,
            aggregate=arm.aggregation,
            select=arm.selection,
        ),
        answers,
        tuple(each if isinstance(each, float) else None for each in scores)
        or (None,) * len(answers),
        solved.grades.groups,
        ended_by,
    )


def _longest(solved: Solved) -> int | None:
    """Where no candidate has an answer, the one that says most; None where none says anything."""
    lengths = [len(each.path.text) for each in solved.search.result.candidates]
    return lengths.index(max(lengths)) if any(lengths) else None
