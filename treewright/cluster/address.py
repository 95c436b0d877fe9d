"""Where a Ray is, and whether anything like it listens there: known before Ray waits for it."""

from __future__ import annotations

import os
import socket
from importlib import import_module
from pathlib import Path

REACH_S = 3.0
"""How long an address may take to answer."""
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""How HTTP/2 begins (RFC 9113, section 3.4): the preface and empty settings. Ray speaks gRPC."""
MOST_PORT = 65_535
SETTINGS = 4
"""The kind of the frame that a server answers with, in the fourth of its first nine bytes."""
CLIENT = "ray://"
WORDS = ("auto", "local")
"""What may be said instead of an address."""
ALIVE = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""What the head of a Ray alone is asked, by gRPC; other Ray processes do not know it."""
TROUBLE = "see that `ray status` works there, and that its port is reachable from here"


class ConnectionRefused(Exception):
    """No Ray could be started or reached. One line."""


def ray_address(said: str | None) -> str | None:
    """The address that a config means: its own, else what RAY_ADDRESS says; None for a new Ray."""
    address = said or os.environ.get("RAY_ADDRESS") or None
    return None if address == "local" else address


def told_address(said: str | None) -> str:
    """Where an address comes from and what it is, for a message: `RAY_ADDRESS: 10.0.0.1:6379`."""
    source = "cluster.address" if said else "RAY_ADDRESS"
    return f"{source}: {address}" if (address := ray_address(said)) else "this machine"


def shows_token(address: str | None) -> bool:
    """Whether Ray's client must be told to show this user's token, which every new Ray asks for.

    Ray 2.60 shows it by itself at any other address, and at this one waits half a minute in vain.
    """
    if address is None or not address.startswith(CLIENT):
        return False
    file = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or Path(file).is_file()


def on_loopback(address: str | None) -> bool:
    """Whether a Ray is this machine's alone: a new one, or one that listens on 127.0.0.1 only.

    Ray takes 127.0.0.1 for this machine's address in the network, unless it is told otherwise.
    """
    if address is None:
        return True
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if host not in ("127.0.0.1", "localhost", "[::1]") or not port.isdigit():
        return False
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("192.0.2.1", 1))  # sends nothing: it tells which address would be used
            own = sender.getsockname()[0]
        socket.create_connection((own, int(port)), REACH_S).close()
    except OSError:
        return True
    return False


def is_address(address: str) -> bool:
    """Whether it is `host:port` or `ray://host:port`, with a port that there can be."""
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() else 0
    return bool(host) and "://" not in host and 0 < number <= MOST_PORT


def check_reachable(address: str) -> None:
    """Raises `ConnectionRefused` in seconds where no Ray answers at `host:port`.

    `auto` is a matter of this machine, which Ray knows itself. With TLS only the port is tried.
    """
    if address == "auto":
        return
    if not is_address(address):
        board = "; http:// is Ray's dashboard, which `ray job submit` alone speaks with"
        hint = board if address.startswith("http") else ""
        raise ConnectionRefused(f"it must be host:port, ray://host:port or auto{hint}")
    place = address.removeprefix(CLIENT)
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), REACH_S) as connection:
            if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
                return
            connection.sendall(HELLO)
            frame = connection.recv(9)
    except TimeoutError:
        raise ConnectionRefused(f"it gave no answer within {REACH_S:g} s; {TROUBLE}") from None
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConnectionRefused(f"{why}; {TROUBLE}") from None
    if len(frame) < 4 or frame[3] != SETTINGS:
        raise ConnectionRefused(f"what listens there is no Ray; {TROUBLE}")
    head = is_head(place)
    if head and address.startswith(CLIENT):
        raise ConnectionRefused(f"a Ray's head listens there, not its client server; say {place}")
    if head is False and not address.startswith(CLIENT):
        raise ConnectionRefused(f"what listens there is no head of a Ray; {TROUBLE}")


def is_head(place: str) -> bool | None:
    """Whether a Ray's head listens at `host:port`; None where nobody can tell."""
    try:
        grpc = import_module("grpc")
    except ImportError:
        return None
    with grpc.insecure_channel(place, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(ALIVE)(b"", timeout=REACH_S)
        except grpc.RpcError as error:
            unknown = error.code() == grpc.StatusCode.UNIMPLEMENTED
            asks = error.code() == grpc.StatusCode.UNAUTHENTICATED  # for its token
            return False if unknown else True if asks else None
    return True
