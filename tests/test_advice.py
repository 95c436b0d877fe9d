"""The advice on how replicas are dealt out, against values worked out by hand."""

from dataclasses import replace

import pytest

from treewright.cluster.advice import SideLoad, advice, best, speed


def sides(
    policies: int,
    policy: float,
    verifiers: int,
    verifier: float,
    gpus: tuple[float, float] = (1, 1),
) -> tuple[SideLoad, SideLoad]:
    return (
        SideLoad("policy", policies, policy, gpus[0]),
        SideLoad("verifier", verifiers, verifier, gpus[1]),
    )


def test_the_split_that_is_there_has_speed_1() -> None:
    for policy, verifier in ((0.31, 0.97), (0.9, 0.2), (1.0, 1.0)):
        assert speed(2, 5, *sides(2, policy, 5, verifier)) == pytest.approx(1.0)


def test_a_side_with_time_to_spare_gives_a_replica_to_the_busy_one() -> None:
    # Work: 0.31 x 2 = 0.62 and 0.97 x 2 = 1.94 replicas. 1 + 3 fits 1.613 and 1.546 times as much.
    two = sides(2, 0.31, 2, 0.97)
    assert speed(1, 3, *two) == pytest.approx(0.97 * 3 / 1.94)
    assert advice(*two) == (
        "the verifier is busy 97 %, the policy 31 %: 1 + 3 would be about 1.5 × as fast"
    )
    assert advice(*sides(6, 1.0, 2, 0.25)) == (  # work 6 and 0.5: 7 + 1 fits 1.167 and 2
        "the policy is busy 100 %, the verifier 25 %: 7 + 1 would be about 1.2 × as fast"
    )


def test_where_none_can_be_given_more_are_advised_up_to_what_the_other_side_feeds() -> None:
    # One policy that is busy 31 % feeds 0.97 / 0.31 = 3.1 verifiers: 3, which fit 3 / 0.97 as much.
    assert advice(*sides(1, 0.31, 1, 0.97)) == (
        "the verifier is busy 97 %, the policy 31 %: 1 + 3, 2 more replicas, would be about "
        "3.0 × as fast"
    )
    assert best(*sides(1, 0.01, 1, 1.0)).verifiers == 8  # type: ignore[union-attr]


def test_a_replica_of_four_gpus_is_worth_four_of_one() -> None:
    # 10 GPUs; work: 0.8 policies and 1.9 verifiers. 1 + 6 fits 1.25 and 3.16 times as much.
    found = best(*sides(2, 0.4, 2, 0.95, (4, 1)))
    assert found is not None
    assert (found.policies, found.verifiers) == (1, 6)
    assert found.speed == pytest.approx(0.95 / 0.8)


def test_a_side_that_computes_elsewhere_has_no_gpu_to_give() -> None:
    # Four policies of an API: 2 + 4 would need two more GPUs. Work 1.24 and 1.94: 4 + 6 fits 3.09.
    assert advice(*sides(4, 0.31, 2, 0.97, (0, 1))) == (
        "the verifier is busy 97 %, the policy 31 %: 4 + 6, 4 more replicas, would be about "
        "3.0 × as fast"
    )
    assert advice(*sides(2, 0.31, 2, 0.97, (0, 0))) == (  # neither has any: replicas count
        "the verifier is busy 97 %, the policy 31 %: 1 + 3 would be about 1.5 × as fast"
    )


@pytest.mark.parametrize(
    ("load", "shared", "told"),
    [
        (
            sides(1, 0.5, 1, 0.6),
            False,
            "neither is full; more problems at once (cluster.problems_in_flight)",
        ),
        (
            (replace(sides(1, 0.5, 1, 0.6)[0], short=True), sides(1, 0.5, 1, 0.6)[1]),
            False,
            "a replica may not have more calls at once; raise cluster.calls_in_flight or",
        ),
        (sides(1, 0.95, 1, 0.93), False, "no other split would be faster"),
        (sides(1, 0.0, 1, 0.9), False, "no other split would be faster"),
        (sides(1, 0.3, 1, 0.4), True, "they share what they compute on"),
        (sides(1, 0.3, 1, 0.9), True, "they share what they compute on"),
    ],
)
def test_it_promises_nothing_that_it_does_not_know(
    load: tuple[SideLoad, SideLoad], shared: bool, told: str
) -> None:
    line = advice(*load, shared=shared)
    assert told in line
    assert "as fast" not in line
