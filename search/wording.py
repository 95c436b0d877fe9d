"""How numbers are written, for terminals, pages and documents: one function per thing."""

from __future__ import annotations

DASH = "–"
"""Where there is no number to show."""
UNKNOWN = "unknown"
"""Where there is one, and nobody counted it."""


def counted(number: int, noun: str, ending: str = "s") -> str:
    """`1 problem`, `2,000 problems`."""
    return f"{number:,} {noun}{'' if number == 1 else ending}"


def whole(number: float | None) -> str:
    """`1,234`; a dash where there is none."""
    return DASH if number is None else f"{number:,.0f}"


def amount(tokens: float | None) -> str:
    """`1,234`, or that nobody counted."""
    return UNKNOWN if tokens is None else whole(tokens)


def price(value: float | None) -> str:
    """What something costs: `0.0123`, `12.30`, or that nobody counted."""
    if value is None:
        return UNKNOWN
    return f"{value:,.2f}" if value >= 1 else f"{value:.4f}"


def number(value: float | None, digits: int = 3) -> str:
    """`0.712`; a dash where there is none."""
    return DASH if value is None else f"{value:.{digits}f}"


def signed(value: float, digits: int = 1) -> str:
    """`+3.1`, `-0.2`."""
    return f"{value:+.{digits}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share in [0, 1] as `41.2`, without the sign; a dash where there is none."""
    return number(None if share is None else 100 * share, digits)


def interval(ends: tuple[float, float] | None, to: str = f" {DASH} ") -> str:
    """Shares as `41.2 – 65.0`; a dash where there is none."""
    return DASH if ends is None else to.join(map(percent, ends))


def ends(ends: tuple[float, float] | None) -> str:
    """The same in a sentence: `41.2 to 65.0`."""
    return interval(ends, " to ")


def points(share: float | None) -> str:
    """A difference of shares as `+3.1`, and `0.0` where it rounds to that."""
    if share is None:
        return DASH
    rounded = round(100 * share, 1)
    return signed(rounded) if rounded else "0.0"


def points_interval(ends: tuple[float, float] | None) -> str:
    """`-3.1 to +9.4`."""
    return DASH if ends is None else " to ".join(map(points, ends))


def probability(p: float | None) -> str:
    """A p-value: four decimals, `< 0.0001` below them."""
    return "< 0.0001" if p is not None and p < 0.0001 else number(p, 4)


def times(ratio: float) -> str:
    """`× 1.90`."""
    return f"× {number(ratio, 2)}"


def size(gib: float) -> str:
    """`1.5 GiB`, `512.0 MiB`."""
    return f"{gib:.1f} GiB" if gib >= 1 else f"{gib * 1024:.1f} MiB"
