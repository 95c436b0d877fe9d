"""The ends and the ticks of a plot's axes, the same in the page and in the files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from treewright.report.plot import Axis, Plot, Spot

TICKS = 6
"""About as many on a linear axis."""
FEWEST = 3
"""On a logarithmic one, where they can be had."""


@dataclass(frozen=True)
class AxisScale:
    """An axis from `low` to `high`, with its ticks and what stands at them."""

    axis: Axis
    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def place(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        low, high, at = (spread(self.axis, each) for each in (self.low, self.high, value))
        return (at - low) / (high - low)


def x_scale(plot: Plot) -> AxisScale:
    """Over all series."""
    values = sorted({spot.x for spot in all_spots(plot)})
    if plot.x_axis is Axis.LOG2:
        ticks = [value for value in values if value == values[-1] or math.log2(value).is_integer()]
        low, high = values[0] / 2**0.25, values[-1] * 2**0.25
        return AxisScale(Axis.LOG2, low, high, tuple(ticks), tuple(f"{each:g}" for each in ticks))
    if plot.x_axis is Axis.LOG10:
        low, high = max(values[0], 1.0) / 1.25, max(values[-1], 1.0) * 1.25
        ticks = decades(low, high)
        return AxisScale(Axis.LOG10, low, high, tuple(ticks), tuple(map(thousands, ticks)))
    whole = plot.x_range is None
    low, high = plot.x_range or (values[0] - 0.5, values[-1] + 0.5)
    ticks = values if whole and len(values) <= 2 * TICKS else steps(low, high)
    shown = [label(each, percent=plot.percent and not whole) for each in ticks]
    return AxisScale(Axis.LINEAR, low, high, tuple(ticks), tuple(shown))


def y_scale(plot: Plot) -> AxisScale:
    """Shares from 0 to 100 %, never cut; differences as far as they go, to both sides of 0."""
    low, high = plot.y_range or (0.0, 1.0)
    if plot.level == 0.0:
        ends = [
            abs(end) for spot in all_spots(plot) for end in (spot.y, spot.low, spot.high) if end
        ]
        high = max([0.01, *ends]) * 1.08
        low = -high
    ticks = steps(low, high)
    shown = [label(each, percent=plot.percent, signed=low < 0) for each in ticks]
    return AxisScale(Axis.LINEAR, low, high, tuple(ticks), tuple(shown))


def all_spots(plot: Plot) -> Sequence[Spot]:
    """Of all series."""
    return [spot for series in plot.series for spot in series.spots]


def spread(axis: Axis, value: float) -> float:
    """Where a value lies on an endless axis."""
    return value if axis is Axis.LINEAR else math.log2(max(value, 1e-9))


def steps(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / (TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda factor: abs(factor * power - rough))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten; where those are fewer than three, 1, 2 and 5 times them, or 1 to 9 times."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    made: list[float] = []
    for factors in ((1,), (1, 2, 5), range(1, 10)):
        made = [f * 10.0**power for power in powers for f in factors]
        made = [each for each in made if low <= each <= high]
        if len(made) >= FEWEST:
            break
    return made


def label(value: float, *, percent: bool, signed: bool = False) -> str:
    """A tick's number."""
    shown = round(100 * value, 6) if percent else value
    return f"{shown:+g}".replace("-", "−") if signed and shown else f"{shown:g}"


def thousands(value: float) -> str:
    """`500`, `20k`, `1M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
