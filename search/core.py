"""The nouns of a search: problems, steps, paths, judgements, what was spent, results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from operator import attrgetter
from typing import TypeAlias

from search.limit import LimitReached
from search.token_ids import Packed


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation. `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What a search may see of a problem.

    `history`: what was said before the question, oldest first; the policy's prompt has it, the
    verifier sees the question alone. The reference answer is kept elsewhere: a search cannot peek.
    """

    id: str
    question: str
    history: tuple[Turn, ...] = ()


class StopReason(StrEnum):
    """Why the text of a step ended."""

    STEP_END = "step_end"
    """At a step boundary: the solution goes on."""
    EOS = "eos"
    """The model ended its turn: the solution is finished."""
    LENGTH = "length"
    """The token limit cut it. Not a finished solution."""
    LOOP = "loop"
    """The model repeated itself and was stopped. Not a finished solution."""
    ABORT = "abort"
    """The request was cancelled. Not a finished solution."""
    INVALID = "invalid"
    """The policy rejects what it drew: no valid solution can begin so. It is never judged."""


@dataclass(frozen=True, slots=True)
class Sureness:
    """How sure a policy was of consecutive tokens: sums over them, in nats.

    `logprob`: of the log-probabilities of the tokens themselves, 0 at most. `confidence`: at each
    position minus the mean log-probability of the k likeliest tokens (DeepConf, arXiv 2508.15260),
    log k at least. `certainty`: how far these k are from being equally likely, KL(uniform, them),
    their probabilities divided by their sum; with all tokens of the vocabulary among them it is
    self-certainty (arXiv 2502.18581).
    """

    tokens: int
    logprob: float
    confidence: float
    certainty: float

    def __add__(self, other: Sureness) -> Sureness:
        return Sureness(
            self.tokens + other.tokens,
            self.logprob + other.logprob,
            self.confidence + other.confidence,
            self.certainty + other.certainty,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One reasoning step. `token_ids` are the truth; `text` is their decoding.

    Not in the text are an end of turn, and a thought that the policy keeps from verifiers.

    `logprob` is the sum of the sampled tokens' log-probabilities, None where it was not measured.
    `sureness`: of its tokens in order, a few at a time; nothing where that was not measured.
    """

    text: str
    token_ids: tuple[int, ...]
    stop: StopReason
    logprob: float | None = None
    sureness: tuple[Sureness, ...] = ()


STEP_IDS = Packed(vars(Step)["token_ids"])
"""How a step keeps its token ids."""
setattr(Step, "token_ids", STEP_IDS)  # noqa: B010 - types see a tuple


Place: TypeAlias = tuple[int, ...]
"""A position in the tree: the number of a child of the root, of one of its children, and so on."""


def place_id(place: Place) -> str:
    """The place as text, `0/3/1`; the root is the empty string."""
    return "/".join(map(str, place))


@dataclass(frozen=True, slots=True)
class Prefix:
    """An immutable prefix of a solution; `place` is its position in the tree, root `()`.

    `id` is the place as text: made once, since all that is known of a path is kept under it.
    """

    problem: Problem
    steps: tuple[Step, ...] = ()
    place: Place = ()
    id: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", place_id(self.place))

    @classmethod
    def start(cls, problem: Problem) -> Prefix:
        """The empty prefix of `problem`."""
        return cls(problem)

    @property
    def line(self) -> list[Place]:
        """The places of this path and of all above it, deepest first, without the root."""
        return [self.place[:length] for length in range(len(self.place), 0, -1)]

    @property
    def finished(self) -> bool:
        """Whether the model ended its turn.

        A step cut by length, a loop or an abort is not a finish.
        """
        return bool(self.steps) and self.steps[-1].stop is StopReason.EOS

    @property
    def stopped(self) -> bool:
        """Whether the path cannot be extended: finished, cut, looping, aborted or invalid."""
        return bool(self.steps) and self.steps[-1].stop is not StopReason.STEP_END

    @property
    def invalid(self) -> bool:
        """Whether the policy rejects it."""
        return bool(self.steps) and self.steps[-1].stop is StopReason.INVALID

    @property
    def token_ids(self) -> tuple[int, ...]:
        """All generated tokens in order, without the prompt."""
        return tuple(chain.from_iterable(step.token_ids for step in self.steps))

    @property
    def text(self) -> str:
        """The whole solution so far."""
        return "".join(step.text for step in self.steps)

    def grow(self, child: int, steps: Sequence[Step]) -> Prefix:
        """The path's `child`-th child, longer by `steps`."""
        return Prefix(self.problem, (*self.steps, *steps), (*self.place, child))


@dataclass(frozen=True, slots=True)
class Missing:
    """A probability or score that could not be had. It is never a number.

    `transient` says that infrastructure failed, not the model: such a reply is not journaled and is
    asked again on resume.
    """

    reason: str
    transient: bool = False


Score: TypeAlias = float | Missing
"""A number (its range is the aggregation's) or the reason why there is none."""


def is_probability(value: object) -> bool:
    """Whether `value` is a number in [0, 1]; neither NaN nor a bool is."""
    if type(value) is float:
        return 0.0 <= value <= 1.0
    real = isinstance(value, float | int) and not isinstance(value, bool)
    return real and 0.0 <= value <= 1.0  # type: ignore[operator]  # it is a number


def check_probability(value: object) -> None:
    """Raise ValueError unless `value` is a probability."""
    if not is_probability(value):
        raise ValueError(f"{value!r} is not a probability: expected a number from 0 to 1")


class VerdictStatus(StrEnum):
    """How the verdict of one step was obtained."""

    READ = "read"
    """Read from the boxed token."""
    AFTER_ERROR = "after_error"
    """The verifier stopped at an earlier incorrect step; the probability is that step's. Of several
    chains: none read this one, and some stopped so."""
    MISSING = "missing"
    """The chain ended in order without a verdict for this step, or without one that has a
    probability."""
    TRUNCATED = "truncated"
    """The chain was cut before it reached this step."""


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """What the verifier says of one step.

    `probability` is that of *correct*, in [0, 1]; None exactly when the status is MISSING or
    TRUNCATED.
    """

    probability: float | None
    status: VerdictStatus
    critique: str = ""

    def __post_init__(self) -> None:
        read = self.status is VerdictStatus.READ or self.status is VerdictStatus.AFTER_ERROR
        if read != (self.probability is not None):
            raise ValueError(
                f"a verdict with status {self.status} cannot have probability {self.probability}"
            )
        if self.probability is not None:
            check_probability(self.probability)


class Origin(StrEnum):
    """How a judgement came about."""

    WHOLE = "whole"
    """Every step was judged for it."""
    INCREMENTAL = "incremental"
    """A chain of it begins with one of an earlier judgement: only the rest was judged for it."""
    INHERITED = "inherited"
    """Nothing was asked: a prefix of the path was called incorrect before."""


@dataclass(frozen=True, slots=True)
class ChainStart:
    """The start of a verification chain, from which that of a longer prefix may go on.

    It ends with a verdict; all its verdicts are *correct*. `odds`: log-odds of *correct* by
    position in `token_ids`, where a verdict is decided. Empty where a chain has no such start.

    `shown`: how many first steps the prompt before it shows, where the longer prefix's may be the
    same; 0 where it is another. `given`: where, from and to, further steps stand in it that were
    put there; what they say is the policy's.
    """

    token_ids: tuple[int, ...] = ()
    odds: tuple[tuple[int, float], ...] = ()
    shown: int = 0
    given: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ChainVote:
    """What one verification chain says, as log-odds: of each step *correct*, of the whole *Yes*.

    None where it says nothing of a step.
    """

    steps: tuple[float | None, ...]
    prefix: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """`verdicts[i]` judges `path.steps[i]`.

    `prefix` is the probability in [0, 1] that the whole prefix is correct.

    A judgement that failed as a whole has no verdicts and a `Missing` prefix; one of an outcome
    reward model has no verdicts either, and a number.
    """

    verdicts: tuple[StepVerdict, ...]
    prefix: Score
    chains: int = 0
    """How many verification chains were read into this judgement."""
    origin: Origin = Origin.WHOLE
    starts: tuple[ChainStart, ...] = ()
    """That of chain k, in their order; none where no verification goes on from another."""
    votes: tuple[ChainVote, ...] = ()
    """What each chain said that was read, in their order; none where no chain may be added."""

    def __post_init__(self) -> None:
        if not isinstance(self.prefix, Missing):
            check_probability(self.prefix)

    @classmethod
    def missing(cls, reason: str, *, transient: bool = False) -> Judgement:
        """A judgement that could not be had."""
        return cls((), Missing(reason, transient))


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the policy may be shown when it draws: an earlier attempt, and how it was judged."""

    attempt: Prefix
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Spent:
    """Exact counts of what a reply cost.

    `cached` is the part of `prompt` that the prefix cache held.

    `failed` is the part of `generated` that came to nothing (an unreadable chain, an aborted
    request).

    `untold` counts those of `calls` of which nobody tells how much of their prompt was cached: they
    add nothing to `cached`, and what was computed is at most what is counted.

    A reply that a cache over runs had is counted in none of these. `recalled` counts such replies,
    `spared` the calls that each of them took when it was made, `saved` the tokens computed then.
    """

    calls: int = 0
    prompt: int = 0
    cached: int = 0
    generated: int = 0
    failed: int = 0
    recalled: int = 0
    spared: int = 0
    saved: int = 0
    untold: int = 0

    @property
    def computed(self) -> int:
        """Tokens that went through the model: prompt tokens not cached, and generated ones."""
        return self.prompt - self.cached + self.generated

    @property
    def cost(self) -> int:
        """The same where no cache had any reply: what a search costs, whoever paid for it."""
        return self.computed + self.saved

    def as_recalled(self) -> Spent:
        """What a reply that cost so much costs where a cache has it."""
        return Spent(recalled=1, spared=self.calls + self.spared, saved=self.cost)

    def as_failed(self) -> Spent:
        """The same where all that was generated came to nothing."""
        return replace(self, failed=self.generated)

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.calls + other.calls,
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.generated + other.generated,
            self.failed + other.failed,
            self.recalled + other.recalled,
            self.spared + other.spared,
            self.saved + other.saved,
            self.untold + other.untold,
        )


FIGURES = attrgetter(*Spent.__slots__)


def total(spent: Iterable[Spent]) -> Spent:
    """The sum, zero for nothing."""
    return Spent(*map(sum, zip(*map(FIGURES, spent), strict=True)))


@dataclass(frozen=True, slots=True)
class Spending:
    """What a question spent at each of the two ports."""

    policy: Spent = field(default_factory=Spent)
    verifier: Spent = field(default_factory=Spent)

    def __add__(self, other: Spending) -> Spending:
        return Spending(self.policy + other.policy, self.verifier + other.verifier)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A path as a strategy holds it, with its last judgement (None: never judged).

    `history` holds the whole-prefix probabilities judged along the path, oldest first.
    """

    path: Prefix
    judgement: Judgement | None = None
    history: tuple[Score, ...] = ()

    def child(self, path: Prefix, judgement: Judgement) -> Candidate:
        """A continuation of this candidate, judged."""
        return Candidate(path, judgement, (*self.history, judgement.prefix))


@dataclass(frozen=True, slots=True)
class Pruned:
    """A path that the search gave up, by id, and why: a few words for a person."""

    path_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a search returns.

    Its candidates stand in the order in which ties are broken (earliest wins). `exhausted` says
    which limit of the budget ended the search before it ended by itself.
    """

    candidates: tuple[Candidate, ...] = ()
    pruned: tuple[Pruned, ...] = ()
    exhausted: LimitReached | None = None
