"""A plot as shapes of an SVG picture that a template writes; colours are the style sheet's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.wording import number, percent
from treewright.report.axes import AxisScale, x_scale, y_scale
from treewright.report.plot import Plot, Series, Spot

WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 60, 18, 10, 46
SHAPES = (
    "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
    "m-2.7-2.7h5.4v5.4h-5.4z",
    "m0-3.7l3.5 6.2h-7z",
    "m0-4l4 4-4 4-4-4z",
    "m0 3.7l3.5-6.2h-7z",
    "m-1.3-4h2.6v2.7h2.7v2.6h-2.7v2.7h-2.6v-2.7h-2.7v-2.6h2.7z",
    "m0-2l2-2 2 2-2 2 2 2-2 2-2-2-2 2-2-2 2-2-2-2 2-2z",
    "m-3.7 0l1.8-3.2h3.8l1.8 3.2-1.8 3.2h-3.8z",
)
"""Of points, as SVG paths around them, aligned with the colours: nobody has to tell those apart."""


@dataclass(frozen=True)
class Tick:
    """A tick's place in the picture and its number."""

    at: float
    label: str


@dataclass(frozen=True)
class Dot:
    """A point with what it says when pointed at."""

    x: float
    y: float
    told: str


@dataclass(frozen=True)
class Trace:
    """A series: `band`, `path` and `shape` (of its points) are SVG path data.

    The first two are empty where there is nothing to connect.
    """

    name: str
    colour: str
    line: str
    shape: str
    path: str
    band: str
    whiskers: tuple[str, ...]
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Drawing:
    """All that the template needs; lengths in the picture's own units."""

    plot: Plot
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    traces: tuple[Trace, ...]
    level: float | None
    diagonal: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Frame:
    """From values to places in the picture."""

    x: AxisScale
    y: AxisScale

    def across(self, value: float) -> float:
        """From the left."""
        return round(LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT), 1)

    def down(self, value: float) -> float:
        """From the top; what lies beyond an end is drawn at it."""
        share = min(1.0, max(0.0, self.y.place(value)))
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)

    def path(self, spots: Sequence[tuple[float, float]]) -> str:
        """Straight lines through these values."""
        places = [f"{self.across(x)} {self.down(y)}" for x, y in spots]
        return "M" + "L".join(places) if places else ""


def drawing(plot: Plot) -> Drawing:
    """The picture of a plot, which has a point."""
    frame = Frame(x_scale(plot), y_scale(plot))
    ends = (0.0, 0.0), (1.0, 1.0)
    return Drawing(
        plot=plot,
        x_ticks=ticks(frame.x, frame.across),
        y_ticks=ticks(frame.y, frame.down),
        traces=tuple(trace(frame, plot, series) for series in plot.series),
        level=None if plot.level is None else frame.down(plot.level),
        diagonal=frame.path(ends) if plot.diagonal else "",
    )


def ticks(scale: AxisScale, place: object) -> tuple[Tick, ...]:
    """Where the ticks stand."""
    assert callable(place)
    return tuple(
        Tick(place(value), text) for value, text in zip(scale.ticks, scale.labels, strict=True)
    )


def trace(frame: Frame, plot: Plot, series: Series) -> Trace:
    """One series; a lone point has a whisker in place of a band."""
    many = len(series.spots) > 1
    sure = [
        (spot.x, spot.low, spot.high)
        for spot in series.spots
        if spot.low is not None and spot.high is not None
    ]
    highs = [(x, high) for x, _, high in sure]
    lows = [(x, low) for x, low, _ in reversed(sure)]
    whiskers = () if many else tuple(frame.path([(x, low), (x, high)]) for x, low, high in sure)
    return Trace(
        name=series.name,
        colour=colour(series),
        line=series.line.value,
        shape=SHAPES[max(0, series.colour) % len(SHAPES)],
        path=frame.path([(spot.x, spot.y) for spot in series.spots]) if many else "",
        band=f"{frame.path([*highs, *lows])}Z" if many and len(sure) > 1 else "",
        whiskers=whiskers,
        dots=tuple(
            Dot(frame.across(spot.x), frame.down(spot.y), told(plot, series, spot))
            for spot in series.spots
        ),
    )


def colour(series: Series) -> str:
    """The class of a colour in the style sheet, which has eight."""
    return "neutral" if series.colour < 0 else f"c{series.colour % 8}"


def told(plot: Plot, series: Series, spot: Spot) -> str:
    """`min, 8: 71.9 (60.1 to 81.2)`."""
    at = 100 * spot.x if plot.x_range is not None and plot.percent else spot.x
    return f"{series.name}, {at:,.4g}: {placed(plot, spot)}"


def placed(plot: Plot, spot: Spot) -> str:
    """`71.9 (60.1 to 81.2)`."""
    values = [each for each in (spot.y, spot.low, spot.high) if each is not None]
    shown = [percent(each) if plot.percent else number(each) for each in values]
    return f"{shown[0]} ({shown[1]} to {shown[2]})" if len(shown) == 3 else shown[0]
