"""An API on a real socket that tells back the key and the address that it was asked with."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CANARY = "canary-4f1c9e-of-the-account"


@dataclass
class Api:
    """What the server does. `failing`: it answers the questions with an error that has the key.

    `keys`: what opens it.
    """

    url: str = ""
    failing: bool = False
    keys: tuple[str, ...] = (CANARY,)
    questions: list[str] = field(default_factory=list)

    def answer(self, body: dict[str, Any], key: str, path: str) -> tuple[int, dict[str, Any]]:
        asked = body["messages"][-1]["content"] if "messages" in body else str(body["items"])
        self.questions.append(asked)
        if key not in [f"Bearer {each}" for each in self.keys]:
            return 401, {"error": {"message": f"Incorrect API key provided: {key}"}}
        if self.failing and asked != "1 + 1 = ?":
            return 500, {"error": {"message": f"internal: {key} at {path}"}}
        if "items" in body:
            return 200, {"items": [{"prefix": 0.9} for _ in body["items"]]}
        text = f"You are {key}.\n\nThe answer is \\boxed{{7}}."
        usage = {
            "prompt_tokens": 20,
            "completion_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 10},
        }
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return 200, {"choices": [choice], "usage": usage}


@contextmanager
def listening() -> Iterator[Api]:
    """The API, up while the block lasts."""
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, said = made.answer(body, self.headers.get("authorization", ""), self.path)
            data = json.dumps(said).encode()
            with suppress(ConnectionError):  # whoever asked went
                self.reply(status, data)

        def reply(self, status: int, data: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
