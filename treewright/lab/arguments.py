"""What a search is told from Python, looked at before any engine starts."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from search.aggregation import Aggregator
from search.core import Problem
from search.questions import Declared, Strategy
from search.selection import SELECTIONS
from treewright.config.checks import check_aggregate, check_select, unjudged
from treewright.config.config import Config
from treewright.config.load import PYTHON
from treewright.config.parts import MEMBERS, check_members
from treewright.errors import ConfigError


def problem_of(question: object) -> Problem:
    """The question as a problem, its id made of it. Raises `ConfigError` for what is no text."""
    if not isinstance(question, str):
        problem = f"is a {type(question).__name__}"
        raise ConfigError(PYTHON, "question", repr(question), problem, "give a text")
    try:
        digest = sha256(question.encode()).hexdigest()
    except UnicodeEncodeError as error:
        problem = f"character {error.start + 1} is half of one (a lone surrogate)"
        raise ConfigError(PYTHON, "question", question, problem, "give whole characters") from None
    return Problem(f"question-{digest[:8]}", question)


def checked_strategy(given: Strategy) -> Strategy:
    """The strategy. Raises `ConfigError` for what is none."""
    lacking = [name for name in MEMBERS if not hasattr(type(given), name)]
    if (
        isinstance(given, type)
        or not callable(given)
        or any(not hasattr(given, n) for n in lacking)
    ):
        hint = "give one with its sizes in place, as tw.BestOfN(n=8)"
        raise ConfigError(PYTHON, "strategy", repr(given), "is no strategy", hint)
    check_members(given, PYTHON)
    return given


def choosing(
    config: Config, strategy: Strategy, aggregate: str | None, select: str | None
) -> tuple[Aggregator | None, str]:
    """What scores and what chooses, where either was not said.

    Raises `ConfigError` for a name that there is not, and for scores where nothing is judged.
    """
    if aggregate is not None:
        check_aggregate([_name("aggregate", aggregate)], _where)
    if select is not None:
        check_select([_name("select", select)], _where)
    nothing = unjudged(replace(config, strategy=strategy))
    chooser = select or ("majority" if nothing else "best")
    scored = aggregate is not None or SELECTIONS[chooser].needs_score
    if scored and nothing:
        key, value = ("aggregate", aggregate) if aggregate else ("select", select)
        hint = "leave it out, or take a verifier and a strategy that asks it"
        raise ConfigError(PYTHON, key, value, f"needs scores, and {nothing}", hint)
    if not scored:
        return None, chooser
    steering = Declared.of(strategy).aggregate
    return Aggregator.parse(aggregate or steering or "history.last"), chooser


def _name(key: str, said: object) -> str:
    if not isinstance(said, str):
        raise ConfigError(PYTHON, key, repr(said), "is no name", "give one, as a text")
    return said


def _where(key: str) -> str:
    return PYTHON
