"""An arm by name, as a person spells it: `majority`, `min+best`, `history.last+weighted@8`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from search.aggregation import Aggregator, Scale
from search.selection import SELECTIONS
from treewright.config.checks import check_aggregate, check_select
from treewright.config.compose import COMMAND_LINE
from treewright.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to answer: a selection, and the aggregation that scores for it.

    `aggregation` is None where the selection needs no score. `n`: how many candidates it looks at;
    None for all.
    """

    selection: str
    aggregation: str | None = None
    n: int | None = None

    def __str__(self) -> str:
        size = "" if self.n is None else f"@{self.n}"
        scored = f"{self.aggregation}+" if self.aggregation else ""
        return f"{scored}{self.selection}{size}"

    @property
    def scale(self) -> Scale:
        """What its scores are; the default where nothing is scored."""
        aggregation = self.aggregation
        return Aggregator.parse(aggregation).scale if aggregation else Scale.PROBABILITY

    def at(self, n: int | None) -> Arm:
        """The same over `n` candidates, unless its own number was said."""
        return replace(self, n=n) if self.n is None else self

    def paid(self, n: int) -> int:
        """How many of `n` candidates it has to buy."""
        return min(n, SELECTIONS[self.selection].reads or n)


def arms_of(aggregate: Iterable[str], select: Sequence[str]) -> list[Arm]:
    """The arms that a config reports.

    A selection that needs no score appears once, the others once per aggregation.
    """
    free = [Arm(name) for name in select if not SELECTIONS[name].needs_score]
    scored = [name for name in select if SELECTIONS[name].needs_score]
    names = [str(Aggregator.parse(name)) for name in aggregate]
    return free + [Arm(selection, name) for name in names for selection in scored]


def powers_of_two(largest: int) -> list[int]:
    """1, 2, 4, … and `largest` itself; nothing for 0."""
    sizes = [1 << power for power in range(largest.bit_length())]
    return sizes if largest in sizes or largest == 0 else [*sizes, largest]


def arms_named(spelled: Sequence[str], option: str) -> list[Arm]:
    """Read a list of arms. Raises `ConfigError`, or `PartError` for a custom part."""
    found: list[Arm] = []
    for text in spelled:
        arm = arm_named(text, option)
        if arm in found:
            raise ConfigError(COMMAND_LINE, option, text, "is listed twice", "remove one")
        found.append(arm)
    return found


def arm_named(spelled: str, option: str) -> Arm:
    """Read one arm. Raises `ConfigError`, or `PartError` for a custom part."""
    rest, at, size = spelled.partition("@")
    aggregation, plus, selection = rest.rpartition("+")
    check_select([selection], _command_line)
    check_aggregate([aggregation] if plus else [], _command_line)
    needs = SELECTIONS[selection].needs_score
    for problem, hint in _misfits(selection, bool(plus), needs=needs):
        raise ConfigError(COMMAND_LINE, option, spelled, problem, hint)
    if at and not (size.isascii() and size.isdigit() and int(size) > 0):
        hint = f"say how many candidates, {rest}@8 say"
        raise ConfigError(COMMAND_LINE, option, spelled, "has no number from 1 after @", hint)
    return Arm(
        selection,
        str(Aggregator.parse(aggregation)) if plus else None,
        int(size) if at else None,
    )


def _misfits(selection: str, scored: bool, *, needs: bool) -> Iterator[tuple[str, str]]:
    if needs and not scored:
        yield f"{selection} needs a score", f"say by which aggregation: min+{selection}"
    if scored and not needs:
        yield f"{selection} looks at no score", f"say {selection} alone"


def _command_line(key: str) -> str:
    return COMMAND_LINE
