"""The `cluster:` keys of a config. None of them changes what is generated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search.checks import check_choice, check_count, check_number, fault
from treewright.cluster.address import WORDS, is_address

MOST_REPLICAS = 10_000
"""More than a Ray holds."""


@dataclass(frozen=True)
class ClusterConfig:
    """Where replicas run and how much is asked of them at once."""

    backend: Literal["ray", "inline"] = "ray"
    """`ray` puts every replica into an actor of its own; `inline` puts it into this process, which
    doubles only may do."""
    address: str | None = None
    """The address of a running Ray: `host:port`, `ray://host:port`, or `auto` for the one on this
    machine; `null` is what the environment variable RAY_ADDRESS says, and without it starts one
    here and stops it at the end, as `local` always does."""
    env: tuple[str, ...] = ()
    """Names of environment variables that the replicas get as they are here, beside `HF_*`,
    `VLLM_*` and those in which `api_key_env` of an engine says a key."""
    policy_replicas: int = 1
    """How many times the policy is loaded."""
    scorer_replicas: int = 1
    """How many times the verifier is loaded."""
    policy_gpus: float | None = None
    """GPUs of one policy replica, parts of one too; `null` is what its engine needs, and on a
    machine with too few the replicas share."""
    scorer_gpus: float | None = None
    """GPUs of one verifier replica, as `policy_gpus`."""
    policy_resources: dict[str, Any] = field(default_factory=dict)
    """What else the node of a policy replica must have, `{accelerator_type: H100, zone: a}` say: a
    number is an amount of a custom resource of Ray that is set aside, a text is a label of the
    node."""
    scorer_resources: dict[str, Any] = field(default_factory=dict)
    """The same of a verifier replica."""
    autoscaling: bool | None = None
    """Whether an autoscaler brings the nodes that replicas ask for, GPUs among them: nothing is too
    much then, and what has no room waits for it. `null` is what Ray says of its own, but Ray 2.60
    is silent of KubeRay's and of that of `ray up`: say `true` there."""
    elastic: bool = False
    """Whether replicas change sides as the load does. As many GPUs as there are replicas each have
    a policy and a verifier, of which one is awake: at first `policy_replicas` policies and
    `scorer_replicas` verifiers, then whichever split is faster. Both engines must be able to sleep,
    as vLLM's is on a GPU."""
    cpus: float = 1.0
    """CPU cores that Ray sets aside for one replica."""
    gpu_hour_price: float | None = None
    """What one GPU costs for an hour, in any currency: with it tables and reports tell what the
    GPU-hours of a run cost."""
    problems_in_flight: int | None = None
    """How many problems are searched at once; `null` is as many as fill the engines: twice
    their `max_num_seqs` on all replicas of both sides, over the calls that one search has in
    flight. Where no engine says how much it takes (APIs, doubles), 16 per replica of the
    side with more."""
    calls_in_flight: int | None = None
    """How many calls one replica has at once; more of them wait. `null` is as many as its engine
    takes side by side (`max_num_seqs`) and an eighth more, and no fewer than 256."""
    max_restarts: int = 3
    """How often in a row, without a reply in between, a dead replica is replaced; 0 is never. One
    that is given up is tried again a minute later, then after twice as long, while others serve."""
    call_timeout_s: float = 600.0
    """Seconds after which a replica with calls in flight counts as hung if it gave no reply and its
    engine took no step: it is replaced and its calls are asked again. However long a call takes, a
    replica that moves is not hung: a call that hangs alone is found when the others beside it have
    ended. An `inline` port that blocks for so long is interrupted."""
    head_timeout_s: float = 24.0
    """Seconds for which the head of a Ray cluster, or Ray on this machine, may give no answer
    before the session ends; it can be resumed. 6 to 50: Ray itself ends the process after a minute.
    """
    start_timeout_s: float = 600.0
    """Seconds that loading a model may take; the wait for others that start on the same GPU, or
    that compile for it on its node, does not count."""

    def __post_init__(self) -> None:
        check_choice("backend", self.backend, ("ray", "inline"))
        self._check_counts()
        self._check_shares()
        if self.elastic and self.backend == "inline":
            raise fault("elastic", True, "false with backend: inline", "its replicas have no GPUs")
        if self.address not in (None, *WORDS) and not is_address(str(self.address)):
            raise fault("address", self.address, "host:port, ray://host:port, auto or local")
        if self.gpu_hour_price is not None:
            check_number("gpu_hour_price", self.gpu_hour_price, low=0.0)
        for side in ("policy", "scorer"):
            check_resources(f"{side}_resources", getattr(self, f"{side}_resources"))
        for name in self.env:
            if not name.isidentifier():
                raise fault("env", name, "the name of an environment variable")
        check_number("head_timeout_s", self.head_timeout_s, low=6.0, high=50.0, hint="seconds")
        for name in ("call_timeout_s", "start_timeout_s"):
            check_number(name, getattr(self, name), low=0.001, hint="seconds")

    def _check_counts(self) -> None:
        for name in ("policy_replicas", "scorer_replicas"):
            hint = "a run without a scorer has scorer.kind: none" if "scorer" in name else ""
            check_count(name, getattr(self, name), hint=hint)
            check_number(name, getattr(self, name), high=MOST_REPLICAS)
        for name in ("calls_in_flight", "problems_in_flight"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        check_count("max_restarts", self.max_restarts, least=0)

    def _check_shares(self) -> None:
        for name in ("policy_gpus", "scorer_gpus", "cpus"):
            if (value := getattr(self, name)) is not None:
                check_number(name, value, high=1024.0)
                if name == "cpus":
                    continue
                if self.elastic:
                    raise fault(name, value, "null with elastic", "a pair takes one GPU")
                if value > 1 and value != int(value):
                    allowed = "a whole number, or 1 and less"
                    raise fault(name, value, allowed, "Ray gives parts of one GPU alone")

    def slots(self, side: str) -> int:
        """How many replicas of a side, `policy` or `scorer`, there are, awake or not."""
        both = self.policy_replicas + self.scorer_replicas
        return both if self.elastic else int(getattr(self, f"{side}_replicas"))


def check_resources(key: str, resources: Mapping[str, Any]) -> None:
    """Raises ValueError for what has a key of its own, and for no amount."""
    own = {
        "CPU": "cpus",
        "GPU": key.replace("resources", "gpus"),
        "memory": "labels or custom ones",
    }
    for name, value in resources.items():
        if not name:
            raise fault(key, name, "the name of a custom resource or a label")
        if name in own:
            raise fault(key, name, "a custom resource or a label", f"use {own[name]}")
        if isinstance(value, str):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise fault(f"{key}.{name}", value, "an amount or the text of a label")
        check_number(f"{key}.{name}", value, low=0.0001)
