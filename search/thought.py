"""The marks between which a thinking model thinks, before it answers (DeepSeek-R1, Qwen3)."""

from __future__ import annotations

THINK, END_OF_THINK = "<think>", "</think>"
