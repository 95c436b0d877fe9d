"""The steps of a search, each prefix once, with the label that it has for training a verifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.grading import Outcome
from search.checks import check_number
from search.core import Judgement, Prefix, StepVerdict, VerdictStatus
from search.driver import Searched
from treewright.arms.solved import UNDECIDED, Solved

EVEN = 0.5


class LabelRule(StrEnum):
    """What makes a step correct."""

    VERDICT = "verdict"
    """The verifier's probability is the threshold or more."""
    OUTCOME = "outcome"
    """A right solution goes through it: the hard estimate of Math-Shepherd (arXiv:2312.08935)."""


class Unlabelled(StrEnum):
    """Why a step has no label."""

    UNJUDGED = "were never judged step by step"
    MISSING = "have no verdict: the verifier gave none, or was cut before"
    AFTER_ERROR = "follow a wrong step, at which the verifier ended"
    UNGRADED = "lead to no solution with a grade"


@dataclass(frozen=True, slots=True)
class Labelling:
    """How steps are labelled. `threshold`: of `verdict`, from 0 to 1."""

    rule: LabelRule = LabelRule.VERDICT
    threshold: float = EVEN

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, 0, 1)


@dataclass(slots=True)
class PrefixNode:
    """A prefix of solutions, told apart by what its steps say. The root has no step.

    `path`: the id of the first path in the tree that has it. `verdict`: of its last step; the one
    that was given when it was the last, else the first that there is (`own` tells). `graded`:
    how many candidates that go through it have a grade, `right`: how many of these are right.
    """

    text: str = ""
    number: int = -1
    path: str = ""
    verdict: StepVerdict | None = None
    own: bool = False
    graded: int = 0
    right: int = 0
    children: dict[str, PrefixNode] = field(default_factory=dict)

    def label(self, labelling: Labelling) -> bool | Unlabelled:
        """Whether its last step is correct, or why nobody knows."""
        if labelling.rule is LabelRule.OUTCOME:
            return self.right > 0 if self.graded else Unlabelled.UNGRADED
        if self.verdict is None:
            return Unlabelled.UNJUDGED
        if self.verdict.status is VerdictStatus.AFTER_ERROR:
            return Unlabelled.AFTER_ERROR
        if self.verdict.probability is None:
            return Unlabelled.MISSING
        return self.verdict.probability >= labelling.threshold

    def judge(self, verdict: StepVerdict, *, own: bool) -> None:
        """Take a verdict, unless a better one is there.

        Better is one of a step that was really judged, and that of the prefix itself.
        """
        if self.verdict is None or (worth(verdict), own) > (worth(self.verdict), self.own):
            self.verdict, self.own = verdict, own


def worth(verdict: StepVerdict) -> int:
    """A verdict that was read says more than one after an error, and that more than none."""
    return {VerdictStatus.READ: 2, VerdictStatus.AFTER_ERROR: 1}.get(verdict.status, 0)


def prefixes(solved: Solved) -> PrefixNode:
    """The root of all prefixes of a search. Children stand in the order of the tree."""
    root = PrefixNode()
    searched = solved.search
    for path in drawn(searched):
        _enter(root, path, searched.judgements.get(path.id))
    for candidate, outcome in zip(searched.result.candidates, solved.grades.outcomes, strict=True):
        nodes = _enter(root, candidate.path, candidate.judgement)
        for node in nodes if outcome not in UNDECIDED else ():
            node.graded += 1
            node.right += outcome is Outcome.CORRECT
    return root


def drawn(searched: Searched) -> list[Prefix]:
    """Every path that was drawn, in the order of the tree."""
    return sorted(searched.paths.values(), key=lambda path: path.place)


def _enter(root: PrefixNode, path: Prefix, judgement: Judgement | None) -> list[PrefixNode]:
    """The nodes of a path, from the first step on, with what a judgement of it says of each."""
    node, line = root, []
    for number, step in enumerate(path.steps):
        if step.text not in node.children:
            node.children[step.text] = PrefixNode(step.text, number, path.id)
        node = node.children[step.text]
        line.append(node)
    verdicts = judgement.verdicts if judgement is not None else ()
    for node, verdict in zip(line, verdicts, strict=False):  # an outcome model has none
        node.judge(verdict, own=node is line[-1])
    return line


def walk(root: PrefixNode) -> Iterator[list[PrefixNode]]:
    """Each prefix as the nodes on the way to it, above before below, as the tree has them."""
    waiting = [[node] for node in reversed(root.children.values())]
    while waiting:
        line = waiting.pop()
        yield line
        waiting += [[*line, node] for node in reversed(line[-1].children.values())]
