"""What an engine says of itself before it runs: the base of the `engine:` keys of every kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from engines import checkpoint
from engines.engine import Engine, EngineError
from engines.scoring import Head, ScoringEngine
from engines.token_price import TokenPrice
from engines.tokenizer import HfTokenizer, Tokenizer, TokenizerError
from search.checks import UNSAID, check_count, fault, is_unsaid
from search.findings import Finding, fail, ok, warn


class Ability(StrEnum):
    """What an engine may be able to do, and a part may ask of its engine."""

    TOKEN_IDS = "token_ids"
    """Prompts are token ids, and generations too."""
    SEEDS = "seeds"
    """A request has a seed of its own."""
    LOGPROBS = "logprobs"
    """The log-probabilities of given tokens are told at every position."""
    HEADS = "heads"
    """Models with a classifying head are run, and give its numbers."""
    SURENESS = "sureness"
    """How sure the model is at every position, by its likeliest tokens, is told."""
    ABORT = "abort"
    """A cancelled request computes nothing more."""
    CONTINUE = "continue"
    """A text that was begun is gone on with, and it is told what ended it."""
    TOP_LOGPROBS = "top_logprobs"
    """The log-probabilities of the likeliest tokens are told at every position."""
    SLEEP = "sleep"
    """It gives its GPU back for a while, and is not loaded again (`engines.sleeping`)."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What one replica takes of the machine that it runs on; the defaults take nothing."""

    gpus: float = 0.0
    """How many GPUs."""
    optional: bool = False
    """Whether it does without them where there are none."""
    share: float | None = None
    """The share of a GPU's memory that must be free; None: it says none, or takes less."""
    cache_gib: float | None = 0.0
    """Memory beside the weights, in GiB; None: nobody knows."""


TEMPLATE_OWN = frozenset(
    {
        *("messages", "conversation", "tools", "documents", "add_generation_prompt", "tokenize"),
        *("continue_final_message", "chat_template", "tokenizer_kwargs", "padding", "truncation"),
        *("max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask"),
    }
)
ONLY = "turns and the generation prompt are made here"


@dataclass(frozen=True)
class EngineConfig(ABC):
    """What every engine has."""

    kind: str = ""
    """Who makes the tokens."""
    max_model_len: int | None = None
    """The longest prompt plus generation, in tokens; null is the model's own."""
    revision: str | None = None
    """A branch, tag or commit of a model on the Hugging Face hub."""
    chat_template_args: dict[str, Any] = field(default_factory=dict, metadata=UNSAID)
    """What the chat template is told beside the turns, `{enable_thinking: false}` say for Qwen3."""

    can: ClassVar[frozenset[Ability]] = frozenset()
    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version can change an output."""
    uncounted: ClassVar[frozenset[str]] = frozenset()
    """Keys that change no output: how fast, not what."""
    own_process: ClassVar[bool] = False
    """Whether it shares no process with the search."""
    remote: ClassVar[bool] = False
    """Whether the model runs on another machine."""

    def __post_init__(self) -> None:
        if self.max_model_len is not None:
            check_count("max_model_len", self.max_model_len, 2, "a prompt and one token")
        for name in self.chat_template_args:
            if name in TEMPLATE_OWN or not name.isidentifier():
                raise fault("chat_template_args", name, "a variable of the template's own", ONLY)

    @abstractmethod
    async def open(self, model: str) -> tuple[Tokenizer, Engine]:
        """The tokenizer of a model and an engine that serves it.

        Raises:
            TokenizerError: the folder is missing, or is no chat checkpoint.
            EngineError: the engine does not start.
        """

    async def open_plain(self, model: str) -> tuple[Tokenizer, Engine]:
        """As `open`, of a model that need have no chat template, where the engine can do without.

        Raises the same.
        """
        return await self.open(model)

    async def open_scoring(self, model: str, head: Head) -> tuple[Tokenizer, ScoringEngine]:
        """The same for a model with a classifying head; its tokenizer needs no chat template.

        Raises:
            TokenizerError: the folder is missing, or has no tokenizer.
            EngineError: the engine does not start, or runs no such models.
        """
        raise EngineError(f"{model}: engine.kind {self.kind} runs no models with a head: use vllm")

    @property
    def machine(self) -> Machine:
        """What a replica takes."""
        return Machine()

    @property
    def slots(self) -> int | None:
        """How many requests it computes side by side; None where nobody knows."""
        return None

    def weights_gib(self, model: str) -> float | None:
        """The size of the weights that it loads, in GiB; None where that cannot be told."""
        return 0.0

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do, as it is configured."""
        return self.can

    @property
    def billed(self) -> TokenPrice | None:
        """What its tokens cost; None where nobody sends a bill."""
        return None

    @property
    def key_variable(self) -> str | None:
        """The environment variable that holds a secret of its, None where it has none."""
        return None

    def advice(self, lacking: Sequence[Ability]) -> str:
        """What to do where it cannot do what is asked of it."""
        return "use engine.kind=vllm" + ("" if Ability.HEADS in lacking else " or vllm_server")

    def identity(self) -> Mapping[str, object]:
        """Its keys that can change an output, and their values."""
        return {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name not in self.uncounted and not is_unsaid(f, getattr(self, f.name))
        }

    def named(self, model: str) -> Iterator[tuple[str, str | None, str]]:
        """What it loads: a folder or a name on the hub, the revision that is said, its key."""
        yield model, self.revision, "revision"

    def amiss(self) -> Iterator[tuple[str, str, str]]:
        """What this installation refuses of it: a key, why, and what to do."""
        yield from ()

    def notes(self) -> Iterator[str]:
        """What a person should know of its keys: what stands after `policy.engine.`."""
        yield from ()

    def lacks(self, model: str) -> str:
        """Why a model cannot be opened, as far as its name or folder tell; empty where it can."""
        return checkpoint.lacks(model)

    def context(self, model: str) -> int | None:
        """The longest prompt plus generation, in tokens; None where that cannot be told."""
        return self.max_model_len or checkpoint.context(model)

    def examine(
        self, side: str, model: str, *, chats: bool = True
    ) -> Generator[Finding, None, Tokenizer | None]:
        """Look at its model; returns the tokenizer, or None where there is none to be had.

        `chats`: whether it needs a chat template.
        """
        yield checkpoint.weights(side, model)
        return (yield from self.examine_tokenizer(side, model, chats=chats))

    def examine_tokenizer(
        self, side: str, model: str, *, chats: bool = True
    ) -> Generator[Finding, None, Tokenizer | None]:
        """The same of the tokenizer alone; of a model that is not here nothing is said."""
        if not checkpoint.is_here(model) or checkpoint.special(Path(model)):
            return None
        try:
            tokenizer = HfTokenizer.load(
                model, self.revision, chats=chats, template_args=self.chat_template_args
            )
        except TokenizerError as error:
            yield fail(f"{side} tokenizer", str(error), f"see {side}.model in the config")
            return None
        ends = ", ".join(f"{tokenizer.decode([token])} {token}" for token in tokenizer.eos_ids)
        found = "chat template found; a turn" if chats else "found; a text"
        yield ok(f"{side} tokenizer", f"{found} ends with {ends}")
        return tokenizer

    def fits(self, check: str, model: str, prompt: int, generated: int) -> Finding:
        """Whether the longest prompt leaves room for what may be generated, both in tokens."""
        limit = self.context(model)
        if limit is None:
            return ok(check, f"up to {prompt} tokens")
        told = f"up to {prompt} tokens, then up to {generated}, of {limit}"
        side = check.partition(" ")[0]
        if prompt >= limit:
            return warn(check, told, f"too long for the model: raise {side}.engine.max_model_len")
        if prompt + generated > limit:
            return warn(check, told, f"some will be cut: raise {side}.engine.max_model_len")
        return ok(check, told)
