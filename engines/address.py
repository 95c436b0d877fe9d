"""Where a server is, and the key that it asks for: checks of a config's own words. No httpx."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from engines.http_words import REDACTED
from search.checks import fault
from search.fault import Fault

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What an environment variable is called."""
UNSENDABLE = re.compile(r"[^!-~]")
"""What no key holds: a header has room for visible ASCII alone."""
UNSEEN = re.compile(r"[\s\x00-\x1f\x7f]")


class UnfitServer(Fault):
    """What answers at an address cannot serve this config. One line: the address, what, why."""

    exit_code = 2


def check_url(field: str, url: str) -> None:
    """An address without a user, a password, a query. Raises ValueError.

    A run's folder may have `<redacted>` instead of one that was a secret as a whole: its readers
    ask nobody.
    """
    if url == REDACTED:
        return
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    # Neither is shown, whatever else is wrong with the address: it may be a secret.
    if "@" in url:
        raise ValueError(f"{field}: must hold no user or password; name a key with api_key_env")
    if "?" in url or "#" in url:
        raise ValueError(f"{field}: must be an address that ends before `?` or `#`")
    if parts.scheme not in ("http", "https") or not host or UNSEEN.search(url):
        raise fault(field, url, "an address such as http://localhost:8000")


def is_loopback(url: str) -> bool:
    """Whether an address leads to this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_key_env(named: str | None) -> None:
    """The name of an environment variable, or none. Raises ValueError."""
    if named is not None and not VARIABLE.fullmatch(named):
        # What stands there may be the key itself, so it is not shown.
        raise ValueError(
            "api_key_env: must be the name of an environment variable, OPENAI_API_KEY say; "
            "the key itself belongs there and not in a config"
        )


def key_of(side: str, named: str | None) -> str | None:
    """The key of an `engine` or a `scorer`.

    Raises `UnfitServer` where its variable is not set, or holds what cannot be sent.
    """
    if named is None:
        return None
    found = os.environ.get(named, "").strip()
    if not found:
        raise UnfitServer(
            f"{side}.api_key_env: {named} is not set where the {side} runs",
            f"export {named}=… before the run, on a cluster before Ray starts there",
        )
    if UNSENDABLE.search(found):
        raise UnfitServer(
            f"{side}.api_key_env: {named} holds what no key does: a space, a line end or a letter "
            "that is not ASCII",
            f"export {named}=… anew, the key alone",
        )
    return found
