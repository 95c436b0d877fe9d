"""The journal as a search sees it: replies recalled and recorded, failures noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from search.core import Spent
from search.keys import scorer_key
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
from treewright.hiding import hide
from treewright.journal.codec import Json, decode_spent, encode_spent
from treewright.journal.journal import Journal

CLOCK = "clock"
"""The kind of the journal's records that hold readings of a search's clock."""


class RecordedMemory:
    """The memory of a replay: it recalls and never writes."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def recall(
        self, key: str, digest: str, call: PolicyCall | ScorerCall
    ) -> PolicyReply | ScorerReply | None:
        """The recorded reply, or None."""
        return self.journal.recall(key, digest, call)

    async def record(self, key: str, digest: str, reply: PolicyReply | ScorerReply) -> None:
        """A replay learns nothing new."""

    async def fail(self, key: str, problem_id: str, failure: Failure) -> None:
        """A replay learns nothing new."""

    def elapsed(self, key: str) -> float | None:
        """The reading that was noted, or None."""
        seconds: float | None = self.journal.latest(CLOCK).get(key, {}).get("seconds")
        return seconds

    async def note_elapsed(self, key: str, seconds: float) -> None:
        """Raise `Unrecorded`: in a replay no time passes."""
        raise Unrecorded


class JournalMemory(RecordedMemory):
    """The memory of a session. `on_spent` hears the cost of every reply that is new."""

    def __init__(self, journal: Journal, on_spent: Callable[[Spent], None]) -> None:
        super().__init__(journal)
        self.on_spent = on_spent

    async def record(self, key: str, digest: str, reply: PolicyReply | ScorerReply) -> None:
        """Return once the reply is durable."""
        await self.journal.record(key, digest, reply)
        self.on_spent(reply.spent)

    async def fail(self, key: str, problem_id: str, failure: Failure) -> None:
        """Note a failed call, once where it is never asked again."""
        payload = failure_payload(problem_id, failure)
        if not (failure.kind.final and self.journal.latest("failure").get(key) == payload):
            await self.journal.append("failure", key, payload)
            self.on_spent(failure.spent)

    async def note_elapsed(self, key: str, seconds: float) -> None:
        """Note a reading."""
        await self.journal.append(CLOCK, key, {"seconds": seconds})


class Unrecorded(Exception):
    """A replay reached a question that the journal does not answer.

    This search has not ended yet.
    """


class RecordedPorts(Policy, Scorer):
    """Both ports of a replay: they have nothing to say beyond the journal."""

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """Raise `Unrecorded`."""
        raise Unrecorded

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """Raise `Unrecorded`."""
        raise Unrecorded


class SparedScorer(Scorer):
    """A scorer that is spared the calls whose failure the journal noted."""

    def __init__(self, scorer: Scorer, failures: Mapping[str, Failure]) -> None:
        self.scorer = scorer
        self.failures = failures

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """The noted failure of each call, else the scorer's reply."""
        noted = [self.failures.get(scorer_key(call)) for call in batch]
        asked = [call for call, failure in zip(batch, noted, strict=True) if failure is None]
        replies = iter(await self.scorer.judge(asked) if asked else ())
        return [failure or next(replies) for failure in noted]

    async def close(self) -> None:
        """Free the scorer behind it."""
        await self.scorer.close()


def noted_failures(journal: Journal, *, final: bool) -> dict[str, Failure]:
    """What failed last at each key: only what is never asked again, or all."""
    noted = {key: read_failure(payload) for key, payload in journal.latest("failure").items()}
    return {key: failure for key, failure in noted.items() if failure.kind.final or not final}


def failure_payload(problem_id: str, failure: Failure) -> Json:
    """A failure as the journal keeps it: what raised it may have told a secret.

    Its traceback and its cost stand there only where it has some.
    """
    told = hide(failure.message)
    payload = {"problem": problem_id, "failure": failure.kind.value, "message": told}
    traceback = {"traceback": hide(failure.traceback)} if failure.traceback else {}
    cost = {"spent": encode_spent(failure.spent)} if failure.spent != Spent() else {}
    return {**payload, **traceback, **cost}


def read_failure(payload: Json) -> Failure:
    """The inverse of `failure_payload`."""
    kind, spent = FailureKind(payload["failure"]), payload.get("spent")
    cost = Spent() if spent is None else decode_spent(spent)
    return Failure(kind, payload["message"], payload.get("traceback", ""), cost)
