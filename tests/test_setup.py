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


def set_up(clone: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script there with these variables; engine cpu unless they say otherwise."""
    return subprocess.run(
        ["sh", "scripts/setup.sh"],
        cwd=clone,
        env=os.environ | {"ENGINE": "cpu"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def fake_python(clone: Path, version: str) -> str:
    """A program that says it is this version of Python, and can do nothing else."""
    program = clone / "python"
    answer = f"case $2 in *version_info*) echo {version} ;; *) exit 1 ;; esac"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    return str(program)


def is_refused(done: subprocess.CompletedProcess[str], clone: Path, told: str) -> bool:
    """One line that tells what is wrong, exit code 2, nothing made."""
    one_line = done.stdout == "" and done.stderr.count("\n") == 1 and told in done.stderr
    return one_line and done.returncode == 2 and not (clone / ".venv").exists()


def test_an_unknown_engine_is_refused_in_one_line(clone: Path) -> None:
    done = set_up(clone, ENGINE="bogus")
    assert is_refused(done, clone, "ENGINE=bogus is not an engine: say ENGINE=cpu or ENGINE=cuda")


@pytest.mark.parametrize("program", ["false", "true", "no-such-python"])
def test_what_is_no_python_is_refused_in_one_line(clone: Path, program: str) -> None:
    done = set_up(clone, PYTHON=program)
    assert is_refused(done, clone, f"PYTHON={program} is no Python that runs. Treewright needs")


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.15"])
def test_another_version_of_python_is_refused_in_one_line(clone: Path, version: str) -> None:
    done = set_up(clone, PYTHON=fake_python(clone, version))
    assert is_refused(done, clone, f"is {version}. Treewright needs Python 3.11 to 3.14")


def test_a_python_without_venv_is_refused_in_one_line(clone: Path) -> None:
    done = set_up(clone, PYTHON=fake_python(clone, "3.12"))
    assert is_refused(done, clone, "has no venv module: install it (Debian, Ubuntu: apt install")
