"""A chat request as it is asked: the fields that are understood, each checked."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from search.core import Turn
from treewright.serving.faults import ApiFault, bad
from treewright.serving.unused_fields import put_aside

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
    continuous_usage_stats: bool = False


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
    ignored = put_aside(said)
    if "ignored" in said:
        raise bad("ignored", "no such field", "unknown_parameter")
    try:
        chat = Chat.model_validate({**said, "ignored": ignored})
    except ValidationError as error:
        raise _fault(error) from None
    check(chat)
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


def check(chat: Chat) -> None:
    """Raises `ApiFault` for what the fields together cannot mean."""
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
