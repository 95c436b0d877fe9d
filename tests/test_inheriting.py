"""A path whose beginning was called incorrect takes that judgement over: nobody is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recorded_chains import RecordedEngine, path
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import Judgement, Missing, Origin, StepVerdict
from search.ports import ScorerReply
from test_incremental import AFTER, READ, WHOLE, go_on, statuses

INCORRECT = Judgement(
    (
        StepVerdict(0.9, READ, "fine"),
        StepVerdict(0.2, READ, "wrong"),
    ),
    0.3,
    1,
)


def inherit(known: Judgement, **settings: Any) -> tuple[ScorerReply, RecordedEngine]:
    return go_on(known, WHOLE, after_incorrect="inherit", **settings)


def test_what_was_called_incorrect_stays_so_and_nobody_is_asked() -> None:
    found, engine = inherit(INCORRECT, incremental=False)
    judgement = found.judgement
    assert engine.requests == []
    assert found.spent.calls == found.spent.generated == 0
    assert judgement.verdicts[:2] == INCORRECT.verdicts
    assert judgement.verdicts[2] == StepVerdict(0.2, AFTER)
    assert (judgement.prefix, judgement.origin, judgement.chains) == (0.3, Origin.INHERITED, 0)


def test_an_heir_is_inherited_from_as_well() -> None:
    heir = inherit(INCORRECT)[0].judgement
    found, engine = go_on(heir, WHOLE, on=path(4), of=3, after_incorrect="inherit")
    assert engine.requests == []
    assert statuses(found.judgement) == [READ, READ, AFTER, AFTER]


@pytest.mark.parametrize(
    ("known", "settings"),
    [
        (replace(INCORRECT, verdicts=INCORRECT.verdicts[:1] * 2), {}),
        (replace(INCORRECT, prefix=Missing("unread")), {}),
        (Judgement.missing("unread"), {}),
        (INCORRECT, {"recheck_every": 3}),
        (INCORRECT, {"after_incorrect": "rejudge"}),
    ],
    ids=["correct", "no prefix", "missing", "rechecked", "rejudge"],
)
def test_else_it_is_judged(known: Judgement, settings: dict[str, Any]) -> None:
    found, engine = go_on(known, WHOLE, **{"after_incorrect": "inherit", **settings})
    assert len(engine.requests) == 2
    assert found.judgement.origin is Origin.WHOLE


def test_a_path_that_parts_from_the_earlier_one_inherits_nothing() -> None:
    found, _ = go_on(INCORRECT, WHOLE, on=path(1), after_incorrect="inherit")
    assert found.judgement.origin is Origin.WHOLE


def test_it_is_refused_to_recheck_what_is_never_gone_on_from() -> None:
    told = "recheck_every: 3 must be with incremental: true or after_incorrect: inherit"
    with pytest.raises(ValueError, match=told):
        ThinkPrmConfig("m", recheck_every=3)
    for going_on in ({"incremental": True}, {"after_incorrect": "inherit"}):
        assert ThinkPrmConfig("m", recheck_every=3, **going_on).traits.goes_on
