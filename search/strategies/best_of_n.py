"""Best-of-N: draw whole solutions, judge each, let selection choose (Cobbe et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.checks import at_least_one
from search.core import (
    Candidate,
    Judgement,
    Path,
    Problem,
    Result,
)
from search.questions import Flow, Until, extend, judge


@dataclass(frozen=True)
class BestOfN:
    """`n` independent solutions; the finished ones are judged.

    Candidates stay in the order of their numbers. With `dedup`, solutions that are the same token
    by token are judged once: the first is, and the others have its judgement.
    """

    n: int = 16
    dedup: bool = True

    def __post_init__(self) -> None:
        at_least_one("n", self.n)

    @property
    def candidates(self) -> int:
        """How many candidates a search returns."""
        return self.n

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        return self.n

    @property
    def judges(self) -> bool:
        """Whether the search asks the verifier."""
        return True

    def __call__(self, problem: Problem) -> Flow:
        """Draw all, then judge those that finished.

        An unfinished solution has no answer to select.
        """
        (drafts,) = yield from extend([Path.start(problem)], self.n, Until.END)
        finished = [draft for draft in drafts if draft.finished]
        distinct = originals(finished) if self.dedup else {draft: draft for draft in finished}
        asked = list(dict.fromkeys(distinct.values()))
        judgements = dict(zip(asked, (yield from judge(asked)), strict=True))
        judged = {draft: judgements[original] for draft, original in distinct.items()}
        return Result(tuple(_candidate(draft, judged.get(draft)) for draft in drafts))


def originals(paths: Sequence[Path]) -> dict[Path, Path]:
    """Maps each path to the first one with the same tokens."""
    first: dict[tuple[int, ...], Path] = {}
    return {path: first.setdefault(path.token_ids, path) for path in paths}


def _candidate(draft: Path, judgement: Judgement | None) -> Candidate:
    return Candidate(draft, judgement, (judgement.prefix,) if judgement else ())
