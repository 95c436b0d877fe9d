"""The pictures of a study's page: what part of an axis they show."""

from __future__ import annotations

import pytest

from treewright.report.plot import Spot
from treewright.studies.pictures import closeup


@pytest.mark.parametrize(
    ("spots", "whiskers", "between"),
    [
        ([Spot(1, 0.33, 0.28, 0.41), Spot(2, 0.5, 0.41, 0.58)], False, (0.3, 0.5)),
        ([Spot(1, 0.33, 0.28, 0.41), Spot(2, 0.5, 0.41, 0.58)], True, (0.2, 0.6)),
        ([Spot(1, 0.4)], True, (0.4, 0.5)),
        ([Spot(1, 1.0), Spot(2, 0.7)], False, (0.7, 1.0)),
        ([Spot(1, 1.0)], False, (0.9, 1.0)),
        ([Spot(1, 0.0)], False, (0.0, 0.1)),
        ([], False, (0.0, 1.0)),
    ],
)
def test_an_axis_is_cut_to_tenths_around_what_is_drawn(
    spots: list[Spot], whiskers: bool, between: tuple[float, float]
) -> None:
    assert closeup(spots, whiskers=whiskers) == between
