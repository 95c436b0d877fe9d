"""What a pilot tells of a whole run, against values worked out by hand."""

import pytest

from treewright.expected import Range, Seen, expected, student, whole_run


def seen(*generated: int | None, seconds: float = 40.0, **more: float) -> Seen:
    return Seen(generated, generated, 0, seconds, 10.0, **more)


def test_tokens_are_the_mean_of_the_pilot_with_students_interval() -> None:
    # Mean 200, s 100, of 4 problems of 16: 3.182 x 100 / 2 x sqrt(0.75) x 16 = 2204.6.
    found = whole_run([100, 150, 250, 300], 16)
    s = 8333.333**0.5
    reach = 3.182 * s / 2 * 0.75**0.5 * 16
    assert found is not None
    assert found.expected == 3200
    assert (found.low, found.high) == pytest.approx((3200 - reach, 3200 + reach), rel=1e-4)


def test_no_fewer_tokens_than_the_pilot_took_are_expected_and_all_problems_are_no_guess() -> None:
    low = whole_run([1, 1000], 4)
    assert low is not None
    assert low.low == 1001
    assert whole_run([5, 7], 2) == Range(12, 12, 12)


def test_what_one_problem_does_not_tell_is_unknown() -> None:
    assert whole_run([5, None, 7], 10) is None
    assert whole_run([], 10) is None


def test_students_t_goes_over_into_the_normal() -> None:
    assert student(7) == 2.365
    assert student(31) == pytest.approx(2.040, abs=0.003)
    assert student(1000) == pytest.approx(1.962, abs=0.001)


def test_full_engines_are_no_faster_with_more_at_once_and_idle_ones_may_be() -> None:
    alike = (100,) * 4  # no spread: the ends are those of the time alone
    full = expected(seen(*alike, busy=1.0), 32, 16, None)
    idle = expected(seen(*alike, busy=0.1), 32, 16, None)
    half = expected(seen(*alike, busy=0.5), 32, 16, None)
    assert full.seconds == Range(10 + 320, 10 + 320)  # 40 s x 32 / 4
    assert idle.seconds == Range(10 + 80, 10 + 320)  # 40 s x 32 / 16
    assert half.seconds == Range(10 + 160, 10 + 320)  # half of 320
    narrow = expected(seen(*alike, busy=0.1), 32, 4, None)  # no more at once than the pilot had
    assert narrow.seconds == Range(330, 330)


def test_gpu_hours_are_of_all_gpus_and_unknown_without_any() -> None:
    found = expected(seen(100, 100, seconds=3590.0, busy=1.0, gpus=8), 2, 2, 2.5)
    assert found.gpu_hours == Range(8, 8)
    assert found.cost == Range(20, 20)
    none = expected(seen(100, 100), 2, 2, 2.5)
    assert none.gpu_hours is none.cost is None
