"""The policies without a model: what they promise about contents, faults and time."""

from __future__ import annotations

import asyncio
import selectors
import subprocess
import sys
from collections import Counter
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.engine import EngineError
from engines.faults import Faults
from engines.scripted_world import is_right_step, lognormal, right_answer
from engines.token_clock import Timing, TokenClock
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from policies.simulated import SimulatedPolicy, SimulatedPolicyConfig
from search.core import Prefix, Problem, StopReason
from search.ports import Failure, FailureKind, PolicyCall, PolicyReply
from search.questions import Until

T = TypeVar("T")
QUESTION = "What is 3 + 4 + 15?"
ROOT = Prefix.start(Problem("sum", QUESTION))


def call(
    path: Prefix = ROOT, seed: int = 0, until: Until = Until.END, child: int = 0
) -> PolicyCall:
    return PolicyCall(path, child, until, seed)


def draw(config: ScriptedPolicyConfig, *calls: PolicyCall) -> list[Prefix]:
    replies = asyncio.run(ScriptedPolicy(config).extend(calls))
    return [reply.path for reply in replies if isinstance(reply, PolicyReply)]


def draw_many(config: ScriptedPolicyConfig, number: int = 2000) -> list[Prefix]:
    return draw(config, *(call(seed=seed) for seed in range(number)))


def is_right(path: Prefix) -> bool:
    return rf"\boxed{{{right_answer(path.problem.question)}}}" in path.text


def test_the_right_answer_is_the_sum_of_the_numbers_or_a_hash() -> None:
    assert right_answer(QUESTION) == "22"
    assert right_answer("no number") == right_answer("no number") != right_answer("none either")


def test_accuracy_is_the_share_of_right_solutions() -> None:
    paths = draw_many(ScriptedPolicyConfig(accuracy=0.3, spread=2))
    share = sum(map(is_right, paths)) / len(paths)
    assert abs(share - 0.3) < 4 * (0.3 * 0.7 / len(paths)) ** 0.5


def test_a_solution_is_right_exactly_when_all_its_steps_are() -> None:
    for path in draw_many(ScriptedPolicyConfig(), 300):
        steps = range(len(path.steps))
        assert is_right(path) == all(is_right_step(QUESTION, path.steps, i) for i in steps)


def test_every_length_of_the_spread_is_equally_likely() -> None:
    lengths = Counter(len(path.steps) for path in draw_many(ScriptedPolicyConfig(spread=2)))
    assert sorted(lengths) == [2, 3, 4, 5, 6]
    assert all(abs(n - 400) < 4 * (2000 * 0.2 * 0.8) ** 0.5 for n in lengths.values())


def test_wrong_answers_are_as_many_as_said() -> None:
    paths = draw_many(ScriptedPolicyConfig(accuracy=0, wrong_answers=3), 300)
    assert len({path.text.rpartition("boxed")[2] for path in paths}) == 3


def test_a_solution_may_end_without_an_answer() -> None:
    (path,) = draw(ScriptedPolicyConfig(no_answer=1), call())
    assert path.finished
    assert "boxed" not in path.text


def test_a_cut_solution_is_not_finished() -> None:
    (path,) = draw(ScriptedPolicyConfig(cut=1), call())
    assert path.steps[-1].stop is StopReason.LENGTH
    assert not path.finished


def test_steps_are_as_long_as_said() -> None:
    config = ScriptedPolicyConfig(step_tokens=200, length_cv=0.3)
    lengths = [len(step.token_ids) for path in draw_many(config, 300) for step in path.steps]
    assert abs(sum(lengths) / len(lengths) - 200) < 10


@settings(deadline=None)
@given(st.integers(0, 2**63 - 1))
def test_drawing_to_the_end_equals_drawing_step_by_step(seed: int) -> None:
    config = ScriptedPolicyConfig(cut=0.1, length_cv=0.5)
    (whole,) = draw(config, call(seed=seed))
    path = ROOT
    while not path.stopped:
        (path,) = draw(config, call(path, seed, Until.STEP))
    assert path.steps == whole.steps


def test_greedy_ignores_seed_and_child() -> None:
    calls = [PolicyCall(ROOT, child, Until.END, child, greedy=True) for child in range(5)]
    assert len({path.steps for path in draw(ScriptedPolicyConfig(), *calls)}) == 1


def test_seeds_differ_in_what_they_draw() -> None:
    assert len({path.text for path in draw_many(ScriptedPolicyConfig(), 50)}) > 25


def test_a_path_that_has_ended_is_invalid() -> None:
    (ended,) = draw(ScriptedPolicyConfig(), call())
    (reply,) = asyncio.run(ScriptedPolicy(ScriptedPolicyConfig()).extend([call(ended)]))
    assert isinstance(reply, Failure)
    assert reply.kind is FailureKind.INVALID


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"accuracy": 1.5}, "accuracy: 1.5 must be from 0 to 1"),
        ({"accuracy": float("nan")}, "accuracy: nan must be"),
        ({"steps": 0}, "steps: 0 must be 1 or more"),
        ({"steps": 2, "spread": 2}, "spread: 2 must be from 0 to 1; below steps"),
        ({"wrong_answers": 0}, "wrong_answers: 0 must be"),
        ({"length_cv": -1.0}, "length_cv: -1.0 must be 0 or more"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ScriptedPolicyConfig(**fields)


def test_a_lognormal_has_its_mean_and_variation() -> None:
    rng = Random(0)
    values = [lognormal(50, 0.5, rng) for _ in range(20000)]
    mean = sum(values) / len(values)
    deviation = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
    assert mean == pytest.approx(50, rel=0.02)
    assert deviation / mean == pytest.approx(0.5, rel=0.05)


# Faults


def test_a_fatal_question_kills_as_a_dead_engine_does() -> None:
    policy = ScriptedPolicy(ScriptedPolicyConfig(faults=Faults(die_on="15")))
    with pytest.raises(EngineError, match="fault injected"):
        asyncio.run(policy.extend([call()]))


def test_a_poisonous_question_ends_the_process() -> None:
    code = (
        "import asyncio; from engines.faults import Faults;"
        "asyncio.run(Faults(exit_on='15').strike('3 + 15', 0)); print('survived')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_failing_call_leaves_its_siblings_alone() -> None:
    config = ScriptedPolicyConfig(faults=Faults(fail=0.5))
    calls = [call(seed=seed) for seed in range(200)]
    replies = asyncio.run(ScriptedPolicy(config).extend(calls))
    again = asyncio.run(ScriptedPolicy(config).extend(calls))
    failed = [reply for reply in replies if isinstance(reply, Failure)]
    assert 60 < len(failed) < 140
    assert {failure.kind for failure in failed} == {FailureKind.UNAVAILABLE}
    assert replies == again


def test_a_hanging_call_never_returns() -> None:
    policy = ScriptedPolicy(ScriptedPolicyConfig(faults=Faults(hang=1)))

    async def wait() -> None:
        await asyncio.wait_for(policy.extend([call()]), 0.02)

    with pytest.raises(TimeoutError):
        asyncio.run(wait())


# Time


class InstantSelector(selectors.DefaultSelector):
    """Lets the loop's clock jump instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


class InstantLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock of its own: sleeping is free and exact."""

    def __init__(self) -> None:
        self._instant = InstantSelector()
        super().__init__(self._instant)

    def time(self) -> float:
        return self._instant.now


def timed(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """What `work` returns and the simulated seconds it took."""
    with asyncio.Runner(loop_factory=InstantLoop) as runner:
        return runner.run(work), runner.get_loop().time()


def serve(timing: Timing, *requests: tuple[int, int]) -> list[float]:
    """When each request, all sent at once, is done."""

    async def one(clock: TokenClock, prefill: int, decode: int) -> float:
        await clock.serve(prefill, decode)
        return asyncio.get_running_loop().time()

    async def all_of() -> list[float]:
        clock = TokenClock(timing)
        return await asyncio.gather(*(one(clock, *request) for request in requests))

    return timed(all_of())[0]


def test_a_lone_request_takes_its_tokens_times() -> None:
    timing = Timing(prefill_seconds=0.01, decode_seconds=0.1, batch_seconds=0.02)
    assert serve(timing, (50, 10)) == pytest.approx([0.5 + 10 * 0.12])


def test_requests_share_the_processor() -> None:
    timing = Timing(prefill_seconds=0, decode_seconds=0.1, batch_seconds=0.05)
    # Two decode 10 tokens at 0.2 s each, then the longer goes on alone at 0.15 s.
    assert serve(timing, (0, 10), (0, 30)) == pytest.approx([2.0, 2.0 + 20 * 0.15])


def test_a_request_waits_for_a_slot() -> None:
    timing = Timing(prefill_seconds=0, decode_seconds=0.1, batch_seconds=0, slots=1)
    assert serve(timing, (0, 10), (0, 10)) == pytest.approx([1.0, 2.0])


def test_speed_divides_the_time() -> None:
    timing = Timing(prefill_seconds=0.01, decode_seconds=0.1, batch_seconds=0.02, speed=100)
    assert serve(timing, (50, 10)) == pytest.approx([(0.5 + 10 * 0.12) / 100])


def test_a_cancelled_request_leaves_the_processor_to_the_others() -> None:
    timing = Timing(prefill_seconds=0, decode_seconds=0, batch_seconds=0.1)

    async def scene() -> float:
        clock = TokenClock(timing)
        kept = asyncio.ensure_future(clock.serve(0, 20))
        dropped = asyncio.ensure_future(clock.serve(0, 100))
        await asyncio.sleep(2)  # ten tokens each
        dropped.cancel()
        await kept
        return asyncio.get_running_loop().time()

    assert timed(scene())[0] == pytest.approx(2 + 10 * 0.1)


def test_the_simulated_policy_says_what_the_scripted_one_says() -> None:
    calls = [call(seed=seed) for seed in range(20)]
    scripted = asyncio.run(ScriptedPolicy(ScriptedPolicyConfig()).extend(calls))
    simulated, seconds = timed(SimulatedPolicy(SimulatedPolicyConfig()).extend(calls))
    assert simulated == scripted
    assert seconds > 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 200)), min_size=1, max_size=20))
def test_the_clock_neither_loses_nor_invents_work(requests: list[tuple[int, int]]) -> None:
    """With time proportional to the batch, one slot or many, all work ends at the same time."""
    shared = Timing(prefill_seconds=0, decode_seconds=0, batch_seconds=0.01)
    total = 0.01 * sum(decode for _, decode in requests)
    assert max(serve(shared, *requests)) == pytest.approx(total)
