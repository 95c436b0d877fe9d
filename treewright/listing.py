"""The verb `ls`: the runs there are, and everything that a config can name."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeAlias

from treewright.config.kinds import SECTIONS, settings_class
from treewright.config.location import configs
from treewright.config.schema import required
from treewright.config.sentences import summary
from treewright.config.yamldump import to_plain
from treewright.running.run_folder import VERIFICATION, VERIFICATIONS, RunFolder
from treewright.terminal import line

Row: TypeAlias = dict[str, str]


def show(what: str, *, as_json: bool = False) -> None:
    """Print the rows of a list, aligned, or as one JSON object with `rows`."""
    rows = LISTS[what]()
    if as_json:
        print(json.dumps({"rows": rows}))
        return
    if not rows:
        print(f"no {what} yet", file=sys.stderr)
    shown = [{key: line(text) for key, text in row.items()} for row in rows]
    widths = {key: max(len(row[key]) for row in shown) for key in (rows[0] if rows else ())}
    for row in shown:
        cells = [text.ljust(widths[key]) for key, text in row.items()]
        print("  ".join(cells).rstrip())


def runs() -> list[Row]:
    """The runs below the output folder (TREEWRIGHT_RUNS, or `runs`), the newest last."""
    folder = Path(os.environ.get("TREEWRIGHT_RUNS", "runs"))
    found = sorted(folder.glob("*/*/manifest.json"), key=lambda path: path.parent.name)
    runs = [RunFolder(path.parent) for path in found]
    return [{"run": str(run.path), "status": run.status() or "unknown"} for run in runs]


def verifications() -> list[Row]:
    """Those of `treewright verify` below the output folder, the newest last."""
    folder = Path(os.environ.get("TREEWRIGHT_RUNS", "runs"), VERIFICATIONS)
    found = sorted(folder.glob(f"*/*/{VERIFICATION}"), key=lambda path: path.parent.name)
    made = [RunFolder(path.parent) for path in found]
    return [{"verification": str(each.path), "status": each.status() or "unknown"} for each in made]


def shipped_configs() -> list[Row]:
    """The configs that can be run by name."""
    return [{"name": name, "about": _first_comment(path)} for name, path in configs().items()]


def kinds(section: str) -> list[Row]:
    """The kinds of a section, each with its keys; those with a `*` must be given."""
    rows = []
    for kind in SECTIONS[section]:
        settings = settings_class(section, kind)
        needed = required(settings)
        keys = [f.name + ("*" if f.name in needed else "") for f in fields(settings)]
        rows.append({"kind": kind, "about": summary(settings.__doc__), "keys": " ".join(keys)})
    return rows


def presets() -> list[Row]:
    """Published systems as strategies: their rules, and the defaults of what is free."""
    from search.strategies.presets import PRESETS

    return [
        {
            "name": name,
            "kind": preset.kind,
            "source": preset.source,
            "rules": _settings(preset.rules),
            "sizes": _settings(preset.sizes),
        }
        for name, preset in PRESETS.items()
    ]


def aggregations() -> list[Row]:
    """From step probabilities to a number; `history.NAME` takes the prefix probabilities."""
    from search.aggregation import AGGREGATIONS

    return _functions({name: known.reduce for name, known in AGGREGATIONS.items()})


def selections() -> list[Row]:
    """From scored candidates to an answer."""
    from search.selection import SELECTIONS

    return _functions({name: known.choose for name, known in SELECTIONS.items()})


def datasets() -> list[Row]:
    """The datasets that can be named; any JSON, parquet or CSV file can be given by `path`."""
    from benchmarks.datasets import DATASETS

    return [
        {
            "name": name,
            "about": dataset.about,
            "rows": " ".join(f"{split}={n or 'unknown'}" for split, n in dataset.rows.items()),
            "licence": dataset.licence,
            "source": str(dataset.repository or "comes with Treewright"),
        }
        for name, dataset in DATASETS.items()
    ]


LISTS: Mapping[str, Callable[[], list[Row]]] = {
    "runs": runs,
    "verifications": verifications,
    "policies": lambda: kinds("policy"),
    "scorers": lambda: kinds("scorer"),
    "strategies": lambda: kinds("strategy"),
    "presets": presets,
    "aggregations": aggregations,
    "selections": selections,
    "datasets": datasets,
    "configs": shipped_configs,
}


def _functions(named: Mapping[str, Any]) -> list[Row]:
    return [{"name": name, "about": summary(function.__doc__)} for name, function in named.items()]


def _settings(values: Mapping[str, Any]) -> str:
    """`finish=compete dedup=false`."""
    plain = to_plain(dict(values))
    said = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in plain.items()
    }
    return " ".join(f"{key}={value}" for key, value in said.items())


def _first_comment(path: Path) -> str:
    """The first sentence of the comment that a config begins with."""
    with path.open(encoding="utf-8", errors="replace") as file:
        comment = [text.strip("# \n") for text in takewhile(lambda text: text[:1] == "#", file)]
    return " ".join(takewhile(bool, comment)).partition(". ")[0].rstrip(".")
