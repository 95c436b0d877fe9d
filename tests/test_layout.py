"""The flat layout and its guards: every package name means this repository, and nothing else."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ["search", "engines", "policies", "scorers", "benchmarks", "treewright"]
HEAVY = ["ray", "torch", "transformers", "vllm"]


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    """The `[project]` table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return table


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_imported_is_the_one_in_this_repository(root: Path, package: str) -> None:
    origin = import_module(package).__file__
    assert origin is not None
    assert Path(origin).parents[1] == root


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_says_that_it_is_typed(root: Path, package: str) -> None:
    assert (root / package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_with_modules_is_a_regular_package(root: Path, package: str) -> None:
    """But for checkpoints: the module there is for whoever loads one without Treewright."""
    folders = {path.parent for path in (root / package).rglob("*.py")}
    folders = {folder for folder in folders if not (folder / "tokenizer.json").is_file()}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_named_like_one_of_the_standard_library(root: Path, package: str) -> None:
    modules = {path.stem for path in (root / package).rglob("*.py")} - {"__init__", "__main__"}
    assert modules & sys.stdlib_module_names == set()


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="of several processes")
def test_tests_of_a_file_go_to_one_process(request: pytest.FixtureRequest) -> None:
    """What a file prepares is made once, and no two engines are tested at a time."""
    assert request.node.nodeid.endswith("@test_layout")


def test_tests_are_no_package(root: Path) -> None:
    assert list((root / "tests").rglob("__init__.py")) == []


def test_configs_hold_yaml_only_and_one_script_for_slurm(root: Path) -> None:
    files = [path for path in (root / "configs").rglob("*") if path.is_file()]
    assert [path.name for path in files if path.suffix != ".yaml"] == ["slurm.sbatch"]


@pytest.mark.parametrize("module", ["treewright.cli", "search.driver"])
def test_importing_it_loads_no_heavy_library(root: Path, module: str) -> None:
    loaded = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY})))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_every_dependency_is_pinned(project: dict[str, Any]) -> None:
    assert [pin for pin in _pins(project) if not re.search(r"==[\d.]+$", pin)] == []


@pytest.mark.parametrize("engine", ["cpu", "cuda"])
def test_the_recorded_resolution_holds_every_pin(
    root: Path, project: dict[str, Any], engine: str
) -> None:
    lines = (root / "constraints" / f"{engine}.txt").read_text().splitlines()
    recorded = {_normal(line) for line in lines if not line.startswith("#")}
    other = "cuda" if engine == "cpu" else "cpu"
    wanted = {_normal(pin) for pin in _pins(project, without=other)}
    assert wanted - recorded == set()


def _pins(project: dict[str, Any], without: str = "") -> list[str]:
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *(p for e in extras if e != without for p in extras[e])]


def _normal(requirement: str) -> str:
    """`Math_Verify[antlr]==0.9.0` as `math-verify==0.9.0`."""
    name, version = re.sub(r"\[.*\]", "", requirement).split("==")
    return re.sub(r"[-_.]+", "-", name).lower() + "==" + version
