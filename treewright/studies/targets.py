"""What incremental verification is meant to save and to keep, and whether it did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from search.wording import number, percent, points, points_interval
from treewright.studies.tried import Tried, Verified
from treewright.studies.ways import INCREMENTAL, KEPT

GOING_ON = (INCREMENTAL, KEPT)
"""The ways that are held to it, each for itself."""
GENERATED = {"beam": 0.35, "dvts": 0.45, "rebase": 0.45}
"""At most this share of the naive way's generated verifier tokens."""
COMPUTED = 0.60
AGREED = 0.97
"""At least this share of the step verdicts; or no less than whole verification with itself."""
SECONDS = 0.65


@dataclass(frozen=True)
class Target:
    """What was asked, what was found, and whether it held; None where it is not known."""

    name: str
    asked: str
    found: str
    held: bool | None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """A row of a table."""
        word = {True: "yes", False: "no", None: "not known"}[self.held]
        return self.name, self.asked, self.found, word


def targets(found: Verified) -> list[Target]:
    """All, for each strategy that judges prefixes and was run."""
    rows = [row for row in found.rows if row.trial.way in GOING_ON and row.marks]
    return [*(target for row in rows for target in _of(row)), *_seconds(found)]


def _of(row: Tried) -> Iterator[Target]:
    name = f"{row.trial.strategy} {row.trial.way}"
    if row.trial.strategy in GENERATED:
        most = GENERATED[row.trial.strategy]
        yield _most(f"{name}: verifier tokens generated", most, row.generated)
    yield _most(f"{name}: verifier tokens computed", COMPUTED, row.computed)
    if row.agreement is not None:
        rate, own = row.agreement.rate, row.itself.rate if row.itself else None
        enough = None if rate is None else rate >= AGREED or (own is not None and rate >= own)
        asked = f"at least {percent(AGREED, 0)} %, or no less than with itself ({percent(own)} %)"
        yield Target(f"{name}: step verdicts that agree", asked, f"{percent(rate)} %", enough)
    if row.versus is not None:
        ends = row.versus.ci95
        gap = row.versus.difference
        held = None if gap is None else gap == 0 if ends is None else ends[0] <= 0 <= ends[1]
        told = f"{points(gap)} ({points_interval(ends)})"
        yield Target(f"{name}: difference of accuracy", "0 inside its interval", told, held)


def _seconds(found: Verified) -> Iterator[Target]:
    for way in GOING_ON:
        if found.seconds.get(way):
            yield _most(f"beam {way}: seconds", SECONDS, found.faster(way))


def _most(name: str, most: float, value: float | None) -> Target:
    held = None if value is None else value <= most
    return Target(name, f"at most {number(most, 2)} ×", f"{number(value)} ×", held)
