"""What a policy or a scorer says of itself, by its config, so that nobody need guess."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from engines.config import Ability, EngineConfig, Machine
from search.contest import AdaptiveChains, Contest
from search.custom import PartError, raised
from search.findings import Finding
from search.questions import Declared, Strategy

ENGINE_KEY = "engine.api_key_env"
"""Where an engine names the variable that holds its key."""


class Judges(StrEnum):
    """What a scorer's verdicts are on."""

    STEPS = "steps"
    OUTCOME = "outcome"
    """Finished solutions only, each as a whole."""
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a part is like. The defaults are those of a part that says nothing: unknown."""

    model: str | None = None
    """The checkpoint that it loads, a folder or a name on the hub; its files count by content."""
    model_key: str = "model"
    """The key that names it."""
    engine: EngineConfig | None = None
    """What runs that model, where an engine of ours does."""
    within: Mapping[str, Traits] = field(default_factory=dict)
    """By the key that says them: the parts that it is made of."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """By the key that names it: environment variables with secrets that it sends away, where that
    is no key of `engine`."""
    machine: Machine | None = None
    """What one replica takes; with an engine left out, for the engine says it."""
    remote: bool | None = None
    """Whether its model runs on another machine."""
    most_tokens: int | None = None
    """The most that one call may generate: a solution, or a judgement with all its retries."""
    asks: frozenset[Ability] = frozenset()
    """What its engine must be able to do."""
    text_limit: tuple[str, int] | None = None
    """The key that limits one text, `sampling.max_tokens`, and the tokens that it allows."""
    temperature: float | None = None
    """Of a policy's draws; at 0 all children of a path are equal."""
    whole: bool = False
    """Whether a policy's step is a whole solution."""
    sureness: bool | None = None
    """Whether a policy records how sure it was of each token; None where nobody knows."""
    by_sureness: bool = False
    """Whether a scorer judges by nothing else, and so not at all where it is not recorded."""
    judges: Judges = Judges.UNKNOWN
    judges_key: str = "kind"
    """The key that decides what it judges."""
    goes_on: bool = False
    """Whether a scorer is told of earlier judgements, and may go on from them."""
    idle: bool = False
    """Whether it never does anything, so that it is not worth a process."""
    cache: str = "off"
    """Where its replies are kept for other calls: `off`, for the `run`, `shared`, or a folder."""
    repeatable: bool = False
    """Whether its reply follows from its config, its code, its model and the call with its seed
    alone, up to the engine's batch effects: only then may a cache keep it."""
    sleeps: bool = False
    """Whether a replica can sleep (`engines.sleeping`), where that is not asked of `engine`."""
    slots: int | None = None
    """How many calls one replica computes side by side, where that is no key of `engine`; None
    where nobody knows."""
    option_base: int | None = None
    """The number of the first option that a scorer tells its model, where it tells one."""
    chains: AdaptiveChains | None = None
    """Of how many chains a scorer makes a judgement that adds one where it is asked for more
    (`ScorerCall.further`)."""

    @property
    def needs(self) -> Machine | None:
        """What one replica takes of its machine; None where nobody knows."""
        return self.engine.machine if self.engine else self.machine

    @property
    def key_variables(self) -> Mapping[str, str]:
        """By the key that names it: every environment variable with a secret that it sends away."""
        named = self.engine.key_variable if self.engine else None
        within = self.model_key.rpartition(".")[0]
        key = f"{within}.{ENGINE_KEY}" if within else ENGINE_KEY
        return self.secrets if named is None else {key: named, **self.secrets}

    def engines(self) -> Iterator[tuple[str, Traits]]:
        """Every part in it with an engine, and what stands before its keys: `members[1].`."""
        if not self.within and self.engine:
            yield "", self
        for key, part in self.within.items():
            yield from ((f"{key}.{inner}", each) for inner, each in part.engines())

    @property
    def can_sleep(self) -> bool:
        """Whether a replica can sleep; one with several engines cannot."""
        if self.within:
            return False
        return Ability.SLEEP in self.engine.abilities if self.engine else self.sleeps

    @property
    def max_model_len(self) -> int | None:
        """The longest prompt plus generation that its engine was told."""
        return self.engine.max_model_len if self.engine else None


DOUBLE = Traits(machine=Machine(), remote=False, most_tokens=0, repeatable=True)
"""A part without a model."""


class Part(Protocol):
    """The config of a policy or a scorer: a frozen dataclass in a module with a `build`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@runtime_checkable
class Telling(Protocol):
    """A part that says what it is like."""

    @property
    def traits(self) -> Traits:
        """What it is like, as it is configured."""
        ...


@runtime_checkable
class Examined(Protocol):
    """A part that `doctor` can examine."""

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """What is amiss with it here, found without starting it.

        `questions`: all that will be asked, none where they are not here. `feedback`: whether the
        search shows the policy what was said of an earlier attempt.
        """
        ...


def traits_of(part: object) -> Traits:
    """What a part says of itself. Raises `PartError` where that is not `Traits`."""
    try:
        told: object = part.traits if isinstance(part, Telling) else Traits()
        problem = f"is {told!r}, it must be Traits"
    except Exception as error:  # noqa: BLE001 - code of one's own may raise anything
        told, problem = None, f"raised {raised(error)}"
    if isinstance(told, Traits):
        return told
    raise PartError(f"{type(part).__name__}.traits {problem}", "docs/custom_parts.md explains it")


def contest_of(scorer: object, strategy: Strategy) -> Contest | None:
    """How chains are added to the judgements of a search; None where they are not."""
    chains, keeps = traits_of(scorer).chains, Declared.of(strategy).keeps
    return None if chains is None else Contest(chains, None if keeps is None else max(0, keeps))
