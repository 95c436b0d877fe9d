"""An OpenAI-compatible API without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx

from played_server import answer, error

Body: TypeAlias = Mapping[str, Any]


def chat(text: str | None, reason: str | None = "stop", **choice: Any) -> dict[str, Any]:
    """The answer of `/chat/completions`."""
    message = {"role": "assistant", "content": text}
    return {"choices": [{"message": message, "finish_reason": reason, **choice}], "usage": USAGE}


def streamed(*events: Body | str) -> httpx.Response:
    """A stream of these events."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in events]
    data = "".join(f"data: {text}\n\n" for text in texts)
    return httpx.Response(200, content=data, headers={"content-type": "text/event-stream"})


USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 16},
}


@dataclass
class PlayedApi(httpx.AsyncBaseTransport):
    """Answers each body by `say`; `faults` are played first, but not for questions at the start.

    `asked` holds paths and bodies, without those questions.
    """

    say: Callable[[Body], Body | httpx.Response]
    key: str | None = None
    faults: list[httpx.Response | Exception] = field(default_factory=list)
    asked: list[tuple[str, Body]] = field(default_factory=list)
    anew: bool = False
    """Whether it begins anew where a text was begun."""
    dies: bool = False
    """Whether no connection is made any more, once it was asked more than those."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as an API does."""
        body = json.loads(request.content or b"{}")
        if self.dies and self.asked:
            raise httpx.ConnectError("no route")
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return error(401, f"Incorrect API key provided: {request.headers['authorization']}")
        if "1 + 1 = ?" in json.dumps(body):
            return self._started(body)
        if "Count from one" in json.dumps(body):
            return answer(200, chat("One, two," if self.anew else " four, five", "length"))
        self.asked.append((request.url.path, body))
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        said = self.say(body)
        return said if isinstance(said, httpx.Response) else answer(200, said)

    def _started(self, body: Body) -> httpx.Response:
        if body["model"] != "a-model":
            return error(404, f"The model `{body['model']}` does not exist")
        if body.get("stream"):
            piece = {"choices": [{"delta": {"content": "2"}, "finish_reason": "length"}]}
            return streamed(piece, "[DONE]")
        choice = {"text": "2", "message": {"content": "2"}, "finish_reason": "length"}
        return answer(200, {"choices": [choice], "usage": USAGE})
