"""How wide each strategy is at each budget: a small YAML file, read here and written by a command.

A width is what a strategy's config says beside its kind, `paths=4 children=2`. It is the same for
all problems, so a long one costs more than a short one, under every strategy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from treewright.config.schema import check_keys, unfold
from treewright.config.yamldump import dump
from treewright.config.yamlfile import Node, read_yaml
from treewright.errors import ConfigError, suggest

SHIPPED = Path(__file__).with_name("strategies_widths.yaml")
BUDGETS = (3000, 6000, 12_000)
"""Tokens per problem that widths are chosen for."""
DRAWN = re.compile(r"n=([0-9]{1,9})")
NOTE = """# How wide each strategy is at each budget of `python -m treewright.studies.strategies`.
# `python -m treewright.studies.choose_widths` writes such a file.
"""


@dataclass(frozen=True)
class Widths:
    """By strategy and budget; `budgets` are tokens per problem of policy and verifier.

    `chosen`: how, in words. `runs`: of independent draws, the width of the one run whose first
    candidates stand for every width.
    """

    chosen: str
    widths: Mapping[str, Mapping[int, str]]
    runs: Mapping[str, str]

    @property
    def budgets(self) -> list[int]:
        """All that any strategy has a width for."""
        return sorted({budget for each in self.widths.values() for budget in each})

    def of(self, strategy: str, budget: int) -> str:
        """Raises `ConfigError` where none is known."""
        known = self.widths.get(strategy, {})
        if budget not in known:
            raise not_in_table("--budgets", budget, map(str, known))
        return known[budget]

    def run(self, strategy: str) -> str:
        """Of a strategy that draws. Raises `ConfigError` where none is known."""
        if strategy not in self.runs:
            hint = "choose_widths writes how many solutions its one run draws"
            raise ConfigError("command line", f"--widths runs.{strategy}", None, "missing", hint)
        return self.runs[strategy]

    def draws(self, strategy: str, width: str, run: str) -> int:
        """How many of its run's solutions such a width is. Raises `ConfigError` for more."""
        found = [DRAWN.fullmatch(said) for said in (width, run)]
        some, all_of_them = (int(each[1]) if each else 0 for each in found)
        if not 0 < some <= all_of_them:
            problem, hint = "is no number of its run's solutions", f"its run draws {run}"
            raise ConfigError("command line", f"--widths {strategy}", width, problem, hint)
        return some

    def yaml(self) -> str:
        """As a file."""
        return NOTE + dump(self.to_json())

    def to_json(self) -> dict[str, object]:
        """A plain object."""
        widths = {name: dict(each) for name, each in self.widths.items()}
        return {"chosen": self.chosen, "widths": widths, "runs": dict(self.runs)}

    @classmethod
    def read(cls, path: Path) -> Widths:
        """Raises `ConfigError` for a file that is none."""
        if not path.is_file():
            hint = "choose_widths writes one"
            raise ConfigError("command line", "--widths", str(path), "is no file", hint)
        tree = read_yaml(path, str(path))
        said = check_keys(unfold(tree, "{", ""), ("chosen", "widths", "runs"), "")
        if missing := [key for key in ("widths", "runs") if key not in said]:
            raise ConfigError(str(path), missing[0], None, "missing", "choose_widths writes it")
        widths = {name: _budgets(each, name) for name, each in _mapping(said["widths"]).items()}
        runs = {name: str(each.value) for name, each in _mapping(said["runs"]).items()}
        chosen = said["chosen"].value if "chosen" in said else "as the file does not say"
        return cls(str(chosen), widths, runs)


def not_in_table(option: str, value: object, known: Iterable[str]) -> ConfigError:
    """What was asked for has no width."""
    return ConfigError("command line", option, value, "has no widths", suggest(str(value), known))


def _mapping(node: Node) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        raise ConfigError(node.where, "widths", str(node.value), "must be a mapping")
    return node.value


def _budgets(node: Node, name: str) -> dict[int, str]:
    found = {}
    for budget, width in _mapping(node).items():
        if not (budget.isascii() and budget.isdigit() and int(budget)):
            hint = "tokens per problem, 4000 say"
            raise ConfigError(width.where, f"widths.{name}", budget, "is no budget", hint)
        found[int(budget)] = str(width.value)
    return found
