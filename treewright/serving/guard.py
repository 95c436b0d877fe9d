"""Who may ask: it stands before all else, and looks at the head of a request alone."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from treewright.serving.faults import ApiFault
from treewright.serving.keys import Keys
from treewright.serving.told import told

NAMES = ("localhost", "127.0.0.1", "[::1]")
"""What this machine is called by itself."""
OPEN = "/health"
"""What needs no key."""


class Guard:
    """Lets in who has a key; where there are no keys, who asks for this machine by its own name."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or tell why not."""
        try:
            if scope["type"] == "http":
                self._check(Headers(scope=scope), scope["path"])
        except ApiFault as fault:
            await told(fault)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, headers: Headers, path: str) -> None:
        if not self._keys.known:
            addressed(headers.get("host", ""))
        elif path != OPEN:
            self._keys.check(headers.get("authorization"))


def addressed(host: str) -> None:
    """Without keys no page elsewhere may ask, under another name of this machine."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name.lower() not in NAMES:
        raise ApiFault(421, "misdirected_request", f"host {host[:80]!r}: ask for 127.0.0.1")
