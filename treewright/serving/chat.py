"""A chat request as it is asked: the fields that are understood, each checked."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from search.core import Turn
from treewright.serving.faults import ApiFault, bad

SAMPLING = (
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "presence_penalty"),
    *("frequency_penalty", "reasoning_effort", "top_k", "min_p", "repetition_penalty"),
)
"""What chat apps always send and a search does not use: how tokens are drawn, the config says."""
ASIDE = ("user", "metadata", "store", "safety_identifier", "prompt_cache_key", "service_tier")
"""What says nothing about the answer."""
REFUSED = {
    "tools": "a search calls no tools",
    "tool_choice": "a search calls no tools",
    "parallel_tool_calls": "a search calls no tools",
    "functions": "a search calls no functions",
    "function_call": "a search calls no functions",
    "response_format": "a search answers in plain text",
    "logprobs": "a search gives no log-probabilities; the extension field has scores",
    "top_logprobs": "a search gives no log-probabilities; the extension field has scores",
    "logit_bias": "how tokens are drawn, the config says",
    "stop": "where a solution ends, the config says",
    "audio": "a search answers in plain text",
    "modalities": "a search answers in plain text",
    "prediction": "a search predicts nothing beforehand",
    "web_search_options": "a search looks nothing up",
}
"""Fields of the API that ask for something that a search cannot do."""
HARMLESS: dict[str, tuple[object, ...]] = {
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "stop": ([],),
    "modalities": (["text"],),
}
"""Their values that ask for nothing."""
MOST_MESSAGES = 1000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(_Strict):
    """A part of a message: text alone is understood."""

    type: Literal["text"]
    text: str


class Message(_Strict):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    name: str | None = None

    @property
    def turn(self) -> Turn:
        """As the policy is told it; a developer's turn is the system's."""
        text = self.content
        if not isinstance(text, str):
            text = "".join(part.text for part in text)
        return Turn("system" if self.role == "developer" else self.role, text)


class StreamOptions(_Strict):
    """How an answer is streamed."""

    include_usage: bool = False
    include_obfuscation: bool = False


class Limits(_Strict):
    """The most that the search may spend: keys of `strategy.budget` but for time."""

    policy_tokens: Annotated[int | None, Field(ge=1)] = None
    verifier_tokens: Annotated[int | None, Field(ge=1)] = None
    total_tokens: Annotated[int | None, Field(ge=1)] = None
    calls: Annotated[int | None, Field(ge=1)] = None
    hard: bool | None = None


class Chat(_Strict):
    """The fields of a chat request that decide what is answered."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1, max_length=MOST_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int | None, Field(ge=1)] = None
    seed: Annotated[int | None, Field(ge=0, lt=2**63)] = None
    strategy: str | None = None
    budget: Annotated[int, Field(ge=1)] | Limits | None = None
    deadline_s: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    ignored: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """The last turn, the user's."""
        return self.messages[-1].turn.content

    @property
    def history(self) -> tuple[Turn, ...]:
        """What stands before it."""
        return tuple(message.turn for message in self.messages[:-1])

    @property
    def limits(self) -> dict[str, int | bool]:
        """Keys of `strategy.budget`."""
        if isinstance(self.budget, int):
            return {"total_tokens": self.budget}
        return self.budget.model_dump(exclude_none=True) if self.budget else {}


def read_chat(body: bytes) -> Chat:
    """The request in a body. Raises `ApiFault` for the first thing that is wrong with it."""
    said = _object(body)
    for name, why in REFUSED.items():
        value = said.pop(name, None)
        if value is not None and value not in HARMLESS.get(name, ()):
            raise bad(name, f"{why}; leave it out", "unsupported_parameter")
    ignored = tuple(name for name in SAMPLING if said.pop(name, None) is not None)
    for name in ASIDE:
        said.pop(name, None)
    if "ignored" in said:
        raise bad("ignored", "no such field", "unknown_parameter")
    try:
        chat = Chat.model_validate({**said, "ignored": ignored})
    except ValidationError as error:
        raise _fault(error) from None
    _check(chat)
    return chat


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ApiFault(400, "invalid_json", f"the body is no JSON: {error}") from None
    if not isinstance(said, dict):
        raise ApiFault(400, "invalid_json", "the body is no JSON object")
    return said


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _fault(error: ValidationError) -> ApiFault:
    found = error.errors(include_url=False, include_input=False)
    first = max(found, key=lambda each: len(each["loc"]))  # of a union, the type that fits best
    place = [str(part) for part in first["loc"] if not _is_branch(part)]
    param = ".".join(place)
    if first["type"] == "extra_forbidden":
        return bad(param, "no such field", "unknown_parameter")
    if first["type"] == "missing":
        return bad(param, "missing", "missing_required_parameter")
    if param.endswith("type") and param.startswith("messages"):
        return bad(param, "only text is understood, no image and no sound", "unsupported_content")
    return bad(param, first["msg"])


def _is_branch(part: int | str) -> bool:
    """Whether a part of a place is the name of a type in a union, not of a field."""
    return isinstance(part, str) and (
        part[:1].isupper() or part == "str" or not part.isidentifier()
    )


def _check(chat: Chat) -> None:
    if chat.messages[-1].role != "user":
        raise bad("messages", "the last one is not the user's; it is the question")
    if not chat.question.strip():
        raise bad("messages", "the question, the last one, is empty")
    if chat.stream_options is not None and not chat.stream:
        raise bad("stream_options", "only with stream: true")
    try:
        "".join(turn.content for turn in (*chat.history, Turn("user", chat.question))).encode()
    except UnicodeEncodeError:
        raise bad("messages", "half a character (a lone surrogate)") from None
