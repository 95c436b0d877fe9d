"""How long GPUs were held: GPU-seconds, of all replicas of a cluster together."""

from __future__ import annotations

import time
from collections.abc import Callable


class GpuMeter:
    """Counts from when a replica has its place, loading included, until it has ended.

    A GPU that nobody has for a while, as a replica is replaced, is not counted for that time; of
    one that is shared each replica counts its part.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._counted = 0.0
        self._held: dict[int, tuple[float, float]] = {}
        self._taken = 0

    def take(self, gpus: float) -> Callable[[], None]:
        """A replica has so many from now on, until what is returned is called; again is nothing."""
        self._taken += 1
        key = self._taken
        if gpus:
            self._held[key] = gpus, self._now()
        return lambda: self._give(key)

    @property
    def seconds(self) -> float:
        """GPU-seconds until now."""
        now = self._now()
        return self._counted + sum(gpus * (now - since) for gpus, since in self._held.values())

    def _give(self, key: int) -> None:
        gpus, since = self._held.pop(key, (0.0, 0.0))
        self._counted += gpus * (self._now() - since)
