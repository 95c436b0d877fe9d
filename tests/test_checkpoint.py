"""Whether a model's folder is told to be whole, and its damage by name."""

import json
import os
import shutil
from pathlib import Path

import pytest

from engines.checkpoint import damage


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """A copy of a shipped checkpoint."""
    return Path(shutil.copytree(root / "benchmarks" / "arithmetic" / "policy", tmp_path / "model"))


@pytest.mark.parametrize("name", ["policy", "verifier"])
def test_the_shipped_checkpoints_are_whole(root: Path, name: str) -> None:
    assert damage(root / "benchmarks" / "arithmetic" / name) == ""


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", ["", "{", "[]", "\0", "[" * 100_000])
def test_a_description_that_is_no_object_is_named(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert damage(folder).startswith(f"{name} is damaged")


@pytest.mark.parametrize("left", [0, 7, 100, -1])
def test_weights_cut_short_are_named(folder: Path, left: int) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:left])
    assert damage(folder) == "model.safetensors is damaged or cut short"


def test_weights_of_noise_are_named(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 4)
    assert "model.safetensors is damaged" in damage(folder)


def test_a_part_that_is_not_there_is_named(folder: Path) -> None:
    parts = {"a": "model-1.safetensors", "b": "model.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    assert "names model-1.safetensors" in damage(folder)


def test_a_folder_without_weights_is_told(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert damage(folder) == "has no *.safetensors"


def test_a_pipe_in_the_folder_of_a_model_is_told_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    assert damage(tmp_path) == "config.json is a pipe or a device, not a file"
