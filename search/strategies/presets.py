"""Presets: the rules of a published system, pinned by name.

A preset is a kind of strategy and what each of its rules is there. Bugs of a system are left out;
`docs/presets.md` lists them, and what could not be told exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from search.questions import Strategy
from search.strategies import strategy_class


@dataclass(frozen=True)
class Preset:
    """The rules of one system.

    `kind`: the strategy. `rules`: fields that a config may repeat but not contradict. `sizes`:
    fields with another default than the strategy's own, which a config may change. `source`: whose
    rules these are.
    """

    kind: str
    rules: Mapping[str, Any]
    sizes: Mapping[str, Any]
    source: str


SNELL: Mapping[str, Any] = {
    "first_level": "paths",
    "finish": "compete",
    "slots": "fixed",
    "refill": "none",
    "dedup": "none",
    "final": "best",
    "lookahead": 0,
    "score_every": 1,
    "last_level": "step",
}
OPENR: Mapping[str, Any] = {
    "first_level": "children",
    "finish": "bank",
    "slots": "shrink",
    "refill": "none",
    "dedup": "all",
    "final": "all",
    "lookahead": 0,
    "score_every": 1,
    "last_level": "step",
}
PRESETS: dict[str, Preset] = {
    "snell": Preset(
        kind="beam",
        rules=SNELL,
        sizes={"paths": 16, "children": 4, "depth": 40, "aggregate": "history.last"},
        source="Snell et al. 2024, 2408.03314, section 5.2",
    ),
    "search_and_learn": Preset(
        kind="beam",
        rules={
            "first_level": "paths",
            "finish": "bank",
            "slots": "fixed",
            "refill": "cyclic",
            "dedup": "open",
            "final": "first",
            "lookahead": 0,
            "score_every": 1,
            "last_level": "end",
        },
        sizes={"paths": 16, "children": 4, "depth": 40, "aggregate": "history.last"},
        source="huggingface/search-and-learn 6f81cac, beam_search.py and its recipes",
    ),
    "search_and_learn_dvts": Preset(
        kind="dvts",
        rules={"siblings": "finished", "lookahead": 0, "last_level": "end"},
        sizes={"paths": 16, "children": 4, "depth": 40, "aggregate": "history.last"},
        source="huggingface/search-and-learn 6f81cac, diverse_verifier_tree_search.py",
    ),
    "openr": Preset(
        kind="beam",
        rules=OPENR,
        sizes={"paths": 4, "children": 4, "depth": 50, "aggregate": "history.last"},
        source="openreasoner/openr 54ae004, reason/guided_search/tree.py",
    ),
    "compute_optimal_tts": Preset(
        kind="beam",
        rules={**OPENR, "first_level": "paths"},
        sizes={"paths": 4, "children": 4, "depth": 40, "aggregate": "history.last"},
        source="RyanLiu112/compute-optimal-tts 0ee2578, tree.py and base_env.py",
    ),
    "its_hub": Preset(
        kind="beam",
        rules={**SNELL, "first_level": "children"},
        sizes={"paths": 32, "children": 8, "depth": 32, "aggregate": "product"},
        source="Red-Hat-AI-Innovation-Team/its_hub e4d00d1, algorithms/beam_search.py",
    ),
    "thinkbooster": Preset(
        kind="beam",
        rules={**SNELL, "first_level": "children", "finish": "bank"},
        sizes={"paths": 15, "children": 3, "depth": 10, "aggregate": "history.mean"},
        source="IINemo/thinkbooster 51ca08e, strategy_beam_search.py",
    ),
    "rebase_paper": Preset(
        kind="rebase",
        rules={"allocation": "paper"},
        sizes={"temperature": 0.2, "depth": 25, "aggregate": "history.last"},
        source="Wu et al. 2024, 2408.00724",
    ),
    "rebase_code": Preset(
        kind="rebase",
        rules={"allocation": "code"},
        sizes={"temperature": 0.2, "depth": 25, "aggregate": "history.last"},
        source="thu-wyz/inference_scaling 0fe7da9, rebase.py",
    ),
}


def make(name: str, **given: Any) -> Strategy:
    """The strategy of a preset, with the fields in `given` where they are not rules.

    Raises ValueError for a name that is no preset, a field that its strategy does not have, one
    that contradicts a rule, or one that the strategy refuses.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: {name!r} is none; {_hint(name, PRESETS)}")
    preset = PRESETS[name]
    strategy: Any = strategy_class(preset.kind)
    known = [field.name for field in fields(strategy)]
    for field, value in given.items():
        if field not in known:
            raise ValueError(f"{field}: {preset.kind} has no such field; {_hint(field, known)}")
        rule = preset.rules.get(field, value)
        if value != rule:
            raise ValueError(
                f"{field}: {value!r} contradicts preset {name}, whose rule is {rule!r}; "
                f"nearest {rule!r}, or take kind {preset.kind} without a preset"
            )
    made: Strategy = strategy(**{**preset.sizes, **given, **preset.rules})
    return made


def _hint(name: str, choices: Iterable[str]) -> str:
    close = get_close_matches(name, choices, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}choose from {', '.join(choices)}"
