"""Runs of doubles, and the pages that a report makes of them."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from treewright.cli import main
from treewright.report.page import render
from treewright.report.report import measured

CONFIG = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4, cut: 0.1, no_answer: 0.1}
scorer: {kind: scripted, skill: 0.9, missing: 0.1}
strategy: {kind: best_of_n, n: 4}
aggregate: [min, product, history.last]
select: [first, best, weighted, majority]
cluster: {backend: inline, problems_in_flight: 4}
grading: {kind: numeric}
"""

Finish = Callable[..., Path]


def finishing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Finish:
    """Runs a config of doubles over so many problems, changed as said; the folder of the run."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)

    def run(*changes: str, problems: int = 6, name: str = "doubles") -> Path:
        rows = ({"problem": f"What is {n} + {n * n}?", "answer": str(n + n * n)} for n in range(50))
        listed = [json.dumps(row) for row, _ in zip(rows, range(problems), strict=False)]
        Path("data.jsonl").write_text("\n".join(listed))
        Path("config.yaml").write_text(CONFIG)
        main(["run", "config.yaml", f"name={name}", *changes])
        return max(Path("runs", name).iterdir(), key=lambda path: path.stat().st_mtime)

    return run


def page(run: Path) -> str:
    """The page of a run."""
    return render(asyncio.run(measured([run])))


def reported(*arguments: object) -> str:
    """The page that the verb writes."""
    assert main(["report", *map(str, arguments)]) == 0
    return Path(str(arguments[-1])).read_text("utf-8")


def words(html: str) -> str:
    """What a person reads: no scripts, no styles, no tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)
    return " ".join(bare.split())


def block(html: str, id: str) -> Any:
    """The data in a script element of the page."""
    found = re.search(rf'<script type="application/json" id="{id}">(.*?)</script>', html)
    assert found
    return json.loads(found[1])
