"""Every scorer that needs no training judges for every strategy that it allows."""

from __future__ import annotations

import asyncio

import pytest

from every_scorer import SCORERS
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from search.core import Missing, Problem
from search.driver import drive
from search.memory import DictMemory
from search.questions import judges_prefixes
from search.strategies import STRATEGIES, strategy_class

KINDS = ["prm", "judge", "orm", "ensemble", "cascade", "confidence", "http"]
PROBLEMS = [Problem(str(number), f"What is {number} + 7?") for number in range(1)]


@pytest.mark.parametrize("kind", KINDS)
def test_problems_are_searched_by_each_strategy_and_their_candidates_are_judged(
    kind: str,
) -> None:
    policy = ScriptedPolicy(ScriptedPolicyConfig(confidence=20))

    async def searched(name: str, problem: Problem) -> None:
        scorer = SCORERS[kind]()
        found = strategy_class(name)()
        if kind == "orm" and judges_prefixes(found):
            return  # such a config is refused
        goes_on = kind in ("prm", "judge")
        flow = found(problem)
        result = (await drive(flow, policy, scorer, DictMemory(), 1, goes_on=goes_on)).result
        assert result.candidates
        judged = [each.judgement for each in result.candidates if each.judgement]
        assert bool(judged) == found.judges
        if kind not in ("http", "cascade"):  # of which some refuse or miss a judgement
            assert not any(isinstance(each.prefix, Missing) for each in judged)

    async def all_of_them() -> None:
        await asyncio.gather(*(searched(name, p) for name in STRATEGIES for p in PROBLEMS))

    asyncio.run(all_of_them())
