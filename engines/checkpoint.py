"""Whether the files of a model's folder are whole: a download that stopped half-way is common."""

from __future__ import annotations

import json
from pathlib import Path

DESCRIPTIONS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors.index.json",
)
SHARDS = "model.safetensors.index.json"


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
