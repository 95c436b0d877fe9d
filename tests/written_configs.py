"""Configs as texts, and a loader of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.errors import ConfigError

BASE = """\
name: base
dataset: {name: arithmetic, limit: 4}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 4}
"""
QWEN = """\
dataset: {name: arithmetic}
policy:
  kind: qwen
  model: Qwen/Qwen2.5-3B-Instruct
  sampling: {temperature: 0.7}
scorer: {kind: thinkprm, model: launch/ThinkPRM-1.5B}
strategy: {kind: best_of_n, n: 4}
"""
Load = Callable[..., Any]
"""Its config; the parts are those of the text, whatever their classes."""


def loader(folder: Path) -> Load:
    """Loads a YAML text from a file in the folder, with overrides."""

    def load(text: str = BASE, *overrides: str) -> Config:
        path = folder / "test.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path, overrides)

    return load


def refused(load: Load, text: str, *overrides: str) -> ConfigError:
    """The error, which is one line."""
    with pytest.raises(ConfigError) as caught:
        load(text, *overrides)
    assert "\n" not in str(caught.value)
    return caught.value
