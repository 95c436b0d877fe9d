"""A plot as data: drawn into the page (`drawing`) and into files (`plot_files`) from one source."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Axis(StrEnum):
    """How x values are spread."""

    LOG2 = "log2"
    """Ticks at powers of two: numbers of candidates."""
    LOG10 = "log10"
    """Tokens."""
    LINEAR = "linear"


class LineStyle(StrEnum):
    """How a series is drawn."""

    SOLID = "solid"
    DASHED = "dashed"
    DOTTED = "dotted"


NEUTRAL = -1
"""The colour of what is not among the things compared."""


@dataclass(frozen=True)
class Spot:
    """A point with the ends of its 95 % interval, None where it has none."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """Points from left to right under one name; `colour` counts the palette's colours from 0."""

    name: str
    spots: tuple[Spot, ...]
    colour: int = NEUTRAL
    line: LineStyle = LineStyle.SOLID


@dataclass(frozen=True)
class Plot:
    """Axes with series on them.

    `id` names its files. `percent`: y is a share in [0, 1] and shown in per cent; else as it is.
    `y_range`: the ends of y where they are given. `level`: a y with a line of its own (no
    difference); `diagonal`: x = y is drawn. `caption` says how to read it.
    """

    id: str
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_axis: Axis = Axis.LINEAR
    percent: bool = True
    y_range: tuple[float, float] | None = None
    x_range: tuple[float, float] | None = None
    level: float | None = None
    diagonal: bool = False
    caption: str = ""
