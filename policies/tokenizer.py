"""The Tokenizer port and its Hugging Face implementation, the only place that imports transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, Protocol


class Tokenizer(Protocol):
    """Text to ids and back. Text is never trusted: `encode` turns the text of a special token into plain tokens."""

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Every token that ends a turn of this model."""
        ...

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of plain text: no BOS added, special tokens in the text are encoded as ordinary characters."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens included, nothing cleaned up."""
        ...

    def token_id(self, token: str) -> int | None:
        """The id of a token of the vocabulary by its exact content (a special token, say); None when there is none."""
        ...

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Ids of the chat template with the generation prompt; contents are plain text as in `encode`."""
        ...
