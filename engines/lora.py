"""A LoRA adapter in PEFT's format: what its files say, and whether vLLM can serve it over a model.

An adapter adds B·A to weights of a model: `lora_A` has the shape (rank, columns), `lora_B` (rows,
rank), where the weight has (rows, columns).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from engines import checkpoint
from engines.engine import EngineError
from engines.tokenizer import from_hub

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values that vLLM takes as `max_lora_rank`."""
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
UNSERVED = {
    "use_dora": "DoRA",
    "lora_bias": "a bias",
    "modules_to_save": "whole modules of its own (modules_to_save)",
    "layer_replication": "replicated layers",
}
"""What an adapter may say that vLLM does not serve."""


@dataclass(frozen=True)
class Adapter:
    """One that can be served: its folder, and the highest rank in it."""

    folder: Path
    rank: int

    @property
    def arguments(self) -> dict[str, object]:
        """The fields of vLLM's `EngineArgs` that let it be served."""
        most = next(rank for rank in RANKS if rank >= self.rank)
        return {"enable_lora": True, "max_lora_rank": most, "max_loras": 1}


def opened(name: str, revision: str | None, model: str) -> Adapter:
    """An adapter by its folder or its name on the hub, which is downloaded.

    Raises:
        EngineError: in one line, why it cannot be served over the model.
    """
    folder = Path(name)
    if not folder.is_dir():
        if not checkpoint.HUB_NAME.fullmatch(name):
            raise EngineError(f"engine.lora {name}: no such folder")
        folder = _downloaded(name, revision)
    if problem := misfit(folder, Path(model)):
        raise EngineError(f"engine.lora {name}: {problem}")
    return Adapter(folder, max(_ranks(_said(folder))))


def _downloaded(name: str, revision: str | None) -> Path:
    found = {file: from_hub(name, file, revision) for file in (WEIGHTS, CONFIG)}
    for file, path in found.items():
        if path is None:
            raise EngineError(f"engine.lora {name}: there is no {file} on the hub, nor here")
    config = found[CONFIG]
    assert config is not None
    return config.parent


def misfit(folder: Path, model: Path) -> str:
    """Why vLLM cannot serve an adapter over a model; empty where it can, as far as files tell.

    A model that is no folder is not looked at.
    """
    return next(_misfits(folder, model), "")


def digest(folder: Path) -> str:
    """Of the two files that can change an output, whatever else a trainer left there."""
    hasher = sha256()
    for name in (CONFIG, WEIGHTS):
        file = folder / name
        hasher.update(f"{name}\0".encode() + (file.read_bytes() if file.is_file() else b""))
    return hasher.hexdigest()


def _misfits(folder: Path, model: Path) -> Iterator[str]:
    """All that is wrong, the first of which is told: later checks take the earlier for granted."""
    yield from (f"has no {name}" for name in (CONFIG, WEIGHTS) if not (folder / name).is_file())
    said = _said(folder)
    if said.get("peft_type") != "LORA":
        yield f"{CONFIG} says peft_type {said.get('peft_type')!r}, it must be 'LORA'"
    unserved = [what for key, what in UNSERVED.items() if said.get(key)]
    unserved += [] if said.get("bias", "none") == "none" else ["biases"]
    yield from (f"it has {what}, which vLLM does not serve" for what in unserved)
    ranks = _ranks(said)
    if not all(type(rank) is int and rank > 0 for rank in ranks):
        yield f"{CONFIG} says rank r {said.get('r')!r}, it must be a whole number from 1 up"
    if max(ranks) > RANKS[-1]:
        yield f"its rank is {max(ranks)}, vLLM serves {RANKS[-1]} at most"
    shapes = checkpoint.shapes(folder / WEIGHTS)
    if not shapes:
        yield f"{WEIGHTS} is damaged, or empty"
    yield from _wrong_ranks(shapes, ranks)
    if model.is_dir():
        yield from _other_base(shapes, model, str(said.get("base_model_name_or_path")))


def _wrong_ranks(shapes: Mapping[str, tuple[int, ...]], ranks: list[int]) -> Iterator[str]:
    for name, shape in shapes.items():
        axis = 0 if ".lora_A." in name else -1
        if ".lora_" in name and shape[axis] not in ranks:
            yield f"{name} has rank {shape[axis]}, {CONFIG} says {ranks[0]}"


def _other_base(shapes: Mapping[str, tuple[int, ...]], model: Path, base: str) -> Iterator[str]:
    """Modules that the model has not, or has in another shape."""
    weights: dict[str, tuple[int, ...]] = {}
    for file in sorted(model.glob("*.safetensors")):
        weights |= checkpoint.shapes(file)
    if not weights:
        return
    made = f"it was made for another model ({base})"
    for name, shape in shapes.items():
        module, found, _ = name.removeprefix(PREFIX).partition(".lora_")
        own = weights.get(f"{module}.weight")
        if not found:
            yield f"{name} is no tensor of a LoRA adapter"
        elif own is None:
            yield f"{made}: {model} has no {module}"
        elif own[-1 if ".lora_A." in name else 0] != shape[-1 if ".lora_A." in name else 0]:
            yield f"{made}: {module} is {list(own)} in {model}, {name} is {list(shape)}"


def _said(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _ranks(said: Mapping[str, Any]) -> list[Any]:
    """That of most modules first."""
    pattern = said.get("rank_pattern")
    return [said.get("r", 0), *(pattern.values() if isinstance(pattern, dict) else ())]
