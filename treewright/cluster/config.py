"""The `cluster:` keys of a config. None of them changes what is generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search.checks import check_choice, check_count, check_number


@dataclass(frozen=True)
class ClusterConfig:
    """Where replicas run and how much is asked of them at once.

    `backend`: `ray` puts every replica into an actor, `inline` into this process (for doubles).
    `address`: of a running Ray (`auto` finds one on this machine); left out, one is started here
    and stopped at the end. `policy_gpus`, `scorer_gpus`: GPUs of one replica; left out, what its
    engine needs, and on a machine with too few the replicas share. `cpus`: of one replica.
    `problems_in_flight`: searched at once. `calls_in_flight`: at one replica; more wait.
    `max_restarts`: of one replica, in a row, without a reply in between. `call_timeout_s`: a
    replica with calls in flight that for so long gives no reply, and whose engine takes no step,
    counts as hung and is replaced; its calls are asked again. However long a call takes, a replica
    that moves is not hung: a call that hangs alone is found when the others beside it have ended.
    An `inline` port that blocks for so long is interrupted. `start_timeout_s`: for loading a model;
    the wait for others that start on the same GPU does not count.
    """

    backend: Literal["ray", "inline"] = "ray"
    address: str | None = None
    policy_replicas: int = 1
    scorer_replicas: int = 1
    policy_gpus: float | None = None
    scorer_gpus: float | None = None
    cpus: float = 1.0
    problems_in_flight: int = 16
    calls_in_flight: int = 256
    max_restarts: int = 3
    call_timeout_s: float = 600.0
    start_timeout_s: float = 600.0

    def __post_init__(self) -> None:
        check_choice("backend", self.backend, ("ray", "inline"))
        for name in ("policy_replicas", "scorer_replicas"):
            hint = "a run without a scorer has scorer.kind: none" if "scorer" in name else ""
            check_count(name, getattr(self, name), hint=hint)
        for name in ("problems_in_flight", "calls_in_flight"):
            check_count(name, getattr(self, name))
        check_count("max_restarts", self.max_restarts, least=0)
        for name in ("policy_gpus", "scorer_gpus", "cpus"):
            if (value := getattr(self, name)) is not None:
                check_number(name, value, high=1024.0)
        for name in ("call_timeout_s", "start_timeout_s"):
            check_number(name, getattr(self, name), low=0.001, hint="seconds")
