"""Drafts with a script of answers and scores, and searches over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.candidates import Steering
from search.core import (
    Judgement,
    Missing,
    Prefix,
    Problem,
    Result,
    Score,
    Spending,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.questions import Extend, Extended, Flow, Judge, Judged, Question, Reply, Until
from search.selection import SELECTIONS, Option
from search.strategies.stopping import answer_of

PROBLEM = Problem("one", "1 + 1?")
ROOT = Prefix.start(PROBLEM)


@dataclass(frozen=True)
class Draft:
    """A solution as it will be drawn, and how it is judged; `answer` None: it gives none."""

    answer: str | None
    score: Score = 0.5
    stop: StopReason = StopReason.EOS

    def path(self, child: int) -> Prefix:
        text = "so I stop." if self.answer is None else rf"so it is \boxed{{{self.answer}}}."
        return ROOT.grow(child, [Step(text, (child, *text.encode()), self.stop)])


def drafts(*answers: str | None) -> list[Draft]:
    return [Draft(answer) for answer in answers]


def judgement(score: Score) -> Judgement:
    if isinstance(score, Missing):
        return Judgement((), score)
    return Judgement((StepVerdict(score, VerdictStatus.READ),), score)


def reply(question: Question, script: Sequence[Draft], asked: list[str]) -> Reply:
    """The reply; `asked` hears `draw FIRST-LAST` and `judge IDS`. It costs one call per path."""
    if isinstance(question, Extend):
        assert (question.paths, question.until, question.greedy) == ((ROOT,), Until.END, False)
        numbers = range(question.first, question.first + question.n)
        asked.append(f"draw {numbers[0]}-{numbers[-1]}")
        children = tuple(script[number].path(number) for number in numbers)
        return Extended((children,), Spending(policy=Spent(calls=question.n, generated=question.n)))
    assert isinstance(question, Judge)
    asked.append("judge " + " ".join(path.id for path in question.paths))
    judged = tuple(judgement(script[path.place[0]].score) for path in question.paths)
    return Judged(judged, Spending(verifier=Spent(calls=len(judged))))


def run(flow: Flow, script: Sequence[Draft]) -> tuple[Result, list[str]]:
    """The result of a flow that draws the script, and what it asked."""
    asked: list[str] = []
    try:
        question = next(flow)
        while True:
            question = flow.send(reply(question, script, asked))
    except StopIteration as stop:
        return stop.value, asked


def said(result: Result) -> list[str | None]:
    return [answer_of(candidate.path) for candidate in result.candidates]


def chosen(result: Result, selection: str, steering: Steering) -> str | None:
    """The answer that the selection chooses, counted here and by nothing that a strategy uses."""
    answers = said(result)
    options = [
        Option(None if answer is None else answers.index(answer), steering.score(candidate))
        for answer, candidate in zip(answers, result.candidates, strict=True)
    ]
    index = SELECTIONS[selection].choose(options, steering.aggregator.scale).index
    return None if index is None else answers[index]
