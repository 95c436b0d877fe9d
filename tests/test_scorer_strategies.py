"""Each scorer with each strategy: 16 problems without a failure, or one line that refuses them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from math import log
from pathlib import Path
from typing import Any

import httpx
import pytest

from engines.byte_tokenizer import END
from engines.engine import Request
from engines.scripted_engine import ScriptedEngine
from engines.token_clock import Timing
from engines.traits import traits_of
from every_scorer import CORRECT, END_OF_THINK, INCORRECT, NO, TOKENIZER, YES, prm
from every_scorer import SCORERS as DOUBLES
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.cascade import Cascade, CascadeConfig
from scorers.ensemble import Ensemble, EnsembleConfig
from scorers.http_config import HttpConfig
from scorers.http_prm import HttpScorer
from scorers.members import remade
from scorers.registry import SCORERS
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from scorers.simulated import SimulatedScorer, SimulatedScorerConfig
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import Missing, Problem
from search.driver import drive
from search.memory import DictMemory
from search.ports import Scorer
from search.strategies import STRATEGIES
from treewright.cli import main
from treewright.config.config import Config
from treewright.config.load import config_from
from treewright.errors import ConfigError

PROBLEMS = [Problem(str(number), f"{number} + 7?") for number in range(16)]
SIZES: Mapping[str, dict[str, int]] = {
    "best_of_n": {"n": 2},
    "majority": {"n": 2},
    "beam": {"paths": 2, "children": 2},
    "dvts": {"paths": 2, "children": 2},
    "mcts": {"simulations": 4, "children": 2},
    "rebase": {"width": 2},
    "particles": {"particles": 2},
    "best_first": {},
    "backtrack": {"backtracks": 1},
    "sequential": {"revisions": 1},
}
MODEL = {"model": "org/a-name"}
SCRIPTED = {"kind": "scripted"}
ORM = {"kind": "orm", **MODEL}
URL = "http://127.0.0.1:9/judge"
SAID: Mapping[str, dict[str, Any]] = {
    "thinkprm": MODEL,
    "prm": {**MODEL, "family": "qwen_math"},
    "orm": MODEL,
    "judge": MODEL,
    "confidence": {},
    "http": {"url": URL},
    "ensemble": {"members": [SCRIPTED, SCRIPTED]},
    "cascade": {"first": SCRIPTED, "then": SCRIPTED},
    "scripted": {},
    "simulated": {},
    "none": {},
}
"""Of every registered kind, a config."""
OF_OUTCOMES_ALONE = ("best_of_n", "majority", "greedy", "mcts")
"""Strategies that need no verdict on a step."""
OF_OUTCOMES: Mapping[str, dict[str, Any]] = {
    "http": {"url": URL, "judges": "outcome"},
    "ensemble": {"members": [SCRIPTED, ORM]},
    "cascade": {"first": ORM, "then": SCRIPTED},
}
"""Configs of kinds that judge steps, whose words here are on finished solutions only."""


def answer_all(request: httpx.Request) -> httpx.Response:
    """A server that judges whatever it is asked."""
    items = json.loads(request.content)["items"]
    told = [{"steps": [0.7] * len(each["steps"]), "prefix": 0.6} for each in items]
    return httpx.Response(200, json={"items": told})


def thinkprm() -> Scorer:
    """A verifier that finds every step right, in few words."""
    said = (*TOKENIZER.encode("\\boxed{correct}\n" * 2 + "\n"), END_OF_THINK)

    def write(request: Request) -> tuple[int, ...]:
        return (YES,) if request.sampling.allowed_ids else said

    def sure(request: Request, ids: tuple[int, ...]) -> dict[int, float]:
        return dict.fromkeys((CORRECT, YES), log(0.8)) | dict.fromkeys((INCORRECT, NO), log(0.1))

    config = ThinkPrmConfig("m", max_tokens=80, case_variants=False)
    return ThinkPrm(config, ScriptedEngine(write, (END,), odds=sure), TOKENIZER)


def scorer_of(kind: str) -> Scorer:
    """On doubles that never fail."""
    scripted = ScriptedScorer(ScriptedScorerConfig())
    two = (remade("scripted", {}), remade("scripted", {}))
    made: dict[str, Scorer] = {
        "thinkprm": thinkprm(),
        "scripted": scripted,
        "simulated": SimulatedScorer(SimulatedScorerConfig(timing=Timing(speed=1e9))),
        "ensemble": Ensemble(EnsembleConfig(two), [scripted, prm()]),
        "cascade": Cascade(CascadeConfig(*two, between=(0.4, 0.6)), [prm(), scripted]),
        "http": HttpScorer(HttpConfig(URL), transport=httpx.MockTransport(answer_all)),
    }
    return made[kind] if kind in made else DOUBLES[kind]()


def config_of(kind: str, said: dict[str, Any], strategy: str) -> Config:
    """Raises `ConfigError` where the two do not go together."""
    return config_from(
        {
            "name": "pair",
            "dataset": {"name": "arithmetic"},
            "policy": {"kind": "scripted", "confidence": 20},
            "scorer": {"kind": kind, **said},
            "strategy": {"kind": strategy, **SIZES.get(strategy, {})},
            "grading": {"kind": "numeric"},
        }
    )


@pytest.mark.parametrize("kind", SCORERS)
def test_16_problems_are_searched_without_a_failure_by_each_strategy_that_it_allows(
    kind: str,
) -> None:
    policy = ScriptedPolicy(ScriptedPolicyConfig(steps=2, step_tokens=8, confidence=20))

    async def searched(config: Config, scorer: Scorer, problem: Problem) -> None:
        memory = DictMemory()
        goes_on = traits_of(config.scorer).goes_on
        flow = config.strategy(problem)
        found = await drive(flow, policy, scorer, memory, 1, goes_on=goes_on)
        assert not memory.failures
        assert found.result.candidates
        judged = [each.judgement for each in found.result.candidates if each.judgement]
        if kind == "none":
            return
        assert bool(judged) == config.strategy.judges
        assert not any(isinstance(each.prefix, Missing) for each in judged)

    async def all_of_them() -> None:
        allowed = OF_OUTCOMES_ALONE if kind in ("orm", "none") else STRATEGIES
        configs = [config_of(kind, SAID[kind], strategy) for strategy in allowed]
        for config in configs:
            scorer = scorer_of(kind)
            await asyncio.gather(*(searched(config, scorer, problem) for problem in PROBLEMS))
            await scorer.close()

    asyncio.run(all_of_them())


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("orm", MODEL, "scorer.kind: orm: judges finished solutions only"),
        ("none", {}, "scorer.kind: none: judges nothing"),
        ("http", OF_OUTCOMES["http"], "scorer.judges: judges finished solutions only"),
        (
            "ensemble",
            OF_OUTCOMES["ensemble"],
            "scorer.members[1].kind: judges finished solutions only",
        ),
        ("cascade", OF_OUTCOMES["cascade"], "scorer.first.kind: judges finished solutions only"),
    ],
)
def test_a_pairing_that_is_not_allowed_is_refused_in_one_line(
    kind: str, said: dict[str, Any], told: str
) -> None:
    refused = {}
    for strategy in STRATEGIES:
        try:
            config_of(kind, said, strategy)
        except ConfigError as error:
            refused[strategy] = str(error)
    assert set(STRATEGIES) - set(refused) == set(OF_OUTCOMES_ALONE)
    for strategy, line in refused.items():
        assert line.startswith(f"Python: {told}, and strategy {strategy} needs verdicts on steps; ")
        assert "\n" not in line


def test_validate_refuses_such_a_pairing_and_a_policy_that_records_no_confidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pair.yaml"
    file.write_text(
        "dataset: {name: arithmetic}\npolicy: {kind: scripted}\nscorer: {kind: confidence}\n"
        "strategy: {kind: beam}\ngrading: {kind: numeric}\n"
    )
    for override, told in (
        ("scorer={kind: orm, model: org/a-name}", "scorer.kind: orm: judges finished solutions"),
        ("seed=1", "scorer.kind: confidence: judges by log-probabilities, and policy scripted"),
    ):
        assert main(["validate", str(file), override]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert told in err
