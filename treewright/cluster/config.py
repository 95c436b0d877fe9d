"""The `cluster:` keys of a config. None of them changes what is generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search.checks import check_choice, check_count, check_number


@dataclass(frozen=True)
class ClusterConfig:
    """Where replicas run and how much is asked of them at once."""

    backend: Literal["ray", "inline"] = "ray"
    """`ray` puts every replica into an actor of its own; `inline` puts it into this process, which
    doubles only may do."""
    address: str | None = None
    """The address of a running Ray, or `auto` for the one on this machine; `null` starts one here
    and stops it at the end."""
    policy_replicas: int = 1
    """How many times the policy is loaded."""
    scorer_replicas: int = 1
    """How many times the verifier is loaded."""
    policy_gpus: float | None = None
    """GPUs of one policy replica, parts of one too; `null` is what its engine needs, and on a
    machine with too few the replicas share."""
    scorer_gpus: float | None = None
    """GPUs of one verifier replica, as `policy_gpus`."""
    cpus: float = 1.0
    """CPU cores that Ray sets aside for one replica."""
    problems_in_flight: int | None = None
    """How many problems are searched at once; `null` is as many as fill the engines: twice
    their `max_num_seqs` on all replicas of both sides, over the calls that one search has in
    flight. Where no engine says how much it takes (APIs, doubles), 16 per replica of the
    side with more."""
    calls_in_flight: int = 256
    """How many calls one replica has at once; more of them wait."""
    max_restarts: int = 3
    """How often in a row, without a reply in between, a dead replica is replaced; 0 is never."""
    call_timeout_s: float = 600.0
    """Seconds after which a replica with calls in flight counts as hung if it gave no reply and its
    engine took no step: it is replaced and its calls are asked again. However long a call takes, a
    replica that moves is not hung: a call that hangs alone is found when the others beside it have
    ended. An `inline` port that blocks for so long is interrupted."""
    start_timeout_s: float = 600.0
    """Seconds that loading a model may take; the wait for others that start on the same GPU does
    not count."""

    def __post_init__(self) -> None:
        check_choice("backend", self.backend, ("ray", "inline"))
        for name in ("policy_replicas", "scorer_replicas"):
            hint = "a run without a scorer has scorer.kind: none" if "scorer" in name else ""
            check_count(name, getattr(self, name), hint=hint)
        check_count("calls_in_flight", self.calls_in_flight)
        if self.problems_in_flight is not None:
            check_count("problems_in_flight", self.problems_in_flight)
        check_count("max_restarts", self.max_restarts, least=0)
        for name in ("policy_gpus", "scorer_gpus", "cpus"):
            if (value := getattr(self, name)) is not None:
                check_number(name, value, high=1024.0)
        for name in ("call_timeout_s", "start_timeout_s"):
            check_number(name, getattr(self, name), low=0.001, hint="seconds")
