"""API keys: a file of them, and whether a request has one."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from pathlib import Path

from treewright.config.compose import COMMAND_LINE
from treewright.errors import ConfigError
from treewright.hiding import keep_secret
from treewright.serving.faults import ApiFault

SHORTEST = 16
OPTION = "--api-keys"


@dataclass(frozen=True)
class Keys:
    """The keys that open a server; none of them are needed where there are none."""

    known: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, file: Path) -> Keys:
        """One key a line; empty lines and lines that begin with `#` are none.

        From now on they are hidden wherever they would be shown. Raises `ConfigError`.
        """
        try:
            text = file.read_text("utf-8")
        except (OSError, ValueError) as error:
            problem = f"cannot be read: {getattr(error, 'strerror', None) or 'it is no UTF-8'}"
            raise ConfigError(COMMAND_LINE, OPTION, str(file), problem, "one key a line") from None
        lines = [line.strip() for line in text.splitlines()]
        keys = [line for line in lines if line and not line.startswith("#")]
        for key in keys:
            keep_secret(key)
        if not keys:
            raise ConfigError(COMMAND_LINE, OPTION, str(file), "holds no key", "one key a line")
        if any(len(key) < SHORTEST or not key.isascii() or " " in key for key in keys):
            problem = f"holds a key that is no {SHORTEST} or more ASCII characters without spaces"
            hint = "`openssl rand -hex 32` makes one"
            raise ConfigError(COMMAND_LINE, OPTION, str(file), problem, hint)
        return cls(tuple(key.encode() for key in keys))

    def check(self, authorization: str | None) -> None:
        """Let a request in, or raise `ApiFault`. Every key is looked at, in constant time."""
        if not self.known:
            return
        kind, _, said = (authorization or "").partition(" ")
        given = said.strip().encode("utf-8", "replace")
        same = [hmac.compare_digest(given, key) for key in self.known]
        if kind.lower() != "bearer" or not any(same):
            hint = "say `Authorization: Bearer KEY`"
            raise ApiFault(
                401,
                "invalid_api_key",
                f"no key, or a wrong one; {hint}",
                headers={"www-authenticate": "Bearer"},
            )
