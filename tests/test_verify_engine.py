"""The embedded verifier on labelled solutions, with its real engine in a real actor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOLUTIONS = 12
LIMIT_S = 240.0


@pytest.mark.engine
def test_the_embedded_verifier_finds_first_errors_and_its_tokens_are_counted(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "treewright.cli", "verify", "quickstart", "--json"]
    done = subprocess.run(
        [*command, "--limit", str(SOLUTIONS)],
        cwd=tmp_path,
        env={**os.environ, "TREEWRIGHT_RUNS": str(tmp_path / "runs")},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "starting replicas: 1 scorer (ray)" in done.stderr  # no policy
    (scorer,) = json.loads(done.stdout)["scorers"]
    figures: dict[str, Any] = scorer["figures"]
    assert (scorer["solutions"], scorer["unread"], scorer["failures"]) == (SOLUTIONS, 0, [])
    assert figures["f1"]["value"] > 0.6
    tokens = scorer["tokens_per_judgement"]
    assert min(tokens["prompt"], tokens["generated"]) > 100
    page = next((tmp_path / "runs").glob("verify/quickstart/*/report.html"))
    assert "Step 1:" in page.read_text() or figures["f1"]["value"] == 1.0  # a critique is shown
