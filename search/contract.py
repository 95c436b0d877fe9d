"""What a strategy may ask and return: a custom one that breaks it is told so in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from search.core import (
    Candidate,
    Feedback,
    Judgement,
    Missing,
    Prefix,
    Pruned,
    Result,
    is_probability,
)
from search.limit import LimitReached
from search.ports import Earlier
from search.questions import Clock, Extend, Fork, Grow, Judge, Until

MOST = 2**20
"""How many children a question may ask for, and the highest number that one may have."""


class StrategyError(Exception):
    """A strategy asked or returned what it may not; the message says what and what is expected."""


def check_flow(flow: Any) -> None:
    """Raise `StrategyError` unless calling the strategy gave a generator."""
    if not isinstance(flow, Generator):
        raise StrategyError(
            f"the strategy gave {shown(flow)} when it was called; "
            "it must be a generator: yield questions, return a Result"
        )


def check_question(question: Any) -> None:
    """Raise `StrategyError` unless it can be answered."""
    match question:
        case Extend() | Grow():
            _check_number("n", question.n, least=1)
            _check_number("first", question.first, least=0)
            _check_paths(question.paths)
            _check_apart(question.paths)
            _check_type("asked with feedback", question.feedback, Feedback | None)
            if isinstance(question, Extend):
                _check_type("asked with until", question.until, Until)
                _check_type("asked with greedy", question.greedy, bool)
        case Judge():
            _check_paths(question.paths)
            _check_earlier(question)
            _check_chains(question)
        case Fork():
            _check_type("asked with flows", question.flows, tuple)  # each is checked when it starts
        case Clock():
            pass
        case _:
            raise StrategyError(
                f"the strategy yielded {shown(question)}; "
                "it must be an Extend, a Judge, a Grow or a Fork"
            )


def check_result(result: Any) -> Result:
    """The result itself. Raises `StrategyError` unless it is one, through and through."""
    if not isinstance(result, Result):
        raise StrategyError(f"the strategy returned {shown(result)}; it must return a Result")
    _check_each("candidates", result.candidates, Candidate)
    _check_each("pruned", result.pruned, Pruned)
    _check_type("returned exhausted", result.exhausted, LimitReached | None)
    for given_up in result.pruned:
        _check_type("returned what it pruned with path_id", given_up.path_id, str)
        _check_type("returned what it pruned with reason", given_up.reason, str)
    for candidate in result.candidates:
        _check_candidate(candidate)
    return result


def _check_candidate(candidate: Candidate) -> None:
    _check_type("returned a candidate with path", candidate.path, Prefix)
    _check_type("returned a candidate with judgement", candidate.judgement, Judgement | None)
    _check_verdicts(candidate)
    _check_type("returned history", candidate.history, tuple)
    for score in candidate.history:
        if not isinstance(score, Missing) and not is_probability(score):
            raise StrategyError(
                f"the strategy returned {shown(score)} among the history of a candidate; "
                "each must be a probability from 0 to 1, or Missing"
            )


def _check_verdicts(candidate: Candidate) -> None:
    verdicts = candidate.judgement.verdicts if candidate.judgement else ()
    steps = len(candidate.path.steps)
    if len(verdicts) not in (0, steps):
        raise StrategyError(
            f"the strategy returned path {candidate.path.id!r} of {steps} steps with a judgement "
            f"of {len(verdicts)}; a candidate has the judgement of its path"
        )


def check_drawn(candidates: Iterable[Candidate], drawn: Mapping[str, Prefix]) -> None:
    """Raise `StrategyError` unless each candidate was drawn, and is there once: it votes once."""
    seen: set[str] = set()
    for candidate in candidates:
        id = candidate.path.id
        if drawn.get(id) != candidate.path:
            raise StrategyError(
                f"the strategy returned path {id!r}, which this search did not draw; "
                "a candidate is a path as it came in a reply"
            )
        if id in seen:
            raise StrategyError(f"the strategy returned path {id!r} twice; return it once")
        seen.add(id)


def _check_number(name: str, value: Any, least: int) -> None:
    if type(value) is not int or not least <= value <= MOST:
        raise StrategyError(
            f"the strategy asked with {name} {shown(value)}; "
            f"it must be a whole number from {least} to {MOST:,}"
        )


def _check_paths(paths: Any) -> None:
    if not isinstance(paths, tuple):
        raise StrategyError(f"the strategy asked with paths {shown(paths)}; it must be a tuple")
    for path in paths:
        if not isinstance(path, Prefix):
            raise StrategyError(f"the strategy named {shown(path)} where a Prefix is expected")


def _check_earlier(question: Judge) -> None:
    _check_type("asked with earlier", question.earlier, tuple | None)
    if question.earlier is not None:
        for each in question.earlier:
            _check_type("asked with earlier", each, Earlier | None)
        if len(question.earlier) != len(question.paths):
            raise StrategyError(
                f"the strategy asked with {len(question.earlier)} earlier judgements for "
                f"{len(question.paths)}; leave it out"
            )


def _check_chains(question: Judge) -> None:
    _check_type("asked with chains", question.chains, tuple | None)
    if question.chains is not None and len(question.chains) != len(question.paths):
        raise StrategyError(
            f"the strategy asked with chains of {len(question.chains)} judgements for "
            f"{len(question.paths)} paths; leave it out"
        )


def _check_apart(paths: Sequence[Prefix]) -> None:
    for path, times in Counter(paths).items():
        if times > 1:
            raise StrategyError(
                f"the strategy named path {path.id!r} twice in one question; "
                "number its children apart"
            )


def _check_type(what: str, value: Any, kind: Any) -> None:
    if not isinstance(value, kind):
        raise StrategyError(f"the strategy {what} {shown(value)}; it must be {_named(kind)}")


def _check_each(name: str, values: Any, kind: Any) -> None:
    _check_type(f"returned {name}", values, tuple)
    for value in values:
        if not isinstance(value, kind):
            raise StrategyError(
                f"the strategy returned {shown(value)} among the {name} of its Result; "
                f"each must be {_named(kind)}"
            )


def _named(kind: Any) -> str:
    """`a Candidate`, `an Until`, `str | None`."""
    if not isinstance(kind, type):
        return str(kind).replace("search.core.", "")
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"


def shown(thing: object) -> str:
    """The thing's beginning and its type, on one line, for a person."""
    try:
        text = " ".join(repr(thing).split())
    except Exception:  # noqa: BLE001 - what a custom part gives may refuse to be shown
        text = "something"
    return f"{text if len(text) <= 60 else text[:59] + '…'} ({type(thing).__name__})"
