"""The tokenizer of ThinkPRM-1.5B over the real Qwen vocabulary."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import dashscope
import tiktoken

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
R1_DISTILL = {
    "<｜end▁of▁sentence｜>": 151643,
    "<｜User｜>": 151644,
    "<｜Assistant｜>": 151645,
    "<｜begin▁of▁sentence｜>": 151646,
    "<think>": 151648,
    "</think>": 151649,
}


class ThinkPrmTokenizer:
    """The tokenizer of ThinkPRM-1.5B: Qwen's vocabulary, the template of R1-Distill."""

    @cached_property
    def _bpe(self) -> tiktoken.Encoding:
        file = Path(dashscope.__file__).parent / "resources" / "qwen.tiktoken"
        lines = (line.split() for line in file.read_bytes().splitlines() if line)
        ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
        assert len(ranks) == 151_643
        return tiktoken.Encoding(
            "qwen2", pat_str=QWEN2_SPLIT, mergeable_ranks=ranks, special_tokens=R1_DISTILL
        )

    @property
    def eos_ids(self) -> tuple[int, ...]:
        return (R1_DISTILL["<｜end▁of▁sentence｜>"],)

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._bpe.encode_ordinary(text))

    def encode_trusted(self, text: str) -> tuple[int, ...]:
        """The ids of a text in which special tokens are meant."""
        return tuple(self._bpe.encode(text, allowed_special="all"))

    def decode(self, ids: Sequence[int]) -> str:
        return self._bpe.decode_bytes(list(ids)).decode("utf-8", "replace")

    def token_id(self, token: str) -> int | None:
        return R1_DISTILL.get(token)

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        (message,) = messages
        bos, user, assistant, think = (R1_DISTILL[name] for name in self._turn)
        return (bos, user, *self.encode(message["content"]), assistant, think, *self.encode("\n"))

    _turn = ("<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>")


TOKENIZER = ThinkPrmTokenizer()
