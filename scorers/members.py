"""Scorers within a scorer: how a config says them, what they are like together, how they start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from math import log
from typing import Any

from engines.engine import Describing, Facts, Stepping
from engines.stats import EngineStats, together
from engines.traits import Examined, Judges, Traits, traits_of
from scorers.log_odds import CERTAIN, probability
from scorers.registry import SCORERS
from search.checks import check_number, fault
from search.core import is_probability
from search.findings import Finding
from search.gather import gather
from search.ports import Scorer

WITHIN = {"ensemble", "cascade", "none"}
"""Kinds that are no member of another."""


@dataclass(frozen=True)
class Member:
    """A scorer within another: its `kind`, and the keys of that kind beside it."""

    kind: str
    """One of the kinds of `scorer`, but for `ensemble`, `cascade` and `none`."""

    def __reduce__(self) -> tuple[Callable[[str, dict[str, Any]], Member], tuple[Any, ...]]:
        """Its class is made here: whoever reads it makes it there."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "kind"}
        return remade, (self.kind, values)


@cache
def member_class(kind: str) -> type[Member]:
    """The class of members of a kind: its config, which says its kind as well."""
    module, _, name = SCORERS[kind].partition(":")
    settings = getattr(import_module(module), name)
    body = {"__doc__": settings.__doc__, "__module__": settings.__module__}
    made: type[Member] = dataclass(frozen=True)(
        type(f"{settings.__name__}Member", (settings, Member), body)
    )
    return made


def remade(kind: str, values: dict[str, Any]) -> Member:
    """A member from its kind and the keys of that kind."""
    return member_class(kind)(kind=kind, **values)


@dataclass(frozen=True)
class Calibration:
    """How a probability of a member is corrected: its log-odds times `scale`, plus `shift`."""

    scale: float = 1.0
    """Above 1 makes the member surer, from 0 to 1 less sure."""
    shift: float = 0.0
    """What is added, in nats: above 0 says *correct* more often."""

    def __post_init__(self) -> None:
        check_number("scale", self.scale)
        check_number("shift", self.shift, -CERTAIN, CERTAIN)

    def __call__(self, value: float) -> float:
        """The corrected probability; one that is 0 or 1 stays."""
        if not 0.0 < value < 1.0 or self == Calibration():
            return value
        odds = self.scale * log(value / (1.0 - value)) + self.shift
        return probability(max(-CERTAIN, min(CERTAIN, odds)))


def check_members(members: Mapping[str, Member]) -> None:
    """By the key of each: a scorer that judges by itself; one engine at most is in this process."""
    engines = []
    for key, member in members.items():
        if member.kind in WITHIN:
            raise fault(f"{key}.kind", member.kind, "a scorer that judges by itself")
        traits = traits_of(member)
        if traits.cache != "off":
            raise fault(f"{key}.cache", traits.cache, "off", "scorer.cache keeps what all say")
        if traits.chains is not None:
            raise fault(f"{key}.chains", traits.chains.most, "a number within another scorer")
        if traits.engine is not None and traits.engine.own_process:
            engines.append(key)
    if len(engines) > 1:
        raise ValueError(
            f"{engines[1]}: {' and '.join(engines)} have an engine each, and one process runs one: "
            "serve all but one elsewhere (kind http, or an engine that is remote)"
        )


def traits_together(members: Sequence[Member], names: Sequence[str]) -> Traits:
    """What a scorer is like that asks all of them; `names`: the keys that they stand under."""
    told = [traits_of(member) for member in members]
    at = next((i for i, each in enumerate(told) if each.engine and each.engine.own_process), None)
    at = next((i for i, each in enumerate(told) if each.engine), 0) if at is None else at
    tokens = [each.most_tokens for each in told]
    kinds = {each.judges for each in told}
    return Traits(
        model=told[at].model,
        model_key=f"{names[at]}.model",
        engine=told[at].engine,
        within=dict(zip(names, told, strict=True)),
        machine=told[at].machine,
        remote=all(each.remote for each in told) if told[at].engine is None else None,
        most_tokens=None if None in tokens else sum(each or 0 for each in tokens),
        secrets={
            f"{name}.{key}": variable
            for name, each in zip(names, told, strict=True)
            for key, variable in each.key_variables.items()
        },
        asks=told[at].asks,
        by_sureness=any(each.by_sureness for each in told),
        judges=Judges.OUTCOME if Judges.OUTCOME in kinds else Judges.STEPS,
        judges_key=next(
            f"{name}.{each.judges_key}"
            for name, each in zip(names, told, strict=True)
            if each.judges is Judges.OUTCOME or Judges.OUTCOME not in kinds
        ),
        repeatable=all(each.repeatable for each in told),
        option_base=next((b for each in told if (b := each.option_base) is not None), None),
    )


def examine_members(
    members: Sequence[Member], questions: Sequence[str], *, feedback: bool
) -> Iterator[Finding]:
    """What `doctor` finds of each that can be examined."""
    for member in members:
        if isinstance(member, Examined):
            yield from member.examine(questions, feedback=feedback)


class Members:
    """Several scorers that were started, as one part of a process."""

    def __init__(self, ports: Sequence[Scorer]) -> None:
        self.ports = tuple(ports)

    def engine_steps(self) -> int:
        """See `engines.engine.Stepping`: of all that can tell."""
        return sum(port.engine_steps() for port in self.ports if isinstance(port, Stepping))

    def engine_stats(self) -> EngineStats | None:
        """See `engines.stats.Metered`: of all that can tell, as one."""
        return together(self.ports)

    def describe(self) -> Facts:
        """See `engines.engine.Describing`: of the first that can tell."""
        told = (port.describe() for port in self.ports if isinstance(port, Describing))
        return next((facts for facts in told if facts), {})

    async def close(self) -> None:
        """Free all. Idempotent."""
        await gather(port.close() for port in self.ports)


async def start(members: Sequence[Member]) -> list[Scorer]:
    """Build each; where one cannot be, the others are closed. Raises what that one raised."""
    ports: list[Scorer] = []
    try:
        for member in members:
            module = import_module(SCORERS[member.kind].partition(":")[0])
            ports.append(await module.build(member))
    except BaseException:
        await gather(port.close() for port in ports)
        raise
    return ports


def check_quantiles(field: str, values: Sequence[float]) -> None:
    """Ascending probabilities, one or more."""
    ascending = list(values) == sorted(values)
    if not (values and ascending and all(map(is_probability, values))):
        raise fault(field, list(values), "probabilities in ascending order, one or more")
