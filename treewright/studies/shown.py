"""A family of comparisons in words: which differences are shown, and which are not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from search.selection import SELECTIONS
from search.wording import counted, points, points_interval, whole
from treewright.arms.comparison import Verdict
from treewright.studies.choosing import Against, HeldArm

FEW = 4
"""Names that are always told one by one."""
SAID = {Verdict.BETTER: "better", Verdict.WORSE: "worse"}


@dataclass(frozen=True)
class Family:
    """All comparisons of a study, and the `sizes` at which arms are compared."""

    rows: tuple[HeldArm, ...]
    sizes: Sequence[int]

    @property
    def known(self) -> list[HeldArm]:
        """Those that have a difference: their tests are adjusted together."""
        return [row for row in self.rows if row.found.verdict is not Verdict.NOTHING]

    @property
    def blocks(self) -> list[tuple[Against, str]]:
        """Reference and selection: those against `last`, then those against majority."""
        return [
            (against, selection)
            for against in (Against.LAST, Against.MAJORITY)
            for selection in sorted(
                {row.arm.selection for row in self.rows if row.against is against},
                key=lambda name: (not SELECTIONS[name].needs_score, name),
            )
        ]

    def block(self, against: Against, selection: str) -> dict[str, list[HeldArm]]:
        """By aggregation (or selection, where it needs none) the rows, one per size."""
        found: dict[str, list[HeldArm]] = {}
        for row in self.rows:
            if row.against is against and row.arm.selection == selection:
                found.setdefault(row.arm.aggregation or selection, []).append(row)
        return found

    def sentences(self) -> Iterator[str]:
        """What is shown and what is not, a sentence or two per block."""
        shown = sum(row.found.shown for row in self.known)
        verb = "is" if shown == 1 else "are"
        yield f"Of {counted(len(self.known), 'difference')}, {shown or 'none'} {verb} shown."
        for against, selection in self.blocks:
            by_name = self.block(against, selection)
            yield f"`{selection}` against `{against}`: {verdicts(by_name, self.sizes)}."
        yield from harm([row for row in self.rows if row.against is Against.FEWER])
        yield from by_chains([row for row in self.rows if row.against is Against.ONE_CHAIN])
        yield from nearest([row for row in self.rows if not row.found.shown])


def verdicts(by_name: Mapping[str, Sequence[HeldArm]], sizes: Sequence[int]) -> str:
    """`better: min at every n, mean at n = 64; no difference shown: product`."""
    parts = []
    for verdict, word in SAID.items():
        where: dict[str, list[str]] = {}
        for name, rows in by_name.items():
            if found := [row.n for row in rows if row.found.verdict is verdict]:
                where.setdefault(at(found, sizes), []).append(name)
        if where:
            said = ", ".join(f"{among(names, by_name)} {place}" for place, names in where.items())
            parts.append(f"{word}: {said}")
    return "; ".join([*parts, *_silent(by_name)])


def _silent(by_name: Mapping[str, Sequence[HeldArm]]) -> Iterator[str]:
    """What is shown of nobody, and what has no problem to show it with."""
    silent = [name for name, rows in by_name.items() if not any(row.found.shown for row in rows)]
    blank = [name for name in silent if not any(row.found.problems for row in by_name[name])]
    heard = [name for name in silent if name not in blank]
    for names, word in ((heard, Verdict.NOT_SHOWN), (blank, Verdict.NOTHING)):
        if names:
            yield f"{word}: {among(names, by_name)}"


def among(names: Sequence[str], everyone: Collection[str]) -> str:
    """`min, max` as code; `all` and `all but min` where that is shorter."""
    others = [name for name in everyone if name not in names]
    if len(others) > 1 or len(everyone) < FEW:
        return ", ".join(f"`{name}`" for name in names)
    return f"all but `{others[0]}`" if others else "all"


def at(ns: Sequence[int], sizes: Sequence[int]) -> str:
    """`at every n`, `at n = 8, 16`."""
    whole = len(ns) == len(sizes) > 1
    return "at every n" if whole else f"at n = {', '.join(map(str, ns))}"


def harm(rows: Sequence[HeldArm]) -> Iterator[str]:
    """Whether choosing among more solutions made the choice better or worse."""
    if not rows:
        return
    few, most = rows[0].found.theirs.figures.n, rows[0].n
    by_name = {str(row.arm.aggregation): [row] for row in rows}
    yield f"`best` of {most} solutions against `best` of {few}: {verdicts(by_name, [most])}."


def by_chains(rows: Sequence[HeldArm]) -> Iterator[str]:
    """Whether several verification chains choose better than one."""
    for selection in dict.fromkeys(row.arm.selection for row in rows):
        by_name = {
            str(row.arm.aggregation): [row] for row in rows if row.arm.selection == selection
        }
        size = next(iter(by_name.values()))[0].n
        yield f"`{selection}` by several chains against one: {verdicts(by_name, [size])}."


def nearest(rows: Sequence[HeldArm]) -> Iterator[str]:
    """That what is not shown may be there, and what it would take to show the nearest."""
    known = [(row.found.problems_needed, row) for row in rows if row.found.problems_needed]
    if not known:
        return
    needed, row = min(known, key=lambda pair: pair[0])
    found = row.found
    ours, theirs = (f"`{side.arm}@{side.figures.n}`" for side in (found.ours, found.theirs))
    yield (
        f"Not shown is not the same as none. Nearest to being shown: {ours} minus {theirs}, "
        f"{points(found.difference)} ({points_interval(found.ci95)}), with about {whole(needed)} "
        f"problems instead of {whole(found.problems)}."
    )
