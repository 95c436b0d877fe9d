"""The scorers without a model: what they promise about contents, faults and time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import is_dataclass
from importlib import import_module
from inspect import iscoroutinefunction
from pathlib import Path

import pytest

from engines.engine import EngineError
from engines.faults import Faults
from engines.scripted_world import is_right_step
from engines.token_clock import Timing, TokenClock
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.no_scorer import NoScorer
from scorers.registry import SCORERS
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from scorers.simulated import SimulatedScorer, SimulatedScorerConfig
from search.core import (
    Judgement,
    Missing,
    Prefix,
    Problem,
    Spent,
    VerdictStatus,
)
from search.ports import Failure, FailureKind, PolicyCall, PolicyReply, ScorerCall, ScorerReply
from search.questions import Until

PROBLEM = Problem("sum", "What is 3 + 4 + 15?")


def drawn(number: int, accuracy: float = 0.5, steps: int = 4) -> list[Prefix]:
    """Scripted solutions of one problem."""
    policy = ScriptedPolicy(ScriptedPolicyConfig(accuracy=accuracy, steps=steps))
    calls = [PolicyCall(Prefix.start(PROBLEM), 0, Until.END, seed) for seed in range(number)]
    replies = asyncio.run(policy.extend(calls))
    return [reply.path for reply in replies if isinstance(reply, PolicyReply)]


def judged(config: ScriptedScorerConfig, paths: list[Prefix]) -> list[Judgement]:
    calls = [ScorerCall(path, seed) for seed, path in enumerate(paths)]
    replies = asyncio.run(ScriptedScorer(config).judge(calls))
    return [reply.judgement for reply in replies if isinstance(reply, ScorerReply)]


def is_right(path: Prefix) -> bool:
    return all(is_right_step(PROBLEM.question, path.steps, i) for i in range(len(path.steps)))


def accepted(judgement: Judgement) -> bool:
    return all(verdict.probability and verdict.probability > 0.5 for verdict in judgement.verdicts)


def test_full_skill_tells_every_right_solution_from_every_wrong_one() -> None:
    paths = drawn(200)
    judgements = judged(ScriptedScorerConfig(skill=1), paths)
    assert [accepted(judgement) for judgement in judgements] == [is_right(path) for path in paths]


def test_full_skill_finds_the_first_wrong_step() -> None:
    wrong = [path for path in drawn(100) if not is_right(path)]
    for path, judgement in zip(wrong, judged(ScriptedScorerConfig(skill=1), wrong), strict=True):
        rights = [is_right_step(PROBLEM.question, path.steps, i) for i in range(len(path.steps))]
        low = [v.probability is not None and v.probability < 0.5 for v in judgement.verdicts]
        assert low.index(True) == rights.index(False)


def test_skill_is_the_share_of_steps_that_are_judged_as_what_they_are() -> None:
    paths = drawn(1500, accuracy=1.0)
    first = [judgement.verdicts[0] for judgement in judged(ScriptedScorerConfig(skill=0.7), paths)]
    share = sum(v.probability is not None and v.probability > 0.5 for v in first) / len(first)
    assert abs(share - 0.7) < 4 * (0.7 * 0.3 / len(first)) ** 0.5


def test_nothing_is_read_after_the_first_incorrect_step() -> None:
    statuses = [
        [verdict.status for verdict in judgement.verdicts]
        for judgement in judged(ScriptedScorerConfig(skill=0.5), drawn(200))
    ]
    assert any(VerdictStatus.AFTER_ERROR in row for row in statuses)
    for row in statuses:
        assert row[0] is VerdictStatus.READ
        assert row == sorted(row, reverse=True)  # READ first, then AFTER_ERROR


def test_a_right_solution_has_the_higher_prefix_probability_on_the_whole() -> None:
    paths = drawn(400)
    prefixes = [judgement.prefix for judgement in judged(ScriptedScorerConfig(), paths)]
    right = [p for p, path in zip(prefixes, paths, strict=True) if is_right(path)]
    wrong = [p for p, path in zip(prefixes, paths, strict=True) if not is_right(path)]
    assert _mean(right) > _mean(wrong) + 0.2


def _mean(values: list[float | Missing]) -> float:
    numbers = [value for value in values if isinstance(value, float)]
    return sum(numbers) / len(numbers)


def test_a_share_of_the_judgements_is_missing_without_a_number() -> None:
    judgements = judged(ScriptedScorerConfig(missing=0.2), drawn(1000))
    missing = [j for j in judgements if isinstance(j.prefix, Missing)]
    assert abs(len(missing) - 200) < 4 * (1000 * 0.2 * 0.8) ** 0.5
    assert all(judgement.verdicts == () for judgement in missing)


def test_what_a_missing_judgement_generated_has_failed() -> None:
    (path,) = drawn(1)
    (reply,) = asyncio.run(
        ScriptedScorer(ScriptedScorerConfig(missing=1)).judge([ScorerCall(path, 0)])
    )
    assert isinstance(reply, ScorerReply)
    assert reply.spent.failed == reply.spent.generated > 0


def test_critiques_are_as_long_as_said() -> None:
    config = ScriptedScorerConfig(skill=1, critique_tokens=300, length_cv=0.3)
    read = [
        verdict.critique
        for judgement in judged(config, drawn(200, accuracy=1.0))
        for verdict in judgement.verdicts
    ]
    assert abs(sum(map(len, read)) / len(read) - 300) < 15


def test_siblings_share_all_but_their_last_step_of_the_prompt() -> None:
    (path,) = drawn(1)
    (reply,) = asyncio.run(ScriptedScorer(ScriptedScorerConfig()).judge([ScorerCall(path, 0)]))
    assert isinstance(reply, ScorerReply)
    last = path.steps[-1].text.removeprefix(f"Step {len(path.steps)}: ")
    new = reply.spent.prompt - reply.spent.cached
    assert new == len(f"\nStep {len(path.steps)}: {last}")


# --- Faults -------------------------------------------------------------------------------------


def strike(faults: Faults) -> ScorerReply | Failure:
    (path,) = drawn(1)
    scorer = ScriptedScorer(ScriptedScorerConfig(faults=faults))
    return asyncio.run(scorer.judge([ScorerCall(path, 0)]))[0]


def test_a_dying_scorer_raises() -> None:
    with pytest.raises(EngineError):
        strike(Faults(die_on="3 + 4"))


def test_a_failing_scorer_is_unavailable() -> None:
    reply = strike(Faults(fail=1))
    assert isinstance(reply, Failure)
    assert reply.kind is FailureKind.UNAVAILABLE


def test_a_path_without_steps_is_invalid() -> None:
    scorer = ScriptedScorer(ScriptedScorerConfig())
    (reply,) = asyncio.run(scorer.judge([ScorerCall(Prefix.start(PROBLEM), 0)]))
    assert isinstance(reply, Failure)
    assert reply.kind is FailureKind.INVALID


@pytest.mark.parametrize(
    "settings", [{"skill": 1.1}, {"missing": -0.1}, {"critique_tokens": 0}, {"length_cv": -1.0}]
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, float]) -> None:
    (name,) = settings
    with pytest.raises(ValueError, match=f"^{name}: "):
        ScriptedScorerConfig(**settings)  # type: ignore[arg-type] # the point of the test


# --- Time ---------------------------------------------------------------------------------------


def test_the_simulated_scorer_gives_the_scripted_replies() -> None:
    calls = [ScorerCall(path, seed) for seed, path in enumerate(drawn(20))]
    fast = SimulatedScorerConfig(timing=Timing(speed=1e6))
    scripted = asyncio.run(ScriptedScorer(ScriptedScorerConfig()).judge(calls))
    assert asyncio.run(SimulatedScorer(fast).judge(calls)) == scripted


def test_the_simulated_scorer_takes_the_time_of_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[int, int]] = []

    async def serve(self: TokenClock, prefill: int, decode: int) -> None:
        served.append((prefill, decode))

    monkeypatch.setattr(TokenClock, "serve", serve)
    (path,) = drawn(1)
    (reply,) = asyncio.run(SimulatedScorer(SimulatedScorerConfig()).judge([ScorerCall(path, 0)]))
    assert isinstance(reply, ScorerReply)
    assert served == [(reply.spent.prompt - reply.spent.cached, reply.spent.generated)]


# --- No scorer, and the registry ----------------------------------------------------------------


def test_without_a_scorer_every_judgement_is_missing_for_good_and_free() -> None:
    calls = [ScorerCall(path, 0) for path in drawn(3)]
    replies = asyncio.run(NoScorer().judge(calls))
    missing = Judgement.missing("no scorer is configured (scorer.kind: none)")
    assert replies == [ScorerReply(missing, Spent())] * 3


@pytest.mark.parametrize("kind", SCORERS)
def test_every_kind_names_a_frozen_configuration_and_its_builder(kind: str) -> None:
    module, _, name = SCORERS[kind].partition(":")
    config = getattr(import_module(module), name)
    assert is_dataclass(config)
    assert getattr(config, "__dataclass_params__").frozen  # noqa: B009 - typeshed lacks it
    assert iscoroutinefunction(import_module(module).build)


def test_reading_the_configuration_of_any_scorer_loads_no_engine(root: Path) -> None:
    modules = ", ".join(sorted({entry.partition(":")[0] for entry in SCORERS.values()}))
    heavy = "{'ray', 'torch', 'transformers', 'vllm'}"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_outcome_only_scorer_scores_ends_as_a_whole_and_refuses_prefixes() -> None:
    policy = ScriptedPolicy(ScriptedPolicyConfig())
    scorer = ScriptedScorer(ScriptedScorerConfig(outcome_only=True))
    root = Prefix.start(Problem("p", "1 + 2?"))

    async def ask(until: Until) -> ScorerReply | Failure:
        (drawn,) = await policy.extend([PolicyCall(root, 0, until, 7)])
        assert isinstance(drawn, PolicyReply)
        (judged,) = await scorer.judge([ScorerCall(drawn.path, 8)])
        return judged

    whole, prefix = asyncio.run(ask(Until.END)), asyncio.run(ask(Until.STEP))
    assert isinstance(whole, ScorerReply)
    assert whole.judgement.verdicts == ()
    assert isinstance(whole.judgement.prefix, float)
    assert isinstance(prefix, Failure)
    assert prefix.kind is FailureKind.INVALID
