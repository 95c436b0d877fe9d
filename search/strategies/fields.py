"""Checks of fields that several tree searches have.

Each raises ValueError with the field, the value, what is allowed and, where there is one, the
nearest valid value.
"""

from __future__ import annotations

import math

from search.aggregation import Aggregator, MissingRule
from search.frontier import Steering


def steering(aggregate: str, missing: MissingRule) -> Steering:
    """The score that steers, of the fields `aggregate` and `missing`."""
    try:
        return Steering(Aggregator.parse(aggregate), missing)
    except ValueError as error:
        raise ValueError(f"aggregate: {error}") from None


def above_zero(name: str, value: float) -> None:
    """A finite number above 0, such as a temperature."""
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name}: {value} must be a finite number above 0, 0.01 say")


def between(name: str, value: float, low: float, high: float) -> None:
    """A number from `low` to `high`, both allowed; NaN is not."""
    if not low <= value <= high:
        nearest = high if value > high else low
        raise ValueError(f"{name}: {value} must be from {low} to {high}; nearest {nearest}")
