"""Trees that a test writes down, and searches that are run on them by hand.

Imported by tests; pytest and mypy find it because this folder is on their path.
"""

from typing import Any, Protocol

from search.core import (
    Candidate,
    Judgement,
    Missing,
    Prefix,
    Problem,
    Result,
    Spending,
    Spent,
    Step,
    StopReason,
)
from search.questions import (
    Flow,
    Fork,
    Forked,
    Grow,
    Grown,
    Question,
    Reply,
)

PROBLEM = Problem("one", "1 + 1?")
OPEN, DONE, CUT = StopReason.STEP_END, StopReason.EOS, StopReason.LENGTH
Tree = dict[str, tuple[float | Missing, StopReason]]
"""What grows at each place, and how its prefix is judged."""


def judgement(probability: float | Missing) -> Judgement:
    return Judgement((), probability)


def candidate(place: tuple[int, ...], probability: float | Missing, stop: StopReason) -> Candidate:
    steps = tuple(Step("x", (1,), OPEN) for _ in place[1:])
    path = Prefix(PROBLEM, (*steps, Step("x", (1,), stop)), place)
    return Candidate(path, judgement(probability), (probability,))


def grown(question: Grow, tree: Tree) -> Grown:
    families, judged = [], []
    for path in question.paths:
        children = range(question.first, question.first + question.n)
        ids = ["/".join(map(str, (*path.place, child))) for child in children]
        families.append(
            tuple(
                path.grow(child, [Step(f"{id_}\n", (child,), tree[id_][1])])
                for child, id_ in zip(children, ids, strict=True)
            )
        )
        judged.append(tuple(judgement(tree[id_][0]) for id_ in ids))
    price = len(question.paths) * question.n
    return Grown(tuple(families), tuple(judged), Spending(Spent(calls=price)))


def answer(question: Question, tree: Tree, asked: list[dict[str, int]]) -> Reply:
    """The reply that `tree` gives; `asked` hears who gets how many children, level by level."""
    if isinstance(question, Grow):
        asked.append({path.id: question.n for path in question.paths})
        return grown(question, tree)
    assert isinstance(question, Fork)
    parts: list[dict[str, int]] = []
    results = tuple(run(flow, tree, parts) for flow in question.flows)
    asked.append({id_: n for part in parts for id_, n in part.items()})
    return Forked(results, Spending(Spent(calls=sum(asked[-1].values()))))


def run(flow: Flow, tree: Tree, asked: list[dict[str, int]]) -> Result:
    try:
        question = next(flow)
        while True:
            question = flow.send(answer(question, tree, asked))
    except StopIteration as stop:
        result: Result = stop.value
        return result


def ids(result: Result) -> list[str]:
    return [candidate.path.id for candidate in result.candidates]


def reasons(result: Result) -> dict[str, str]:
    return {pruned.path_id: pruned.reason for pruned in result.pruned}


class Answering(Protocol):
    """A policy and a verifier that are written down."""

    def answer(self, question: Question) -> object: ...


def play(flow: Flow, world: Answering) -> Result:
    """What a flow returns whose every question the world answers."""
    reply: Any = None
    try:
        while True:
            reply = world.answer(flow.send(reply))
    except StopIteration as stop:
        result: Result = stop.value
        return result
