"""The parts of a recorded config that are code of the run's own, and may not be imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search.custom import SPELLING, TRUST, is_import_path, may_import
from treewright.config.kinds import is_own_code
from treewright.config.stand_in import StandIn, recorded_facts
from treewright.config.yamlfile import Node
from treewright.errors import ConfigError

OVER = ("steps.", "history.")


@dataclass
class Unknown:
    """What a run's manifest keeps of its own parts; `left_out`: names that are not reported."""

    manifest: Mapping[str, Any]
    left_out: list[str] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    barred_parts: set[str] = field(default_factory=set)
    """All import paths that were met and may not be imported."""

    def is_so(self, section: str, kind: str, said: Mapping[str, Node]) -> bool:
        """Whether a section's part, or the aggregation that steers it, may not be imported."""
        steered = said.get("aggregate") if section == "strategy" else None
        by = steered.value if steered is not None and isinstance(steered.value, str) else ""
        own = is_own_code(section, kind) and not may_import(kind)
        self.barred_parts.update([kind] if own else [])
        return self.barred(by) or own

    def barred(self, name: str) -> bool:
        """Whether a name means an aggregation or a selection that may not be imported."""
        bare = next((name[len(over) :] for over in OVER if name.startswith(over)), name)
        barred = is_import_path(bare) and not may_import(bare)
        self.barred_parts.update([bare] if barred else [])
        return barred

    def note(self, section: str, kind: str, where: str) -> None:
        """Hear of a section that is not imported.

        Raises `ConfigError` where the run does not say what a reader needs to know of it.
        """
        self.kinds[section] = kind
        if is_import_path(kind) and not SPELLING.fullmatch(kind):
            hint = "write my_module:Name"
            raise ConfigError(where, f"{section}.kind", kind, "is no import path", hint)
        if recorded_facts(section, self.manifest) is None:
            problem = "is code of the run's own, and an older Treewright did not record what it did"
            raise ConfigError(where, f"{section}.kind", kind, problem, TRUST)

    def stand_in(self, section: str, settings: Mapping[str, Any]) -> StandIn:
        """What stands for the part of a section."""
        facts = recorded_facts(section, self.manifest)
        assert facts is not None
        return StandIn(self.kinds[section], dict(settings), facts)

    def without_barred(self, key: str, tree: dict[str, Node]) -> None:
        """Leave out of `aggregate` or `select` what may not be imported; all gone: unsaid."""
        node = tree.get(key)
        if node is None or not isinstance(node.value, list):
            return
        kept = [each for each in node.value if not self.barred(_text(each))]
        if len(kept) == len(node.value):
            return
        self.left_out += [_text(each) for each in node.value if self.barred(_text(each))]
        if kept:
            tree[key] = Node(kept, node.where)
        else:
            del tree[key]


def as_written(said: Mapping[str, Node]) -> dict[str, Any]:
    """The keys of a section beside its kind, as texts, lists and mappings."""
    return {key: _plain(node) for key, node in said.items() if key not in ("kind", "preset")}


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(child) for child in node.value]
    return node.value


def _text(node: Node) -> str:
    return node.value if isinstance(node.value, str) else ""
