"""The wheel: it carries everything that a run needs, and works outside of the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGES = ["search", "engines", "policies", "scorers", "benchmarks", "treewright"]


@pytest.fixture(scope="module")
def unpacked(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's contents, built offline by the installed hatchling."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", str(folder)], cwd=root, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    contents = folder / "contents"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(contents)
    return contents


def outside(unpacked: Path, *arguments: str) -> str:
    """What a Python that sees the unpacked wheel, and not the repository's folder, prints."""
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=unpacked.parent,
        env=os.environ | {"PYTHONPATH": str(unpacked)},  # comes before an editable install
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_carries_each_file_of_the_package(
    root: Path, unpacked: Path, package: str
) -> None:
    assert _files(unpacked / package, but="configs") == _files(root / package)


def test_the_wheel_carries_the_configs(root: Path, unpacked: Path) -> None:
    assert _files(unpacked / "treewright" / "configs") == _files(root / "configs")


def test_the_wheel_carries_the_five_trained_checkpoints(unpacked: Path) -> None:
    weights = list((unpacked / "benchmarks" / "arithmetic").rglob("*.safetensors"))
    assert len(weights) == 5
    assert all(path.stat().st_size > 100_000 for path in weights)  # not a pointer to a large file


def test_the_wheel_carries_nothing_else(unpacked: Path) -> None:
    names = {path.name for path in unpacked.iterdir() if path.suffix != ".dist-info"}
    assert names == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_outside_the_repository_the_package_is_the_wheels(unpacked: Path, package: str) -> None:
    origin = outside(unpacked, "-c", f"import {package}; print({package}.__file__)")
    assert Path(origin.strip()) == unpacked / package / "__init__.py"


def test_the_wheel_validates_the_quickstart_outside_the_repository(unpacked: Path) -> None:
    quickstart = unpacked / "treewright" / "configs" / "quickstart.yaml"
    main = "import sys; from treewright.cli import main; sys.exit(main())"  # the console script
    assert outside(unpacked, "-c", main, "validate", str(quickstart)).strip()


def _files(folder: Path, but: str = "") -> dict[str, int]:
    """Size of each file below a folder, by its path in there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    inside = ((path.relative_to(folder), path.stat().st_size) for path in files)
    return {
        path.as_posix(): size
        for path, size in inside
        if "__pycache__" not in path.parts and path.parts[0] != but
    }
