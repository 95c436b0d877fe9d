"""What a strategy may ask and return: a custom one that breaks it is told so in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from search.core import Candidate, Feedback, Judgement, Missing, Path, Pruned, Result
from search.questions import Clock, Extend, Fork, Grow, Judge, Until


class StrategyError(Exception):
    """A strategy asked or returned what it may not; the message says what and what is expected."""


def check_flow(flow: Any) -> None:
    """Raise `StrategyError` unless calling the strategy gave a generator."""
    if not isinstance(flow, Generator):
        raise StrategyError(
            f"the strategy gave {_shown(flow)} when it was called; "
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
        case Fork():
            _check_type("asked with flows", question.flows, tuple)  # each is checked when it starts
        case Clock():
            pass
        case _:
            raise StrategyError(
                f"the strategy yielded {_shown(question)}; "
                "it must be an Extend, a Judge, a Grow or a Fork"
            )


def check_result(result: Any) -> Result:
    """The result itself. Raises `StrategyError` unless it is one, through and through."""
    if not isinstance(result, Result):
        raise StrategyError(f"the strategy returned {_shown(result)}; it must return a Result")
    _check_each("candidates", result.candidates, Candidate)
    _check_each("pruned", result.pruned, Pruned)
    _check_type("returned exhausted", result.exhausted, str | None)
    for candidate in result.candidates:
        _check_type("returned a candidate with path", candidate.path, Path)
        _check_type("returned a candidate with judgement", candidate.judgement, Judgement | None)
        _check_each("history", candidate.history, float | int | Missing)
    return result


def check_drawn(candidates: Iterable[Candidate], drawn: Mapping[str, Path]) -> None:
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
    if not isinstance(value, int) or value < least:
        raise StrategyError(
            f"the strategy asked with {name} {_shown(value)}; "
            f"it must be a whole number from {least} up"
        )


def _check_paths(paths: Any) -> None:
    if not isinstance(paths, tuple):
        raise StrategyError(f"the strategy asked with paths {_shown(paths)}; it must be a tuple")
    for path in paths:
        if not isinstance(path, Path):
            raise StrategyError(f"the strategy named {_shown(path)} where a Path is expected")


def _check_apart(paths: Sequence[Path]) -> None:
    for path, times in Counter(paths).items():
        if times > 1:
            raise StrategyError(
                f"the strategy named path {path.id!r} twice in one question; "
                "number its children apart"
            )


def _check_type(what: str, value: Any, kind: Any) -> None:
    if not isinstance(value, kind):
        raise StrategyError(f"the strategy {what} {_shown(value)}; it must be {_named(kind)}")


def _check_each(name: str, values: Any, kind: Any) -> None:
    _check_type(f"returned {name}", values, tuple)
    for value in values:
        if not isinstance(value, kind):
            raise StrategyError(
                f"the strategy returned {_shown(value)} among the {name} of its Result; "
                f"each must be {_named(kind)}"
            )


def _named(kind: Any) -> str:
    """`a Candidate`, `an Until`, `str | None`."""
    if not isinstance(kind, type):
        return str(kind).replace("search.core.", "")
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"


def _shown(thing: Any) -> str:
    """The thing's beginning and its type, for a person."""
    text = repr(thing)
    return f"{text if len(text) <= 60 else text[:59] + '…'} ({type(thing).__name__})"
