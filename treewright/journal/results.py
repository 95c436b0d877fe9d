"""The record of a finished search: what it asked, in order, and what it returned.

Replaying a search runs its strategy. Where the strategy, or what steers it, is somebody's own code,
the journal keeps this record as well, and the search is replayed without that code: what was asked
is asked again in its order, the journal answers, and each answer is held to the digest of its call.

A path that was asked about is told as `[place, of, length]`: its place in the tree, and the first
`length` steps of the path `of` that was drawn before; or with its own steps in place of the two.
So is, as `earlier`, the path whose judgement another one could go on from; `which` of its
judgements that was, from 0, is said where it was not its latest. `chains` says how many were
written for a judgement where some were added: that of fewer stands before it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from search.calls import Given
from search.core import Candidate, Feedback, Judgement, Prefix, Problem, Pruned, Result
from search.driver import Searched
from search.limit import LimitReached
from search.ports import Earlier, PolicyCall
from search.questions import Flow, Judge, Until, extend
from treewright.journal import checking
from treewright.journal.codec import (
    Json,
    decode_judgement,
    decode_score,
    decode_step,
    decode_text,
    encode_judgement,
    encode_score,
    encode_step,
    encode_text,
)

RESULT = "result"
"""The kind of the record; its key is the problem's id."""
UNTIL = {until.value: until for until in Until}
DEEPEST = 100_000
MOST_CHAINS = 10_000
SAME = True
"""In place of a judgement: the one that its path was given."""


class ResultError(ValueError):
    """A record that tells of no search. One phrase: what is wrong."""


def encode_result(searched: Searched) -> Json:
    """What the record holds."""
    drawn: dict[str, Prefix] = {}
    given: dict[str, list[Judgement]] = {}
    asked: list[Json] = []
    for event in searched.order:
        if isinstance(event, PolicyCall):
            asked.append(_draw(event, drawn, searched))
            child = searched.paths[_child_id(event)]
            drawn[child.id] = child
        else:
            asked.append(_judge(event, drawn, given))
            given.setdefault(event.path.id, []).append(event.judgement)
    result = searched.result
    return {
        "asked": asked,
        "candidates": [_candidate(each, searched) for each in result.candidates],
        "pruned": [[each.path_id, encode_text(each.reason)] for each in result.pruned],
        "exhausted": None if result.exhausted is None else str(result.exhausted),
    }


def check_result(data: Json) -> None:
    """Raise ValueError for what is not shaped as such a record."""
    checking.fields(data, "asked", "candidates", "pruned", "exhausted")
    for event in checking.items(data["asked"], "asked"):
        if isinstance(event, dict) and "judge" in event:
            checking.fields(event, "judge", optional=("earlier", "which", "chains"))
        else:
            checking.fields(event, "draw", "child", "until", "greedy", "feedback")
    for candidate in checking.items(data["candidates"], "candidates"):
        checking.fields(candidate, "path", "judgement", "history")
    for pruned in checking.items(data["pruned"], "pruned"):
        if len(checking.items(pruned, "a pruned path")) != 2:
            raise ValueError("a pruned path is not an id and a reason")
    if data["exhausted"] is not None:
        checking.text(data["exhausted"], "exhausted")


def search_again(data: Json, problem: Problem) -> Flow:
    """The search of a record. Raises `ResultError` for one that tells of none."""
    return _Again(problem).flow(data)


class _Again:
    """What was drawn and judged so far, by path id."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.drawn: dict[str, Prefix] = {}
        self.judged: dict[str, list[Judgement]] = {}

    def flow(self, data: Json) -> Flow:
        for event in data["asked"]:
            try:
                asking = self.judge(event) if "judge" in event else self.draw(event)
            except ValueError as error:
                raise ResultError(str(error)) from error
            yield from asking
        try:
            candidates = tuple(map(self.candidate, data["candidates"]))
            pruned = tuple(
                Pruned(checking.text(id, "an id"), decode_text(why)) for id, why in data["pruned"]
            )
        except ValueError as error:
            raise ResultError(str(error)) from error
        limit = data["exhausted"]
        return Result(candidates, pruned, None if limit is None else LimitReached.read(limit))

    def draw(self, event: Json) -> Generator[Any, Any, None]:
        path = self.path(event["draw"])
        child = checking.count(event["child"], "child", checking.LARGEST_ID)
        until = checking.choice(event["until"], "until", UNTIL)
        greedy = checking.truth(event["greedy"], "greedy")
        feedback = self.feedback(event["feedback"])

        def asking() -> Generator[Any, Any, None]:
            ((drawn,),) = yield from extend(
                [path], 1, until, first=child, greedy=greedy, feedback=feedback
            )
            self.drawn[drawn.id] = drawn

        return asking()

    def judge(self, event: Json) -> Generator[Any, Any, None]:
        path = self.path(event["judge"])
        earlier = self.earlier(event) if "earlier" in event else None
        chains = checking.count(event.get("chains", 0), "chains", MOST_CHAINS)

        def asking() -> Generator[Any, Any, None]:
            reply = yield Judge((path,), (earlier,), (chains,))
            self.judged.setdefault(path.id, []).extend(reply.judgements)

        return asking()

    def earlier(self, event: Json) -> Earlier:
        path = self.path(event["earlier"])
        which = checking.count(event["which"], "which") if "which" in event else None
        return Earlier(path, self.given(path.id, which))

    def given(self, id: str, which: int | None = None) -> Judgement:
        """The judgement of a path, the latest where nothing else is said."""
        known = self.judged.get(id, [])
        if len(known) <= (which or 0):
            raise ValueError(f"path {checking.shown(id)} was not judged before, or not so often")
        return known[-1 if which is None else which]

    def path(self, told: Any) -> Prefix:
        place, *whence = checking.items(told, "a path")
        at = tuple(checking.ids(place, "a place"))
        if len(whence) == 1:
            steps = tuple(map(decode_step, checking.items(whence[0], "steps")))
            return Prefix(self.problem, steps, at)
        if len(whence) != 2:
            raise ValueError(f"a path is {checking.shown(told)}")
        of, length = whence[0], checking.count(whence[1], "length", DEEPEST)
        if not length:
            return Prefix(self.problem, (), at)
        steps = self.known(of).steps
        if length > len(steps):
            raise ValueError(f"{length} steps of a path that has {len(steps)}")
        return Prefix(self.problem, steps[:length], at)

    def known(self, id: Any) -> Prefix:
        if not isinstance(id, str) or id not in self.drawn:
            raise ValueError(f"path {checking.shown(id)} was not drawn before")
        return self.drawn[id]

    def feedback(self, told: Any) -> Feedback | None:
        if told is None:
            return None
        checking.fields(told, "attempt", "judgement")
        attempt = self.path(told["attempt"])
        judgement = self.judgement(told["judgement"], attempt.id)
        if judgement is None:
            raise ValueError("feedback without a judgement")
        return Feedback(attempt, judgement)

    def judgement(self, told: Any, id: str) -> Judgement | None:
        if told is not SAME:
            return None if told is None else decode_judgement(told)
        return self.given(id)

    def candidate(self, told: Json) -> Candidate:
        path = self.known(told["path"])
        history = tuple(map(decode_score, checking.items(told["history"], "history")))
        return Candidate(path, self.judgement(told["judgement"], path.id), history)


def _child_id(call: PolicyCall) -> str:
    return "/".join(map(str, (*call.path.place, call.child)))


def _draw(call: PolicyCall, drawn: Mapping[str, Prefix], searched: Searched) -> Json:
    shown = call.feedback
    return {
        "draw": _place(call.path, drawn),
        "child": call.child,
        "until": call.until.value,
        "greedy": call.greedy,
        "feedback": None
        if shown is None
        else {
            "attempt": _place(shown.attempt, drawn),
            "judgement": _judgement(shown.judgement, shown.attempt, searched),
        },
    }


def _judge(
    event: Given, drawn: Mapping[str, Prefix], given: Mapping[str, Sequence[Judgement]]
) -> Json:
    told: Json = {"judge": _place(event.path, drawn)}
    if event.earlier:
        known = given.get(event.earlier.path.id, ())
        same = (n for n, each in enumerate(known) if each is event.earlier.judgement)
        which = next(same, len(known))
        told["earlier"] = _place(event.earlier.path, drawn)
        if which < len(known) - 1:
            told["which"] = which
    if event.chains:
        told["chains"] = event.chains
    return told


def _place(path: Prefix, drawn: Mapping[str, Prefix]) -> list[Any]:
    """A path by what was drawn before: looked for at its own place first, then above, then all."""
    length = len(path.steps)
    if not length:
        return [list(path.place), "", 0]
    own = drawn.get(path.id)
    for known in ([own] if own else []) + list(drawn.values())[::-1]:
        if known.steps[:length] == path.steps:
            return [list(path.place), known.id, length]
    return [list(path.place), [encode_step(step) for step in path.steps]]


def _judgement(judgement: Judgement | None, path: Prefix, searched: Searched) -> Any:
    if judgement is None:
        return None
    if judgement == searched.judgements.get(path.id):
        return SAME
    return encode_judgement(judgement)


def _candidate(candidate: Candidate, searched: Searched) -> Json:
    return {
        "path": candidate.path.id,
        "judgement": _judgement(candidate.judgement, candidate.path, searched),
        "history": [encode_score(score) for score in candidate.history],
    }
