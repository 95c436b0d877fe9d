"""Trees to walk through with a beam, node by node."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from search.core import (
    Judgement,
    Prefix,
    Problem,
    Result,
    Spending,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.questions import (
    Clock,
    Extend,
    Extended,
    Flow,
    Fork,
    Forked,
    Grow,
    Grown,
    Judge,
    Judged,
    Question,
    Reply,
)
from search.strategies.beam import Beam

PROBLEM = Problem("p", "1 + 2 + 3?")
STOPS = {"!": StopReason.EOS, "~": StopReason.LENGTH, "": StopReason.STEP_END}


@dataclass
class Tree:
    """Answers questions from a tree that is written down as `{id: "70"}`.

    `70` is the prefix probability in percent, `?` a missing one; `!` after it finishes the path,
    `~` cuts it; `=words` is the text of the step, which else is unique. What is not written down is
    `1!`. Each step and each judgement costs one call and one token.
    """

    nodes: dict[str, str] | Callable[[str], str]
    drawn: dict[str, Prefix] = field(default_factory=dict)
    judged: list[str] = field(default_factory=list)
    greedy: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def node(self, path_id: str) -> str:
        said = self.nodes(path_id) if callable(self.nodes) else self.nodes.get(path_id, "1!")
        return said.partition("=")[0]

    def text(self, path_id: str) -> str:
        said = self.nodes(path_id) if callable(self.nodes) else self.nodes.get(path_id, "1!")
        return said.partition("=")[2] or path_id

    def play(self, flow: Flow) -> Result:
        reply: Reply | None = None
        while True:
            try:
                question = flow.send(reply)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            self.questions.append(question)
            reply = self.answer(question)

    def answer(self, question: Question) -> Reply:
        match question:
            case Extend():
                rows = self.rows(question.paths, question.n, question.first)
                if question.greedy:
                    self.greedy += [child.id for row in rows for child in row]
                return Extended(rows, price(policy=sum(map(len, rows))))
            case Judge():
                judgements = tuple(self.judge(path) for path in question.paths)
                return Judged(judgements, price(verifier=len(judgements)))
            case Grow():
                rows = self.rows(question.paths, question.n, question.first)
                judged = tuple(tuple(self.judge(child) for child in row) for row in rows)
                count = sum(map(len, rows))
                return Grown(rows, judged, price(count, count))
            case Fork():
                before = len(self.drawn), len(self.judged)
                results = tuple(self.play(flow) for flow in question.flows)
                spent = price(len(self.drawn) - before[0], len(self.judged) - before[1])
                return Forked(results, spent)
            case Clock():
                raise AssertionError("no search here has a budget of time")

    def rows(self, paths: tuple[Prefix, ...], n: int, first: int) -> tuple[tuple[Prefix, ...], ...]:
        assert len(set(paths)) == len(paths), "a path is extended twice in one question"
        return tuple(
            tuple(self.draw(path, child) for child in range(first, first + n)) for path in paths
        )

    def draw(self, path: Prefix, child: int) -> Prefix:
        assert not path.stopped, f"{path.id} cannot be extended"
        place = "/".join(map(str, (*path.place, child)))
        assert place not in self.drawn, f"{place} is drawn twice"
        text = f"{self.text(place)}\n"
        step = Step(text, tuple(text.encode()), STOPS[self.node(place).lstrip("0123456789?")])
        self.drawn[place] = path.grow(child, [step])
        return self.drawn[place]

    def judge(self, path: Prefix) -> Judgement:
        self.judged.append(path.id)
        number = self.node(path.id).rstrip("!~")
        if number == "?":
            return Judgement.missing("unreadable")
        probability = int(number) / 100
        verdict = StepVerdict(probability, VerdictStatus.READ)
        return Judgement((verdict,) * len(path.steps), probability, chains=1)


def price(policy: int = 0, verifier: int = 0) -> Spending:
    return Spending(Spent(policy, generated=policy), Spent(verifier, generated=verifier))


@dataclass(frozen=True)
class Golden:
    """A beam search of one tree, worked out by hand, and single changes that must show in it."""

    beam: Beam
    nodes: dict[str, str]
    candidates: list[str]
    pruned: dict[str, str]
    changes: tuple[dict[str, Any], ...]


# N = 4, M = 2, so 2 are kept.
# 1: 0 60, 1 65, 2 30, 3 90          -> 3, 1 kept; 0, 2 outranked
# 2: 3/0 70, 3/1 68, 1/0 50, 1/1 85! -> 1/1 (finished, holds its slot), 3/0
# 3: 3/0 alone goes on, with M = 2:  3/0/0 95, 3/0/1 40!; beside 1/1 85! -> 3/0/0, 1/1
# 4: 3/0/0/0 65!, 3/0/0/1 75!; beside 1/1 85! -> the best two are finished: the end, and the level
#    is not cut: all three are candidates (the paper's best-of-N weighted is over the last level).
SNELL = Golden(
    Beam(4, 2, finish="compete", refill="none", dedup="none", final="all"),
    {
        **{"0": "60", "1": "65", "2": "30", "3": "90"},
        **{"3/0": "70", "3/1": "68", "1/0": "50", "1/1": "85!"},
        **{"3/0/0": "95", "3/0/1": "40!", "3/0/0/0": "65!", "3/0/0/1": "75!"},
    },
    ["1/1", "3/0/0/0", "3/0/0/1"],
    dict.fromkeys(["0", "2", "1/0", "3/1", "3/0/1"], "outranked"),
    (
        {"first_level": "children"},
        {"finish": "bank"},
        {"refill": "cyclic"},
        {"refill": "even"},
        {"final": "best"},
        {"lookahead": 1},
        {"score_every": 2},
        {"depth": 3},
        {"aggregate": "history.min"},
    ),
)


# N = 4, M = 2, the first level has M; two slots, and what is banked keeps its own for good.
# 1: 0 50, 1 45!                  -> 1 banked (1 slot left), 0 goes on
# 2: 0/0 55!, 0/1 60              -> the slot is 0/1's; 0/0 finished but won no slot: not banked
# 3: 0/1/0 20, 0/1/1 30!          -> 0/1/1 banked, no slot left: the end
OPENR = Golden(
    Beam(4, 2, "children", finish="bank", slots="shrink", refill="none", dedup="none", final="all"),
    {
        **{"0": "50", "1": "45!", "0/0": "55!", "0/1": "60", "0/1/0": "20", "0/1/1": "30!"},
    },
    ["1", "0/1/1"],
    {"0/0": "outranked", "0/1/0": "outranked"},
    (
        {"first_level": "paths"},
        {"finish": "compete", "slots": "fixed"},
        {"slots": "fixed"},
        {"refill": "cyclic"},
        {"refill": "even"},
        {"lookahead": 1},
        {"score_every": 2},
        {"depth": 2},
    ),
)
