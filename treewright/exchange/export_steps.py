"""Judged steps as training data for a verifier (PRM): `trl` and `prm`.

`trl` is the dataset type "stepwise supervision" of TRL: `prompt`, `completions` (the steps) and
`labels` (true or false for each); its PRMTrainer puts a separator of its own behind each step, so
the white space around a step is left out. It takes no step without a label: a row ends before the
first. Other columns it does not read. Source: huggingface/trl, docs/source/dataset_formats.md and
trl/trainer/prm_trainer.py, version 0.24.0.

`prm` has a row per prefix: what was solved so far, the step that comes next, its label, the
verifier's probability, and how many of the graded candidates through it are right (their share is
the soft estimate of Math-Shepherd, arXiv:2312.08935).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from benchmarks.datasets import Sample
from search.wording import counted
from treewright.arms.solved import Solved
from treewright.exchange.samples import storable
from treewright.exchange.step_labels import (
    Labelling,
    PrefixNode,
    Unlabelled,
    prefixes,
    walk,
)
from treewright.exchange.writer import Ordered, RunWriter


class StepWriter(RunWriter):
    """Writes rows of labelled steps, as JSON Lines; what has no label is counted."""

    def __init__(self, ordered: Ordered) -> None:
        super().__init__(ordered)
        self.labelling = ordered.labels
        self.unlabelled: Counter[Unlabelled] = Counter()
        self.labels: Counter[bool] = Counter()

    def add(self, number: int, sample: Sample, solved: Solved) -> None:
        """Its rows, each prefix once."""
        root = prefixes(solved)
        for line in walk(root):
            label = line[-1].label(self.labelling)
            if isinstance(label, Unlabelled):
                self.unlabelled[label] += 1
        for row in self.rows(sample, root):
            self.file.write(json.dumps(storable(row), allow_nan=False).encode("ascii") + b"\n")
            self.written += 1

    def rows(self, sample: Sample, root: PrefixNode) -> Iterator[dict[str, Any]]:
        """The rows of a problem."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """What makes the labels, how many there are, and what has none."""
        right, wrong = self.labels[True], self.labels[False]
        said = [f"labels by {rule_told(self.labelling)}: {right} true, {wrong} false"]
        for reason, count in sorted(self.unlabelled.items()):
            said.append(f"without a label: {counted(count, 'step')} that {reason.value}")
        return said


def rule_told(labelling: Labelling) -> str:
    """The rule in words."""
    if labelling.rule == "outcome":
        return "outcome (a right solution goes through the step)"
    return f"verdict (probability of {labelling.threshold:g} or more)"


class PrefixWriter(StepWriter):
    """`prm`: a row per prefix with a label."""

    def rows(self, sample: Sample, root: PrefixNode) -> Iterator[dict[str, Any]]:
        """In the order of the tree."""
        for line in walk(root):
            node = line[-1]
            label = node.label(self.labelling)
            if isinstance(label, Unlabelled):
                continue
            self.labels[label] += 1
            verdict = node.verdict
            yield {
                "problem_id": sample.problem.id,
                "problem": sample.problem.question,
                "prefix": "".join(each.text for each in line[:-1]),
                "step": node.text,
                "label": label,
                "probability": None if verdict is None else verdict.probability,
                "status": None if verdict is None else verdict.status.value,
                "number": node.number,
                "path": node.path,
                "graded": node.graded,
                "right": node.right,
            }


class StepwiseWriter(StepWriter):
    """`trl`: a row per solution, as far as its steps have labels.

    One that is the beginning of another is in that one. What several begin with is in each of them.
    """

    def rows(self, sample: Sample, root: PrefixNode) -> Iterator[dict[str, Any]]:
        """In the order of the tree."""
        waiting: list[list[tuple[PrefixNode, bool]]] = [[]]
        while waiting:
            line = waiting.pop()
            below = (line[-1][0] if line else root).children.values()
            labelled = [(node, node.label(self.labelling)) for node in below]
            further = [
                [*line, (node, label)]
                for node, label in labelled
                if not isinstance(label, Unlabelled)
            ]
            waiting += reversed(further)
            if line and not further:
                yield self._row(sample, line)

    def _row(self, sample: Sample, line: list[tuple[PrefixNode, bool]]) -> dict[str, Any]:
        nodes, labels = [node for node, _ in line], [label for _, label in line]
        self.labels.update(labels)
        verdicts = [node.verdict for node in nodes]
        return {
            "prompt": sample.problem.question,
            "completions": [node.text.strip() for node in nodes],
            "labels": labels,
            "probabilities": [None if each is None else each.probability for each in verdicts],
            "problem_id": sample.problem.id,
            "path": nodes[-1].path,
        }
