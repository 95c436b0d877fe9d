"""Every example of docs/python.md, and the notebook, does what it says: on doubles, in seconds."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from treewright.cli import main
from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.lab import lab as labs

DOUBLES = ["policy={kind: scripted, accuracy: 0.95}", "scorer={kind: scripted}"]
DOUBLES += ["cluster={backend: inline}"]


@pytest.fixture(autouse=True)
def doubles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Labs of configs have doubles in place of their models, once what they say was checked."""

    def load(config: str | Path, overrides: Any = ()) -> Config:
        load_config(config, overrides)
        return load_config(config, DOUBLES)

    monkeypatch.setattr(labs, "load_config", load)
    monkeypatch.setenv("TREEWRIGHT_RUNS", str(tmp_path))


def test_every_example_of_the_page_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (root / "docs" / "python.md").read_text("utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert main(["run", "quickstart", *DOUBLES, "--limit", "2", "strategy.n=2"]) == 0
    capsys.readouterr()
    known: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, "docs/python.md", "exec"), known)
    assert len(examples) == 5
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("56 0.")  # a double's answer is the sum of the numbers: 14 + 2 + 17 …
    assert out[-2:] == ["22", "['56', '37']"]


def test_the_notebook_runs_from_above_while_a_loop_is_running(root: Path) -> None:
    notebook = json.loads((root / "docs" / "python.ipynb").read_text("utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell.get("outputs") for cell in notebook["cells"])

    async def kernel() -> dict[str, Any]:
        known: dict[str, Any] = {}
        for cell in cells:
            exec(compile(cell, "docs/python.ipynb", "exec"), known)
        return known

    found = asyncio.run(kernel())["found"]
    assert "candidate 1" in found._repr_html_()
