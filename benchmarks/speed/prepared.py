"""Ports that cost next to nothing: each reply was made before, and is looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.core import Prefix, Problem
from search.driver import drive
from search.memory import DictMemory
from search.ports import (
    Failure,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from search.questions import Strategy

FIRST_ID = 1000
"""Added to each token of the doubles, which are bytes: real vocabularies have ids of their size,
and Python keeps the smallest ones once and for all."""


@dataclass(frozen=True)
class Prepared:
    """The replies to all that some searches ask: children by their place, judgements by text."""

    children: Mapping[tuple[str, str], PolicyReply]
    judgements: Mapping[tuple[str, str], ScorerReply]

    @classmethod
    async def of(
        cls, strategy: Strategy, problems: Iterable[Problem], step_tokens: int
    ) -> Prepared:
        """Those of the scripted doubles, whose steps have so many tokens in the mean."""
        config = ScriptedPolicyConfig(steps=8, spread=2, step_tokens=step_tokens, length_cv=0.6)
        noting = Noting(ScriptedPolicy(config), ScriptedScorer(ScriptedScorerConfig()))
        for problem in problems:
            await drive(strategy(problem), noting, noting, DictMemory(), 0)
        return cls(noting.children, noting.judgements)

    @property
    def replies(self) -> int:
        """How many there are."""
        return len(self.children) + len(self.judgements)


class Noting(Policy, Scorer):
    """Notes what two ports say."""

    def __init__(self, policy: Policy, scorer: Scorer) -> None:
        self.policy, self.scorer = policy, scorer
        self.children: dict[tuple[str, str], PolicyReply] = {}
        self.judgements: dict[tuple[str, str], ScorerReply] = {}

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """What the policy says, with ids as real vocabularies have them."""
        replies = [
            replace(reply, path=enlarged(call.path, reply.path))
            for call, reply in zip(batch, await self.policy.extend(batch), strict=True)
            if isinstance(reply, PolicyReply)
        ]
        self.children |= {place(reply.path): reply for reply in replies}
        return [*replies]

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """What the scorer says."""
        replies = await self.scorer.judge(batch)
        for call, reply in zip(batch, replies, strict=True):
            if isinstance(reply, ScorerReply):
                self.judgements[text(call.path)] = reply
        return replies


class PreparedPolicy(Policy):
    """Draws what was prepared."""

    def __init__(self, prepared: Prepared) -> None:
        self.children = prepared.children

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """`replies[i]` answers `batch[i]`; the steps are new ones, as if a model had made them."""
        return [self.reply(call) for call in batch]

    def reply(self, call: PolicyCall) -> PolicyReply:
        """The child, which shares the steps of the call's path and no others."""
        path = call.path
        known = self.children[path.problem.id, "/".join(map(str, (*path.place, call.child)))]
        new = [replace(step) for step in known.path.steps[len(path.steps) :]]
        return PolicyReply(path.grow(call.child, new), known.spent)


class PreparedScorer(Scorer):
    """Judges as was prepared."""

    def __init__(self, prepared: Prepared) -> None:
        self.judgements = prepared.judgements

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`."""
        return [self.judgements[text(call.path)] for call in batch]


def place(path: Prefix) -> tuple[str, str]:
    """Where a path is, of all problems."""
    return path.problem.id, path.id


def text(path: Prefix) -> tuple[str, str]:
    """What a path says, of all problems: paths that say the same share a judgement."""
    return path.problem.id, path.text


def enlarged(known: Prefix, path: Prefix) -> Prefix:
    """The path with larger ids in the steps that it adds."""
    new = (
        replace(step, token_ids=tuple(FIRST_ID + token for token in step.token_ids))
        for step in path.steps[len(known.steps) :]
    )
    return replace(path, steps=(*known.steps, *new))
