"""What a pilot saw and what it expects, in lines and as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from search.wording import UNKNOWN, amount, counted, number, price
from treewright.expected import Range
from treewright.pilot import Pilot
from treewright.running.progress import clock


def pilot_lines(pilot: Pilot) -> Iterator[tuple[str, str]]:
    """Each with its name."""
    seen, told = pilot.seen, pilot.expected
    failed = f", {seen.failed} failed" if seen.failed else ""
    yield (
        "pilot",
        f"{counted(seen.problems, 'problem')} in {clock(seen.seconds)}{failed}, after "
        f"{clock(seen.start_s)} for the start; in a temporary folder, no run is left",
    )
    tokens = f"{between(told.generated, amount)} tokens generated"
    yield "expected", f"{tokens}, {between(told.prompt, amount)} prompt tokens"
    hours = between(told.gpu_hours, number)
    costs = f", costs {between(told.cost, price)}" if told.cost else ""
    gpus = f"; {hours} GPU-hours{costs}" if told.gpu_hours else ""
    yield "", f"{between(told.seconds, clock)} of time, with the start{gpus}"


def between(found: Range | None, written: Callable[[float], str]) -> str:
    """`1.2M (0.9M to 1.5M)`, or only from where to where."""
    if found is None:
        return UNKNOWN
    if found.low == found.high:
        return written(found.low)
    high = "nobody knows" if math.isinf(found.high) else written(found.high)
    ends = f"{written(found.low)} to {high}"
    return ends if found.expected is None else f"{written(found.expected)} ({ends})"


def pilot_json(pilot: Pilot) -> dict[str, object]:
    """The same; null is unknown, `gpu_hours` and `cost` are there where they are known."""
    seen, told = pilot.seen, pilot.expected
    made: dict[str, object] = {
        "problems": seen.problems,
        "failed": seen.failed,
        "seconds": round(seen.seconds, 3),
        "start_seconds": round(seen.start_s, 3),
        "expected_generated_tokens": as_json(told.generated),
        "expected_prompt_tokens": as_json(told.prompt),
        "expected_seconds": as_json(told.seconds),
    }
    more = {"expected_gpu_hours": told.gpu_hours, "expected_cost": told.cost}
    return made | {name: as_json(found) for name, found in more.items() if found is not None}


def as_json(found: Range | None) -> dict[str, float] | None:
    """Its ends, and what is expected; without the one that nobody knows."""
    if found is None:
        return None
    ends = {"expected": found.expected, "low": found.low, "high": found.high}
    return {name: v for name, v in ends.items() if v is not None and not math.isinf(v)}
