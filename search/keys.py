"""Where a call belongs (its key) and what it asks (its digest).

How the journal finds a reply again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote

from search.core import Feedback, Judgement, Prefix, Problem, Step
from search.ports import PolicyCall, ScorerCall, saying


def policy_key(call: PolicyCall) -> str:
    """The place of a policy call; it is unique within a run."""
    greedy = "/greedy" if call.greedy else ""
    return f"policy/{_path_key(call.path)}/{call.child}/{call.until}{greedy}"


def scorer_key(call: ScorerCall, said: str = "") -> str:
    """What a scorer call is about: paths that say the same have one key.

    So they do as long as they go on from the same earlier judgement. `said` is the content of its
    path, where that is known already.
    """
    key = f"scorer/{_quoted(call.path.problem.id)}/{said or content(call.path)}"
    if call.earlier:
        key = f"{key}/{_digest(*_earlier_parts(call))}"
    return f"{key}/+{call.further.drawn}" if call.further else key


def content(path: Prefix) -> str:
    """A hash of the problem and of all steps of the path, wherever in the tree it is."""
    return _digest("content", *_problem_parts(path.problem), _step_parts(path))


def policy_digest(call: PolicyCall) -> str:
    """A hash of everything in the call."""
    told = (call.child, call.until.value, call.seed, call.greedy)
    shown = () if call.feedback is None else _feedback_parts(call.feedback)
    return _digest("policy", *_path_parts(call.path), *told, *shown)


def scorer_digest(call: ScorerCall, said: str = "") -> str:
    """A hash of everything in the call but the place of its path; `said` as for `scorer_key`."""
    parts = (*_earlier_parts(call), *_further_parts(call))
    return _digest("scorer", said or content(call.path), call.seed, *parts)


def beginnings(path: Prefix) -> list[str]:
    """A hash of the first step, of the first two, and so on, of all."""
    marks: list[str] = []
    for step in path.steps:
        marks.append(_digest(marks[-1] if marks else path.problem.id, saying(step)))
    return marks


def clock_key(reading: Sequence[str]) -> str:
    """The place of a reading of a search's clock, of the parts of its name."""
    return "/".join(["clock", *map(_quoted, reading)])


def _path_key(path: Prefix) -> str:
    return f"{_quoted(path.problem.id)}/{path.id}"


@lru_cache(maxsize=1024)  # of the problems in flight: each names all its calls
def _quoted(name: str) -> str:
    return quote(name, safe="", errors="surrogatepass")


def _feedback_parts(feedback: Feedback) -> tuple[object, ...]:
    return (_path_parts(feedback.attempt), *_judgement_parts(feedback.judgement))


def _earlier_parts(call: ScorerCall) -> tuple[object, ...]:
    if call.earlier is None:
        return ()
    judgement = call.earlier.judgement
    starts = tuple(
        (
            start.token_ids,
            start.odds,
            *([start.shown] if start.shown else []),
            *([start.given] if start.given else []),
        )
        for start in judgement.starts
    )
    return (call.earlier.shared(call.path), *_judgement_parts(judgement), starts)


def _further_parts(call: ScorerCall) -> tuple[object, ...]:
    if call.further is None:
        return ()
    judgement = call.further.judgement
    votes = tuple((vote.steps, vote.prefix) for vote in judgement.votes)
    return ("further", call.further.drawn, judgement.chains, *_judgement_parts(judgement), votes)


def _judgement_parts(judgement: Judgement) -> tuple[object, ...]:
    verdicts = tuple(
        (verdict.probability, verdict.status.value, verdict.critique)
        for verdict in judgement.verdicts
    )
    return (verdicts, judgement.prefix)


def _path_parts(path: Prefix) -> tuple[object, ...]:
    return (*_problem_parts(path.problem), path.place, _step_parts(path))


def _problem_parts(problem: Problem) -> tuple[object, ...]:
    before = tuple((turn.role, turn.content) for turn in problem.history)
    return (problem.id, problem.question, *([before] if before else []))


class _Verbatim:
    """Something that was told as text before."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


KEPT = 4096
"""Steps whose text for a digest is kept: each is in the digests of all paths that go on from it."""
told_steps: dict[int, tuple[Step, str]] = {}
"""By identity. It may be emptied at any time."""


def _tell(step: Step) -> str:
    """What a step says, as its part of a digest; kept by identity, since to compare costs more."""
    known = told_steps.get(id(step))
    if known is not None:
        return known[1]
    if len(told_steps) >= KEPT:
        told_steps.clear()
    told = repr(saying(step))
    told_steps[id(step)] = (step, told)
    return told


def _step_parts(path: Prefix) -> _Verbatim:
    """A tuple of what the steps say."""
    comma = "," if len(path.steps) == 1 else ""
    return _Verbatim(f"({', '.join(map(_tell, path.steps))}{comma})")


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
