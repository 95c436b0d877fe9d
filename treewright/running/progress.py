"""How a session tells where it is: bars on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from search.core import Spent
from search.wording import amount, percent, whole
from treewright.running.sight import HEADINGS, View
from treewright.terminal import line

if TYPE_CHECKING:
    from rich.table import Table

PLAIN_SECONDS = 10.0
"""How often a plain progress line is printed."""
REPLICAS_SECONDS = 60.0
"""How often plain lines about the replicas are printed."""


@dataclass
class Tally:
    """The figures that progress shows.

    `right` and `decided` count, by arm, problems that it got right and those it could be judged by.
    `noun`: what is counted.
    `recalled` replies were had from a cache over runs, which `saved` so many tokens.
    """

    total: int
    done: int = 0
    failed: int = 0
    right: dict[str, int] = field(default_factory=dict)
    decided: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    recalled: int = 0
    saved: int = 0
    started: float = field(default_factory=time.monotonic)
    resumed: int = 0
    noun: str = "problems"

    def start(self) -> None:
        """Count seconds from now: the engines are ready."""
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return max(time.monotonic() - self.started, 1e-9)

    @property
    def rate(self) -> float:
        """Generated tokens per second, policy and verifier together."""
        return self.tokens / self.seconds

    @property
    def eta(self) -> float | None:
        """Seconds left if the rest goes as what was done in this session.

        None before anything was.
        """
        fresh = self.done - self.resumed
        return (self.total - self.done) * self.seconds / fresh if fresh > 0 else None

    def book(self, arm: str, right: bool | None) -> None:
        """Count one problem for an arm; None where it is neither right nor wrong."""
        self.right[arm] = self.right.get(arm, 0) + (right is True)
        self.decided[arm] = self.decided.get(arm, 0) + (right is not None)

    def cached(self) -> str:
        """`, 12 from the cache (3,456 tokens saved)`; nothing where nothing was."""
        if not self.recalled:
            return ""
        return f", {whole(self.recalled)} from the cache ({amount(self.saved)} tokens saved)"

    def accuracies(self) -> str:
        """`first 41 %  min+best 78 %`, of those arms that are known."""
        known = {arm: self.right[arm] / decided for arm, decided in self.decided.items() if decided}
        told = (f"{arm} {percent(accuracy, 0)} %" for arm, accuracy in known.items())
        return "  ".join(told) or "accuracy not known yet"


class Progress(Protocol):
    """What a session tells. The tally is shared; `update` says that it changed."""

    def update(self) -> None:
        """Show the tally as it is now."""
        ...

    def say(self, words: str) -> None:
        """One line that stays."""
        ...

    def show(self, view: View) -> None:
        """What the replicas are doing now."""
        ...

    def last(self, view: View) -> None:
        """What they did all the while: it stays."""
        ...


def add_spent(tally: Tally) -> Callable[[Spent], None]:
    """A listener that books the tokens of each new reply."""

    def book(spent: Spent) -> None:
        tally.tokens += spent.generated
        tally.recalled += spent.recalled
        tally.saved += spent.saved

    return book


def describe(tally: Tally) -> str:
    """The tally as one line."""
    left = "" if tally.eta is None else f", {clock(tally.eta)} left"
    failed = f", {tally.failed} failed" if tally.failed else ""
    done = f"{tally.done}/{tally.total} {tally.noun}{failed}"
    return f"{done}, {whole(tally.rate)} tokens/s{tally.cached()}{left}; {tally.accuracies()}"


def clock(seconds: float) -> str:
    """`1:05` or `2:03:04`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class PlainProgress:
    """One line every ten seconds, for logs and pipes."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.printed = self.shown = time.monotonic()

    def update(self) -> None:
        """Print when it is time."""
        if time.monotonic() - self.printed >= PLAIN_SECONDS:
            self.printed = time.monotonic()
            self.say(describe(self.tally))

    def show(self, view: View) -> None:
        """Print when it is time."""
        if time.monotonic() - self.shown >= REPLICAS_SECONDS:
            self.last(view)

    def last(self, view: View) -> None:
        """A line per replica."""
        self.shown = time.monotonic()
        for words in view.lines():
            self.say(line(words))

    def say(self, words: str) -> None:
        """One line on stderr."""
        print(words, file=sys.stderr, flush=True)


class BarProgress:
    """A rich bar with problems, tokens/s, time left and running accuracy; replicas below it."""

    def __init__(self, tally: Tally) -> None:
        from rich import progress
        from rich.console import Console, RenderableType

        below: list[RenderableType] = []

        class Bar(progress.Progress):
            def get_renderables(self) -> Iterable[RenderableType]:
                yield from super().get_renderables()
                yield from below

        self.below = below
        self.tally = tally
        self.bar = Bar(
            progress.TextColumn(tally.noun),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[figures]}"),
            progress.TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self.task = self.bar.add_task(tally.noun, total=tally.total, figures="")

    def update(self) -> None:
        """Redraw."""
        left = "" if self.tally.eta is None else f"  {clock(self.tally.eta)} left"
        failed = f"  {self.tally.failed} failed" if self.tally.failed else ""
        rate = f"{whole(self.tally.rate)} tok/s{self.tally.cached()}"
        figures = f"{rate}{left}{failed}  {self.tally.accuracies()}"
        self.bar.update(self.task, completed=self.tally.done, figures=figures)

    def show(self, view: View) -> None:
        """A table below the bar, which stays as it was last."""
        from rich.text import Text

        if not view.rows:
            return
        self.below[:] = [table_of(view), Text("\n".join(map(line, view.notes())))]

    def last(self, view: View) -> None:
        """The table as it stays."""
        self.show(view)

    def say(self, words: str) -> None:
        """One line above the bar."""
        self.bar.console.print(words, markup=False, highlight=False)


def table_of(view: View) -> Table:
    """The rows, numbers to the right."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for at, heading in enumerate(HEADINGS.values()):
        made.add_column(heading, justify="left" if at < 4 else "right")
    for row in view.rows:
        made.add_row(*(Text(line(cell)) for cell in row))
    return made


@contextmanager
def open_progress(tally: Tally) -> Iterator[Progress]:
    """The bar on a terminal, lines elsewhere; the last state stays on the screen."""
    if not sys.stderr.isatty():
        lines = PlainProgress(tally)
        try:
            yield lines
        finally:
            lines.say(describe(tally))
        return
    shown = BarProgress(tally)
    with shown.bar:
        try:
            yield shown
        finally:
            shown.update()
