"""A LoRA adapter is looked at before an engine starts: what is wrong with it is one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engines.config import Ability
from engines.engine import EngineError
from engines.lora import CONFIG, WEIGHTS, digest, misfit, opened
from engines.vllm_config import VllmConfig
from engines.vllm_inputs import adapted

MODULE = "model.layers.0.self_attn.q_proj"
Edit = Callable[[dict[str, Any], dict[str, Any]], None]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The one weight that the adapter adds to, of 6 rows and 4 columns."""
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({f"{MODULE}.weight": torch.zeros(6, 4)}, folder / "model.safetensors")
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    return folder


def adapter(tmp_path: Path, edit: Edit = lambda said, tensors: None, rank: int = 3) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir(exist_ok=True)
    said: dict[str, Any] = {"peft_type": "LORA", "r": rank, "base_model_name_or_path": "own/base"}
    tensors = {
        f"base_model.model.{MODULE}.lora_A.weight": torch.zeros(rank, 4),
        f"base_model.model.{MODULE}.lora_B.weight": torch.zeros(6, rank),
    }
    edit(said, tensors)
    (folder / CONFIG).write_text(json.dumps(said))
    save_file(tensors, folder / WEIGHTS)
    return folder


@pytest.mark.parametrize(("rank", "most"), [(1, 1), (3, 8), (16, 16), (100, 128)])
def test_the_rank_is_read_and_vllm_told_the_next_that_it_takes(
    tmp_path: Path, model: Path, rank: int, most: int
) -> None:
    found = opened(str(adapter(tmp_path, rank=rank)), None, str(model))
    assert found.arguments == {"enable_lora": True, "max_lora_rank": most, "max_loras": 1}


WRONG: dict[str, Edit] = {
    "peft_type 'IA3'": lambda said, tensors: said.update(peft_type="IA3"),
    "DoRA, which vLLM does not serve": lambda said, tensors: said.update(use_dora=True),
    "it has biases": lambda said, tensors: said.update(bias="all"),
    "rank r 0": lambda said, tensors: said.update(r=0),
    "its rank is 513, vLLM serves 512 at most": lambda said, tensors: said.update(r=513),
    "has rank 3, adapter_config.json says 4": lambda said, tensors: said.update(r=4),
    "another model (own/base): .* has no nowhere": lambda said, tensors: tensors.update(
        {"base_model.model.nowhere.lora_A.weight": torch.zeros(3, 4)}
    ),
    r"another model (own/base): .*q_proj is \[6, 4\] in .*lora_B.weight is \[8, 3\]": (
        lambda said, tensors: tensors.update(
            {f"base_model.model.{MODULE}.lora_B.weight": torch.zeros(8, 3)}
        )
    ),
}


@pytest.mark.parametrize("told", WRONG)
def test_what_vllm_cannot_serve_is_one_line(tmp_path: Path, model: Path, told: str) -> None:
    folder = adapter(tmp_path, WRONG[told])
    pattern = told.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(EngineError, match=f"engine.lora {folder}: .*{pattern}"):
        opened(str(folder), None, str(model))
    assert VllmConfig(lora=str(folder)).lacks(str(model)).startswith(f"engine.lora {folder}: ")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_file_that_is_missing_is_named(tmp_path: Path, model: Path, name: str) -> None:
    folder = adapter(tmp_path)
    (folder / name).unlink()
    assert misfit(folder, model) == f"has no {name}"


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}"])
def test_damaged_weights_are_no_traceback(tmp_path: Path, model: Path, content: bytes) -> None:
    folder = adapter(tmp_path)
    (folder / WEIGHTS).write_bytes(content)
    assert misfit(folder, model) == f"{WEIGHTS} is damaged, or empty"


def test_a_folder_that_is_not_there_is_told_by_validate() -> None:
    folder = Path(__file__).parent
    assert VllmConfig(lora="./nowhere").lacks("Qwen/Qwen3-8B").endswith("no such folder")
    assert VllmConfig(lora="own/adapter").lacks("Qwen/Qwen3-8B") == ""
    assert "has no adapter_config.json" in VllmConfig(lora=str(folder)).lacks("Qwen/Qwen3-8B")


def test_a_fingerprint_has_the_content_and_not_the_place(tmp_path: Path) -> None:
    folder = adapter(tmp_path)
    before = VllmConfig(lora=str(folder)).identity()["lora"]
    (folder / "optimizer.pt").write_bytes(b"of no account")
    assert digest(folder) == before
    adapter(tmp_path, lambda said, tensors: said.update(lora_alpha=7))
    assert digest(folder) != before
    assert "lora" not in VllmConfig().identity()


def test_a_model_with_a_head_takes_no_adapter() -> None:
    config = VllmConfig(lora="own/adapter")
    assert Ability.HEADS in VllmConfig().abilities - config.abilities
    assert "merge the adapter" in config.advice([Ability.HEADS])


@pytest.mark.engine
def test_every_request_names_the_adapter(tmp_path: Path) -> None:
    said = adapted(tmp_path)["lora_request"]
    assert (said.path, said.adapter_id) == (str(tmp_path), 1)
    assert adapted(None) == {}


def test_an_adapter_on_a_server_has_the_context_of_its_base() -> None:
    import asyncio

    from engines.vllm_joining import served
    from engines.vllm_server_config import VllmServerConfig

    async def get(path: str) -> dict[str, Any]:
        cards = [{"id": "base", "max_model_len": 99}, {"id": "mine", "parent": "base"}]
        return {"data": cards}

    client: Any = SimpleNamespace(get=get, url="http://one")
    config = VllmServerConfig(served_model_name="mine")
    assert asyncio.run(served(client, "base", config)) == ("mine", 99)
