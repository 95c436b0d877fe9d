"""The set-up script refuses what it cannot use in one line, before it changes anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """A folder with all that the script reads, and no environment yet."""
    for name in ("pyproject.toml", "constraints", "scripts"):
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        copy(root / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"ENGINE": "bogus"}, "ENGINE=bogus is not an engine: say ENGINE=cpu or ENGINE=cuda"),
        ({"ENGINE": "cpu", "PYTHON": "false"}, "Treewright needs Python 3.11"),
        ({"ENGINE": "cpu", "PYTHON": "true"}, "Treewright needs Python 3.11"),
        ({"ENGINE": "cpu", "PYTHON": "no-such-python"}, "Treewright needs Python 3.11"),
    ],
)
def test_a_wrong_choice_gets_one_line_and_leaves_nothing(
    clone: Path, variables: dict[str, str], told: str
) -> None:
    done = subprocess.run(
        ["sh", "scripts/setup.sh"],
        cwd=clone,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(("found", "advice"), [("3.9", "is 3.9"), ("3.15", "is 3.15")])
def test_a_python_of_another_version_is_named_with_its_version(
    clone: Path, found: str, advice: str
) -> None:
    fake = clone / "python"
    fake.write_text(f"#!/bin/sh\necho {found}\n")
    fake.chmod(0o755)
    done = subprocess.run(
        ["sh", "scripts/setup.sh"],
        cwd=clone,
        env=os.environ | {"ENGINE": "cpu", "PYTHON": str(fake)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert advice in done.stderr
