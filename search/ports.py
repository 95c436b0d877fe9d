"""The two ports that answer a search, and the memory of what they answered.

One method, one shape: a batch in, an aligned batch out. An item that failed is a `Failure` in its
place, so its siblings are not lost. Implementations pickle their calls and replies across process
borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import takewhile
from traceback import format_exception
from typing import Protocol, runtime_checkable

from search.core import Feedback, Judgement, Prefix, Spent, Step
from search.fault import Fault
from search.questions import Until


class FailureKind(StrEnum):
    """What to do with a failed call."""

    INVALID = "invalid"
    """The call itself is at fault (a prompt longer than the model).

    Never retried, the problem becomes an error record.
    """
    POISON = "poison"
    """The call killed replica after replica, at last alone: the problem becomes an error record."""
    UNAVAILABLE = "unavailable"
    """Infrastructure failed (no replica left, time-out): asked again on resume."""
    INTERNAL = "internal"
    """The port raised something unforeseen; the message carries it."""

    @property
    def final(self) -> bool:
        """Whether asking again would only repeat it: such a call is never asked again."""
        return self in (FailureKind.INVALID, FailureKind.POISON)


ENDED = "it has ended and cannot be extended"
"""What every policy says of a path that cannot grow."""


def one_line(error: BaseException) -> str:
    """`ValueError: what`, or what a `Fault` says, on one line of at most 500 characters."""
    named = str(error) if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
    text = " ".join(named.split())
    return text if len(text) <= 500 else text[:499] + "…"


@dataclass(frozen=True, slots=True)
class Failure:
    """A call, or a whole problem, that has no reply.

    `message` is one line: what and where. `traceback` is that of what was raised, empty where
    nothing was. `spent` is what was spent all the same, for nothing: earlier tries, other parts of
    the same call; what a server that answers nothing has spent nobody knows, and is not in it.
    """

    kind: FailureKind
    message: str
    traceback: str = ""
    spent: Spent = field(default_factory=Spent)

    @classmethod
    def about(
        cls, path: Prefix, kind: FailureKind, message: str, spent: Spent | None = None
    ) -> Failure:
        """A failure in one line that says which path it is about."""
        where = f"problem {path.problem.id}, path {path.id or 'root'}"
        told = " ".join(f"{where}: {message}".split())
        return cls(kind, told, spent=(spent or Spent()).as_failed())

    def after(self, spent: Spent) -> Failure:
        """The same after so much was spent on the call before, for nothing."""
        return replace(self, spent=(spent + self.spent).as_failed())

    @classmethod
    def raised(cls, error: BaseException) -> Failure:
        """What a strategy, a port or a grader raised that nobody foresaw."""
        return cls(FailureKind.INTERNAL, one_line(error), "".join(format_exception(error)))


@dataclass(frozen=True, slots=True)
class PolicyCall:
    """Draw child number `child` of `path`.

    `seed` is a non-negative 63-bit integer, this child's own. `feedback`, where there is some, is
    shown to the model beside the problem. `cache` names the prefix cache: prompts are shared with
    calls of the same name only. It changes what a reply costs, not what it says.
    """

    path: Prefix
    child: int
    until: Until
    seed: int
    greedy: bool = False
    feedback: Feedback | None = None
    cache: str = ""


@dataclass(frozen=True, slots=True)
class PolicyReply:
    """`path` is the child: the call's path grown by at least one step. `sampled` as below."""

    path: Prefix
    spent: Spent
    sampled: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Earlier:
    """How a path was judged earlier that begins as another one does."""

    path: Prefix
    judgement: Judgement

    def shared(self, path: Prefix) -> int:
        """How many steps both paths begin with."""
        pairs = zip(self.path.steps, path.steps, strict=False)
        return sum(1 for _ in takewhile(lambda pair: saying(pair[0]) == saying(pair[1]), pairs))


def saying(step: Step) -> tuple[str, tuple[int, ...], str]:
    """What tells a step from others, wherever in a tree it is."""
    return (step.text, step.token_ids, step.stop.value)


@dataclass(frozen=True, slots=True)
class Further:
    """One more chain for a judgement: number `drawn`, from 0, as so many were written for it."""

    drawn: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class ScorerCall:
    """Judge every step of `path`. `cache` as in `PolicyCall`.

    `earlier`: what a scorer that goes on from earlier judgements may go on from. `further`: the
    path was judged, and one more chain is wanted; the reply is the judgement of all of them, with
    what this one cost.
    """

    path: Prefix
    seed: int
    cache: str = ""
    earlier: Earlier | None = None
    further: Further | None = None


@dataclass(frozen=True, slots=True)
class ScorerReply:
    """The judgement has one verdict per step of the call's path, or none and a `Missing` prefix.

    `sampled`: whether the call's seed may have had a part in it. It is false only where another
    seed would surely give the same reply; a cache asks, the journal does not keep it.
    """

    judgement: Judgement
    spent: Spent
    sampled: bool = field(default=True, compare=False)


@runtime_checkable
class Closing(Protocol):
    """What every port and every engine owes the one who opened it."""

    async def close(self) -> None:
        """Free everything. Idempotent. One that holds nothing inherits this, which does nothing."""
        return


class Policy(Closing, Protocol):
    """Proposes steps."""

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises only when the port itself is unusable."""
        ...


class Scorer(Closing, Protocol):
    """Judges steps."""

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises only when the port itself is unusable."""
        ...


class Memory(Protocol):
    """Replies that were paid for already: the journal, as a search sees it.

    `key` names the place of a call (`policy/<problem>/<path>/<child>/<until>`); `digest` hashes
    everything in the call.
    """

    def recall(
        self, key: str, digest: str, call: PolicyCall | ScorerCall
    ) -> PolicyReply | ScorerReply | None:
        """The recorded reply, or None.

        Raises `ReplayError` when the key was recorded with another digest.
        """
        ...

    async def record(self, key: str, digest: str, reply: PolicyReply | ScorerReply) -> None:
        """Return once the reply is durable."""
        ...

    async def fail(self, key: str, problem_id: str, failure: Failure) -> None:
        """Note that the scorer gave no reply.

        The failure is reported; unless it is final the call is asked again on resume.
        """
        ...

    def elapsed(self, key: str) -> float | None:
        """The seconds that were noted at this reading of a search's clock, or None."""
        ...

    async def note_elapsed(self, key: str, seconds: float) -> None:
        """Note a reading; return once it is durable."""
        ...


class ReplayError(Fault):
    """The search asks something else than what the journal recorded at this place."""

    exit_code = 4

    def __init__(self, key: str) -> None:
        Exception.__init__(self, key)
        self.key = key

    def __str__(self) -> str:
        return (
            f"the journal holds a different question at {self.key}: "
            "the run was made by another config or version"
        )
