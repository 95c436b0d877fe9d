"""Best-of-N: draw whole solutions, judge each, let selection choose (Cobbe et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

from search.checks import at_least_one
from search.core import Candidate, Flow, Judgement, Path, Problem, Result, Until, extend, judge


@dataclass(frozen=True)
class BestOfN:
    """`n` independent solutions.

    The finished ones are judged. Candidates stay in the order of their numbers.
    """

    n: int = 16

    def __post_init__(self) -> None:
        at_least_one("n", self.n)

    @property
    def candidates(self) -> int:
        """How many candidates a search returns."""
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
        judgements = yield from judge(finished)
        judged = {path.id: judgement for path, judgement in zip(finished, judgements, strict=True)}
        return Result(tuple(_candidate(draft, judged) for draft in drafts))


def _candidate(draft: Path, judged: dict[str, Judgement]) -> Candidate:
    judgement = judged.get(draft.id)
    return Candidate(draft, judgement, (judgement.prefix,) if judgement else ())
