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
from benchmarks.answers.reading import Kind, ParsedAnswer
from benchmarks.equality import Answer, Seconds, Undecided
from benchmarks.grading import Grader, Grades, GradingConfig, Outcome, TimeLeft, open_grader
from benchmarks.grading_pool import Equal, GradingError, GradingPool, WorkerReply

CORRECT, INCORRECT, ABSTAINED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.ABSTAINED
TIMEOUT, FAILED = Outcome.TIMEOUT, Outcome.FAILED

FAKE_WORKER = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from benchmarks import grading_worker

calls = 0

def read(text):
    global calls
    calls += 1
    print("noise between the replies", flush=True)
    if "hang" in text:
        time.sleep(60)
    if "hog" in text:
        held = bytearray(600 << 20)
    if "leap" in text:
        held = bytearray(1 << 40)
    if "crash" in text or ("tired" in text and calls > 1):
        os.kill(os.getpid(), signal.SIGSEGV)
    if "worker" in text:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return None

def equal(left, right):
    return left.lower() == right.lower()

grading_worker.load_questions = lambda: dict(equal=equal, read=read)
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
    assert grades.groups == (0, None, 2, 3, 2, None, 0)
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
    answers = [r"9^{9^{9}}", "100000000!", "(" * 250 + "5" + ")" * 250, r"\sqrt{25}", "6", "5"]
    grades = grade("5", answers, GradingConfig(timeout_s=0.3, budget_s=60))
    assert grades.outcomes[:3] == (TIMEOUT, TIMEOUT, CORRECT)
    assert grades.outcomes[4:] == (INCORRECT, CORRECT)
    assert grades.groups[:3] == (0, 1, 2)
    # Whether algebra is quick enough for 0.6 s is the machine's affair; it is never wrong.
    assert grades.outcomes[3] in (CORRECT, TIMEOUT)


@pytest.mark.usefixtures("fake_worker")
def test_each_fault_of_algebra_is_told_apart_from_a_wrong_answer() -> None:
    names = ["fine", "hang", "hog", "crash", "leap", "FINE", "poor"]
    config = GradingConfig(timeout_s=1, memory_mib=256)
    grades = grade(r"\Fine{x}", [rf"\{name}{{x}}" for name in names], config)
    assert grades.outcomes == (CORRECT, TIMEOUT, FAILED, FAILED, FAILED, CORRECT, INCORRECT)
    assert grades.groups == (0, 1, 2, 3, 4, 5, 6)


@pytest.mark.usefixtures("fake_worker")
def test_a_reference_that_cannot_be_read_is_met_by_its_own_text_only() -> None:
    config = GradingConfig(timeout_s=1)
    assert grade(r"\crash{x}", [r"\crash {x}", "5"], config).outcomes == (CORRECT, INCORRECT)


@pytest.mark.usefixtures("fake_worker")
def test_a_crash_in_a_used_process_is_tried_once_more_in_a_fresh_one() -> None:
    config = GradingConfig(timeout_s=5)
    answers = [r"\other{x}", r"\tired{x}"]
    assert grade(r"\some{x}", answers, config).outcomes == (INCORRECT, INCORRECT)


@pytest.mark.usefixtures("fake_worker")
def test_a_killed_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading_pool, "GRACE_S", 5.0)

    async def run() -> list[WorkerReply]:
        pool = GradingPool(1, 256)
        asked = [("equal", "a", "A"), ("read", "worker"), ("equal", "a", "b")]
        try:
            return [await pool.ask(question, 2) for question in asked]
        finally:
            await pool.close()

    told = [(asked.found, asked.fault) for asked in asyncio.run(run())]
    assert told == [(True, None), (None, Equal.FAILED), (False, None)]


@pytest.mark.usefixtures("fake_worker")
def test_a_cancelled_comparison_leaves_no_reply_behind_for_the_next() -> None:
    async def run() -> object:
        pool = GradingPool(1, 256)
        try:
            await pool.ask(("equal", "a", "b"), 5)
            asking = asyncio.create_task(pool.ask(("read", "hang"), 0.1))
            await asyncio.sleep(0.02)
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()
            return (await pool.ask(("equal", "a", "A"), 5)).found
        finally:
            await pool.close()

    assert asyncio.run(run()) is True


@pytest.mark.usefixtures("fake_worker")
def test_the_event_loop_goes_on_and_problems_share_the_workers() -> None:
    async def run() -> list[Outcome]:
        async with open_grader(GradingConfig(timeout_s=5, workers=2)) as grader:
            hanging = asyncio.create_task(grader.grade("1", [r"\hang{x}"]))
            others = [grader.grade("1", [rf"\sin{{{i}x}}"]) for i in range(4)]
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
        await pool.ask(("equal", "a", "b"), 5)
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
    out, _ = worker.communicate(b'{"ask": ["equal", "a", "b"], "seconds": 5}\n')
    assert worker.returncode == 0
    assert b'"found": false' in out


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
        grade("1", [r"\sin{x}"])


class Slow:
    """Takes all the time it is given for every hard answer, none for the others."""

    async def read_reference(self, text: str, time: Seconds) -> Answer:
        del time
        return Answer(text, ParsedAnswer(Kind.VERBATIM, text))

    async def read(self, text: str, reference: Answer, time: Seconds) -> Answer:
        del reference
        if "hard" in text:
            time.spend(max(time.left, 0))
            raise Undecided(Equal.TIMEOUT)
        return Answer(text, ParsedAnswer(Kind.VERBATIM, text))

    async def right(self, answer: Answer, reference: Answer, time: Seconds) -> Equal:
        del answer, reference, time
        return Equal.NO

    async def close(self) -> None: ...


@pytest.mark.parametrize("count", [1, 10, 256])
def test_the_time_for_one_problem_is_bounded_and_easy_answers_are_not_starved(count: int) -> None:
    shares = []

    class Watched(Slow):
        async def read(self, text: str, reference: Answer, time: Seconds) -> Answer:
            shares.append(time)
            return await super().read(text, reference, time)

    grader = Grader(GradingConfig(timeout_s=5, budget_s=60), Watched())
    answers = [f"hard {i}" for i in range(count)] + ["easy"]
    grades = asyncio.run(grader.grade("x", answers))
    assert sum(time.spent for time in shares) <= 60.001
    assert grades.outcomes == (*[TIMEOUT] * count, INCORRECT)


def test_hard_answers_get_their_full_time_until_half_of_the_budget_is_spent() -> None:
    budget = TimeLeft(left=60, limit=5, parts=512)
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
    outcomes = grade("Bo", ["bo", r"\text{Bo}", "(Bo)", "Co"], GradingConfig(kind="exact")).outcomes
    assert outcomes == (CORRECT, CORRECT, INCORRECT, INCORRECT)


def test_exact_grading_of_a_choice_takes_the_option_that_is_named_or_an_abstention() -> None:
    answers = ["(b)", "**B**", "B. 12 m/s", "C", "12 m/s", "A and B"]
    grades = grade("B", answers, GradingConfig(kind="exact"))
    assert grades.outcomes == (*[CORRECT] * 3, INCORRECT, ABSTAINED, ABSTAINED)
    assert grades.groups == (0, 0, 0, 3, None, None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"fallback": "first"}, r"fallback: 'first' must be one of none, last_number"),
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
    assert GradingConfig().extract("so 7 of 12") is None
    assert GradingConfig(fallback="last_number").extract("so 7 of 12") == "12"


def test_an_error_of_the_grader_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(GradingError("no worker")))
    assert isinstance(error, GradingError)
    assert str(error) == "no worker"


def test_fractions_in_a_tolerance_are_exact() -> None:
    third = Fraction(1, 3)
    config = GradingConfig(kind="numeric")
    assert grade(str(third), ["2/6", "0.3333"], config).outcomes == (CORRECT, INCORRECT)
