from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import grading_pool, grading_worker
from benchmarks.grading import Budget, Grader, Grades, GradingConfig, Outcome, open_grader
from benchmarks.grading_pool import Compared, Equal, GradingError, GradingPool

CORRECT, INCORRECT, ABSTAINED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.ABSTAINED
TIMEOUT, FAILED = Outcome.TIMEOUT, Outcome.FAILED

FAKE_WORKER = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from benchmarks import grading_worker

calls = 0

def compare(left, right, both):
    global calls
    calls += 1
    print("noise between the replies", flush=True)
    if "hang" in right:
        time.sleep(60)
    if "hog" in right:
        held = bytearray(600 << 20)
    if "leap" in right:
        held = bytearray(1 << 40)
    if "crash" in right or ("tired" in right and calls > 1):
        os.kill(os.getpid(), signal.SIGSEGV)
    if "kill the worker" in right:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return left.lower() == right.lower() or (both and right == "mirror " + left)

grading_worker.load_math_verify = lambda: compare
grading_worker.main()
"""


def grade(
    reference: str, answers: Sequence[str | None], config: GradingConfig | None = None
) -> Grades:
    async def run() -> Grades:
        async with open_grader(config or GradingConfig()) as grader:
            return await grader.grade(reference, answers)

    return asyncio.run(run())


@pytest.fixture
def fake_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real worker process around a comparison that hangs, crashes and hogs as it is told."""
    path = tmp_path / "worker.py"
    root = Path(grading_worker.__file__).parents[1]
    path.write_text(FAKE_WORKER.format(root=str(root)))
    monkeypatch.setattr(grading_pool, "WORKER", path)
    return path


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any use of the pool is an error."""
    monkeypatch.setattr(grading_pool, "WORKER", Path("no-such-worker.py"))


@pytest.mark.usefixtures("no_worker")
def test_numbers_and_equal_texts_are_graded_without_a_process() -> None:
    grades = grade("1/2", ["0.5", None, r"\frac{3}{4}", "50%", "0.75", "  ", r"\dfrac12"])
    assert grades.groups == (0, None, 2, 0, 2, None, 0)
    assert grades.outcomes == (
        *(CORRECT, ABSTAINED, INCORRECT, CORRECT, INCORRECT, ABSTAINED, CORRECT),
    )


@pytest.mark.usefixtures("no_worker")
def test_no_answers_have_no_grades() -> None:
    assert grade("1", []) == Grades((), ())


@pytest.mark.usefixtures("no_worker")
def test_an_overlong_answer_is_an_abstention() -> None:
    assert grade("1", ["1" * 513, "2"]).outcomes == (ABSTAINED, INCORRECT)


MATHS = [
    (r"2\sqrt{3}", [r"\sqrt{12}", r"x = 2\sqrt3", r"\sqrt{13}", r"13^{1/2}"], (0, 0, 2, 2), 2),
    (r"(3,\frac{\pi}{2})", [r"\left(3, \pi/2\right)", r"(\pi/2, 3)"], (0, 1), 1),
    ("1<x<2", ["(1,2)", r"x \in (1,2)", "1<x<3"], (0, 0, 2), 2),
    (r"\text{Evelyn}", ["evelyn", r"\text{Briana}"], (0, 1), 1),
    (r"x^2+2x+1", ["(x+1)^2", "(x-1)^2", r"$x^2 - 2x + 1$"], (0, 1, 1), 1),
    (r"\{1,2\}", ["2, 1", "1"], (0, 1), 1),
]


def test_maths_is_graded_and_grouped_by_equality() -> None:
    async def run() -> list[Grades]:
        async with open_grader(GradingConfig(timeout_s=30)) as grader:
            return [await grader.grade(reference, answers) for reference, answers, _, _ in MATHS]

    for grades, (_, answers, groups, right) in zip(asyncio.run(run()), MATHS, strict=True):
        assert grades.groups == groups
        wrong = len(answers) - right
        assert grades.outcomes == (*[CORRECT] * right, *[INCORRECT] * wrong)


def test_pathological_answers_time_out_and_their_siblings_are_graded() -> None:
    hard = [r"9^{9^{9}}", "100000000!", "(" * 250 + "5" + ")" * 250]
    answers = [*hard, r"\sqrt{25}", "6", "5"]
    grades = grade("5", answers, GradingConfig(timeout_s=0.3, budget_s=60))
    assert grades.outcomes[:3] == (TIMEOUT, TIMEOUT, TIMEOUT)
    assert grades.outcomes[4:] == (INCORRECT, CORRECT)
    assert grades.groups[:3] == (0, 1, 2)
    # Whether algebra is quick enough for 0.3 s is the machine's affair; it is never wrong.
    assert grades.outcomes[3] in (CORRECT, TIMEOUT)


@pytest.mark.usefixtures("fake_worker")
def test_each_fault_of_a_comparison_is_told_apart_from_a_wrong_answer() -> None:
    answers = ["right x", "hang x", "hog x", "crash x", "leap x", "RIGHT X", "wrong x"]
    config = GradingConfig(timeout_s=2, memory_mib=256)
    grades = grade("Right x", answers, config)
    assert grades.outcomes == (CORRECT, TIMEOUT, FAILED, FAILED, FAILED, CORRECT, INCORRECT)
    assert grades.groups == (0, 1, 2, 3, 4, 0, 6)


@pytest.mark.usefixtures("fake_worker")
def test_a_crash_in_a_used_process_is_tried_once_more_in_a_fresh_one() -> None:
    config = GradingConfig(timeout_s=5)
    assert grade("a x", ["b x", "tired x"], config).outcomes == (INCORRECT, INCORRECT)


@pytest.mark.usefixtures("fake_worker")
def test_equality_of_answers_counts_in_either_order_but_not_for_the_reference() -> None:
    grades = grade("x y", ["mirror x y", "z y", "mirror z y"], GradingConfig(timeout_s=5))
    assert grades.outcomes == (INCORRECT, INCORRECT, INCORRECT)
    assert grades.groups == (0, 1, 1)


@pytest.mark.usefixtures("fake_worker")
def test_a_killed_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading_pool, "GRACE_S", 5.0)

    async def run() -> list[Equal]:
        pool = GradingPool(1, 256)
        pairs = [("a x", "A x"), ("a x", "kill the worker"), ("a x", "b x")]
        try:
            return [(await pool.compare(a, b, 2, both=False)).equal for a, b in pairs]
        finally:
            await pool.close()

    assert asyncio.run(run()) == [Equal.YES, Equal.FAILED, Equal.NO]


@pytest.mark.usefixtures("fake_worker")
def test_a_cancelled_comparison_leaves_no_reply_behind_for_the_next() -> None:
    async def run() -> Equal:
        pool = GradingPool(1, 256)
        try:
            await pool.compare("a x", "b x", 5, both=False)
            asking = asyncio.create_task(pool.compare("a x", "hang x", 0.1, both=False))
            await asyncio.sleep(0.02)
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()
            return (await pool.compare("a x", "A X", 5, both=False)).equal
        finally:
            await pool.close()

    assert asyncio.run(run()) is Equal.YES


@pytest.mark.usefixtures("fake_worker")
def test_the_event_loop_goes_on_and_problems_share_the_workers() -> None:
    async def run() -> list[Outcome]:
        async with open_grader(GradingConfig(timeout_s=5, workers=2)) as grader:
            hanging = asyncio.create_task(grader.grade("a x", ["hang x"]))
            others = [grader.grade("a x", [f"b{i} x"]) for i in range(4)]
            done = [(await grades).outcomes[0] for grades in others]
            assert not hanging.done()
            hanging.cancel()
            await asyncio.wait([hanging])
            return done

    assert asyncio.run(run()) == [INCORRECT] * 4


@pytest.mark.usefixtures("fake_worker")
def test_no_process_is_left_behind() -> None:
    async def run() -> int:
        pool = GradingPool(1, 256)
        await pool.compare("a x", "b x", 5, both=False)
        pid = pool._idle[0].pid
        await pool.close()
        return pid

    group = asyncio.run(run())
    with pytest.raises(ProcessLookupError):
        os.killpg(group, signal.SIGCONT)


def test_a_worker_whose_driver_is_gone_ends(fake_worker: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, str(fake_worker), "256"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out, _ = worker.communicate(b'{"left": "a", "right": "b", "both": false, "seconds": 5}\n')
    assert worker.returncode == 0
    assert b'"equal": "no"' in out


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('print(\'{"error": "ModuleNotFoundError: math_verify"}\')', "ModuleNotFoundError"),
        ("raise SystemExit(3)", "ended"),
    ],
)
def test_a_worker_that_cannot_start_is_an_error_and_no_grade(
    script: str, message: str, fake_worker: Path
) -> None:
    fake_worker.write_text(script)
    with pytest.raises(GradingError, match=message):
        grade("a x", ["b x"])


class Slow:
    """Takes all the time it is given for every hard answer, none for the others."""

    def __init__(self) -> None:
        self.spent = 0.0

    async def compare(
        self, left: str, right: str, seconds: float, *, both: bool = False
    ) -> Compared:
        del left, both
        if "hard" not in right:
            return Compared(Equal.NO)
        self.spent += max(seconds, 0)
        return Compared(Equal.TIMEOUT, max(seconds, 0))

    async def close(self) -> None: ...


@pytest.mark.parametrize("count", [1, 10, 256])
def test_the_time_for_one_problem_is_bounded_and_easy_answers_are_not_starved(count: int) -> None:
    slow = Slow()
    grader = Grader(GradingConfig(timeout_s=5, budget_s=60), slow)
    answers = [f"hard {i}" for i in range(count)] + ["easy"]
    grades = asyncio.run(grader.grade("x", answers))
    assert slow.spent <= 60.001
    assert grades.outcomes == (*[TIMEOUT] * count, INCORRECT)


def test_hard_answers_get_their_full_time_until_half_of_the_budget_is_spent() -> None:
    budget = Budget(left=60, limit=5, parts=512)
    shares = []
    for _ in range(512):
        shares.append(budget.share())
        budget.left -= shares[-1]
    assert shares[:6] == [5.0] * 6
    assert max(shares[6:]) < 0.1
    assert min(shares) > 0.05


integers = st.integers(-3, 3)


@given(integers, st.lists(st.none() | integers, max_size=12), st.sampled_from(["numeric", "exact"]))
def test_grades_are_aligned_and_groups_are_classes_of_equal_answers(
    reference: int, values: list[int | None], kind: str
) -> None:
    answers = [None if value is None else str(value) for value in values]
    grades = grade(str(reference), answers, GradingConfig(kind=kind))
    first = {value: values.index(value) for value in values}
    assert grades.groups == tuple(None if v is None else first[v] for v in values)
    assert grades.outcomes == tuple(
        ABSTAINED if v is None else CORRECT if v == reference else INCORRECT for v in values
    )


def test_numeric_grading_allows_an_error_relative_to_the_reference() -> None:
    config = GradingConfig(kind="numeric", tolerance=0.01)
    answers = ["99", "101", "98.9", "1e2", "apples"]
    assert grade("100", answers, config).outcomes == (
        *(CORRECT, CORRECT, INCORRECT, CORRECT, INCORRECT),
    )


def test_numeric_grading_without_a_numeric_reference_is_a_failure_not_a_wrong_answer() -> None:
    assert grade("apples", ["5", "apples"], GradingConfig(kind="numeric")).outcomes == (
        *(FAILED, CORRECT),
    )


def test_exact_grading_ignores_case_and_typography_only() -> None:
    outcomes = grade("B", ["b", r"\text{B}", "(B)", "C"], GradingConfig(kind="exact")).outcomes
    assert outcomes == (CORRECT, CORRECT, INCORRECT, INCORRECT)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "maths"}, r"kind: 'maths' must be one of .*did you mean 'math'"),
        ({"timeout_s": 0.0}, "timeout_s: 0.0"),
        ({"timeout_s": float("nan")}, "timeout_s: nan"),
        ({"budget_s": 1.0}, "budget_s: 1.0 .*at least timeout_s"),
        ({"workers": 0}, "workers: 0"),
        ({"memory_mib": 10}, "memory_mib: 10"),
        ({"tolerance": -1.0}, "tolerance: -1.0"),
        ({"max_answer_chars": 0}, "max_answer_chars: 0"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GradingConfig(**fields)  # type: ignore[arg-type]  # wrong values are the point


def test_the_config_decides_how_answers_are_read() -> None:
    assert GradingConfig(cues=False).extract("The answer is 5") is None
    assert GradingConfig(max_answer_chars=3).extract(r"\boxed{1234}") is None
    assert GradingConfig().extract(r"\boxed{1234}") == "1234"


def test_an_error_of_the_grader_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(GradingError("no worker")))
    assert isinstance(error, GradingError)
    assert str(error) == "no worker"


def test_fractions_in_a_tolerance_are_exact() -> None:
    third = Fraction(1, 3)
    config = GradingConfig(kind="numeric")
    assert grade(str(third), ["2/6", "0.3333"], config).outcomes == (CORRECT, INCORRECT)
