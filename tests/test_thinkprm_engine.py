"""The trained verifier of the arithmetic domain, behind the ThinkPRM scorer on the real engine."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from benchmarks.arithmetic.checker import check
from benchmarks.arithmetic.errors import wrong_result
from benchmarks.arithmetic.problems import LevelProblem
from benchmarks.arithmetic.splits import read_split
from engines.vllm_config import VllmConfig
from scorers.thinkprm_config import ThinkPrmConfig, build
from search.core import (
    Origin,
    Prefix,
    Problem,
    Step,
    StopReason,
    VerdictStatus,
)
from search.ports import Earlier, ScorerCall, ScorerReply

ROOT = Path(__file__).resolve().parents[1]
VERIFIER = ROOT / "benchmarks" / "arithmetic" / "verifier"
PROBLEMS = 16

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not VERIFIER.is_dir(), reason="the arithmetic verifier is not trained yet"),
]


@dataclass(frozen=True)
class Case:
    """A solution to judge and the index of its first wrong step, None for a right one."""

    call: ScorerCall
    error: int | None


def cases() -> list[Case]:
    """A right and a wrong solution of each problem, wrong at one step."""
    rng = random.Random(0)
    found = []
    for number, problem in enumerate(read_split("validation")[:PROBLEMS]):
        for texts in (problem.solution(), miscalculated(rng, problem)):
            steps = tuple(
                Step(f"Step {i}: {text}\n", (), StopReason.STEP_END)
                for i, text in enumerate(texts, 1)
            )
            labels = check(problem, texts)
            error = labels.index(False) if False in labels else None
            path = Prefix(Problem(f"p{number}", problem.question), steps, (0,))
            found.append(Case(ScorerCall(path, number), error))
    return found


def miscalculated(rng: random.Random, problem: LevelProblem) -> list[str]:
    """The right solution but for one result, which no later step takes up."""
    at = rng.randrange(len(problem.operations))
    operation, value = problem.operations[at], problem.values[at]
    result = operation.apply(value)
    while result == operation.apply(value):
        result = wrong_result(rng, operation, value)
    texts = problem.solution()
    texts[at] = operation.claim(value, result)
    return texts


@dataclass(frozen=True)
class Replies:
    """To all cases, whole; and to the right ones in two parts, the last step gone on to."""

    whole: list[ScorerReply]
    begun: list[ScorerReply]
    gone_on: list[ScorerReply]


async def judge(model: str) -> Replies:
    """The replies, each kind in one batch."""
    engine = VllmConfig(max_num_seqs=64)
    scorer = await build(ThinkPrmConfig(model, engine=engine, max_tokens=1600, incremental=True))

    async def ask(calls: list[ScorerCall]) -> list[ScorerReply]:
        found = await scorer.judge(calls)
        told = [reply for reply in found if isinstance(reply, ScorerReply)]
        assert len(told) == len(calls), found
        return told

    try:
        right = [case.call for case in cases() if case.error is None]
        parents = [replace(each.path, steps=each.path.steps[:-1]) for each in right]
        begun = await ask([ScorerCall(path, 1) for path in parents])
        earlier = [Earlier(path, each.judgement) for path, each in zip(parents, begun, strict=True)]
        calls = [replace(call, earlier=each) for call, each in zip(right, earlier, strict=True)]
        return Replies(await ask([case.call for case in cases()]), begun, await ask(calls))
    finally:
        await scorer.close()


@pytest.fixture(scope="module")
def judged() -> Replies:
    return asyncio.run(judge(str(VERIFIER)))


@pytest.fixture(scope="module")
def replies(judged: Replies) -> list[ScorerReply]:
    return judged.whole


def read(replies: list[ScorerReply]) -> list[tuple[Case, ScorerReply]]:
    """The cases that have a judgement."""
    pairs = zip(cases(), replies, strict=True)
    return [(case, reply) for case, reply in pairs if reply.judgement.chains]


def first_error(reply: ScorerReply) -> int | None:
    """The index of the first step that is more likely incorrect."""
    probabilities = [verdict.probability for verdict in reply.judgement.verdicts]
    return next((i for i, p in enumerate(probabilities) if p is not None and p < 0.5), None)


def test_nearly_every_chain_can_be_read(replies: list[ScorerReply]) -> None:
    assert len(read(replies)) >= 0.9 * len(replies)


def test_every_step_of_a_read_solution_is_judged(replies: list[ScorerReply]) -> None:
    unread = (VerdictStatus.MISSING, VerdictStatus.TRUNCATED)
    verdicts = [verdict for _, reply in read(replies) for verdict in reply.judgement.verdicts]
    assert sum(verdict.status in unread for verdict in verdicts) <= 0.05 * len(verdicts)


def test_the_first_wrong_step_is_found_and_right_solutions_pass(
    replies: list[ScorerReply],
) -> None:
    agreed = [first_error(reply) == case.error for case, reply in read(replies)]
    assert sum(agreed) >= 0.75 * len(agreed)


def test_the_whole_prefix_is_judged_as_its_steps_are(replies: list[ScorerReply]) -> None:
    agreed = []
    for case, reply in read(replies):
        assert isinstance(reply.judgement.prefix, float)
        agreed.append((reply.judgement.prefix > 0.5) == (case.error is None))
    assert sum(agreed) >= 0.75 * len(agreed)


def test_steps_after_the_error_take_its_probability(replies: list[ScorerReply]) -> None:
    early = [reply for _, reply in read(replies) if first_error(reply) is not None]
    assert early
    for reply in early:
        after = [v for v in reply.judgement.verdicts if v.status is VerdictStatus.AFTER_ERROR]
        assert len({verdict.probability for verdict in after}) <= 1


def test_a_critique_says_what_it_judges(replies: list[ScorerReply]) -> None:
    (_, reply), *_ = read(replies)
    for number, verdict in enumerate(reply.judgement.verdicts, 1):
        if verdict.status is VerdictStatus.READ:
            assert f"Step {number}:" in verdict.critique


def test_costs_are_counted_and_the_closing_question_finds_the_chain_cached(
    replies: list[ScorerReply],
) -> None:
    for reply in replies:
        assert reply.spent.calls >= 2
        assert reply.spent.generated > 0
        assert 0 < reply.spent.cached < reply.spent.prompt


def test_a_verification_that_goes_on_writes_the_rest_and_says_mostly_the_same(
    judged: Replies,
) -> None:
    whole = [reply for case, reply in zip(cases(), judged.whole, strict=True) if case.error is None]
    pairs = list(zip(judged.gone_on, judged.begun, whole, strict=True))
    went_on = [each for each in pairs if each[0].judgement.origin is Origin.INCREMENTAL]
    assert len(went_on) >= 0.5 * len(pairs)  # the others closed at once, and were written whole
    for reply, begun, anew in went_on:
        verdicts = begun.judgement.verdicts
        count = sum(verdict.status is VerdictStatus.READ for verdict in verdicts)
        if first_error(begun) is None:  # what was called correct stays, a step left out is judged
            assert reply.judgement.verdicts[:count] == verdicts[:count]
            assert reply.spent.generated < anew.spent.generated
    agreed = [first_error(reply) == first_error(anew) for reply, _, anew in pairs]
    assert sum(agreed) >= 0.75 * len(agreed)
