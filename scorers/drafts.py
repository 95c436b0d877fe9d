"""What a chain is to verify, and a chain as far as it is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from engines.engine import Finish
from scorers.continuing import Odds, Spans
from scorers.readings import ChainReading
from search.core import Spent


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a chain is to verify.

    `prompt` ends where the chain begins; `room` is how many tokens a round may take, `space` how
    many the context has for all of them; `steps` is how many steps the solution has, `labels` the
    highest step number that its text writes. `cache` names the prefix cache. `shown` is how many
    steps the prompt shows, where longer paths may keep it, else 0; `given` are those that it does
    not show and that are put into the chain.
    """

    prompt: tuple[int, ...]
    room: int
    space: int
    steps: int
    labels: int
    cache: str = ""
    shown: int = 0
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cues:
    """What bids a chain go on where it would end, as token ids.

    `again` begins the second round, the third, and so on. `wait` is said in the last one, as long
    as the chain is shorter than `min_tokens`.
    """

    again: tuple[tuple[int, ...], ...] = ()
    wait: tuple[int, ...] = ()
    min_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """The tokens of a chain so far. `rounds` and `passes`: where each begins.

    `shown` and `given` as in `ChainStart`: of a chain into which steps are put.
    """

    ids: tuple[int, ...] = ()
    odds: Odds = ()
    rounds: tuple[int, ...] = (0,)
    passes: tuple[int, ...] = (0,)
    spent: Spent = field(default_factory=Spent)
    shown: int = 0
    given: Spans = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A chain as it was written. `cut` is the finish of one that was cut before its end."""

    written: Written
    reading: ChainReading
    cut: Finish | None

    @property
    def ids(self) -> tuple[int, ...]:
        """Its tokens, without those that judge steps of its own invention."""
        return self.written.ids[: self.reading.tokens]


def limit(sheet: Sheet, written: Written) -> int:
    """How long the chain may be at the end of its last round."""
    return min(written.rounds[-1] + sheet.room, sheet.space)
