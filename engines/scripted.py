"""The `engine:` keys of kind `scripted`: a real tokenizer, and texts in the place of a model.

For trying out prompts, segmentation and the reading of verdicts with neither weights nor a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal

from engines.checkpoint import is_here
from engines.config import Ability, EngineConfig
from engines.engine import Engine, Request
from engines.scoring import Head, ScoringEngine
from engines.scripted_engine import ScriptedEngine
from engines.scripted_scoring import ScriptedScoring
from engines.tokenizer import HfTokenizer, Tokenizer
from search.checks import fault
from search.seeds import call_seed

TEXT = "Step 1: I only say what a script says.\n\nThe answer is \\boxed{0}."


@dataclass(frozen=True)
class ScriptedConfig(EngineConfig):
    """Texts in the place of a model; of the part's `model` only the tokenizer is read.

    It begins one of its texts, chosen by prompt and seed, or goes on with the one that the prompt
    ends in. Where only some tokens are allowed it says one of these.
    """

    kind: Literal["scripted"] = "scripted"
    """Who makes the tokens."""
    max_model_len: int | None = 4096
    """The longest prompt plus generation, in tokens."""
    says: tuple[str, ...] = (TEXT,)
    """The texts, each a whole solution or a whole verification."""

    can: ClassVar[frozenset[Ability]] = frozenset(Ability)
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "tokenizers")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.says or not all(self.says):
            raise fault("says", list(self.says), "one text or more, none of them empty")

    async def open(self, model: str) -> tuple[Tokenizer, Engine]:
        """See `EngineConfig.open`."""
        return self._opened(model, chats=True)

    async def open_plain(self, model: str) -> tuple[Tokenizer, Engine]:
        """See `EngineConfig.open_plain`."""
        return self._opened(model, chats=False)

    def _opened(self, model: str, *, chats: bool) -> tuple[Tokenizer, Engine]:
        # Not in a thread: two that import transformers at once see each other's half.
        tokenizer = HfTokenizer.load(
            model, self.revision, chats=chats, template_args=self.chat_template_args
        )
        texts = [(*tokenizer.encode(text), *tokenizer.eos_ids[:1]) for text in self.says]
        context = self.context(model) or 4096
        engine = ScriptedEngine(
            lambda request: answer(texts, request),
            tokenizer.eos_ids,
            decode=tokenizer.decode,
            max_model_len=context,
        )
        return tokenizer, engine

    async def open_scoring(self, model: str, head: Head) -> tuple[Tokenizer, ScoringEngine]:
        """See `EngineConfig.open_scoring`; the numbers are drawn by the tokens, two in a row."""
        tokenizer = HfTokenizer.load(model, self.revision, chats=False)
        return tokenizer, ScriptedScoring(drawn, max_model_len=self.context(model) or 4096)

    def lacks(self, model: str) -> str:
        """See `EngineConfig.lacks`: a tokenizer is enough."""
        return "" if is_here(model) else super().lacks(model)


def answer(texts: Sequence[tuple[int, ...]], request: Request) -> tuple[int, ...]:
    """What is left of the text that the prompt ends in, else one from its beginning."""
    prompt, asked = request.prompt, request.sampling
    chosen = call_seed(asked.seed or 0, *prompt)
    if asked.allowed_ids:
        return (asked.allowed_ids[chosen % len(asked.allowed_ids)],)
    turned = [*texts[chosen % len(texts) :], *texts[: chosen % len(texts)]]
    said, text = max(((overlap(prompt, text), text) for text in turned), key=lambda pair: pair[0])
    return text[said:]


def drawn(text: tuple[int, ...]) -> tuple[float, float]:
    """A row of a head with two classes, by chance, the same after the same tokens."""
    rng = Random(call_seed(0, "head", *text))
    return rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)


def overlap(prompt: tuple[int, ...], text: tuple[int, ...]) -> int:
    """The most tokens of the beginning of `text`, not all, that `prompt` ends in."""
    lengths = range(min(len(text) - 1, len(prompt)), 0, -1)
    return next((length for length in lengths if prompt[-length:] == text[:length]), 0)
