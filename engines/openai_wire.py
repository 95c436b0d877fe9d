"""What is said to an OpenAI-compatible API and what it says: texts, reasons and counts as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from engines.engine import Finish, Refused
from engines.http_words import shortened
from engines.openai_config import OpenAiConfig
from engines.stop_strings import few
from engines.texts import TextGeneration, TextRequest, spent
from search.core import Spent

Json: TypeAlias = Mapping[str, Any]
CHAT, COMPLETIONS = "/chat/completions", "/completions"
SEEDS = 2**31
MOST_TOKENS = 2**31
"""No request has so many."""
SILENT = ("length", "content_filter", "tool_calls", "function_call")
"""Reasons with which there may be no text."""


class Unlike(Exception):
    """An answer of another shape. A few words: what is wrong with it."""


def body(request: TextRequest, model: str, config: OpenAiConfig) -> dict[str, Any]:
    """What every request says, chat or not."""
    said: dict[str, Any] = {
        "model": model,
        config.max_tokens_name: request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }
    if stops := (*request.ends, *request.stop):
        said["stop"] = few(stops)
    if config.send_seed and request.seed is not None:
        said["seed"] = request.seed % SEEDS
    if config.stream:
        said |= {"stream": True, "stream_options": {"include_usage": True}}
    return said | config.extra_body


def chat_body(request: TextRequest, model: str, config: OpenAiConfig) -> dict[str, Any]:
    """For `/chat/completions`; a turn that was begun is the last message."""
    said = body(request, model, config)
    turns: list[Mapping[str, str]] = list(request.turns)
    if request.begun:
        turns.append({"role": "assistant", "content": request.begun})
        said |= {"continue_final_message": True, "add_generation_prompt": False}
    if config.chat_template_args:
        said["chat_template_kwargs"] = config.chat_template_args
    return {**said, "messages": turns}


def read(answer: Json, request: TextRequest) -> TextGeneration | Refused:
    """The generation of an answer. Raises `Unlike`."""
    choice = only_choice(answer)
    text = text_of(choice)
    reason = choice.get("finish_reason")
    if reason == "content_filter":
        told = "the API's content filter withheld the answer (content_filter)"
        return Refused(told, spent=spent_on(answer))
    if reason in ("tool_calls", "function_call"):
        told = f"the model called a tool instead of answering ({reason})"
        return Refused(told, spent=spent_on(answer))
    prompt, cached, generated = counted(answer.get("usage"), text)
    finish, stop = ending(choice, request)
    if stop is not None and stop not in few(request.stop):
        raise Unlike(f"it says that {stop!r:.40} stopped it, which is no stop string")
    if stop is not None and not text.endswith(stop):
        text += stop  # OpenAI leaves it out
    return TextGeneration(text, finish, stop, prompt, cached, generated)


def spent_on(answer: Json) -> Spent:
    """What an answer cost of which nothing can be used; unknown where its usage does not tell."""
    try:
        return spent(*counted(answer.get("usage"), ""))
    except Unlike:
        return Spent(1)


def only_choice(answer: Json) -> Json:
    """The one choice."""
    if error := answer.get("error"):
        raise Unlike(f"it answers with an error: {said_in(error)}")
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
    if not isinstance(choice, dict):
        raise Unlike("it has not one choice")
    return choice


def said_in(error: object) -> str:
    """The words of an error object."""
    message = error.get("message") if isinstance(error, dict) else None
    return shortened(message if isinstance(message, str) else repr(error))


def text_of(choice: Json) -> str:
    """What was said, in a message or as it is."""
    message = choice.get("message")
    said = message.get("content") if isinstance(message, dict) else choice.get("text")
    refusal = message.get("refusal") if isinstance(message, dict) else None
    if said is None and (refusal or choice.get("finish_reason") in SILENT):
        return str(refusal or "")
    if not isinstance(said, str):
        raise Unlike("its choice has no text")
    return said


def ending(choice: Json, request: TextRequest) -> tuple[Finish, str | None]:
    """Why it ended. Where a stop string may have, the API must say so."""
    reason = choice.get("finish_reason")
    if reason == "length":
        return Finish.LENGTH, None
    if reason in ("abort", "cancelled"):
        return Finish.ABORT, None
    if reason != "stop":
        raise Unlike(f"its finish_reason is {reason!r}")
    told = choice.get("stop_reason", choice.get("matched_stop"))
    if not request.stop:
        return Finish.EOS, told if request.ends and isinstance(told, str) else None
    if "stop_reason" not in choice and "matched_stop" not in choice:
        raise Unlike(
            "it does not say whether a stop string ended it or the model (no stop_reason): it "
            "cannot be searched step by step"
        )
    stop = choice.get("stop_reason", choice.get("matched_stop"))
    return (Finish.STOP, stop) if isinstance(stop, str) else (Finish.EOS, None)


def counted(usage: object, text: str) -> tuple[int | None, int | None, int | None]:
    """Tokens of the prompt, those of them that were cached, and those that were generated.

    None where the API does not tell, or tells the one and not the other. Raises `Unlike` where
    what it tells cannot be.
    """
    said = usage if isinstance(usage, dict) else {}
    prompt, generated = said.get("prompt_tokens"), said.get("completion_tokens")
    if usage is None or (isinstance(usage, dict) and None in (prompt, generated)):
        return None, None, None
    details = said.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    whole = within(prompt, MOST_TOKENS) and within(generated, MOST_TOKENS) and prompt
    if not whole or (text and not generated) or (cached is not None and not within(cached, prompt)):
        raise Unlike(
            f"its usage cannot be: {prompt!r:.40} tokens of the prompt, {cached!r:.40} cached, "
            f"{generated!r:.40} generated"
        )
    return prompt, cached, generated


def within(part: object, whole: object) -> bool:
    """Whether a count is a part of another."""
    return type(part) is int and type(whole) is int and 0 <= part <= whole


@dataclass
class Pieces:
    """An answer that comes in pieces, put together as if it had come at once."""

    chat: bool
    text: list[str] = field(default_factory=list)
    choice: dict[str, Any] = field(default_factory=dict)
    refusal: list[str] = field(default_factory=list)
    usage: Any = None

    def add(self, piece: Json) -> None:
        """One event."""
        self.usage = piece.get("usage") or self.usage
        choices = piece.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            if choice.get("index", 0) != 0:
                raise Unlike("its stream has not one choice")
            delta = choice.get("delta") if self.chat else choice
            told = delta if isinstance(delta, dict) else {}
            for kept, name in ((self.text, "content" if self.chat else "text"),
                               (self.refusal, "refusal")):  # fmt: skip
                kept.append(said if isinstance(said := told.get(name), str) else "")
            ends = ("finish_reason", "stop_reason", "matched_stop")
            self.choice |= {name: choice[name] for name in ends if choice.get(name) is not None}
            self.choice |= {name: None for name in ends[1:] if name in choice} | self.choice

    def whole(self) -> Json:
        """The answer. Raises `Unlike` where it ended before its end."""
        if "finish_reason" not in self.choice:
            raise Unlike("the stream was cut: it ended without a finish_reason")
        text = "".join(self.text) or "".join(self.refusal)
        said = {"message": {"content": text}} if self.chat else {"text": text}
        return {"choices": [{**self.choice, **said}], "usage": self.usage}


async def put_together(events: AsyncIterator[Any], *, chat: bool) -> Json:
    """The answer of a stream. Raises `Unlike`."""
    pieces = Pieces(chat)
    async for piece in events:
        if isinstance(piece, dict) and piece.get("error"):
            raise Unlike(f"its stream broke off with an error: {said_in(piece['error'])}")
        pieces.add(piece if isinstance(piece, dict) else {})
    return pieces.whole()
