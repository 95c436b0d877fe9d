"""What stands for a part of a run whose code is not imported: what the run recorded of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

from engines.traits import Judges, Traits, traits_of
from search.contest import AdaptiveChains
from search.questions import Declared

STRATEGY = {
    "candidates": (int,),
    "draws": (int,),
    "judges": (bool,),
    "judges_prefixes": (bool,),
    "draws_alike": (bool,),
    "steered_by": (str, NoneType),
}
CHAINS = ("least", "most", "until")
"""What the manifest says of adaptive chains, each as `chains_least` and so on."""
SCORER = {
    "outcome_only": (bool,),
    "goes_on": (bool,),
    "chains_least": (int,),
    "chains_most": (int,),
    "chains_until": (float, int),
}
OPTIONAL = {"goes_on", *(f"chains_{name}" for name in CHAINS)}
"""What is said only where it is true."""
FACTS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "policy": {},
    "scorer": SCORER,
    "strategy": STRATEGY,
}
"""What each section's part says of itself that a reader needs; kept in the manifest."""
MOST = 10**6


@dataclass(frozen=True)
class StandIn:
    """`kind` and `settings` as the config says them; `facts` as the run recorded them.

    Both can be asked for as attributes, as of the part itself.
    """

    kind: str
    settings: Mapping[str, Any] = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)

    @property
    def traits(self) -> Traits:
        """What a reader needs to know of a scorer."""
        outcome = self.facts.get("outcome_only", False)
        judges = Judges.OUTCOME if outcome else Judges.UNKNOWN
        goes_on = self.facts.get("goes_on", False)
        return Traits(judges=judges, goes_on=goes_on, chains=chains_told(self.facts))

    def __getattr__(self, name: str) -> Any:
        for known in (vars(self).get("facts", {}), vars(self).get("settings", {})):
            if name in known:
                return known[name]
        raise AttributeError(name)


def facts_of(section: str, part: Any) -> dict[str, Any]:
    """What the manifest keeps of a part."""
    if section == "scorer":
        said = traits_of(part)
        told = {"outcome_only": said.judges is Judges.OUTCOME}
        told |= {"goes_on": True} if said.goes_on else {}
        if said.chains is not None:
            told |= {f"chains_{name}": getattr(said.chains, name) for name in CHAINS}
        return told
    if section == "policy":
        return {}
    told = {name: getattr(part, name) for name in ("candidates", "draws", "judges")}
    declared = Declared.of(part)
    told |= {"judges_prefixes": declared.judges_prefixes, "draws_alike": declared.draws_alike}
    return {**told, "steered_by": declared.steered_by}


def recorded_facts(section: str, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a manifest keeps of a part; None where it is not there, or cannot be that."""
    parts = manifest.get("parts")
    told = parts.get(section) if isinstance(parts, dict) else None
    wanted = FACTS[section]
    if not isinstance(told, dict) or told.keys() - OPTIONAL != wanted.keys() - OPTIONAL:
        return None
    for name, value in told.items():
        if type(value) not in wanted.get(name, ()):
            return None
        if type(value) is int and name != "chains_until" and not 1 <= value <= MOST:
            return None
    try:
        chains_told(told)
    except ValueError:
        return None
    return told


def chains_told(facts: Mapping[str, Any]) -> AdaptiveChains | None:
    """The adaptive chains of a scorer, None where it has none. Raises ValueError for no such."""
    told = {name: facts[f"chains_{name}"] for name in CHAINS if f"chains_{name}" in facts}
    return AdaptiveChains(**told) if told else None
