"""How a server serves: what its command line says."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from search.checks import check_count, check_number
from treewright.config.compose import COMMAND_LINE
from treewright.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Each is an option of `treewright serve`."""

    host: str = "127.0.0.1"
    """The address that is listened on."""
    port: int = 8000
    """0 takes a free one."""
    api_keys: Path | None = None
    """A file of keys, one a line."""
    queue: int = 64
    """How many questions may wait."""
    deadline_s: float = 300.0
    """Seconds that a question may take, and the most that a request may ask for."""
    largest: int = 256
    """The largest size of a search that a request may ask for."""
    body_kib: int = 256
    """KiB of the largest request."""
    body_s: float = 10.0
    """Seconds that sending a request may take."""
    drain_s: float = 30.0
    """Seconds that questions may go on when the server is stopped."""
    replicas: int = 1
    """How many controllers; more than one are a Ray Serve deployment."""
    keep: int = 1000
    """How many questions' runs are kept, the newest."""

    def __post_init__(self) -> None:
        for name, least in (
            ("queue", 0),
            ("largest", 1),
            ("replicas", 1),
            ("body_kib", 1),
            ("keep", 1),
        ):
            check_count(name, getattr(self, name), least)
        for name in ("deadline_s", "body_s"):
            check_number(name, getattr(self, name), 0.05, 86_400)
        check_number("drain_s", self.drain_s, 0, 86_400)
        if self.api_keys is None and not self.is_loopback:
            problem = "is reached from other machines, and there are no keys"
            hint = "give --api-keys FILE, or listen on 127.0.0.1"
            raise ConfigError(COMMAND_LINE, "--host", self.host, problem, hint)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine is heard."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
