"""What cannot be a part of one's own is told in one line before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from own_parts import CONFIG, STRATEGY, Tell, ran, refusal

MISTAKES = {
    "absent:Own": ["no module absent", "looked in"],
    "mistake:Owm": ["mistake.py) has no Owm", "did you mean Own?"],
    "mistak:Own": ["no module mistak", "did you mean mistake?"],
    "mistake:function": ["mistake:function is a function, not a class"],
    "mistake:Plain": ["mistake:Plain is not a dataclass", "@dataclass(frozen=True)"],
    "mistake:Thawed": ["mistake:Thawed is not frozen"],
    "mistake:Lacking": ["lacks __call__, candidates (how many", "judges (whether"],
    "mistake:Unsayable": ["a field that no config can say"],
    "mistake:Unresolved": ["name 'Nowhere' is not defined"],
    "mistake:Number": ["Number.candidates is '2', it must be a whole number"],
    "mistake:Vague": ["Vague.draws_alike is 'no', it must be true or false", "several children"],
    "mistake:Broken": ["Broken.draws raised ZeroDivisionError", "mistake.py:"],
    "mistake:Checked": ["strategy.n: 2 must be odd"],
    "mistake:Checking": ["raised KeyError: 'n'", "mistake.py:"],
    "mistake:Leaving": ["raised SystemExit: 3", "mistake.py:"],
    "raising:Own": ["importing raising raised ZeroDivisionError", "raising.py:1"],
    "wrong:Own": ["importing wrong raised SyntaxError", "wrong.py:2"],
    "needing:Own": ["importing needing raised ModuleNotFoundError", "absent_library"],
    "leaving:Own": ["importing leaving raised SystemExit"],
    "my module:Own": ["no such strategy"],
    "mistake.py:Own": ["mistake.py:Own names a file; write mistake:Own"],
    "folder/own.py:Own": ["is no import path", "write my_module:Name"],
}
MISTAKEN = (
    STRATEGY
    + """
from collections.abc import Callable
def function(): pass
class Plain: pass
@dataclass
class Thawed(Plain): pass
@dataclass(frozen=True)
class Lacking:
    draws = 1
@dataclass(frozen=True)
class Unsayable(Own):
    how: Callable[[int], int] = abs
@dataclass(frozen=True)
class Unresolved(Own):
    how: "Nowhere" = 1
@dataclass(frozen=True)
class Number(Own):
    candidates = "2"
@dataclass(frozen=True)
class Vague(Own):
    draws_alike = "no"
@dataclass(frozen=True)
class Broken(Own):
    draws = property(lambda self: 1 // 0)
@dataclass(frozen=True)
class Checked(Own):
    def __post_init__(self): raise ValueError(f"n: {self.n} must be odd")
@dataclass(frozen=True)
class Checking(Own):
    def __post_init__(self): {}["n"]
@dataclass(frozen=True)
class Leaving(Own):
    def __post_init__(self): raise SystemExit(3)
"""
)


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_strategy_that_cannot_be_one_is_one_line_at_its_place(tell: Tell, kind: str) -> None:
    Path("mistake.py").write_text(MISTAKEN)
    Path("raising.py").write_text("1 / 0\n")
    Path("wrong.py").write_text("\nclass Own(:\n")
    Path("needing.py").write_text("import absent_library\n")
    Path("leaving.py").write_text("raise SystemExit(3)\n")
    text = CONFIG.replace("{kind: best_of_n, n: 2}", f'{{kind: "{kind}"}}')
    Path("own.yaml").write_text(text)
    said = refusal(tell, "validate", "own.yaml")
    assert said.startswith("error: own.yaml:5")
    assert [words for words in MISTAKES[kind] if words not in said] == []


def test_what_a_strategy_may_say_of_itself_is_heeded(folder: Path, tell: Tell) -> None:
    """One that judges prefixes has no use for an outcome scorer; one that says nothing has."""
    Path("saying.py").write_text(
        STRATEGY + "@dataclass(frozen=True)\nclass Says(Own):\n    judges_prefixes = True\n"
    )
    outcome = ("validate", "own.yaml", "scorer.outcome_only=true")
    assert tell(*outcome, "strategy.kind=saying:Own")[0] == 0
    assert "needs verdicts on steps" in refusal(tell, *outcome, "strategy.kind=saying:Says")


FUNCTIONS = """
import math
from search.selection import Choice
def total(p): return math.fsum(p)
def text(p): return "half"
def nothing(p): pass
def two(p, q): return 0.5
def one_step(p):
    (only,) = p
    return only
def index(options, scale): return 0
def beyond(options, scale): return Choice(len(options))
def scores(options, scale): return Choice(max(range(len(options)), key=lambda i: options[i].score))
NUMBER = 3
"""


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("aggregate=funny:total", "funny:total gave 1.8 for [0.9, 0.2, 0.7]; it must be from 0"),
        ("aggregate=history.funny:text", "funny:text gave 'half' for [0.5]; it must give a number"),
        ("aggregate=min,funny:nothing", "gave None for [0.5]"),
        ("aggregate=funny:two", "raised TypeError: two() missing 1 required"),
        ("aggregate=funny:one_step", "raised ValueError: too many values to unpack"),
        ("aggregate=funny:NUMBER", "funny:NUMBER is a int, not an aggregation"),
        ("aggregate=funny:totl", "did you mean total?"),
        ("aggregate=statistics:mean,statistics:mean", "is listed twice"),
        ("strategy.kind=beam strategy.aggregate=funny:total", "aggregate: funny:total gave"),
        ("select=funny:index", "funny:index gave 0; it must give a Choice"),
        ("select=first,funny:beyond", "funny:beyond chose 0 of 0 options"),
        ("select=funny:scores", "funny:scores raised ValueError"),
        ("select=funny:NUMBER", "funny:NUMBER is a int, not a selection"),
        ("scorer.kind=funny:Scorer", "funny.py) has no Scorer"),
        ("scorer.kind=mistake:Own", "module mistake has no async def build(config)"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_be_used_is_told_before_anything_runs(
    tell: Tell, override: str, words: str
) -> None:
    Path("funny.py").write_text(FUNCTIONS)
    Path("mistake.py").write_text(MISTAKEN)
    said = refusal(tell, "run", "own.yaml", *override.split())
    assert words in said
    assert "command line: " in said


def test_a_function_of_any_installed_module_can_aggregate(tell: Tell) -> None:
    run = ran(tell, "aggregate=[min, statistics:median, history.statistics:fmean]")
    arms = json.loads((run / "metrics.json").read_text())["arms"]
    assert {arm["aggregation"] for arm in arms} == {
        None, "min", "statistics:median", "history.statistics:fmean"
    }  # fmt: skip


def test_a_debugged_refusal_shows_what_the_module_raised(tell: Tell, folder: Path) -> None:
    Path("raising.py").write_text("1 / 0\n")
    code, _, err = tell("validate", "own.yaml", "strategy.kind=raising:Own", "--debug")
    assert code == 2
    assert "ZeroDivisionError: division by zero\n" in err
