"""The Tokenizer port and its Hugging Face implementation, the one that imports transformers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from engines.engine import one_line
from search.fault import Fault

PRIVATE_USE = range(0xE000, 0xF900)
"""Characters without a meaning; one that no message contains marks what a template must not see."""


class Tokenizer(Protocol):
    """Text to ids and back.

    Text is never trusted: `encode` turns the text of a special token into plain tokens.
    """

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Every token that ends a turn of this model."""
        ...

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of plain text.

        No BOS added, special tokens in the text are encoded as ordinary characters.
        """
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens included, nothing cleaned up."""
        ...

    def token_id(self, token: str) -> int | None:
        """The id of a token of the vocabulary by its exact content (a special token, say).

        None when there is none.
        """
        ...

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Ids of the chat template with the generation prompt.

        Contents are plain text as in `encode`.
        """
        ...


@runtime_checkable
class Beginning(Protocol):
    """A tokenizer that can tell the token with which a text begins."""

    @property
    def bos_id(self) -> int | None:
        """Its id; None where a text begins with none."""
        ...


class TokenizerError(Fault, ValueError):
    """A checkpoint has no usable tokenizer, or a text cannot be tokenised. One line."""

    exit_code = 2


class HfTokenizer:
    """A checkpoint's `tokenizer.json`, exactly as saved, and its chat template.

    Not `AutoTokenizer`: that rebuilds the tokenizer of a known model type from the vocabulary
    alone, and so changes one that was trained otherwise.

    Control tokens are the added tokens that are special or look like a tag, `<think>`. In text they
    are taken apart into the tokens of their single characters; all other text gets the ids that the
    tokenizer itself gives it.
    """

    def __init__(
        self,
        tokenizer: Any,
        eos_ids: Iterable[int] = (),
        template_args: Mapping[str, object] | None = None,
    ) -> None:
        """Wrap a transformers `PreTrainedTokenizerFast`; its own end token counts as well."""
        self._tokenizer = tokenizer
        self._template_args = dict(template_args or {})
        self._backend = tokenizer.backend_tokenizer
        # A saved limit or padding is for training.
        self._backend.no_truncation()
        self._backend.no_padding()
        added = tokenizer.added_tokens_decoder.items()
        self._control = frozenset(token_id for token_id, token in added if _is_control(token))
        own = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
        self._by_text: dict[str, int] | None = None
        self._eos_ids = tuple(dict.fromkeys((*own, *eos_ids)))

    @classmethod
    def load(
        cls,
        model: str,
        revision: str | None = None,
        *,
        chats: bool = True,
        template_args: Mapping[str, object] | None = None,
    ) -> HfTokenizer:
        """Read the tokenizer of a checkpoint.

        Args:
            model: a folder, or a name on the Hugging Face hub.
            revision: a branch, tag or commit on the hub.
            chats: whether it must have a chat template.
            template_args: what the chat template is told beside the messages.

        Raises:
            TokenizerError: there is no such checkpoint, or it lacks a tokenizer, a chat template or
                an end token, or its chat template asks for no such argument.
        """
        from transformers import PreTrainedTokenizerFast

        _check_folder(model)
        try:
            tokenizer = PreTrainedTokenizerFast.from_pretrained(model, revision=revision)
            loaded = cls(tokenizer, _eos_ids(model, revision), template_args)
        except Exception as error:
            raise TokenizerError(
                f"{model}: its tokenizer cannot be read: {one_line(error)}"
            ) from error
        if chats and not tokenizer.chat_template:
            raise TokenizerError(
                f"{model}: it has no chat template (chat_template.jinja, or chat_template in "
                "tokenizer_config.json): use a chat checkpoint, base models have none"
            )
        for name in template_args or ():
            if chats and not re.search(rf"\b{re.escape(name)}\b", str(tokenizer.chat_template)):
                raise TokenizerError(
                    f"{model}: its chat template asks for no {name}: see engine.chat_template_args"
                )
        if not loaded.eos_ids:
            raise TokenizerError(
                f"{model}: neither its tokenizer, generation_config.json nor config.json names a "
                "token that ends a turn: set eos_token"
            )
        return loaded

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The end tokens of tokenizer, generation_config.json and config.json, in this order."""
        return self._eos_ids

    @property
    def bos_id(self) -> int | None:
        """See `Beginning`."""
        found: int | None = self._tokenizer.bos_token_id
        return found

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of plain text. Raises `TokenizerError` for a lone surrogate: it is no character."""
        encoding = self._encoding(text)
        if self._control.isdisjoint(encoding.ids):
            return tuple(encoding.ids)
        ids: list[int] = []
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            ids += self._characters(text[start:end]) if token in self._control else [token]
        return tuple(ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens included, nothing cleaned up."""
        return str(self._backend.decode(list(ids), skip_special_tokens=False))

    def token_id(self, token: str) -> int | None:
        """The id of a token by its exact content in the vocabulary."""
        found: int | None = self._backend.token_to_id(token)
        return found

    def spelt(self, text: str) -> int | None:
        """The first token of the vocabulary whose text is this; None where none is.

        Most tokens are what `encode` makes of their text; this finds the others.
        """
        if self._by_text is None:
            every = range(self._backend.get_vocab_size() - 1, -1, -1)
            self._by_text = {self.decode((token,)): token for token in every}
        return self._by_text.get(text)

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Ids of the chat template with the generation prompt; no BOS but the template's own.

        They are the template's own, unless a content has control tokens: each of those is hidden
        from the template and put back as characters.

        Raises:
            TokenizerError: the template refuses the messages, or a content has a lone surrogate.
        """
        contents = "".join(message["content"] for message in messages)
        mark = next(chr(code) for code in PRIVATE_USE if chr(code) not in contents)
        hidden: list[str] = []
        turns = [
            {**message, "content": self._hide(message["content"], mark, hidden)}
            for message in messages
        ]
        ids: list[int] = []
        for index, piece in enumerate(self._render(turns).split(mark)):
            inside = index % 2
            ids += self._characters(hidden[int(piece)]) if inside else self._encoding(piece).ids
        return tuple(ids)

    def _render(self, turns: Sequence[Mapping[str, str]]) -> str:
        from jinja2 import TemplateError

        try:
            return str(
                self._tokenizer.apply_chat_template(
                    turns, tokenize=False, add_generation_prompt=True, **self._template_args
                )
            )
        except TemplateError as error:
            raise TokenizerError(f"the chat template refuses: {one_line(error)}") from error

    def _hide(self, content: str, mark: str, hidden: list[str]) -> str:
        """Replace each control token by its number in `hidden`, between marks."""
        encoding = self._encoding(content)
        if self._control.isdisjoint(encoding.ids):
            return content
        parts, position = [], 0
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if token in self._control:
                parts += [content[position:start], f"{mark}{len(hidden)}{mark}"]
                hidden.append(content[start:end])
                position = end
        return "".join([*parts, content[position:]])

    def _characters(self, text: str) -> list[int]:
        return [token for character in text for token in self._encoding(character).ids]

    def _encoding(self, text: str) -> Any:
        try:
            return self._backend.encode(text, add_special_tokens=False)
        except TypeError as error:
            raise TokenizerError("the text has a lone surrogate: it is not Unicode") from error


def _is_control(token: Any) -> bool:
    tag = token.content.startswith("<") and token.content.endswith(">")
    return (token.special or tag) and len(token.content) > 1


def _check_folder(model: str) -> None:
    """A path that is not there would be taken for a name on the hub."""
    folder = Path(model)
    if folder.is_dir():
        if not (folder / "tokenizer.json").is_file():
            raise TokenizerError(f"{model}: it has no tokenizer.json")
    elif folder.exists() or folder.is_absolute() or model.startswith(".") or model.count("/") > 1:
        raise TokenizerError(f"{model}: there is no such folder; a name on the hub is OWNER/MODEL")


def from_hub(model: str, name: str, revision: str | None) -> Path | None:
    """A file of a folder, or of a name on the hub, which is downloaded; None: there is none."""
    from transformers.utils import cached_file

    path = cached_file(
        model,
        name,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return Path(path) if path else None


def read_config(model: str, revision: str | None) -> dict[str, Any]:
    """A checkpoint's config.json. Raises `TokenizerError` where there is none."""
    path = from_hub(model, "config.json", revision)
    said = json.loads(path.read_text("utf-8")) if path else None
    if not isinstance(said, dict):
        raise TokenizerError(f"{model}: it has no config.json")
    return said


def _eos_ids(model: str, revision: str | None) -> list[int]:
    """What the checkpoint's two configuration files say; either may be missing."""
    found: list[int] = []
    for name in ("generation_config.json", "config.json"):
        path = from_hub(model, name, revision)
        content = json.loads(path.read_text("utf-8")) if path else {}
        ids = content.get("eos_token_id")
        found += ids if isinstance(ids, list) else [] if ids is None else [ids]
    return found
