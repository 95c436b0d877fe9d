"""The kind `imported`: a run whose candidates were imported. Nothing is asked, all is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engines.traits import DOUBLE, Traits
from search.checks import check_count
from search.core import Candidate, Judgement, Prefix, Problem, Result
from search.ports import (
    Failure,
    FailureKind,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from search.questions import Flow, Until, extend, judge


@dataclass(frozen=True)
class Imported:
    """The completions of a file, each with its scores (`treewright import` says it)."""

    n: int
    """How many completions a problem has at most."""
    fewer: dict[str, int] = field(default_factory=dict)
    """How many those problems have that have fewer, by problem id."""
    judged: bool = True
    """Whether the file has scores."""

    def __post_init__(self) -> None:
        check_count("n", self.n, 1)
        for problem, count in self.fewer.items():
            if not 1 <= count < self.n:
                raise ValueError(
                    f"fewer: {count} of {problem} must be from 1 to below n ({self.n})"
                )

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most."""
        return self.n

    @property
    def draws(self) -> int:
        """How many completions a problem has at most."""
        return self.n

    @property
    def judges(self) -> bool:
        """Whether the file has scores."""
        return self.judged

    def __call__(self, problem: Problem) -> Flow:
        """Take every completion, then every judgement."""
        count = self.fewer.get(problem.id, self.n)
        (drafts,) = yield from extend([Prefix.start(problem)], count, Until.END)
        if not self.judged:
            return Result(tuple(Candidate(draft) for draft in drafts))
        judgements: tuple[Judgement, ...] = yield from judge(drafts)
        pairs = zip(drafts, judgements, strict=True)
        return Result(tuple(Candidate(draft, told, (told.prefix,)) for draft, told in pairs))


@dataclass(frozen=True)
class ImportedFile:
    """A file that was imported (`treewright import` says it)."""

    sha256: str
    """The digest of the file's bytes, 64 hex digits."""

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        return DOUBLE


class RecordOnly(Policy, Scorer):
    """Both ports of such a run: what the journal does not hold cannot be had again from them."""

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """A failure for each call."""
        return [_lost(call.path) for call in batch]

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """A failure for each call."""
        return [_lost(call.path) for call in batch]


def _lost(path: Prefix) -> Failure:
    message = (
        f"problem {path.problem.id}: was imported and is not in the journal; "
        "give the same `treewright import` again"
    )
    return Failure(FailureKind.UNAVAILABLE, message)


async def build(config: ImportedFile) -> RecordOnly:
    """The ports, ready at once."""
    return RecordOnly()
