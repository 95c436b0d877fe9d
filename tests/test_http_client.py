"""JSON over HTTP: whatever a server sends is one line without the key, or what it said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import pytest

from engines.address import UnfitServer, check_url, key_of
from engines.http_client import HttpClient
from engines.http_fault import HttpFault, Trouble
from engines.http_words import REDACTED, wait

KEY = "sk-canary/+4711'x"
T = TypeVar("T")


def spoken(
    reply: httpx.Response | bytes, ask: Callable[[HttpClient], Awaitable[T]], key: str = KEY
) -> T:
    """What is asked of a server that answers so; bytes are what it sends, whatever HTTP says."""

    async def run() -> T:
        if isinstance(reply, httpx.Response):
            client = HttpClient("http://far", key, httpx.MockTransport(lambda request: reply))
            try:
                return await ask(client)
            finally:
                await client.close()
        raw: bytes = reply

        async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(send, "127.0.0.1", 0)
        client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", key)
        try:
            return await ask(client)
        finally:
            await client.close()
            server.close()

    return asyncio.run(run())


def faulty(reply: httpx.Response | bytes) -> HttpFault:
    with pytest.raises(HttpFault) as raised:
        spoken(reply, lambda client: client.post("/judge", {}))
    told = str(raised.value)
    assert "\n" not in told
    assert len(told) < 800
    assert "4711" not in told
    return raised.value


ESCAPED = (
    json.dumps({"error": {"message": f"no {KEY}"}}).replace("/", "\\/").replace("+", "\\u002b")
)


@pytest.mark.parametrize(
    "reply",
    [
        f"HTTP/1.1 401 Wrong {KEY}\r\ncontent-length: 0\r\n\r\n".encode(),
        f"junk {KEY}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nbad header {KEY}\r\n\r\n".encode(),
        httpx.Response(400, text=ESCAPED),
        httpx.Response(302, headers={"location": f"http://u:{KEY}@evil/x?key={KEY}"}),
    ],
)
def test_a_key_that_a_server_sends_back_in_whatever_form_is_not_told(
    reply: httpx.Response | bytes,
) -> None:
    faulty(reply)


def test_a_key_that_an_answer_spells_by_escapes_is_hidden_in_it() -> None:
    reply = httpx.Response(200, text=ESCAPED)
    found = spoken(reply, lambda client: client.post("/judge", {}))
    assert found == {"error": {"message": f"no {REDACTED}"}}


@pytest.mark.parametrize("key", ["x", "EMPTY", "7", "none"])
def test_a_key_that_is_a_word_changes_no_answer(key: str) -> None:
    said = {"text": "\\boxed{7} EMPTY \u2026 none"}
    reply = httpx.Response(200, text=json.dumps(said))
    assert spoken(reply, lambda client: client.post("/judge", {}), key) == said


def test_a_key_that_is_a_word_of_the_format_breaks_no_answer() -> None:
    reply = httpx.Response(200, json={"finish": 'a ":"finish": b'})
    found = spoken(reply, lambda client: client.post("/judge", {}), '":"finish')
    assert found == {"finish": f'a {REDACTED}": b'}


@pytest.mark.parametrize(
    ("reply", "trouble", "told"),
    [
        (httpx.Response(200, content=b'{"a": "\xe9"}'), Trouble.GARBLED, "is not UTF-8"),
        (httpx.Response(200, text="[" * 99_999), Trouble.GARBLED, "is no JSON object: '[[["),
        (httpx.Response(402, text="pay"), Trouble.UNAUTHORISED, "402 Payment Required: pay"),
        (
            httpx.Response(308, headers={"location": "https://there:8443/v1?a=b"}),
            Trouble.REFUSED,
            "308 Permanent Redirect: it leads to https://there:8443/v1: give that address",
        ),
        (b"HTTP/1.1 500 " + b"x" * 9999 + b"\r\n\r\n", Trouble.BUSY, "500 xxx"),
    ],
)
def test_what_is_no_answer_is_told_as_what_it_is(
    reply: httpx.Response | bytes, trouble: Trouble, told: str
) -> None:
    fault = faulty(reply)
    assert (fault.trouble, told in str(fault)) == (trouble, True), fault


@pytest.mark.parametrize(("status", "passing"), [(400, False), (413, False), (422, False),
                                                 (402, True), (404, True), (405, True), (410, True),
                                                 (302, True)])  # fmt: skip
def test_only_what_speaks_of_the_request_alone_is_for_good(status: int, passing: bool) -> None:
    assert faulty(httpx.Response(status)).passing is passing


def test_a_byte_order_mark_is_no_fault() -> None:
    reply = httpx.Response(200, content=b'\xef\xbb\xbf{"a": 1}')
    assert spoken(reply, lambda client: client.get("/judge")) == {"a": 1}


def test_a_health_check_does_not_wait_for_a_body_without_an_end() -> None:
    endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    assert spoken(endless, lambda client: client.status("/health", 2.0)) == 200


async def events(client: HttpClient) -> list[object]:
    return [event async for event in client.stream("/x", {})]


def test_a_stream_that_is_none_is_told_as_such() -> None:
    assert spoken(httpx.Response(200, text="data: 1\r\n\r\n:x\ndata:2\n"), events) == [1, 2]
    assert spoken(httpx.Response(200, text="data: 1\ndata: [DONE]\ndata: 2\n"), events) == [1]
    with pytest.raises(HttpFault, match="an event of its stream is no JSON"):
        spoken(httpx.Response(200, text=f"data: {'[' * 99_999}\n"), events)
    for reply in (httpx.Response(200, json={}), httpx.Response(200, html="<p>")):
        with pytest.raises(HttpFault, match="and no stream"):
            spoken(reply, events)


@pytest.mark.parametrize("said", ["", "-5", "1e9", "soon", "Mon, 1 Jan 2024 1:1:1 +" + "9" * 30])
def test_a_retry_after_that_says_nothing_is_none(said: str) -> None:
    assert wait({"retry-after": said}) is None


@pytest.mark.parametrize("value", ["a\nb", "a\r\nx: y", "a b", "schl\u00fcssel"])
def test_a_key_that_no_header_can_hold_is_told_at_once_and_not_shown(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", value)
    with pytest.raises(UnfitServer, match="CANARY holds what no key does") as raised:
        key_of("engine", "CANARY")
    assert value not in str(raised.value)


@pytest.mark.parametrize("url", ["u:pw4711@host", "http://u:pw4711@host:abc",
                                 "http://host:abc/?key=4711", "http://host/?"])  # fmt: skip
def test_an_address_with_a_secret_is_not_shown_whatever_else_is_wrong_with_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url: must ") as raised:
        check_url("url", url)
    assert "4711" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://a\nb", "http://a b", "http://a/\x01", "http://host:65536"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"url: .* must be an address"):
        check_url("url", url)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("HTTP_PROXY", "user:pw4711", "the proxies of the environment cannot be used; see HTTP_P"),
        ("ALL_PROXY", "gopher://x", "see ALL_PROXY"),
        ("NO_PROXY", "localhost,[::1]", "see NO_PROXY"),
        ("SSL_CERT_FILE", "/nowhere.pem", "the certificates of the environment cannot be used"),
    ],
)
def test_settings_of_the_environment_that_cannot_be_used_are_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UnfitServer, match=told) as raised:
        HttpClient("http://far", None)
    assert "4711" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}", "http://[::1]:{}/", "http://localhost:{}"])
def test_a_server_on_this_machine_is_asked_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def run() -> int:
        async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(send, "::1" if "::1" in url else "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = HttpClient(url.format(port).rstrip("/"), None)
        try:
            return await client.status("/health", 5.0)
        finally:
            await client.close()
            server.close()

    assert asyncio.run(run()) == 200
