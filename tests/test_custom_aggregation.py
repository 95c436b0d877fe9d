"""Aggregations and selections of one's own."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from search.aggregation import Aggregator, MissingRule, Scale
from search.core import (
    Candidate,
    Judgement,
    Missing,
    Prefix,
    Problem,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.custom import PartError
from search.selection import SELECTIONS, Option


def judged(*probabilities: float) -> Candidate:
    path = Prefix(Problem("p", "?"))
    for index, _ in enumerate(probabilities):
        path = path.grow(index, [Step("x", (1,), StopReason.STEP_END)])
    verdicts = tuple(StepVerdict(p, VerdictStatus.READ) for p in probabilities)
    return Candidate(path, Judgement(verdicts, 0.5), (0.25, 0.5))


@pytest.mark.parametrize("spelled", ["statistics:median", "history.statistics:median"])
def test_a_custom_aggregator_is_its_name_so_it_compares_and_pickles(spelled: str) -> None:
    aggregator = Aggregator.parse(spelled)
    assert str(aggregator) == spelled
    assert pickle.loads(pickle.dumps(aggregator)) == aggregator == Aggregator.parse(spelled)


def test_a_custom_aggregation_is_over_the_steps_or_over_the_history() -> None:
    candidate = judged(0.1, 0.2, 0.9)
    scores = [
        Aggregator.parse(f"{over}statistics:median").score(candidate, MissingRule.WORST)
        for over in ("", "steps.", "history.")
    ]
    assert scores == [0.2, 0.2, 0.375]


def test_what_a_custom_aggregation_raises_in_a_search_says_for_what(folder: Path) -> None:
    Path("picky.py").write_text("def picky(p):\n    return p[0] if p[0] != 0.25 else 1 / 0\n")
    aggregator = Aggregator.parse("picky:picky")
    with pytest.raises(PartError, match=r"picky:picky raised ZeroDivisionError: .*:2\) for \[0.25"):
        aggregator.score(judged(0.25, 0.5), MissingRule.WORST)


def test_a_listed_name_is_never_an_import() -> None:
    assert Aggregator.parse("min") == Aggregator("min")
    with pytest.raises(ValueError, match=r"unknown aggregation 'mni'; did you mean 'min'\?"):
        Aggregator.parse("mni")
    with pytest.raises(KeyError):
        SELECTIONS["bets"]


def test_a_custom_selection_sees_missing_scores_when_it_is_loaded(folder: Path) -> None:
    Path("sane.py").write_text(
        "from search.core import Missing\n"
        "from search.selection import Choice, Selection\n"
        "def sane(options, scale):\n"
        "    scored = [i for i, o in enumerate(options) if not isinstance(o.score, Missing)]\n"
        "    return Choice(scored[-1] if scored else None)\n"
        "free = Selection(sane, needs_score=False)\n"
    )
    options = [Option(0, 0.1), Option(1, 0.2), Option(2, Missing("why"))]
    assert SELECTIONS["sane:sane"].choose(options, Scale.PROBABILITY).index == 1
    assert SELECTIONS["sane:sane"].needs_score
    assert not SELECTIONS["sane:free"].needs_score
