"""A model's folder, or its name on the Hugging Face hub: what can be told with no model loaded."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from search.findings import Finding, fail, ok, warn
from search.wording import size

GIB = 2**30
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
CHECKPOINT = ("config.json", "tokenizer.json")
"""What a model's folder holds beside its weights."""
BILLIONS = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)B(?![A-Za-z])", re.IGNORECASE)
"""The size in a model's name: `Qwen2.5-3B-Instruct`."""
QUANTIZED = re.compile(r"awq|gptq|gguf|fp8|int[48]|[48]-?bit|w\da\d+", re.IGNORECASE)
"""What names of models say whose weights take less."""
BYTES_PER_PARAMETER = 2
"""bfloat16."""
DESCRIPTIONS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors.index.json",
)
SHARDS = "model.safetensors.index.json"


def lacks(model: str) -> str:
    """Why this can be no model, a folder or a name on the hub; empty where it can."""
    folder = Path(model)
    if not folder.is_dir():
        return "" if HUB_NAME.fullmatch(model) else "no such folder"
    lacking = [name for name in CHECKPOINT if not (folder / name).is_file()]
    return f"has no {' and no '.join(lacking)}" if lacking else ""


def weights(side: str, model: str) -> Finding:
    """Whether a model's weights are here and whole; `side` is `policy` or `scorer`."""
    folder, check = Path(model), f"{side} model"
    if not folder.is_dir():
        if is_here(model):
            return ok(check, f"{model}, in the Hugging Face cache")
        if HUB_NAME.fullmatch(model):
            advice = "the first run downloads it; its tokenizer was not checked"
            return warn(check, f"{model} is not on this machine", advice)
        return fail(check, f"{model}: no such folder", f"see {side}.model in the config")
    if found := damage(folder):
        advice = "give the folder of a checkpoint, or copy it there again"
        return fail(check, f"{model}: {found}", advice)
    return ok(check, f"{model}, {size(weights_gib(model) or 0.0)}")


def is_here(model: str) -> bool:
    """Whether it is a folder, or in the cache of the Hugging Face hub."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    return (
        Path(model).is_dir()
        or (cache / f"models--{model.replace('/', '--')}" / "snapshots").is_dir()
    )


def described(model: str) -> dict[str, Any]:
    """What the config.json in a folder says; nothing where there is none."""
    try:
        read = json.loads((Path(model) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def generator(model: str) -> str:
    """The class of a model that writes text and gives no numbers; empty for another, or unknown."""
    named = described(model).get("architectures")
    classes = [str(name) for name in named] if isinstance(named, list) else []
    return next((name for name in classes if name.endswith("ForCausalLM")), "")


def context(model: str) -> int | None:
    """The most tokens of a prompt and its generation, by config.json; None where it is not told."""
    found = described(model).get("max_position_embeddings")
    return found if isinstance(found, int) else None


def weights_gib(model: str, *, in_16_bits: bool = True) -> float | None:
    """The size of a model's weights: of the files in its folder, or told by its name.

    A name tells no size of weights that are not in 16 bits.
    """
    folder = Path(model)
    if folder.is_dir():
        return sum(path.stat().st_size for path in folder.glob("*.safetensors")) / GIB
    named = BILLIONS.search(model)
    if named is None or QUANTIZED.search(model) or not in_16_bits:
        return None
    return float(named[1]) * 1e9 * BYTES_PER_PARAMETER / GIB


def damage(folder: Path) -> str:
    """What is wrong with the first file that is missing or broken; empty when all are whole."""
    if name := special(folder):
        return f"{name} is a pipe or a device, not a file"
    if not (folder / "config.json").is_file():
        return "has no config.json"
    for name in DESCRIPTIONS:
        if (folder / name).exists() and not _is_object(folder / name):
            return f"{name} is damaged: it holds no JSON object"
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        return "has no *.safetensors"
    lacking = sorted(_shards(folder) - {file.name for file in weights})
    if lacking:
        return f"{SHARDS} names {lacking[0]}, which is not there"
    broken = [file.name for file in weights if not _is_whole(file)]
    return f"{broken[0]} is damaged or cut short" if broken else ""


def special(folder: Path) -> str:
    """The first entry that is neither a file nor a folder: to read it may take for ever."""
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    odd = (e.name for e in entries if e.exists() and not (e.is_file() or e.is_dir()))
    return next(odd, "")


def shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor in a safetensors file, none of one that is broken."""
    if not file.is_file() or not _is_whole(file):
        return {}
    with file.open("rb") as opened:
        header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    tensors = ((name, said) for name, said in header.items() if name != "__metadata__")
    return {name: tuple(said["shape"]) for name, said in tensors}


def _is_object(file: Path) -> bool:
    try:
        return isinstance(json.loads(file.read_bytes()), dict)
    except (OSError, ValueError, RecursionError):
        return False


def _shards(folder: Path) -> set[str]:
    """The files that hold the weights, by the index of a model in several parts."""
    index = folder / SHARDS
    named = json.loads(index.read_bytes()).get("weight_map") if index.exists() else None
    return {str(name) for name in named.values()} if isinstance(named, dict) else set()


def _is_whole(file: Path) -> bool:
    """Whether a safetensors file is as long as its header says.

    Eight bytes give the length of a JSON header, which gives every tensor's place after it.
    """
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > file.stat().st_size:
                return False
            header = json.loads(opened.read(length))
        ends = [t["data_offsets"][1] for name, t in header.items() if name != "__metadata__"]
        return bool(file.stat().st_size == 8 + length + max(ends, default=0))
    except (OSError, ValueError, AttributeError, KeyError, IndexError, TypeError):
        return False
